//! The salt of a derivation.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde::{Deserialize, Serialize};

/// The salt as it stands in the header: 22 characters of unpadded standard base64.
///
/// The characters themselves are what Argon2 gets, not the 16 bytes that they encode, so
/// that the plain `argon2` command, which takes its salt as text, can repeat the derivation.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Salt(String);

impl Salt {
    /// Random bytes in a salt.
    const BYTES: usize = 16;

    /// A new random salt.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; Self::BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(BASE64_STANDARD_NO_PAD.encode(bytes)))
    }

    /// Takes the text of a salt; `None` when it is not the canonical encoding of 16 bytes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64_STANDARD_NO_PAD.decode(text).ok()?;
        (bytes.len() == Self::BYTES).then(|| Self(text.to_owned()))
    }

    /// The 22 characters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Salt {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or("a salt is the unpadded base64 of 16 bytes")
    }
}

impl From<Salt> for String {
    fn from(salt: Salt) -> Self {
        salt.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_salt_is_the_canonical_encoding_of_sixteen_bytes() {
        let salt = Salt::generate().expect("random bytes");
        assert_eq!(salt.as_str().len(), 22);
        assert_eq!(Salt::parse(salt.as_str()).as_ref(), Some(&salt));
        assert!(Salt::parse("AAAAAAAAAAAAAAAAAAAAAA").is_some());
        for wrong in [
            "",
            "AAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAB",
            "AAAAAAAAAAAAAAAAAAAAAAA",
            "AAAAAAAAAAAAAAAAAAAAAA==",
            "AAAAAAAAAAAAAAAAAAAA_-",
        ] {
            assert!(Salt::parse(wrong).is_none(), "{wrong:?}");
        }
    }
}
