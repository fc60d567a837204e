//! Armor, against a second reading of section 3.3 of vault-format.md that is plain and slow.
#![no_main]

use cldkctl::vault::{SealError, Sealed, armor};
use libfuzzer_sys::fuzz_target;

const BEGIN: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
const END: &[u8] = b"-----END AGE ENCRYPTED FILE-----";

fuzz_target!(|input: &[u8]| {
    // Anything at all, put into armor, comes out again.
    let file = [b"age-encryption.org/v1\n".as_slice(), input].concat();
    let armored = armor(&file).expect("armored");
    assert_eq!(dearmored(&armored).as_deref(), Some(file.as_slice()));

    if !input.starts_with(BEGIN) {
        return;
    }
    let read = Sealed::parse(input);
    if matches!(read, Err(SealError::Damaged("its armor is malformed"))) {
        assert_eq!(dearmored(input), None, "refused, and should not have been");
    }
    if let Ok(sealed) = read {
        let bytes = dearmored(input).expect("taken, and should not have been");
        assert_eq!(sealed.bytes(), bytes);
    }
});

/// The binary form, where the armor is as the page says.
fn dearmored(file: &[u8]) -> Option<Vec<u8>> {
    let end = file.iter().rposition(|byte| !b" \t\r\n".contains(byte))?;
    let mut lines = file[..=end]
        .split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    if lines.next() != Some(BEGIN) || lines.next_back() != Some(END) {
        return None;
    }
    let lines: Vec<&[u8]> = lines.collect();
    let (last, full) = lines.split_last()?;
    if full.iter().any(|line| line.len() != 64) || last.is_empty() || last.len() > 64 {
        return None;
    }
    decoded(&lines.concat())
}

/// Padded base64 in its one spelling.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if text.len() % 4 != 0 {
        return None;
    }
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in &text[..text.len() - padding] {
        let value = ALPHABET.iter().position(|letter| letter == byte)?;
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(bytes)
}
