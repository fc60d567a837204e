//! The terminal as what the use cases talk to.

use super::console::{Console, line};
use super::report::notices::{self, Level};
use crate::app::{Notice, Progress, Step, Task, Ui};
use crate::prompt::Asker;

/// Says what a use case has to say on stderr, and asks on the terminal.
pub struct TerminalUi {
    /// Where it is said.
    pub console: Console,
    /// Who is asked.
    pub asker: Asker,
}

impl Ui for TerminalUi {
    fn tell(&self, notice: &Notice<'_>) {
        match notices::notice(notice) {
            (Level::Note, text) => self.console.note(&text),
            (Level::Warning, text) => self.console.warn(&text),
            // Without a terminal the question itself fails, and says so.
            (Level::Question, text) => drop(self.asker.show(&line(&text))),
            (Level::Refusal, text) => drop(self.asker.refuse(&line(&text))),
        }
    }

    fn detail(&self, step: &Step<'_>) {
        if self.console.verbose {
            self.console.detail(&notices::step(step));
        }
    }

    fn progress(&self, task: Task) -> Progress {
        match self.console.spinner(notices::task(task)) {
            Some(spinner) => Progress::new(move || drop(spinner)),
            None => Progress::hidden(),
        }
    }

    fn asker(&self) -> &Asker {
        &self.asker
    }
}
