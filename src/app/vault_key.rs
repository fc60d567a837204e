//! What opens a vault, once it was found.

use age::Identity;

use crate::prompt::identity::Identities;
use crate::prompt::passphrase::Flaw;
use crate::secret::Key;
use crate::vault::{Contents, Kdf, PassphraseIdentity, SealError, Sealed};

/// What opens a vault, as often as a command needs it.
pub enum VaultKey {
    /// A key that was derived from a passphrase, and what is odd about that one.
    Derived(Kdf, Key, Option<Flaw>),
    /// Other identities.
    Identities(Identities),
}

impl VaultKey {
    /// Opens a vault with it.
    ///
    /// # Errors
    /// When it does not fit, or the vault is damaged.
    pub fn open(&self, sealed: &Sealed) -> Result<Contents, SealError> {
        match self {
            Self::Derived(kdf, key, _) => {
                let identity = PassphraseIdentity::new(kdf.clone(), key);
                sealed.open(std::iter::once(&identity as &dyn Identity))
            }
            Self::Identities(identities) => sealed.open(
                identities
                    .iter()
                    .map(|identity| &**identity as &dyn Identity),
            ),
        }
    }

    /// The recipient of a derived identity.
    #[must_use]
    pub fn derived_recipient(&self) -> Option<String> {
        match self {
            Self::Derived(kdf, key, _) => {
                let identity = PassphraseIdentity::new(kdf.clone(), key);
                Some(identity.recipient().to_string())
            }
            Self::Identities(_) => None,
        }
    }
}
