//! This process: hidden from others, and what it shares with them.

use std::io;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use std::os::fd::AsRawFd;
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::OnceLock;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Makes this process private: its memory is not dumped, and from now on no other process of
/// the same user may begin to trace it or open its `/proc/PID/mem`.
///
/// Sets the core size limit to 0 (setrlimit(2)) and, on Linux, clears the dumpable flag
/// (`PR_SET_DUMPABLE`, prctl(2)).
///
/// # Errors
/// When the flag cannot be cleared, as under a seccomp filter that refuses it.
pub fn harden() -> io::Result<()> {
    let found = getrlimit(Resource::Core);
    let (current, maximum) = (Some(0), found.maximum);
    let _ = setrlimit(Resource::Core, Rlimit { current, maximum });
    let _ = CORE_LIMIT_BEFORE.set(found);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Gives the core size limit back as it was found, for another program that takes the place
/// of this one: it inherits the limit, and its core dumps are its user's business. (The
/// dumpable flag is not inherited, execve(2).)
pub fn soften() {
    if let Some(found) = CORE_LIMIT_BEFORE.get() {
        let Rlimit { current, maximum } = *found;
        let _ = setrlimit(Resource::Core, Rlimit { current, maximum });
    }
}

/// The core size limit that [`harden`] found.
static CORE_LIMIT_BEFORE: OnceLock<Rlimit> = OnceLock::new();

/// The user id of the process at the other end of a Unix socket.
///
/// # Errors
/// When the socket is not connected.
pub fn peer_uid(stream: &UnixStream) -> io::Result<u32> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // SO_PEERCRED, unix(7): as they were when it connected.
        let credentials = rustix::net::sockopt::socket_peercred(stream)?;
        Ok(credentials.uid.as_raw())
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let (mut uid, mut gid) = (0, 0);
        // SAFETY: the descriptor is open while `stream` is borrowed, and the two pointers
        // are to initialised integers of the right type that outlive the call, getpeereid(3).
        let result = unsafe { libc::getpeereid(stream.as_raw_fd(), &raw mut uid, &raw mut gid) };
        if result == 0 {
            Ok(uid)
        } else {
            Err(io::Error::last_os_error())
        }
    }
}

/// What to run this program again by.
///
/// # Errors
/// When the system does not tell.
pub fn own_program() -> io::Result<PathBuf> {
    // Not by its name: another program may have that by now, or nothing at all, where this one
    // was removed or replaced since it was started, proc_pid_exe(5).
    #[cfg(target_os = "linux")]
    return Ok("/proc/self/exe".into());
    #[cfg(not(target_os = "linux"))]
    std::env::current_exe()
}

/// What `/proc` says of a process, a number or `self`, from its state on: fields 3 and up of
/// proc_pid_stat(5). `None` where it does not.
#[must_use]
pub fn stat(process: &str) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, which may have anything in it, ends with the last `)`.
    let (_, fields) = stat.rsplit_once(") ")?;
    Some(fields.to_owned())
}

/// Closes whatever files the parent left open in this process, but for the three standard
/// ones. For the agent and the guard of the terminal, which must not keep somebody's pipe open.
///
/// To be called before anything was opened here.
pub fn close_inherited_files() {
    // Read whole before the first is closed: the listing itself is one of them.
    let Ok(listing) = std::fs::read_dir("/dev/fd") else {
        return;
    };
    let numbers: Vec<i32> = listing
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|number| *number > 2)
        .collect();
    for number in numbers {
        // SAFETY: nothing in this process has opened a file yet, as the caller promises, so
        // no one here owns the number, and none is opened in this loop. The listing's own
        // is closed already, which asking first finds out.
        unsafe {
            if rustix::io::fcntl_getfd(BorrowedFd::borrow_raw(number)).is_ok() {
                rustix::io::close(number);
            }
        }
    }
}
