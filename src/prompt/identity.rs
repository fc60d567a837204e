//! Identity files: age identities, SSH private keys, and plugin identities.

mod error;
mod pem;
mod pem_cipher;
mod ssh_file;

pub use error::IdentityError;

use std::io::Read as _;
use std::ops::Deref;

use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Identity, plugin, scrypt, ssh, x25519};
use zeroize::Zeroizing;

use super::asker::Asker;
use crate::printable::{on_one_line, printable};
use crate::vault::PluginIdentity;

/// The largest work factor (log2 N) of an identity file that is itself encrypted with a
/// passphrase; the same limit as age's own command has.
const MAX_WORK_FACTOR: u8 = 22;

/// The identities of a file, to be tried in their order.
#[derive(Default)]
pub struct Identities {
    all: Vec<Box<dyn Identity>>,
    public: Vec<String>,
}

impl Identities {
    /// What is known of each without using it: its recipient, or the name of its plugin.
    #[must_use]
    pub fn public(&self) -> &[String] {
        &self.public
    }

    fn push(&mut self, identity: impl Identity + 'static, public: String) {
        self.all.push(Box::new(identity));
        self.public.push(public);
    }
}

impl Deref for Identities {
    type Target = [Box<dyn Identity>];

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

/// As [`read`], for whoever needs nothing but the identities.
///
/// # Errors
/// As [`read`].
pub fn parse(
    file: impl AsRef<[u8]>,
    name: &str,
    asker: &Asker,
) -> Result<Vec<Box<dyn Identity>>, IdentityError> {
    Ok(read(file.as_ref(), name, asker)?.all)
}

/// Reads the identities in `file`; `name` stands for it when its passphrase is asked.
///
/// A passphrase is asked for here, once, and not when an identity is tried: age would ask for
/// every stanza of every vault that is opened, and report a bad identity file as a bad vault.
///
/// # Errors
/// When there is none, or a passphrase is not to be had.
pub fn read(file: &[u8], name: &str, asker: &Asker) -> Result<Identities, IdentityError> {
    let file = file.strip_prefix(b"\xef\xbb\xbf").unwrap_or(file);
    let file = file.trim_ascii_start();
    if file.starts_with(b"-----BEGIN AGE ENCRYPTED") || file.starts_with(b"age-encryption.org/") {
        let lines = decrypt(file, name, asker)?;
        if has_ssh_key(&lines) {
            return Err(IdentityError::SshInAge);
        }
        return parse_lines(&lines, asker);
    }
    if file.starts_with(b"\xff\xfe") || file.starts_with(b"\xfe\xff") {
        return Err(IdentityError::Utf16);
    }
    let text = std::str::from_utf8(file).map_err(|_| IdentityError::NotText)?;
    if text.contains('\0') {
        return Err(IdentityError::Utf16);
    }
    let text = without_comments(text);
    if text.starts_with("PuTTY-User-Key-File-") {
        return Err(IdentityError::Foreign("PuTTY"));
    }
    if text.starts_with("---- BEGIN SSH2 PUBLIC KEY") {
        return Err(IdentityError::Public);
    }
    if text.starts_with("---- BEGIN SSH2 ") {
        return Err(IdentityError::Foreign("SSH2"));
    }
    if text.starts_with("-----BEGIN") {
        let identity = ssh_file::read(text, name, asker)?;
        let public = ssh::Recipient::try_from(identity.clone());
        let mut found = Identities::default();
        found.push(
            identity,
            public.map_or_else(|_| "an SSH key".to_owned(), |it| it.to_string()),
        );
        return Ok(found);
    }
    if has_ssh_key(text) {
        return Err(IdentityError::SshNotFirst);
    }
    parse_lines(text, asker)
}

/// `text` from its first line that says something.
fn without_comments(text: &str) -> &str {
    let mut text = text.trim_start();
    while text.starts_with('#') {
        text = text
            .split_once('\n')
            .map_or("", |(_, rest)| rest.trim_start());
    }
    text
}

/// Whether a private key in PEM begins in `text`, perhaps on a line that lost its end.
fn has_ssh_key(text: &str) -> bool {
    said(text).any(|line| line.contains("-----BEGIN ") && line.ends_with("PRIVATE KEY-----"))
}

/// The lines of an identity file that is encrypted with a passphrase.
fn decrypt(file: &[u8], name: &str, asker: &Asker) -> Result<Zeroizing<String>, IdentityError> {
    let reader = age::armor::ArmoredReader::new(file);
    let decryptor = Decryptor::new_buffered(reader).map_err(age_error)?;
    if !decryptor.is_scrypt() {
        return Err(IdentityError::SealedToRecipients);
    }
    let question = format!("Passphrase for the identity file {}:", printable(name));
    let answer = asker
        .ask_hidden(&question)
        .map_err(IdentityError::Unanswered)?;
    let mut identity = scrypt::Identity::new(SecretString::from(answer.as_str()));
    identity.set_max_work_factor(MAX_WORK_FACTOR);
    let mut reader = decryptor
        .decrypt(std::iter::once(&identity as &dyn Identity))
        .map_err(age_error)?;
    // As long as what it comes out of, so that it never grows and leaves no copy.
    let mut lines = Zeroizing::new(String::with_capacity(file.len()));
    reader
        .read_to_string(&mut lines)
        .map_err(|_| IdentityError::Damaged)?;
    Ok(lines)
}

fn age_error(error: DecryptError) -> IdentityError {
    match error {
        DecryptError::DecryptionFailed | DecryptError::NoMatchingKeys => {
            IdentityError::WrongPassphrase
        }
        // The file is in memory: nothing but its end can be in the way.
        DecryptError::Io(_) => IdentityError::Damaged,
        error => IdentityError::Age(on_one_line(&error.to_string())),
    }
}

/// Identities of age, one on each line. Plugins are looked for when their turn comes: another
/// identity may open the vault.
fn parse_lines(text: &str, asker: &Asker) -> Result<Identities, IdentityError> {
    let mut found = Identities::default();
    let mut otherwise = IdentityError::NoIdentity;
    for line in said(text) {
        if let Ok(identity) = line.parse::<x25519::Identity>() {
            let public = identity.to_public().to_string();
            found.push(identity, public);
        } else if let Ok(identity) = line.parse::<plugin::Identity>() {
            let public = format!("an identity of age-plugin-{}", identity.plugin());
            found.push(PluginIdentity::new(identity, asker.clone()), public);
        } else if starts_as(line, "AGE-SECRET-KEY-PQ-1") {
            // No vault is sealed to it, so it is of no more use than a comment.
            otherwise = IdentityError::PostQuantum;
        } else {
            return typed(text);
        }
    }
    match found.is_empty() {
        true => Err(otherwise),
        false => Ok(found),
    }
}

/// The lines that say something.
fn said(text: &str) -> impl Iterator<Item = &str> {
    let lines = text.lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#'))
}

fn starts_as(line: &str, prefix: &str) -> bool {
    let start = line.get(..prefix.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// One identity as a person types it from paper: in groups, on several lines, in small letters.
fn typed(text: &str) -> Result<Identities, IdentityError> {
    // Sized beforehand: a String that grows leaves copies behind.
    let mut joined = Zeroizing::new(String::with_capacity(text.len()));
    let letters = said(text).flat_map(|line| line.chars().filter(|c| !c.is_whitespace()));
    joined.extend(letters.map(|c| c.to_ascii_uppercase()));
    if let Ok(identity) = joined.parse::<x25519::Identity>() {
        let public = identity.to_public().to_string();
        let mut found = Identities::default();
        found.push(identity, public);
        return Ok(found);
    }
    let is_public = |line| starts_as(line, "age1") || starts_as(line, "ssh-");
    Err(if joined.contains("AGE-SECRET-KEY-1") {
        IdentityError::Mistyped
    } else if said(text).any(is_public) {
        IdentityError::Public
    } else {
        IdentityError::NoIdentity
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An RSA key with one byte of zero for each of its numbers, on which age's parser panics.
    const WITH_A_NUMBER_OF_ZEROS: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAACwAAAAdzc2gtcn
NhAAAAOAAAAAAAAAAAAAAAB3NzaC1yc2EAAAABAAAAAAEAAAAAAQAAAAABAAAAAAEAAAAA
AQAAAAAAAQID
-----END OPENSSH PRIVATE KEY-----
";
    /// That of the worked example in `vault-format.md`.
    const KEY: &str = "AGE-SECRET-KEY-14AT54MQ8NL3HA35V8550EYADKM0CG5SN8R05F0U2C5Y8NZRC5DYSA2PVSW";

    fn error(text: &str) -> IdentityError {
        match parse(text, "it", &Asker::new(false)) {
            Ok(_) => panic!("{text:?} has an identity"),
            Err(error) => error,
        }
    }

    #[test]
    fn what_age_says_of_a_file_takes_one_line() {
        for (text, what) in [
            ("age-encryption.org/v1\n-> X", "cut short"),
            ("age-encryption.org/v2\n-> X x\n\n--- AAAA\n", "upgrading"),
        ] {
            let said = error(text).to_string();
            assert!(said.contains(what) && !said.contains('\n'), "{said:?}");
        }
    }

    #[test]
    fn a_file_with_no_identity_in_it_is_refused() {
        for text in [
            "",
            "# only a comment\n",
            "hello",
            "-----BEGIN CERTIFICATE-----\n",
            WITH_A_NUMBER_OF_ZEROS,
        ] {
            assert!(matches!(error(text), IdentityError::NoIdentity), "{text:?}");
        }
        for text in [&KEY[..60], &KEY.replace("ZRC", "ZRD"), "AGE-SECRET-KEY-1"] {
            assert!(matches!(error(text), IdentityError::Mistyped), "{text:?}");
        }
    }

    #[test]
    fn what_stands_in_a_file_is_called_by_its_name() {
        const SSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n";
        let utf16 = |order: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
            let text = format!("{mark}# made\r\n{KEY}\r\n");
            text.encode_utf16().flat_map(order).collect()
        };
        for file in [
            utf16(u16::to_le_bytes, "\u{feff}"),
            utf16(u16::to_be_bytes, "\u{feff}"),
            utf16(u16::to_le_bytes, ""),
        ] {
            let found = read(&file, "it", &Asker::new(false)).map(|_| ());
            assert!(matches!(found, Err(IdentityError::Utf16)), "{found:?}");
        }
        for text in [
            format!("{KEY}\n{SSH}"),
            format!("{KEY}{SSH}"),
            format!("my key:\r\n{SSH}"),
        ] {
            assert!(matches!(error(&text), IdentityError::SshNotFirst), "{text}");
        }
        // Read as the key that it is, which is cut short.
        for text in [format!("# laptop\n\n # mine\n{SSH}"), SSH.to_owned()] {
            assert!(matches!(error(&text), IdentityError::Damaged), "{text}");
        }
        let public = "# laptop\n---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n";
        assert!(matches!(error(public), IdentityError::Public));
    }

    #[test]
    fn a_key_that_was_typed_in_groups_is_read() {
        let groups = |size: usize, between: &str| {
            let groups: Vec<&str> = (0..KEY.len())
                .step_by(size)
                .map(|at| &KEY[at..KEY.len().min(at + size)])
                .collect();
            groups.join(between)
        };
        for text in [
            format!("\u{feff}{KEY} \t\r\n"),
            KEY.to_lowercase(),
            groups(4, " ").to_lowercase(),
            format!("# from the sheet\n\n{}\n", groups(6, "\t ")),
            groups(20, "\r\n"),
        ] {
            let found = read(text.as_bytes(), "it", &Asker::new(false));
            let public = found.map(|found| found.public().to_vec());
            assert_eq!(
                public.expect(&text),
                ["age1h35tyf6zzhtal8wxhj8w5puh9mp6efaghwp00dqst3q5x56w53cquqs0wg"]
            );
        }
    }
}
