//! What a command goes by: its flags, the environment and `config.toml` put together.

use std::cell::Cell;
use std::env::VarError;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::str::FromStr;

use super::config::{Config, KdfConfig};
use super::console::Console;
use super::environment::{self, TokenVariable};
use super::error::{Error, SettingsError};
use super::format::Format;
use super::global::{GlobalArgs, set_color};
use super::time_span::TimeSpan;
use super::ui::TerminalUi;
use crate::app::{
    Address, Connection, Credentials, LoginError, PassphraseSource, Rollback, SystemRoots, Ui,
    Unlocker, Vault,
};
use crate::files::{Store, StoreError, is_behind_others, is_out_of_reach, user_folders};
use crate::keeper::{Keepers, Limits};
use crate::prompt::Asker;
use crate::secret::{Token, TokenError};
use crate::vault::{Ceiling, ContextName, Cost, Defaults};

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
    pub token: Result<Option<Token>, TokenError>,
    /// How to write data.
    pub output: Format,
    /// Namespace, project and so on, where they were given.
    pub defaults: Defaults,
    /// The cost of a new vault's key, from `config.toml`.
    pub cost: Cost,
}

impl Settings {
    /// Puts flags, environment and `config.toml` together; `token` is the value of
    /// `CLDKCTL_TOKEN`.
    ///
    /// # Errors
    /// When a value cannot be what it is meant for, or `config.toml` cannot be used.
    pub fn new(mut args: GlobalArgs, token: &TokenVariable) -> Result<Self, Error> {
        let console = args.console();
        let mut config = read_config(console)?;
        set_color(args.color.or(config.color).unwrap_or_default());

        let named = args.vault.take().or_else(|| env_path("CLDKCTL_VAULT"));
        let named = named.or_else(|| config.vault.take());
        let is_named = named.is_some();
        let path = named.or_else(|| Some(user_folders::data()?.join("cldkctl/vault.age")));
        let store = path.map_or_else(|| Ok(Store::nowhere()), |path| Store::at(&path))?;
        let asker = Asker::new(!args.no_input);
        let ui: Rc<dyn Ui> = Rc::new(TerminalUi {
            console,
            asker: asker.clone(),
        });
        let state = user_folders::state();
        let seen = state.map(|folder| folder.join("cldkctl/revisions"));
        Ok(Self {
            console,
            asker,
            vault: Vault {
                unlocker: unlocker(&mut args, &mut config, store.path(), &ui),
                store,
                is_named,
                rollback: Rollback::in_folder(seen, Rc::clone(&ui)),
                is_warned: Cell::default(),
                ui: Rc::clone(&ui),
            },
            connection: Connection {
                max_retries: args.max_retries.or(config.max_retries).unwrap_or(3),
                ca_cert: args.ca_cert.take().or_else(|| config.ca_cert.take()),
                system_roots: system_roots(),
                ui: Rc::clone(&ui),
                told_of_clocks: Rc::default(),
            },
            ui,
            address: Address {
                asked: parsed("--base-url", "CLDKCTL_BASE_URL", args.base_url.take(), None)?,
                // It says where the token of the environment may go, and nothing else.
                variable: match token {
                    Some(_) => parsed("--base-url", "CLDKCTL_BASE_URL", None, None)?,
                    None => None,
                },
                default: config.base_url.take().unwrap_or_default(),
            },
            context_is_a_flag: args.context.is_some(),
            context: parsed(
                "--context",
                "CLDKCTL_CONTEXT",
                args.context.take(),
                config.context.take(),
            )?,
            token: environment::parse(token),
            output: args.output.or(config.output).unwrap_or_default(),
            cost: cost(&config.kdf),
            defaults: defaults(args, config)?,
        })
    }

    /// The token in `CLDKCTL_TOKEN`.
    ///
    /// # Errors
    /// When it is not a token.
    pub fn token(&self) -> Result<Option<&Token>, Error> {
        match &self.token {
            Ok(token) => Ok(token.as_ref()),
            Err(error) => Err(LoginError::Variable(*error).into()),
        }
    }

    /// Where a command finds its credential.
    ///
    /// # Errors
    /// When `CLDKCTL_TOKEN` is not a token.
    pub fn credentials(&self) -> Result<Credentials<'_>, Error> {
        Ok(Credentials {
            variable: self.token()?,
            ..self.stored_credentials()
        })
    }

    /// The same, with those of the vault alone.
    #[must_use]
    pub fn stored_credentials(&self) -> Credentials<'_> {
        Credentials {
            vault: &self.vault,
            variable: None,
            context: self.context.as_ref(),
            address: &self.address,
            defaults: &self.defaults,
            connection: &self.connection,
        }
    }
}

/// The settings, if there are any. Those that are out of reach, in a home that may not be entered,
/// are done without: what the command needs may lie elsewhere.
fn read_config(console: Console) -> Result<Config, SettingsError> {
    let Some(folder) = user_folders::config() else {
        return Ok(Config::default());
    };
    let path = folder.join("cldkctl/config.toml");
    let source = match Config::read(&path) {
        Err(SettingsError::Unreadable(_, StoreError::Io { source, .. }))
            if is_out_of_reach(&path) =>
        {
            source
        }
        config => return config,
    };
    // Nothing of ours is in somebody else's home, unless that is where it was said to be.
    if env_path("XDG_CONFIG_HOME").is_some() || !is_behind_others(&path) {
        console.warn(&format!(
            "the settings in {} are not used: {source}; \
             set XDG_CONFIG_HOME or HOME to a folder that you may enter",
            path.display()
        ));
    }
    Ok(Config::default())
}

/// What finds the key of the vault at `path`.
fn unlocker(args: &mut GlobalArgs, config: &mut Config, path: &Path, ui: &Rc<dyn Ui>) -> Unlocker {
    let passphrase = if args.passphrase_stdin {
        Some(PassphraseSource::Stdin)
    } else {
        let named = args.passphrase_file.take();
        named
            .or_else(|| env_path("CLDKCTL_PASSPHRASE_FILE"))
            .or_else(|| config.passphrase_file.take())
            .map(PassphraseSource::File)
            .or_else(systemd_credential)
    };
    let identity = args.identity.take();
    let limit = |limit: Option<TimeSpan>, default| limit.map_or(default, |span| span.0);
    Unlocker {
        path: path.to_owned(),
        kept_for: path.to_owned(),
        identity: identity
            .or_else(|| env_path("CLDKCTL_IDENTITY"))
            .or_else(|| config.identity.take()),
        passphrase,
        keepers: Keepers::new(args.keeper.or(config.keeper).unwrap_or_default()),
        limits: Limits {
            idle: limit(config.unlock.idle, Limits::DEFAULT.idle),
            lifetime: limit(config.unlock.lifetime, Limits::DEFAULT.lifetime),
        },
        scope: config.unlock.scope.unwrap_or_default(),
        ceiling: args.kdf_ceiling.unwrap_or(Ceiling::DEFAULT),
        ui: Rc::clone(ui),
    }
}

fn defaults(args: GlobalArgs, config: Config) -> Result<Defaults, SettingsError> {
    Ok(Defaults {
        namespace: args.default_namespace.or(config.default_namespace),
        project: args
            .default_project
            .or(env_text("CLDKCTL_DEFAULT_PROJECT_ID")?)
            .or(config.default_project),
        registry: args.default_registry.or(config.default_registry),
        organization: args.organization.or(config.organization),
        editor: args.editor.or(config.editor),
        ..Defaults::default()
    })
}

/// The cost of a new vault's key.
fn cost(config: &KdfConfig) -> Cost {
    let memory = config.memory;
    Cost {
        memory_kib: memory.map_or(Cost::DEFAULT.memory_kib, |size| size.0),
        iterations: config.iterations.unwrap_or(Cost::DEFAULT.iterations),
        lanes: config.lanes.unwrap_or(Cost::DEFAULT.lanes),
    }
}

/// A flag, or else an environment variable, or else what `config.toml` says.
fn parsed<T>(
    flag: &str,
    variable: &str,
    given: Option<String>,
    configured: Option<T>,
) -> Result<Option<T>, SettingsError>
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
    text.parse()
        .map(Some)
        .map_err(|error: T::Err| SettingsError::Value {
            name: name.to_owned(),
            why: error.to_string(),
        })
}

/// An environment variable; an empty one counts as unset, as POSIX tools have it. One that is
/// no text does not: it was meant to say something.
fn env_text(name: &str) -> Result<Option<String>, SettingsError> {
    match std::env::var(name) {
        Ok(text) => Ok((!text.is_empty()).then_some(text)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(SettingsError::NotText(name.to_owned())),
    }
}

fn env_path(name: &str) -> Option<PathBuf> {
    std::env::var_os(name)
        .filter(|text: &OsString| !text.is_empty())
        .map(PathBuf::from)
}

fn system_roots() -> SystemRoots {
    let folders = std::env::var_os("SSL_CERT_DIR").unwrap_or_default();
    SystemRoots {
        file: env_path("SSL_CERT_FILE"),
        folders: std::env::split_paths(&folders)
            .filter(|path| !path.as_os_str().is_empty())
            .collect(),
    }
}

fn systemd_credential() -> Option<PassphraseSource> {
    let file = env_path("CREDENTIALS_DIRECTORY")?.join("cldkctl.passphrase");
    Path::exists(&file).then_some(PassphraseSource::SystemdCredential(file))
}
