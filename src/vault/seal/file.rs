//! The file around what is sealed: armor and header, taken apart as far as `age` leaves it to us.

use std::io::{self, BufRead, Read, Write};

use age::Decryptor;
use age::armor::{ArmoredReader, ArmoredWriter, Format};

use super::SealError;

/// The largest age header, in bytes, its last line (`---` and the MAC) included.
pub(super) const MAX_HEADER_BYTES: usize = 64 * 1024;
/// The most stanzas in a header. `age` takes time with the square of their number.
pub(super) const MAX_STANZAS: usize = 256;

/// The columns of a line of a stanza's body that is not its last.
const FULL_LINE: usize = 64;

/// The length of the header, if it is one that a vault may have; what is in it is for `age` to see.
pub(super) fn header_length(bytes: &[u8]) -> Result<usize, SealError> {
    let start = &bytes[..bytes.len().min(MAX_HEADER_BYTES)];
    let last_line = start.windows(4).position(|window| window == b"\n---");
    // The MAC line ends within the limit, too.
    let end = last_line.and_then(|at| {
        let line = &start[at + 1..];
        Some(at + 1 + line.iter().position(|byte| *byte == b'\n')? + 1)
    });
    let stanzas = start[..last_line.unwrap_or(0)]
        .windows(4)
        .filter(|window| window == b"\n-> ")
        .count();
    match end {
        Some(_) if stanzas > MAX_STANZAS => Err(SealError::ManyStanzas),
        Some(length) if lacks_a_line(&start[..length]) => {
            Err(SealError::Damaged("its header is malformed"))
        }
        Some(length) => Ok(length),
        None if bytes.len() > MAX_HEADER_BYTES => Err(SealError::LongHeader),
        None => Err(SealError::Damaged("its header has no end")),
    }
}

/// Whether a body of full lines, or of none, ends without the line that has to end it. age takes
/// that, as early betas of it left that line out; no vault has it, and the age of others takes none.
fn lacks_a_line(header: &[u8]) -> bool {
    let mut before: &[u8] = &[];
    header.split(|byte| *byte == b'\n').any(|line| {
        let begins = line.starts_with(b"-> ") || line.starts_with(b"---");
        let before = std::mem::replace(&mut before, line);
        begins && (before.len() == FULL_LINE || before.starts_with(b"-> "))
    })
}

/// A file whose header is read at once.
///
/// `age` asks for a line, and parses all that it has anew with each line that it gets: seconds
/// for a header of 64 KiB. So the first line that it is given is all of the header.
pub(super) struct HeaderFirst<'a> {
    header: &'a [u8],
    payload: &'a [u8],
}

impl Read for HeaderFirst<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let part = if self.header.is_empty() {
            &mut self.payload
        } else {
            &mut self.header
        };
        part.read(buffer)
    }
}

impl BufRead for HeaderFirst<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        Ok(if self.header.is_empty() {
            self.payload
        } else {
            self.header
        })
    }

    fn consume(&mut self, count: usize) {
        let part = if self.header.is_empty() {
            &mut self.payload
        } else {
            &mut self.header
        };
        *part = &part[count..];
    }

    /// Nothing, once the header is read: what comes then is no line of it.
    fn read_until(&mut self, _: u8, into: &mut Vec<u8>) -> io::Result<usize> {
        let header = std::mem::take(&mut self.header);
        into.extend_from_slice(header);
        Ok(header.len())
    }
}

/// Reads the header, and is ready to decrypt what follows it.
pub(super) fn decryptor(
    bytes: &[u8],
    header_length: usize,
) -> Result<Decryptor<HeaderFirst<'_>>, SealError> {
    let (header, payload) = bytes.split_at(header_length);
    let decryptor = Decryptor::new_buffered(HeaderFirst { header, payload })?;
    if decryptor.is_scrypt() {
        return Err(SealError::Scrypt);
    }
    Ok(decryptor)
}

pub(super) const FIRST_LINE: &[u8] = b"-----BEGIN AGE ENCRYPTED FILE-----";
pub(super) const LAST_LINE: &[u8] = b"-----END AGE ENCRYPTED FILE-----";

/// The file from its first line of armor on, if it has that form. Spaces and tabs may precede it.
pub(super) fn armored(file: &[u8]) -> Option<&[u8]> {
    let start = file.iter().position(|byte| !b" \t".contains(byte))?;
    Some(&file[start..]).filter(|armored| armored.starts_with(FIRST_LINE))
}

/// Whether there is armor anywhere in the file.
pub(super) fn has_armor(file: &[u8]) -> bool {
    has(file, FIRST_LINE)
}

/// Whether nothing follows the armor's last line but blanks and line ends.
pub(super) fn ends_in_armor(file: &[u8]) -> bool {
    let end = file.iter().rposition(|byte| !b" \t\r\n".contains(byte));
    file[..end.map_or(0, |last| last + 1)].ends_with(LAST_LINE)
}

fn has(file: &[u8], line: &[u8]) -> bool {
    file.windows(line.len()).any(|window| window == line)
}

/// A backup without the blank lines that mail puts before its armor. A vault has none (section
/// 3.3), but where a backup is taken over it is plain what to do about them.
#[must_use]
pub fn without_blank_lines(file: &[u8]) -> &[u8] {
    let start = file.iter().position(|byte| !b" \t\r\n".contains(byte));
    let rest = &file[start.unwrap_or(0)..];
    if rest.starts_with(FIRST_LINE) {
        rest
    } else {
        file
    }
}

/// The binary form of an armored file.
pub(super) fn dearmor(file: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut bytes = Vec::with_capacity(file.len());
    let malformed = || SealError::Damaged("its armor is malformed");
    // Blanks and line ends may follow (section 3.3). age takes a form feed for one of them.
    let end = file.iter().rposition(|byte| !b" \t\r\n".contains(byte));
    let armored = &file[..end.map_or(0, |last| last + 1)];
    let lines = armored
        .strip_suffix(LAST_LINE)
        .and_then(|lines| lines.strip_suffix(b"\n"))
        .ok_or_else(|| match has(armored, LAST_LINE) {
            true => SealError::Around,
            false => malformed(),
        })?;
    // Padding is at the very end; age takes it in any line that is full.
    let data = lines.strip_suffix(b"\r").unwrap_or(lines);
    let padding = data.iter().rev().take_while(|byte| **byte == b'=').count();
    if data[..data.len() - padding].contains(&b'=') {
        return Err(malformed());
    }
    match ArmoredReader::new(armored).read_to_end(&mut bytes) {
        Ok(1..) => Ok(bytes),
        Ok(0) | Err(_) => Err(malformed()),
    }
}

/// The ASCII-armored form of an age file in its binary form.
///
/// # Errors
/// When the system gives no memory.
pub fn armor(file: &[u8]) -> io::Result<Vec<u8>> {
    let mut writer = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor)?;
    writer.write_all(file)?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::super::Sealed;
    use super::*;

    #[test]
    fn a_header_is_read_at_once_and_its_payload_after_it() {
        let file = with_stanzas(2);
        let length = header_length(&file).expect("a header");
        let (header, payload) = file.split_at(length);
        assert_eq!(payload, [0; 16]);
        let mut reader = HeaderFirst { header, payload };
        let mut line = Vec::new();
        assert_eq!(reader.read_until(b'\n', &mut line).expect("read"), length);
        assert_eq!(line, header);
        assert_eq!(reader.read_until(b'\n', &mut line).expect("read"), 0);
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).expect("read");
        assert_eq!(rest, payload);
    }

    fn with_stanzas(count: usize) -> Vec<u8> {
        let mut file = b"age-encryption.org/v1\n".to_vec();
        file.extend(b"-> x\n\n".repeat(count));
        file.extend(b"--- ");
        file.extend([b'A'; 43]);
        file.extend(b"\n");
        file.extend([0; 16]);
        file
    }

    #[test]
    fn padding_within_the_armor_is_refused() {
        // The version line in 64 columns by itself, and padded; then the rest.
        let file = [
            b"age-encryption.org/v1\n-> X 0123456789abcdefghi\n\n",
            &b"--- "[..],
        ]
        .concat();
        let rest = &with_stanzas(0)[b"age-encryption.org/v1\n--- ".len()..];
        let whole = armor(&[&file, rest].concat()).expect("armored");
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
        let first = text(&armor(&file[..46]).expect("armored"));
        let second = text(&armor(&[&file[46..], rest].concat()).expect("armored"));
        let line = first.lines().nth(1).expect("a line");
        assert!(line.len() == 64 && line.ends_with("=="), "{line}");
        let lines: Vec<&str> = second.lines().collect();
        let padded = [&[lines[0], line][..], &lines[1..]].concat().join("\n");
        assert!(Sealed::parse(&whole).is_ok());
        let refused = Sealed::parse(padded.as_bytes());
        assert!(matches!(
            refused,
            Err(SealError::Damaged("its armor is malformed"))
        ));
    }

    #[test]
    fn a_body_ends_in_a_line_of_its_own_that_is_not_full() {
        let header = |body: &str| format!("age-encryption.org/v1\n-> x\n{body}-> y\n\n--- ");
        let full = "A".repeat(FULL_LINE);
        for (body, lacks) in [
            (String::new(), true),
            (format!("{full}\n"), true),
            ("\n".to_owned(), false),
            ("AAAA\n".to_owned(), false),
            (format!("{full}\n\n"), false),
        ] {
            assert_eq!(lacks_a_line(header(&body).as_bytes()), lacks, "{body:?}");
        }
    }

    #[test]
    fn a_form_feed_after_the_armor_is_refused() {
        let armored = armor(&with_stanzas(1)).expect("armored");
        let with = |end: &[u8]| Sealed::parse(&[&armored, end].concat());
        assert!(with(b" \t\r\n\n").is_ok());
        assert!(matches!(with(b"\x0c\n"), Err(SealError::Around)));
    }

    #[test]
    fn a_header_of_more_stanzas_than_any_is_refused_before_it_is_parsed() {
        assert!(Sealed::parse(&with_stanzas(MAX_STANZAS)).is_ok());
        let refused = Sealed::parse(&with_stanzas(MAX_STANZAS + 1));
        assert!(matches!(refused, Err(SealError::ManyStanzas)));
    }
}
