//! Why a question got no answer.

use std::io;

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The process has no controlling terminal.
    #[error("there is no terminal to ask on")]
    NoTerminal,
    /// The terminal belongs to another job, and no shell gives it to this one.
    #[error("the terminal belongs to another job")]
    Background,
    /// Asking is forbidden.
    #[error("--no-input forbids asking")]
    Forbidden,
    /// The terminal failed or was closed.
    #[error("cannot read from the terminal: {0}")]
    Io(#[from] io::Error),
    /// Ctrl-D, or the end of the terminal, with nothing typed before: no answer, where an empty
    /// line is one.
    #[error("the input ended before anything was typed")]
    Ended,
    /// More than 64 KiB on one line.
    #[error("the answer is longer than 64 KiB")]
    TooLong,
    /// A control character.
    #[error("the answer has a control character in it, perhaps an arrow key")]
    Characters,
    /// Bytes that are not UTF-8.
    #[error("the answer has a byte that is not UTF-8, perhaps of a terminal with another encoding")]
    NotText,
    /// A line end in the middle of a paste.
    #[error("the pasted text has more than one line")]
    Lines,
}

impl PromptError {
    /// Whether there is nobody to ask, rather than no good answer.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::NoTerminal | Self::Background | Self::Forbidden)
    }

    /// Whether there was an answer, which cannot be used.
    #[must_use]
    pub fn is_unclear(&self) -> bool {
        matches!(
            self,
            Self::TooLong | Self::Characters | Self::NotText | Self::Lines
        )
    }
}
