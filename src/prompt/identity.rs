//! Identity files: age identities, SSH private keys, and plugin identities.

use std::io;

use age::encrypted;
use age::secrecy::SecretString;
use age::{Identity, IdentityFile, ssh};

use super::asker::Asker;
use super::terminal::PromptError;
use crate::printable::{on_one_line, printable};
use crate::vault::ssh_key;

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
    /// An SSH key has a passphrase, and there was no answer.
    #[error("it has a passphrase, and {0}")]
    Unanswered(PromptError),
    /// The answer does not decrypt the SSH key.
    #[error("wrong passphrase for the SSH key")]
    WrongPassphrase,
    /// A plugin is not there, or an encrypted file is no good.
    #[error("{0}")]
    Age(String),
}

/// Reads the identities in `text`; `name` stands for the file when its passphrase is asked.
///
/// The passphrase of an SSH key is asked for here, once, and not each time that the key is
/// tried: age would ask for every stanza of every vault that is opened.
///
/// # Errors
/// When there is none, a plugin that one needs is not installed, or an SSH key's passphrase is
/// not to be had.
pub fn parse(
    text: &str,
    name: &str,
    asker: &Asker,
) -> Result<Vec<Box<dyn Identity>>, IdentityError> {
    let age_error = |error: age::DecryptError| {
        IdentityError::Age(match error {
            // The file is in memory: nothing but its end can be in the way.
            age::DecryptError::Io(_) => "it is cut short or damaged".to_owned(),
            error => on_one_line(&error.to_string()),
        })
    };
    let start = text.trim_start();
    if start.starts_with("-----BEGIN AGE") || start.starts_with("age-encryption.org/") {
        let bytes = io::Cursor::new(text.as_bytes().to_vec());
        let reader = age::armor::ArmoredReader::new(bytes);
        let identity = encrypted::Identity::from_buffer(
            reader,
            Some(name.to_owned()),
            asker.clone(),
            Some(MAX_WORK_FACTOR),
        )
        .map_err(age_error)?
        .ok_or(IdentityError::NoIdentity)?;
        return Ok(vec![Box::new(identity)]);
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
    let identities = IdentityFile::from_buffer(text.as_bytes())
        .map_err(|_| IdentityError::NoIdentity)?
        .with_callbacks(asker.clone())
        .into_identities()
        .map_err(age_error)?;
    if identities.is_empty() {
        return Err(IdentityError::NoIdentity);
    }
    Ok(identities
        .into_iter()
        .map(|identity| -> Box<dyn Identity> { identity })
        .collect())
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
