//! Finding a secret where it should not be: as it is, or in an encoding that anyone undoes.

use base64::Engine as _;
use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{GeneralPurpose, general_purpose::NO_PAD};

/// In which form `bytes` contain `secret`, if they do.
///
/// # Panics
/// When the secret is shorter than six bytes: it would be found by chance.
pub fn find(bytes: &[u8], secret: &str) -> Option<&'static str> {
    assert!(
        secret.len() >= 6,
        "a secret of {} bytes is found by chance",
        secret.len()
    );
    let contain = |form: &[u8]| bytes.windows(form.len()).any(|window| window == form);
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let utf16: Vec<u8> = secret.encode_utf16().flat_map(u16::to_le_bytes).collect();

    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
    let in_url = |byte: u8| match is_plain(&byte) {
        true => char::from(byte).to_string(),
        false => format!("%{byte:02X}"),
    };
    let in_url: String = secret.bytes().map(in_url).collect();

    if contain(secret.as_bytes()) {
        Some("as it is")
    } else if contain(in_url.as_bytes()) || contain(in_url.replace("%20", "+").as_bytes()) {
        Some("percent-encoded")
    } else if contain(hex.as_bytes()) || contain(hex.to_uppercase().as_bytes()) {
        Some("in hexadecimal")
    } else if contain(&utf16) {
        Some("in UTF-16")
    } else if in_base64(secret.as_bytes())
        .iter()
        .any(|form| contain(form.as_bytes()))
    {
        Some("in Base64")
    } else {
        None
    }
}

/// What Base64 makes of `secret` wherever it begins within a longer text: the characters
/// that depend on it alone, for each of the three offsets and both alphabets.
fn in_base64(secret: &[u8]) -> Vec<String> {
    let encode = |alphabet: &Alphabet, before: usize| {
        let text = [&vec![0; before], secret].concat();
        let encoded = GeneralPurpose::new(alphabet, NO_PAD).encode(&text);
        // Six bits a character: leave out those that share bits with a neighbour.
        encoded[(before * 8).div_ceil(6)..text.len() * 8 / 6].to_owned()
    };
    (0..3)
        .flat_map(|before| [encode(&STANDARD, before), encode(&URL_SAFE, before)])
        .collect()
}
