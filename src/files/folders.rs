//! Whether a folder is where only we and the system can put things: it, and each folder and link
//! on the way to it, as sshd's `StrictModes` has it, sshd_config(5).

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::MOST_LINKS;
use super::error::{StoreError, io_error};
use super::safety::{OVERFLOW_UID, has_all_users, is_ours, our_uid};
use super::user_folders;

const WRITABLE_BY_GROUP: u32 = 0o020;
const WRITABLE_BY_OTHERS: u32 = 0o002;
/// As in `/tmp`: only its owner moves or removes what lies in it, inode(7).
const STICKY: u32 = 0o1000;

/// Checks a folder and all that leads to it, as far as it is there: ours or the system's, and
/// nobody else may replace what lies in it.
///
/// # Errors
/// Which one is somebody else's, or open to others.
pub(super) fn check_folder(folder: &Path) -> Result<(), StoreError> {
    // Whichever of them it is: the one that was meant is what tells a person more.
    let failed = || io_error("check what leads to", folder);
    let whole = std::path::absolute(folder).map_err(failed())?;
    let mut to_go: VecDeque<OsString> = names(&whole).collect();
    // What was checked, without links, and what is to be checked next.
    let mut path = PathBuf::from("/");
    let mut links = 0;
    loop {
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            metadata => metadata.map_err(failed())?,
        };
        check_owner(&path, &metadata)?;
        if metadata.is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return Err(failed()(Errno::LOOP.into()));
            }
            let target = fs::read_link(&path).map_err(failed())?;
            for name in names(&target).rev() {
                to_go.push_front(name);
            }
            path.pop();
            if target.is_absolute() {
                path = PathBuf::from("/");
            }
        } else if !metadata.is_dir() {
            return Err(io_error("use the folder", &path)(Errno::NOTDIR.into()));
        } else if is_open(&metadata, to_go.is_empty()) {
            return Err(StoreError::OpenFolder { path });
        }
        match to_go.pop_front() {
            Some(name) if name == ".." => drop(path.pop()),
            Some(name) => path.push(name),
            None => return Ok(()),
        }
    }
}

/// The names in a path, and `..` where it goes up.
fn names(path: &Path) -> impl DoubleEndedIterator<Item = OsString> {
    path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    })
}

/// Checks that a folder or link is ours or the system's.
///
/// In a user namespace that is not told of root outside of it, nor root from anybody else there.
/// So what belongs to either is taken for the system's on the way to the home folder alone:
/// whoever could change that has all that is ours already.
pub(super) fn check_owner(path: &Path, metadata: &Metadata) -> Result<(), StoreError> {
    let owner = metadata.uid();
    if owner == 0 || owner == our_uid() && owner != OVERFLOW_UID {
        return Ok(());
    }
    let not_ours = || StoreError::NotOurs {
        path: path.to_owned(),
        owner,
    };
    if owner != OVERFLOW_UID {
        return Err(not_ours());
    }
    if has_all_users() {
        return if owner == our_uid() {
            Ok(())
        } else {
            Err(not_ours())
        };
    }
    let ours = owner == our_uid()
        && metadata.is_dir()
        && File::open(path).is_ok_and(|folder| is_ours(&folder, metadata));
    if ours || leads_home(path) {
        return Ok(());
    }
    Err(StoreError::Unmapped {
        path: path.to_owned(),
    })
}

/// Whether the home folder lies below a path, also when the links on the way are followed.
fn leads_home(path: &Path) -> bool {
    let is_above = |home: &Path| home != path && home.starts_with(path);
    path == Path::new("/")
        || user_folders::home().is_some_and(|home| {
            is_above(&home) || home.canonicalize().is_ok_and(|home| is_above(&home))
        })
}

/// Whether others may replace what lies in a folder, which is the `last` or further up. There,
/// users with a group of their own and a umask of 002 have folders that the group may write to.
fn is_open(metadata: &Metadata, last: bool) -> bool {
    let mode = metadata.mode();
    let group = metadata.gid();
    let own_group = group == 0
        || group == rustix::process::getegid().as_raw()
            && (group != OVERFLOW_UID || has_all_users());
    let by_group = mode & WRITABLE_BY_GROUP != 0 && (last || !own_group);
    (by_group || mode & WRITABLE_BY_OTHERS != 0) && mode & STICKY == 0
}
