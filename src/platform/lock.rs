//! A lock that the commands of one job compete for.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// Locks a file, open for writing, for this process among those of a process group, until the
/// process closes it (fcntl(2)): each group has a byte of its own. Gives the process that has
/// the lock if another one does; 0 or less where the system does not tell.
///
/// # Errors
/// When the system has no such locks for this file.
pub fn lock_for_job(file: BorrowedFd<'_>, group: i32) -> io::Result<Option<i32>> {
    let unlocked: libc::c_short = libc::F_UNLCK as _;
    loop {
        // SAFETY: a `flock` of zeros is a valid one, and outlives the calls, the second of which
        // writes to it; the descriptor is open while it is borrowed.
        let (done, error, found) = unsafe {
            let mut lock: libc::flock = std::mem::zeroed();
            lock.l_type = libc::F_WRLCK as _;
            lock.l_whence = libc::SEEK_SET as _;
            lock.l_start = group.into();
            lock.l_len = 1;
            let done = libc::fcntl(file.as_raw_fd(), libc::F_SETLK, &raw const lock);
            let error = io::Error::last_os_error();
            let found = libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &raw mut lock);
            (done, error, (found == 0).then_some(lock))
        };
        match (done, error.raw_os_error(), found) {
            (0, ..) => return Ok(None),
            (_, Some(libc::EACCES | libc::EAGAIN), Some(lock)) => {
                // Else it was released meanwhile.
                if lock.l_type != unlocked {
                    return Ok(Some(lock.l_pid));
                }
            }
            _ => return Err(error),
        }
    }
}

/// The process group of a process, 0 for this one, getpgid(2). It is 0 where the group is led from
/// outside of this PID namespace, which the types of rustix do not allow.
#[must_use]
pub fn process_group(process: i32) -> Option<i32> {
    // SAFETY: takes a number and reads no memory.
    let group = unsafe { libc::getpgid(process) };
    (group >= 0).then_some(group)
}
