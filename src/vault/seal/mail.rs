//! Armor that is all there, and that no reader takes: what mail and editors do to lines of text.

use super::AGE;
use super::error::{Change, Class, SealError};
use super::file::{FIRST_LINE, LAST_LINE, dearmor, has_armor, header_length};

/// What was done to the armor in `file`, which does not read, if the age file in it is whole.
pub(super) fn changed(file: &[u8]) -> Option<SealError> {
    let class = match has_armor(file) {
        true => Class::Damaged,
        false => Class::Foreign,
    };
    let change = change(file)?;
    if change == Change::Wrapped && is_indented(file) {
        return Some(SealError::Around);
    }
    Some(SealError::Changed(change, class))
}

fn change(file: &[u8]) -> Option<Change> {
    if let Some(text) = utf16(file) {
        let found = is_whole(&text) || is_whole(&from_quoted(&text));
        return found.then_some(Change::Utf16);
    }
    if !is_whole(file) {
        return is_whole(&from_quoted(file)).then_some(Change::QuotedPrintable);
    }
    let lines: Vec<_> = file.split(|byte| *byte == b'\n').collect();
    let trimmed: Vec<_> = lines.iter().map(|line| line.trim_ascii_end()).collect();
    let filled: Vec<_> = trimmed.iter().filter(|line| !line.is_empty()).collect();
    let reads = |text: Vec<u8>| dearmor(&text).is_ok();
    Some(if reads(trimmed.join(&b'\n')) {
        Change::Blanks
    } else if reads(filled.into_iter().copied().collect::<Vec<_>>().join(&b'\n')) {
        Change::BlankLines
    } else {
        Change::Wrapped
    })
}

/// Whether it reads without what is in front of its lines.
fn is_indented(file: &[u8]) -> bool {
    let lines = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let lines: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
    dearmor(&lines.join(&b'\n')).is_ok()
}

/// Whether there is a whole age file in the armor in `text`, whatever its white space.
fn is_whole(text: &[u8]) -> bool {
    let joined = without_blanks(text);
    let after = |text: &[u8], line: &[u8]| {
        let line = without_blanks(line);
        let at = text.windows(line.len()).position(|window| window == line)?;
        Some((at, at + line.len()))
    };
    let Some((_, start)) = after(&joined, FIRST_LINE) else {
        return false;
    };
    let data = &joined[start..];
    let Some((end, _)) = after(data, LAST_LINE) else {
        return false;
    };
    let mut lines = vec![FIRST_LINE];
    lines.extend(data[..end].chunks(64));
    lines.push(LAST_LINE);
    dearmor(&lines.join(&b'\n'))
        .is_ok_and(|bytes| bytes.starts_with(AGE) && header_length(&bytes).is_ok())
}

fn without_blanks(text: &[u8]) -> Vec<u8> {
    let kept = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    kept.copied().collect()
}

fn utf16(file: &[u8]) -> Option<Vec<u8>> {
    let unit = match file {
        [0xff, 0xfe, ..] | [_, 0, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] | [0, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = file.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
    let text: String = char::decode_utf16(units).collect::<Result<_, _>>().ok()?;
    Some(text.into_bytes())
}

/// Text out of quoted-printable (RFC 2045 section 6.7).
fn from_quoted(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        match (byte, after) {
            (b'=', [b'\n', after @ ..] | [b'\r', b'\n', after @ ..]) => rest = after,
            (b'=', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |byte: &u8| char::from(*byte).to_digit(16).unwrap_or(0);
                plain.extend(u8::try_from(digit(high) << 4 | digit(low)));
                rest = after;
            }
            _ => plain.push(*byte),
        }
    }
    plain
}
