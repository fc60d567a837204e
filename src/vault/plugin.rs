//! Plugins of age: programs of somebody else, which can be missing, die, or talk nonsense.
//!
//! age reports most of that as an I/O error, like a file that is cut short, or as an identity that
//! does not fit. Here it is told apart and gets the name of the plugin.

use std::collections::HashSet;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use age::plugin::{self, IdentityPluginV1, RecipientPluginV1};
use age::secrecy::SecretString;
use age::{Callbacks, DecryptError, EncryptError, Identity, Recipient};
use age_core::format::{FileKey, Stanza};
use age_core::plugin::{Connection, IDENTITY_V1};

use super::stanza;
use crate::printable::on_one_line;

/// Why a plugin did not do what it was asked to do.
#[derive(Debug, thiserror::Error)]
pub enum PluginError {
    /// Its binary is not there.
    #[error("age-plugin-{0} is not on the PATH")]
    Missing(String),
    /// It says that an identity or a recipient of its own cannot be used.
    #[error("{0}")]
    Refused(String),
    /// It asked for something, such as a PIN, and nobody answered.
    #[error("age-plugin-{0} asked for something, and nobody answered")]
    Unanswered(String),
    /// It does not start, died, or answered with nonsense.
    #[error("age-plugin-{name} {how}")]
    Failed {
        /// Its name, without what all plugins' names begin with.
        name: String,
        /// What happened.
        how: String,
    },
}

impl PluginError {
    fn failed(name: &str, how: impl Into<String>) -> Self {
        Self::Failed {
            name: name.to_owned(),
            how: how.into(),
        }
    }

    fn io(name: &str, error: &io::Error) -> Self {
        let how = match error.kind() {
            io::ErrorKind::ConnectionAborted
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => "ended before it had answered".to_owned(),
            io::ErrorKind::InvalidData => "does not speak the protocol of age plugins".to_owned(),
            _ => format!("could not be started: {error}"),
        };
        Self::failed(name, how)
    }

    /// What it said by itself; age wraps that into words of its own.
    fn said(name: &str, said: &str) -> Self {
        let said = on_one_line(said);
        // An error that is neither an identity's nor a recipient's begins with its kind.
        if said.starts_with('(') {
            Self::failed(name, format!("failed: {said}"))
        } else {
            Self::Refused(said)
        }
    }
}

/// age puts names into invisible marks for text that runs from right to left, unless its
/// language was chosen.
fn without_marks() {
    let _ = age::localizer().select(&[]);
}

/// Notes whether a question of a plugin stayed without an answer: what it says then is about
/// an identity that cannot be used, and that is not what happened.
#[derive(Clone)]
struct Noting<C> {
    callbacks: C,
    unanswered: Arc<AtomicBool>,
}

impl<C: Callbacks> Noting<C> {
    fn new(callbacks: C) -> Self {
        Self {
            callbacks,
            unanswered: Arc::default(),
        }
    }

    /// `error`, or that nobody answered.
    fn or_unanswered(&self, name: &str, error: PluginError) -> PluginError {
        match self.unanswered.load(Ordering::Relaxed) {
            true => PluginError::Unanswered(name.to_owned()),
            false => error,
        }
    }

    fn note<T>(&self, answer: Option<T>) -> Option<T> {
        self.unanswered
            .fetch_or(answer.is_none(), Ordering::Relaxed);
        answer
    }
}

impl<C: Callbacks> Callbacks for Noting<C> {
    fn display_message(&self, message: &str) {
        self.callbacks.display_message(message);
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        self.note(self.callbacks.confirm(message, yes, no))
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        self.note(self.callbacks.request_public_string(description))
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        self.note(self.callbacks.request_passphrase(description))
    }
}

/// What a plugin encrypts to, all of its recipients at once.
pub(super) struct PluginRecipient<C: Callbacks> {
    name: String,
    plugin: RecipientPluginV1<Noting<C>>,
    asked: Noting<C>,
}

impl<C: Callbacks> PluginRecipient<C> {
    /// The recipients of the plugin `name` that are among `recipients`.
    ///
    /// # Errors
    /// When its binary is not on the `PATH`.
    pub(super) fn new(
        name: &str,
        recipients: &[plugin::Recipient],
        callbacks: C,
    ) -> Result<Self, PluginError> {
        let asked = Noting::new(callbacks);
        let plugin = RecipientPluginV1::new(name, recipients, &[], asked.clone())
            .map_err(|_| PluginError::Missing(name.to_owned()))?;
        without_marks();
        Ok(Self {
            name: name.to_owned(),
            plugin,
            asked,
        })
    }
}

impl<C: Callbacks> Recipient for PluginRecipient<C> {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let name = &self.name;
        let failed = |error: PluginError| EncryptError::Io(io::Error::other(error));
        let wrapped = self.plugin.wrap_file_key(file_key).map_err(|error| {
            let error = match error {
                EncryptError::Io(error) => PluginError::io(name, &error),
                error => PluginError::said(name, &error.to_string()),
            };
            failed(self.asked.or_unanswered(name, error))
        })?;
        // With one of these no reader would take the file for the vault that it is.
        let reserved = |stanza: &Stanza| [stanza::TAG, "scrypt"].contains(&stanza.tag.as_str());
        if wrapped.0.iter().any(reserved) {
            let how = "made a stanza of a type that is not its own";
            return Err(failed(PluginError::failed(name, how)));
        }
        Ok(wrapped)
    }
}

/// An identity of a plugin. The plugin is looked for when the identity is used.
pub struct PluginIdentity<C: Callbacks> {
    identity: plugin::Identity,
    callbacks: C,
}

impl<C: Callbacks> PluginIdentity<C> {
    /// `callbacks` answer the plugin's questions.
    pub fn new(identity: plugin::Identity, callbacks: C) -> Self {
        Self {
            identity,
            callbacks,
        }
    }

    fn unwrap(&self, stanzas: &[Stanza]) -> Result<Option<FileKey>, PluginError> {
        let name = self.identity.plugin();
        let asked = Noting::new(self.callbacks.clone());
        match self.unwrap_with(&asked, stanzas) {
            Ok(None) if asked.unanswered.load(Ordering::Relaxed) => {
                Err(PluginError::Unanswered(name.to_owned()))
            }
            Ok(found) => Ok(found),
            Err(error) => Err(asked.or_unanswered(name, error)),
        }
    }

    fn unwrap_with(
        &self,
        asked: &Noting<C>,
        stanzas: &[Stanza],
    ) -> Result<Option<FileKey>, PluginError> {
        let name = self.identity.plugin();
        let identities = std::slice::from_ref(&self.identity);
        let plugin = IdentityPluginV1::new(name, identities, asked.clone())
            .map_err(|_| PluginError::Missing(name.to_owned()))?;
        without_marks();
        match Identity::unwrap_stanzas(&plugin, stanzas) {
            Some(Ok(file_key)) => Ok(Some(file_key)),
            Some(Err(DecryptError::Io(error))) => Err(PluginError::io(name, &error)),
            Some(Err(DecryptError::DecryptionFailed)) => {
                Err(PluginError::failed(name, "gave a key of the wrong length"))
            }
            Some(Err(error)) => Err(PluginError::said(name, &error.to_string())),
            // That nothing fits, or that it does not start: age tells both in one way.
            None => match find(name).map(|path| Connection::open(&path, IDENTITY_V1)) {
                Some(Err(error)) => Err(PluginError::io(name, &error)),
                Some(Ok(_)) | None => Ok(None),
            },
        }
    }
}

impl<C: Callbacks> Identity for PluginIdentity<C> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap_stanzas(std::slice::from_ref(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        self.unwrap(stanzas)
            .map_err(|error| DecryptError::Io(io::Error::other(error)))
            .transpose()
    }
}

/// The binary of a plugin, where age finds it.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(format!("age-plugin-{name}")))
        .find(|file| {
            std::fs::metadata(file)
                .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
        })
}
