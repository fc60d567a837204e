//! The types that hold secrets.
//!
//! Each of them wipes its memory when dropped, has no `Display`, and prints as
//! `[redacted]` in `Debug`, so that a secret cannot reach a log or a message by accident.
//! Whoever needs the bytes says so with a method named `expose`.

mod instead;
mod pasted;
mod recognize;
mod text;
mod typed;

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

pub use self::pasted::Pasted;
pub use self::recognize::without_secrets;
pub use self::text::{MAX_SECRET_BYTES, Secret};
pub use self::typed::{is_harmless, shown, shown_path, shown_program};
use crate::platform::LockedMemory;
use crate::printable::acts_on_a_terminal;

/// The longest token that is accepted, in bytes, after trimming.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The longest passphrase that is accepted, in bytes, before normalisation.
pub const MAX_PASSPHRASE_BYTES: usize = 64 * 1024;

/// A credential that the API knows: the long-lived token, or the short-lived session.
///
/// Nothing is assumed of its format but what makes it safe in an HTTP header and on a
/// line of its own.
#[derive(Clone)]
pub struct Token(SecretString);

/// Why a text is no token. Says nothing of the text itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Nothing is left after trimming white space.
    #[error("the token is empty")]
    Empty,
    /// More than one line.
    #[error("the token has more than one line")]
    MultiLine,
    /// A control character, a space inside, or anything else but visible characters.
    #[error(
        "the token has characters that no token has (a space, a control or a non-ASCII character)"
    )]
    Characters,
    /// A character that is not seen, at an end of it or inside.
    #[error("the token has {} (U+{:04X})", unseen(*.0), u32::from(*.0))]
    Unseen(char),
    /// Longer than [`MAX_TOKEN_BYTES`].
    #[error("the token is longer than 8 KiB")]
    TooLong,
    /// A token, perhaps, with something around it.
    #[error(transparent)]
    Pasted(#[from] Pasted),
}

fn unseen(c: char) -> &'static str {
    match c {
        '\u{feff}' => "a byte order mark",
        '\u{200b}' => "a zero-width space",
        '\u{200c}' | '\u{200d}' | '\u{2060}' => "a zero-width joiner",
        '\u{00ad}' => "a soft hyphen",
        _ => "an invisible character",
    }
}

impl Token {
    /// Takes `text` as a token: white space around it is cut.
    ///
    /// # Errors
    /// When it is empty, of several lines, longer than [`MAX_TOKEN_BYTES`], or holds
    /// anything but visible ASCII (RFC 9110 section 5.5 allows no more in a header).
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(TokenError::Empty);
        }
        if text.len() > MAX_TOKEN_BYTES {
            return Err(TokenError::TooLong);
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            let is_unseen = |c: &char| !c.is_control() && acts_on_a_terminal(*c);
            let unseen = text.chars().find(is_unseen).map(TokenError::Unseen);
            return Err(match text.contains(['\n', '\r']) {
                true => TokenError::MultiLine,
                false => unseen.unwrap_or(TokenError::Characters),
            });
        }
        Ok(Self(SecretString::from(text)))
    }

    /// Takes what a person gave as a token: as [`parse`](Self::parse), but nothing that has quotes,
    /// a name or the like around it. A server would call that an unknown token.
    ///
    /// # Errors
    /// As [`parse`](Self::parse), and with what is around it.
    pub fn from_a_person(text: &str) -> Result<Self, TokenError> {
        match pasted::pasted(text) {
            Some(around) => Err(around.into()),
            None => Self::parse(text),
        }
    }

    /// The token itself. Never print it but where the user asked for it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// Written in clear, so only ever into something that is sealed next.
impl Serialize for Token {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

impl<'de> Deserialize<'de> for Token {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// What a person remembers, Unicode NFC-normalised, one trailing newline cut.
///
/// In locked memory of its own, as a [`Key`] is.
pub struct Passphrase(LockedMemory);

impl Passphrase {
    /// Normalises `text`: one trailing newline (`\n` or `\r\n`) is cut, and the rest is
    /// brought to Unicode Normalization Form C (UAX #15), so that the same passphrase
    /// typed on another keyboard or system gives the same bytes.
    #[must_use]
    pub fn new(text: &str) -> Self {
        // A carriage return belongs to a line ending, or else to the passphrase.
        let line = text
            .strip_suffix("\r\n")
            .or_else(|| text.strip_suffix('\n'))
            .unwrap_or(text);
        let mut memory = LockedMemory::new(line.nfc().map(char::len_utf8).sum());
        let mut length = 0;
        for character in line.nfc() {
            length += character.encode_utf8(&mut memory[length..]).len();
        }
        Self(memory)
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The passphrase itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        std::str::from_utf8(&self.0).expect("it was written as UTF-8")
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The 32 bytes that Argon2id derives: an age X25519 identity.
///
/// In locked memory of its own, so that moving it leaves no copies and it is not swapped out.
pub struct Key(LockedMemory);

impl Key {
    /// Length in bytes.
    pub const LEN: usize = 32;

    /// A key of zeros for `fill` to write.
    ///
    /// # Errors
    /// What `fill` returns.
    pub fn try_fill<E>(fill: impl FnOnce(&mut [u8]) -> Result<(), E>) -> Result<Self, E> {
        let mut memory = LockedMemory::new(Self::LEN);
        fill(&mut memory)?;
        Ok(Self(memory))
    }

    /// A copy of `bytes`, which remain the caller's to wipe.
    #[must_use]
    pub fn copied_from(bytes: &[u8; Self::LEN]) -> Self {
        let mut memory = LockedMemory::new(Self::LEN);
        memory.copy_from_slice(bytes);
        Self(memory)
    }

    /// The bytes themselves.
    #[must_use]
    pub fn expose(&self) -> &[u8; Self::LEN] {
        self.0[..].try_into().expect("that many were allocated")
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_and_nothing_else() {
        let token = Token::parse(" \tcldkctl_abc.DEF-123~\r\n").expect("a good token");
        assert_eq!(token.expose(), "cldkctl_abc.DEF-123~");
    }

    #[test]
    fn what_is_no_token_is_refused_with_its_reason() {
        let long = "a".repeat(MAX_TOKEN_BYTES + 1);
        for (text, reason) in [
            ("", TokenError::Empty),
            (" \n\t ", TokenError::Empty),
            ("one\ntwo", TokenError::MultiLine),
            ("one\rtwo", TokenError::MultiLine),
            ("one two", TokenError::Characters),
            ("one\u{1b}[2J", TokenError::Characters),
            ("one\u{7f}", TokenError::Characters),
            ("zero\u{200b}width", TokenError::Unseen('\u{200b}')),
            ("\u{feff}mark", TokenError::Unseen('\u{feff}')),
            ("caf\u{e9}", TokenError::Characters),
            (&long, TokenError::TooLong),
        ] {
            assert_eq!(Token::parse(text).expect_err("refused"), reason);
        }
        assert!(Token::parse(&long[1..]).is_ok(), "8 KiB is still a token");
    }

    #[test]
    fn debug_shows_no_secret() {
        let token = Token::parse("cldkctl_secret").expect("a good token");
        let passphrase = Passphrase::new("secret words");
        let key = Key::copied_from(&[0x41; Key::LEN]);
        assert_eq!(
            format!("{token:?} {passphrase:?} {key:?}"),
            "[redacted] [redacted] [redacted]"
        );
    }

    #[test]
    fn a_passphrase_is_normalised_and_loses_one_newline() {
        let composed = Passphrase::new("caf\u{e9}\r\n");
        let decomposed = Passphrase::new("cafe\u{301}\n");
        assert_eq!(composed.expose(), decomposed.expose());
        assert_eq!(composed.expose().as_bytes(), b"caf\xc3\xa9");
        assert_eq!(Passphrase::new("two\n\n").expose(), "two\n");
        assert_eq!(Passphrase::new(" kept ").expose(), " kept ");
        // As vault-format.md has it, section 5 step 2.
        assert_eq!(Passphrase::new("no line\r").expose(), "no line\r");
        assert_eq!(Passphrase::new("one\r\r\n").expose(), "one\r");
    }
}
