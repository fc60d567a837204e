//! `cldkctl vault restore FILE`: put a backup in place, or take over what is missing.

use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use super::REPLACED;
use crate::cli::failure::Failure;
use crate::cli::global::{Handover, Settings};
use crate::cli::open::{self, KeySource, OpenVault, Opener};
use crate::cli::{account, save, seen, sources};
use crate::exit::Exit;
use crate::interrupt;
use crate::keeper::{Found, Touch};
use crate::prompt::source;
use crate::secret::Passphrase;
use crate::vault::seal::MAX_FILE_BYTES;
use crate::vault::{SealError, Sealed, Store, is_done};

/// Put a backup in place of the vault, once it has been opened
///
/// What is there is never lost: with --force it is kept beside the vault, under a name with
/// the date; with --merge it stays, and contexts that it does not have are added.
#[derive(Args, Debug)]
pub(super) struct RestoreArgs {
    /// The backup; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replace the vault that is there, and keep that one beside it
    #[arg(long, conflicts_with = "merge")]
    force: bool,

    /// Keep the vault that is there, and add the contexts that it does not have
    #[arg(long)]
    merge: bool,
}

impl RestoreArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Failure> {
        interrupt::watch();
        if self.file.as_os_str() == "-"
            && settings.identity.is_none()
            && settings.handover == Some(Handover::Stdin)
        {
            return Err(Failure::new(
                Exit::Usage,
                "standard input cannot be the backup and the passphrase at once",
            )
            .hint("hand the passphrase over with --passphrase-file"));
        }
        let (backup, bytes) = read(&self.file)?;
        let sealed = Sealed::parse(&bytes).map_err(|error| Failure::vault(error, &backup))?;
        let exists = settings.store.read()?.is_some();
        if exists && !self.force && !self.merge {
            let path = settings.store.path().display();
            return Err(
                Failure::new(Exit::Failure, format!("there is a vault already at {path}")).hint(
                    "add what it does not have with --merge, or replace and keep it with --force",
                ),
            );
        }
        // Read once: a pipe has nothing to give the second time.
        let passphrase = match &settings.identity {
            None => sources::handed_over(settings, settings.handover.as_ref())?,
            Some(_) => None,
        };
        let opened = open_backup(settings, backup, &sealed, passphrase.as_ref())?;
        if exists && self.merge {
            return merge(settings, opened, passphrase.as_ref());
        }
        replace(settings, &bytes, &opened)
    }
}

fn read(file: &Path) -> Result<(Store, Vec<u8>), Failure> {
    if file.as_os_str() == "-" {
        let store = Store::at(Path::new("/dev/stdin"))?;
        let bytes = source::read_stdin_at_most(MAX_FILE_BYTES).map_err(|error| {
            Failure::new(
                Exit::Failure,
                format!("cannot read standard input: {error}"),
            )
            .hint("nothing was changed")
        })?;
        let Some(bytes) = bytes else {
            return Err(Failure::vault(SealError::NotAge, &store));
        };
        return Ok((store, bytes));
    }
    let store = Store::at(file)?;
    let unreadable = |error| {
        Failure::from(error)
            .hint("name a file that `cldkctl vault backup` made, or - for standard input")
    };
    match store.read_wherever().map_err(unreadable)? {
        Some(bytes) => Ok((store, bytes)),
        None => Err(Failure::new(
            Exit::Usage,
            format!("there is no backup {}", file.display()),
        )
        .hint("name a file that `cldkctl vault backup` made")),
    }
}

/// Opens the backup as the vault itself would be: one of this vault opens with its held key.
fn open_backup(
    settings: &Settings,
    store: Store,
    sealed: &Sealed,
    passphrase: Option<&Passphrase>,
) -> Result<OpenVault, Failure> {
    let backup = Settings {
        store,
        // A backup is older than the vault, or newer where that is gone; it alarms nobody.
        state_folder: None,
        ..settings.clone()
    };
    if let Some(passphrase) = passphrase {
        return open_with(&backup, sealed, passphrase);
    }
    if settings.identity.is_none()
        && let Some(kdf) = open::kdf(&backup, sealed)?
        && let Found::Key(key) = settings
            .keepers
            .get(&settings.slot(), &kdf.salt, Touch::Use)
    {
        let opener = Opener::Key(kdf.clone(), key);
        return OpenVault::new(opener, KeySource::Kept, sealed, &backup);
    }
    let path = backup.store.path().display();
    settings.console.note(&format!("Opening the backup {path}"));
    open::unseal_unheld_asking(&backup, sealed, "Passphrase of the backup:").map_err(|failure| {
        match failure.exit {
            Exit::Locked => failure.hint(
                "hand its passphrase over with --passphrase-file or --passphrase-stdin, or an identity with --identity",
            ),
            _ => failure,
        }
    })
}

/// Opens a vault, or a backup of one, with a passphrase that was handed over.
fn open_with(
    settings: &Settings,
    sealed: &Sealed,
    passphrase: &Passphrase,
) -> Result<OpenVault, Failure> {
    let Some(kdf) = open::kdf(settings, sealed)? else {
        return Err(open::no_passphrase(settings, Exit::WrongPassphrase));
    };
    let opener = open::derive(settings, kdf.clone(), passphrase)?;
    OpenVault::new(opener, KeySource::HandedOver, sealed, settings)
}

/// Puts the backup in place; what is there is kept under a dated name.
fn replace(settings: &Settings, bytes: &[u8], opened: &OpenVault) -> Result<(), Failure> {
    let locked = save::lock(settings)?;
    let _hold = interrupt::hold();
    let kept = match locked.read()? {
        Some(old) => {
            let date = Timestamp::now().strftime("%Y%m%dT%H%M%S%.3fZ");
            Some(locked.keep_copy(&old, &format!("{REPLACED}{date}"))?)
        }
        None => None,
    };
    seen::clean(settings);
    // Whoever restores a backup knows that it may be an older copy.
    let replaced = seen::replacing(settings, &opened.contents, || locked.replace(bytes));
    if !is_done(&replaced) {
        // The vault is as it was, and needs no copy beside it.
        if let Some(copy) = &kept {
            locked.discard_copy(copy);
        }
        return Ok(replaced?);
    }
    if let Some(copy) = kept {
        settings.console.note(&format!(
            "Kept the vault that was there as {}",
            copy.display()
        ));
    }
    let (path, revision) = (settings.store.path().display(), opened.contents.revision);
    let contexts = match opened.contents.contexts.len() {
        1 => "1 context".to_owned(),
        count => format!("{count} contexts"),
    };
    settings
        .console
        .note(&format!("Restored {path}: revision {revision}, {contexts}"));
    Ok(replaced?)
}

/// Opens the vault that is there. What opened the backup opens it, too, if they have the same
/// key; a passphrase that was handed over may be the backup's alone, so a held key comes next.
fn open_beside(
    settings: &Settings,
    of_backup: Opener,
    passphrase: Option<&Passphrase>,
) -> Result<OpenVault, Failure> {
    let sealed = open::peek(settings)?.ok_or_else(|| open::no_vault(settings))?;
    if of_backup.open(&sealed, &settings.store).is_ok() {
        return OpenVault::new(of_backup, KeySource::HandedOver, &sealed, settings);
    }
    if let Some(kdf) = open::kdf(settings, &sealed)?
        && let Found::Key(key) = settings
            .keepers
            .get(&settings.slot(), &kdf.salt, Touch::Use)
    {
        let opener = Opener::Key(kdf.clone(), key);
        return OpenVault::new(opener, KeySource::Kept, &sealed, settings);
    }
    match passphrase {
        Some(passphrase) => open_with(settings, &sealed, passphrase),
        None => open::open(settings, Touch::Use),
    }
}

/// Adds the backup's contexts that the vault does not have.
fn merge(
    settings: &Settings,
    backup: OpenVault,
    passphrase: Option<&Passphrase>,
) -> Result<(), Failure> {
    let path = settings.store.path().display();
    let mut vault = open_beside(settings, backup.opener, passphrase)?;
    let (taken, left, others) = vault.update(settings, |contents| {
        let (mut taken, mut left, mut others) = (Vec::new(), Vec::new(), Vec::new());
        for context in &backup.contents.contexts {
            let name = context.name.to_string();
            match contents.context(&context.name) {
                Some(ours) => {
                    if account::is_another(ours, context) {
                        others.push(format!("{name} of {}", account::whose(context, ours)));
                    }
                    left.push(name);
                }
                None => {
                    contents.contexts.push(context.clone());
                    taken.push(name);
                }
            }
        }
        if contents.current_context.is_none() {
            contents
                .current_context
                .clone_from(&backup.contents.current_context);
        }
        Ok((taken, left, others))
    })?;
    let list = |names: &[String]| match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    };
    settings
        .console
        .note(&format!("Added to the vault {path}: {}", list(&taken)));
    settings
        .console
        .note(&format!("There already, and left alone: {}", list(&left)));
    if !others.is_empty() {
        settings.console.warn(&format!(
            "the backup has logins of other accounts under these names, which were not added: {}; \
             rename yours with `cldkctl context rename`, and merge again",
            list(&others)
        ));
    }
    Ok(())
}
