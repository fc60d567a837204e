//! The flags that every command takes, and what they amount to together with the
//! environment and `config.toml`.

use std::env::VarError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str::FromStr;

use clap::Args;
use etcetera::BaseStrategy;
use etcetera::base_strategy::Xdg;

use super::config::Config;
use super::console::{Color, Console, Format};
use super::environment::{self, TokenVariable};
use super::failure::Failure;
use super::period::Period;
use super::size::Size;
use super::ui::TerminalUi;
use crate::app::{
    Address, Connection, Credentials, Error, PassphraseSource, Rollback, Ui, Unlocker, Vault,
};
use crate::cli::exit::Exit;
use crate::files::Store;
use crate::keeper::{Choice, Keepers, Limits};
use crate::prompt::Asker;
use crate::secret::Token;
use crate::vault::{Ceiling, ContextName, Cost, Defaults};

/// Flags of the original, then ours. None of them is ever a secret.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub struct GlobalArgs {
    /// Address of the API [env: CLDKCTL_BASE_URL] [default: https://ai.cloudeka.id]
    #[allow(rustdoc::bare_urls, reason = "it is the help text")]
    #[arg(short = 'U', long, global = true, value_name = "URL")]
    base_url: Option<String>,

    /// Namespace to work in [default: default]
    #[arg(short = 'N', long, global = true, value_name = "NAMESPACE")]
    default_namespace: Option<String>,

    /// Project to work in [env: CLDKCTL_DEFAULT_PROJECT_ID]
    #[arg(short = 'P', long, global = true, value_name = "PROJECT")]
    default_project: Option<String>,

    /// Registry to work in
    #[arg(short = 'R', long, global = true, value_name = "REGISTRY")]
    default_registry: Option<String>,

    /// Organization to work in
    #[arg(short = 'O', long, global = true, value_name = "ORGANIZATION")]
    organization: Option<String>,

    /// Editor [default: vim]
    #[arg(long, global = true, value_name = "COMMAND")]
    editor: Option<String>,

    /// How often a request is repeated that failed in passing [default: 3]
    #[arg(long, global = true, value_name = "N")]
    max_retries: Option<u32>,

    /// Context (login) to use, in place of the current one [env: CLDKCTL_CONTEXT]
    #[arg(long, global = true, value_name = "NAME")]
    context: Option<String>,

    /// The vault file [env: CLDKCTL_VAULT] [default: $XDG_DATA_HOME/cldkctl/vault.age]
    #[arg(long, global = true, value_name = "FILE")]
    vault: Option<PathBuf>,

    /// Who holds the vault's key between commands [default: auto]
    #[arg(long, global = true, value_enum, value_name = "KEEPER")]
    keeper: Option<Choice>,

    /// Certificate authority to trust besides the system's, in PEM
    #[arg(long, global = true, value_name = "FILE")]
    ca_cert: Option<PathBuf>,

    /// Open the vault with this age identity file or SSH private key [env: CLDKCTL_IDENTITY]
    #[arg(long, global = true, value_name = "FILE")]
    identity: Option<PathBuf>,

    /// Read the vault's passphrase from this file [env: CLDKCTL_PASSPHRASE_FILE]
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        conflicts_with = "passphrase_stdin"
    )]
    passphrase_file: Option<PathBuf>,

    /// Read the vault's passphrase from standard input
    #[arg(long, global = true)]
    passphrase_stdin: bool,

    /// The most that a vault's key derivation may cost [default: 4GiB,64,64]
    #[arg(long, global = true, value_name = "MEMORY[,PASSES[,LANES]]", value_parser = parse_ceiling)]
    kdf_ceiling: Option<Ceiling>,

    /// How to write what is shown
    #[arg(short, long, global = true, value_enum, value_name = "FORMAT")]
    output: Option<Format>,

    /// Never ask anything
    #[arg(long, global = true)]
    no_input: bool,

    /// Say nothing but warnings and errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,

    /// Say what is done, step by step
    #[arg(short, long, global = true)]
    verbose: bool,

    /// When to colour messages
    #[arg(long, global = true, value_enum, value_name = "WHEN")]
    color: Option<Color>,
}

/// What a command goes by: flags before environment before `config.toml` before defaults.
pub struct Settings {
    /// Where to talk to a person.
    pub console: Console,
    /// Whom to ask.
    pub asker: Asker,
    /// The same for the use cases.
    pub ui: Rc<dyn Ui>,
    /// The vault, and what opens it.
    pub vault: Vault,
    /// How the API is reached.
    pub connection: Connection,
    /// Which address of it.
    pub address: Address,
    /// The context that was asked for, if any was.
    pub context: Option<ContextName>,
    /// Whether that was on the command line, for this command alone.
    pub context_is_a_flag: bool,
    /// The value of `CLDKCTL_TOKEN`, if it is set.
    pub token: Result<Option<Token>, Error>,
    /// How to write data.
    pub output: Format,
    /// Namespace, project and so on, where they were given.
    pub defaults: Defaults,
    /// The cost of a new vault's key, from `config.toml`.
    pub cost: Cost,
}

impl Settings {
    /// The token in `CLDKCTL_TOKEN`.
    ///
    /// # Errors
    /// When it is not a token.
    pub fn token(&self) -> Result<Option<&Token>, Failure> {
        match &self.token {
            Ok(token) => Ok(token.as_ref()),
            Err(error) => Err(error.into()),
        }
    }

    /// Where a command finds its credential.
    ///
    /// # Errors
    /// When `CLDKCTL_TOKEN` is not a token.
    pub fn credentials(&self) -> Result<Credentials<'_>, Failure> {
        Ok(Credentials {
            vault: &self.vault,
            variable: self.token()?,
            context: self.context.as_ref(),
            address: &self.address,
            defaults: &self.defaults,
            connection: &self.connection,
        })
    }
}

impl GlobalArgs {
    /// How to talk about errors that come before the settings are known.
    #[must_use]
    pub fn console(&self) -> Console {
        Console {
            quiet: self.quiet,
            verbose: self.verbose,
        }
    }

    /// The colour that was asked for on the command line.
    #[must_use]
    pub fn color(&self) -> Option<Color> {
        self.color
    }

    /// Puts flags, environment and `config.toml` together.
    ///
    /// # Errors
    /// When a value cannot be what it is meant for, or `config.toml` cannot be used.
    pub fn settle(self, token: &TokenVariable) -> Result<Settings, Failure> {
        let folders = Xdg::new().map_err(|_| {
            Failure::new(Exit::Failure, "cannot find out where your home folder is")
                .hint("set HOME, or name the vault with --vault")
        })?;
        let config = Config::read(&folders.config_dir().join("cldkctl/config.toml"))?;
        let console = self.console();
        let color = self.color.or(config.color).unwrap_or_default();
        set_color(color);

        let vault = self
            .vault
            .or_else(|| env_path("CLDKCTL_VAULT"))
            .or(config.vault)
            .unwrap_or_else(|| folders.data_dir().join("cldkctl/vault.age"));
        let passphrase = if self.passphrase_stdin {
            Some(PassphraseSource::Stdin)
        } else {
            self.passphrase_file
                .or_else(|| env_path("CLDKCTL_PASSPHRASE_FILE"))
                .or(config.passphrase_file)
                .map(PassphraseSource::File)
                .or_else(systemd_credential)
        };
        let store = Store::at(&vault)?;
        let asker = Asker::new(!self.no_input);
        let ui: Rc<dyn Ui> = Rc::new(TerminalUi {
            console,
            asker: asker.clone(),
        });
        let limit = |limit: Option<Period>, default| limit.map_or(default, |period| period.0);
        let unlocker = Unlocker {
            path: store.path().to_owned(),
            kept_for: store.path().to_owned(),
            identity: self
                .identity
                .or_else(|| env_path("CLDKCTL_IDENTITY"))
                .or(config.identity),
            passphrase,
            keepers: Keepers::new(self.keeper.or(config.keeper).unwrap_or_default()),
            limits: Limits {
                idle: limit(config.unlock.idle, Limits::DEFAULT.idle),
                lifetime: limit(config.unlock.lifetime, Limits::DEFAULT.lifetime),
            },
            scope: config.unlock.scope.unwrap_or_default(),
            ceiling: self.kdf_ceiling.unwrap_or(Ceiling::DEFAULT),
            ui: Rc::clone(&ui),
        };
        let seen = folders
            .state_dir()
            .map(|folder| folder.join("cldkctl/revisions"));
        Ok(Settings {
            console,
            asker,
            vault: Vault {
                store,
                unlocker,
                rollback: Rollback::in_folder(seen, Rc::clone(&ui)),
                ui: Rc::clone(&ui),
            },
            connection: Connection {
                max_retries: self.max_retries.or(config.max_retries).unwrap_or(3),
                ca_cert: self.ca_cert.or(config.ca_cert),
                ui: Rc::clone(&ui),
            },
            ui,
            address: Address {
                asked: parsed("--base-url", "CLDKCTL_BASE_URL", self.base_url, None)?,
                variable: parsed("--base-url", "CLDKCTL_BASE_URL", None, None)?,
                default: config.base_url.unwrap_or_default(),
            },
            context_is_a_flag: self.context.is_some(),
            context: parsed("--context", "CLDKCTL_CONTEXT", self.context, config.context)?,
            token: environment::parse(token),
            output: self.output.or(config.output).unwrap_or_default(),
            defaults: Defaults {
                namespace: self.default_namespace.or(config.default_namespace),
                project: self
                    .default_project
                    .or(env_text("CLDKCTL_DEFAULT_PROJECT_ID")?)
                    .or(config.default_project),
                registry: self.default_registry.or(config.default_registry),
                organization: self.organization.or(config.organization),
                editor: self.editor.or(config.editor),
                ..Defaults::default()
            },
            cost: Cost {
                memory_kib: config
                    .kdf
                    .memory
                    .map_or(Cost::DEFAULT.memory_kib, |size| size.0),
                iterations: config.kdf.iterations.unwrap_or(Cost::DEFAULT.iterations),
                lanes: config.kdf.lanes.unwrap_or(Cost::DEFAULT.lanes),
            },
        })
    }
}

/// Makes the choice for all that is written to stderr from here on.
pub fn set_color(color: Color) {
    match color {
        // anstream asks the terminal and the environment, NO_COLOR among it.
        Color::Auto => {}
        Color::Always => anstream::ColorChoice::Always.write_global(),
        Color::Never => anstream::ColorChoice::Never.write_global(),
    }
}

/// A flag, or else an environment variable, or else what `config.toml` says.
fn parsed<T>(
    flag: &str,
    variable: &str,
    given: Option<String>,
    configured: Option<T>,
) -> Result<Option<T>, Failure>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    let (name, text) = match given {
        Some(text) => (flag, text),
        None => match env_text(variable)? {
            Some(text) => (variable, text),
            None => return Ok(configured),
        },
    };
    text.parse().map(Some).map_err(|error| {
        Failure::new(Exit::Usage, format!("{name} cannot be used: {error}"))
            .hint("for more information, try '--help'")
    })
}

/// An environment variable; an empty one counts as unset, as POSIX tools have it. One that is
/// no text does not: it was meant to say something.
fn env_text(name: &str) -> Result<Option<String>, Failure> {
    match std::env::var(name) {
        Ok(text) => Ok((!text.is_empty()).then_some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(Failure::new(
            Exit::Usage,
            format!("{name} cannot be used: it is not UTF-8 text"),
        )
        .hint("set it again, or unset it")),
    }
}

fn env_path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|text: &OsString| !text.is_empty())
        .map(PathBuf::from)
}

fn systemd_credential() -> Option<PassphraseSource> {
    let file = env_path("CREDENTIALS_DIRECTORY")?.join("cldkctl.passphrase");
    Path::exists(&file).then_some(PassphraseSource::SystemdCredential(file))
}

fn parse_ceiling(text: &str) -> Result<Ceiling, String> {
    let mut most = Ceiling::DEFAULT.0;
    let mut parts = text.split(',');
    most.memory_kib = parts.next().unwrap_or_default().parse::<Size>()?.0;
    let number = |part: &str| {
        part.parse::<u32>()
            .map_err(|_| "passes and lanes are numbers")
    };
    if let Some(part) = parts.next() {
        most.iterations = number(part)?;
    }
    if let Some(part) = parts.next() {
        most.lanes = number(part)?;
    }
    if parts.next().is_some() {
        return Err("at most three values: MEMORY,PASSES,LANES".to_owned());
    }
    Ok(Ceiling(most))
}
