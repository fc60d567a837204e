//! Reading with suspicion: what lies at the vault's path may be no file, may grow while it is
//! read, or may be somebody else's.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use rustix::fs::StatVfsMountFlags;
use rustix::io::Errno;

use super::error::{StoreError, io_error};

/// Neither follow a link that was put there meanwhile, nor wait for a pipe's other end,
/// nor take a terminal.
pub(super) const OPEN_FLAGS: i32 = rustix::fs::OFlags::NOFOLLOW
    .union(rustix::fs::OFlags::NONBLOCK)
    .union(rustix::fs::OFlags::NOCTTY)
    .bits() as i32;

/// Whose a file has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// Ours.
    Ours,
    /// Ours, or the system's where nobody else may write to it.
    Readable,
    /// Ours or the system's, and nobody else may write to it.
    Unaltered,
    /// Anybody's.
    Anybodys,
}

/// A file that was read.
#[derive(Debug)]
pub struct Found {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// Whether it is ours, others may read or change it, and its mode can be changed.
    pub is_exposed: bool,
}

/// Reads a file of at most `limit` bytes; `None` if there is none.
pub(super) fn read_file(
    path: &Path,
    whose: Whose,
    limit: u64,
) -> Result<Option<Vec<u8>>, StoreError> {
    Ok(find_file(path, whose, limit)?.map(|found| found.bytes))
}

/// The same, and whether other users may read the file.
pub(super) fn find_file(
    path: &Path,
    whose: Whose,
    limit: u64,
) -> Result<Option<Found>, StoreError> {
    let file = match OpenOptions::new()
        .read(true)
        .custom_flags(OPEN_FLAGS)
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
    let metadata = check_file(&file, path, whose)?;
    let size = metadata.len();
    let is_exposed =
        metadata.uid() == our_uid() && metadata.mode() & 0o077 != 0 && !is_mounted_read_only(&file);
    let too_large = || StoreError::TooLarge {
        path: path.to_owned(),
    };
    if size > limit {
        return Err(too_large());
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
    // It may grow while it is read.
    file.take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(io_error("read", path))?;
    if bytes.len() as u64 > limit {
        return Err(too_large());
    }
    Ok(Some(Found { bytes, is_exposed }))
}

/// Whether nobody can change the file or its mode here, as a container's secret.
pub(super) fn is_mounted_read_only(file: &File) -> bool {
    rustix::fs::fstatvfs(file).is_ok_and(|mount| mount.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// Checks an open file: regular, and ours if it has to be.
pub(super) fn check_file(file: &File, path: &Path, whose: Whose) -> Result<Metadata, StoreError> {
    let metadata = file.metadata().map_err(io_error("read", path))?;
    if !metadata.is_file() {
        return Err(StoreError::NotAFile {
            path: path.to_owned(),
        });
    }
    let path = || path.to_owned();
    let is_trusted = match whose {
        Whose::Ours => is_ours(file, &metadata),
        Whose::Readable | Whose::Unaltered => metadata.uid() == 0 || is_ours(file, &metadata),
        Whose::Anybodys => true,
    };
    if !is_trusted {
        let owner = metadata.uid();
        return Err(StoreError::NotOurs {
            path: path(),
            owner,
        });
    }
    let is_to_be_closed = match whose {
        Whose::Unaltered => true,
        Whose::Readable => metadata.uid() != our_uid(),
        Whose::Ours | Whose::Anybodys => false,
    };
    if is_to_be_closed && metadata.mode() & 0o022 != 0 {
        return Err(StoreError::OpenFile { path: path() });
    }
    Ok(metadata)
}

/// What the kernel calls every user who has no id in a user namespace, user_namespaces(7). It is
/// the id of `nobody` as well.
pub(super) const OVERFLOW_UID: u32 = 65_534;

/// Whether a file or folder is ours.
///
/// Where users without an id have the same one as we do, that says nothing. Then the kernel is
/// asked for something that it allows the owner alone: `O_NOATIME`, open(2).
pub(super) fn is_ours(file: &File, metadata: &Metadata) -> bool {
    metadata.uid() == our_uid() && (our_uid() != OVERFLOW_UID || has_all_users() || owns(file))
}

#[cfg(target_os = "linux")]
fn owns(file: &File) -> bool {
    rustix::fs::fcntl_getfl(file)
        .and_then(|flags| rustix::fs::fcntl_setfl(file, flags | rustix::fs::OFlags::NOATIME))
        .is_ok()
}

#[cfg(not(target_os = "linux"))]
fn owns(_: &File) -> bool {
    true
}

/// Whether every user has an id here: outside of user namespaces, and on other systems.
pub(super) fn has_all_users() -> bool {
    !cfg!(target_os = "linux")
        || fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
            let words: Vec<&str> = map.split_whitespace().collect();
            words == ["0", "0", "4294967295"]
        })
}

pub(super) fn our_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}
