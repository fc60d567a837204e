//! `cldkctl auth [TOKEN]`: read the token, verify it, ask for the passphrase, seal.

mod token;

use clap::Args;

use super::place::{self, Placed};
use crate::api::Client;
use crate::app::{self, KeyError, KeySource, NewPassphrase, OpenVault, Task, Unlocker, VaultKey};
use crate::cli::console;
use crate::cli::environment::TOKEN_VARIABLE;
use crate::cli::error::{AuthError, CostError, Error};
use crate::cli::recipient::NewRecipient;
use crate::cli::settings::Settings;
use crate::cli::size::{Size, count};
use crate::interrupt;
use crate::keeper::{Reach, Touch};
use crate::platform;
use crate::prompt::identity::Identities;
use crate::secret::{Passphrase, Token};
use crate::vault::{Contents, Context, Cost, RecipientEntry, Sealed};

#[derive(Args, Debug, Default)]
pub(super) struct LoginArgs {
    /// The token; other users can see it while the command runs, so rather let it be asked for
    #[arg(value_name = "TOKEN", conflicts_with = "token_stdin")]
    token: Option<String>,

    /// Read the token from standard input
    #[arg(long, conflicts_with = "passphrase_stdin")]
    token_stdin: bool,

    /// Seal a new vault to this recipient and to no passphrase; may be repeated
    ///
    /// For machines: age1…, an SSH public key in quotes, or the recipient of an age plugin. Its
    /// identity opens the vault, with --identity.
    #[arg(
        long = "recipient",
        value_name = "RECIPIENT",
        conflicts_with_all = ["allow_weak_passphrase", "kdf_memory", "kdf_iterations", "kdf_lanes"]
    )]
    recipients: Vec<String>,

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
    #[arg(long, value_name = "N", value_parser = count)]
    kdf_iterations: Option<u32>,

    /// Lanes computed side by side [default: 4]
    #[arg(long, value_name = "N", value_parser = count)]
    kdf_lanes: Option<u32>,
}

impl LoginArgs {
    /// Whether there is any.
    pub(super) fn is_given(&self) -> bool {
        self.token.is_some()
            || self.token_stdin
            || !self.recipients.is_empty()
            || self.allow_weak_passphrase
            || self.no_unlock
            || self.names_cost()
    }

    pub(super) fn hide_token(&self) {
        if let Some(token) = &self.token {
            platform::hide_argument(token.as_bytes());
        }
    }

    pub(super) fn run(mut self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        let cost = self.cost(settings)?;
        // What cannot be used is better known before a token is typed and sent.
        let sealed = settings.vault.find()?;
        settings.vault.store.check_writable()?;
        if sealed.is_some() && self.names_cost() {
            settings
                .console
                .note("The vault keeps its key derivation; `cldkctl vault tune` changes it");
        }
        let for_recipients = self.for_recipients(settings, sealed.is_some())?;
        if sealed.is_none() && for_recipients.is_none() {
            cost.check_memory()?;
        }
        let client = settings.connection.client(settings.address.of_login())?;
        if settings.token()?.is_some() {
            settings.console.warn(&format!(
                "{TOKEN_VARIABLE} is set, and other commands will use it in place of this login"
            ));
        }
        let token = self.token(settings)?;
        if self.will_ask(&settings.vault.unlocker, sealed.as_ref()) {
            settings.asker.prepare();
        }
        let context = verify(settings, &client, token)?;

        let (opener, source) = match (sealed, for_recipients) {
            (None, Some(contents)) => {
                if create_with(settings, contents, context)?.is_some() {
                    let path = settings.vault.path().to_owned();
                    return Err(AuthError::MadeMeanwhile(path).into());
                }
                settings.console.note(
                    "No passphrase opens this vault: name an identity with --identity or CLDKCTL_IDENTITY",
                );
                (
                    VaultKey::Identities(Identities::default()),
                    KeySource::Supplied,
                )
            }
            (Some(sealed), _) => {
                let mut vault = settings.vault.unseal(&sealed, Touch::Use)?;
                let by_identity = matches!(vault.key, VaultKey::Identities(_));
                join(settings, &mut vault, context, by_identity)?;
                (vault.key, vault.source)
            }
            (None, None) => {
                let passphrase = self.new_passphrase(&settings.vault.unlocker)?;
                let opener = create(settings, cost, &passphrase, context)?;
                (opener, KeySource::Typed)
            }
        };
        if self.no_unlock {
            let unlocker = &settings.vault.unlocker;
            unlocker.forget(&unlocker.slot(), Reach::Login);
        } else if source != KeySource::Keeper {
            // One that was unlocked before stays so, and no longer than it would have.
            settings.vault.unlocker.keep(&opener);
        }
        console::print("Auth success")
    }

    /// Whether a passphrase will be asked for once the token is verified.
    fn will_ask(&self, unlocker: &Unlocker, sealed: Option<&Sealed>) -> bool {
        match sealed {
            Some(sealed) => unlocker.will_ask(sealed),
            None => self.recipients.is_empty() && unlocker.passphrase.is_none(),
        }
    }

    fn new_passphrase(&self, unlocker: &Unlocker) -> Result<Passphrase, Error> {
        let new = NewPassphrase {
            source: unlocker.passphrase.as_ref(),
            flags: "--passphrase-file or --passphrase-stdin",
            allow_weak: self.allow_weak_passphrase,
        };
        Ok(new.choose(unlocker)?)
    }

    fn names_cost(&self) -> bool {
        self.kdf_memory.is_some() || self.kdf_iterations.is_some() || self.kdf_lanes.is_some()
    }

    /// The cost of a new vault, refused early if it is below the floor.
    fn cost(&self, settings: &Settings) -> Result<Cost, Error> {
        let cost = Cost {
            memory_kib: self
                .kdf_memory
                .map_or(settings.cost.memory_kib, |size| size.0),
            iterations: self.kdf_iterations.unwrap_or(settings.cost.iterations),
            lanes: self.kdf_lanes.unwrap_or(settings.cost.lanes),
        };
        if !cost.is_enough() {
            return Err(CostError::TooCheap(cost).into());
        }
        if !settings.vault.unlocker.ceiling.allows(&cost) {
            return Err(CostError::TooCostly(cost, settings.vault.unlocker.ceiling.0).into());
        }
        Ok(cost)
    }

    /// A new vault that is sealed to recipients alone, if that was asked for.
    fn for_recipients(&self, settings: &Settings, joins: bool) -> Result<Option<Contents>, Error> {
        if self.recipients.is_empty() {
            return Ok(None);
        }
        if joins {
            let path = settings.vault.path().to_owned();
            return Err(AuthError::RecipientOfExisting(path).into());
        }
        let mut contents = Contents::new()?;
        for text in &self.recipients {
            NewRecipient::parse(text, "--recipient")?.add_to(&mut contents, None)?;
        }
        Ok(Some(contents))
    }
}

/// Exchanges the token at the API. The name of the context is found later, in the vault.
fn verify(settings: &Settings, client: &Client, token: Token) -> Result<Context, Error> {
    let now = platform::now();
    let login = {
        let _progress = settings.ui.progress(Task::Verify);
        client.login(&token, now, &mut settings.connection.observer())?
    };
    let name = settings.context.clone().unwrap_or_else(place::default_name);
    let mut context = Context::new(name, client.base_url().clone(), token, login.at);
    context.account = login.account;
    context.session = Some(login.session);
    context.defaults = settings.defaults.clone();
    Ok(context)
}

/// Puts the login into a vault that is open.
fn join(
    settings: &Settings,
    vault: &mut OpenVault<'_>,
    context: Context,
    by_identity: bool,
) -> Result<(), Error> {
    let who = place::introduction(&context);
    let consent = place::agree(settings, &vault.contents, &context)?;
    let placed = vault.update(|contents| -> Result<_, Error> {
        if by_identity {
            name_recipients(settings, contents);
        }
        Ok(place::put(settings, contents, context, &consent))
    })?;
    placed.tell(settings, &who);
    Ok(())
}

/// Makes a new vault with one login in it. Gives what opens it.
fn create(
    settings: &Settings,
    cost: Cost,
    passphrase: &Passphrase,
    context: Context,
) -> Result<VaultKey, Error> {
    let (opener, recipient) = settings.vault.unlocker.derive_new(cost, passphrase)?;
    let mut contents = Contents::new()?;
    contents.recipients.push(recipient);
    match create_with(settings, contents, context)? {
        None => Ok(opener),
        Some(context) => join_another(settings, passphrase, context),
    }
}

/// Puts the login into a vault that was not there when the passphrase was chosen.
fn join_another(
    settings: &Settings,
    passphrase: &Passphrase,
    context: Context,
) -> Result<VaultKey, Error> {
    let with_another = |error| match error {
        app::Error::Key(
            KeyError::Wrong(path)
            | KeyError::Flawed { vault: path, .. }
            | KeyError::NoPassphrase(path),
        ) => Error::from(AuthError::MadeMeanwhileWithAnother(path)),
        error => error.into(),
    };
    let sealed = settings.vault.sealed()?;
    let key = settings
        .vault
        .unlocker
        .derive_from(&sealed, passphrase)
        .map_err(with_another)?;
    let mut vault = settings
        .vault
        .open_with(key, KeySource::Supplied, &sealed)
        .map_err(with_another)?;
    join(settings, &mut vault, context, false)?;
    let path = settings.vault.path().display();
    settings.console.note(&format!(
        "Logged in to the vault {path}, which another login created first"
    ));
    Ok(vault.key)
}

/// Says to whom a token is about to be sealed. A file that opens under an identity can have
/// been made by anyone who has its public half, list of recipients included
/// (`vault-format.md`, section 10).
fn name_recipients(settings: &Settings, contents: &Contents) {
    let names: Vec<_> = contents
        .recipients
        .iter()
        .map(RecipientEntry::name)
        .collect();
    settings.console.note(&format!(
        "Everyone who can open the vault can use this login: {}",
        names.join(", ")
    ));
}

/// Writes a new vault with one login in it. Gives the login back if another made the vault
/// meanwhile.
fn create_with(
    settings: &Settings,
    mut contents: Contents,
    context: Context,
) -> Result<Option<Context>, Error> {
    let who = place::introduction(&context);
    let placed = Placed::first(context.name.clone());
    contents.log_in(context.clone());
    if !settings.vault.create(&mut contents)? {
        return Ok(Some(context));
    }
    placed.tell(settings, &who);
    Ok(None)
}
