//! What holds of every failed login, so that each story of one is a few lines.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::steps::{PASSPHRASE, TOKEN, cloudeka_and_world, logged_in};
use super::world::{Cldkctl, Output};
use super::{Standin, World};

/// A world without a vault, and one with.
pub fn worlds() -> [(Standin, World); 2] {
    [cloudeka_and_world(), logged_in()]
}

pub type Files = BTreeMap<PathBuf, Vec<u8>>;

/// `auth` with the token on stdin and the passphrase as a systemd credential.
pub fn auth<'world>(world: &'world World) -> (Cldkctl<'world>, Files) {
    world.write("cldkctl.passphrase", PASSPHRASE);
    let run = world
        .cldkctl(["auth", "--token-stdin"])
        .env("CREDENTIALS_DIRECTORY", world.home())
        .stdin(TOKEN);
    (run, world.files())
}

/// What holds of every failed login.
#[track_caller]
pub fn assert_failed(world: &World, before: &Files, output: Output, code: i32, says: &[&str]) {
    let output = output.expect_code(code);
    assert_eq!(
        output.stdout, "",
        "nothing for a script to take for data\n{output}"
    );
    let mut lines = output.stderr.lines();
    assert!(lines.any(|line| line.starts_with("error: ")), "{output}");
    assert!(lines.any(|line| line.starts_with("hint: ")), "{output}");
    for text in says {
        assert!(
            output.stderr.contains(text),
            "says nothing of {text:?}\n{output}"
        );
    }
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
    assert!(
        !output.stderr.contains("panicked") && !output.stderr.contains("a bug in"),
        "{output}"
    );
    let after = world.files();
    let (before, after): (Vec<_>, Vec<_>) = (before.keys().collect(), after.keys().collect());
    assert_eq!(after, before, "{output}");
}

#[track_caller]
pub fn assert_unchanged(world: &World, before: &Files) {
    assert_eq!(&world.files(), before);
    if !before.contains_key(&world.vault_path()) {
        assert!(!world.data().join("cldkctl").exists(), "not even a folder");
    }
}
