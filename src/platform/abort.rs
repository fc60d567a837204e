//! What ends with `abort`: the standard library where there is no memory left, and the C
//! library where its heap is broken. There is no panic then, and no destructor runs.

use std::sync::OnceLock;

/// What is called.
static ACTION: OnceLock<fn(bool)> = OnceLock::new();

/// Calls `action` when SIGABRT comes, in the thread that gets it, and with whether this process
/// sent it to itself, abort(3).
///
/// It is to end the process, and may do only what a handler may, signal-safety(7): allocate
/// nothing, and wait for no lock. It is not called where the stack is used up, as it would have
/// none to run on.
pub fn at_an_abort(action: fn(bool)) {
    if ACTION.set(action).is_err() {
        return;
    }
    // SAFETY: a `sigaction` of zeros is a valid one; `aborted` is a handler of the type that
    // goes with SA_SIGINFO; the pointers are to a local that outlives the call, or null.
    unsafe {
        let mut handler: libc::sigaction = std::mem::zeroed();
        handler.sa_sigaction = aborted
            as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void)
            as *const () as usize;
        handler.sa_flags = libc::SA_SIGINFO;
        libc::sigaction(libc::SIGABRT, &raw const handler, std::ptr::null_mut());
    }
}

extern "C" fn aborted(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: the system hands over a description that is valid while the handler runs, and
    // that of a signal which a process sent has its number; sigaction(2).
    let sender = unsafe { (*info).si_pid() };
    let own = sender == rustix::process::getpid().as_raw_nonzero().get();
    if let Some(action) = ACTION.get().filter(|_| !is_on_spare_stack()) {
        action(own);
    }
}

/// Whether this is in the handler of a stack that is used up, sigaltstack(2).
fn is_on_spare_stack() -> bool {
    // SAFETY: a `stack_t` of zeros is a valid one, and outlives the call, which writes to it.
    unsafe {
        let mut spare: libc::stack_t = std::mem::zeroed();
        libc::sigaltstack(std::ptr::null(), &raw mut spare) == 0
            && spare.ss_flags & libc::SS_ONSTACK != 0
    }
}
