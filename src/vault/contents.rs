//! What a vault holds: contexts, tokens, sessions, credentials, and to whom it is sealed.
//!
//! The fields, their bounds and their meaning are written down in `vault-format.md`.
//! Unknown fields survive a load and save at every level, so that a newer version of this
//! program, or another, may add to a vault without losing it here.

mod check;
mod context;
mod credential;
mod envelope;
mod name;
mod recipients;
mod strict;
mod time;
mod values;

pub use context::{Context, Defaults, Session};
pub use credential::{Credential, Merged};
pub use name::ContextName;
pub use recipients::{PASSPHRASE, is_label, short};
pub use time::Time;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use self::check::MAX_REVISION;
use self::strict::present;
use super::kdf::{Cost, Kdf, Salt};

/// The value of `format`.
const FORMAT: &str = "cldkctl-vault";
/// The value of `version` that this program writes, and the newest it reads.
const VERSION: u64 = 1;
/// The largest contents, in bytes of JSON.
pub const MAX_CONTENTS_BYTES: usize = 32 * 1024 * 1024;

/// The decrypted contents of a vault.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Contents {
    format: String,
    version: u64,
    /// Says which vault this is, over all its copies: 32 lower-case hexadecimal digits.
    pub id: String,
    /// Grows by one at each save.
    pub revision: u64,
    /// The context that commands use when none is named.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub current_context: Option<ContextName>,
    /// The accounts and environments logged in to; their names are unique.
    pub contexts: Vec<Context>,
    /// Credentials of other services; no two of one kind, place and user name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credentials: Vec<Credential>,
    /// To whom the vault is sealed; never empty.
    pub recipients: Vec<RecipientEntry>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// A public key that the vault is sealed to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RecipientEntry {
    /// The age recipient, `age1…`, or an SSH public key; see [`PublicRecipient`](super::PublicRecipient).
    pub recipient: String,
    /// What a person calls it.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    pub label: Option<String>,
    /// How its identity is derived; there on the passphrase's own recipient alone.
    #[serde(
        default,
        deserialize_with = "present",
        skip_serializing_if = "Option::is_none"
    )]
    argon2id: Option<KdfEntry>,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// How a passphrase's identity is derived, as the contents say it.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct KdfEntry {
    salt: Salt,
    memory_kib: u32,
    iterations: u32,
    lanes: u32,
    #[serde(flatten)]
    extra: Map<String, Value>,
}

/// Why decrypted bytes are no contents.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ContentsError {
    /// `version` is above what this program knows. All of its digits.
    #[error("its contents are of version {0:.20}, and this cldkctl reads version {VERSION}")]
    Newer(String),
    /// Something else was sealed.
    #[error("its contents are not those of a vault")]
    NotAVault,
    /// There is no revision above theirs, so they cannot be saved.
    #[error("its revision, 2^53 - 1, is the last that there is")]
    LastRevision,
    /// A rule of `vault-format.md` is broken. Never holds any of the contents.
    #[error("its contents are damaged: {0}")]
    Damaged(&'static str),
}

impl Contents {
    /// An empty vault under `id`, not sealed to anyone.
    ///
    /// # Errors
    /// When the system gives no random bytes for the id.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        Ok(Self {
            format: FORMAT.to_owned(),
            version: VERSION,
            id: id.iter().map(|byte| format!("{byte:02x}")).collect(),
            revision: 0,
            current_context: None,
            contexts: Vec::new(),
            credentials: Vec::new(),
            recipients: Vec::new(),
            extra: Map::new(),
        })
    }

    /// Reads contents from their JSON.
    ///
    /// # Errors
    /// When they are of a newer version, of another format, or break a rule. The reasons
    /// are fixed texts: a parser's own message could quote a secret.
    pub fn from_json(json: &[u8]) -> Result<Self, ContentsError> {
        if values::are_too_many(json) {
            return Err(ContentsError::Damaged("they have more than 500,000 values"));
        }
        if values::are_too_deep(json) {
            return Err(ContentsError::Damaged("they are nested deeper than 64"));
        }
        match serde_json::from_slice::<Self>(json) {
            Ok(contents) if contents.format == FORMAT && contents.version == VERSION => {
                contents.check().map_err(ContentsError::Damaged)?;
                Ok(contents)
            }
            _ => Err(envelope::why_unreadable(json)),
        }
    }

    /// Whether there is a revision above theirs, which a save needs.
    ///
    /// # Errors
    /// [`ContentsError::LastRevision`] when there is none.
    pub fn check_next_revision(&self) -> Result<(), ContentsError> {
        match self.revision {
            MAX_REVISION => Err(ContentsError::LastRevision),
            _ => Ok(()),
        }
    }

    /// The JSON of these contents with the next revision, to be sealed.
    ///
    /// # Errors
    /// When they have grown beyond [`MAX_CONTENTS_BYTES`], or what else a reader takes.
    pub fn to_next_json(&mut self) -> Result<Zeroizing<Vec<u8>>, ContentsError> {
        self.check_next_revision()?;
        self.revision += 1;
        self.check().map_err(ContentsError::Damaged)?;
        let json = serde_json::to_vec(self)
            .map(Zeroizing::new)
            .map_err(|_| ContentsError::Damaged("they cannot be written as JSON"))?;
        if json.len() > MAX_CONTENTS_BYTES {
            return Err(ContentsError::Damaged("they have grown beyond 32 MiB"));
        }
        if values::are_too_many(&json) {
            return Err(ContentsError::Damaged(
                "they have grown beyond 500,000 values",
            ));
        }
        if values::are_too_deep(&json) {
            return Err(ContentsError::Damaged("they are nested deeper than 64"));
        }
        Ok(json)
    }

    /// The context of that name.
    #[must_use]
    pub fn context(&self, name: &ContextName) -> Option<&Context> {
        self.contexts.iter().find(|context| context.name == *name)
    }

    /// The context of that name, to change it.
    pub fn context_mut(&mut self, name: &ContextName) -> Option<&mut Context> {
        self.contexts
            .iter_mut()
            .find(|context| context.name == *name)
    }

    /// Adds `context`, in place of one that has its name, and makes it the current one.
    pub fn log_in(&mut self, context: Context) {
        self.current_context = Some(context.name.clone());
        match self.context_mut(&context.name) {
            // What someone else added to it stays, and so do defaults that were not given anew.
            Some(old) => {
                let extra = std::mem::take(&mut old.extra);
                let defaults = context.defaults.over(&old.defaults);
                *old = Context {
                    extra,
                    defaults,
                    ..context
                };
            }
            None => self.contexts.push(context),
        }
    }

    /// Removes a context. The first of those that remain becomes current if it was.
    pub fn log_out(&mut self, name: &ContextName) -> Option<Context> {
        let place = self
            .contexts
            .iter()
            .position(|context| context.name == *name)?;
        let removed = self.contexts.remove(place);
        if self.current_context.as_ref() == Some(name) {
            self.current_context = self.contexts.first().map(|context| context.name.clone());
        }
        Some(removed)
    }

    /// Makes `entry` the passphrase's recipient, in place of the one there was, or takes the
    /// passphrase away.
    pub fn set_passphrase(&mut self, entry: Option<RecipientEntry>) {
        let place = self
            .recipients
            .iter()
            .position(|entry| entry.kdf().is_some());
        match (place, entry) {
            (Some(place), Some(entry)) => self.recipients[place] = entry,
            (Some(place), None) => {
                self.recipients.remove(place);
            }
            (None, Some(entry)) => self.recipients.insert(0, entry),
            (None, None) => {}
        }
    }

    /// Gives the context `old`, if there is one, the name `new`, which must be free.
    pub fn rename(&mut self, old: &ContextName, new: &ContextName) {
        if let Some(context) = self.context_mut(old) {
            context.name = new.clone();
            if self.current_context.as_ref() == Some(old) {
                self.current_context = Some(new.clone());
            }
        }
    }

    /// The version of the contents' format.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The derivation parameters of the passphrase, if the vault has one.
    #[must_use]
    pub fn kdf(&self) -> Option<Kdf> {
        self.recipients.iter().find_map(RecipientEntry::kdf)
    }
}

impl RecipientEntry {
    /// The recipient whose identity is derived from a passphrase.
    #[must_use]
    pub fn passphrase(recipient: String, kdf: Kdf) -> Self {
        let Kdf {
            salt,
            cost:
                Cost {
                    memory_kib,
                    iterations,
                    lanes,
                },
        } = kdf;
        let argon2id = KdfEntry {
            salt,
            memory_kib,
            iterations,
            lanes,
            extra: Map::new(),
        };
        Self {
            recipient,
            label: None,
            argon2id: Some(argon2id),
            extra: Map::new(),
        }
    }

    /// What to call it when it is shown: its label, or else a short form of it.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.label {
            Some(label) => label.clone(),
            None if self.argon2id.is_some() => PASSPHRASE.to_owned(),
            None => short(&self.recipient),
        }
    }

    /// How its identity is derived; `None` for all but the passphrase's own recipient.
    #[must_use]
    pub fn kdf(&self) -> Option<Kdf> {
        let &KdfEntry {
            ref salt,
            memory_kib,
            iterations,
            lanes,
            ..
        } = self.argon2id.as_ref()?;
        Some(Kdf {
            salt: salt.clone(),
            cost: Cost {
                memory_kib,
                iterations,
                lanes,
            },
        })
    }
}
