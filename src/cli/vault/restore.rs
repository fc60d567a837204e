//! `cldkctl vault restore FILE`: put a backup in place, or take over what is missing.

use std::fs;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use clap::Args;

use super::REPLACED;
use crate::app::{
    self, KeyError, KeySource, OpenVault, PassphraseSource, Vault, VaultKey, account,
};
use crate::cli::error::{Error, RestoreError};
use crate::cli::settings::Settings;
use crate::files::{MAX_FILE_BYTES, Store, StoreError, input, is_done};
use crate::interrupt;
use crate::keeper::Touch;
use crate::platform;
use crate::prompt::source;
use crate::secret::{Passphrase, shown_path};
use crate::vault::contents::Merged;
use crate::vault::{Sealed, without_blank_lines};

/// Put a backup in place of the vault, once it has been opened
///
/// What is there is never lost: with --force it is kept beside the vault, under a name with
/// the date; with --merge it stays, and contexts and credentials that it does not have are added.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl vault restore ~/backup.age",
    "cldkctl vault restore --merge ~/backup.age",
    "cldkctl vault restore --force ~/backup.age"
))]
pub(super) struct RestoreArgs {
    /// The backup, a file or a pipe; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Replace the vault that is there, and keep that one beside it
    #[arg(long, conflicts_with = "merge")]
    force: bool,

    /// Keep the vault that is there, and add the contexts and credentials that it does not have
    #[arg(long)]
    merge: bool,
}

impl RestoreArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        if self.file.as_os_str() == "-"
            && settings.vault.unlocker.identity.is_none()
            && settings.vault.unlocker.passphrase == Some(PassphraseSource::Stdin)
        {
            return Err(RestoreError::StdinTwice.into());
        }
        let (store, bytes) = read(&self.file)?;
        let bytes = without_blank_lines(&bytes);
        let backup = settings.vault.copy_in(store);
        let sealed = Sealed::parse(bytes).map_err(|error| unusable(backup.unusable(error)))?;
        let exists = settings.vault.store.find()?.is_some();
        if exists && !self.force && !self.merge {
            return Err(RestoreError::Exists(settings.vault.path().to_owned()).into());
        }
        // Read once: a pipe has nothing to give the second time.
        let passphrase = match &settings.vault.unlocker.identity {
            None => settings.vault.unlocker.supplied_passphrase()?,
            Some(_) => None,
        };
        let opened = open_backup(settings, &backup, &sealed, passphrase.as_ref())?;
        if exists && self.merge {
            return merge(settings, opened, passphrase.as_ref());
        }
        replace(settings, bytes, &opened)
    }
}

fn read(file: &Path) -> Result<(Store, Vec<u8>), Error> {
    if file.as_os_str() == "-" {
        let store = Store::at(Path::new("/dev/stdin"))?;
        let bytes = source::read_stdin_at_most(MAX_FILE_BYTES).map_err(RestoreError::Stdin)?;
        let path = store.path().to_owned();
        let bytes = bytes.ok_or(RestoreError::Unreadable(StoreError::TooLarge { path }))?;
        return some(store, bytes, "standard input".to_owned());
    }
    let store = Store::at(file)?;
    // A shell's `<(command)` has no path that leads to it but this one.
    if fs::metadata(file).is_ok_and(|found| found.file_type().is_fifo()) {
        let mut pipe = input::open(file).map_err(RestoreError::Unreadable)?;
        let path = store.path().to_owned();
        let bytes = pipe
            .read_at_most(MAX_FILE_BYTES)
            .map_err(|source| StoreError::Io {
                action: "read",
                path: path.clone(),
                source,
            });
        let bytes = bytes.and_then(|bytes| bytes.ok_or(StoreError::TooLarge { path }));
        let from = format!("the pipe {}", shown_path(file));
        return some(store, bytes.map_err(RestoreError::Unreadable)?, from);
    }
    match store.read_wherever().map_err(RestoreError::Unreadable)? {
        Some(bytes) => Ok((store, bytes)),
        None => Err(RestoreError::NoBackup(file.to_owned()).into()),
    }
}

/// What came through a pipe, if anything did.
fn some(store: Store, bytes: Vec<u8>, from: String) -> Result<(Store, Vec<u8>), Error> {
    match bytes.is_empty() {
        true => Err(RestoreError::Empty(from).into()),
        false => Ok((store, bytes)),
    }
}

/// What is wrong with a backup, where the vault in place is not in question.
fn unusable(error: app::Error) -> Error {
    match error {
        app::Error::Vault(path, error) => RestoreError::Unusable(path, error).into(),
        app::Error::Key(error) => RestoreError::Key(error).into(),
        error => error.into(),
    }
}

/// Opens the backup as the vault itself would be: one of this vault opens with its cached key.
fn open_backup<'a>(
    settings: &Settings,
    backup: &'a Vault,
    sealed: &Sealed,
    passphrase: Option<&Passphrase>,
) -> Result<OpenVault<'a>, Error> {
    let unlocker = &backup.unlocker;
    if let Some(passphrase) = passphrase {
        let key = unlocker.derive_from(sealed, passphrase).map_err(unusable)?;
        let opened = backup.open_with(key, KeySource::Supplied, sealed);
        return opened.map_err(unusable);
    }
    if unlocker.identity.is_some() {
        return backup.unseal_by_owner(sealed).map_err(unusable);
    }
    let kdf = unlocker.kdf(sealed).map_err(unusable)?;
    if let Some(key) = kdf.and_then(|kdf| unlocker.kept(kdf, Touch::Use)) {
        let opened = backup.open_with(key, KeySource::Keeper, sealed);
        return opened.map_err(unusable);
    }
    let path = backup.path().display();
    settings.console.note(&format!("Opening the backup {path}"));
    let locked = |error| match error {
        app::Error::Key(error @ (KeyError::Locked(..) | KeyError::NeedsIdentity(_))) => {
            Error::from(RestoreError::Locked(error))
        }
        error => unusable(error),
    };
    let kdf =
        kdf.ok_or_else(|| locked(KeyError::NeedsIdentity(backup.path().to_owned()).into()))?;
    let (key, _) = unlocker
        .ask(sealed, kdf, "Passphrase of the backup:")
        .map_err(locked)?;
    let opened = backup.open_with(key, KeySource::Typed, sealed);
    opened.map_err(unusable)
}

/// Puts the backup in place; what is there is kept under a dated name.
fn replace(settings: &Settings, bytes: &[u8], opened: &OpenVault<'_>) -> Result<(), Error> {
    let locked = settings.vault.lock()?;
    let _hold = interrupt::hold();
    let kept = match locked.read()? {
        Some(old) => {
            let date = platform::now().strftime("%Y%m%dT%H%M%S%.3fZ");
            Some(locked.keep_copy(&old, &format!("{REPLACED}{date}"))?)
        }
        None => None,
    };
    // Whoever restores a backup knows that it may be an older copy.
    let rollback = &settings.vault.rollback;
    rollback.clean();
    let replaced = rollback.replacing(&opened.contents, || locked.replace(bytes));
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
    let (path, revision) = (settings.vault.path().display(), opened.contents.revision);
    let counted = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        count => format!("{count} {what}s"),
    };
    let contexts = counted(opened.contents.contexts.len(), "context");
    let credentials = match opened.contents.credentials.len() {
        0 => String::new(),
        count => format!(", {}", counted(count, "credential")),
    };
    settings.console.note(&format!(
        "Restored {path}: revision {revision}, {contexts}{credentials}"
    ));
    Ok(replaced?)
}

/// Opens the vault that is there. What opened the backup opens it, too, if they have the same
/// key; a supplied passphrase may be the backup's alone, so a cached key comes next. An identity
/// is not read again: a pipe has it once.
fn open_beside<'a>(
    settings: &'a Settings,
    of_backup: VaultKey,
    passphrase: Option<&Passphrase>,
) -> Result<OpenVault<'a>, Error> {
    let vault = &settings.vault;
    let sealed = vault.sealed()?;
    let wrong = match vault.open_with(of_backup, KeySource::Supplied, &sealed) {
        Err(app::Error::Key(error)) if error.is_misfit() => app::Error::from(error),
        opened => return Ok(opened?),
    };
    if let Some(kdf) = vault.unlocker.kdf(&sealed)?
        && let Some(key) = vault.unlocker.kept(kdf, Touch::Use)
    {
        return Ok(vault.open_with(key, KeySource::Keeper, &sealed)?);
    }
    match passphrase {
        Some(passphrase) => {
            let key = vault.unlocker.derive_from(&sealed, passphrase)?;
            Ok(vault.open_with(key, KeySource::Supplied, &sealed)?)
        }
        None if vault.unlocker.identity.is_some() => Err(wrong.into()),
        None => Ok(vault.open(Touch::Use)?),
    }
}

/// Adds the backup's contexts and credentials that the vault does not have.
fn merge(
    settings: &Settings,
    backup: OpenVault<'_>,
    passphrase: Option<&Passphrase>,
) -> Result<(), Error> {
    let path = settings.vault.path().display();
    let mut vault = open_beside(settings, backup.key, passphrase)?;
    let (taken, left, others, credentials) = vault.update(|contents| -> Result<_, Error> {
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
        let credentials = contents.merge_credentials(&backup.contents);
        Ok((taken, left, others, credentials))
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
    tell_of_credentials(settings, &credentials);
    Ok(())
}

fn tell_of_credentials(settings: &Settings, merged: &Merged) {
    let Merged {
        taken,
        left,
        others,
    } = merged;
    for (what, names) in [
        ("Credentials added", taken),
        ("Credentials there already, and left alone", left),
    ] {
        if !names.is_empty() {
            let names = names.join(", ");
            settings.console.note(&format!("{what}: {names}"));
        }
    }
    if !others.is_empty() {
        settings.console.warn(&format!(
            "the backup has other secrets for these credentials, which were not added: {}; \
             remove yours with `cldkctl credential remove`, and merge again",
            others.join(", ")
        ));
    }
}
