//! Changing a terminal while another job has it.

use std::mem::MaybeUninit;
use std::ptr;

/// Does `work` with SIGTTOU blocked in this thread. It may then change the settings of a terminal
/// that is another job's meanwhile, where the process would be stopped otherwise, tcsetattr(3).
pub fn without_stop<T>(work: impl FnOnce() -> T) -> T {
    with_blocked(&[libc::SIGTTOU], work)
}

/// Does `work`, which starts a process, so that the terminal stops neither this thread nor the
/// process: it inherits what is blocked, signal(7).
pub fn without_job_control<T>(work: impl FnOnce() -> T) -> T {
    with_blocked(&[libc::SIGTSTP, libc::SIGTTIN, libc::SIGTTOU], work)
}

fn with_blocked<T>(signals: &[libc::c_int], work: impl FnOnce() -> T) -> T {
    let mut only = MaybeUninit::<libc::sigset_t>::uninit();
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: sigemptyset(3) fills `only`, which the others read; pthread_sigmask(3) fills `before`.
    let changed = unsafe {
        libc::sigemptyset(only.as_mut_ptr()) == 0
            && (signals.iter()).all(|signal| libc::sigaddset(only.as_mut_ptr(), *signal) == 0)
            && libc::pthread_sigmask(libc::SIG_BLOCK, only.as_ptr(), before.as_mut_ptr()) == 0
    };
    let done = work();
    if changed {
        // SAFETY: `before` was filled, as `changed` says.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, before.as_ptr(), ptr::null_mut()) };
    }
    done
}
