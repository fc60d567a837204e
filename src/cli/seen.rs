//! The highest revision that was seen of each vault, remembered outside it: an old copy put
//! back in a vault's place is a good vault, and only memory tells.
//!
//! A file for each vault id under `$XDG_STATE_HOME/cldkctl/revisions` holds the number and
//! nothing else. Without it, as on a new machine, whatever comes first is taken for new.

use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use super::global::Settings;
use super::open::OpenVault;
use crate::vault::{Contents, Existing, make_folder, remove_leftovers, write_whole};

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
        Some(seen) if seen > contents.revision => Age::Older(seen),
        _ => Age::Current,
    }
}

/// Says so if the vault is older than one that was seen, and remembers it if it is newer.
///
/// A command that saves meanwhile has its revision remembered after the vault was read here;
/// so it is read once more before anybody is alarmed.
pub fn notice(settings: &Settings, vault: &mut OpenVault) {
    let Age::Older(seen) = age(settings, &vault.contents) else {
        return raise(settings, &vault.contents);
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
    if remembered(settings, contents).is_none_or(|seen| seen < contents.revision) {
        remember(settings, contents);
    }
}

/// Remembers this revision as the highest, whatever was seen before. That it cannot be, as on a read-only disk, is no
/// failure of the command: what is missed is a warning some day.
pub fn remember(settings: &Settings, contents: &Contents) {
    let Some(path) = path(settings, contents) else {
        return;
    };
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

fn remembered(settings: &Settings, contents: &Contents) -> Option<u64> {
    let mut text = String::new();
    // No more than a number, and no waiting for a pipe's other end.
    fs::OpenOptions::new()
        .read(true)
        .custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32)
        .open(path(settings, contents)?)
        .ok()?
        .take(32)
        .read_to_string(&mut text)
        .ok()?;
    text.trim().parse().ok()
}

/// The id is 32 hexadecimal digits, or the contents would not have been read.
fn path(settings: &Settings, contents: &Contents) -> Option<PathBuf> {
    Some(folder(settings)?.join(&contents.id))
}

fn folder(settings: &Settings) -> Option<PathBuf> {
    Some(settings.state_folder.as_ref()?.join("revisions"))
}
