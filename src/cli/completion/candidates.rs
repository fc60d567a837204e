//! What may stand for an argument, by its definition. An argument that takes the name of a
//! context is known by its type, so that a new command need not do anything.

use std::any::TypeId;

use clap::builder::StyledStr;
use clap::{Arg, ValueHint};

use super::stored;
use crate::api::Method;
use crate::cli::global::GlobalArgs;
use crate::printable::acts_on_a_terminal;
use crate::secret::without_secrets;
use crate::vault::ContextName;

/// The name of the value that is one of the vault's recipients.
pub const RECIPIENT: &str = "LABEL|RECIPIENT";

/// The name of the value that is a method of HTTP.
pub const METHOD: &str = "METHOD";

/// The name of the value that is a context's and not one that is there.
pub const NEW: &str = "NEW";

/// One word that may stand where the cursor is.
pub(super) struct Candidate {
    pub word: String,
    /// What it means, in a line.
    pub help: String,
}

impl Candidate {
    pub(super) fn new(word: impl Into<String>, help: Option<&StyledStr>) -> Self {
        let help = help.map(ToString::to_string).unwrap_or_default();
        Self {
            word: word.into(),
            help: help.lines().next().unwrap_or_default().to_owned(),
        }
    }
}

/// What may stand for an argument.
pub(super) enum Values {
    /// One of these, or something that nobody can know.
    Words(Vec<Candidate>),
    /// A file, which the shell looks for.
    Files,
    /// A program and its arguments: the shell again.
    Program,
}

impl Values {
    pub(super) fn of(arg: &Arg, global: GlobalArgs) -> Self {
        let parser = arg.get_value_parser();
        if let Some(known) = parser.possible_values() {
            let known = known.filter(|value| !value.is_hide_set());
            let words = known.map(|value| Candidate::new(value.get_name(), value.get_help()));
            return Self::Words(words.collect());
        }
        let is_called = |name| arg.get_value_names().is_some_and(|all| all == [name]);
        let is_context = parser.type_id() == TypeId::of::<ContextName>();
        if arg.get_long() == Some("context") || is_context && !is_called(NEW) {
            return Self::Words(names(stored::contexts(global)));
        }
        if is_called(RECIPIENT) {
            return Self::Words(names(stored::recipients(global)));
        }
        if is_called(METHOD) {
            return Self::Words(names(Method::ALL.map(|method| method.to_string()).into()));
        }
        match arg.get_value_hint() {
            ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath => Self::Files,
            ValueHint::CommandWithArguments => Self::Program,
            _ => Self::Words(Vec::new()),
        }
    }
}

/// Names that somebody chose: one that would move the cursor, or looks like a secret that was
/// put in the wrong place, is not offered.
fn names(all: Vec<String>) -> Vec<Candidate> {
    let fit = |name: &String| {
        !name.contains(acts_on_a_terminal)
            && matches!(without_secrets(name), std::borrow::Cow::Borrowed(_))
    };
    let fitting = all.into_iter().filter(fit);
    fitting.map(|name| Candidate::new(name, None)).collect()
}
