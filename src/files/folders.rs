//! Whether a folder is where only we and the system can put things: it, and each folder and link
//! on the way to it, as sshd's `StrictModes` has it, sshd_config(5).

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;

use super::safety::our_uid;
use super::{MOST_LINKS, StoreError, io_error};

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
        if !is_ours_or_the_systems(&metadata) {
            let owner = metadata.uid();
            return Err(StoreError::NotOurs { path, owner });
        }
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

fn is_ours_or_the_systems(metadata: &Metadata) -> bool {
    /// Whoever has no number in this user namespace, such as root outside of it.
    const OVERFLOW_UID: u32 = 65_534;
    let owner = metadata.uid();
    owner == our_uid() || owner == 0 || owner == OVERFLOW_UID && !has_all_users()
}

/// Whether every user has a number here: outside of containers, user_namespaces(7).
fn has_all_users() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
        let words: Vec<&str> = map.split_whitespace().collect();
        words == ["0", "0", "4294967295"]
    })
}

/// Whether others may replace what lies in a folder, which is the `last` or further up. There,
/// users with a group of their own and a umask of 002 have folders that the group may write to.
fn is_open(metadata: &Metadata, last: bool) -> bool {
    let mode = metadata.mode();
    let own_group = metadata.gid() == rustix::process::getegid().as_raw() || metadata.gid() == 0;
    let by_group = mode & WRITABLE_BY_GROUP != 0 && (last || !own_group);
    (by_group || mode & WRITABLE_BY_OTHERS != 0) && mode & STICKY == 0
}
