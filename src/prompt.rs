//! Asking a person, and the other places a token or passphrase may come from.

pub mod passphrase;
pub mod source;
pub mod terminal;

pub use source::{SourceError, read_secret_file, read_stdin};
pub use terminal::{PromptError, Terminal};
