//! Sealing and opening: contents to age file and back.

use std::cell::RefCell;
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::{Callbacks, DecryptError, Decryptor, EncryptError, Encryptor, Identity, Recipient};
use age_core::format::{FileKey, Stanza};
use zeroize::optimization_barrier;

use super::contents::{Contents, ContentsError, MAX_CONTENTS_BYTES};
use super::kdf::{Ceiling, Cost, Kdf};
use super::public::{self, PluginError, PublicRecipient};
use super::recipient::PassphraseRecipient;
use super::stanza::{self, StanzaError};
use crate::platform;
use crate::printable::on_one_line;

/// The largest vault file, in bytes, armored or not.
pub const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;
/// The largest age header, in bytes, its last line (`---` and the MAC) included.
const MAX_HEADER_BYTES: usize = 64 * 1024;
/// The most stanzas in a header. `age` takes time with the square of their number.
const MAX_STANZAS: usize = 256;

/// A vault file whose header has been read, and nothing decrypted.
///
/// Nothing in the header can be trusted before the file is open: whoever can write the file
/// can have written anything there.
#[derive(Debug)]
pub struct Sealed {
    /// The binary form.
    bytes: Arc<Vec<u8>>,
    header_length: usize,
    kdf: Result<Option<Kdf>, StanzaError>,
    stanza_types: Vec<String>,
    armored: bool,
}

/// Why a file cannot be read as a vault or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// It is no age file.
    #[error("it is not an age file")]
    NotAge,
    /// It is an age file of a version that nobody knew when this was written.
    #[error("it is an age file of a newer version")]
    NewerAge,
    /// It was sealed by `age --passphrase`, which no vault is.
    #[error("it is an age file with a passphrase of its own (scrypt), not a vault")]
    Scrypt,
    /// Its header is longer than any vault's.
    #[error("its header is longer than 64 KiB")]
    LongHeader,
    /// Its header has more stanzas than any vault's.
    #[error("its header has more than 256 stanzas")]
    ManyStanzas,
    /// Its derivation parameters are unusable.
    #[error(transparent)]
    Stanza(#[from] StanzaError),
    /// Its derivation costs more than the ceiling.
    #[error("its header asks for {wanted}, and at most {} is allowed", .ceiling.0)]
    TooCostly {
        /// What the header asks for.
        wanted: Cost,
        /// The ceiling in force.
        ceiling: Ceiling,
    },
    /// It was altered, cut short or otherwise damaged.
    #[error("it is damaged or was altered ({0})")]
    Damaged(&'static str),
    /// It opened, and what it holds is unusable.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// Header and contents name different passphrases.
    #[error("its header and its contents name different passphrases")]
    Disagrees,
    /// No identity opens it.
    #[error("no identity that was tried opens it")]
    NoMatch,
    /// An identity could not be used.
    #[error("the identity cannot be used: {0}")]
    Identity(String),
    /// A recipient in the contents is of a kind that cannot be sealed to.
    #[error("it is sealed to a recipient of a kind that this cldkctl does not know")]
    Recipient,
    /// A plugin that a recipient needs is missing, or failed.
    #[error(transparent)]
    Plugin(#[from] PluginError),
    /// A plugin forbids to mix its recipients with others.
    #[error("one of its recipients allows no others of another kind beside it")]
    Mixed,
    /// Its header would be longer than any reader takes.
    #[error("so many recipients do not fit its header of 64 KiB")]
    TooMany,
    /// The system failed while sealing.
    #[error("sealing failed: {0}")]
    Seal(io::Error),
}

/// As [`Sealed::parse`], without a copy of the file.
impl TryFrom<Vec<u8>> for Sealed {
    type Error = SealError;

    fn try_from(file: Vec<u8>) -> Result<Self, SealError> {
        Self::read(file)
    }
}

impl Sealed {
    /// Reads the header of an age file, binary or armored. Derives and decrypts nothing.
    ///
    /// # Errors
    /// When `file` is no age file, or one that no vault is.
    pub fn parse(file: &[u8]) -> Result<Self, SealError> {
        Self::try_from(file.to_vec())
    }

    fn read(file: Vec<u8>) -> Result<Self, SealError> {
        let armored = file.starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----");
        let bytes = if armored { dearmor(&file)? } else { file };
        if !bytes.starts_with(b"age-encryption.org/") {
            return Err(SealError::NotAge);
        }
        let header_length = header_length(&bytes)?;

        // age hands the stanzas of a header to identities alone; this one only looks.
        let witness = Witness::default();
        match decryptor(&bytes, header_length)?.decrypt(std::iter::once(&witness as &dyn Identity))
        {
            Err(DecryptError::NoMatchingKeys) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => unreachable!("the witness unwraps nothing"),
        }
        let stanzas = witness.stanzas.into_inner();
        Ok(Self {
            bytes: Arc::new(bytes),
            header_length,
            kdf: stanza::find(&stanzas),
            stanza_types: stanzas.into_iter().map(|stanza| stanza.tag).collect(),
            armored,
        })
    }

    /// How the key is derived from a passphrase; `None` when no passphrase opens this.
    ///
    /// # Errors
    /// When the header's stanza is malformed or of a newer version, or asks for more than
    /// `ceiling`. Another identity than a passphrase's may open the vault all the same.
    pub fn kdf(&self, ceiling: Ceiling) -> Result<Option<&Kdf>, SealError> {
        let kdf = self.kdf.as_ref().map_err(|error| *error)?.as_ref();
        match kdf {
            Some(kdf) if !ceiling.allows(&kdf.cost) => Err(SealError::TooCostly {
                wanted: kdf.cost,
                ceiling,
            }),
            kdf => Ok(kdf),
        }
    }

    /// The types of the header's stanzas, in their order.
    #[must_use]
    pub fn stanza_types(&self) -> &[String] {
        &self.stanza_types
    }

    /// The file in its binary form.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The same, to keep: a large vault is in memory once.
    #[must_use]
    pub fn shared_bytes(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.bytes)
    }

    /// Whether the file was ASCII-armored.
    #[must_use]
    pub fn is_armored(&self) -> bool {
        self.armored
    }

    /// Whether `contents`, which came out of this, can be saved again: header and contents
    /// must name the same derivation, and `derived`, the recipient of a derived identity
    /// that opened it, must be the one that they name. A save writes what the contents say,
    /// and would otherwise lock the passphrase out.
    ///
    /// # Errors
    /// [`SealError::Disagrees`] when they do not.
    pub fn check_agrees(
        &self,
        contents: &Contents,
        derived: Option<String>,
    ) -> Result<(), SealError> {
        let entry = contents
            .recipients
            .iter()
            .find(|entry| entry.kdf().is_some());
        let same_kdf = self.kdf.as_ref().is_ok_and(|kdf| *kdf == contents.kdf());
        let same_recipient =
            derived.is_none_or(|derived| entry.is_some_and(|entry| entry.recipient == derived));
        if same_kdf && same_recipient {
            Ok(())
        } else {
            Err(SealError::Disagrees)
        }
    }

    /// Decrypts with the first identity that fits.
    ///
    /// # Errors
    /// [`SealError::NoMatch`] when none fits; others when the file is damaged or is no
    /// vault.
    pub fn open<'a>(
        &self,
        identities: impl Iterator<Item = &'a dyn Identity>,
    ) -> Result<Contents, SealError> {
        let opened = self.decrypt(identities);
        // Keys that `age` moved from call to call.
        platform::wipe_stack();
        opened
    }

    #[inline(never)]
    fn decrypt<'a>(
        &self,
        identities: impl Iterator<Item = &'a dyn Identity>,
    ) -> Result<Contents, SealError> {
        let mut reader = decryptor(&self.bytes, self.header_length)?.decrypt(identities)?;
        // The plaintext is no longer than the file, so this never grows and leaves no copy.
        let mut json = Plaintext(Vec::with_capacity(self.bytes.len()));
        let most = MAX_CONTENTS_BYTES as u64 + 1;
        reader
            .by_ref()
            .take(most)
            .read_to_end(&mut json.0)
            .map_err(|_| SealError::Damaged("its payload does not decrypt"))?;
        if json.0.len() as u64 == most {
            return Err(ContentsError::Damaged("they are larger than 32 MiB").into());
        }
        Ok(Contents::from_json(&json.0)?)
    }
}

/// What was sealed. `Zeroizing` would wipe it byte by byte, which takes as long for a large
/// vault as reading it does.
struct Plaintext(Vec<u8>);

impl Drop for Plaintext {
    fn drop(&mut self) {
        self.0.fill(0);
        // Or else the zeros could be left out, as nobody reads them.
        optimization_barrier(&self.0);
    }
}

/// The length of the header, if it is one that a vault may have; what is in it is for `age` to see.
fn header_length(bytes: &[u8]) -> Result<usize, SealError> {
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
        Some(length) => Ok(length),
        None if bytes.len() > MAX_HEADER_BYTES => Err(SealError::LongHeader),
        None => Err(SealError::Damaged("its header has no end")),
    }
}

/// A file whose header is read at once.
///
/// `age` asks for a line, and parses all that it has anew with each line that it gets: seconds
/// for a header of 64 KiB. So the first line that it is given is all of the header.
struct HeaderFirst<'a> {
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

fn decryptor(bytes: &[u8], header_length: usize) -> Result<Decryptor<HeaderFirst<'_>>, SealError> {
    let (header, payload) = bytes.split_at(header_length);
    let decryptor = Decryptor::new_buffered(HeaderFirst { header, payload })?;
    if decryptor.is_scrypt() {
        return Err(SealError::Scrypt);
    }
    Ok(decryptor)
}

fn dearmor(file: &[u8]) -> Result<Vec<u8>, SealError> {
    let mut bytes = Vec::with_capacity(file.len());
    let malformed = || SealError::Damaged("its armor is malformed");
    // Blanks and line ends may follow (section 3.3). age takes a form feed for one of them.
    let end = file.iter().rposition(|byte| !b" \t\r\n".contains(byte));
    let armored = &file[..end.map_or(0, |last| last + 1)];
    let lines = armored
        .strip_suffix(b"\n-----END AGE ENCRYPTED FILE-----")
        .ok_or_else(malformed)?;
    // Padding is at the very end; age takes it in any line that is full.
    let data = lines.strip_suffix(b"\r").unwrap_or(lines);
    let padding = data.iter().rev().take_while(|byte| **byte == b'=').count();
    if data[..data.len() - padding].contains(&b'=') {
        return Err(malformed());
    }
    ArmoredReader::new(armored)
        .read_to_end(&mut bytes)
        .map_err(|_| malformed())?;
    Ok(bytes)
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

/// An identity that opens nothing, and remembers what it was asked to open.
#[derive(Default)]
struct Witness {
    stanzas: RefCell<Vec<Stanza>>,
}

impl Identity for Witness {
    fn unwrap_stanza(&self, _: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        None
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, DecryptError>> {
        let copy = |stanza: &Stanza| Stanza {
            tag: stanza.tag.clone(),
            args: stanza.args.clone(),
            body: stanza.body.clone(),
        };
        self.stanzas.replace(stanzas.iter().map(copy).collect());
        None
    }
}

/// Seals the contents, with their revision raised by one, to all of their recipients.
///
/// `callbacks` answer a plugin that has a question; where nobody is to be asked, that is
/// [`age::NoCallbacks`].
///
/// # Errors
/// When a recipient is of an unknown kind, a plugin fails or is missing, or the system fails.
pub fn seal(contents: &mut Contents, callbacks: &impl Callbacks) -> Result<Vec<u8>, SealError> {
    let sealed = encrypt(contents, callbacks);
    platform::wipe_stack();
    sealed
}

#[inline(never)]
fn encrypt(contents: &mut Contents, callbacks: &impl Callbacks) -> Result<Vec<u8>, SealError> {
    let json = contents.to_next_json()?;
    let recipients = recipients(contents, callbacks)?;
    let encryptor = Encryptor::with_recipients(
        recipients
            .iter()
            .map(|recipient| &**recipient as &dyn Recipient),
    )
    .map_err(|error| match error {
        EncryptError::Io(error) => SealError::Seal(error),
        EncryptError::Plugin(errors) => {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            SealError::Plugin(PluginError::Failed(errors.join("; ")))
        }
        EncryptError::IncompatibleRecipients { .. } => SealError::Mixed,
        _ => SealError::Recipient,
    })?;
    let mut file = Vec::with_capacity(json.len() + MAX_HEADER_BYTES);
    let write = |file: &mut Vec<u8>| {
        let mut writer = encryptor.wrap_output(file)?;
        writer.write_all(&json)?;
        writer.finish().map(|_| ())
    };
    write(&mut file).map_err(SealError::Seal)?;
    // A reader takes no longer header, so this is the last moment to say so.
    header_length(&file).map_err(|_| SealError::TooMany)?;
    Ok(file)
}

/// The passphrase's first, as `vault-format.md` has it (section 4.2), then the others.
fn recipients(
    contents: &Contents,
    callbacks: &impl Callbacks,
) -> Result<Vec<Box<dyn Recipient>>, SealError> {
    let mut ready: Vec<Box<dyn Recipient>> = Vec::new();
    let mut others = Vec::new();
    for entry in &contents.recipients {
        let text = entry.recipient.as_str();
        if let Some(kdf) = entry.kdf() {
            let recipient = text.parse().map_err(|_| SealError::Recipient)?;
            ready.push(Box::new(PassphraseRecipient::new(kdf, recipient)));
        } else {
            let recipient: PublicRecipient = text.parse().map_err(|_| SealError::Recipient)?;
            others.push(recipient);
        }
    }
    ready.extend(public::to_age(others, callbacks)?);
    Ok(ready)
}

impl From<DecryptError> for SealError {
    fn from(error: DecryptError) -> Self {
        match error {
            DecryptError::NoMatchingKeys => Self::NoMatch,
            DecryptError::UnknownFormat => Self::NewerAge,
            DecryptError::InvalidHeader => Self::Damaged("its header is malformed"),
            DecryptError::InvalidMac => Self::Damaged("its header was altered"),
            DecryptError::Io(_) => Self::Damaged("it is cut short"),
            DecryptError::DecryptionFailed => Self::Damaged("its payload does not decrypt"),
            DecryptError::ExcessiveWork { .. } => Self::Scrypt,
            // The rest concerns the identity: a key that cannot be decrypted, or a plugin.
            error => Self::Identity(on_one_line(&error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_form_feed_after_the_armor_is_refused() {
        let armored = armor(&with_stanzas(1)).expect("armored");
        let with = |end: &[u8]| Sealed::parse(&[&armored, end].concat());
        assert!(with(b" \t\r\n\n").is_ok());
        assert!(matches!(with(b"\x0c\n"), Err(SealError::Damaged(_))));
    }

    #[test]
    fn a_header_of_more_stanzas_than_any_is_refused_before_it_is_parsed() {
        assert!(Sealed::parse(&with_stanzas(MAX_STANZAS)).is_ok());
        let refused = Sealed::parse(&with_stanzas(MAX_STANZAS + 1));
        assert!(matches!(refused, Err(SealError::ManyStanzas)));
    }
}
