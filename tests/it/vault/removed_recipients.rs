//! `vault recipients remove`: what a removed key opens, and what is not removed.

use std::fs;

use super::recipients::{add, passphrase, remove};
use crate::support::keys::Key;
use crate::support::steps::{are_installed, contents_of, logged_in};
use crate::support::{PASSPHRASE, World};

#[test]
fn a_removed_key_opens_no_later_save_and_the_passphrase_gets_a_new_key() {
    if !are_installed(&["age"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let [lost, kept] = ["lost.key", "kept.key"].map(|name| Key::age(&world, name));
    add(&world, &lost.recipient, &["--label", "lost"]).succeeded();
    add(&world, &kept.recipient, &["--label", "kept"]).succeeded();
    let copy = world.home().join("copy.age");
    fs::copy(world.vault_path(), &copy).unwrap();
    let before = contents_of(&world.vault_path(), PASSPHRASE);

    let output = remove(&world, "lost").succeeded();
    for text in ["lost", "copies", "delete the tokens"] {
        assert!(output.stderr.contains(text), "{text:?}: {output}");
    }
    assert!(!output.stderr.contains("identity opened"), "{output}");

    let refused = lost.cldkctl(&world, &["auth", "token"]).expect_code(5);
    assert_eq!(refused.stdout, "");
    assert!(lost.age_decrypt(&world.vault_path()).is_err());
    kept.age_decrypt(&world.vault_path()).unwrap();
    // What was said: a copy made before opens with it.
    lost.age_decrypt(&copy).unwrap();

    let after = contents_of(&world.vault_path(), PASSPHRASE);
    let [old, new] = [&before, &after].map(|contents| &contents["recipients"][0]);
    assert_ne!(old["recipient"], new["recipient"]);
    assert_ne!(old["argon2id"]["salt"], new["argon2id"]["salt"]);
    assert_eq!(old["argon2id"]["memory_kib"], new["argon2id"]["memory_kib"]);
    assert_eq!(after["id"], before["id"]);
    assert_eq!(after["revision"], before["revision"].as_u64().unwrap() + 1);
}

#[test]
fn removing_asks_for_the_passphrase_even_where_the_vault_is_unlocked() {
    let (_cloudeka, world) = logged_in();
    let key = Key::age(&world, "machine.key");
    add(&world, &key.recipient, &["--label", "machine"]).succeeded();
    let passphrase = passphrase(&world);
    // One terminal, and so one session of the keeper, for all of it.
    let script = format!(
        "set -e; cldkctl() {{ \"$0\" \"$@\"; }}; \
         cldkctl unlock --passphrase-file {passphrase:?}; \
         cldkctl auth token --no-input >/dev/null && echo was unlocked; \
         cldkctl vault recipients remove machine; \
         cldkctl auth token --no-input >/dev/null && echo still unlocked"
    );
    let shell = World::with_binary("/bin/sh");
    let mut terminal = shell
        .cldkctl(["-c", &script, env!("CARGO_BIN_EXE_cldkctl")])
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .env("XDG_CONFIG_HOME", world.config())
        .env("XDG_RUNTIME_DIR", world.runtime())
        .on_pty();
    terminal.expect("was unlocked");
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("Removed machine");
    terminal.expect("still unlocked");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
}

#[test]
fn removing_under_an_identity_says_that_the_passphrase_keeps_its_key() {
    let (_cloudeka, world) = logged_in();
    let [lost, kept] = ["lost.key", "kept.key"].map(|name| Key::age(&world, name));
    add(&world, &lost.recipient, &["--label", "lost"]).succeeded();
    add(&world, &kept.recipient, &["--label", "kept"]).succeeded();
    let before = contents_of(&world.vault_path(), PASSPHRASE);
    let args = ["vault", "recipients", "remove", &lost.recipient];
    let output = kept.cldkctl(&world, &args).succeeded();
    for text in ["copies", "identity opened", "`cldkctl vault passphrase`"] {
        assert!(output.stderr.contains(text), "{text:?}: {output}");
    }
    lost.cldkctl(&world, &["auth", "token"]).expect_code(5);
    let after = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(after["recipients"][0], before["recipients"][0]);
}

#[test]
fn the_last_key_and_the_passphrase_are_not_removed() {
    let (_cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).unwrap();
    let output = remove(&world, "passphrase").expect_code(1);
    assert!(
        output.stderr.contains("this is the last recipient"),
        "{output}"
    );
    let output = remove(&world, "nobody").expect_code(2);
    assert!(output.stderr.contains("recipients list"), "{output}");
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);

    let key = Key::age(&world, "machine.key");
    add(&world, &key.recipient, &[]).succeeded();
    let output = remove(&world, "passphrase").expect_code(2);
    assert!(output.stderr.contains("passphrase --remove"), "{output}");
    key.cldkctl(&world, &["auth", "token"]).succeeded();
}
