//! How a use case talks to a person, whatever is at the other end: a terminal, a log, a test.

use std::io;
use std::path::Path;

use jiff::SignedDuration;
use zeroize::Zeroizing;

use super::error::{Error, MemoryError};
use crate::api::{Event, RootsError};
use crate::base_url::Origin;
use crate::files::StoreError;
use crate::keeper::{KeeperError, KeepersError};
use crate::prompt::{Asker, PromptError};
use crate::secret::TokenError;
use crate::vault::{ContextName, Cost};

/// Who is told and asked.
///
/// A [`Notice`] has the facts and no words: whoever implements this says them.
pub trait Ui {
    /// Says something that the person should know or change.
    fn tell(&self, notice: &Notice<'_>);

    /// Says what is being done, where the person asked to be told each step (`-v`).
    fn detail(&self, step: &Step<'_>);

    /// Shows that something takes its time, until the returned value is dropped.
    fn progress(&self, task: Task) -> Progress;

    /// The person to ask, who may be absent.
    fn asker(&self) -> &Asker;

    /// Asks for a secret; the answer is not shown.
    ///
    /// # Errors
    /// As [`Asker::ask_hidden`].
    fn ask_hidden(&self, question: &str) -> Result<Zeroizing<String>, PromptError> {
        self.asker().ask_hidden(question)
    }
}

/// What a person should know.
#[derive(Debug)]
pub enum Notice<'a> {
    /// Another command is changing the vault; this one waits for it.
    WaitingForLock(&'a Path),
    /// The cached key is that of an earlier passphrase or cost.
    Rekeyed,
    /// No keeper could hold the key.
    StaysLocked(&'a KeepersError),
    /// A keeper may still hold the key.
    MayStayUnlocked(&'a KeepersError),
    /// All of the user's logins share the unlocked vault, though it is for the session.
    SharedByLogins,
    /// The same, since this keeper holds the key in place of one that tells them apart, for this
    /// reason.
    HeldByAnother(&'a str, &'a KeeperError),
    /// The vault is older than one that was seen here.
    OlderCopy {
        /// The vault.
        path: &'a Path,
        /// Its revision.
        revision: u64,
        /// The highest revision that was seen.
        seen: u64,
    },
    /// What was seen cannot be trusted or read, so an older copy would go unnoticed.
    RollbackUnknown(&'a MemoryError),
    /// Others can read a file with a secret.
    OthersCanRead(&'a Path),
    /// Others can read the vault, or change it.
    VaultExposed(&'a Path),
    /// Others can change the file that says which certificate authority to trust.
    OthersCanChange(&'a Path),
    /// Some certificates of a file are not trusted, for this reason.
    RootsPassedOver(&'a Path, RootsError),
    /// What this variable names in place of the system's authorities cannot be read.
    RootsUnread(&'a str, &'a Path, &'a io::Error),
    /// The server's clock is this far ahead of this machine's, or behind it.
    ClocksDiffer(&'a Origin, SignedDuration),
    /// The new session works and could not be saved.
    SessionNotSaved(&'a Error),
    /// `CLDKCTL_TOKEN` is used, and so the context that was named is not.
    ContextIgnored(&'a ContextName),
    /// The passphrase is too long for the `argon2` command.
    TooLongForArgon2,
    /// A new passphrase is about to be asked for.
    EnterMakesOne,
    /// An answer cannot be used for this reason, and the question is asked again.
    TryAgain(&'a Error),
    /// The same where a token was asked for.
    NotAToken(TokenError),
}

/// What a use case is doing.
#[derive(Debug)]
pub enum Step<'a> {
    /// Deriving a key at this cost.
    Deriving(Cost),
    /// The vault was saved.
    Saved {
        /// The vault.
        path: &'a Path,
        /// Its new revision.
        revision: u64,
    },
    /// The revision could not be noted, for this reason.
    RevisionNotNoted(&'a MemoryError),
    /// The new session is not saved, since the vault is only to be read.
    SessionNotSaved(&'a StoreError),
    /// Something happened on the wire.
    Wire(Event<'a>),
}

/// What takes its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// Argon2.
    Derive,
    /// The exchange of a token for a session, at login.
    Verify,
    /// The same, for a new session.
    Renew,
    /// The same, to ask whether the API accepts the token.
    Check,
    /// Any other call.
    Call,
    /// Trying how long Argon2 takes here.
    Measure,
}

/// Shown until it is dropped.
pub struct Progress(Option<Box<dyn FnOnce()>>);

impl Progress {
    /// `end` runs when this is dropped.
    pub fn new(end: impl FnOnce() + 'static) -> Self {
        Self(Some(Box::new(end)))
    }

    /// Nothing is shown.
    #[must_use]
    pub fn hidden() -> Self {
        Self(None)
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(end) = self.0.take() {
            end();
        }
    }
}
