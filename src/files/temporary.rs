//! A temporary file beside the one that it is to be: made, and given its name.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::io::Errno;
use tempfile::{NamedTempFile, PersistError};

/// What to do about a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Leave it, and fail.
    Keep,
    /// Replace it.
    Replace,
}

/// What the name of a temporary file ends with.
pub(super) const SUFFIX: &str = ".tmp";

/// A new file in `folder`, mode 0600, named with `prefix`, a random part and `.tmp`. It is gone
/// again when it is dropped.
///
/// # Errors
/// When the system refuses; the error does not have the name, which nobody asked for.
pub fn make_temporary(folder: &Path, prefix: &str) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .prefix(prefix)
        .suffix(SUFFIX)
        .make_in(folder, |path| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).create_new(true);
            options.mode(0o600).open(path)
        })
}

/// Gives a temporary file its name.
///
/// # Errors
/// When there is such a file already and it is to be kept, or a system call fails. The temporary
/// file is in the error.
pub fn give_name(
    mut temporary: NamedTempFile,
    path: &Path,
    existing: Existing,
) -> Result<(), PersistError> {
    loop {
        let given = match existing {
            Existing::Replace => temporary.persist(path),
            Existing::Keep => temporary.persist_noclobber(path),
        };
        match given {
            Ok(_) => return Ok(()),
            Err(PersistError { error, file }) if error.kind() == io::ErrorKind::Interrupted => {
                temporary = file;
            }
            Err(PersistError { error, file })
                if existing == Existing::Keep && is_not_supported(&error) =>
            {
                return reserve_and_rename(file, path);
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether the file system has neither `RENAME_NOREPLACE` nor hard links, rename(2) and link(2), as
/// exFAT and some of FUSE and of virtual machines.
fn is_not_supported(error: &io::Error) -> bool {
    matches!(
        Errno::from_io_error(error),
        Some(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL)
    )
}

/// The same in two steps: the name is taken by an empty file, which is ours to replace. A process
/// that is killed between the two leaves that one behind.
fn reserve_and_rename(temporary: NamedTempFile, path: &Path) -> Result<(), PersistError> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    if let Err(error) = again(|| options.open(path)) {
        let file = temporary;
        return Err(PersistError { error, file });
    }
    give_name(temporary, path, Existing::Replace).inspect_err(|_| {
        if fs::symlink_metadata(path).is_ok_and(|reserved| reserved.len() == 0) {
            let _ = fs::remove_file(path);
        }
    })
}

/// Repeats a system call that a signal interrupted.
pub(super) fn again<T>(call: impl Fn() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
