//! A terminal whose echo is off, and how it is given back.

use std::fs::File;
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr,
    tcgetpgrp, tcsetattr,
};

use super::guard::{Guard, SILENCED, modes};
use super::poll::poll;
use super::turn::Turn;
use crate::platform;

/// A paste comes in pieces. It is over when no key came for this long.
const PAUSE: Duration = Duration::from_millis(200);

/// How long keys are dropped at most, also from one that is held down.
const DROPPING: Duration = Duration::from_secs(5);

/// A terminal whose echo we turned off.
pub(crate) struct QuietTerminal {
    file: File,
    /// Its settings as others want them.
    before: Termios,
    /// Its settings as we made them, once we did.
    silent: Option<Termios>,
    /// What to show again when the echo had to be turned off once more.
    pub(super) question: String,
    /// When a key was read last.
    pub(super) last_key: Option<Instant>,
    /// It has the settings of others, while we are stopped.
    given_back: bool,
    /// What gives it back if this process is killed.
    guard: Option<Guard>,
    /// Others of ours wait until this is dropped.
    _turn: Turn,
}

impl QuietTerminal {
    /// `file`, which is as it was found until [`quieten`](Self::quieten).
    pub(crate) fn new(file: File, turn: Turn) -> io::Result<Self> {
        let mut before = tcgetattr(&file)?;
        // One that we waited for is stopped, or was killed. The silence is its.
        if turn.has_waited() && !before.local_modes.intersects(SILENCED) {
            before.local_modes |= LocalModes::ECHO | LocalModes::ICANON;
        }
        Ok(Self {
            file,
            before,
            silent: None,
            question: String::new(),
            last_key: None,
            given_back: false,
            guard: None,
            _turn: turn,
        })
    }

    /// Turns the echo off, also after another program turned it on. Shows the question again
    /// where that was necessary.
    pub(super) fn quieten(&mut self) -> io::Result<()> {
        if !is_in_background(&self.file) && self.silence()? {
            rustix::io::write(&self.file, self.question.as_bytes())?;
        }
        Ok(())
    }

    /// Turns the echo off; whether that was necessary.
    fn silence(&mut self) -> io::Result<bool> {
        let mut now = tcgetattr(&self.file)?;
        if !now.local_modes.intersects(SILENCED) && !self.given_back {
            return Ok(false);
        }
        // Another program that asked here before us has its settings restored meanwhile, and
        // what we found was its silence.
        if now.local_modes.contains(LocalModes::ECHO) {
            self.before = now.clone();
        }
        self.given_back = false;
        now.local_modes.remove(SILENCED);
        now.special_codes[SpecialCodeIndex::VMIN] = 1;
        now.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(&self.file, OptionalActions::Now, &now)?;
        self.silent = Some(now);
        // Once the echo is off: what is typed ahead is more likely than a kill.
        if self.guard.is_none() {
            self.guard = Guard::start(&self.file);
        }
        self.note(true);
        Ok(true)
    }

    /// Gives it back as it was found. What was typed and answered no question is dropped: the
    /// shell would show it, run it, and keep it in its history.
    pub(super) fn give_back(&mut self) {
        if self.given_back {
            return;
        }
        // A shell waits for its own children alone: where a subshell stops or ends, the shell
        // has the terminal back before a command of the subshell gets here, or meanwhile.
        platform::without_stop(|| {
            if !is_in_background(&self.file) {
                let _ = self.silence();
                self.drop_keys();
            }
            if !is_in_background(&self.file) || self.is_silent() {
                // Not TCSAFLUSH, which waits for the output, perhaps for ever (Ctrl-S).
                let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
            }
        });
        self.given_back = true;
        self.note(false);
    }

    fn note(&self, is_silent: bool) {
        if let Some(guard) = &self.guard {
            let silent = self.silent.as_ref().filter(|_| is_silent);
            guard.note(silent.map(|silent| (&self.before, silent)));
        }
    }

    /// Whether nobody changed the settings since we turned the echo off.
    fn is_silent(&self) -> bool {
        let now = tcgetattr(&self.file).ok();
        self.silent.is_some() && self.silent.as_ref().map(modes) == now.as_ref().map(modes)
    }

    /// Gives it back for good, and on a line of its own: the cursor is behind the question.
    pub(super) fn leave(&mut self) {
        self.give_back();
        if !is_in_background(&self.file) && is_ready(&self.file, PollFlags::OUT, Duration::ZERO) {
            let _ = rustix::io::write(&self.file, b"\n");
        }
    }

    /// Drops what was typed, to the end of a paste.
    pub(super) fn drop_keys(&self) {
        let start = Instant::now();
        let mut last_key = self.last_key;
        while start.elapsed() < DROPPING {
            let rest = last_key.map(|key| PAUSE.saturating_sub(key.elapsed()));
            let is_over = !is_ready(&self.file, PollFlags::IN, rest.unwrap_or_default());
            // What is typed in the background is for others.
            if is_in_background(&self.file) {
                return;
            }
            let _ = tcflush(&self.file, QueueSelector::IFlush);
            if is_over {
                return;
            }
            last_key = Some(Instant::now());
        }
    }
}

/// Whether the terminal is ready for this before the time is over, and was not closed.
fn is_ready(terminal: &File, what: PollFlags, limit: Duration) -> bool {
    poll(terminal, what, Some(limit)).is_ok_and(|found| found == what)
}

/// Whether the terminal is another job's now, which nothing may be taken from.
pub(super) fn is_in_background(terminal: impl AsFd) -> bool {
    let own = platform::process_group(0);
    tcgetpgrp(terminal).is_ok_and(|job| Some(job.as_raw_pid()) != own)
}
