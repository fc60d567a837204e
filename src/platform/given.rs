//! Secrets that were given in places where they stay: an argument, a variable. Taken away
//! from there, others see them no longer, nor do the programs that this process starts.

use std::ffi::{CStr, c_char};
use std::os::unix::ffi::OsStringExt;

use zeroize::Zeroizing;

use super::process::stat;

/// What stands in place of a hidden argument.
const HIDDEN: u8 = b'*';

/// The value of an environment variable, which is then neither in the environment nor in
/// `/proc/PID/environ` any more.
///
/// Where another thread runs already, which might be looking at the environment, or where
/// that cannot be known, the variable stays.
#[must_use]
pub fn take_variable(name: &str) -> Option<Zeroizing<Vec<u8>>> {
    let value = Zeroizing::new(std::env::var_os(name)?.into_vec());
    if is_alone() {
        wipe_variable(name.as_bytes());
        // SAFETY: no other thread is there to read or write the environment meanwhile.
        unsafe { std::env::remove_var(name) };
    }
    Some(value)
}

/// Overwrites the value where the kernel has put it when the process was started.
fn wipe_variable(name: &[u8]) {
    unsafe extern "C" {
        static mut environ: *mut *mut c_char;
    }
    // SAFETY: `environ` is null or an array of strings that ends with a null pointer,
    // environ(7). Only this thread exists, and it holds no reference into them; each is
    // written within its length, and remains a string.
    unsafe {
        let mut entry = environ;
        while !entry.is_null() && !(*entry).is_null() {
            let text = CStr::from_ptr(*entry).to_bytes();
            let length = text.len();
            let value_at = name.len() + 1;
            if text.starts_with(name) && text.get(name.len()) == Some(&b'=') {
                let value = (*entry).cast::<u8>().add(value_at);
                for at in 0..length - value_at {
                    value.add(at).write_volatile(0);
                }
            }
            entry = entry.add(1);
        }
    }
}

/// Overwrites `secret` in the arguments of this process, which every user can list: with as
/// many stars. Where another thread runs already, or where the system does not say where the
/// arguments are, they stay as they are.
pub fn hide_argument(secret: &[u8]) {
    let Some((start, end)) = arguments().filter(|_| is_alone() && !secret.is_empty()) else {
        return;
    };
    let place = std::ptr::with_exposed_provenance_mut::<u8>(start);
    for at in 0..(end - start + 1).saturating_sub(secret.len()) {
        // SAFETY: the kernel put the arguments between `start` and `end`, on the stack of
        // this process, where they stay; they may be written, execve(2). Only this thread
        // exists, and nobody holds a reference to them: the standard library has a
        // pointer, and copies what it is asked for. The zeros between them are kept.
        unsafe {
            let found = (0..secret.len()).all(|n| place.add(at + n).read() == secret[n]);
            for n in 0..secret.len() * usize::from(found) {
                place.add(at + n).write_volatile(HIDDEN);
            }
        }
    }
}

/// Overwrites all arguments of this process but its name, as [`hide_argument`] does one.
pub fn hide_arguments() {
    let Some((start, end)) = arguments().filter(|_| is_alone()) else {
        return;
    };
    let place = std::ptr::with_exposed_provenance_mut::<u8>(start);
    // SAFETY: as in `hide_argument`.
    unsafe {
        let mut first = true;
        for at in 0..end - start {
            let byte = place.add(at).read();
            if byte != 0 && !first {
                place.add(at).write_volatile(HIDDEN);
            }
            first &= byte != 0;
        }
    }
}

/// Where the arguments begin and end: fields 48 and 49 of proc_pid_stat(5).
fn arguments() -> Option<(usize, usize)> {
    let fields = stat("self")?;
    let mut fields = fields.split(' ').skip(48 - 3);
    let mut next = || fields.next()?.trim().parse::<usize>().ok();
    let (start, end) = (next()?, next()?);
    (0 < start && start < end).then_some((start, end))
}

/// Whether this process certainly has no other thread than the calling one.
fn is_alone() -> bool {
    std::fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() == 1)
}
