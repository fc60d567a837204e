//! The sealed file: derivation, age recipient and identity, contents.
//!
//! ```text
//! passphrase ─▶ kdf ─▶ recipient ─┐
//!                                 ├─▶ seal
//!                      contents ──┘
//! ```
//! The format is written down in `vault-format.md`. This module knows no network, no
//! terminal and no clock.

pub mod contents;
pub mod kdf;
pub mod plugin;
pub mod public;
pub mod recipient;
pub mod seal;
pub(crate) mod ssh_key;
pub mod stanza;

pub use contents::{
    Contents, ContentsError, Context, ContextName, Credential, Defaults, RecipientEntry, Session,
    Time,
};
pub use kdf::{Ceiling, Cost, Kdf, KdfError, Salt};
pub use plugin::{PluginError, PluginIdentity};
pub use public::{PublicRecipient, PublicRecipientError};
pub use recipient::{PassphraseIdentity, PassphraseRecipient};
pub use seal::{Change, Class, SealError, Sealed, armor, seal, without_blank_lines};
