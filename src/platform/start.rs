//! What this process was started with, looked at before the standard library changes it: it opens
//! what is closed of the standard streams, and ignores SIGPIPE.

use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use libc::{SIGPIPE, SIGXFSZ, c_int};

/// The signals that are given another disposition here, and whether each was ignored before.
static IGNORED: [(c_int, AtomicBool); 2] = [
    (SIGPIPE, AtomicBool::new(false)),
    (SIGXFSZ, AtomicBool::new(false)),
];

// The loader runs what is listed there before it runs `main`, and so the runtime of the standard
// library. On systems with neither section nothing is noted.
#[used]
#[cfg_attr(
    any(target_os = "linux", target_os = "android", target_os = "freebsd"),
    unsafe(link_section = ".init_array")
)]
#[cfg_attr(
    target_vendor = "apple",
    unsafe(link_section = "__DATA,__mod_init_func")
)]
static AT_START: extern "C" fn() = at_start;

extern "C" fn at_start() {
    fill_standard_output();
    for (signal, ignored) in &IGNORED {
        let mut found = MaybeUninit::<libc::sigaction>::zeroed();
        // SAFETY: no new action is set; `found` is valid for a write of one, and zeros are one,
        // sigaction(2).
        let handler = unsafe {
            libc::sigaction(*signal, std::ptr::null(), found.as_mut_ptr());
            found.assume_init().sa_sigaction
        };
        ignored.store(handler == libc::SIG_IGN, Ordering::Relaxed);
    }
}

/// Puts something that cannot be written in place of a standard output that is closed. Otherwise the
/// standard library puts `/dev/null` there, and what is written is lost without an error.
fn fill_standard_output() {
    // SAFETY: nothing has opened a file yet, so nobody owns the numbers; the path is a string that
    // ends with a zero.
    unsafe {
        if libc::fcntl(libc::STDOUT_FILENO, libc::F_GETFD) != -1 {
            return;
        }
        let unwritable = libc::open(c"/dev/null".as_ptr(), libc::O_RDONLY);
        if unwritable != -1 && unwritable != libc::STDOUT_FILENO {
            libc::dup2(unwritable, libc::STDOUT_FILENO);
            libc::close(unwritable);
        }
    }
}

/// Has a program that is run in place of this one ignore the signals that were ignored when this one
/// was started, as nohup(1) and a shell's `trap '' PIPE` have it.
pub fn pass_ignored_signals_on(command: &mut Command) {
    let ignore = || {
        for (signal, ignored) in &IGNORED {
            if ignored.load(Ordering::Relaxed) {
                // SAFETY: ignoring a signal runs no code of ours, signal(2).
                unsafe { libc::signal(*signal, libc::SIG_IGN) };
            }
        }
        Ok(())
    };
    // SAFETY: the closure allocates nothing and takes no lock, signal-safety(7). It runs after the
    // standard library has set SIGPIPE to its default.
    unsafe { command.pre_exec(ignore) };
}
