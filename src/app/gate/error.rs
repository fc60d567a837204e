//! What can go wrong with credentials of other services, with the facts that a message needs.

use std::io;
use std::path::PathBuf;

use super::place::PlaceError;
use crate::files::StoreError;

/// Why a credential is not stored, found or given, or a helper not installed.
#[derive(Debug, thiserror::Error)]
pub enum GateError {
    /// What was named is not a place of this kind.
    #[error("no place")]
    Place(PlaceError),
    /// There is no such kind.
    #[error("no such kind")]
    Kind,
    /// There is no credential of this kind for this place.
    #[error("not found")]
    NotFound(String, String),
    /// There are several, of different users.
    #[error("several")]
    Several(String, String),
    /// There is no credential of this kind at all.
    #[error("none of this kind")]
    NoneOf(&'static str),
    /// There are some for several places or users.
    #[error("several places")]
    SeveralPlaces(&'static str),
    /// There is one already, with another secret.
    #[error("exists")]
    Exists(String),
    /// It is over.
    #[error("expired")]
    Expired(String),
    /// Its kind needs a user name.
    #[error("no user name")]
    NoUsername(&'static str),
    /// The user name has a control character or is too long.
    #[error("unusable user name")]
    Username,
    /// The secret is longer than 1 MiB.
    #[error("long secret")]
    SecretTooLong,
    /// The secret is not UTF-8.
    #[error("secret of other bytes")]
    SecretNotText,
    /// The secret has characters that the protocol of its kind cannot carry.
    #[error("secret of other characters")]
    SecretNotCarried(&'static str),
    /// There is a second secret to come, and standard input has one line.
    #[error("no second secret")]
    NoSecondSecret,
    /// The end is not a date, or is over.
    #[error("unusable date")]
    Expires(&'static str),
    /// Standard input cannot be read.
    #[error("no standard input")]
    Stdin(#[source] io::Error),
    /// There is no secret and no one to ask for it.
    #[error("no secret")]
    NoSecret(#[source] crate::prompt::PromptError),
    /// git asks in another way than git-credential(7) has it.
    #[error("not git's protocol")]
    Git(GitFault),
    /// The settings of docker cannot be used.
    #[error("unusable settings")]
    Config(PathBuf, ConfigFault),
    /// There is no home folder, where docker has its settings.
    #[error("no home")]
    NoHome,
    /// Neither a host nor all of them were named.
    #[error("nothing named")]
    NothingNamed(&'static str),
    /// Something else has the name of the link.
    #[error("in the way")]
    Stranger(PathBuf),
    /// There is no folder for the link on the PATH.
    #[error("no folder")]
    NoFolder,
    /// The link cannot be made or removed.
    #[error("no link")]
    Link(PathBuf, #[source] io::Error),
    /// git cannot be run.
    #[error("no git")]
    NoGit(#[source] io::Error),
    /// git refused.
    #[error("git refused")]
    GitRefused(String),
}

/// What is wrong with a question of git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitFault {
    /// A zero byte or a carriage return.
    Controls,
    /// Bytes that are not UTF-8.
    NotText,
    /// A line without `=`.
    Line,
    /// No protocol, or no host.
    Missing,
    /// A URL that is not one.
    Url,
    /// It is larger than any.
    TooLong,
}

/// What is wrong with the settings of docker. They are unchanged.
#[derive(Debug)]
pub enum ConfigFault {
    /// The file system stood in the way.
    Store(StoreError),
    /// It belongs to another user.
    NotOurs(u32),
    /// Its owner may not write to it.
    ReadOnly,
    /// It is not JSON; where.
    NotJson(String),
    /// It is JSON, and no object, or has something else in an object's place.
    Shape(&'static str),
    /// A field stands there twice.
    Twice(&'static str),
    /// It is larger than settings are.
    TooLarge,
}
