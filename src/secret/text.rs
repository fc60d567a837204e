//! A secret that another program knows: a password, a key, a whole file.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// The longest [`Secret`], in bytes of UTF-8.
pub const MAX_SECRET_BYTES: usize = 1024 * 1024;

/// A secret of any characters, kept as it came: up to [`MAX_SECRET_BYTES`], possibly none.
#[derive(Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Takes `text` as it is; `None` when it is longer than [`MAX_SECRET_BYTES`].
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        (text.len() <= MAX_SECRET_BYTES).then(|| Self(SecretString::from(text)))
    }

    /// The secret itself. Never print it but where the user asked for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Written in clear, so only ever into something that is sealed or sent next.
impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// Read where it lies: no copy is left behind.
impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Secret;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a secret of at most 1 MiB")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Secret, E> {
                Secret::new(text).ok_or_else(|| E::custom("a secret of more than 1 MiB"))
            }
        }

        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_kept_as_it_came_and_does_not_print() {
        for text in [
            "",
            " a\nb\r\0\u{1b}[2J\u{202e}é ",
            &"x".repeat(MAX_SECRET_BYTES),
        ] {
            let secret = Secret::new(text).expect("short enough");
            assert_eq!(secret.expose(), text);
            assert_eq!(format!("{secret:?}"), "[redacted]");
            let json = serde_json::to_string(&secret).expect("JSON");
            assert_eq!(
                serde_json::from_str::<Secret>(&json).expect("a secret"),
                secret
            );
        }
        assert!(Secret::new(&"x".repeat(MAX_SECRET_BYTES + 1)).is_none());
        assert!(serde_json::from_str::<Secret>("null").is_err());
    }
}
