//! The vault on disk: one file, read with suspicion and replaced whole.
//!
//! A change is made under an advisory lock on a file beside the vault: read again, change,
//! write a temporary file in the same folder, fsync, rename, fsync the folder. Whatever
//! happens on the way, the vault is the old one or the new one.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::seal::MAX_FILE_BYTES;

/// Where a vault lies.
#[derive(Clone, Debug)]
pub struct Store {
    /// As the user named it, made absolute.
    path: PathBuf,
}

/// Why the file system stood in the way.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A system call failed.
    #[error("cannot {action} {path}: {source}", path = path.display())]
    Io {
        /// What was tried: `read`, `write`, …
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The vault, or a folder that leads to it, belongs to another user.
    #[error("{path} belongs to user id {owner}, not to you", path = path.display())]
    NotOurs {
        /// What belongs to them.
        path: PathBuf,
        /// Their user id.
        owner: u32,
    },
    /// Others may replace files in the vault's folder.
    #[error("other users can replace files in {path}", path = path.display())]
    OpenFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A folder, a device, a pipe or the like stands in place of the vault.
    #[error("{path} is not a regular file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// It would be overwritten.
    #[error("{path} is there already", path = path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// More than a vault ever is.
    #[error("{path} is larger than 64 MiB, which no vault is", path = path.display())]
    TooLarge {
        /// The path.
        path: PathBuf,
    },
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

impl Store {
    /// The vault at `path`; a relative path is taken from the current folder.
    ///
    /// # Errors
    /// When the current folder cannot be found out.
    pub fn at(path: &Path) -> Result<Self, StoreError> {
        let path = std::path::absolute(path).map_err(io_error("find", path))?;
        Ok(Self { path })
    }

    /// The path, as the user named it, made absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the vault; `None` when there is none.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file, is too large, or belongs to another user.
    pub fn read(&self) -> Result<Option<Vec<u8>>, StoreError> {
        read_file(&self.resolve()?, Whose::Ours)
    }

    /// Reads a copy that may lie anywhere and be anybody's, such as one on a stick or a
    /// share. What it is worth shows when it is opened.
    ///
    /// # Errors
    /// When it cannot be read, is no regular file or is too large.
    pub fn read_wherever(&self) -> Result<Option<Vec<u8>>, StoreError> {
        match self.path.canonicalize() {
            Ok(path) => read_file(&path, Whose::Anybodys),
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
        let folder = parent(&path);
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(io_error("create the folder", folder))?;
        check_folder(folder)?;

        let lock_path = sibling(&path, ".lock");
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(NO_SURPRISES)
            .open(&lock_path)
            .map_err(|error| unopened_lock(error, &lock_path))?;
        check_file(&file, &lock_path, Whose::Ours)?;
        // Whoever can open it, be it only to read, can hold the lock for ever.
        if file.metadata().is_ok_and(|it| it.mode() & 0o077 != 0) {
            file.set_permissions(fs::Permissions::from_mode(0o600))
                .map_err(io_error("close to others the lock file", &lock_path))?;
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Locked { path, _lock: file })),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(io_error("lock", &lock_path)(error.into())),
        }
    }

    /// Follows symbolic links at the end of the path, so that a link to a vault stays one
    /// when the vault is replaced. Each folder on the way must be safe.
    ///
    /// # Errors
    /// When a folder or a link is somebody else's, or others can replace what it leads to.
    pub(crate) fn resolve(&self) -> Result<PathBuf, StoreError> {
        // As many as Linux itself follows, path_resolution(7).
        const MOST_LINKS: usize = 40;
        let mut path = self.path.clone();
        for _ in 0..MOST_LINKS {
            if path.file_name().is_none() {
                return Err(StoreError::NotAFile { path });
            }
            let folder = parent(&path);
            if folder.try_exists().map_err(io_error("read", folder))? {
                check_folder(folder)?;
            }
            match fs::symlink_metadata(&path) {
                // In a folder like `/tmp` anybody can have put it there.
                Ok(metadata)
                    if metadata.is_symlink()
                        && metadata.uid() != our_uid()
                        && metadata.uid() != 0 =>
                {
                    let owner = metadata.uid();
                    return Err(StoreError::NotOurs { path, owner });
                }
                Ok(metadata) if metadata.is_symlink() => {
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
        read_file(&self.path, Whose::Ours)
    }

    /// Replaces the vault by `bytes`, with mode 0600. When this returns, they are on disk.
    ///
    /// # Errors
    /// When a system call fails; the old vault is then as it was.
    pub fn replace(&self, bytes: &[u8]) -> Result<(), StoreError> {
        self.remove_leftovers();
        write_whole(&self.path, bytes, Existing::Replace)
    }

    /// Keeps a copy of the vault beside it, as `NAME` with `suffix` behind, so that it can be
    /// replaced without being lost. Gives the path of the copy.
    ///
    /// # Errors
    /// When there is such a file already, or a system call fails.
    pub fn keep_copy(&self, bytes: &[u8], suffix: &str) -> Result<PathBuf, StoreError> {
        let copy = sibling(&self.path, suffix);
        write_whole(&copy, bytes, Existing::Keep)?;
        Ok(copy)
    }

    /// Removes the vault. There being none is fine: says whether there was one.
    ///
    /// # Errors
    /// When a system call fails.
    pub fn remove(&self) -> Result<bool, StoreError> {
        // They are sealed copies of the vault, and to be gone with it.
        self.remove_leftovers();
        match fs::remove_file(&self.path) {
            Ok(()) => sync_folder(parent(&self.path)).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(io_error("remove", &self.path)(error)),
        }
    }

    /// Removes temporary files that a crashed process left. Under the lock nobody else
    /// is writing one, and one that cannot be removed is in nobody's way.
    fn remove_leftovers(&self) {
        let prefix = temporary_prefix(&self.path);
        let Ok(entries) = fs::read_dir(parent(&self.path)) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let random = name
                .strip_prefix(&prefix)
                .and_then(|rest| rest.strip_suffix(TEMPORARY_SUFFIX));
            // Without a dot: `.v.age.XXXXXX.tmp` is the vault v.age's, whose lock v does not hold.
            if random.is_some_and(|random| !random.contains('.')) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

/// What to do about a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it, and fail.
    Keep,
    /// Replace it.
    Replace,
}

/// Writes a file whole, with mode 0600: it is there with all of `bytes`, on disk, or not at
/// all.
///
/// # Errors
/// [`StoreError::Exists`] when it is there already and is to be kept; when a folder, a device
/// or a pipe stands there; or when a system call fails.
pub fn write_whole(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), StoreError> {
    let folder = parent(path);
    // A rename takes the place of a pipe or a device, too: root would lose /dev/null.
    let in_the_way = fs::symlink_metadata(path)
        .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_symlink());
    if in_the_way {
        let source = io::Error::other("it is not a regular file");
        return Err(io_error("replace", path)(source));
    }
    let mut temporary = tempfile::Builder::new()
        .prefix(&temporary_prefix(path))
        .suffix(TEMPORARY_SUFFIX)
        .permissions(fs::Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(io_error("write in", folder))?;
    let file = temporary.as_file_mut();
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(io_error("write", path))?;
    let persisted = match existing {
        Existing::Replace => temporary.persist(path),
        Existing::Keep => temporary.persist_noclobber(path),
    };
    match persisted {
        Ok(_) => sync_folder(folder),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            Err(StoreError::Exists {
                path: path.to_owned(),
            })
        }
        Err(error) => Err(io_error("replace", path)(error.error)),
    }
}

fn temporary_prefix(path: &Path) -> String {
    format!(
        ".{}.",
        path.file_name().unwrap_or_default().to_string_lossy()
    )
}

const TEMPORARY_SUFFIX: &str = ".tmp";

/// Neither follow a link that was put there meanwhile, nor wait for a pipe's other end,
/// nor take a terminal.
const NO_SURPRISES: i32 = rustix::fs::OFlags::NOFOLLOW
    .union(rustix::fs::OFlags::NONBLOCK)
    .union(rustix::fs::OFlags::NOCTTY)
    .bits() as i32;

/// Whose a file has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Anybodys,
}

fn read_file(path: &Path, whose: Whose) -> Result<Option<Vec<u8>>, StoreError> {
    let file = match OpenOptions::new()
        .read(true)
        .custom_flags(NO_SURPRISES)
        .open(path)
    {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // A socket cannot be opened at all, open(2).
        Err(error) if error.raw_os_error() == Some(Errno::NXIO.raw_os_error()) => {
            return Err(StoreError::NotAFile {
                path: path.to_owned(),
            });
        }
        Err(error) => return Err(io_error("read", path)(error)),
    };
    let size = check_file(&file, path, whose)?;
    let too_large = || StoreError::TooLarge {
        path: path.to_owned(),
    };
    if size > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // It may grow while it is read.
    file.take(MAX_FILE_BYTES + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error("read", path))?;
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large());
    }
    Ok(Some(bytes))
}

/// Checks an open file: regular, and ours if it has to be. Gives its size.
fn check_file(file: &File, path: &Path, whose: Whose) -> Result<u64, StoreError> {
    let metadata = file.metadata().map_err(io_error("read", path))?;
    if !metadata.is_file() {
        return Err(StoreError::NotAFile {
            path: path.to_owned(),
        });
    }
    if whose == Whose::Ours && metadata.uid() != our_uid() {
        return Err(StoreError::NotOurs {
            path: path.to_owned(),
            owner: metadata.uid(),
        });
    }
    Ok(metadata.len())
}

/// Checks a folder: ours or the system's, and nobody else may replace what lies in it
/// (as in `/tmp`, the sticky bit makes it safe again, inode(7)).
fn check_folder(folder: &Path) -> Result<(), StoreError> {
    const WRITABLE_BY_OTHERS: u32 = 0o022;
    const STICKY: u32 = 0o1000;
    let metadata = fs::metadata(folder).map_err(io_error("read", folder))?;
    if !metadata.is_dir() {
        return Err(io_error("use the folder", folder)(Errno::NOTDIR.into()));
    }
    if metadata.uid() != our_uid() && metadata.uid() != 0 {
        return Err(StoreError::NotOurs {
            path: folder.to_owned(),
            owner: metadata.uid(),
        });
    }
    if metadata.mode() & WRITABLE_BY_OTHERS != 0 && metadata.mode() & STICKY == 0 {
        return Err(StoreError::OpenFolder {
            path: folder.to_owned(),
        });
    }
    Ok(())
}

fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Makes a rename or removal in `folder` durable.
fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(io_error("sync", folder))
}

fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => Path::new("/"),
    }
}

fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
