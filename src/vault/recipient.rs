//! The passphrase as an age recipient and identity.
//!
//! The 32 derived bytes are an age X25519 identity, so nothing here encrypts: the file key
//! is wrapped and unwrapped by `age`, and this adds the stanza that says how the identity
//! is derived.

use std::collections::HashSet;
use std::io;

use age::x25519;
use age::{DecryptError, EncryptError};
use age_core::format::{FileKey, Stanza};
use bech32::{Bech32, Hrp};
use zeroize::Zeroizing;

use super::kdf::Kdf;
use super::stanza::{self, StanzaError};
use crate::secret::Key;

/// Seals to a derived identity, and writes down how it is derived.
///
/// Wraps a file key in two stanzas: `cldkctl-argon2id`, then `X25519`.
pub struct PassphraseRecipient {
    kdf: Kdf,
    recipient: x25519::Recipient,
}

impl PassphraseRecipient {
    /// The recipient of the identity that `kdf` derives.
    #[must_use]
    pub fn new(kdf: Kdf, recipient: x25519::Recipient) -> Self {
        Self { kdf, recipient }
    }
}

impl age::Recipient for PassphraseRecipient {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let (wrapped, labels) = self.recipient.wrap_file_key(file_key)?;
        let mut stanzas = vec![stanza::write(&self.kdf)];
        stanzas.extend(wrapped);
        Ok((stanzas, labels))
    }
}

/// Opens what was sealed to a derived key.
pub struct PassphraseIdentity {
    kdf: Kdf,
    identity: x25519::Identity,
}

impl PassphraseIdentity {
    /// The identity whose secret is `key`, as `kdf` derived it.
    #[must_use]
    pub fn new(kdf: Kdf, key: &Key) -> Self {
        Self {
            kdf,
            identity: x25519_identity(key),
        }
    }

    /// Its recipient, which is kept inside the vault and nowhere else.
    #[must_use]
    pub fn recipient(&self) -> x25519::Recipient {
        self.identity.to_public()
    }
}

impl age::Identity for PassphraseIdentity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        self.identity.unwrap_stanza(stanza)
    }

    /// Tries the X25519 stanzas, if the header names the parameters of this key.
    ///
    /// A key that was derived with others belongs to another passphrase or another vault;
    /// to try it would only make an altered header look like a wrong passphrase.
    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        match stanza::find(stanzas) {
            Ok(Some(kdf)) if kdf == self.kdf => {
                stanzas.iter().find_map(|stanza| self.unwrap_stanza(stanza))
            }
            Ok(_) => None,
            // A newer version derives in another way (section 8), so if this one's way fits, the
            // header was altered.
            Err(StanzaError::Newer)
                if stanza::find_misnamed(stanzas).as_ref() == Some(&self.kdf) =>
            {
                match stanzas.iter().find_map(|stanza| self.unwrap_stanza(stanza)) {
                    Some(result) => Some(result.and(Err(DecryptError::InvalidMac))),
                    None => Some(Err(DecryptError::Io(io::Error::other(StanzaError::Newer)))),
                }
            }
            Err(_) => Some(Err(DecryptError::InvalidHeader)),
        }
    }
}

/// The age identity whose secret scalar is `key`.
fn x25519_identity(key: &Key) -> x25519::Identity {
    identity_text(key)
        .parse()
        .expect("32 bytes in Bech32 under this prefix are an X25519 identity")
}

/// `AGE-SECRET-KEY-1…`, as `age` reads it (<https://c2sp.org/age#x25519-recipient-stanza>).
fn identity_text(key: &Key) -> Zeroizing<String> {
    const PREFIX: Hrp = Hrp::parse_unchecked("AGE-SECRET-KEY-");
    // 16 of prefix and separator, 52 of data, 6 of checksum; sized so that it never grows.
    let mut text = Zeroizing::new(String::with_capacity(74));
    bech32::encode_upper_to_fmt::<Bech32, _>(&mut *text, PREFIX, key.expose())
        .expect("74 characters are within Bech32's 90");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::kdf::{Cost, Salt};

    fn key(byte: u8) -> Key {
        Key::copied_from(&[byte; Key::LEN])
    }

    fn kdf() -> Kdf {
        Kdf {
            salt: Salt::parse("AAAAAAAAAAAAAAAAAAAAAA").expect("a salt"),
            cost: Cost::DEFAULT,
        }
    }

    #[test]
    fn the_key_is_written_as_age_writes_it() {
        // From Python, by BIP-173's reference code: the same 32 bytes under the same prefix.
        assert_eq!(
            identity_text(&key(0x41)).as_str(),
            "AGE-SECRET-KEY-1G9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9QSC006VW"
        );
    }

    #[test]
    fn two_stanzas_are_written_and_unwrapped() {
        use age::Identity as _;
        use age::Recipient as _;
        use secrecy::ExposeSecret as _;

        let identity = PassphraseIdentity::new(kdf(), &key(7));
        let recipient = PassphraseRecipient::new(kdf(), identity.recipient());
        let file_key = FileKey::new(Box::new([9; 16]));
        let (stanzas, labels) = recipient.wrap_file_key(&file_key).expect("wrapped");
        assert!(labels.is_empty());
        let tags: Vec<_> = stanzas.iter().map(|stanza| stanza.tag.as_str()).collect();
        assert_eq!(tags, ["cldkctl-argon2id", "X25519"]);

        let unwrapped = identity
            .unwrap_stanzas(&stanzas)
            .expect("ours")
            .expect("unwrapped");
        assert_eq!(unwrapped.expose_secret(), &[9; 16]);
        assert!(
            PassphraseIdentity::new(kdf(), &key(8))
                .unwrap_stanzas(&stanzas)
                .is_none()
        );

        let other = Kdf {
            cost: Cost {
                iterations: 4,
                ..Cost::DEFAULT
            },
            ..kdf()
        };
        assert!(
            PassphraseIdentity::new(other, &key(7))
                .unwrap_stanzas(&stanzas)
                .is_none()
        );
    }
}
