//! Asking a person, and the other places a token or passphrase may come from.

pub mod asker;
pub mod error;
pub mod identity;
mod keys;
pub mod passphrase;
pub mod source;
pub mod terminal;

pub use asker::Asker;
pub use error::PromptError;
pub use terminal::Terminal;
