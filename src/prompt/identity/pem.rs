//! The text around an SSH private key, RFC 7468 and, for one with a passphrase, RFC 1421: read as
//! forgivingly as `age` does, which skips blanks at the ends of lines.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Characters in a line of base64.
const COLUMNS: usize = 64;

/// A key between its `-----BEGIN` and `-----END`.
pub(super) struct Pem<'a> {
    /// How it is encrypted: the value of `DEK-Info`.
    pub(super) encryption: Option<&'a str>,
    /// What the base64 stands for.
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl<'a> Pem<'a> {
    /// Reads `text`; `None` if it is something else, or cut short.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim);
        let label = label(lines.next()?)?;
        let end = format!("-----END {label}-----");
        let (mut encryption, mut is_whole) = (None, false);
        // Sized beforehand: a String that grows leaves copies behind.
        let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
        for line in lines {
            if line == end {
                is_whole = true;
                break;
            }
            match line.split_once(':') {
                Some(("DEK-Info", value)) => encryption = Some(value.trim()),
                Some(_) => {}
                None => base64.extend(line.chars().filter(|c| !c.is_whitespace())),
            }
        }
        let bytes = Zeroizing::new(STANDARD.decode(&*base64).ok()?);
        is_whole.then_some(Self { encryption, bytes })
    }
}

/// The label of a first line.
pub(super) fn label(line: &str) -> Option<&str> {
    line.trim_end()
        .strip_prefix("-----BEGIN ")?
        .strip_suffix("-----")
}

/// The text of such a key, as strictly as `age`'s crate wants it.
pub(super) fn text(label: &str, bytes: &[u8]) -> Zeroizing<String> {
    let base64 = Zeroizing::new(STANDARD.encode(bytes));
    let mut text = Zeroizing::new(String::with_capacity(
        base64.len() * 2 + 2 * label.len() + 64,
    ));
    text.push_str(&format!("-----BEGIN {label}-----\n"));
    for line in base64.as_bytes().chunks(COLUMNS) {
        text.push_str(std::str::from_utf8(line).expect("base64 is ASCII"));
        text.push('\n');
    }
    text.push_str(&format!("-----END {label}-----\n"));
    text
}
