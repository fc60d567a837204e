//! `vault verify`: what it says of a sound vault, and that it calls no other one sound.
//! Every byte altered, every truncation and every absurd header is in `vault/altered.rs`.

use std::fs;

use crate::support::steps::{contents_of, log_in, logged_in};
use crate::support::world::Output;
use crate::support::{PASSPHRASE, TOKEN, World};
use serde_json::{Value, json};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/");

#[track_caller]
fn verify(world: &World, passphrase: &str, args: &[&str]) -> Output {
    world
        .cldkctl(["vault", "verify", "--passphrase-stdin"])
        .args(args)
        .stdin(passphrase)
        .run()
}

#[test]
fn a_sound_vault_is_said_to_be_and_what_is_in_it() {
    let (_cloudeka, world) = logged_in();
    log_in(&world, TOKEN, &["--context", "staging"]);
    let before = world.files();
    let mut terminal = world.cldkctl(["vault", "verify"]).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    for line in [
        format!("{} is sound\r\n", world.vault_path().display()),
        format!("{}\r\n", contents["id"].as_str().expect("an id")),
        "  1\r\n".to_owned(), // the version
        "  2\r\n".to_owned(), // the revision
        "19 MiB, 2 passes, 1 lane\r\n".to_owned(),
        "1 (passphrase)\r\n".to_owned(),
        "2 (default, staging)\r\n".to_owned(),
    ] {
        terminal.expect(&line);
    }
    assert_eq!(terminal.wait(), 0);
    assert_eq!(world.files(), before, "it only looks");
    assert!(!terminal.screen().contains(TOKEN));
}

#[test]
fn a_script_gets_all_of_it_as_json() {
    let (_cloudeka, world) = logged_in();
    let output = verify(&world, PASSPHRASE, &["-o", "json"]).succeeded();
    let found: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let shown_by = |command: &[&str]| -> Value {
        let list = world
            .cldkctl(command)
            .args(["-o", "json", "--passphrase-stdin"]);
        let output = list.stdin(PASSPHRASE).run().succeeded();
        serde_json::from_str(&output.stdout).expect("JSON")
    };
    assert_eq!(
        found,
        json!({
            "vault": world.vault_path(),
            "version": 1,
            "id": contents["id"],
            "revision": 1,
            "kdf": { "memory_kib": 19456, "iterations": 2, "lanes": 1 },
            "recipients": shown_by(&["vault", "recipients", "list"]),
            "contexts": shown_by(&["context", "list"]),
            "credentials": [],
        })
    );
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
    assert_eq!(output.stderr, "");
}

#[test]
fn every_good_vector_is_verified_and_nothing_of_it_is_changed() {
    let vectors = fs::read(format!("{VECTORS}vectors.json")).expect("the manifest");
    let vectors: Vec<Value> = serde_json::from_slice(&vectors).expect("JSON");
    let mut seen = 0;
    for vector in vectors.iter().filter(|vector| vector["exit"] == 0) {
        let world = World::new();
        let name = vector["file"].as_str().expect("a name");
        let bytes = fs::read(format!("{VECTORS}{name}")).expect("a vector");
        let vault = world.write("vault.age", &bytes);
        let run = world.cldkctl(["vault", "verify", "--vault"]).arg(&vault);
        let run = match (&vector["identity"], &vector["passphrase"]) {
            (Value::String(key), _) => {
                let key = fs::read(format!("{VECTORS}{key}")).expect("a key");
                run.arg("--identity").arg(world.write("key", key))
            }
            (_, passphrase) => run
                .arg("--passphrase-stdin")
                .stdin(passphrase.as_str().expect("text")),
        };
        let output = run.run();
        assert_eq!(output.code, 0, "{name}\n{output}");
        assert_eq!(fs::read(&vault).expect("there"), bytes);
        seen += 1;
    }
    assert!(seen > 15, "{seen}");
}

#[test]
fn a_wrong_passphrase_or_identity_is_5() {
    let (_cloudeka, world) = logged_in();
    let output = verify(&world, "another passphrase", &[]).expect_code(5);
    assert_eq!(output.stdout, "", "{output}");
    assert!(output.stderr.contains("does not open"), "{output}");
    assert!(output.stderr.contains("hint: "), "{output}");
    let key = fs::read(format!("{VECTORS}stranger.key")).expect("a key");
    let key = world.write("key", key);
    let run = world.cldkctl(["vault", "verify", "--identity"]).arg(key);
    run.run().expect_code(5);
}

#[test]
fn a_damaged_vault_is_6_and_no_vault_3_and_nobody_to_ask_4() {
    let (_cloudeka, world) = logged_in();
    world.cldkctl(["vault", "verify"]).run().expect_code(4);
    let mut vault = fs::read(world.vault_path()).expect("a vault");
    let middle = vault.len() - 20;
    vault[middle] ^= 4;
    fs::write(world.vault_path(), &vault).expect("written");
    let output = verify(&world, PASSPHRASE, &[]).expect_code(6);
    assert_eq!(output.stdout, "", "{output}");
    assert!(output.stderr.contains("damaged or was altered"), "{output}");
    assert!(
        output.stderr.contains("put a backup in its place"),
        "{output}"
    );

    World::new()
        .cldkctl(["vault", "verify"])
        .run()
        .expect_code(3);
}

#[test]
fn a_copy_elsewhere_is_verified_by_its_path() {
    let (_cloudeka, world) = logged_in();
    let copy = world.write("copy.age", fs::read(world.vault_path()).expect("a vault"));
    let copy = copy.to_str().expect("text");
    let output = verify(&world, PASSPHRASE, &["--vault", copy]).succeeded();
    assert!(output.stdout.contains(copy), "{output}");
}

#[test]
fn an_unlocked_vault_is_verified_without_asking_and_read_anew_each_time() {
    let (_cloudeka, world) = logged_in();
    world
        .cldkctl(["unlock", "--passphrase-stdin", "--scope", "user"])
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    world.cldkctl(["vault", "verify"]).run().succeeded();
    let mut vault = fs::read(world.vault_path()).expect("a vault");
    *vault.last_mut().expect("bytes") ^= 1;
    fs::write(world.vault_path(), vault).expect("written");
    world.cldkctl(["vault", "verify"]).run().expect_code(6);
}
