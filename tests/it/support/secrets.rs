//! Every secret that a vault has, and how to look for all of them.
#![cfg(target_os = "linux")]

use std::cell::RefCell;
use std::fs;

use age::secrecy::ExposeSecret as _;
use age_core::format::{FileKey, Stanza};
use serde_json::Value;

use super::memory::Memory;
use super::steps::{contents_of, key_of};
use super::{TOKEN, World};

/// What nobody may find: names, and bytes.
pub struct Secrets(Vec<(&'static str, Vec<u8>)>);

impl Secrets {
    /// Those of a vault, and the passphrase that opens it.
    #[track_caller]
    pub fn of(world: &World, passphrase: &str) -> Self {
        let path = world.vault_path();
        let key = key_of(&path, passphrase);
        let contents = contents_of(&path, passphrase);
        let mut secrets = Self::typed(&[passphrase, TOKEN]);
        for context in contents["contexts"].as_array().expect("contexts") {
            for (name, token) in [
                ("token", &context["token"]),
                ("session", &context["session"]["token"]),
            ] {
                if let Value::String(token) = token {
                    secrets.0.push((name, token.clone().into_bytes()));
                }
            }
        }
        let mut clamped = key;
        clamped[0] &= 0xf8;
        clamped[31] = clamped[31] & 0x7f | 0x40;
        secrets.0.push(("key", key.to_vec()));
        secrets.0.push(("clamped key", clamped.to_vec()));

        let vault = fs::read(&path).expect("a vault");
        let (file_key, payload_key) = age_keys(&vault, &key);
        secrets.0.push(("age file key", file_key));
        secrets.0.push(("age payload key", payload_key));
        // What the contents begin with, which is said nowhere else.
        let start = br#"{"format":"cldkctl"#;
        secrets.0.push(("plaintext", start.to_vec()));
        secrets
    }

    /// What somebody typed, where there is no vault.
    pub fn typed(texts: &[&str]) -> Self {
        let typed = texts
            .iter()
            .map(|text| ("typed text", text.as_bytes().to_vec()));
        Self(typed.collect())
    }

    /// One more.
    pub fn add(&mut self, name: &'static str, secret: Vec<u8>) {
        self.0.push((name, secret));
    }

    /// One fewer.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(other, _)| *other != name);
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(name, bytes)| (*name, &**bytes))
    }
}

/// Fails the test when any of `secrets` is in `memory`.
#[track_caller]
pub fn assert_clean(memory: &Memory, secrets: &Secrets) {
    let secrets: Vec<_> = secrets.iter().collect();
    let traces = memory.find(&secrets);
    let lines: Vec<_> = traces.iter().map(ToString::to_string).collect();
    assert!(lines.is_empty(), "found in memory:\n{}", lines.join("\n"));
}

/// Fails the test unless the secret of this name is in `memory`: the search can see.
#[track_caller]
pub fn assert_found(memory: &Memory, secrets: &Secrets, name: &str) {
    let secret: Vec<_> = secrets.iter().filter(|(other, _)| *other == name).collect();
    assert!(!memory.find(&secret).is_empty(), "no {name} in memory");
}

/// The key that the header of the age file `vault` wraps, and that of its payload
/// (<https://c2sp.org/age>).
fn age_keys(vault: &[u8], key: &[u8; 32]) -> (Vec<u8>, Vec<u8>) {
    let identity = super::steps::identity(key)
        .parse()
        .expect("an age identity");
    let witness = Witness {
        identity,
        file_key: RefCell::default(),
    };
    let decryptor = age::Decryptor::new_buffered(vault).expect("an age file");
    let opened = decryptor.decrypt(std::iter::once(&witness as &dyn age::Identity));
    assert!(opened.is_ok(), "the key opens the vault");
    let mac = vault
        .windows(4)
        .position(|window| window == b"\n---")
        .expect("a header");
    let line = vault[mac + 1..]
        .iter()
        .position(|byte| *byte == b'\n')
        .expect("its end");
    let nonce = &vault[mac + 1 + line + 1..][..16];
    let file_key = witness.file_key.into_inner();
    let payload_key = age_core::primitives::hkdf(nonce, b"payload", &file_key);
    (file_key, payload_key.to_vec())
}

/// Remembers the key that an identity unwraps.
struct Witness {
    identity: age::x25519::Identity,
    file_key: RefCell<Vec<u8>>,
}

impl age::Identity for Witness {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        let unwrapped = self.identity.unwrap_stanza(stanza);
        if let Some(Ok(key)) = &unwrapped {
            self.file_key.replace(key.expose_secret().to_vec());
        }
        unwrapped
    }
}
