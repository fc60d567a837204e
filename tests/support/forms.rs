//! The forms in which a secret may lie in memory.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};

/// So many bytes of a secret in a row are no chance.
pub const WINDOW: usize = 12;

/// `secret` as it is, as text that stands for it, and as libraries take it apart.
pub fn forms(secret: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let each = |width: usize| -> Vec<u8> {
        let widened = |byte: &u8| {
            let mut wide = vec![0; width];
            wide[0] = *byte;
            wide
        };
        secret.iter().flat_map(widened).collect()
    };
    let mut forms = vec![
        ("as it is", secret.to_vec()),
        ("in hexadecimal", hex.to_uppercase().into_bytes()),
        ("in hexadecimal", hex.into_bytes()),
        ("in UTF-16", each(2)),
        ("in UTF-32", each(4)),
        ("in Bech32", bech32(secret).to_uppercase().into_bytes()),
        ("in Bech32", bech32(secret).into_bytes()),
        ("in groups of five bits", groups(secret)),
        ("in digits of four bits", digits(secret)),
    ];
    // The characters that depend on it alone, wherever it begins in a longer text.
    for before in 0..3 {
        let text = [&vec![0; before], secret].concat();
        let (from, to) = ((before * 8).div_ceil(6), text.len() * 8 / 6);
        for encoded in [BASE64_STANDARD.encode(&text), BASE64_URL_SAFE.encode(&text)] {
            forms.push(("in Base64", encoded.as_bytes()[from..to].to_vec()));
        }
    }
    // Windows that are all alike, such as one of zeros, would be found anywhere.
    forms.retain(|(_, form)| form.len() >= WINDOW);
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
