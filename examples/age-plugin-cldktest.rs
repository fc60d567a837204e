//! A real age plugin for the tests, which run it as `age-plugin-cldktest`. It protects nothing:
//! its identities are age's own in another dress.
//!
//! ```text
//! $ age-plugin-cldktest --generate          # or --generate-with-pin
//! age1cldktest1…
//! AGE-PLUGIN-CLDKTEST-1…
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it runs in tests alone"
)]

use std::collections::{HashMap, HashSet};
use std::io;

use age::secrecy::ExposeSecret as _;
use age::x25519;
use age::{Identity as _, Recipient as _};
use age_core::format::{FileKey, Stanza};
use age_plugin::identity::{self, IdentityPluginV1};
use age_plugin::recipient::{self, RecipientPluginV1};
use age_plugin::{Callbacks, PluginHandler, run_state_machine};
use bech32::{Bech32, Hrp};

const NAME: &str = "cldktest";
/// What the only PIN is.
const PIN: &str = "314159";
/// The stanza's type: X25519's, under a name that nobody else knows.
const TAG: &str = "cldktest";

fn main() -> io::Result<()> {
    let argument = std::env::args().nth(1).unwrap_or_default();
    match argument.strip_prefix("--age-plugin=") {
        Some(state_machine) => run_state_machine(state_machine, Handler),
        None => {
            generate(argument == "--generate-with-pin");
            Ok(())
        }
    }
}

fn generate(with_pin: bool) {
    let identity = x25519::Identity::generate();
    let mut secret = bytes(&identity.to_string().expose_secret().to_lowercase());
    secret.push(u8::from(with_pin));
    let public = bytes(&identity.to_public().to_string());
    let encoded = |prefix: &str, bytes: &[u8]| {
        bech32::encode::<Bech32>(Hrp::parse(prefix).unwrap(), bytes).unwrap()
    };
    println!("{}", encoded(&format!("age1{NAME}"), &public));
    let identity = encoded(&format!("age-plugin-{NAME}-"), &secret);
    println!("{}", identity.to_uppercase());
}

fn bytes(bech32: &str) -> Vec<u8> {
    bech32::decode(bech32).unwrap().1
}

struct Handler;

impl PluginHandler for Handler {
    type RecipientV1 = Recipients;
    type IdentityV1 = Identities;

    fn recipient_v1(self) -> io::Result<Recipients> {
        Ok(Recipients::default())
    }

    fn identity_v1(self) -> io::Result<Identities> {
        Ok(Identities::default())
    }
}

#[derive(Default)]
struct Recipients(Vec<x25519::Recipient>);

impl RecipientPluginV1 for Recipients {
    fn add_recipient(
        &mut self,
        index: usize,
        _: &str,
        bytes: &[u8],
    ) -> Result<(), recipient::Error> {
        let text = bech32::encode::<Bech32>(Hrp::parse("age").unwrap(), bytes).unwrap();
        let recipient = text.parse().map_err(|_| recipient::Error::Recipient {
            index,
            message: "no recipient of this plugin".to_owned(),
        })?;
        self.0.push(recipient);
        Ok(())
    }

    fn add_identity(&mut self, index: usize, _: &str, _: &[u8]) -> Result<(), recipient::Error> {
        Err(recipient::Error::Identity {
            index,
            message: "encrypts to recipients only".to_owned(),
        })
    }

    fn labels(&mut self) -> HashSet<String> {
        HashSet::new()
    }

    fn wrap_file_keys(
        &mut self,
        file_keys: Vec<FileKey>,
        _: impl Callbacks<recipient::Error>,
    ) -> io::Result<Result<Vec<Vec<Stanza>>, Vec<recipient::Error>>> {
        let wrap = |file_key: &FileKey| {
            let stanzas = self.0.iter().flat_map(|recipient| {
                let (stanzas, _) = recipient.wrap_file_key(file_key).unwrap();
                stanzas.into_iter()
            });
            stanzas
                .map(|stanza| Stanza {
                    tag: TAG.to_owned(),
                    ..stanza
                })
                .collect()
        };
        Ok(Ok(file_keys.iter().map(wrap).collect()))
    }
}

#[derive(Default)]
struct Identities(Vec<(x25519::Identity, bool)>);

impl IdentityPluginV1 for Identities {
    fn add_identity(&mut self, index: usize, _: &str, bytes: &[u8]) -> Result<(), identity::Error> {
        let parse = || {
            let (with_pin, secret) = bytes.split_last()?;
            let prefix = Hrp::parse("age-secret-key-").unwrap();
            let text = bech32::encode::<Bech32>(prefix, secret).unwrap();
            Some((text.to_uppercase().parse().ok()?, *with_pin == 1))
        };
        let identity = parse().ok_or_else(|| identity::Error::Identity {
            index,
            message: "no identity of this plugin".to_owned(),
        })?;
        self.0.push(identity);
        Ok(())
    }

    fn unwrap_file_keys(
        &mut self,
        files: Vec<Vec<Stanza>>,
        mut callbacks: impl Callbacks<identity::Error>,
    ) -> io::Result<HashMap<usize, Result<FileKey, Vec<identity::Error>>>> {
        let mut opened = HashMap::new();
        for (index, (identity, with_pin)) in self.0.iter().enumerate() {
            if *with_pin {
                let pin = callbacks.request_secret("PIN of the test token")?;
                if pin.map_or(true, |pin| pin.expose_secret() != PIN) {
                    let wrong = identity::Error::Identity {
                        index,
                        message: "wrong PIN".to_owned(),
                    };
                    opened.insert(0, Err(vec![wrong]));
                    continue;
                }
            }
            for (file, stanzas) in files.iter().enumerate() {
                let ours = stanzas.iter().filter(|stanza| stanza.tag == TAG);
                let file_key = ours
                    .map(|stanza| Stanza {
                        tag: "X25519".to_owned(),
                        args: stanza.args.clone(),
                        body: stanza.body.clone(),
                    })
                    .find_map(|stanza| identity.unwrap_stanza(&stanza)?.ok());
                if let Some(file_key) = file_key {
                    opened.insert(file, Ok(file_key));
                }
            }
        }
        Ok(opened)
    }
}
