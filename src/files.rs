//! Files: opened with suspicion, locked, and replaced whole. The one place that does this, for the
//! vault, the settings, the rollback memory, the agent and the recovery sheet.
//!
//! A change is made under an advisory lock on a file beside the vault: read again, change,
//! write a temporary file in the same folder, fsync, rename, fsync the folder. Whatever
//! happens on the way, the vault is the old one or the new one.

mod error;
mod folders;
pub mod input;
mod safety;
mod temporary;
pub mod user_folders;
mod write;

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, FlockOperation, access};
use rustix::io::Errno;

use self::error::io_error;
pub use self::error::{StoreError, is_done};
use self::folders::{check_folder, check_owner};
pub use self::safety::Found;
use self::safety::{OPEN_FLAGS, Whose, check_file, find_file, our_uid, read_file};
pub use self::temporary::{Existing, give_name, make_temporary};
pub use self::write::{
    has_no_locks, make_folder, names_in, remove_leftovers, sync_folder, write_whole,
};
use self::write::{lock, parent, remove, sibling, write_named_after};

/// Where a vault lies.
#[derive(Clone, Debug)]
pub struct Store {
    /// As the user named it, made absolute.
    path: PathBuf,
}

/// The largest file that is read, in bytes: more than a vault ever is.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// As many links as Linux itself follows, path_resolution(7).
const MOST_LINKS: usize = 40;

impl Store {
    /// The vault at `path`; a relative path is taken from the current folder.
    ///
    /// # Errors
    /// When the current folder cannot be found out.
    pub fn at(path: &Path) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).map_err(io_error("find", path))?;
        Ok(Self { path })
    }

    /// A vault at the usual place of a user who has no home folder: nowhere. Only using it fails.
    #[must_use]
    pub fn nowhere() -> Self {
        let path = PathBuf::new();
        Self { path }
    }

    /// The path, as the user named it, made absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The same, where there is one.
    ///
    /// # Errors
    /// When it is [nowhere](Self::nowhere).
    pub fn place(&self) -> Result<&Path, StoreError> {
        match self.path.as_os_str().is_empty() {
            true => Err(StoreError::NoHome),
            false => Ok(&self.path),
        }
    }

    /// Reads the vault; `None` when there is none. It may be the system's, such as a secret that is
    /// mounted into a container.
    ///
    /// # Errors
    /// When it cannot be read, is not a regular file, is too large, belongs to another user, or is
    /// root's and others can change it.
    pub fn find(&self) -> Result<Option<Found>, StoreError> {
        find_file(&self.resolve()?, Whose::Readable, MAX_FILE_BYTES)
    }

    /// The same, of a file that has to be ours.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        read_file(&self.resolve()?, Whose::Ours, MAX_FILE_BYTES)
    }

    /// Whether the vault can be replaced, if there is one.
    ///
    /// # Errors
    /// When it can only be read.
    pub fn check_writable(&self) -> Result<(), StoreError> {
        check_writable(&self.resolve()?)
    }

    /// Reads a file of at most `limit` bytes that nobody else can have written, such as settings:
    /// ours or the system's, closed to others, in folders that are. `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, is not a regular file, is too large, or others can change it.
    pub fn read_unaltered(&self, limit: u64) -> Result<Option<Vec<u8>>, StoreError> {
        // What is not there decides nothing, wherever it would be.
        let found = fs::symlink_metadata(&self.path);
        if found.is_err_and(|error| is_not_there(&error)) {
            return Ok(None);
        }
        // Who can replace the file, or what a link in its place leads to, can write it.
        read_file(&self.resolve()?, Whose::Unaltered, limit)
    }

    /// Reads a copy that may lie anywhere and be anybody's, such as one on a stick or a
    /// share. What it is worth shows when it is opened.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file or is too large.
    pub fn read_wherever(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.path.canonicalize() {
            Ok(path) => read_file(&path, Whose::Anybodys, MAX_FILE_BYTES),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(io_error("read", &self.path)(error)),
        }
    }

    /// Tries to take the lock on the vault, making its folder (0700) if there is none;
    /// `None` when another process holds it.
    ///
    /// # Errors
    /// When the folder cannot be made or belongs to another user.
    pub fn try_lock(&self) -> Result<Option<Locked>, StoreError> {
        let path = self.resolve()?;
        check_writable(&path)?;
        let folder = parent(&path);
        make_folder(folder)?;
        check_folder(folder)?;

        let lock_path = sibling(&path, ".lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(OPEN_FLAGS)
            .open(&lock_path)
            .map_err(|error| unopened_lock(error, &lock_path))?;
        check_file(&file, &lock_path, Whose::Ours)?;
        // Whoever can open it, be it only to read, can hold the lock for ever.
        if file.metadata().is_ok_and(|it| it.mode() & 0o077 != 0) {
            file.set_permissions(fs::Permissions::from_mode(0o600))
                .map_err(io_error("close to others the lock file", &lock_path))?;
        }
        match lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Locked { path, _lock: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) if has_no_locks(error) => Err(StoreError::NoLocks { path }),
            Err(error) => Err(io_error("lock", &lock_path)(error.into())),
        }
    }

    /// Follows symbolic links at the end of the path, so that a link to a vault stays one
    /// when the vault is replaced. The folders that the links and the vault lie in must be safe,
    /// and those that lead to them.
    ///
    /// # Errors
    /// When such a folder or a link is somebody else's, or others can replace what lies in it.
    pub(crate) fn resolve(&self) -> Result<PathBuf, StoreError> {
        self.follow_links(check_folder)
    }

    /// The same for a copy, which may lie in any folder.
    ///
    /// # Errors
    /// When a link is somebody else's.
    pub(crate) fn resolve_wherever(&self) -> Result<PathBuf, StoreError> {
        self.follow_links(|_| Ok(()))
    }

    fn follow_links(
        &self,
        check_folder: impl Fn(&Path) -> Result<(), StoreError>,
    ) -> Result<PathBuf, StoreError> {
        let mut path = self.place()?.to_owned();
        for _ in 0..MOST_LINKS {
            if path.file_name().is_none() {
                return Err(StoreError::NotAFile { path });
            }
            let folder = parent(&path);
            check_folder(folder)?;
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_symlink() => {
                    // In a folder like `/tmp` anybody can have put it there.
                    check_owner(&path, &metadata)?;
                    let target = fs::read_link(&path).map_err(io_error("read the link", &path))?;
                    path = folder.join(target);
                }
                Ok(_) => return Ok(path),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(path),
                Err(error) => return Err(io_error("read", &path)(error)),
            }
        }
        Err(io_error("follow the links at", &self.path)(
            Errno::LOOP.into(),
        ))
    }
}

/// Checks that a vault, if there is one, is not root's, and that its folder can be written in.
fn check_writable(path: &Path) -> Result<(), StoreError> {
    let read_only = |why| {
        let path = path.to_owned();
        Err(StoreError::ReadOnly { path, why })
    };
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.uid() == 0 && our_uid() != 0 => read_only(None),
        Ok(_) => access(parent(path), Access::WRITE_OK).or_else(|why| read_only(Some(why.into()))),
        // Whatever is wrong shows when it is made.
        Err(_) => Ok(()),
    }
}

/// Whether an error says that there is no such file, nor can be: a file such as `/dev/null` stands
/// where a folder would be.
#[must_use]
pub fn is_not_there(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Whether a folder on the way to a file may not be entered, search permission of
/// path_resolution(7).
#[must_use]
pub fn is_out_of_reach(path: &Path) -> bool {
    fs::symlink_metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::PermissionDenied)
}

/// Whether that folder is somebody else's, so that nothing of ours lies behind it.
#[must_use]
pub fn is_behind_others(path: &Path) -> bool {
    let closed = path.ancestors().find_map(|above| fs::metadata(above).ok());
    is_out_of_reach(path) && closed.is_some_and(|folder| folder.uid() != our_uid())
}

/// Why the lock file cannot be opened: in a folder like `/tmp` another user may have made it
/// first, as a file that is closed to us, a link or a pipe.
fn unopened_lock(error: io::Error, path: &Path) -> StoreError {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.uid() != our_uid() => StoreError::NotOurs {
            path: path.to_owned(),
            owner: metadata.uid(),
        },
        _ => io_error("open the lock file", path)(error),
    }
}

/// The vault while its lock is held.
#[derive(Debug)]
pub struct Locked {
    path: PathBuf,
    /// Closing it releases the lock.
    _lock: File,
}

impl Locked {
    /// Reads the vault; `None` when there is none.
    ///
    /// # Errors
    /// As [`Store::read`].
    pub fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        read_file(&self.path, Whose::Ours, MAX_FILE_BYTES)
    }

    /// Replaces the vault by `bytes`, with mode 0600. When this returns, they are on disk.
    ///
    /// # Errors
    /// When a system call fails; unless [`StoreError::is_done`], the old vault is as it was.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), StoreError> {
        write_whole(&self.path, bytes, Existing::Replace)
    }

    /// Keeps a copy of the vault beside it, as `NAME` with `suffix` behind, so that it can be
    /// replaced without being lost. Gives the path of the copy.
    ///
    /// # Errors
    /// When there is such a file already, or a system call fails. There is no copy then.
    pub fn keep_copy(&self, bytes: &[u8], suffix: &str) -> Result<PathBuf, StoreError> {
        let copy = sibling(&self.path, suffix);
        // The temporary file has the vault's name, so that the next save removes it if need be.
        match write_named_after(&copy, &self.path, bytes, Existing::Keep) {
            Ok(()) => Ok(copy),
            // One that may be gone after a power failure is no reason to replace the vault.
            Err(StoreError::Unconfirmed { source, .. }) => {
                self.discard_copy(&copy);
                Err(io_error("sync", parent(&copy))(source))
            }
            Err(error) => Err(error),
        }
    }

    /// Removes a copy that [`keep_copy`](Self::keep_copy) made, as the vault was not replaced after all.
    pub fn discard_copy(&self, copy: &Path) {
        let _ = fs::remove_file(copy);
    }

    /// The files beside the vault whose names are its own with `suffix` and more behind.
    #[must_use]
    pub fn copies(&self, suffix: &str) -> Vec<PathBuf> {
        let begin = sibling(&self.path, suffix);
        let begin = begin.file_name().unwrap_or_default().as_encoded_bytes();
        let folder = parent(&self.path);
        names_in(folder)
            .into_iter()
            .filter(|name| name.as_encoded_bytes().starts_with(begin))
            .map(|name| folder.join(name))
            .collect()
    }

    /// Removes the vault. There being none is fine: says whether there was one.
    ///
    /// # Errors
    /// When a system call fails; unless [`StoreError::is_done`], the vault is still there.
    pub fn remove(&self) -> Result<bool, StoreError> {
        // What a crash left are sealed copies of the vault, and to be gone with it.
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        remove_leftovers(parent(&self.path), |of| of == name);
        remove(&self.path)
    }
}
