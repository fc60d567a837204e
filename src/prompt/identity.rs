//! Identity files: age identities, SSH private keys, and plugin identities.

use std::io::Read as _;

use age::secrecy::SecretString;
use age::{DecryptError, Decryptor, Identity, plugin, scrypt, ssh, x25519};
use zeroize::Zeroizing;

use super::asker::Asker;
use super::error::PromptError;
use crate::printable::{on_one_line, printable};
use crate::vault::{PluginIdentity, ssh_key};

/// The largest work factor (log2 N) of an identity file that is itself encrypted with a
/// passphrase; the same limit as age's own command has.
const MAX_WORK_FACTOR: u8 = 22;

/// Why an identity file cannot be used. Holds nothing of the file.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Neither an age identity file nor an SSH private key.
    #[error("it holds no age identity and no SSH private key")]
    NoIdentity,
    /// An SSH key of a kind that age does not use.
    #[error("it is an SSH key of a kind that age does not support; ed25519 and RSA work")]
    UnsupportedSsh,
    /// It has a passphrase, and there was no answer.
    #[error("it has a passphrase, and {0}")]
    Unanswered(PromptError),
    /// The answer does not decrypt it.
    #[error("wrong passphrase")]
    WrongPassphrase,
    /// A file with a passphrase is cut short or damaged.
    #[error("it is cut short or damaged")]
    Damaged,
    /// A file with a passphrase that age does not decrypt.
    #[error("{0}")]
    Age(String),
}

/// Reads the identities in `text`; `name` stands for the file when its passphrase is asked.
///
/// A passphrase is asked for here, once, and not when an identity is tried: age would ask for
/// every stanza of every vault that is opened, and report a bad identity file as a bad vault.
///
/// # Errors
/// When there is none, or a passphrase is not to be had.
pub fn parse(
    text: &str,
    name: &str,
    asker: &Asker,
) -> Result<Vec<Box<dyn Identity>>, IdentityError> {
    let start = text.trim_start();
    if start.starts_with("-----BEGIN AGE") || start.starts_with("age-encryption.org/") {
        return parse_lines(&decrypt(text, name, asker)?, asker);
    }
    if start.starts_with("-----BEGIN") {
        if ssh_key::private_has_zero(text) {
            return Err(IdentityError::NoIdentity);
        }
        let identity = ssh::Identity::from_buffer(text.as_bytes(), Some(name.to_owned()))
            .map_err(|_| IdentityError::NoIdentity)?;
        let identity = match identity {
            ssh::Identity::Unsupported(_) => return Err(IdentityError::UnsupportedSsh),
            ssh::Identity::Encrypted(key) => {
                let question = format!("Passphrase for the SSH key {}:", printable(name));
                let answer = asker
                    .ask_hidden(&question)
                    .map_err(IdentityError::Unanswered)?;
                key.decrypt(SecretString::from(answer.as_str()))
                    .map_err(|_| IdentityError::WrongPassphrase)?
                    .into()
            }
            ssh::Identity::Unencrypted(_) => identity,
        };
        return Ok(vec![Box::new(identity)]);
    }
    parse_lines(text, asker)
}

/// The lines of an identity file that is encrypted with a passphrase.
fn decrypt(text: &str, name: &str, asker: &Asker) -> Result<Zeroizing<String>, IdentityError> {
    let reader = age::armor::ArmoredReader::new(text.as_bytes());
    let decryptor = Decryptor::new_buffered(reader).map_err(age_error)?;
    if !decryptor.is_scrypt() {
        return Err(IdentityError::NoIdentity);
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
    let mut lines = Zeroizing::new(String::with_capacity(text.len()));
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
fn parse_lines(text: &str, asker: &Asker) -> Result<Vec<Box<dyn Identity>>, IdentityError> {
    let lines = text.lines();
    let identities = lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| -> Result<Box<dyn Identity>, _> {
            if let Ok(identity) = line.parse::<x25519::Identity>() {
                return Ok(Box::new(identity));
            }
            let identity: plugin::Identity = line.parse().map_err(|_| IdentityError::NoIdentity)?;
            Ok(Box::new(PluginIdentity::new(identity, asker.clone())))
        })
        .collect::<Result<Vec<_>, _>>()?;
    if identities.is_empty() {
        return Err(IdentityError::NoIdentity);
    }
    Ok(identities)
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

    #[test]
    fn what_age_says_of_a_file_takes_one_line() {
        for (text, what) in [
            ("age-encryption.org/v1\n-> X", "cut short"),
            ("age-encryption.org/v2\n-> X x\n\n--- AAAA\n", "upgrading"),
        ] {
            let Err(error) = parse(text, "it", &Asker::new(false)) else {
                panic!("no identity")
            };
            let said = error.to_string();
            assert!(said.contains(what) && !said.contains('\n'), "{said:?}");
        }
    }

    #[test]
    fn a_file_with_no_identity_in_it_is_refused() {
        let asker = Asker::new(false);
        for text in [
            "",
            "# only a comment\n",
            "hello",
            "AGE-SECRET-KEY-1BROKEN",
            "-----BEGIN CERTIFICATE-----\n",
            WITH_A_NUMBER_OF_ZEROS,
        ] {
            assert!(
                matches!(parse(text, "it", &asker), Err(IdentityError::NoIdentity)),
                "{text:?}"
            );
        }
    }
}
