//! What can go wrong in a command, beyond its use cases, with the facts that a message needs.
//! The words, the hint and the exit code of each are in [`report`](super::report).

mod vault;

pub use vault::{BackupError, RecoveryKeyError, RestoreError, VaultError};

use std::io;
use std::path::PathBuf;

use super::format::Format;
use crate::app;
use crate::files::StoreError;
use crate::keeper::KeepersError;
use crate::prompt::PromptError;
use crate::prompt::source::SourceError;
use crate::secret::TokenError;
use crate::vault::{Cost, KdfError, PluginError, PublicRecipientError};

/// Why a command failed. Its `Display` is for a debugger alone.
#[derive(Debug)]
pub enum Error {
    /// A use case failed.
    App(Box<app::Error>),
    /// A flag, a variable or the settings cannot be used.
    Settings(SettingsError),
    /// Standard output cannot be written.
    Output(OutputError),
    /// Of `auth`.
    Auth(AuthError),
    /// The cost of a key derivation is out of bounds.
    Cost(CostError),
    /// Of `unlock` and `lock`.
    Lock(LockError),
    /// Of `exec`.
    Exec(ExecError),
    /// Of `api`.
    Call(CallError),
    /// Somebody was asked before something is removed, and did not agree.
    Declined,
    /// There is a context of this name already.
    ContextExists(String),
    /// A recipient cannot be added or removed.
    Recipient(RecipientError),
    /// Of `vault backup`.
    Backup(BackupError),
    /// Of `vault restore`.
    Restore(RestoreError),
    /// Of `vault recovery-key`.
    RecoveryKey(RecoveryKeyError),
    /// Of `vault passphrase`, `tune` and `verify`.
    Vault(VaultError),
    /// Of `credential` and `helper`.
    Gate(app::gate::GateError),
}

macro_rules! from {
    ($($variant:ident: $($error:ty),*;)*) => {$($(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(error.into())
            }
        }
    )*)*};
}

from!(
    Settings: SettingsError;
    Output: OutputError;
    Auth: AuthError;
    Cost: CostError;
    Lock: LockError;
    Exec: ExecError;
    Call: CallError;
    Recipient: RecipientError;
    Backup: BackupError;
    Restore: RestoreError;
    RecoveryKey: RecoveryKeyError;
    Vault: VaultError; Gate: app::gate::GateError;
);

macro_rules! from_use_cases {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::App(Box::new(error.into()))
            }
        }
    )*};
}

from_use_cases!(
    app::Error,
    app::KeyError,
    app::LoginError,
    StoreError,
    KdfError,
    PromptError,
    SourceError,
    getrandom::Error,
    crate::api::Error,
);

/// Why a flag, a variable or the settings cannot be used.
#[derive(Debug)]
pub enum SettingsError {
    /// The value of a flag or a variable.
    Value {
        /// Its name.
        name: String,
        /// What is wrong with it.
        why: String,
    },
    /// A variable is not UTF-8 text.
    NotText(String),
    /// The file of the settings cannot be read.
    Unreadable(PathBuf, StoreError),
    /// Other users can change it, or what leads to it.
    NotSafe(PathBuf, String),
    /// It is not a file, or larger than one that somebody wrote.
    NotSettings(PathBuf),
    /// It is not text.
    NotUtf8(PathBuf),
    /// A line of it is not what this program knows.
    Line(PathBuf, super::mistake::Mistake),
}

/// Why standard output cannot be written.
#[derive(Debug)]
pub enum OutputError {
    /// The system refused.
    Io(io::Error),
    /// The data has no such form.
    Form(Format, String),
}

/// Why a login failed before the API was asked, or after.
#[derive(Debug)]
pub enum AuthError {
    /// Flags of a login stand before a sub-command.
    FlagsBeforeCommand,
    /// There is no token and no one to ask for it.
    NoToken(PromptError),
    /// What was typed or supplied is not a token.
    NotAToken(TokenError),
    /// Standard input with the token in it could not be read.
    TokenUnread(SourceError),
    /// A sub-command that other tools have, or that is elsewhere here: where.
    NoSuchCommand(Option<String>),
    /// `CLDKCTL_TOKEN` is used, so no session is stored.
    NothingToRenew,
    /// A sub-command with a typing error.
    Misspelt(&'static str),
    /// `--recipient`, where there is a vault already.
    RecipientOfExisting(PathBuf),
    /// Another login made the vault meanwhile.
    MadeMeanwhile(PathBuf),
    /// The same, with another passphrase.
    MadeMeanwhileWithAnother(PathBuf),
}

/// Why a cost cannot be used.
#[derive(Debug)]
pub enum CostError {
    /// It is below the floor.
    TooCheap(Cost),
    /// It is above the ceiling, the second.
    TooCostly(Cost, Cost),
    /// So little memory is below the floor.
    TooLittleMemory,
    /// So much memory is above the ceiling.
    TooMuchMemory,
}

/// Why a vault cannot be locked or unlocked.
#[derive(Debug)]
pub enum LockError {
    /// The agent cannot be started, or cannot serve.
    Agent(String),
    /// A keeper may hold the key still.
    StillUnlocked(PathBuf, KeepersError),
    /// An identity is not kept.
    IdentityNotKept,
    /// Nothing here tells the user's logins apart.
    LoginsNotTold(PathBuf),
}

/// Why a program was not run.
#[derive(Debug)]
pub enum ExecError {
    /// There is no such program.
    NotFound(String, io::Error),
    /// The system refused to run it.
    NotRun(String, io::Error),
    /// The default project cannot stand in a variable.
    Project,
}

/// Why a call was not made, or did not succeed.
#[derive(Debug)]
pub enum CallError {
    /// Standard input is wanted twice.
    StdinTwice,
    /// There is no such method.
    Method(String),
    /// The method stands behind the path.
    MethodBehind,
    /// The path or the query cannot be used.
    Request(crate::api::RequestError),
    /// The body cannot be read.
    Body(String),
    /// The body is larger than 64 MiB.
    BodyTooLarge(PathBuf),
    /// Neither the cached session nor a new one is accepted.
    Rejected {
        /// Who answered.
        origin: String,
        /// In its own words, safe to show.
        said: Option<String>,
    },
    /// The API answered with an error.
    Status {
        /// Who answered.
        origin: String,
        /// The HTTP status.
        status: u16,
        /// In its own words, safe to show.
        said: Option<String>,
        /// What standard output has of the answer.
        shown: Shown,
    },
}

/// What standard output has of an answer.
#[derive(Clone, Copy, Debug)]
pub enum Shown {
    /// Its body.
    Body,
    /// Nothing: it has no body.
    Nothing,
    /// Its headers alone.
    Headers,
}

/// Why a recipient cannot be added or removed. The vault is unchanged.
#[derive(Debug)]
pub enum RecipientError {
    /// A text is not a recipient; where it stands comes first.
    Unusable(String, PublicRecipientError),
    /// Its plugin is missing.
    Plugin(String, PluginError),
    /// The file of recipients cannot be read.
    File(SourceError),
    /// The file holds no recipient.
    NoneIn(PathBuf),
    /// The vault has it already, under this name.
    Exists(String),
    /// The label has characters or a length that labels do not have.
    Label,
    /// Another recipient has the label.
    LabelTaken,
    /// No recipient has this name, but perhaps one nearly does.
    NotFound(Option<String>),
    /// Several recipients have this name.
    Ambiguous,
    /// Nothing else opens the vault.
    Last,
    /// It is the passphrase's own.
    Passphrase,
    /// Another command removed the passphrase meanwhile.
    PassphraseGone,
}
