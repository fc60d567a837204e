//! Every vault in `tests/vectors/` is read as `vectors.json` says.

use std::path::{Path, PathBuf};

use crate::support::World;
use age::Identity;
use cldkctl::prompt::{Asker, identity};
use cldkctl::secret::Passphrase;
use cldkctl::vault::{Ceiling, Contents, PassphraseIdentity, SealError, Sealed};
use serde::Deserialize;
use serde_json::Value;

/// One attempt to open one vault.
#[derive(Deserialize)]
struct Vector {
    file: String,
    passphrase: Option<String>,
    identity: Option<String>,
    exit: i32,
    why: String,
    contents: Option<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors")
}

fn read(name: &str) -> Vec<u8> {
    std::fs::read(folder().join(name)).unwrap()
}

fn vectors() -> Vec<Vector> {
    let vectors: Vec<Vector> = serde_json::from_slice(&read("vectors.json")).unwrap();
    assert!(
        vectors.len() > 200,
        "the manifest has lost its entries: {}",
        vectors.len()
    );
    vectors
}

fn open(vector: &Vector) -> Result<Contents, SealError> {
    let sealed = Sealed::parse(&read(&vector.file))?;
    if let Some(name) = &vector.identity {
        let text = String::from_utf8(read(name)).unwrap();
        let identities = identity::parse(&text, name, &Asker::new(false)).unwrap();
        return sealed.open(identities.iter().map(|one| &**one as &dyn Identity));
    }
    let passphrase = Passphrase::new(vector.passphrase.as_deref().unwrap());
    let kdf = sealed.kdf(Ceiling::DEFAULT)?.ok_or(SealError::NoMatch)?;
    let key = kdf.derive(&passphrase).unwrap();
    let identity = PassphraseIdentity::new(kdf.clone(), &key);
    sealed.open(std::iter::once(&identity as &dyn Identity))
}

#[test]
fn the_library_reads_every_vector_as_the_manifest_says() {
    let mut wrong = Vec::new();
    for vector in vectors() {
        let outcome = open(&vector);
        let exit = match &outcome {
            Ok(_) => 0,
            Err(SealError::NoMatch) => 5,
            Err(_) => 6,
        };
        if exit != vector.exit {
            let got = outcome.map(|_| "opened").map_err(|error| error.to_string());
            wrong.push(format!(
                "{}: {got:?} instead of {}: {}",
                vector.file, vector.exit, vector.why
            ));
        } else if let (Ok(contents), Some(expected)) = (outcome, vector.contents) {
            let expected: Value = serde_json::from_slice(&read(&expected)).unwrap();
            let contents = serde_json::to_value(contents).unwrap();
            if contents != expected {
                wrong.push(format!("{}: other contents: {}", vector.file, vector.why));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_binary_ends_with_the_exit_code_of_every_vector() {
    let world = World::new();
    let mut wrong = Vec::new();
    for vector in vectors() {
        let vault = world.write("vault.age", read(&vector.file));
        let command = world.cldkctl(["vault", "info", "--vault"]).arg(vault);
        let output = match (&vector.identity, &vector.passphrase) {
            (Some(name), _) => {
                let key = world.write("key", read(name));
                crate::support::world::set_mode(&key, 0o600);
                command.arg("--identity").arg(key).run()
            }
            (None, Some(passphrase)) => command
                .arg("--passphrase-stdin")
                .stdin(passphrase.as_bytes())
                .run(),
            (None, None) => unreachable!("a vector has one or the other"),
        };
        if output.code != vector.exit {
            wrong.push(format!(
                "{}: exit {} instead of {} ({}): {}",
                vector.file, output.code, vector.exit, vector.why, output.stderr
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
