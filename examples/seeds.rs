//! Makes the first inputs of the fuzz targets, out of the test vectors for the most part:
//!
//! ```text
//! cargo run --example seeds -- FOLDER
//! ```
//!
//! The same files at each run, one folder for each target in `fuzz/fuzz_targets/`, which says
//! what its inputs look like. `fuzz/run` does this first.
#![allow(clippy::unwrap_used, reason = "whoever runs it sees what is missing")]

use std::collections::HashMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{env, fs};

use age::{Decryptor, Identity};
use cldkctl::keeper::agent::wire::{Reply, Request};
use cldkctl::keeper::{Held, Scope, Slot, Touch};
use cldkctl::prompt::{Asker, identity};
use cldkctl::secret::{Key, Passphrase};
use cldkctl::vault::{Ceiling, Kdf, PassphraseIdentity, Salt, Sealed};
use serde_json::Value;

const REPOSITORY: &str = env!("CARGO_MANIFEST_DIR");

fn main() {
    let folder = PathBuf::from(env::args_os().nth(1).expect("a folder to write to"));
    let seeds = Seeds { folder };
    from_the_vectors(&seeds);
    requests_and_replies(&seeds);
    from_the_guide(&seeds);
    by_hand(&seeds);
}

struct Seeds {
    folder: PathBuf,
}

impl Seeds {
    fn add(&self, target: &str, name: &str, input: impl AsRef<[u8]>) {
        let folder = self.folder.join(target);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(name), input).unwrap();
    }

    fn add_all(&self, target: &str, inputs: &[&str]) {
        for (number, input) in inputs.iter().enumerate() {
            self.add(target, &format!("by-hand-{number}"), input);
        }
    }
}

/// Each vault as it is, and what is in it, where it opens as far as that.
fn from_the_vectors(seeds: &Seeds) {
    let vectors = Path::new(REPOSITORY).join("tests/vectors");
    let manifest = fs::read(vectors.join("vectors.json")).unwrap();
    let manifest: Vec<Value> = serde_json::from_slice(&manifest).unwrap();
    let mut keys = HashMap::new();
    for vector in manifest {
        let name = vector["file"].as_str().unwrap();
        let file = fs::read(vectors.join(name)).unwrap();
        seeds.add("open", name, &file);
        if file.starts_with(b"-----BEGIN") {
            seeds.add("armor", name, &file);
        }
        // A header of 64 KiB takes age long when it is read line by line, and is in `open` already.
        let Some(stanzas) = stanzas(&file).filter(|_| file.len() < 16_384) else {
            continue;
        };
        seeds.add("header", name, &stanzas);
        let passphrase = vector["passphrase"].as_str();
        let identities = match vector["identity"].as_str() {
            Some(key) => {
                let text = fs::read_to_string(vectors.join(key)).unwrap();
                seeds.add("identity", key, &text);
                identity::parse(&text, key, &Asker::new(false)).unwrap()
            }
            None => match derived(&file, passphrase.unwrap(), &mut keys) {
                Some(identity) => vec![identity],
                None => continue,
            },
        };
        if let Some(contents) = payload(&file, &identities) {
            seeds.add("contents", name, &contents);
            seeds.add(
                "forged",
                name,
                [stanzas.as_bytes(), b"\n", &contents].concat(),
            );
        }
    }
}

/// The stanzas of a header, as the target `header` takes them.
fn stanzas(file: &[u8]) -> Option<String> {
    let sealed = Sealed::parse(file).ok()?;
    let header = sealed.bytes().split(|byte| *byte == b'\n');
    Some(
        header
            .filter_map(|line| line.strip_prefix(b"-> "))
            .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
            .collect(),
    )
}

type Keys = HashMap<(String, String), Key>;

fn derived(file: &[u8], passphrase: &str, keys: &mut Keys) -> Option<Box<dyn Identity>> {
    let sealed = Sealed::parse(file).ok()?;
    let kdf: &Kdf = sealed.kdf(Ceiling::DEFAULT).ok()??;
    let key = keys
        .entry((format!("{kdf:?}"), passphrase.to_owned()))
        .or_insert_with(|| kdf.derive(&Passphrase::new(passphrase)).unwrap());
    Some(Box::new(PassphraseIdentity::new(kdf.clone(), key)))
}

fn payload(file: &[u8], identities: &[Box<dyn Identity>]) -> Option<Vec<u8>> {
    let sealed = Sealed::parse(file).ok()?;
    let identities = identities.iter().map(|one| &**one);
    let mut reader = Decryptor::new_buffered(sealed.bytes())
        .ok()?
        .decrypt(identities)
        .ok()?;
    let mut contents = Vec::new();
    reader.read_to_end(&mut contents).ok()?;
    Some(contents)
}

fn requests_and_replies(seeds: &Seeds) {
    let slot = Slot::received("cldkctl:/home/sari/.local/share/cldkctl/vault.age").unwrap();
    let held = || Held {
        salt: Salt::parse("AAAAAAAAAAAAAAAAAAAAAA").unwrap(),
        key: Key::copied_from(&[7; Key::LEN]),
        scope: Scope::User,
        idle: Duration::from_secs(900),
        ends: Duration::from_secs(28_800),
    };
    for (name, request) in [
        ("put", Request::Put(slot.clone(), held())),
        ("use", Request::Get(slot.clone(), Touch::Use)),
        ("look", Request::Get(slot.clone(), Touch::Look)),
        ("forget", Request::Forget(slot)),
    ] {
        seeds.add("agent", name, &request.to_bytes()[..]);
    }
    for (name, reply) in [
        ("nothing", Reply::Nothing),
        ("held", Reply::Held(held())),
        ("forgotten", Reply::Forgotten),
    ] {
        seeds.add("agent", name, &reply.to_bytes()[..]);
    }
}

/// The settings that it shows are all there are.
fn from_the_guide(seeds: &Seeds) {
    let page = fs::read_to_string(Path::new(REPOSITORY).join("docs/settings.md")).unwrap();
    let settings = page.split("```toml\n").nth(1).unwrap();
    let settings = settings.split("```").next().unwrap();
    seeds.add("config", "guide", settings);
    for (number, line) in settings.lines().enumerate() {
        seeds.add("config", &format!("guide-line-{number}"), line);
    }
}

fn by_hand(seeds: &Seeds) {
    seeds.add_all(
        "identity",
        &[
            "# public key: age1\nAGE-SECRET-KEY-1G9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9QSC006VW\n",
            "AGE-PLUGIN-CLDKTEST-1QQQQ\n",
            "-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n",
            "age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 18\n",
        ],
    );
    seeds.add_all(
        "recipient",
        &[
            "age1h35tyf6zzhtal8wxhj8w5puh9mp6efaghwp00dqst3q5x56w53cquqs0wg",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8ZRsDRTOe0bwAY1fB4pTkDw4bnEoYDTEYKbvYqRbc9 sari@laptop",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ== sari",
            "ecdsa-sha2-nistp256 AAAA",
            "age1cldktest1qqqq",
            "age1tag1qqqq",
            "AGE-SECRET-KEY-1QQQQ",
        ],
    );
    seeds.add_all(
        "base_url",
        &[
            "https://ai.cloudeka.id\n/core/user/profile",
            "https://gateway.example:8443/cloudeka/\n/a?b=c",
            "http://127.0.0.1:8080\n/../x",
            "http://[::1]:1/\n/%2e%2e",
            "https://user:password@host\n//evil",
            "https://xn--bcher-kva.example/a%20b\n/\u{e9}",
        ],
    );
    seeds.add_all(
        "words",
        &[
            "work",
            "1h30m",
            "PT15M",
            "256MiB",
            "AAAAAAAAAAAAAAAAAAAAAA",
            "cldkctl_0123456789",
            "get",
            "a\u{1b}[31mred\u{202e}",
        ],
    );
    seeds.add_all(
        "passphrase",
        &[
            "correct horse battery staple",
            "caf\u{e9} cafe\u{301}\r\n",
            "P4ssw0rd!2019",
            "qwertyuiop[]asdfghjkl",
            "abcabcabcabc 1991-01-02",
        ],
    );
    seeds.add_all(
        "jwt",
        &[
            "a.e30.c",
            "1767225600\n{\"sub\":\"x\",\"exp\":1767229200}",
            "1767225600\n{\"exp\":1.5e300}",
            "-1\n{\"exp\":\"1\"}",
        ],
    );
    let answer = |status: &str, headers: &str, body: &str| format!("{status}\n{headers}\n{body}");
    let json = "application/json\n\n\n";
    for (number, answer) in [
        answer(
            "200",
            json,
            r#"{"status":"ok","data":{"name":"Ann","token":"a.e30.c","organization_id":7}}"#,
        ),
        answer(
            "400",
            json,
            r#"{"message":"invalid token cldkctl_0123456789ABCDEFabcdefghijkl"}"#,
        ),
        answer(
            "401",
            json,
            r#"{"error":{"code":"E1","message":"no"},"data":{"message":"deep"}}"#,
        ),
        answer(
            "503",
            "text/html\n\n120\nSun, 06 Nov 1994 08:49:37 GMT",
            "<html>Bad Gateway</html>",
        ),
        answer(
            "302",
            "\nhttps://x.cldkctl_0123456789ABCDEFabcdefghijkl.example/\n\n",
            "",
        ),
        answer("429", "\n\nSunday, 06-Nov-94 08:49:37 GMT\n", "slow down"),
        answer("100", "\n\n\n", "\u{feff}"),
    ]
    .iter()
    .enumerate()
    {
        seeds.add("answer", &format!("by-hand-{number}"), answer);
    }
}
