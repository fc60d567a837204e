//! SSH private keys in the forms that stock `age` opens: OpenSSH's own, PKCS#1 and PKCS#8, the
//! first two with a passphrase as well. `age`'s crate reads fewer; the others are written anew for it.

use age::secrecy::SecretString;
use age::ssh::{self, UnsupportedKey};
use pkcs8::{ObjectIdentifier, PrivateKeyInfo};
use ring::signature::{Ed25519KeyPair, KeyPair};
use zeroize::Zeroizing;

use super::error::IdentityError;
use super::pem::{self, Pem};
use super::pem_cipher::PemCipher;
use crate::printable::printable;
use crate::prompt::asker::Asker;
use crate::vault::ssh_key;

const OPENSSH: &str = "OPENSSH PRIVATE KEY";
const PKCS1: &str = "RSA PRIVATE KEY";

/// What an Ed25519 key looks like in PKCS#8, RFC 8410 section 7: a string of 32 bytes.
const ED25519_SEED: [u8; 2] = [0x04, 32];

/// Reads the key in `text`. A passphrase is asked for, with `name` for the file.
///
/// # Errors
/// When it is of a kind that age does not use, or its passphrase is not to be had.
pub(super) fn read(text: &str, name: &str, asker: &Asker) -> Result<ssh::Identity, IdentityError> {
    let first = text.lines().next().unwrap_or_default();
    let label = pem::label(first).unwrap_or_default();
    match label {
        OPENSSH | PKCS1 | "PRIVATE KEY" => {}
        "ENCRYPTED PRIVATE KEY" => return Err(IdentityError::EncryptedPkcs8),
        "EC PRIVATE KEY" => return Err(unsupported("ECDSA")),
        "DSA PRIVATE KEY" => return Err(unsupported("DSA")),
        _ if label.ends_with("PUBLIC KEY") => return Err(IdentityError::Public),
        _ => return Err(IdentityError::NoIdentity),
    }
    let mut pem = Pem::parse(text).ok_or(IdentityError::Damaged)?;
    match (label, pem.encryption) {
        (OPENSSH, _) => openssh(&pem.bytes, name, asker),
        (PKCS1, None) => parse(PKCS1, &pem.bytes),
        (PKCS1, Some(encryption)) => {
            let cipher = PemCipher::parse(encryption)
                .map_err(|name| IdentityError::Cipher(printable(name).to_string()))?;
            let answer = ask(name, asker)?;
            let bytes = cipher.decrypt(&answer, &mut pem.bytes);
            // One wrong passphrase in 256 leaves bytes that only look like an end.
            bytes
                .and_then(|bytes| parse(PKCS1, bytes).ok())
                .ok_or(IdentityError::WrongPassphrase)
        }
        _ => pkcs8(&pem.bytes),
    }
}

/// Asks for the passphrase of a key.
fn ask(name: &str, asker: &Asker) -> Result<Zeroizing<String>, IdentityError> {
    let question = format!("Passphrase for the SSH key {}:", printable(name));
    asker
        .ask_hidden(&question)
        .map_err(IdentityError::Unanswered)
}

/// What age's crate reads in a key of this form.
fn parse(label: &str, bytes: &[u8]) -> Result<ssh::Identity, IdentityError> {
    let text = pem::text(label, bytes);
    let identity = ssh::Identity::from_buffer(text.as_bytes(), None);
    identity.map_err(|_| IdentityError::Damaged)
}

/// A key in OpenSSH's own format, PROTOCOL.key.
fn openssh(bytes: &[u8], name: &str, asker: &Asker) -> Result<ssh::Identity, IdentityError> {
    if ssh_key::private_has_zero(bytes) {
        return Err(IdentityError::NoIdentity);
    }
    let identity = parse(OPENSSH, bytes)?;
    match &identity {
        ssh::Identity::Unsupported(UnsupportedKey::EncryptedSsh(cipher)) => {
            Err(IdentityError::Cipher(printable(cipher).to_string()))
        }
        ssh::Identity::Unsupported(UnsupportedKey::Type(kind) | UnsupportedKey::Hardware(kind)) => {
            Err(unsupported(kind))
        }
        ssh::Identity::Unsupported(UnsupportedKey::EncryptedPem) => Err(IdentityError::Damaged),
        ssh::Identity::Unencrypted(_) => Ok(identity),
        ssh::Identity::Encrypted(key) => {
            // Before a passphrase is typed that would be called wrong. The type is in the clear.
            if let Err(ssh::ParseRecipientKeyError::Unsupported(kind)) =
                ssh::Recipient::try_from(identity.clone())
            {
                return Err(unsupported(&kind));
            }
            let answer = ask(name, asker)?;
            let key = key.decrypt(SecretString::from(answer.as_str()));
            key.map(Into::into)
                .map_err(|_| IdentityError::WrongPassphrase)
        }
    }
}

fn unsupported(kind: &str) -> IdentityError {
    let kind = printable(kind).to_string();
    match kind.starts_with("sk-") {
        true => IdentityError::SecurityKey(kind),
        false => IdentityError::UnsupportedSsh(kind),
    }
}

/// A key in PKCS#8, RFC 5958, which `openssl genpkey` and `ssh-keygen -m PKCS8` write.
fn pkcs8(bytes: &[u8]) -> Result<ssh::Identity, IdentityError> {
    let key = PrivateKeyInfo::try_from(bytes).map_err(|_| IdentityError::Damaged)?;
    let is = |oid| key.algorithm.oid == ObjectIdentifier::new_unwrap(oid);
    if is("1.2.840.113549.1.1.1") {
        return parse(PKCS1, key.private_key);
    }
    if is("1.3.101.112") {
        let seed = key.private_key.strip_prefix(&ED25519_SEED);
        return parse(OPENSSH, &ed25519(seed.ok_or(IdentityError::Damaged)?)?);
    }
    Err(match key.algorithm.oid.to_string().as_str() {
        "1.2.840.10045.2.1" => unsupported("ECDSA"),
        "1.2.840.10040.4.1" => unsupported("DSA"),
        "1.2.840.113549.1.1.10" => unsupported_type("RSA-PSS"),
        "1.2.840.113549.1.3.1" => unsupported_type("Diffie-Hellman"),
        "1.3.101.110" => unsupported_type("X25519"),
        "1.3.101.111" => unsupported_type("X448"),
        "1.3.101.113" => unsupported_type("Ed448"),
        other => unsupported_type(other),
    })
}

fn unsupported_type(kind: &str) -> IdentityError {
    IdentityError::UnsupportedType(kind.to_owned())
}

/// An Ed25519 key in OpenSSH's own format.
fn ed25519(seed: &[u8]) -> Result<Zeroizing<Vec<u8>>, IdentityError> {
    const KIND: &[u8] = b"ssh-ed25519";
    let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| IdentityError::Damaged)?;
    let public = pair.public_key().as_ref();
    // As long as it becomes, so that no copy is left behind.
    let string = |to: &mut Vec<u8>, parts: &[&[u8]]| {
        let length: usize = parts.iter().map(|part| part.len()).sum();
        to.extend((length as u32).to_be_bytes());
        parts.iter().for_each(|part| to.extend_from_slice(part));
    };
    let mut known = Vec::new();
    string(&mut known, &[KIND]);
    string(&mut known, &[public]);

    let mut secret = Zeroizing::new(Vec::with_capacity(256));
    secret.extend([0; 8]); // the same number twice
    secret.extend_from_slice(&known);
    string(&mut secret, &[seed, public]);
    string(&mut secret, &[]); // the comment
    let padding = secret.len().wrapping_neg() % 8;
    secret.extend((1..8).take(padding));
    let mut key = Zeroizing::new(Vec::with_capacity(512));
    key.extend_from_slice(b"openssh-key-v1\0");
    string(&mut key, &[b"none"]); // the cipher
    string(&mut key, &[b"none"]); // how its key is derived
    string(&mut key, &[]); // with which options
    key.extend(1u32.to_be_bytes());
    string(&mut key, &[&known]);
    string(&mut key, &[&secret]);
    Ok(key)
}
