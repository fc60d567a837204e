//! `config.toml`: defaults for the flags, and never a secret.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::error::SettingsError;
use super::format::{Color, Format};
use super::mistake::Mistake;
use super::size::Size;
use super::time_span::TimeSpan;
use crate::base_url::BaseUrl;
use crate::files::{Store, StoreError, user_folders};
use crate::keeper::{Choice, Scope};
use crate::vault::ContextName;

/// The settings file. Every key is the long name of the flag that it is a default for.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// `--base-url`
    pub base_url: Option<BaseUrl>,
    /// `--default-namespace`
    pub default_namespace: Option<String>,
    /// `--default-project`
    pub default_project: Option<String>,
    /// `--default-registry`
    pub default_registry: Option<String>,
    /// `--organization`
    pub organization: Option<String>,
    /// `--editor`
    pub editor: Option<String>,
    /// `--max-retries`
    pub max_retries: Option<u32>,
    /// `--context`
    pub context: Option<ContextName>,
    /// `--vault`
    pub vault: Option<PathBuf>,
    /// `--ca-cert`
    pub ca_cert: Option<PathBuf>,
    /// `--identity`
    pub identity: Option<PathBuf>,
    /// `--passphrase-file`
    pub passphrase_file: Option<PathBuf>,
    /// `--output`
    pub output: Option<Format>,
    /// `--color`
    pub color: Option<Color>,
    /// `--keeper`
    pub keeper: Option<Choice>,
    /// How long an unlocked vault stays so.
    pub unlock: UnlockConfig,
    /// What deriving the key of a new vault costs.
    pub kdf: KdfConfig,
}

/// The table `[unlock]`: the defaults of `cldkctl unlock`, and of unlocking on the way.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct UnlockConfig {
    /// `--idle`
    pub idle: Option<TimeSpan>,
    /// `--lifetime`
    pub lifetime: Option<TimeSpan>,
    /// `--scope`
    pub scope: Option<Scope>,
}

/// The table `[kdf]`: the cost of a new vault's key.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct KdfConfig {
    /// `--kdf-memory`
    pub memory: Option<Size>,
    /// `--kdf-iterations`
    pub iterations: Option<u32>,
    /// `--kdf-lanes`
    pub lanes: Option<u32>,
}

/// More than anybody writes by hand, in bytes.
const MAX_CONFIG_BYTES: u64 = 64 * 1024;

impl Config {
    /// Reads the file at `path`; without one, everything is unset.
    ///
    /// # Errors
    /// When it cannot be read, somebody else could have written it, or it is not what this
    /// program knows.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let owned = || path.to_owned();
        let read = Store::at(path).and_then(|file| file.read_unaltered(MAX_CONFIG_BYTES));
        let bytes = match read {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Ok(Self::default()),
            Err(
                error @ (StoreError::NotOurs { .. }
                | StoreError::OpenFolder { .. }
                | StoreError::OpenFile { .. }
                | StoreError::Unmapped { .. }),
            ) => {
                let why = match error {
                    StoreError::OpenFile { .. } => {
                        "other users can change it, and so decide where a token goes".to_owned()
                    }
                    error => format!("{error}; who writes them decides where a token goes"),
                };
                return Err(SettingsError::NotSafe(owned(), why));
            }
            Err(StoreError::NotAFile { .. } | StoreError::TooLarge { .. }) => {
                return Err(SettingsError::NotSettings(owned()));
            }
            Err(error) => return Err(SettingsError::Unreadable(owned(), error)),
        };
        let text = str::from_utf8(&bytes).map_err(|_| SettingsError::NotUtf8(owned()))?;
        Self::parse(text, path.parent().unwrap_or(Path::new("/")))
            .map_err(|mistake| SettingsError::Line(owned(), mistake))
    }

    /// Reads what is in a settings file; relative paths in it are beside it, in `folder`.
    ///
    /// # Errors
    /// Says in which line it is not what this program knows, fit to be shown.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, Mistake> {
        let mut config: Self = toml::from_str(text).map_err(|error| Mistake::new(text, &error))?;
        for named in [
            &mut config.vault,
            &mut config.ca_cert,
            &mut config.identity,
            &mut config.passphrase_file,
        ]
        .into_iter()
        .flatten()
        {
            *named = resolve(named, folder);
        }
        Ok(config)
    }
}

/// A path in the file: `~/` is the home, anything else relative is beside the file.
fn resolve(path: &Path, folder: &Path) -> PathBuf {
    match (path.strip_prefix("~"), user_folders::home()) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => folder.join(path),
    }
}
