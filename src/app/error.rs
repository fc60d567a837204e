//! What can go wrong in a use case, with the facts that a message needs. The words, the hint
//! and the exit code of each are in `cli::report`.

use std::io;
use std::path::PathBuf;

use crate::api;
use crate::base_url::BaseUrl;
use crate::files::StoreError;
use crate::keeper::KeepersError;
use crate::prompt::PromptError;
use crate::prompt::identity::IdentityError;
use crate::prompt::passphrase::Weak;
use crate::prompt::source::SourceError;
use crate::secret::TokenError;
use crate::vault::{ContextName, KdfError, SealError};

/// Why a use case did not come to its end. Its `Display` is for a debugger alone.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no vault.
    #[error("no vault")]
    NoVault(PathBuf),
    /// The vault has no context.
    #[error("no context")]
    NoLogin(PathBuf),
    /// The vault has contexts, and none of them is the current one.
    #[error("no current context")]
    NoCurrentContext(PathBuf),
    /// The vault has no context of this name.
    #[error("no such context")]
    NoContext(PathBuf, ContextName),
    /// The token was verified at another address than the one asked for.
    #[error("another address")]
    OtherAddress {
        /// The context.
        context: ContextName,
        /// Where its token was verified.
        verified_at: BaseUrl,
        /// The address asked for.
        asked: BaseUrl,
    },
    /// The same for the token in `CLDKCTL_TOKEN`.
    #[error("another address than the variable's")]
    OtherAddressThanVariable {
        /// The address in `CLDKCTL_BASE_URL`.
        verified_at: BaseUrl,
        /// The address asked for.
        asked: BaseUrl,
    },
    /// `CLDKCTL_TOKEN` holds no token.
    #[error("unusable variable")]
    TokenVariable(TokenError),
    /// The vault is locked, and there is no one to ask.
    #[error("locked")]
    Locked(PathBuf, PromptError),
    /// Only identities open this vault, and none was named.
    #[error("locked, for identities only")]
    NeedsIdentity(PathBuf),
    /// A passphrase was supplied, and only identities open this vault.
    #[error("no passphrase opens it")]
    NoPassphrase(PathBuf),
    /// The passphrase or identity does not open the vault.
    #[error("wrong key")]
    WrongKey(PathBuf),
    /// The cached key does not open the vault.
    #[error("wrong cached key")]
    WrongCachedKey(PathBuf),
    /// The vault cannot be read or opened.
    #[error("unusable vault")]
    Vault(PathBuf, #[source] SealError),
    /// The vault cannot be sealed again; the file is as it was.
    #[error("unsaved")]
    Unsaved(PathBuf, #[source] SealError),
    /// Another command is changing the vault and does not come to its end.
    #[error("busy")]
    Busy(PathBuf),
    /// The vault was removed while this command ran.
    #[error("removed")]
    Removed(PathBuf),
    /// A file or folder stood in the way.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The key could not be derived.
    #[error(transparent)]
    Kdf(#[from] KdfError),
    /// A question got no usable answer.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// Enter alone was the answer to a question for a passphrase.
    #[error("no passphrase was typed")]
    NothingTyped,
    /// A secret that was supplied cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The passphrase that was supplied is empty.
    #[error("empty passphrase")]
    EmptyPassphrase(Input),
    /// The identity file cannot be used.
    #[error("unusable identity")]
    Identity(PathBuf, IdentityKind, #[source] IdentityError),
    /// There is no one to ask for a new passphrase, which these flags supply.
    #[error("no new passphrase")]
    NoNewPassphrase {
        /// The vault.
        path: PathBuf,
        /// Why no one was asked.
        why: PromptError,
        /// The flags that supply one.
        flags: &'static str,
    },
    /// A new passphrase has several lines.
    #[error("several lines")]
    PassphraseLines,
    /// A new passphrase is too easy to guess.
    #[error("weak passphrase")]
    WeakPassphrase(Weak),
    /// The new passphrase was typed twice, not the same.
    #[error("the two passphrases differ")]
    Differ,
    /// No keeper could hold the key.
    #[error("not kept")]
    NotKept(PathBuf, #[source] KeepersError),
    /// The API rejected the token or could not be asked.
    #[error(transparent)]
    Api(#[from] api::Error),
    /// The answer to a call is larger than what is read.
    #[error("too much")]
    AnswerTooLarge(api::Error),
    /// The file with a certificate authority cannot be read.
    #[error("unreadable certificates")]
    CaFile(StoreError),
    /// The same, while it was read.
    #[error("unreadable certificates")]
    CaRead(PathBuf, #[source] io::Error),
    /// The same; it is larger than 4 MiB.
    #[error("too many certificates")]
    CaTooLarge(PathBuf),
    /// The file with a certificate authority holds none.
    #[error("no certificates")]
    CaUnusable(PathBuf, #[source] api::RootsError),
    /// The system gives no random bytes.
    #[error(transparent)]
    Random(#[from] getrandom::Error),
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

/// Why nothing can be told, or nothing be remembered.
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
