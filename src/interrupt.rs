//! Ctrl-C and its kin: leave at once, with the terminal as it was, but never in the middle
//! of replacing a file.
//!
//! A thread waits for the signals, so nothing has to be safe inside a handler. It is only
//! started by commands that ask, wait or write; one that merely prints a token has no
//! thread, and dies of the signal as any program does.

mod quiet;
mod turn;

use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::thread;
use std::time::Instant;

use rustix::process::{Signal, kill_current_process_group};
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1,
    SIGUSR2, SIGVTALRM, SIGXCPU,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::exit::Exit;
use crate::platform::{self, End};

pub(crate) use quiet::{QuietTerminal, timespec};
pub(crate) use turn::{LOOK, Turn};

/// What has to be undone before the process goes.
static QUIET_TERMINAL: Mutex<Option<QuietTerminal>> = Mutex::new(None);
/// Held while a file is being replaced.
static WRITING: Mutex<()> = Mutex::new(());

/// Whether a signal has come that ends the process, which the thread is about to do.
static ENDING: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// The last of SIGTSTP and SIGCONT that has come, 0 before the first. The thread may get to a
/// SIGTSTP when it is over.
static LAST_STOP: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// What ends a process, Ctrl-C first, and comes from others: a person, a supervisor, a limit.
const DEADLY: [i32; 10] = [
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGVTALRM, SIGPROF,
];

/// Takes a spinner off the screen, which would draw itself once more after the last line.
static CLEAR_SPINNER: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// From here on SIGINT, SIGTERM and their kin end the process with the terminal restored; after
/// SIGINT the exit code is 130. Where the system has no thread to spare, they
/// end it as they end any process.
///
/// Calling it again does nothing.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ignored = ignored_from_the_start();
        let watched = DEADLY
            .into_iter()
            .chain([SIGTSTP, SIGCONT])
            .filter(|signal| ignored & (1 << (signal - 1)) == 0);
        // The thread first: handlers whose signals nobody waits for would swallow them.
        let (hand_over, handed_over) = mpsc::channel::<Signals>();
        let waiting = move || {
            let Ok(mut signals) = handed_over.recv() else {
                return; // the default actions stay in force
            };
            for signal in signals.forever() {
                match signal {
                    SIGTSTP => stop(),
                    SIGCONT => resume(),
                    _ => leave(signal),
                }
            }
        };
        if thread::Builder::new().spawn(waiting).is_ok()
            && let Ok(signals) = Signals::new::<_, i32>([])
        {
            // Before the thread is woken by them, which looks at what was noted.
            note_stops(watched.clone());
            for signal in watched.clone() {
                let _ = signals.handle().add_signal(signal);
            }
            let _ = hand_over.send(signals);
            for signal in watched.filter(|signal| DEADLY.contains(signal)) {
                let _ = signal_hook::flag::register(signal, Arc::clone(&ENDING));
            }
        }
    });
}

/// Has SIGTSTP and SIGCONT noted in the order in which they come.
fn note_stops(watched: impl Iterator<Item = i32>) {
    for signal in watched.filter(|signal| [SIGTSTP, SIGCONT].contains(signal)) {
        let last = Arc::clone(&LAST_STOP);
        let _ = signal_hook::flag::register_usize(signal, last, signal as usize);
    }
}

/// From here on a write beyond the limit for the size of files (`ulimit -f`) fails as any write
/// does, with a message, in place of ending the process by SIGXFSZ, setrlimit(2).
///
/// A handler that does nothing much, rather than to ignore the signal: what `exec` runs in our
/// place would inherit that.
pub fn outlive_file_size_limit() {
    let noted = std::sync::Arc::default();
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, noted);
}

/// What whoever started us wants ignored, as nohup(1) does, stays ignored. The lowest bit is
/// signal 1 (`SigIgn`, proc_pid_status(5)); none where there is no such file.
fn ignored_from_the_start() -> u64 {
    std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let mask = status
                .lines()
                .find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        .unwrap_or(0)
}

/// While the guard lives, no signal of [`watch`]'s ends the process: it ends right after.
pub fn hold() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Notes how to take what moves off the screen before leaving, or that nothing does any more.
pub(crate) fn note_spinner(clear: Option<Box<dyn FnOnce() + Send>>) {
    *CLEAR_SPINNER.lock().unwrap_or_else(PoisonError::into_inner) = clear;
}

/// Stops this job until it is in the foreground, with the terminal given back: the shell of a
/// subshell has the foreground before Ctrl-Z has stopped us.
///
/// Not by the first system call that needs the terminal: the kernel restarts it at SIGCONT and
/// stops the job again, before a signal that came along, as by `kill %1`, is acted on.
pub(crate) fn wait_for_foreground(terminal: impl AsFd) {
    /// Where nothing stops it, the next system call tells why.
    const STOPS: u32 = 10;
    for _ in 0..STOPS {
        if !quiet::is_in_background(&terminal) || ENDING.load(Ordering::Relaxed) {
            return;
        }
        // A Ctrl-Z on its way stops us by itself. Stopped twice, we would need `fg` twice.
        thread::sleep(LOOK);
        if quiet::is_in_background(&terminal)
            && LAST_STOP.load(Ordering::Relaxed) != SIGTSTP as usize
        {
            drop(give_back());
            let _ = kill_current_process_group(Signal::TTIN);
        }
    }
}

fn quiet_terminal() -> MutexGuard<'static, Option<QuietTerminal>> {
    QUIET_TERMINAL
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Notes a terminal to restore, and turns its echo off.
///
/// # Errors
/// When the terminal is gone.
pub(crate) fn quieten(terminal: QuietTerminal) -> io::Result<()> {
    // Noted first: a signal that came in between would leave it without its echo.
    quiet_terminal().insert(terminal).quieten()
}

/// Turns the echo off again if another program turned it on, such as one that asked before us.
pub(crate) fn keep_quiet() -> io::Result<()> {
    quiet_terminal()
        .as_mut()
        .map_or(Ok(()), QuietTerminal::quieten)
}

/// Gives the terminal back as it was found, and notes that there is none any more. The lock is
/// held for both: a signal that came in between would leave it without its echo.
pub(crate) fn give_terminal_back() {
    *give_back() = None;
}

/// Gives the terminal back until the echo is turned off again; others wait for the guard.
fn give_back() -> MutexGuard<'static, Option<QuietTerminal>> {
    let mut noted = quiet_terminal();
    if let Some(terminal) = &mut *noted {
        terminal.give_back();
    }
    noted
}

/// Changes what is asked again after the process was stopped and continued.
pub(crate) fn note_question(question: &str) {
    if let Some(terminal) = &mut *quiet_terminal() {
        question.clone_into(&mut terminal.question);
    }
}

/// Notes that a key was read: more may follow.
pub(crate) fn note_key() {
    if let Some(terminal) = &mut *quiet_terminal() {
        terminal.last_key = Some(Instant::now());
    }
}

/// From here on a panic ends the process with the terminal restored and its memory wiped.
pub fn end_at_a_bug() {
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may quote what was being worked on; where it happened
        // says enough.
        leave_terminal();
        let place = panic
            .location()
            .map_or_else(String::new, |place| format!(" at {place}"));
        let text = format!("error: a bug in cldkctl{place}; the vault is whole\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        platform::end(End::Code(Exit::Failure as i32));
    }));
}

/// From here on the process ends with the terminal restored and its memory wiped where there is
/// no memory left, too.
pub fn end_at_an_abort() {
    platform::at_an_abort(|own| {
        leave_terminal();
        if !own {
            platform::end(End::Signal(SIGABRT));
        }
        // The standard library has said how much it did not get.
        let text = b"error: cldkctl cannot go on without memory; the vault is whole\n";
        let _ = rustix::io::write(rustix::stdio::stderr(), text);
        platform::end(End::Code(Exit::Failure as i32));
    });
}

/// Gives the terminal back for good, where a panic or an abort ends the process: neither runs
/// destructors.
fn leave_terminal() {
    if let Ok(mut noted) = QUIET_TERMINAL.try_lock() {
        if let Some(terminal) = &mut *noted {
            terminal.leave();
        }
        // Never released: a thread that still asks would turn the echo off again.
        std::mem::forget(noted);
    }
}

fn leave(signal: i32) -> ! {
    // Never released: nothing may begin to write any more.
    let _writing = hold();
    let clear = CLEAR_SPINNER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take();
    if let Some(clear) = clear {
        clear();
    }
    // Nor is this: the main thread may be asking, and would turn the echo off again.
    let mut noted = quiet_terminal();
    if let Some(terminal) = &mut *noted {
        terminal.leave();
    }
    // The main thread is in the middle of something, with secrets in its hands.
    platform::end(match signal {
        SIGINT => End::Code(Exit::Interrupted as i32),
        signal => End::Signal(signal),
    });
}

/// Ctrl-Z: the shell gets its echo back while we are stopped.
fn stop() {
    // Held until this is continued: the main thread may be asking, and would turn it off again.
    let _noted = give_back();
    if LAST_STOP.load(Ordering::Relaxed) != SIGCONT as usize {
        let _ = emulate_default_handler(SIGTSTP);
    }
    // Continued, by `fg`: SIGCONT is the next signal to arrive.
}

/// The terminal was given back while we were stopped, and the shell may have changed it.
fn resume() {
    let _ = keep_quiet();
}
