//! Sealing and opening: contents to age file and back.

mod error;
mod file;
mod mail;

pub use error::{Change, Class, SealError};
pub use file::{armor, without_blank_lines};

use std::cell::RefCell;
use std::io::{Read, Write};
use std::sync::Arc;

use age::{Callbacks, DecryptError, EncryptError, Encryptor, Identity, Recipient};
use age_core::format::{FileKey, Stanza};
use zeroize::optimization_barrier;

use self::file::{
    MAX_HEADER_BYTES, armored, dearmor, decryptor, ends_in_armor, has_armor, header_length,
};
use super::contents::{Contents, ContentsError, MAX_CONTENTS_BYTES};
use super::kdf::{Ceiling, Kdf};
use super::public::{self, PublicRecipient};
use super::recipient::PassphraseRecipient;
use super::stanza::{self, StanzaError};

/// What every age file begins with; a version follows.
const AGE: &[u8] = b"age-encryption.org/";
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
    /// What a stanza of a newer version says, if its version alone may be wrong.
    misnamed: Option<Kdf>,
    stanza_types: Vec<String>,
    armored: bool,
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
        let dearmored = armored(&file).map(|text| match dearmor(text) {
            // What follows the last line is to be removed first.
            Err(SealError::Around) if !ends_in_armor(text) => Err(SealError::Around),
            dearmored => dearmored.map_err(|error| mail::changed(text).unwrap_or(error)),
        });
        let dearmored = dearmored.transpose()?;
        let armored = dearmored.is_some();
        let bytes = dearmored.unwrap_or(file);
        if !bytes.starts_with(AGE) {
            return Err(match has_armor(&bytes) {
                true => SealError::Around,
                false if armored => SealError::NotAge,
                false => mail::changed(&bytes).unwrap_or(SealError::NotAge),
            });
        }
        // Of a newer format nothing else is known, and age takes a malformed header for one.
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let line = end.map(|end| str::from_utf8(&bytes[AGE.len()..end]));
        match line {
            Some(Ok("v1")) => {}
            Some(Ok(version)) if stanza::is_newer(version) => return Err(SealError::NewerAge),
            _ => return Err(SealError::Damaged("its first line is malformed")),
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
            misnamed: stanza::find_misnamed(&stanzas),
            stanza_types: stanzas.into_iter().map(|stanza| stanza.tag).collect(),
            armored,
        })
    }

    /// How the key is derived from a passphrase; `None` when no passphrase opens this.
    ///
    /// A stanza of a newer version that has the form of this one's is read as such: the key
    /// then tells whether that version is the truth.
    ///
    /// # Errors
    /// When the header's stanza is malformed or of a newer version, or asks for more than
    /// `ceiling`. Another identity than a passphrase's may open the vault all the same.
    pub fn kdf(&self, ceiling: Ceiling) -> Result<Option<&Kdf>, SealError> {
        let kdf = match &self.misnamed {
            Some(kdf) => Some(kdf),
            None => self.kdf.as_ref().map_err(|error| *error)?.as_ref(),
        };
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

    /// Whether the stanza is of a version that is known here: once the file was opened, its version
    /// is known for the truth, and a save would undo what it says.
    ///
    /// # Errors
    /// [`SealError::NewerStanza`] when it is newer.
    pub fn check_known(&self) -> Result<(), SealError> {
        match self.kdf {
            Err(StanzaError::Newer) => Err(SealError::NewerStanza),
            _ => Ok(()),
        }
    }

    /// Whether `contents`, which came out of this, can be saved again: header and contents
    /// must name the same derivation, and `derived`, the recipient of a derived identity
    /// that opened it, must be the one that they name. A save writes what the contents say,
    /// and would otherwise lock the passphrase out.
    ///
    /// # Errors
    /// [`SealError::Disagrees`] when they do not, and as [`check_known`](Self::check_known).
    pub fn check_agrees(
        &self,
        contents: &Contents,
        derived: Option<String>,
    ) -> Result<(), SealError> {
        self.check_known()?;
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

    /// Decrypts with the first identity that fits. One whose plugin fails is passed over,
    /// and so is a key that does not fit the header's MAC.
    ///
    /// # Errors
    /// [`SealError::NoMatch`] when none fits, or [`SealError::Plugin`] if a plugin failed; others
    /// when the file is damaged or is no vault.
    pub fn open<'a>(
        &self,
        identities: impl Iterator<Item = &'a dyn Identity>,
    ) -> Result<Contents, SealError> {
        let mut otherwise = SealError::NoMatch;
        for identity in identities {
            match self.decrypt(identity) {
                Err(SealError::NoMatch) => {}
                // A plugin may have given a key of its own making.
                Err(failed @ (SealError::Plugin(_) | SealError::Mac)) => {
                    if matches!(otherwise, SealError::NoMatch) {
                        otherwise = failed;
                    }
                }
                opened => return opened,
            }
        }
        Err(otherwise)
    }

    fn decrypt(&self, identity: &dyn Identity) -> Result<Contents, SealError> {
        let decryptor = decryptor(&self.bytes, self.header_length)?;
        let mut reader = decryptor.decrypt(std::iter::once(identity))?;
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
    let json = contents.to_next_json()?;
    let recipients = recipients(contents, callbacks)?;
    let encryptor = Encryptor::with_recipients(
        recipients
            .iter()
            .map(|recipient| &**recipient as &dyn Recipient),
    )
    .map_err(|error| match error {
        EncryptError::Io(error) => SealError::from_io(error, SealError::Seal),
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
