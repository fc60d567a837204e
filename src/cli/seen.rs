//! The highest revision that was seen of each vault, remembered outside it: an old copy put
//! back in a vault's place is a good vault, and only memory tells.
//!
//! A file for each vault id under `$XDG_STATE_HOME/cldkctl/revisions` holds the number, and
//! whether an older copy was saved since. Without it, as on a new machine, whatever comes
//! first is taken for new.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::global::Settings;
use super::open::OpenVault;
use crate::vault::{
    Contents, Existing, Store, StoreError, make_folder, remove_leftovers, write_whole,
};

/// How long a command waits for another that is remembering something.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// What stands behind the number once an older copy was saved.
const SAVED_OVER: &str = "older";

/// What is remembered of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    /// The highest revision that was seen.
    revision: u64,
    /// Whether a copy that is older than that was saved. The revisions of such saves go their
    /// own way: that they reach the one that was seen means nothing, and none of them is
    /// remembered, until the older copy is accepted.
    saved_over: bool,
}

impl Memory {
    fn new(revision: u64) -> Self {
        Self {
            revision,
            saved_over: false,
        }
    }

    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        Some(Self {
            revision: words.next()?.parse().ok()?,
            saved_over: words.next() == Some(SAVED_OVER),
        })
    }

    fn to_text(self) -> String {
        let Self { revision, .. } = self;
        if self.saved_over {
            format!("{revision} {SAVED_OVER}\n")
        } else {
            format!("{revision}\n")
        }
    }

    /// Whether a vault of this revision is an older copy, or comes of one.
    fn is_beyond(self, revision: u64) -> bool {
        self.saved_over || self.revision > revision
    }
}

/// What memory says of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Age {
    /// As new as any that was seen, or newer, or the first.
    Current,
    /// It is an older copy, or was saved from one: this revision was seen, of a newer vault.
    Older(u64),
}

/// Compares a vault with what was seen of it.
#[must_use]
pub fn age(settings: &Settings, contents: &Contents) -> Age {
    match remembered(settings, contents) {
        Ok(Some(memory)) if memory.is_beyond(contents.revision) => Age::Older(memory.revision),
        _ => Age::Current,
    }
}

/// How to say of a vault that [`age()`] calls older what it is.
#[must_use]
pub fn older(revision: u64, seen: u64) -> &'static str {
    if revision < seen {
        "is an older copy"
    } else {
        "was saved from an older copy"
    }
}

/// Says so if the vault is older than one that was seen, and remembers it if it is newer. All
/// that opens the vault in place comes by here.
///
/// A command that saves meanwhile has its revision remembered after the vault was read here;
/// so it is read once more before anybody is alarmed.
pub fn notice(settings: &Settings, vault: &OpenVault) {
    let contents = &vault.contents;
    let memory = match remembered(settings, contents) {
        Ok(memory) => memory,
        Err(error) => {
            return settings.console.warn(&format!(
                "an older copy of the vault would not be noticed: {error}; \
                 take their permission with `chmod go-w`, or set XDG_STATE_HOME to a folder of your own"
            ));
        }
    };
    let Some(memory) = memory.filter(|memory| memory.is_beyond(contents.revision)) else {
        if memory != Some(Memory::new(contents.revision)) {
            raise(settings, contents);
        }
        return;
    };
    // Removed, or given another passphrase: it is another vault by now.
    let Ok(revision) = vault.revision_by_now(settings) else {
        return;
    };
    let seen = memory.revision;
    if memory.is_beyond(revision) {
        let (path, older) = (settings.store.path().display(), older(revision, seen));
        settings.console.warn(&format!(
            "the vault {path} {older}: revision {revision}, where {seen} was seen before; \
             if you put it back yourself, say so with `cldkctl vault verify --accept-older`; \
             if not, `cldkctl vault recipients list` shows who can open it"
        ));
    }
}

/// Remembers that a vault of revision `base` is about to be saved, if that is an older copy:
/// its revision may reach what was seen, which would be the last that is heard of it.
pub fn note_save(settings: &Settings, contents: &Contents, base: u64) {
    let is_first = |memory: &Memory| !memory.saved_over && memory.is_beyond(base);
    if remembered(settings, contents).is_ok_and(|memory| memory.is_some_and(|it| is_first(&it))) {
        change(settings, contents, |memory| {
            let saved_over = true;
            memory.filter(is_first).map(|memory| Memory {
                saved_over,
                ..memory
            })
        });
    }
}

/// Remembers this revision if it is higher than any that was seen.
pub fn raise(settings: &Settings, contents: &Contents) {
    let new = Memory::new(contents.revision);
    change(settings, contents, |memory| {
        let stays = memory.is_some_and(|memory| memory.is_beyond(new.revision) || memory == new);
        (!stays).then_some(new)
    });
}

/// Remembers this revision as the highest, whatever was seen before.
pub fn remember(settings: &Settings, contents: &Contents) {
    change(settings, contents, |_| Some(Memory::new(contents.revision)));
}

/// Changes what is remembered to what `new` makes of it, if that is anything. That it cannot be
/// changed, as on a read-only disk, is no failure of the command: what is missed is a warning
/// some day.
fn change(
    settings: &Settings,
    contents: &Contents,
    new: impl FnOnce(Option<Memory>) -> Option<Memory>,
) {
    let Some(path) = path(settings, contents) else {
        return;
    };
    let changed = remembered(settings, contents).and_then(|_| {
        let folder = path.parent().unwrap_or(&path);
        make_folder(folder)?;
        // Or what another command remembers meanwhile would be lost.
        let Some(_lock) = lock(folder)? else {
            let console = settings.console;
            console.detail("the revision is not remembered: another cldkctl is busy with that");
            return Ok(());
        };
        match new(remembered(settings, contents)?) {
            Some(memory) => write_whole(&path, memory.to_text().as_bytes(), Existing::Replace),
            None => Ok(()),
        }
    });
    if let Err(error) = changed {
        settings
            .console
            .detail(&format!("the revision is not remembered: {error}"));
    }
}

/// Takes the lock of those who change something in the folder; `None` when another does not let
/// go of it. Where there are no such locks it is taken all the same.
fn lock(folder: &Path) -> Result<Option<File>, StoreError> {
    let file = File::open(folder).map_err(|source| StoreError::Io {
        action: "open",
        path: folder.to_owned(),
        source,
    })?;
    let start = Instant::now();
    loop {
        match retry_on_intr(|| flock(&file, FlockOperation::NonBlockingLockExclusive)) {
            Err(Errno::WOULDBLOCK) if start.elapsed() > LOCK_PATIENCE => return Ok(None),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(10)),
            _ => return Ok(Some(file)),
        }
    }
}

/// Removes what crashed processes left in the folder, of whichever vault: of one that is gone
/// nobody writes again. Not in a place that somebody else can lead to another.
pub fn clean(settings: &Settings) {
    let is_id = |name: &str| name.len() == 32 && name.bytes().all(|it| it.is_ascii_hexdigit());
    if let Some(folder) = folder(settings)
        && Store::at(&folder.join("any")).is_ok_and(|file| file.resolve().is_ok())
    {
        remove_leftovers(&folder, is_id);
    }
}

/// What is remembered, if that can be read. Nothing is taken from a place that somebody else
/// can write to.
///
/// # Errors
/// That it is such a place.
fn remembered(settings: &Settings, contents: &Contents) -> Result<Option<Memory>, StoreError> {
    let Some(path) = path(settings, contents) else {
        return Ok(None);
    };
    // Read with the same suspicion as the vault itself.
    match Store::at(&path).and_then(|file| file.read()) {
        Ok(Some(bytes)) => Ok(std::str::from_utf8(&bytes).ok().and_then(Memory::read)),
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
