//! A vault by someone who knows a public recipient and nothing else: any stanzas, any contents,
//! and a MAC that is right. Lines of `tag argument …` to the first empty one; then the contents.
#![no_main]

use std::collections::HashSet;
use std::io::Write;

use age::{EncryptError, Encryptor, Identity, Recipient};
use age_core::format::{FileKey, Stanza};
use cldkctl::secret::Key;
use cldkctl::vault::{PassphraseIdentity, SealError, Sealed, stanza};
use cldkctl_fuzz::{CEILING, machine};
use libfuzzer_sys::fuzz_target;

/// Wraps for the machine's key, and adds what it likes.
struct Forger {
    stanzas: Vec<Vec<String>>,
}

impl Recipient for Forger {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let (mut wrapped, labels) = machine().to_public().wrap_file_key(file_key)?;
        wrapped.extend(self.stanzas.iter().map(|words| Stanza {
            tag: words[0].clone(),
            args: words[1..].to_vec(),
            body: Vec::new(),
        }));
        Ok((wrapped, labels))
    }
}

fuzz_target!(|input: &[u8]| {
    let at = input.windows(2).position(|two| two == b"\n\n").unwrap_or(0);
    let (header, contents) = input.split_at(at);
    // What age writes are words of visible characters.
    let stanzas: Vec<Vec<String>> = String::from_utf8_lossy(header)
        .lines()
        .map(|line| {
            line.split(' ').map(|word| {
                word.chars()
                    .filter(char::is_ascii_graphic)
                    .collect::<String>()
            })
        })
        .map(|words| words.filter(|word| !word.is_empty()).collect::<Vec<_>>())
        .filter(|words| !words.is_empty())
        .collect();
    let ours = stanzas
        .iter()
        .filter(|words| words[0] == stanza::TAG)
        .count();
    let count = stanzas.len();
    let scrypt = stanzas.iter().any(|words| words[0] == "scrypt");
    if scrypt {
        // age does not write such a file; the vectors have one.
        return;
    }
    let forger = Forger { stanzas };
    let encryptor = Encryptor::with_recipients(std::iter::once(&forger as &dyn Recipient))
        .expect("one recipient");
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file).expect("a header");
    writer.write_all(contents).expect("written");
    writer.finish().expect("written");

    let sealed = match Sealed::parse(&file) {
        Ok(sealed) => sealed,
        Err(SealError::ManyStanzas) => return assert!(count > 250),
        Err(SealError::LongHeader) => return assert!(file.len() > 65_536),
        Err(error) => panic!("{error}"),
    };
    let kdf = sealed.kdf(CEILING);
    match ours {
        0 => assert!(matches!(kdf, Ok(None))),
        1 => assert!(!matches!(kdf, Ok(None))),
        _ => assert!(matches!(kdf, Err(SealError::Stanza(_)))),
    }
    if let Ok(Some(kdf)) = kdf {
        let wrong = PassphraseIdentity::new(kdf.clone(), &Key::copied_from(&[7; 32]));
        let opened = sealed.open(std::iter::once(&wrong as &dyn Identity));
        // Damaged: an X25519 stanza that is none, such as one without a body.
        assert!(
            matches!(
                opened,
                Err(SealError::NoMatch | SealError::PerhapsNewer | SealError::Damaged(_))
            ),
            "{:?}",
            opened.err()
        );
    }
    match sealed.open(std::iter::once(&machine() as &dyn Identity)) {
        Ok(opened) => {
            let _ = sealed.check_agrees(&opened, None);
        }
        // The payload is as it was sealed, so it is the contents that are refused, or nothing.
        Err(error) => assert!(
            matches!(error, SealError::Contents(_) | SealError::Damaged(_)),
            "{error}"
        ),
    }
});
