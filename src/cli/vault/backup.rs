//! `cldkctl vault backup FILE`: a copy that is known to open.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::console;
use crate::cli::error::{BackupError, Error};
use crate::cli::settings::Settings;
use crate::files::{Existing, Store, StoreError, is_done, write_whole};
use crate::interrupt;
use crate::keeper::Touch;
use crate::vault::{Sealed, armor};

/// Copy the vault to a file, and make sure that the copy opens
///
/// The copy is as well encrypted as the vault itself. It opens with the passphrase that the
/// vault has now, also after that one was changed.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault backup ~/backup.age",
    "cldkctl vault backup --armor ~/backup.txt",
    "cldkctl vault backup - > copy.age"
))]
pub(super) struct BackupArgs {
    /// The copy to make; - is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Write it as text (ASCII armor), for mail or paper
    #[arg(long)]
    armor: bool,

    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

impl BackupArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        let sealed = settings.vault.sealed()?;
        let to_stdout = self.file.as_os_str() == "-";
        if to_stdout && !self.armor && io::stdout().is_terminal() {
            return Err(BackupError::Terminal.into());
        }
        // Opened before anything is written: a backup that does not open is none.
        let vault = settings.vault.unseal(&sealed, Touch::Use)?;
        let bytes = match self.armor {
            true => armored(sealed.bytes())?,
            false => sealed.bytes().to_vec(),
        };
        if to_stdout {
            // Who reads it may be waiting to ask.
            settings.asker.finish();
            return match console::write_to_stdout([&bytes, b""]) {
                // Elsewhere none of our business; but a backup that nobody took is none.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    Err(BackupError::NotRead.into())
                }
                written => console::finish(written),
            };
        }

        let copy = target(&self.file)?;
        if is_same_file(settings.vault.path(), copy.path()) {
            return Err(BackupError::ReplacesVault.into());
        }
        let existing = if self.force {
            Existing::Replace
        } else {
            Existing::Keep
        };
        // Read back from the disk before it gets its name: it is what was opened above, byte
        // for byte, or what is there is not replaced.
        let _hold = interrupt::hold();
        let written = write_whole(copy.path(), &bytes, existing);
        if is_done(&written) {
            settings.console.note(&format!(
                "Backed up revision {} of the vault to {}, and read it back",
                vault.contents.revision,
                copy.path().display()
            ));
        }
        written.map_err(BackupError::Unwritten)?;
        Ok(())
    }
}

/// The vault as text, of which the same comes back.
fn armored(vault: &[u8]) -> Result<Vec<u8>, BackupError> {
    let text = armor(vault).map_err(|error| BackupError::Armor(error.to_string()))?;
    match Sealed::parse(&text) {
        Ok(back) if back.bytes() == vault => Ok(text),
        _ => Err(BackupError::Armor(
            "the text does not read back as the same vault".to_owned(),
        )),
    }
}

/// Where the copy goes. A link of ours stays one: what it leads to is the file that is meant.
/// A device or a pipe would not be written to but replaced, so it is refused.
fn target(file: &Path) -> Result<Store, Error> {
    // `/dev/stdout` may lead to a pipe, which has no path.
    if file.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(BackupError::NotAFile(file.to_owned()).into());
    }
    let store = Store::at(file)?;
    let path = store.resolve_wherever().map_err(|error| match error {
        StoreError::NotAFile { path } => BackupError::NotAFile(path).into(),
        error @ StoreError::Io { .. } => BackupError::Unwritten(error).into(),
        error => Error::from(error),
    })?;
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => Err(BackupError::NotAFile(path).into()),
        _ => Ok(Store::at(&path)?),
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
