//! Writing a file whole: it is there with all of its bytes, on disk, or not at all.
//!
//! ```text
//! temporary file beside it ─▶ fsync ─▶ read back ─▶ rename ─▶ fsync of the folder
//! ```
//! Until the rename nothing has happened that anybody sees. After it, all has; what the
//! folder's fsync adds is that a power failure does not undo it.
//!
//! A process that is killed on the way leaves its temporary file behind. The next one that
//! writes the same file removes it: whoever writes one holds an advisory lock on it, and the
//! lock of a process ends with the process.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{Dir, FlockOperation, flock};
use rustix::io::Errno;
use tempfile::NamedTempFile;

use super::error::{StoreError, io_error};
use super::safety::{OPEN_FLAGS, our_uid};
use super::temporary::{self, Existing, again, give_name, make_temporary};

/// Writes a file whole, with mode 0600: it is there with all of `bytes`, on disk, or not at
/// all. Temporary files that crashed processes left of the same file are removed.
///
/// # Errors
/// [`StoreError::Exists`] when it is there already and is to be kept; when a folder, a device
/// or a pipe stands there; or when a system call fails. Unless [`StoreError::is_done`],
/// nothing has changed.
pub fn write_whole(path: &Path, bytes: &[u8], existing: Existing) -> Result<(), StoreError> {
    let name = file_name(path);
    remove_leftovers(parent(path), |of| of == name);
    write_named_after(path, path, bytes, existing)
}

/// The same, with a temporary file that is named after another file in the folder; nothing is
/// removed.
pub(super) fn write_named_after(
    path: &Path,
    other: &Path,
    bytes: &[u8],
    existing: Existing,
) -> Result<(), StoreError> {
    let folder = parent(path);
    // A rename takes the place of a pipe or a device, too: root would lose /dev/null.
    let in_the_way = fs::symlink_metadata(path)
        .is_ok_and(|metadata| !metadata.is_file() && !metadata.is_symlink());
    if in_the_way {
        let source = io::Error::other("it is not a regular file");
        return Err(io_error("replace", path)(source));
    }
    let opened = open_folder(folder)?;
    let mut temporary = locked_temporary(folder, other).map_err(io_error("write in", folder))?;
    let file = temporary.as_file_mut();
    file.write_all(bytes)
        .and_then(|()| file.sync_all())
        .map_err(io_error("write", path))?;
    // A disk that lies is better found out while the old file is there.
    let same = is_on_disk(file, bytes).map_err(io_error("read back", path))?;
    if !same {
        let source = io::Error::other("the disk gives back something else than was written");
        return Err(io_error("write", path)(source));
    }
    match give_name(temporary, path, existing) {
        Ok(()) => confirm("written", path, &opened),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            let path = path.to_owned();
            Err(StoreError::Exists { path })
        }
        Err(error) => Err(io_error("replace", path)(error.error)),
    }
}

/// A new temporary file for `path`, mode 0600, locked.
fn locked_temporary(folder: &Path, path: &Path) -> io::Result<NamedTempFile> {
    loop {
        let file = make_temporary(folder, &format!(".{}.", file_name(path)))?;
        // A umask can take it from its owner. Not set where nothing is missing: some file
        // systems, as of sticks, have modes of their own and refuse any other.
        if file.as_file().metadata()?.mode() & 0o600 != 0o600 {
            let permissions = fs::Permissions::from_mode(0o600);
            file.as_file().set_permissions(permissions)?;
        }
        // Where there are no such locks nothing is taken for a leftover either.
        let _ = lock(file.as_file(), FlockOperation::LockExclusive);
        // Between the two somebody may have taken it for one.
        if file.as_file().metadata()?.nlink() > 0 {
            return Ok(file);
        }
    }
}

/// Whether the file, which was synced, has these bytes on the disk and not only in memory.
fn is_on_disk(file: &mut File, bytes: &[u8]) -> io::Result<bool> {
    // Advice: where it is not taken, the comparison is with what the system has in memory.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(&*file, 0, None, rustix::fs::Advice::DontNeed);
    file.rewind()?;
    let mut read = Vec::with_capacity(bytes.len() + 1);
    file.take(bytes.len() as u64 + 1).read_to_end(&mut read)?;
    Ok(read == bytes)
}

/// Removes temporary files that crashed processes left in `folder`, of the files whose names
/// are `of_ours`. One that a process is writing stays; one that cannot be removed is in
/// nobody's way.
pub fn remove_leftovers(folder: &Path, of_ours: impl Fn(&str) -> bool) {
    for name in names_in(folder) {
        // `.NAME.RANDOM.tmp`; the NAME may have dots.
        let is_one = name
            .to_str()
            .and_then(|name| name.strip_prefix('.')?.strip_suffix(temporary::SUFFIX))
            .and_then(|name| name.rsplit_once('.'))
            .is_some_and(|(name, random)| !random.is_empty() && of_ours(name));
        if is_one {
            let _ = remove_leftover(&folder.join(name));
        }
    }
}

/// The names of what is in a folder, in order; as far as it can be read.
///
/// Not by `fs::read_dir`, which panics when the system cannot close the folder again.
pub fn names_in(folder: &Path) -> Vec<OsString> {
    let entries = File::open(folder)
        .and_then(|folder| Ok(Dir::new(folder)?))
        .into_iter()
        .flatten();
    let mut names: Vec<_> = entries
        .flatten()
        .map(|entry| OsStr::from_bytes(entry.file_name().to_bytes()).to_owned())
        .filter(|name| name != "." && name != "..")
        .collect();
    names.sort();
    names
}

fn remove_leftover(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(OPEN_FLAGS)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_file() && metadata.uid() == our_uid() {
        lock(&file, FlockOperation::NonBlockingLockExclusive)?;
        fs::remove_file(path)?;
    }
    Ok(())
}

/// Makes a folder that lasts, and those that lead to it, with mode 0700. That it is there
/// already is fine.
///
/// # Errors
/// When a system call fails.
pub fn make_folder(folder: &Path) -> Result<(), StoreError> {
    let mut missing = Vec::new();
    for folder in folder.ancestors().filter(|path| *path != Path::new("")) {
        if folder.try_exists().map_err(io_error("read", folder))? {
            break;
        }
        missing.push(folder);
    }
    for folder in missing.into_iter().rev() {
        let above = open_folder(parent(folder))?;
        let made = again(|| DirBuilder::new().mode(0o700).create(folder)).and_then(|()| {
            // As for a file.
            match fs::metadata(folder)?.mode() & 0o700 {
                0o700 => Ok(()),
                _ => fs::set_permissions(folder, fs::Permissions::from_mode(0o700)),
            }
        });
        match made {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(io_error("create the folder", folder)(error));
            }
            _ => sync_folder(&above).map_err(io_error("sync", parent(folder)))?,
        }
    }
    Ok(())
}

/// Removes a file; that there is none is fine. Says whether there was one.
///
/// # Errors
/// When a system call fails.
pub(super) fn remove(path: &Path) -> Result<bool, StoreError> {
    let folder = open_folder(parent(path))?;
    match again(|| fs::remove_file(path)) {
        Ok(()) => confirm("removed", path, &folder).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_error("remove", path)(error)),
    }
}

/// Opens a folder to sync it, before anything in it is changed: afterwards there may be no
/// descriptor to spare.
fn open_folder(folder: &Path) -> Result<File, StoreError> {
    File::open(folder).map_err(io_error("open the folder", folder))
}

/// Makes what was `done` to the file last.
fn confirm(done: &'static str, path: &Path, folder: &File) -> Result<(), StoreError> {
    sync_folder(folder).map_err(|source| StoreError::Unconfirmed {
        done,
        path: path.to_owned(),
        source,
    })
}

/// Has renames and removals in `folder` on disk.
///
/// # Errors
/// When the disk fails.
pub fn sync_folder(folder: &File) -> io::Result<()> {
    match folder.sync_all() {
        // Some file systems, of networks and of virtual machines, know no such thing for a
        // folder; there is nothing more to be done there.
        Err(error) if Errno::from_io_error(&error) == Some(Errno::INVAL) => Ok(()),
        result => result,
    }
}

/// Takes an advisory lock; a signal on the way is no failure.
pub(super) fn lock(file: &File, operation: FlockOperation) -> rustix::io::Result<()> {
    rustix::io::retry_on_intr(|| flock(file, operation))
}

/// Whether a file system has no such locks, as that of a network without its lock service.
#[must_use]
pub fn has_no_locks(error: Errno) -> bool {
    [Errno::NOLCK, Errno::NOSYS, Errno::OPNOTSUPP].contains(&error)
}

fn file_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

pub(super) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => Path::new("/"),
    }
}

pub(super) fn sibling(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_is_writing_is_no_leftover() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("vault.age");
        let writing = locked_temporary(folder.path(), &path).expect("a temporary file");
        write_whole(&path, b"new", Existing::Replace).expect("written");
        assert!(writing.path().exists());

        // The process is gone, and its lock.
        let (file, left) = writing.keep().expect("kept");
        drop(file);
        write_whole(&path, b"newer", Existing::Replace).expect("written");
        assert!(!left.exists());
        assert_eq!(names_in(folder.path()), ["vault.age"]);
    }

    #[test]
    fn names_of_others_are_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let others = [
            ".other.age.Ab12Cd.tmp",
            ".vault.age..tmp",
            ".vault.age.tmp",
            ".vault.age.Ab12Cd.bak",
            "vault.age.Ab12Cd.tmp",
        ];
        for name in others {
            fs::write(folder.path().join(name), "not ours").expect("written");
        }
        fs::create_dir(folder.path().join(".vault.age.folder.tmp")).expect("a folder");
        fs::write(folder.path().join(".vault.age.Ab12Cd.tmp"), "half").expect("written");
        remove_leftovers(folder.path(), |name| name == "vault.age");
        let left = names_in(folder.path());
        assert_eq!(left.len(), others.len() + 1, "{left:?}");
        assert!(!left.iter().any(|name| name == ".vault.age.Ab12Cd.tmp"));
    }
}
