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

/// Reads a passphrase from where it was supplied.
///
/// # Errors
/// When it cannot be read or is empty.
pub(super) fn read_passphrase(source: &PassphraseSource, ui: &dyn Ui) -> Result<Passphrase, Error> {
    let (text, input) = match source {
        PassphraseSource::Stdin => (source::read_stdin()?, Input::Stdin),
        PassphraseSource::File(path) => (
            read_private(path, Holds::Passphrase, ui)?,
            Input::File(path.clone()),
        ),
        // systemd keeps it private; its mode may be 0440.
        PassphraseSource::SystemdCredential(path) => {
            let text = source::read_file(path, Holds::Passphrase)?.text;
            (text, Input::File(path.clone()))
        }
    };
    let passphrase = Passphrase::new(&text);
    if passphrase.is_empty() {
        return Err(KeyError::Empty(input).into());
    }
    Ok(passphrase)
}

/// Reads a secret from a file, and warns if others can read it.
pub(super) fn read_private(
    path: &Path,
    holds: Holds,
    ui: &dyn Ui,
) -> Result<Zeroizing<String>, Error> {
    let FromFile {
        text,
        others_can_read,
    } = source::read_file(path, holds)?;
    if others_can_read {
        ui.tell(&Notice::OthersCanRead(path));
    }
    Ok(text)
}
