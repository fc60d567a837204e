//! Why a file cannot be read as a vault, opened or sealed.

use std::{fmt, io};

use age::DecryptError;

use crate::printable::on_one_line;
use crate::vault::contents::ContentsError;
use crate::vault::kdf::{Ceiling, Cost};
use crate::vault::plugin::PluginError;
use crate::vault::stanza::StanzaError;

/// Why a file cannot be read as a vault or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It is no age file.
    #[error("it is not an age file")]
    NotAge,
    /// It has an armored age file in it, and something else around that: mail, a terminal.
    #[error("there is an armored file inside, and something else around it")]
    Around,
    /// It has an armored age file in it, of which mail or an editor changed the lines alone.
    #[error("its armor has been changed by a mail program or an editor: {0}")]
    Changed(Change, Class),
    /// It is an age file of a version that nobody knew when this was written.
    #[error("it is an age file of a newer version")]
    NewerAge,
    /// It was sealed by `age --passphrase`, which no vault is.
    #[error("it is an age file with a passphrase of its own (scrypt), not a vault")]
    Scrypt,
    /// Its header is longer than any vault's.
    #[error("its header is longer than 64 KiB")]
    LongHeader,
    /// Its header has more stanzas than any vault's.
    #[error("its header has more than 256 stanzas")]
    ManyStanzas,
    /// Its derivation parameters are unusable.
    #[error(transparent)]
    Stanza(#[from] StanzaError),
    /// Its derivation costs more than the ceiling.
    #[error("its header asks for {wanted}, and at most {} is allowed", .ceiling.0)]
    TooCostly {
        /// What the header asks for.
        wanted: Cost,
        /// The ceiling in force.
        ceiling: Ceiling,
    },
    /// It was altered, cut short or otherwise damaged.
    #[error("it is damaged or was altered ({0})")]
    Damaged(&'static str),
    /// Its stanza says that it is of a newer version, and the key that was tried, as this
    /// version derives it, does not open it.
    #[error(
        "its {} stanza is of a newer version, or the passphrase is wrong",
        crate::vault::stanza::TAG
    )]
    PerhapsNewer,
    /// A file key was found, and the header is not what was sealed under it.
    #[error("it is damaged or was altered (its header was altered)")]
    Mac,
    /// It opened, and what it holds is unusable.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// Header and contents name different passphrases.
    #[error("its header and its contents name different passphrases")]
    Disagrees,
    /// It opened all the same, and a save would undo what the newer version says.
    #[error("{}", StanzaError::Newer)]
    NewerStanza,
    /// No identity opens it.
    #[error("no identity that was tried opens it")]
    NoMatch,
    /// An identity could not be used.
    #[error("the identity cannot be used: {0}")]
    Identity(String),
    /// A recipient in the contents is of a kind that cannot be sealed to.
    #[error("it is sealed to an unknown kind of recipient")]
    Recipient,
    /// A plugin that a recipient or an identity needs is missing, or failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// A plugin forbids to mix its recipients with others.
    #[error("one of its recipients cannot be combined with other kinds")]
    Mixed,
    /// Its header would be longer than any reader takes.
    #[error("so many recipients do not fit a header of 64 KiB")]
    TooMany,
    /// The system failed while sealing.
    #[error("sealing failed: {0}")]
    Seal(io::Error),
}

/// What was done to the armor, as far as it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is UTF-16, as `>` in PowerShell writes it.
    Utf16,
    /// `=` became `=3D`.
    QuotedPrintable,
    /// Lines end in blanks.
    Blanks,
    /// There are blank lines among its own.
    BlankLines,
    /// Its lines are of other lengths, or are one.
    Wrapped,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Utf16 => "it is UTF-16 text",
            Self::QuotedPrintable => "it is quoted-printable, with =3D for =",
            Self::Blanks => "there are blanks at the ends of its lines",
            Self::BlankLines => "there are blank lines in it",
            Self::Wrapped => "its lines are broken in other places",
        })
    }
}

/// What a file is that does not open, in the words of `vault-format.md`, section 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The passphrase or identity opens no stanza of it.
    WrongKey,
    /// Malformed, altered, cut short, or beyond a limit.
    Damaged,
    /// Of a version that is not known here.
    Newer,
    /// Not a vault.
    Foreign,
}

impl SealError {
    /// What the file is; `None` where the failure is not the file's.
    #[must_use]
    pub fn class(&self) -> Option<Class> {
        Some(match self {
            Self::NoMatch => Class::WrongKey,
            Self::Changed(_, class) => *class,
            Self::NewerAge
            | Self::PerhapsNewer
            | Self::Stanza(StanzaError::Newer)
            | Self::Contents(ContentsError::Newer(_)) => Class::Newer,
            Self::NotAge | Self::Scrypt | Self::Contents(ContentsError::NotAVault) => {
                Class::Foreign
            }
            Self::Around
            | Self::LongHeader
            | Self::ManyStanzas
            | Self::Stanza(_)
            | Self::TooCostly { .. }
            | Self::Damaged(_)
            | Self::Mac
            | Self::Contents(ContentsError::Damaged(_)) => Class::Damaged,
            Self::Contents(ContentsError::LastRevision)
            | Self::Disagrees
            | Self::NewerStanza
            | Self::Identity(_)
            | Self::Recipient
            | Self::Plugin(_)
            | Self::Mixed
            | Self::TooMany
            | Self::Seal(_) => return None,
        })
    }

    /// What an identity or a recipient of ours failed with: `age` passes an I/O error on.
    pub(super) fn from_io(error: io::Error, otherwise: impl FnOnce(io::Error) -> Self) -> Self {
        match error.downcast::<PluginError>() {
            Ok(plugin) => Self::Plugin(plugin),
            Err(error) => match error.downcast::<StanzaError>() {
                Ok(_) => Self::PerhapsNewer,
                Err(error) => otherwise(error),
            },
        }
    }
}

impl From<DecryptError> for SealError {
    fn from(error: DecryptError) -> Self {
        match error {
            DecryptError::NoMatchingKeys => Self::NoMatch,
            DecryptError::UnknownFormat | DecryptError::InvalidHeader => {
                Self::Damaged("its header is malformed")
            }
            DecryptError::InvalidMac => Self::Mac,
            DecryptError::Io(error) => Self::from_io(error, |_| Self::Damaged("it is cut short")),
            // An SSH key's: its stanza is known by a hash of the key.
            DecryptError::DecryptionFailed => {
                Self::Damaged("the stanza of this key does not decrypt")
            }
            DecryptError::ExcessiveWork { .. } => Self::Scrypt,
            // The rest concerns the identity: a key that cannot be decrypted, or a plugin.
            error => Self::Identity(on_one_line(&error.to_string())),
        }
    }
}
