//! Sealing and opening: contents to age file and back.

mod file;

pub use file::armor;

use std::cell::RefCell;
use std::io::{self, Read, Write};
use std::sync::Arc;

use age::{Callbacks, DecryptError, EncryptError, Encryptor, Identity, Recipient};
use age_core::format::{FileKey, Stanza};
use zeroize::optimization_barrier;

use self::file::{MAX_HEADER_BYTES, dearmor, decryptor, header_length};
use super::contents::{Contents, ContentsError, MAX_CONTENTS_BYTES};
use super::kdf::{Ceiling, Cost, Kdf};
use super::plugin::PluginError;
use super::public::{self, PublicRecipient};
use super::recipient::PassphraseRecipient;
use super::stanza::{self, StanzaError};
use crate::printable::on_one_line;

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
    /// Its stanza says that it is of a newer version, and the key that was tried, as this
    /// version derives it, does not open it.
    #[error(
        "its {} stanza is of a newer version, or the passphrase is wrong",
        stanza::TAG
    )]
    PerhapsNewer,
    /// A file key was found, and the header is not what was sealed under it.
    #[error("it is damaged or was altered (its header was altered)")]
    Mac,
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
    /// A plugin that a recipient or an identity needs is missing, or failed.
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
        if !bytes.starts_with(AGE) {
            return Err(SealError::NotAge);
        }
        // Of a newer format nothing else is known, and age takes a malformed header for one.
        let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or(&bytes);
        match str::from_utf8(&line[AGE.len()..]) {
            Ok("v1") => {}
            Ok(version) if stanza::is_newer(version) => return Err(SealError::NewerAge),
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

    /// Whether `contents`, which came out of this, can be saved again: header and contents
    /// must name the same derivation, and `derived`, the recipient of a derived identity
    /// that opened it, must be the one that they name. A save writes what the contents say,
    /// and would otherwise lock the passphrase out.
    ///
    /// # Errors
    /// [`SealError::Disagrees`] when they do not; [`SealError::Stanza`] when the stanza is of a
    /// newer version, which is known for the truth once the file was opened.
    pub fn check_agrees(
        &self,
        contents: &Contents,
        derived: Option<String>,
    ) -> Result<(), SealError> {
        if let Err(newer @ StanzaError::Newer) = self.kdf {
            return Err(newer.into());
        }
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

impl SealError {
    /// What an identity or a recipient of ours failed with: `age` passes an I/O error on.
    fn from_io(error: io::Error, otherwise: impl FnOnce(io::Error) -> Self) -> Self {
        match error.downcast::<PluginError>() {
            Ok(plugin) => Self::Plugin(plugin),
            Err(error) => match error.downcast::<StanzaError>() {
                Ok(_) => Self::PerhapsNewer,
                Err(error) => otherwise(error),
            },
        }
    }
}

impl From<DecryptError> for SealError {
    fn from(error: DecryptError) -> Self {
        match error {
            DecryptError::NoMatchingKeys => Self::NoMatch,
            DecryptError::UnknownFormat | DecryptError::InvalidHeader => {
                Self::Damaged("its header is malformed")
            }
            DecryptError::InvalidMac => Self::Mac,
            DecryptError::Io(error) => Self::from_io(error, |_| Self::Damaged("it is cut short")),
            // An SSH key's: its stanza is known by a hash of the key.
            DecryptError::DecryptionFailed => {
                Self::Damaged("the stanza of this key does not decrypt")
            }
            DecryptError::ExcessiveWork { .. } => Self::Scrypt,
            // The rest concerns the identity: a key that cannot be decrypted, or a plugin.
            error => Self::Identity(on_one_line(&error.to_string())),
        }
    }
}
