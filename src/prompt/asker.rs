//! One person, asked at most on one terminal, by whatever part of a command has a question.

use std::sync::{Arc, Mutex, PoisonError};

use age::secrecy::SecretString;
use zeroize::Zeroizing;

use super::error::PromptError;
use super::terminal::Terminal;
use crate::printable::printable;

/// Opens the terminal with the first question and keeps it, silent, until the last clone
/// is dropped.
#[derive(Clone)]
pub struct Asker {
    allowed: bool,
    terminal: Arc<Mutex<Option<Terminal>>>,
}

impl Asker {
    /// Someone to ask; nobody if not `allowed`, as with `--no-input`.
    #[must_use]
    pub fn new(allowed: bool) -> Self {
        Self {
            allowed,
            terminal: Arc::default(),
        }
    }

    /// Asks for a secret.
    ///
    /// # Errors
    /// As [`Terminal::open`] and [`Terminal::ask_hidden`]; [`PromptError::Forbidden`] with
    /// `--no-input`.
    pub fn ask_hidden(&self, question: &str) -> Result<Zeroizing<String>, PromptError> {
        self.with_terminal(|terminal| terminal.ask_hidden(question))
    }

    /// Asks for something that is no secret.
    ///
    /// # Errors
    /// As [`Self::ask_hidden`].
    pub fn ask_shown(&self, question: &str) -> Result<String, PromptError> {
        self.with_terminal(|terminal| terminal.ask_shown(question))
    }

    /// Shows something that is meant for the person's eyes and no file.
    ///
    /// # Errors
    /// When there is no terminal.
    pub fn show(&self, text: &str) -> Result<(), PromptError> {
        self.with_terminal(|terminal| Ok(terminal.show(text)?))
    }

    /// Shows why an answer cannot be used. What was typed behind it was meant for another
    /// question than the one that is asked again, and is dropped.
    ///
    /// # Errors
    /// When there is no terminal.
    pub fn refuse(&self, why: &str) -> Result<(), PromptError> {
        self.with_terminal(|terminal| Ok(terminal.refuse(why)?))
    }

    /// Opens the terminal as for a question, and tells whether that took waiting for another
    /// command of the same pipeline, which asked before.
    #[must_use]
    pub fn waits_for_another(&self) -> bool {
        self.with_terminal(|terminal| Ok(terminal.has_waited()))
            .unwrap_or(false)
    }

    /// Whether asking is allowed, be there a terminal or not.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.allowed
    }

    /// Whether there is a terminal to ask on, and asking is allowed.
    #[must_use]
    pub fn has_terminal(&self) -> bool {
        self.with_terminal(|_| Ok(())).is_ok()
    }

    /// Turns the echo off before something that takes a while and is followed by a question:
    /// what is typed meanwhile is not shown. Does nothing where there is nobody to ask.
    pub fn prepare(&self) {
        let _ = self.with_terminal(|_| Ok(()));
    }

    /// Characters in a line of the terminal, if there is one that says so.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        self.with_terminal(|terminal| Ok(terminal.columns()))
            .ok()
            .flatten()
    }

    /// Ends the conversation: the terminal is as it was before.
    pub fn finish(&self) {
        *self.terminal.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn with_terminal<T>(
        &self,
        act: impl FnOnce(&mut Terminal) -> Result<T, PromptError>,
    ) -> Result<T, PromptError> {
        if !self.allowed {
            return Err(PromptError::Forbidden);
        }
        let mut slot = self.terminal.lock().unwrap_or_else(PoisonError::into_inner);
        let terminal = match &mut *slot {
            Some(terminal) => terminal,
            none => none.insert(Terminal::open()?),
        };
        act(terminal)
    }
}

/// What identities ask: the passphrase of an encrypted SSH key, a plugin's PIN.
impl age::Callbacks for Asker {
    fn display_message(&self, message: &str) {
        let _ = self.show(&format!("{}\n", printable(message)));
    }

    fn confirm(&self, message: &str, yes: &str, no: Option<&str>) -> Option<bool> {
        let no = no.unwrap_or("no");
        let question = format!(
            "{} [{}/{}]",
            printable(message),
            printable(yes),
            printable(no)
        );
        let answer = self.ask_shown(&question).ok()?;
        let answer = answer.trim().to_lowercase();
        Some(!answer.is_empty() && yes.to_lowercase().starts_with(&answer))
    }

    fn request_public_string(&self, description: &str) -> Option<String> {
        let question = format!("{}:", printable(description));
        self.ask_shown(&question).ok()
    }

    fn request_passphrase(&self, description: &str) -> Option<SecretString> {
        let question = format!("{}:", printable(description));
        self.ask_hidden(&question)
            .ok()
            .map(|answer| SecretString::from(answer.as_str()))
    }
}
