//! Contents of few bytes and many values, by somebody who has a public key of the vault's: in
//! memory each value takes a hundred times what it takes in the file.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::keys::Key;
use crate::support::world::set_mode;
use crate::support::{World, output_of};

/// Values in [`vault`] beside what its unknown field lists: the object around all, its seven
/// fields, the recipient and what names it.
const OTHERS: usize = 10;
const MOST: usize = 500_000;

/// A vault of this key with so many values, an even number: its unknown field lists objects with
/// a number in each.
fn vault(world: &World, key: &Key, values: usize) -> PathBuf {
    let pairs = vec![r#"{"":0}"#; (values - OTHERS) / 2].join(",");
    let recipient = &key.recipient;
    let contents = format!(
        r#"{{"format":"cldkctl-vault","version":1,"id":"000102030405060708090a0b0c0d0e0f",
            "revision":1,"contexts":[],"recipients":[{{"recipient":"{recipient}"}}],
            "unknown":[{pairs}]}}"#
    );
    let recipient: age::x25519::Recipient = recipient.parse().unwrap();
    let path = world.home().join("made.age");
    fs::write(
        &path,
        age::encrypt(&recipient, contents.as_bytes()).unwrap(),
    )
    .unwrap();
    set_mode(&path, 0o600);
    path
}

#[test]
fn as_many_as_are_allowed_are_read_in_bounds_and_one_more_is_not_saved() {
    let world = World::new();
    let key = Key::age(&world, "key");
    let path = vault(&world, &key, MOST);
    let run = |args: &[&str]| {
        let run = world.cldkctl(args).arg("--identity").arg(&key.identity);
        // With what the program itself takes of addresses, and 64 MiB for each thread's heap.
        run.arg("--vault")
            .arg(&path)
            .under(["prlimit", "--as=700000000"])
            .run()
    };
    run(&["vault", "verify"]).succeeded();
    let before = fs::read(&path).unwrap();
    let another = Key::age(&world, "another").recipient;
    let output = run(&["vault", "recipients", "add", &another]).expect_code(1);
    let said = "grown beyond 500,000 values";
    assert!(output.stderr.contains(said), "{output}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn more_are_refused_by_every_reader() {
    let world = World::new();
    let key = Key::age(&world, "key");
    let path = vault(&world, &key, MOST + 2);
    let copy = fs::read(&path).unwrap();
    for args in [
        &["vault", "info"][..],
        &["vault", "verify"],
        &["auth", "token"],
        &["vault", "backup", "copy.age"],
    ] {
        let run = world.cldkctl(args).arg("--identity").arg(&key.identity);
        let output = run.arg("--vault").arg(&path).run().expect_code(6);
        assert!(
            output.stderr.contains("more than 500,000 values"),
            "{output}"
        );
    }
    let output = world.cldkctl(["vault", "restore"]).arg(&path);
    let output = output.arg("--identity").arg(&key.identity).run();
    output.expect_code(6);
    assert!(!world.vault_path().exists());
    assert_eq!(fs::read(&path).unwrap(), copy);

    if Command::new("age").arg("--version").output().is_err() {
        crate::support::skip("the independent reader needs age");
        return;
    }
    let mut reader = Command::new("python3");
    reader
        .arg(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/interop/read_vault.py"
        ))
        .arg("--identity")
        .arg(&key.identity)
        .arg(&path);
    let output = output_of(&mut reader);
    assert_eq!(output.status.code(), Some(6), "{output:?}");
}
