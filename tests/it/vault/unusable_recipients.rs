//! Recipients that cannot be used, or that would open the vault to everybody.

use std::fs;
use std::path::PathBuf;

use crate::support::keys::Key;
use crate::support::steps::{cloudeka_and_world, logged_in};
use crate::support::world::Output;
use crate::support::{TOKEN, World};

/// Refused in each place where a recipient can be named: as an argument, in a file behind `other`,
/// and at the login that would make the vault that is returned.
#[track_caller]
fn each_way(world: &World, recipient: &str, other: &str) -> ([Output; 3], PathBuf) {
    let file = world.write("team.txt", format!("{other}\n{recipient}\n"));
    let new = world.home().join("new.age");
    let add = ["vault", "recipients", "add"];
    let in_file = world.cldkctl(add).arg("--recipients-file").arg(file);
    let login = world
        .cldkctl(["auth", "--token-stdin", "--vault"])
        .arg(&new);
    let login = login.args(["--recipient", recipient]);
    let runs = [world.cldkctl(add).arg(recipient), in_file, login];
    (runs.map(|run| run.stdin(TOKEN).run().expect_code(2)), new)
}

#[test]
fn a_recipient_that_cannot_be_used_is_named_and_a_secret_key_is_not() {
    let (_cloudeka, world) = logged_in();
    let key = Key::age(&world, "machine.key");
    let secret = fs::read_to_string(&key.identity).unwrap();
    let cut = &key.recipient[..40];
    let zero = WORTHLESS[0];
    for (recipient, shown) in [
        (cut, true),
        (&cut.to_uppercase(), true),
        ("age1pq1qqqq", true),
        (zero, true),
        ("age1yubikey1qqqq", true),
        (&secret, false),
        (&secret.to_lowercase(), false),
        (&format!("age1 {secret}"), false),
        (&format!("age1{secret}"), false),
        (&format!("age1{TOKEN}"), false),
    ] {
        let (outputs, _) = each_way(&world, recipient, &key.recipient);
        for output in outputs {
            let is_shown = output.stderr.contains(recipient);
            assert_eq!(is_shown, shown, "{recipient}: {output}");
            output.assert_no_secret(&[secret.trim_end_matches('\n'), TOKEN]);
        }
    }
}

#[test]
fn what_cannot_be_sealed_to_is_refused_before_anything_is_asked() {
    let (_cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).unwrap();
    let identity = fs::read_to_string(Key::age(&world, "machine.key").identity).unwrap();
    let [plugin, _] = [true, false].map(|pin| Key::plugin(&world, "token.key", pin).recipient);
    for (recipient, code, says) in [
        ("age1oops", 2, "neither"),
        ("~/.ssh/id_ed25519.pub", 2, "cat ~/.ssh/id_ed25519.pub"),
        ("ssh-dss AAAA", 2, "ssh-ed25519 and ssh-rsa work"),
        ("age1pq1qqqq", 2, "post-quantum"),
        (identity.as_str(), 2, "secret key"),
        (plugin.as_str(), 1, "age-plugin-cldktest is not on the PATH"),
    ] {
        // With no passphrase: exit 4 would say that it came to that.
        let output = world
            .cldkctl(["vault", "recipients", "add", recipient])
            .run()
            .expect_code(code);
        assert!(output.stderr.contains(says), "{says:?}: {output}");
        assert!(output.stderr.contains("hint: "), "{output}");
        output.assert_no_secret(&[&identity]);
    }
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}

/// Public keys that anybody can decrypt with, and one that nobody can.
const WORTHLESS: [&str; 6] = [
    // X25519: zero, one with its top bit set, p - 1.
    "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq5cu47z",
    "age1qyqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqzqqk67yly",
    "age1anlllllllllllllllllllllllllllllllllllllllllllllllals4n2t7m",
    // Ed25519: y of zero, of an order of 8, and of one in another spelling (p + 1).
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICbolY/CsiewRcP0ifLvmPDV36wF08YzObE4AohtU/wF",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIO7///////////////////////////////////////9/",
];

#[test]
fn a_key_that_opens_to_everybody_is_added_nowhere() {
    let (cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).unwrap();
    let requests = cloudeka.requests().len();
    let other = Key::age(&world, "machine.key").recipient;
    for recipient in WORTHLESS {
        let (outputs, new) = each_way(&world, recipient, &other);
        for output in outputs {
            assert!(output.stderr.contains("anybody could open"), "{output}");
            assert!(output.stderr.contains("hint: "), "{output}");
        }
        assert!(!new.exists());
    }
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
    assert_eq!(cloudeka.requests().len(), requests);
}

#[test]
fn a_vault_or_a_backup_that_names_a_key_that_opens_to_everybody_is_refused() {
    let (_cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).unwrap();
    let vectors = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/");
    let bad = fs::read(format!(
        "{vectors}contents-recipient-ed25519-small-order-1.age"
    ))
    .unwrap();
    let bad = world.write("bad.age", bad);
    let bad = bad.to_str().unwrap();
    for args in [
        &["vault", "verify", "--vault", bad][..],
        &["auth", "token", "--vault", bad],
        &["vault", "restore", "--force", bad],
        &["vault", "restore", "--merge", bad],
    ] {
        let output = world
            .cldkctl(args)
            .arg("--passphrase-stdin")
            .stdin("test vectors are no secret")
            .run()
            .expect_code(6);
        assert!(output.stderr.contains("protects nothing"), "{output}");
    }
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}

#[test]
fn a_recipient_that_cannot_be_used_stops_a_login_before_the_token_is_sent() {
    let (cloudeka, world) = cloudeka_and_world();
    let key = Key::age(&world, "machine.key").recipient;
    for (recipients, code) in [(&["age1oops"][..], 2), (&[&key, "--recipient", &key], 1)] {
        world
            .cldkctl(["auth", "--token-stdin", "--recipient"])
            .args(recipients)
            .stdin(TOKEN)
            .run()
            .expect_code(code)
            .assert_no_secret(&[TOKEN]);
    }
    assert!(cloudeka.requests().is_empty());
    assert!(!world.data().join("cldkctl").exists());
}
