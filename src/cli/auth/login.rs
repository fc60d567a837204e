//! `cldkctl auth [TOKEN]`: read the token, verify it, ask for the passphrase, seal.

use clap::Args;
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::base_url::BaseUrl;
use crate::cli::console;
use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::cli::open::Opener;
use crate::cli::size::Size;
use crate::cli::{online, open, sources};
use crate::exit::Exit;
use crate::interrupt;
use crate::keeper::Touch;
use crate::prompt::PromptError;
use crate::prompt::passphrase::{check_strength, generate};
use crate::prompt::source;
use crate::secret::{Passphrase, Token};
use crate::vault::{Contents, Context, ContextName, Cost, Kdf, RecipientEntry, Salt, Session};

#[derive(Args, Debug)]
pub(super) struct LoginArgs {
    /// The token; other users can see it while the command runs, so rather let it be asked for
    #[arg(value_name = "TOKEN", conflicts_with = "token_stdin")]
    token: Option<String>,

    /// Read the token from standard input
    #[arg(long, conflicts_with = "passphrase_stdin")]
    token_stdin: bool,

    /// Accept a new passphrase that is easy to guess
    #[arg(long)]
    allow_weak_passphrase: bool,

    /// Leave the vault locked
    #[arg(long)]
    no_unlock: bool,

    /// Memory for deriving a new vault's key [default: 256MiB]
    #[arg(long, value_name = "SIZE")]
    kdf_memory: Option<Size>,

    /// Passes over that memory [default: 3]
    #[arg(long, value_name = "N")]
    kdf_iterations: Option<u32>,

    /// Lanes computed side by side [default: 4]
    #[arg(long, value_name = "N")]
    kdf_lanes: Option<u32>,
}

impl LoginArgs {
    /// Whether there is any.
    pub(super) fn is_given(&self) -> bool {
        self.token.is_some()
            || self.token_stdin
            || self.allow_weak_passphrase
            || self.no_unlock
            || self.kdf_memory.is_some()
            || self.kdf_iterations.is_some()
            || self.kdf_lanes.is_some()
    }

    pub(super) fn run(mut self, settings: &Settings) -> Result<(), Failure> {
        interrupt::watch();
        let cost = self.cost(settings)?;
        // A vault that cannot be used is better known before the token is typed and sent.
        let sealed = open::peek(settings)?;
        let token = self.token(settings)?;
        let context = verify(settings, token)?;

        let opener = match sealed {
            Some(sealed) => {
                let mut vault = open::unseal(settings, &sealed, Touch::Use)?;
                vault.update(settings, |contents| {
                    log_in(settings, contents, context);
                    Ok(())
                })?;
                vault.opener
            }
            None => create(settings, cost, &self.new_passphrase(settings)?, context)?,
        };
        if self.no_unlock {
            settings.keepers.forget(&settings.slot());
        } else {
            open::keep(settings, &opener, settings.limits, settings.scope);
        }
        console::print("Auth success")
    }

    /// The cost of a new vault, refused early if it is below the floor.
    fn cost(&self, settings: &Settings) -> Result<Cost, Failure> {
        let cost = Cost {
            memory_kib: self
                .kdf_memory
                .map_or(settings.cost.memory_kib, |size| size.0),
            iterations: self.kdf_iterations.unwrap_or(settings.cost.iterations),
            lanes: self.kdf_lanes.unwrap_or(settings.cost.lanes),
        };
        if !cost.is_enough() {
            return Err(Failure::new(
                Exit::Usage,
                format!("a vault with a key derivation of {cost} would be too easy to break"),
            )
            .hint("take at least 19MiB with 2 passes, or 46MiB with 1, and 8 KiB for each lane"));
        }
        if !settings.ceiling.allows(&cost) {
            return Err(Failure::new(
                Exit::Usage,
                format!("a vault with a key derivation of {cost} could not be opened again: at most {} is allowed", settings.ceiling.0),
            )
            .hint("take less, or raise the limit with --kdf-ceiling here and whenever the vault is opened"));
        }
        Ok(cost)
    }

    fn token(&mut self, settings: &Settings) -> Result<Token, Failure> {
        let text = if let Some(text) = self.token.take() {
            settings.console.warn(
                "a token on the command line can be seen by other users and stays in the shell's history; \
                 leave it out to be asked for it, or use --token-stdin",
            );
            Zeroizing::new(text)
        } else if self.token_stdin {
            source::read_stdin()?
        } else {
            settings
                .asker
                .ask_hidden("Enter your token:")
                .map_err(|error| match error {
                    PromptError::NoTerminal => Failure::new(
                        Exit::Usage,
                        "no token was given, and there is no terminal to ask for it",
                    )
                    .hint("hand it over with --token-stdin"),
                    error => error.into(),
                })?
        };
        Token::parse(&text).map_err(|error| {
            Failure::new(Exit::Usage, format!("this is no token: {error}"))
                .hint("copy the whole token from the portal (profile, API, Token); nothing was sent or written")
        })
    }

    /// A new passphrase, strong enough: handed over, typed twice, or made up for the user.
    fn new_passphrase(&self, settings: &Settings) -> Result<Passphrase, Failure> {
        let handed_over = sources::handed_over(settings)?;
        let passphrase = match handed_over {
            Some(passphrase) => passphrase,
            None => match ask_new(settings)? {
                Chosen::Typed(passphrase) => passphrase,
                Chosen::Generated(passphrase) => return Ok(passphrase),
            },
        };
        if self.allow_weak_passphrase {
            return Ok(passphrase);
        }
        check_strength(&passphrase).map_err(|weak| {
            let advice = if weak.advice.is_empty() { String::new() } else { format!(" {}", weak.advice) };
            Failure::new(
                Exit::Usage,
                format!("this passphrase is too easy to guess (strength {} of 4).{advice}", weak.score),
            )
            .hint(
                "take several words that do not belong together, answer with Enter alone to be given some, \
                 or insist with --allow-weak-passphrase; nothing was written",
            )
        })?;
        Ok(passphrase)
    }
}

enum Chosen {
    Typed(Passphrase),
    Generated(Passphrase),
}

fn ask_new(settings: &Settings) -> Result<Chosen, Failure> {
    let ask =
        |question| {
            settings.asker.ask_hidden(question).map_err(|error| {
                match error {
            PromptError::NoTerminal => Failure::new(
                Exit::Locked,
                format!(
                    "there is no passphrase for the new vault {}, and no terminal to ask for one",
                    settings.store.path().display()
                ),
            )
            .hint("hand it over with --passphrase-file or --passphrase-stdin; nothing was written"),
            error => error.into(),
        }
            })
        };
    let first = Passphrase::new(&ask("New vault passphrase:")?);
    if first.is_empty() {
        let generated = generate()?;
        let mut text = Zeroizing::new(String::with_capacity(256));
        text.push_str("Your new vault passphrase is shown this once. Write it down:\n\n    ");
        text.push_str(generated.expose());
        text.push_str("\n\n");
        settings.asker.show(&text)?;
        return Ok(Chosen::Generated(generated));
    }
    let second = Passphrase::new(&ask("Repeat passphrase:")?);
    if first.expose() != second.expose() {
        return Err(Failure::new(Exit::Usage, "the two passphrases differ")
            .hint("start again with `cldkctl auth`; nothing was written"));
    }
    Ok(Chosen::Typed(first))
}

/// Exchanges the token at the API. The name of the context is found later, in the vault.
fn verify(settings: &Settings, token: Token) -> Result<Context, Failure> {
    let base_url = settings.login_base_url();
    let client = online::client(settings, base_url.clone())?;
    let now = Timestamp::now();
    let login = {
        let _spinner = settings.console.spinner("Verifying the token…");
        client
            .login(&token, now, &mut online::observer(settings.console))
            .map_err(online::failure)?
    };
    let name = settings.context.clone().unwrap_or_else(default_name);
    let mut context = Context::new(name, base_url, token, now);
    context.account = login.account;
    context.session = Some(Session::new(login.session.token, login.session.expires_at));
    context.defaults = settings.defaults.clone();
    Ok(context)
}

fn default_name() -> ContextName {
    "default".parse().expect("a good name")
}

/// Puts a login into the vault, under the name that was asked for, or else in place of the
/// login to the same API, or else under a name that is free.
fn log_in(settings: &Settings, contents: &mut Contents, mut context: Context) {
    if settings.context.is_none() {
        context.name = free_name(contents, &context.base_url);
    }
    contents.log_in(context);
}

/// No login is lost to one elsewhere: a name is only used again for the same origin.
fn free_name(contents: &Contents, base_url: &BaseUrl) -> ContextName {
    let origin = base_url.origin();
    let current = contents
        .current_context
        .as_ref()
        .and_then(|name| contents.context(name));
    let same = current
        .into_iter()
        .chain(&contents.contexts)
        .find(|context| context.base_url.origin() == origin);
    if let Some(context) = same {
        return context.name.clone();
    }
    if contents.context(&default_name()).is_none() {
        return default_name();
    }
    let host: String = origin
        .authority()
        .chars()
        .filter(|c| !"[]".contains(*c))
        .take(60)
        .collect();
    (0..)
        .map(|n| {
            if n == 0 {
                host.clone()
            } else {
                format!("{host}-{}", n + 1)
            }
        })
        .filter_map(|name| name.parse::<ContextName>().ok())
        .find(|name| contents.context(name).is_none())
        .unwrap_or_else(default_name)
}

/// Makes a new vault with one login in it. Gives what opens it.
fn create(
    settings: &Settings,
    cost: Cost,
    passphrase: &Passphrase,
    context: Context,
) -> Result<Opener, Failure> {
    let kdf = Kdf {
        salt: Salt::generate()?,
        cost,
    };
    let opener = open::derive(settings, kdf.clone(), passphrase)?;
    let recipient = opener.derived_recipient().expect("a key was derived");

    let mut contents = Contents::new()?;
    contents
        .recipients
        .push(RecipientEntry::passphrase(recipient, kdf));
    contents.log_in(context);

    let locked = open::lock(settings)?;
    if locked.read()?.is_some() {
        let path = settings.store.path().display();
        return Err(Failure::new(
            Exit::Failure,
            format!("another login made the vault {path} meanwhile"),
        )
        .hint("run `cldkctl auth` again to join it"));
    }
    open::save(settings, &locked, &mut contents)?;
    Ok(opener)
}
