//! `cldkctl vault backup FILE`: a copy that is known to open.

use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::failure::Failure;
use crate::cli::global::Settings;
use crate::cli::{console, open};
use crate::exit::Exit;
use crate::interrupt;
use crate::keeper::Touch;
use crate::vault::{Existing, Sealed, Store, StoreError, armor, write_whole};

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
        let sealed = open::peek(settings)?.ok_or_else(|| open::no_vault(settings))?;
        let to_stdout = self.file.as_os_str() == "-";
        if to_stdout && !self.armor && io::stdout().is_terminal() {
            return Err(
                Failure::new(Exit::Usage, "a backup is not for a terminal to show")
                    .hint("send it to a file or a pipe, or write it as text with --armor"),
            );
        }
        // Opened before anything is written: a backup that does not open is none.
        let vault = open::unseal(settings, &sealed, Touch::Use)?;
        let bytes = match self.armor {
            true => armor(sealed.bytes()).map_err(|error| {
                Failure::new(Exit::Failure, format!("cannot armor the vault: {error}"))
            })?,
            false => sealed.bytes().to_vec(),
        };
        if to_stdout {
            let mut stdout = io::stdout().lock();
            return console::finish(stdout.write_all(&bytes).and_then(|()| stdout.flush()));
        }

        let copy = target(&self.file)?;
        if is_same_file(settings.store.path(), copy.path()) {
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
        {
            let _hold = interrupt::hold();
            write_whole(copy.path(), &bytes, existing)?;
        }
        // Read back from where it lies now, and opened.
        let read = copy.read_wherever()?.unwrap_or_default();
        let sealed = Sealed::parse(&read).map_err(|error| Failure::vault(error, &copy))?;
        let contents = vault.opener.open(&sealed, &copy)?;
        if (&contents.id, contents.revision) != (&vault.contents.id, vault.contents.revision) {
            let path = copy.path().display();
            return Err(Failure::new(
                Exit::Failure,
                format!("the backup {path} is not what was written"),
            )
            .hint("check the disk, and try another one"));
        }
        settings.console.note(&format!(
            "Backed up revision {} of the vault to {}, and opened it there",
            contents.revision,
            copy.path().display()
        ));
        Ok(())
    }
}

/// Where the copy goes. A link stays one: what it leads to is the file that is meant. A
/// device or a pipe would not be written to but replaced, so it is refused.
fn target(file: &Path) -> Result<Store, Failure> {
    let store = Store::at(file)?;
    let path = store.path();
    refuse_links_of_others(path)?;
    match (path.metadata(), path.canonicalize()) {
        (Ok(metadata), _) if !metadata.is_file() => Err(Failure::new(
            Exit::Failure,
            format!("{} is not a regular file", path.display()),
        )
        .hint("name a file to write, or - for standard output")),
        (Ok(_), Ok(path)) => Ok(Store::at(&path)?),
        _ => Ok(store),
    }
}

/// In a folder like `/tmp` anybody can have put a link there, to a file that only we can
/// write to.
fn refuse_links_of_others(path: &Path) -> Result<(), Failure> {
    // As many as Linux itself follows, path_resolution(7).
    const MOST_LINKS: usize = 40;
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(metadata) = path.symlink_metadata() else {
            break;
        };
        let owner = metadata.uid();
        if !metadata.is_symlink() {
            break;
        }
        if owner != rustix::process::geteuid().as_raw() && owner != 0 {
            return Err(StoreError::NotOurs { path, owner }.into());
        }
        let Ok(target) = path.read_link() else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    Ok(())
}

fn is_same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}
