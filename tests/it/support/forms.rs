//! The forms in which a secret may lie in memory.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

/// So many characters or bytes of a secret in a row are no chance.
pub const WINDOW: usize = 12;

/// A form in which a secret may lie in memory.
pub struct Form {
    pub name: &'static str,
    pub bytes: Vec<u8>,
    /// How many bytes [`WINDOW`] characters take.
    pub window: usize,
}

/// `secret` as it is, as text that stands for it, and as libraries take it apart.
pub fn forms(secret: &[u8]) -> Vec<Form> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = Vec::new();
    let mut add = |name, bytes: Vec<u8>, width: usize| {
        let window = WINDOW * width;
        if bytes.len() >= window {
            forms.push(Form {
                name,
                bytes,
                window,
            });
        }
    };
    add("as it is", secret.to_vec(), 1);
    add("in hexadecimal", hex.to_uppercase().into_bytes(), 1);
    add("in hexadecimal", hex.into_bytes(), 1);
    for (name, width) in [("in UTF-16", 2), ("in UTF-32", 4)] {
        let widened = |byte: &u8| {
            let mut wide = vec![0; width];
            wide[0] = *byte;
            wide
        };
        add(name, secret.iter().flat_map(widened).collect(), width);
    }
    add("in Bech32", bech32(secret).to_uppercase().into_bytes(), 1);
    add("in Bech32", bech32(secret).into_bytes(), 1);
    add("in groups of five bits", groups(secret), 1);
    add("in digits of four bits", digits(secret), 1);
    // The characters that depend on it alone, wherever it begins in a longer text.
    for before in 0..3 {
        let text = [&vec![0; before], secret].concat();
        let (from, to) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
        for encoded in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE.encode(&text)] {
            add("in Base64", encoded.as_bytes()[from..to].to_vec(), 1);
        }
    }
    forms
}

fn groups(secret: &[u8]) -> Vec<u8> {
    let bits: Vec<u8> = secret
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    bits.chunks(5)
        .map(|group| group.iter().fold(0, |value, bit| value << 1 | bit) << (5 - group.len()))
        .collect()
}

fn bech32(secret: &[u8]) -> String {
    const CHARACTERS: &[u8; 32] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    let character = |group| char::from(CHARACTERS[usize::from(group)]);
    groups(secret).into_iter().map(character).collect()
}

/// A scalar in signed digits of base 16, as the arithmetic of elliptic curves takes it.
fn digits(secret: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    secret
        .iter()
        .flat_map(|byte| [byte & 15, byte >> 4])
        .map(|nibble| {
            let digit = nibble + carry;
            carry = u8::from(digit >= 8);
            digit.wrapping_sub(carry << 4)
        })
        .collect()
}
