//! The highest revision that was seen of each vault, remembered outside it: an old copy put
//! back in a vault's place is a good vault, and only memory tells.
//!
//! A file for each vault id under `$XDG_STATE_HOME/cldkctl/revisions` holds the number, and
//! whether an older copy was saved since. Without it, as on a new machine, whatever comes
//! first is taken for new.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::io::{Errno, retry_on_intr};

use super::ui::{Notice, Step, Ui};
use crate::files::{Existing, Store, StoreError, make_folder, remove_leftovers, write_whole};
use crate::vault::Contents;

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

    /// Compares a vault with what was seen of it.
    #[must_use]
    pub fn standing(&self, contents: &Contents) -> Standing {
        match self.remembered(contents) {
            Ok(Some(memory)) if memory.is_beyond(contents.revision) => {
                Standing::Older(memory.revision)
            }
            _ => Standing::Current,
        }
    }

    /// Warns if the vault at `path` is older than one that was seen, and notes its revision if
    /// it is newer. Whatever opens the vault in place comes by here.
    ///
    /// A command that saves meanwhile has its revision noted after the vault was read here;
    /// so `reread` reads it once more before anybody is alarmed. It gives `None` if the vault is
    /// gone or has another key by then.
    pub fn notice(&self, contents: &Contents, path: &Path, reread: impl FnOnce() -> Option<u64>) {
        let memory = match self.remembered(contents) {
            Ok(memory) => memory,
            Err(error) => return self.tell(&Notice::RollbackUnknown(&error)),
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

    /// Notes that a vault of revision `base` is about to be saved, if that is an older copy:
    /// its revision may reach the one that was seen, and then nothing would tell any more.
    pub fn before_save(&self, contents: &Contents, base: u64) {
        let is_first = |memory: &Memory| !memory.saved_over && memory.is_beyond(base);
        let is_older = |memory: Option<Memory>| memory.is_some_and(|memory| is_first(&memory));
        if self.remembered(contents).is_ok_and(is_older) {
            self.change(contents, |memory| {
                let saved_over = true;
                memory.filter(is_first).map(|memory| Memory {
                    saved_over,
                    ..memory
                })
            });
        }
    }

    /// Notes the revision of a vault that was saved.
    pub fn after_save(&self, contents: &Contents) {
        self.clean();
        self.raise(contents);
    }

    /// Notes this revision if it is higher than any that was seen.
    fn raise(&self, contents: &Contents) {
        let new = Memory::new(contents.revision);
        self.change(contents, |memory| {
            let stays =
                memory.is_some_and(|memory| memory.is_beyond(new.revision) || memory == new);
            (!stays).then_some(new)
        });
    }

    /// Notes this revision as the highest, whatever was seen before.
    pub fn accept(&self, contents: &Contents) {
        self.change(contents, |_| Some(Memory::new(contents.revision)));
    }

    /// Changes what is noted to what `new` makes of it, if that is anything. That it cannot be
    /// changed, as on a read-only disk, does not fail the command: what is missed is a warning
    /// some day.
    fn change(&self, contents: &Contents, new: impl FnOnce(Option<Memory>) -> Option<Memory>) {
        let Some(path) = self.file(contents) else {
            return;
        };
        let changed = self.remembered(contents).and_then(|_| {
            let folder = path.parent().unwrap_or(&path);
            make_folder(folder)?;
            // Or what another command notes meanwhile would be lost.
            let Some(_lock) = lock(folder)? else {
                self.detail(&Step::RevisionsLocked);
                return Ok(());
            };
            match new(self.remembered(contents)?) {
                Some(memory) => write_whole(&path, memory.to_text().as_bytes(), Existing::Replace),
                None => Ok(()),
            }
        });
        if let Err(error) = changed {
            self.detail(&Step::RevisionNotNoted(&error));
        }
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

    /// What is noted, if that can be read. Nothing is taken from a place that somebody else can
    /// write to.
    fn remembered(&self, contents: &Contents) -> Result<Option<Memory>, StoreError> {
        let Some(path) = self.file(contents) else {
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
    fn file(&self, contents: &Contents) -> Option<PathBuf> {
        Some(self.folder.as_ref()?.join(&contents.id))
    }

    fn tell(&self, notice: &Notice<'_>) {
        if let Some(ui) = &self.ui {
            ui.tell(notice);
        }
    }

    fn detail(&self, step: &Step<'_>) {
        if let Some(ui) = &self.ui {
            ui.detail(step);
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
