//! The highest revision that was seen of each vault, remembered outside it: an old copy put
//! back in a vault's place is a good vault, and only memory tells.
//!
//! A file for each vault id under `$XDG_STATE_HOME/cldkctl/revisions` holds the number and
//! nothing else. Without it, as on a new machine, whatever comes first is taken for new.

use std::path::PathBuf;

use super::global::Settings;
use super::open::OpenVault;
use crate::vault::{
    Contents, Existing, Store, StoreError, make_folder, remove_leftovers, write_whole,
};

/// What memory says of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// As new as any that was seen, or newer, or the first.
    Current,
    /// A newer one was seen: of this revision.
    Older(u64),
}

/// Compares a vault with what was seen of it.
#[must_use]
pub fn age(settings: &Settings, contents: &Contents) -> Age {
    match remembered(settings, contents) {
        Ok(Some(seen)) if seen > contents.revision => Age::Older(seen),
        _ => Age::Current,
    }
}

/// Says so if the vault is older than one that was seen, and remembers it if it is newer.
///
/// A command that saves meanwhile has its revision remembered after the vault was read here;
/// so it is read once more before anybody is alarmed.
pub fn notice(settings: &Settings, vault: &mut OpenVault) {
    let seen = match remembered(settings, &vault.contents) {
        Ok(seen) => seen,
        Err(error) => {
            return settings.console.warn(&format!(
                "an older copy of the vault would not be noticed: {error}; \
                 take their permission with `chmod go-w`, or set XDG_STATE_HOME to a folder of your own"
            ));
        }
    };
    let Some(seen) = seen.filter(|seen| *seen > vault.contents.revision) else {
        if seen < Some(vault.contents.revision) {
            remember(settings, &vault.contents);
        }
        return;
    };
    let _ = vault.reread(settings);
    let revision = vault.contents.revision;
    if seen > revision {
        let path = settings.store.path().display();
        settings.console.warn(&format!(
            "the vault {path} is an older copy: revision {revision}, where {seen} was seen before; \
             if you put it back yourself, say so with `cldkctl vault verify --accept-older`"
        ));
    }
}

/// Remembers this revision if it is higher than any that was seen.
pub fn raise(settings: &Settings, contents: &Contents) {
    if remembered(settings, contents).is_ok_and(|seen| seen < Some(contents.revision)) {
        remember(settings, contents);
    }
}

/// Remembers this revision as the highest, whatever was seen before. That it cannot be, as on a read-only disk, is no
/// failure of the command: what is missed is a warning some day.
pub fn remember(settings: &Settings, contents: &Contents) {
    let Some(path) = path(settings, contents) else {
        return;
    };
    if let Err(error) = remembered(settings, contents) {
        return settings
            .console
            .detail(&format!("the revision is not remembered: {error}"));
    }
    let written = make_folder(path.parent().unwrap_or(&path)).and_then(|()| {
        let text = format!("{}\n", contents.revision);
        write_whole(&path, text.as_bytes(), Existing::Replace)
    });
    if let Err(error) = written {
        settings
            .console
            .detail(&format!("the revision is not remembered: {error}"));
    }
}

/// Removes what crashed processes left in the folder, of whichever vault: of one that is gone
/// nobody writes again.
pub fn clean(settings: &Settings) {
    if let Some(folder) = folder(settings) {
        remove_leftovers(&folder, |_| true);
    }
}

/// The revision that was seen last, if that can be read. Nothing is taken from a place that
/// somebody else can write to.
///
/// # Errors
/// That it is such a place.
fn remembered(settings: &Settings, contents: &Contents) -> Result<Option<u64>, StoreError> {
    let Some(path) = path(settings, contents) else {
        return Ok(None);
    };
    // Read with the same suspicion as the vault itself.
    match Store::at(&path).and_then(|file| file.read()) {
        Ok(Some(bytes)) => Ok(std::str::from_utf8(&bytes)
            .ok()
            .and_then(|text| text.trim().parse().ok())),
        Ok(None) => Ok(None),
        Err(error @ (StoreError::NotOurs { .. } | StoreError::OpenFolder { .. })) => Err(error),
        Err(_) => Ok(None),
    }
}

/// The id is 32 hexadecimal digits, or the contents would not have been read.
fn path(settings: &Settings, contents: &Contents) -> Option<PathBuf> {
    Some(folder(settings)?.join(&contents.id))
}

fn folder(settings: &Settings) -> Option<PathBuf> {
    Some(settings.state_folder.as_ref()?.join("revisions"))
}
