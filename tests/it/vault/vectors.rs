//! Every vault in `tests/vectors/` is read as `vectors.json` says.

use std::path::{Path, PathBuf};

use crate::support::World;
use crate::support::world::Output;
use age::Identity;
use cldkctl::prompt::{Asker, identity};
use cldkctl::secret::Passphrase;
use cldkctl::vault::{Ceiling, Class, Contents, PassphraseIdentity, SealError, Sealed};
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

/// What `vault-format.md`, section 2, says of a vault that does not open.
#[derive(Deserialize)]
struct Classed {
    file: String,
    passphrase: Option<String>,
    identity: Option<String>,
    class: String,
}

/// Each vector, and what it is if it does not open.
fn classed() -> Vec<(Vector, Option<Class>)> {
    let classes: Vec<Classed> = serde_json::from_slice(&read("classes.json")).unwrap();
    let mut classes = classes.into_iter();
    let mut class = |vector: &Vector| {
        let classed = classes.next().expect("a class for each that does not open");
        assert_eq!(
            (&classed.file, &classed.passphrase, &classed.identity),
            (&vector.file, &vector.passphrase, &vector.identity),
            "classes.json is in the order of vectors.json"
        );
        match &*classed.class {
            "wrong key" => Class::WrongKey,
            "damaged" => Class::Damaged,
            "newer" => Class::Newer,
            "foreign" => Class::Foreign,
            other => panic!("{other} is not a class"),
        }
    };
    let classed = vectors().into_iter().map(|vector| {
        let class = (vector.exit != 0).then(|| class(&vector));
        (vector, class)
    });
    let classed = classed.collect();
    assert!(classes.next().is_none(), "classes of other vectors");
    classed
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
    for (vector, class) in classed() {
        let outcome = open(&vector);
        let exit = match &outcome {
            Ok(_) => 0,
            Err(SealError::NoMatch) => 5,
            Err(_) => 6,
        };
        let found = outcome.as_ref().err().and_then(SealError::class);
        if exit != vector.exit || found != class {
            let got = outcome.map(|_| "opened").map_err(|error| error.to_string());
            wrong.push(format!(
                "{}: {got:?} instead of {}, {class:?}: {}",
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

/// Runs the binary on a vector.
fn run(world: &World, command: &[&str], vector: &Vector) -> Output {
    let vault = world.write("vault.age", read(&vector.file));
    let command = world.cldkctl(command).arg("--vault").arg(vault);
    match (&vector.identity, &vector.passphrase) {
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
    }
}

#[test]
fn the_binary_ends_with_the_exit_code_of_every_vector() {
    let world = World::new();
    let mut wrong = Vec::new();
    for vector in vectors() {
        let output = run(&world, &["vault", "info"], &vector);
        if output.code != vector.exit {
            wrong.push(format!(
                "{}: exit {} instead of {} ({}): {}",
                vector.file, output.code, vector.exit, vector.why, output.stderr
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn verify_and_auth_token_read_a_header_that_differs_from_the_contents_alike() {
    let world = World::new();
    let mut unsavable = 0;
    for vector in vectors() {
        if !vector.file.starts_with("kdf-") && !vector.file.starts_with("good-argon2id") {
            continue;
        }
        let verified = run(&world, &["vault", "verify"], &vector);
        let token = run(&world, &["auth", "token"], &vector);
        let codes = (verified.code, token.code);
        assert_eq!(
            codes,
            (vector.exit, vector.exit),
            "{} {}\n{verified}",
            vector.file,
            vector.why
        );
        // All that opens of these is read, and not saved.
        if vector.exit == 0 {
            assert!(
                verified.stdout.contains("can be read, and not saved"),
                "{verified}"
            );
            assert!(
                verified.stderr.starts_with("warning: the vault "),
                "{verified}"
            );
            unsavable += 1;
        }
    }
    assert!(unsavable > 10, "{unsavable}");
}
