//! What can go wrong in a use case, with the facts that a message needs. The words, the hint
//! and the exit code of each are in `cli::report`.
//!
//! The `Display` of these is for a debugger alone, but for that of [`MemoryError`], which ends a
//! sentence.

use std::io;
use std::path::PathBuf;

use crate::api;
use crate::base_url::BaseUrl;
use crate::files::StoreError;
use crate::keeper::KeepersError;
use crate::prompt::PromptError;
use crate::prompt::identity::IdentityError;
use crate::prompt::passphrase::{Flaw, Weak};
use crate::prompt::source::SourceError;
use crate::secret::TokenError;
use crate::vault::{ContextName, KdfError, SealError};

/// Why a use case failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no login to use.
    #[error(transparent)]
    Login(#[from] LoginError),
    /// The vault's key is not to be had.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A new passphrase cannot be used.
    #[error(transparent)]
    NewPassphrase(#[from] NewPassphraseError),
    /// The vault cannot be read or opened.
    #[error("unusable vault")]
    Vault(PathBuf, #[source] SealError),
    /// The vault cannot be sealed again; the file is unchanged.
    #[error("unsaved vault")]
    Unsaved(PathBuf, #[source] SealError),
    /// Another command is changing the vault and does not finish.
    #[error("busy vault")]
    Busy(PathBuf),
    /// No keeper could hold the key.
    #[error("not kept")]
    NotKept(PathBuf, #[source] KeepersError),
    /// A file or folder stood in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key could not be derived.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// A question got no usable answer.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// A secret that was supplied cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The API rejected the token or could not be asked.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// The answer to a call is larger than what is read.
    #[error("too much")]
    AnswerTooLarge(#[source] api::Error),
    /// The extra certificate authority cannot be used.
    #[error(transparent)]
    Certificates(#[from] CertificatesError),
    /// The system gives no random bytes.
    #[error(transparent)]
    Random(#[from] getrandom::Error),
}

/// Why there is no login to use.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// There is no vault.
    #[error("no vault")]
    NoVault(PathBuf),
    /// There is none where `--vault`, or what stands in for it, says that one is.
    #[error("no vault there")]
    NoNamedVault(PathBuf),
    /// The vault was removed while this command ran.
    #[error("removed vault")]
    Removed(PathBuf),
    /// The vault has no context.
    #[error("no context")]
    Empty(PathBuf),
    /// The vault has contexts, and none of them is the current one.
    #[error("no current context")]
    NoCurrent(PathBuf),
    /// The vault has no context of this name, but perhaps one that is nearly called so.
    #[error("no such context")]
    NoContext(PathBuf, ContextName, Option<ContextName>),
    /// The token was verified at another address than the one asked for.
    #[error("another address")]
    OtherAddress {
        /// The context.
        context: ContextName,
        /// Where its token was verified.
        verified_at: Box<BaseUrl>,
        /// The address asked for.
        asked: Box<BaseUrl>,
    },
    /// The same for the token in `CLDKCTL_TOKEN`.
    #[error("another address than the variable's")]
    OtherAddressThanVariable {
        /// The address in `CLDKCTL_BASE_URL`.
        verified_at: Box<BaseUrl>,
        /// The address asked for.
        asked: Box<BaseUrl>,
    },
    /// `CLDKCTL_TOKEN` holds no token.
    #[error("unusable variable")]
    Variable(TokenError),
}

/// Why the vault's key is not to be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The vault is locked, and there is no one to ask.
    #[error("locked")]
    Locked(PathBuf, #[source] PromptError),
    /// The command needs the passphrase itself, be the vault unlocked or not, and there is no one
    /// to ask.
    #[error("needs the passphrase")]
    NeedsPassphrase(PathBuf, #[source] PromptError),
    /// Only identities open this vault, and none was named.
    #[error("locked, for identities only")]
    NeedsIdentity(PathBuf),
    /// A passphrase was supplied, and only identities open this vault.
    #[error("no passphrase opens it")]
    NoPassphrase(PathBuf),
    /// The passphrase or identity does not open the vault.
    #[error("wrong key")]
    Wrong(PathBuf),
    /// The passphrase that was supplied does not open the vault, and there is something odd
    /// about it.
    #[error("wrong key, and an odd one")]
    Flawed {
        /// The vault.
        vault: PathBuf,
        /// Where the passphrase is.
        input: Input,
        /// What is odd.
        flaw: Flaw,
    },
    /// No identity of the file opens the vault.
    #[error("identities that do not fit")]
    Misfit {
        /// The vault.
        vault: PathBuf,
        /// The identity file.
        file: PathBuf,
        /// What is known of its identities: their recipients, or the names of their plugins.
        public: Vec<String>,
    },
    /// The cached key does not open the vault.
    #[error("wrong cached key")]
    WrongCached(PathBuf),
    /// Enter alone was the answer to a question for a passphrase.
    #[error("no passphrase was typed")]
    NothingTyped,
    /// The passphrase that was supplied is empty.
    #[error("empty passphrase")]
    Empty(Input),
    /// The identity file cannot be used.
    #[error("unusable identity")]
    Identity(PathBuf, IdentityKind, #[source] IdentityError),
}

impl KeyError {
    /// Whether the key is not that of the vault: another may be.
    #[must_use]
    pub fn is_misfit(&self) -> bool {
        matches!(
            self,
            Self::Wrong(_) | Self::Flawed { .. } | Self::Misfit { .. }
        )
    }
}

/// Why a new passphrase cannot be used. Nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum NewPassphraseError {
    /// There is no one to ask for it.
    #[error("no new passphrase")]
    Missing {
        /// The vault.
        path: PathBuf,
        /// Why no one was asked.
        why: PromptError,
        /// The flags that supply one.
        flags: &'static str,
    },
    /// It has something that nobody can type at a prompt.
    #[error("untypable")]
    Untypable(Flaw),
    /// It is too easy to guess.
    #[error("weak passphrase")]
    Weak(Weak),
    /// It was typed twice, not the same.
    #[error("the two passphrases differ")]
    Differ,
}

/// Why the extra certificate authority cannot be used. Nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum CertificatesError {
    /// Its file cannot be opened.
    #[error(transparent)]
    File(StoreError),
    /// Its file cannot be read.
    #[error("unreadable certificates")]
    Unreadable(PathBuf, #[source] io::Error),
    /// Its file is larger than 4 MiB.
    #[error("too many certificates")]
    TooLarge(PathBuf),
    /// Its file holds none.
    #[error("no certificates")]
    Unusable(PathBuf, #[source] api::RootsError),
}

/// Why the revisions that were seen cannot be read, or one cannot be noted.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// Somebody else can write there.
    #[error(transparent)]
    NotSafe(StoreError),
    /// It is there, and cannot be read.
    #[error(transparent)]
    Unreadable(StoreError),
    /// It is there, and is something else.
    #[error("{} does not hold a revision number", .0.display())]
    Garbled(PathBuf),
    /// It cannot be written.
    #[error(transparent)]
    Unwritable(#[from] StoreError),
    /// It is locked.
    #[error("another cldkctl is busy with {}", .0.display())]
    Busy(PathBuf),
}

impl MemoryError {
    pub(super) fn of_reading(error: StoreError, path: PathBuf) -> Self {
        match error {
            StoreError::NotOurs { .. }
            | StoreError::OpenFolder { .. }
            | StoreError::Unmapped { .. } => Self::NotSafe(error),
            StoreError::TooLarge { .. } => Self::Garbled(path),
            error => Self::Unreadable(error),
        }
    }
}

/// What an identity file looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IdentityKind {
    /// An SSH private key.
    Ssh,
    /// A file of age identities.
    Age,
}

/// Where a passphrase was supplied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}
