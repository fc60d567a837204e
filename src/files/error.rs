//! Why the file system stood in the way.

use std::io;
use std::path::{Path, PathBuf};

use crate::secret::shown_path;

/// Why the file system stood in the way.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The vault has no path, since its user has no home folder.
    #[error("cannot tell where your home folder is, and so where the vault is")]
    NoHome,
    /// A system call failed.
    #[error("cannot {action} {path}: {source}", path = shown_path(path))]
    Io {
        /// What was tried: `read`, `write`, …
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was done, and everybody sees it; but the folder could not be synced.
    #[error(
        "{path} was {done}, but a power failure may undo that: cannot sync the folder: {source}",
        path = path.display()
    )]
    Unconfirmed {
        /// What was done: `written`, `removed`.
        done: &'static str,
        /// To which file.
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
    /// A folder or link that leads to the vault belongs to a user who has no id in this user namespace.
    #[error("{path} belongs to a user who has no id in this user namespace", path = path.display())]
    Unmapped {
        /// What belongs to them.
        path: PathBuf,
    },
    /// The vault cannot be replaced: it is root's, or its folder cannot be written in.
    #[error(
        "{path} can only be read: {}",
        .why.as_ref().map_or_else(|| "it belongs to root".to_owned(), io::Error::to_string),
        path = path.display()
    )]
    ReadOnly {
        /// The vault.
        path: PathBuf,
        /// What the system said, unless it is root's.
        why: Option<io::Error>,
    },
    /// Others may replace files in the vault's folder.
    #[error("other users can replace files in {path}", path = path.display())]
    OpenFolder {
        /// The folder.
        path: PathBuf,
    },
    /// Others may write to a file that nobody else may change.
    #[error("other users can change {path}", path = path.display())]
    OpenFile {
        /// The file.
        path: PathBuf,
    },
    /// A folder, a device, a pipe or the like stands in place of the vault.
    #[error("{path} is not a regular file", path = path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A folder, a device or a socket stands where a file or a pipe is to be read.
    #[error("{path} is neither a file nor a pipe", path = path.display())]
    NotAFileOrPipe {
        /// The path.
        path: PathBuf,
    },
    /// It would be overwritten.
    #[error("{path} exists already", path = path.display())]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// The file system has no advisory locks.
    #[error("cannot lock {path}: its file system has no locks (flock)", path = path.display())]
    NoLocks {
        /// The vault.
        path: PathBuf,
    },
    /// More than a vault ever is.
    #[error("{path} is larger than 64 MiB, which no vault is", path = path.display())]
    TooLarge {
        /// The path.
        path: PathBuf,
    },
}

impl StoreError {
    /// Whether what was to be done was done all the same.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self, Self::Unconfirmed { .. })
    }

    /// Whether the place is only to be read.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        match self {
            Self::ReadOnly { .. } => true,
            Self::Io { source, .. } => matches!(
                source.kind(),
                io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied
            ),
            _ => false,
        }
    }
}

/// Whether what was to be done was done, also if a power failure may undo it.
#[must_use]
pub fn is_done<T>(result: &Result<T, StoreError>) -> bool {
    result.as_ref().map_or_else(StoreError::is_done, |_| true)
}

pub(super) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |source| StoreError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
