//! The highest revision that was seen of each vault, remembered outside it: an old copy put
//! back in a vault's place is a good vault, and only memory tells.
//!
//! A file for each vault id under `$XDG_STATE_HOME/cldkctl/revisions` holds the number, and
//! whether an older copy was saved since. Without it, as on a new machine, whatever comes
//! first is taken for new. One that is there and cannot be read is reported, and never replaced
//! but by `vault verify --accept-older`: its number may be higher than any that is known here.

mod memory;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

pub(super) use self::memory::Memory;
use super::error::MemoryError;
use super::ui::{Notice, Step, Ui};
use crate::files::{
    Existing, Store, StoreError, is_behind_others, is_done, is_not_there, make_folder,
    remove_leftovers, write_whole,
};
use crate::vault::Contents;

/// How long a command waits for another that is remembering something.
const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// How a vault compares with what was seen of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// As new as any that was seen, or newer, or the first.
    Current,
    /// It is an older copy, or was saved from one: this revision was seen, of a newer vault.
    Older(u64),
}

/// The revisions that were seen on this machine.
#[derive(Clone)]
pub struct Rollback {
    /// `$XDG_STATE_HOME/cldkctl/revisions`; without it nothing is remembered.
    folder: Option<PathBuf>,
    ui: Option<Rc<dyn Ui>>,
}

impl Rollback {
    /// Remembers in `folder`, where there is one.
    #[must_use]
    pub fn in_folder(folder: Option<PathBuf>, ui: Rc<dyn Ui>) -> Self {
        Self {
            folder,
            ui: Some(ui),
        }
    }

    /// Remembers nothing and warns of nothing.
    #[must_use]
    pub fn forgetful() -> Self {
        Self {
            folder: None,
            ui: None,
        }
    }

    /// Compares a vault with what was seen of it. Warns when that cannot be read.
    #[must_use]
    pub fn standing(&self, contents: &Contents) -> Standing {
        match self.remembered_or_warn(contents) {
            Some(Some(memory)) if memory.is_beyond(contents.revision) => {
                Standing::Older(memory.revision)
            }
            _ => Standing::Current,
        }
    }

    /// Warns if the vault at `path` is older than one that was seen, and notes its revision if
    /// it is newer. Whatever opens the vault in place comes by here.
    ///
    /// A command that saves meanwhile has its revision noted after the vault was read here; so
    /// `reread` reads it once more before anybody is alarmed. It gives `None` if the vault is
    /// gone or has another key by then.
    pub fn notice(&self, contents: &Contents, path: &Path, reread: impl FnOnce() -> Option<u64>) {
        let Some(memory) = self.remembered_or_warn(contents) else {
            return;
        };
        let Some(memory) = memory.filter(|memory| memory.is_beyond(contents.revision)) else {
            if memory != Some(Memory::new(contents.revision)) {
                self.raise(contents);
            }
            return;
        };
        let Some(revision) = reread() else {
            return;
        };
        let seen = memory.revision;
        if memory.is_beyond(revision) {
            self.tell(&Notice::OlderCopy {
                path,
                revision,
                seen,
            });
        }
    }

    /// Notes that a vault of revision `base` is about to be saved, if that is an older copy: its
    /// revision may reach the one that was seen, and then nothing would tell any more. Gives what
    /// [`take_back`](Self::take_back) needs if it is not saved after all.
    #[must_use]
    pub fn before_save(&self, contents: &Contents, base: u64) -> Option<Memory> {
        let is_first = |memory: &Memory| !memory.saved_over && memory.is_beyond(base);
        let memory = self.remembered(contents).ok()?.filter(is_first)?;
        let noted = self.change(contents, |memory| {
            let saved_over = true;
            memory.filter(is_first).map(|memory| Memory {
                saved_over,
                ..memory
            })
        });
        self.detail(noted);
        Some(memory)
    }

    /// Notes the revision of a vault that was saved.
    pub fn after_save(&self, contents: &Contents) {
        self.clean();
        self.raise(contents);
    }

    /// Remembers again what was remembered `before` a save that failed: otherwise the vault that
    /// is still in place would be taken for another. What was seen since counts, if that is more.
    pub fn take_back(&self, contents: &Contents, before: Memory) {
        let taken_back = self.change(contents, |now| {
            let is_less = |now: Memory| before.saved_over || now.revision <= before.revision;
            now.is_none_or(is_less).then_some(before)
        });
        self.detail(taken_back);
    }

    /// Runs `replace`, which puts a copy in place that its owner chose, and notes its revision as
    /// the highest if it is in place.
    ///
    /// # Errors
    /// Those of `replace`.
    pub fn replacing(
        &self,
        contents: &Contents,
        replace: impl FnOnce() -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let Some(before) = self.remembered_or_warn(contents) else {
            return replace();
        };
        // An older copy is noted before it is in place: a crash between the two leaves a vault
        // that is newer than what was noted, and alarms nobody. A newer one is noted afterwards,
        // for the same reason.
        let beyond = before.filter(|memory| memory.is_beyond(contents.revision));
        if let Some(memory) = beyond {
            let lower = Memory::new(memory.revision.min(contents.revision));
            self.detail(self.change(contents, |_| Some(lower)));
        }
        let replaced = replace();
        if is_done(&replaced) {
            let new = Memory::new(contents.revision);
            self.detail(self.change(contents, |_| Some(new)));
        } else if let Some(memory) = beyond {
            self.take_back(contents, memory);
        }
        replaced
    }

    /// Notes this revision if it is higher than any that was seen.
    fn raise(&self, contents: &Contents) {
        let new = Memory::new(contents.revision);
        let raised = self.change(contents, |memory| {
            let stays =
                memory.is_some_and(|memory| memory.is_beyond(new.revision) || memory == new);
            (!stays).then_some(new)
        });
        self.detail(raised);
    }

    /// Notes this revision as the highest, whatever was seen before, even if that cannot be read.
    ///
    /// # Errors
    /// When somebody else can write there, or it cannot be written.
    pub fn accept(&self, contents: &Contents) -> Result<(), MemoryError> {
        let new = Memory::new(contents.revision);
        self.change_found(contents, |found| match found {
            Ok(memory) if memory == Some(new) => Ok(None),
            Err(error @ MemoryError::NotSafe(_)) => Err(error),
            _ => Ok(Some(new)),
        })
    }

    /// Changes what is noted to what `new` makes of it, if that is anything. What cannot be read
    /// stays as it is: the number that was there may be higher.
    fn change(
        &self,
        contents: &Contents,
        new: impl Fn(Option<Memory>) -> Option<Memory>,
    ) -> Result<(), MemoryError> {
        self.change_found(contents, |found| found.map(&new))
    }

    fn change_found(
        &self,
        contents: &Contents,
        new: impl Fn(Result<Option<Memory>, MemoryError>) -> Result<Option<Memory>, MemoryError>,
    ) -> Result<(), MemoryError> {
        let Some(path) = self.file(contents) else {
            return Ok(());
        };
        // Nothing is created in a place that is not safe, or if nothing is to be changed.
        if new(self.remembered(contents))?.is_none() {
            return Ok(());
        }
        let folder = path.parent().unwrap_or(&path);
        make_folder(folder)?;
        // Or what another command notes meanwhile would be lost.
        let Some(_lock) = lock(folder)? else {
            return Err(MemoryError::Busy(path));
        };
        if let Some(memory) = new(self.remembered(contents))? {
            write_whole(&path, memory.to_text().as_bytes(), Existing::Replace)?;
        }
        Ok(())
    }

    /// Removes what killed processes left in the folder, of whichever vault: nobody writes that
    /// of a vault that is gone. Not in a place that somebody else controls.
    pub fn clean(&self) {
        let is_id = |name: &str| name.len() == 32 && name.bytes().all(|it| it.is_ascii_hexdigit());
        if let Some(folder) = &self.folder
            && Store::at(&folder.join("any")).is_ok_and(|file| file.resolve().is_ok())
        {
            remove_leftovers(folder, is_id);
        }
    }

    /// What is noted; `None`, with a warning, when that cannot be told.
    fn remembered_or_warn(&self, contents: &Contents) -> Option<Option<Memory>> {
        self.remembered(contents)
            .inspect_err(|error| self.tell(&Notice::RollbackUnknown(error)))
            .ok()
    }

    /// What is noted. Nothing is taken from a place that somebody else can write to.
    fn remembered(&self, contents: &Contents) -> Result<Option<Memory>, MemoryError> {
        let Some(path) = self.file(contents) else {
            return Ok(None);
        };
        // Read with the same suspicion as the vault itself.
        let bytes = match Store::at(&path).and_then(|file| file.read()) {
            Ok(Some(bytes)) => bytes,
            // A link that leads nowhere: what is noted lies on a disk that is not there, say.
            Ok(None) if path.is_symlink() => return Err(MemoryError::Garbled(path)),
            Ok(None) => return Ok(None),
            // A file stands where a folder would be, so nothing is noted there.
            Err(StoreError::Io { source, .. }) if is_not_there(&source) => return Ok(None),
            Err(StoreError::Io { .. }) if is_behind_others(&path) => return Ok(None),
            Err(error) => return Err(MemoryError::of_reading(error, path)),
        };
        let memory = std::str::from_utf8(&bytes).ok().and_then(Memory::read);
        memory.map(Some).ok_or(MemoryError::Garbled(path))
    }

    /// The id is 32 hexadecimal digits, or the contents would not have been read.
    fn file(&self, contents: &Contents) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(&contents.id))
    }

    fn tell(&self, notice: &Notice<'_>) {
        if let Some(ui) = &self.ui {
            ui.tell(notice);
        }
    }

    /// That nothing can be noted, as on a read-only disk, does not fail the command: what is
    /// missed is a warning some day.
    fn detail(&self, changed: Result<(), MemoryError>) {
        if let (Err(error), Some(ui)) = (changed, &self.ui) {
            ui.detail(&Step::RevisionNotNoted(&error));
        }
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
