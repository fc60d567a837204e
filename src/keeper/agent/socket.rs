//! Where the agent's socket lies: in a folder that nobody else can write to.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::files::user_folders;

/// Its name in that folder's parent.
const NAME: &str = "cldkctl/agent.sock";

/// `sun_path` of unix(7) holds 108 bytes with the terminating zero; macOS has 104.
const LONGEST_PATH: usize = 103;

/// The path of the socket: in `$XDG_RUNTIME_DIR/cldkctl`, or else beside the vault's usual
/// place, since nobody else can have made a folder there first, as they could in `/tmp`.
///
/// # Errors
/// When there is no such folder, or its path is too long for a socket.
pub fn path() -> Result<PathBuf, String> {
    let Some(path) = places().into_iter().next() else {
        return Err(
            "there is neither a home nor a runtime folder for its socket; set XDG_RUNTIME_DIR"
                .to_owned(),
        );
    };
    if path.as_os_str().len() > LONGEST_PATH {
        return Err(format!(
            "the path {} is too long for a socket; set XDG_RUNTIME_DIR to a shorter one",
            path.display()
        ));
    }
    Ok(path)
}

/// Where an agent of this user may listen, started from here or from a login or job with
/// another environment. The first is where one is started from here.
#[must_use]
pub fn places() -> Vec<PathBuf> {
    let usual = PathBuf::from(format!("/run/user/{}", rustix::process::geteuid().as_raw()));
    let runtime = user_folders::runtime().filter(|folder| is_ours(folder).is_ok());
    let mut places: Vec<PathBuf> = runtime.into_iter().chain(user_folders::data()).collect();
    if !places.contains(&usual) && is_ours(&usual).is_ok() {
        places.push(usual);
    }
    places.into_iter().map(|place| place.join(NAME)).collect()
}

/// Where agents of this user listen that were started with another `XDG_RUNTIME_DIR`, as far as
/// the system lists sockets, proc_pid_net(5): those of this network namespace. `None` where
/// Linux does not.
#[must_use]
pub fn listed() -> Option<Vec<PathBuf>> {
    let list = fs::read("/proc/net/unix").unwrap_or_default();
    if list.is_empty() && cfg!(target_os = "linux") {
        return None;
    }
    let places = list.split(|byte| *byte == b'\n').filter_map(|line| {
        let start = line.iter().position(|byte| *byte == b'/')?;
        let path = Path::new(OsStr::from_bytes(&line[start..]));
        // Not to knock at other users' doors.
        let ours = path.ends_with(NAME) && is_ours(path.parent()?).is_ok();
        ours.then(|| path.to_owned())
    });
    // Each connection that the agent accepted has its name, too.
    Some(places.collect::<BTreeSet<_>>().into_iter().collect())
}

/// Makes the socket's folder, 0700.
///
/// # Errors
/// When it cannot be made, or others can enter it.
pub fn make_folder(socket: &Path) -> Result<(), String> {
    let folder = socket.parent().unwrap_or(Path::new("/"));
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
    is_ours(folder)
}

/// Whether a folder is this user's and nobody else can write in it.
///
/// # Errors
/// Why it is not.
pub fn is_ours(folder: &Path) -> Result<(), String> {
    let path = folder.display();
    let metadata = fs::metadata(folder).map_err(|error| format!("cannot read {path}: {error}"))?;
    if !metadata.is_dir() {
        return Err(format!("{path} is not a folder"));
    }
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return Err(format!(
            "the folder {path} belongs to user id {}",
            metadata.uid()
        ));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(format!("other users can write in the folder {path}"));
    }
    Ok(())
}
