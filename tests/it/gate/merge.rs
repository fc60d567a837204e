//! Credentials go with the vault: into a backup, and with `restore --merge` into another vault,
//! where nothing is replaced.

use std::fs;

use serde_json::Value;

use crate::support::steps::{contents_of, unlocked};
use crate::support::{PASSPHRASE, World};

#[track_caller]
fn add(world: &World, place: &str, username: &str, secret: &str) {
    world
        .cldkctl(["credential", "add", "docker", place, "--username", username])
        .args(["--secret-stdin", "--force"])
        .stdin(secret)
        .run()
        .succeeded();
}

fn secrets(world: &World) -> Vec<(String, String, String)> {
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let credentials = contents["credentials"].as_array().cloned();
    let text = |it: &Value, name: &str| it[name].as_str().unwrap_or_default().to_owned();
    credentials
        .unwrap_or_default()
        .iter()
        .map(|it| (text(it, "where"), text(it, "username"), text(it, "secret")))
        .collect()
}

#[test]
fn credentials_of_a_backup_are_added_and_none_is_replaced() {
    let (_cloudeka, world) = unlocked(&[]);
    for place in ["same.example", "differs.example", "gone.example"] {
        add(&world, place, "sari", "one");
    }
    world
        .cldkctl(["vault", "backup", "copy.age"])
        .run()
        .succeeded();
    add(&world, "differs.example", "sari", "two");
    add(&world, "new.example", "sari", "one");
    let remove = ["credential", "remove", "docker", "gone.example"];
    world.cldkctl(remove).run().succeeded();

    let merge = ["vault", "restore", "--merge", "copy.age"];
    let output = world.cldkctl(merge).run().succeeded();
    for line in [
        "Credentials added: docker gone.example (sari)\n",
        "left alone: docker same.example (sari), docker differs.example (sari)\n",
        "warning: the backup has other secrets for these credentials, which were not added: \
         docker differs.example (sari);",
    ] {
        assert!(output.stderr.contains(line), "{line}\n{output}");
    }
    let mut found = secrets(&world);
    found.sort();
    let expected = [
        ("differs.example", "two"),
        ("gone.example", "one"),
        ("new.example", "one"),
        ("same.example", "one"),
    ];
    let expected = expected.map(|(place, secret)| (place.into(), "sari".into(), secret.into()));
    assert_eq!(found, expected);

    fs::remove_file(world.vault_path()).expect("removed");
    let output = world
        .cldkctl(["vault", "restore", "copy.age"])
        .run()
        .succeeded();
    assert!(
        output.stderr.contains("1 context, 3 credentials\n"),
        "{output}"
    );
}

#[test]
fn a_login_and_a_new_passphrase_leave_credentials_alone() {
    let (_cloudeka, world) = unlocked(&[]);
    add(&world, "registry.example", "sari", "one");
    let before = secrets(&world);
    world.cldkctl(["lock"]).run().succeeded();
    crate::support::steps::log_in(&world, crate::support::TOKEN, &["--context", "work"]);
    assert_eq!(secrets(&world), before);
    let file = world.write("new", PASSPHRASE);
    world
        .cldkctl([
            "vault",
            "passphrase",
            "--passphrase-stdin",
            "--new-passphrase-file",
        ])
        .arg(file)
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    assert_eq!(secrets(&world), before);
}
