//! Ctrl-C and its kin: leave at once, with the terminal as it was, but never in the middle
//! of replacing a file.
//!
//! A thread waits for the signals, so nothing has to be safe inside a handler. It is only
//! started by commands that ask, wait or write; one that merely prints a token has no
//! thread, and dies of the signal as any program does.

mod guard;
mod poll;
mod quiet;
mod turn;

use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Once, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_current_process_group};
use signal_hook::consts::{
    SIGABRT, SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGTSTP, SIGUSR1,
    SIGUSR2, SIGVTALRM, SIGXCPU,
};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::platform::OutOfMemory;

pub use guard::{COMMAND as GUARD, guard_terminal, outlive_a_kill};
pub(crate) use poll::poll;
pub(crate) use quiet::QuietTerminal;
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
const DEADLY: [i32; 11] = [
    SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGABRT, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGVTALRM,
    SIGPROF,
];

/// The exit code after a panic. These two are numbers of the command line, which lies above;
/// `cli::exit` compares them with its own.
pub(crate) const FAILED: i32 = 1;
/// The exit code after SIGINT: 128 and its number, as shells have it.
pub(crate) const INTERRUPTED: i32 = 130;

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
        let watched = heeded(DEADLY.into_iter().chain([SIGTSTP, SIGCONT]));
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

/// Gives a stream that can be read from as soon as a signal has come that ends the process. For
/// the agent, which [`watch`] does not end: it ends by itself then, and so wipes its keys.
///
/// # Errors
/// When the system has no file descriptor left.
pub(crate) fn told_to_end() -> io::Result<UnixStream> {
    let (told, teller) = UnixStream::pair()?;
    for signal in heeded(DEADLY.into_iter()) {
        signal_hook::low_level::pipe::register(signal, teller.try_clone()?)?;
    }
    Ok(told)
}

/// Without those that whoever started us wants ignored, as nohup(1) does: they stay ignored.
fn heeded<S: Iterator<Item = i32> + Clone>(signals: S) -> impl Iterator<Item = i32> + Clone {
    // The lowest bit is signal 1 (`SigIgn`, proc_pid_status(5)); none where there is no such file.
    let ignored = std::fs::read_to_string("/proc/self/status")
        .ok()
        .and_then(|status| {
            let mask = status
                .lines()
                .find_map(|line| line.strip_prefix("SigIgn:"))?;
            u64::from_str_radix(mask.trim(), 16).ok()
        })
        .unwrap_or(0);
    signals.filter(move |signal| ignored & (1 << (signal - 1)) == 0)
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
///
/// Gives `false` where nothing stops it: there is no shell that could bring it to the foreground,
/// or the signal is ignored.
#[must_use]
pub(crate) fn wait_for_foreground(terminal: impl AsFd) -> bool {
    const STOPS: u32 = 5;
    for _ in 0..STOPS {
        if !quiet::is_in_background(&terminal) || ENDING.load(Ordering::Relaxed) {
            return true;
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
    !quiet::is_in_background(&terminal)
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
    /// The thread needs a moment of it.
    const END: Duration = Duration::from_secs(1);
    *give_back() = None;
    // A signal came meanwhile, and the thread waited for the lock to end the process with the
    // signal's code. Ours would come first now and then.
    if ENDING.load(Ordering::Relaxed) {
        thread::sleep(END);
    }
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

/// Drops what was typed so far, to the end of a paste.
pub(crate) fn drop_keys() {
    if let Some(terminal) = &*quiet_terminal() {
        terminal.drop_keys();
    }
}

/// Notes that a key was read: more may follow.
pub(crate) fn note_key() {
    if let Some(terminal) = &mut *quiet_terminal() {
        terminal.last_key = Some(Instant::now());
    }
}

/// From here on a panic ends the process with one sentence and the terminal restored.
pub fn end_at_a_panic() {
    std::panic::set_hook(Box::new(|panic| {
        leave_terminal();
        let text = if panic.payload().is::<OutOfMemory>() {
            // No allocation on this way.
            "error: cldkctl cannot go on without memory; the vault is whole\n"
        } else {
            // The message of a panic may quote what was being worked on; where it happened
            // says enough.
            let place = panic
                .location()
                .map_or_else(String::new, |place| format!(" at {place}"));
            &format!("error: a bug in cldkctl{place}; the vault is whole\n")
        };
        let _ = io::stderr().write_all(text.as_bytes());
        process::exit(FAILED);
    }));
}

/// Gives the terminal back for good, where a panic ends the process: no destructor runs.
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
    // The kernel dropped what was typed before the key that sent the signal: more may follow.
    note_key();
    let mut noted = quiet_terminal();
    if let Some(terminal) = &mut *noted {
        terminal.leave();
    }
    if signal == SIGINT {
        process::exit(INTERRUPTED);
    }
    // So that whoever waits sees which one it was. The first process of a container survives it.
    if process::id() != 1 {
        let _ = emulate_default_handler(signal);
    }
    process::exit(128 + signal);
}

/// Ctrl-Z: the shell gets its echo back while we are stopped.
fn stop() {
    // Held until this is continued: the main thread may be asking, and would turn it off again.
    note_key();
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
