//! `cldkctl vault backup FILE`: a copy that is known to open.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::console;
use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::files::{Existing, Store, StoreError, is_done, write_whole};
use crate::interrupt;
use crate::keeper::Touch;
use crate::vault::{Sealed, armor};

/// Copy the vault to a file, and make sure that the copy opens
///
/// The copy is as well encrypted as the vault itself. It opens with the passphrase that the
/// vault has now, also after that one was changed.
#[derive(Args, Debug)]
pub(super) struct BackupArgs {
    /// The copy to make; - is standard output
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Write it as text (ASCII armor), for mail or paper
    #[arg(long)]
    armor: bool,

    /// Replace the file if it is there already
    #[arg(long)]
    force: bool,
}

impl BackupArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        interrupt::watch();
        let sealed = settings.vault.sealed()?;
        let to_stdout = self.file.as_os_str() == "-";
        if to_stdout && !self.armor && io::stdout().is_terminal() {
            return Err(
                Failure::new(Exit::Usage, "a backup is not for a terminal to show")
                    .hint("send it to a file or a pipe, or write it as text with --armor"),
            );
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
            let mut stdout = io::stdout().lock();
            let written = stdout.write_all(&bytes).and_then(|()| stdout.flush());
            return match written {
                // Elsewhere none of our business; but a backup that nobody took is none.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Failure::new(
                    Exit::Failure,
                    "nobody reads the backup on standard output to its end",
                )
                .hint("there is no backup; check the command that it is sent to, and do it again")),
                written => console::finish(written),
            };
        }

        let copy = target(&self.file)?;
        if is_same_file(settings.vault.path(), copy.path()) {
            return Err(
                Failure::new(Exit::Usage, "the backup would replace the vault itself")
                    .hint("name another file"),
            );
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
        written.map_err(|error| match error {
            StoreError::Io { .. } => Failure::from(error).hint(
                "the vault is as it was, and so is the file, if there was one; check the disk and the permissions",
            ),
            _ => error.into(),
        })?;
        Ok(())
    }
}

/// The vault as text, of which the same comes back.
fn armored(vault: &[u8]) -> Result<Vec<u8>, Failure> {
    let failure = |why: &str| {
        Failure::new(Exit::Failure, format!("cannot armor the vault: {why}"))
            .hint("make a backup without --armor")
    };
    let text = armor(vault).map_err(|error| failure(&error.to_string()))?;
    match Sealed::parse(&text) {
        Ok(back) if back.bytes() == vault => Ok(text),
        _ => Err(failure("another one would come back")),
    }
}

/// Where the copy goes. A link of ours stays one: what it leads to is the file that is meant.
/// A device or a pipe would not be written to but replaced, so it is refused.
fn target(file: &Path) -> Result<Store, Failure> {
    let not_a_file = |path: &Path| {
        Failure::new(
            Exit::Failure,
            format!("{} is not a regular file", path.display()),
        )
        .hint("name a file to write, or - for standard output")
    };
    let store = Store::at(file)?;
    let path = store.resolve_wherever().map_err(|error| match error {
        StoreError::NotAFile { path } => not_a_file(&path),
        error => error.into(),
    })?;
    match path.symlink_metadata() {
        Ok(metadata) if !metadata.is_file() => Err(not_a_file(&path)),
        _ => Ok(Store::at(&path)?),
    }
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
