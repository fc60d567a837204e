//! Where a passphrase is supplied without asking, and how it is read from there.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::error::{Error, Input, KeyError};
use super::ui::{Notice, Ui};
use crate::prompt::source::{self, FromFile, Holds};
use crate::secret::Passphrase;

/// Where a passphrase is supplied without asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PassphraseSource {
    /// `--passphrase-file`
    File(PathBuf),
    /// `--passphrase-stdin`
    Stdin,
    /// `$CREDENTIALS_DIRECTORY/cldkctl.passphrase`, systemd.exec(5)
    SystemdCredential(PathBuf),
}

impl PassphraseSource {
    /// What a message calls it.
    pub(super) fn input(&self) -> Input {
        match self {
            Self::Stdin => Input::Stdin,
            Self::File(path) | Self::SystemdCredential(path) => Input::File(path.clone()),
        }
    }
}

/// Reads a passphrase from where it was supplied.
///
/// # Errors
/// When it cannot be read or is empty.
pub(super) fn read_passphrase(source: &PassphraseSource, ui: &dyn Ui) -> Result<Passphrase, Error> {
    let text = match source {
        PassphraseSource::Stdin => source::read_stdin()?,
        PassphraseSource::File(path) => {
            private(path, source::read_file(path, Holds::Passphrase)?, ui)
        }
        // systemd keeps it private; its mode may be 0440.
        PassphraseSource::SystemdCredential(path) => {
            source::read_file(path, Holds::Passphrase)?.content
        }
    };
    let passphrase = Passphrase::new(&text);
    if passphrase.is_empty() {
        return Err(KeyError::Empty(source.input()).into());
    }
    Ok(passphrase)
}

/// Reads an identity file, and warns if others can read it.
pub(super) fn read_identity(path: &Path, ui: &dyn Ui) -> Result<Zeroizing<Vec<u8>>, Error> {
    Ok(private(path, source::read_bytes(path, Holds::Key)?, ui))
}

/// What is in a file, after a warning if others can read it.
fn private<T>(path: &Path, file: FromFile<T>, ui: &dyn Ui) -> T {
    if file.others_can_read {
        ui.tell(&Notice::OthersCanRead(path));
    }
    file.content
}
