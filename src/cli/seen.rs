//! The highest revision that was seen of each vault, remembered outside it: an old copy put
//! back in a vault's place is a good vault, and only memory tells.
//!
//! A file for each vault id under `$XDG_STATE_HOME/cldkctl/revisions` holds the number, and
//! whether an older copy was saved since. Without it, as on a new machine, whatever comes
//! first is taken for new. One that is there and cannot be read is reported, and never replaced
//! but by `vault verify --accept-older`: its number may be higher than any that is known here.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::global::Settings;
use super::open::OpenVault;
use crate::vault::{
    Contents, Existing, Store, StoreError, is_done, make_folder, remove_leftovers, write_whole,
};

/// How long a command waits for another that is remembering something.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// What stands behind the number once an older copy was saved.
const SAVED_OVER: &str = "older";

/// What is remembered of a vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
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

    /// Only what [`Self::to_text`] writes, with its newline: of a number that was cut off, a
    /// lower one is left.
    fn read(text: &str) -> Option<Self> {
        let (number, saved_over) = match text.trim_end().split_once(' ') {
            None => (text.trim_end(), false),
            Some((number, flag)) => (number, flag == SAVED_OVER),
        };
        let memory = Self {
            revision: number.parse().ok()?,
            saved_over,
        };
        (memory.to_text() == text).then_some(memory)
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

/// Why nothing can be told, or nothing be remembered.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// Somebody else can write there.
    #[error(transparent)]
    NotSafe(StoreError),
    /// It is there, and cannot be read.
    #[error(transparent)]
    Unreadable(StoreError),
    /// It is there, and is something else.
    #[error("{} does not hold a revision number", .0.display())]
    Garbled(PathBuf),
    /// It cannot be written.
    #[error(transparent)]
    Unwritable(#[from] StoreError),
    /// It is locked.
    #[error("another cldkctl is busy with {}", .0.display())]
    Busy(PathBuf),
}

impl MemoryError {
    fn of_reading(error: StoreError, path: PathBuf) -> Self {
        match error {
            StoreError::NotOurs { .. }
            | StoreError::OpenFolder { .. }
            | StoreError::Unmapped { .. } => Self::NotSafe(error),
            StoreError::TooLarge { .. } => Self::Garbled(path),
            error => Self::Unreadable(error),
        }
    }

    fn warn(&self, settings: &Settings) {
        let action = match self {
            Self::NotSafe(_) => {
                "take their permission with `chmod go-w`, or set XDG_STATE_HOME to a folder of your own"
            }
            _ => {
                "make it readable, or start anew from the vault that is there with `cldkctl vault verify --accept-older`"
            }
        };
        settings.console.warn(&format!(
            "an older copy of the vault would not be noticed: {self}; {action}"
        ));
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

/// Compares a vault with what was seen of it. Warns when that cannot be read.
#[must_use]
pub fn age(settings: &Settings, contents: &Contents) -> Age {
    match remembered_or_warn(settings, contents) {
        Some(Some(memory)) if memory.is_beyond(contents.revision) => Age::Older(memory.revision),
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
    let Some(memory) = remembered_or_warn(settings, contents) else {
        return;
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
/// its revision may reach what was seen, which would be the last that is heard of it. Gives
/// what to [`take_back()`] if it is not saved after all.
#[must_use]
pub fn note_save(settings: &Settings, contents: &Contents, base: u64) -> Option<Memory> {
    let is_first = |memory: &Memory| !memory.saved_over && memory.is_beyond(base);
    let memory = remembered(settings, contents).ok()?.filter(is_first)?;
    let noted = change(settings, contents, |memory| {
        let saved_over = true;
        memory.filter(is_first).map(|memory| Memory {
            saved_over,
            ..memory
        })
    });
    detail(settings, noted);
    Some(memory)
}

/// Remembers what was remembered `before` a save that came to nothing, or else the vault that
/// is still in place would be taken for another. What was seen since then counts, if that is
/// more.
pub fn take_back(settings: &Settings, contents: &Contents, before: Memory) {
    let taken_back = change(settings, contents, |now| {
        let is_less = |now: Memory| before.saved_over || now.revision <= before.revision;
        now.is_none_or(is_less).then_some(before)
    });
    detail(settings, taken_back);
}

/// Runs `replace`, which puts a copy in place that its owner chose, and remembers its revision
/// as the highest if it is in place.
///
/// # Errors
/// Those of `replace`.
pub fn replacing(
    settings: &Settings,
    contents: &Contents,
    replace: impl FnOnce() -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let Some(before) = remembered_or_warn(settings, contents) else {
        return replace();
    };
    // An older copy is noted before it is in place: a crash between the two leaves a vault that
    // is newer than what was noted, and alarms nobody. A newer one is noted afterwards, for the
    // same reason.
    let beyond = before.filter(|memory| memory.is_beyond(contents.revision));
    if let Some(memory) = beyond {
        let lower = Memory::new(memory.revision.min(contents.revision));
        detail(settings, change(settings, contents, |_| Some(lower)));
    }
    let replaced = replace();
    if is_done(&replaced) {
        let new = Memory::new(contents.revision);
        detail(settings, change(settings, contents, |_| Some(new)));
    } else if let Some(memory) = beyond {
        take_back(settings, contents, memory);
    }
    replaced
}

/// Remembers this revision if it is higher than any that was seen.
pub fn raise(settings: &Settings, contents: &Contents) {
    let new = Memory::new(contents.revision);
    let raised = change(settings, contents, |memory| {
        let stays = memory.is_some_and(|memory| memory.is_beyond(new.revision) || memory == new);
        (!stays).then_some(new)
    });
    detail(settings, raised);
}

/// Remembers this revision as the highest, whatever was seen before, also where that cannot be
/// read.
///
/// # Errors
/// When somebody else can write there, or it cannot be written.
pub fn accept(settings: &Settings, contents: &Contents) -> Result<(), MemoryError> {
    let new = Memory::new(contents.revision);
    change_found(settings, contents, |found| match found {
        Ok(memory) if memory == Some(new) => Ok(None),
        Err(error @ MemoryError::NotSafe(_)) => Err(error),
        _ => Ok(Some(new)),
    })
}

/// Changes what is remembered to what `new` makes of it, if that is anything. What cannot be
/// read stays as it is: the number that was there may be higher.
fn change(
    settings: &Settings,
    contents: &Contents,
    new: impl Fn(Option<Memory>) -> Option<Memory>,
) -> Result<(), MemoryError> {
    change_found(settings, contents, |found| found.map(&new))
}

fn change_found(
    settings: &Settings,
    contents: &Contents,
    new: impl Fn(Result<Option<Memory>, MemoryError>) -> Result<Option<Memory>, MemoryError>,
) -> Result<(), MemoryError> {
    let Some(path) = path(settings, contents) else {
        return Ok(());
    };
    // Nothing is made in a place that is not safe, or where nothing is to be changed.
    if new(remembered(settings, contents))?.is_none() {
        return Ok(());
    }
    let folder = path.parent().unwrap_or(&path);
    make_folder(folder)?;
    // Or what another command remembers meanwhile would be lost.
    let Some(_lock) = lock(folder)? else {
        return Err(MemoryError::Busy(path));
    };
    match new(remembered(settings, contents))? {
        Some(memory) => Ok(write_whole(
            &path,
            memory.to_text().as_bytes(),
            Existing::Replace,
        )?),
        None => Ok(()),
    }
}

/// That nothing can be remembered, as on a read-only disk, is no failure of the command: what
/// is missed is a warning some day.
fn detail(settings: &Settings, changed: Result<(), MemoryError>) {
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

/// What is remembered; `None`, with a warning, when that cannot be told.
fn remembered_or_warn(settings: &Settings, contents: &Contents) -> Option<Option<Memory>> {
    remembered(settings, contents)
        .inspect_err(|error| error.warn(settings))
        .ok()
}

/// What is remembered. Nothing is taken from a place that somebody else can write to.
///
/// # Errors
/// When it is such a place, or something is there that cannot be read.
fn remembered(settings: &Settings, contents: &Contents) -> Result<Option<Memory>, MemoryError> {
    let Some(path) = path(settings, contents) else {
        return Ok(None);
    };
    // Read with the same suspicion as the vault itself.
    let bytes = match Store::at(&path).and_then(|file| file.read()) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        // A file stands where a folder would be, so nothing is remembered there.
        Err(StoreError::Io { source, .. }) if source.kind() == ErrorKind::NotADirectory => {
            return Ok(None);
        }
        Err(error) => return Err(MemoryError::of_reading(error, path)),
    };
    let memory = std::str::from_utf8(&bytes).ok().and_then(Memory::read);
    memory.map(Some).ok_or(MemoryError::Garbled(path))
}

/// The id is 32 hexadecimal digits, or the contents would not have been read.
fn path(settings: &Settings, contents: &Contents) -> Option<PathBuf> {
    Some(folder(settings)?.join(&contents.id))
}

fn folder(settings: &Settings) -> Option<PathBuf> {
    Some(settings.state_folder.as_ref()?.join("revisions"))
}
