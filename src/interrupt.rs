//! Ctrl-C and its kin: leave at once, with the terminal as it was, but never in the middle
//! of replacing a file.
//!
//! A thread waits for the signals, so nothing has to be safe inside a handler. It is only
//! started by commands that ask, wait or write; one that merely prints a token has no
//! thread, and dies of the signal as any program does.

use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use std::thread;

use rustix::termios::{OptionalActions, Termios, tcsetattr};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::exit::Exit;
use crate::platform::{self, End};

/// What has to be undone before the process goes.
static QUIET_TERMINAL: Mutex<Option<QuietTerminal>> = Mutex::new(None);
/// Held while a file is being replaced.
static WRITING: Mutex<()> = Mutex::new(());

/// Takes a spinner off the screen, which would draw itself once more after the last line.
static CLEAR_SPINNER: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

/// A terminal whose echo we turned off.
pub(crate) struct QuietTerminal {
    /// The open terminal.
    pub(crate) file: std::fs::File,
    /// Its settings as we found them.
    pub(crate) before: Termios,
    /// Its settings while we read from it.
    pub(crate) quiet: Termios,
    /// What to show again when the process comes back from being stopped.
    pub(crate) question: String,
}

/// From here on SIGINT, SIGTERM, SIGHUP and SIGQUIT end the process with the terminal
/// restored; after SIGINT the exit code is 130.
///
/// Calling it again does nothing.
pub fn watch() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let ignored = ignored_from_the_start();
        let watched = [SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP, SIGCONT]
            .into_iter()
            .filter(|signal| ignored & (1 << (signal - 1)) == 0);
        let Ok(mut signals) = Signals::new(watched) else {
            return; // the default actions stay in force
        };
        thread::spawn(move || {
            for signal in signals.forever() {
                match signal {
                    SIGTSTP => stop(),
                    SIGCONT => quieten(),
                    _ => leave(signal),
                }
            }
        });
    });
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

/// Notes a terminal to restore.
pub(crate) fn note_terminal(terminal: QuietTerminal) {
    *QUIET_TERMINAL
        .lock()
        .unwrap_or_else(PoisonError::into_inner) = Some(terminal);
}

/// Gives the terminal back as it was found, and notes that there is none any more. The lock is
/// held for both: a signal that came in between would leave it without its echo.
pub(crate) fn give_terminal_back() {
    let mut noted = QUIET_TERMINAL
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(terminal) = &*noted {
        let _ = tcsetattr(&terminal.file, OptionalActions::Now, &terminal.before);
    }
    *noted = None;
}

/// Changes what is asked again after the process was stopped and continued.
pub(crate) fn note_question(question: &str) {
    if let Some(terminal) = &mut *QUIET_TERMINAL
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
    {
        question.clone_into(&mut terminal.question);
    }
}

/// From here on a panic ends the process with the terminal restored and its memory wiped.
pub fn end_at_a_bug() {
    std::panic::set_hook(Box::new(|panic| {
        // The message of a panic may quote what was being worked on; where it happened
        // says enough.
        restore_terminal();
        let place = panic
            .location()
            .map_or_else(String::new, |place| format!(" at {place}"));
        let text = format!("error: a bug in cldkctl{place}; the vault is whole\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
        platform::end(End::Code(Exit::Failure as i32));
    }));
}

/// Gives the terminal back as it was found. Also for a panic, which runs no destructors.
pub fn restore_terminal() {
    if let Ok(Some(terminal)) = QUIET_TERMINAL.try_lock().as_deref() {
        let _ = tcsetattr(&terminal.file, OptionalActions::Now, &terminal.before);
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
    {
        let terminal = QUIET_TERMINAL
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(terminal) = terminal.as_ref() {
            let _ = tcsetattr(&terminal.file, OptionalActions::Now, &terminal.before);
            // The cursor is behind the question.
            let _ = rustix::io::write(&terminal.file, b"\n");
        }
    }
    // The main thread is in the middle of something, with secrets in its hands.
    platform::end(match signal {
        SIGINT => End::Code(Exit::Interrupted as i32),
        signal => End::Signal(signal),
    });
}

/// Ctrl-Z: the shell gets its echo back while we are stopped.
fn stop() {
    restore_terminal();
    let _ = emulate_default_handler(SIGTSTP);
    // Continued, by `fg`: SIGCONT is the next signal to arrive.
}

/// The shell may have changed the terminal while we were stopped.
fn quieten() {
    let terminal = QUIET_TERMINAL
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    if let Some(terminal) = terminal.as_ref() {
        let _ = tcsetattr(&terminal.file, OptionalActions::Now, &terminal.quiet);
        let _ = rustix::io::write(&terminal.file, terminal.question.as_bytes());
    }
}
