//! Errors as a person sees them: what happened, to which file or host, what to do next;
//! and as a script sees them: the exit code.

use crate::cli::exit::Exit;

/// A command that did not do what it was asked to.
#[derive(Debug)]
pub struct Failure {
    /// How the process ends.
    pub exit: Exit,
    /// What happened, to which file or host: one sentence without a full stop.
    pub what: String,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with no advice yet.
    pub fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self {
            exit,
            what: what.into(),
            hint: None,
        }
    }

    /// The same with advice.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// There is no vault, or nothing in it to use.
    pub fn not_logged_in(what: impl Into<String>) -> Self {
        Self::new(Exit::NotLoggedIn, what).hint("log in with `cldkctl auth`")
    }
}
