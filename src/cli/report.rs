//! The catalogue: for each error its exit code, its sentence and its hint; in the files beside,
//! by subject. The words of what a use case says on its way are in [`notices`].
//!
//! A sentence says what happened, and to which file or host. A hint has one thing to do next.
//! `STYLE.md` has the rules for both, and `tests/it/snapshots/errors.txt` shows them all.

mod api;
mod commands;
mod copies;
mod files;
mod gates;
mod identity;
pub mod notices;
mod secrets;
#[cfg(test)]
mod tests;
mod vault;

use super::error::Error;
use crate::app;
use crate::cli::exit::Exit;

/// An error as a person and a script see it.
#[derive(Debug)]
pub struct Report {
    /// How the process ends.
    pub exit: Exit,
    /// What happened, to which file or host: one sentence without a full stop.
    pub what: String,
    /// What to do next.
    pub hint: String,
}

impl Report {
    fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            hint: String::new(),
        }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: hint.into(),
            ..self
        }
    }
}

impl From<&Error> for Report {
    fn from(error: &Error) -> Self {
        match error {
            Error::App(error) => (&**error).into(),
            Error::Settings(error) => commands::settings(error),
            Error::Output(error) => commands::output(error),
            Error::Auth(error) => commands::auth(error),
            Error::Cost(error) => commands::cost(error),
            Error::Lock(error) => commands::lock(error),
            Error::Exec(error) => commands::exec(error),
            Error::Call(error) => api::call(error),
            Error::Declined => commands::declined(),
            Error::ContextExists(name) => commands::context_exists(name),
            Error::Recipient(error) => secrets::recipient(error),
            Error::Backup(error) => copies::backup(error),
            Error::Restore(error) => copies::restore(error),
            Error::RecoveryKey(error) => copies::recovery_key(error),
            Error::Vault(error) => vault::change(error),
            Error::Gate(error) => gates::gate(error),
        }
    }
}

impl From<&app::Error> for Report {
    fn from(error: &app::Error) -> Self {
        use app::Error;
        match error {
            Error::Login(error) => commands::login(error),
            Error::Key(error) => secrets::key(error),
            Error::NewPassphrase(error) => secrets::new_passphrase(error),
            Error::Vault(path, error) => vault::unusable(path, error),
            Error::Unsaved(path, error) => vault::unsaved(path, error),
            Error::Busy(path) => vault::busy(path),
            Error::NotKept(path, error) => secrets::not_kept(path, error),
            Error::Store(error) => files::store(error),
            Error::Kdf(error) => secrets::kdf(error),
            Error::Prompt(error) => secrets::prompt(error),
            Error::Source(error) => secrets::source(error),
            Error::Api(error) => api::failed(error),
            Error::AnswerTooLarge(error) => api::too_large(error),
            Error::Certificates(error) => api::certificates(error),
            Error::Random(error) => secrets::random(error),
        }
    }
}
