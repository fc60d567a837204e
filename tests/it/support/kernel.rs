//! What the kernel knows of a login, changed for a while: the session keyring that the
//! commands of a test share, whether there are keyrings at all, and whose login it is.
//!
//! These belong to a thread, credentials(7) and seccomp(2), and what it starts inherits them.
//! So none of them needs a wrapper program: a test runs its commands from a thread that is as
//! they are to find themselves.
#![allow(
    unsafe_code,
    reason = "system calls that no library here has; each says why it is sound"
)]

use std::ffi::CString;
use std::fs;
use std::panic::resume_unwind;
use std::path::Path;
use std::thread;

/// How the kernel says no to `keyctl`, `add_key` and `request_key`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// `EPERM`, as Docker's and Podman's default seccomp profiles do.
    NotPermitted,
    /// `ENOSYS`, as profiles that want to look like an old kernel do, and gVisor.
    NotThere,
}

/// The lines of `/proc/keys` about keys of this vault, proc_keys(5). One that was invalidated
/// (flags that end with `i`) is listed until the kernel collects it, and left out.
pub fn live_keys(vault: &Path) -> Vec<String> {
    let keys = fs::read_to_string("/proc/keys").expect("the kernel lists keys");
    let slot = format!("cldkctl:{}: ", vault.display());
    keys.lines()
        .filter(|line| line.contains(&slot) && &line[15..16] != "i")
        .map(str::to_owned)
        .collect()
}

/// Runs `story` as another login of the same user: in a session keyring of its own, which
/// is gone at its end.
#[track_caller]
pub fn in_another_login<T: Send>(story: impl FnOnce() -> T + Send) -> T {
    in_a_thread(|| {
        assert!(has_new_session_keyring(), "the kernel has no keyrings");
        story()
    })
}

/// Runs `story` in a session keyring of this name, `keyctl session NAME`: the one there is, if
/// the kernel lets this user join it, or else a new one.
#[track_caller]
pub fn in_a_login_named<T: Send>(name: &str, story: impl FnOnce() -> T + Send) -> T {
    in_a_thread(|| {
        assert!(
            join_session_keyring(Some(name)),
            "it can be joined or made: {name}"
        );
        story()
    })
}

/// Runs `story` as a login that has no session keyring of its own, but the user-session
/// keyring, user-session-keyring(7): as with `su`, cron, and some containers.
#[track_caller]
pub fn in_the_shared_login<T: Send>(story: impl FnOnce() -> T + Send) -> T {
    let uid = rustix::process::geteuid().as_raw();
    in_a_login_named(&format!("_uid_ses.{uid}"), story)
}

/// Runs `story` where the kernel refuses everything about keyrings.
#[track_caller]
pub fn without_keyrings<T: Send>(refusal: Refusal, story: impl FnOnce() -> T + Send) -> T {
    in_a_thread(|| {
        refuse_keyrings(refusal);
        assert!(!join_session_keyring(None), "the kernel did not refuse");
        story()
    })
}

/// Runs `story` as this user, of a group of the same number and no others. Root alone may
/// do that: see [`can_be_someone_else`](super::can_be_someone_else).
#[track_caller]
pub fn acting_as<T: Send>(uid: u32, story: impl FnOnce() -> T + Send) -> T {
    in_a_thread(|| {
        become_user(uid);
        story()
    })
}

/// Gives the calling thread, and what it starts from now on, an empty session keyring, as a
/// login gets one. Whether there is one now.
pub fn has_new_session_keyring() -> bool {
    join_session_keyring(None)
}

/// Whether there are kernel keyrings here; [skips](super::skip) when not.
#[track_caller]
pub fn has_keyrings() -> bool {
    let has = in_a_thread(has_new_session_keyring);
    if !has {
        super::skip("the kernel has no keyrings here, or refuses them");
    }
    has
}

/// A thread's keyring and its seccomp filters are gone with it. What panics there, panics
/// here.
fn in_a_thread<T: Send>(story: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let thread = scope.spawn(story);
        thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    })
}

/// `KEYCTL_JOIN_SESSION_KEYRING`: the one of this name or, without one, a new one.
#[cfg(target_os = "linux")]
fn join_session_keyring(name: Option<&str>) -> bool {
    let name = name.map(|name| CString::new(name).expect("a name without zeros"));
    let name = name.as_ref().map_or(std::ptr::null(), |name| name.as_ptr());
    // SAFETY: the operation takes one argument, which is null or a string that ends in a
    // zero and lives until the call is over, keyctl_join_session_keyring(3).
    let ring = unsafe { libc::syscall(libc::SYS_keyctl, 1, name) };
    ring > 0
}

#[cfg(not(target_os = "linux"))]
fn join_session_keyring(_: Option<&str>) -> bool {
    false
}

/// Not the functions of the C library, which change all threads of a process, nptl(7).
#[cfg(target_os = "linux")]
fn become_user(uid: u32) {
    let no_groups = std::ptr::null::<libc::gid_t>();
    // SAFETY: a list of length 0 is not looked at, setgroups(2); the others take numbers,
    // setresgid(2) and setresuid(2).
    let failures = unsafe {
        libc::syscall(libc::SYS_setgroups, 0, no_groups)
            | libc::syscall(libc::SYS_setresgid, uid, uid, uid)
            | libc::syscall(libc::SYS_setresuid, uid, uid, uid)
    };
    assert_eq!(failures, 0, "root may become anybody");
}

#[cfg(not(target_os = "linux"))]
fn become_user(_: u32) {
    panic!("only on Linux does a user belong to a thread");
}

/// Installs a seccomp filter in this thread: whatever it starts has it, too.
#[cfg(target_os = "linux")]
fn refuse_keyrings(refusal: Refusal) {
    use libc::{BPF_ABS, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};

    let error = match refusal {
        Refusal::NotPermitted => libc::EPERM,
        Refusal::NotThere => libc::ENOSYS,
    };
    let errno = u32::try_from(error).expect("errors are positive");
    let step = |code: u32, jump_true: u8, k: u32| libc::sock_filter {
        code: u16::try_from(code).expect("a code of 16 bits"),
        jt: jump_true,
        jf: 0,
        k,
    };
    let number = |call: libc::c_long| u32::try_from(call).expect("calls have small numbers");
    // The number of the call is the first field of seccomp_data.
    let program = [
        step(BPF_LD | BPF_W | BPF_ABS, 0, 0),
        step(BPF_JMP | BPF_JEQ | BPF_K, 3, number(libc::SYS_keyctl)),
        step(BPF_JMP | BPF_JEQ | BPF_K, 2, number(libc::SYS_add_key)),
        step(BPF_JMP | BPF_JEQ | BPF_K, 1, number(libc::SYS_request_key)),
        step(BPF_RET | BPF_K, 0, libc::SECCOMP_RET_ALLOW),
        step(BPF_RET | BPF_K, 0, libc::SECCOMP_RET_ERRNO | errno),
    ];
    let filter = libc::sock_fprog {
        len: u16::try_from(program.len()).expect("a short program"),
        filter: program.as_ptr().cast_mut(),
    };
    // SAFETY: takes four numbers, PR_SET_NO_NEW_PRIVS in prctl(2).
    let allowed = unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    assert_eq!(allowed, 0, "a thread may renounce new privileges");
    let mode = libc::SECCOMP_MODE_FILTER;
    // SAFETY: `filter` points to `len` instructions, which the kernel copies before the
    // call is over and does not change, PR_SET_SECCOMP in prctl(2).
    let installed = unsafe { libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const filter) };
    assert_eq!(installed, 0, "a thread may restrict itself");
}

#[cfg(not(target_os = "linux"))]
fn refuse_keyrings(_: Refusal) {}
