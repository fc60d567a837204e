//! `cldkctl credential`: credentials of other services go into the vault, are listed without
//! their secrets, and come out on request.

use serde_json::{Value, json};

use crate::support::steps::{contents_of, unlocked};
use crate::support::world::Output;
use crate::support::{PASSPHRASE, World};

const SECRET: &str = "otter-lantern-77-plum";

#[track_caller]
fn add(world: &World, words: &[&str], secret: impl Into<Vec<u8>>) -> Output {
    let args = [&["credential", "add"], words, &["--secret-stdin"]].concat();
    world.cldkctl(args).stdin(secret).run()
}

fn stored(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)["credentials"].clone()
}

#[test]
fn a_secret_that_is_typed_is_hidden_sealed_and_printed_on_request_alone() {
    let (_cloudeka, world) = unlocked(&[]);
    let mut terminal = world
        .cldkctl([
            "credential",
            "add",
            "docker",
            "HTTPS://Registry.Example:443/v2/",
        ])
        .args(["--username", "sari"])
        .on_pty();
    terminal.expect("Secret:");
    terminal.send_secret(SECRET);
    terminal.expect("Stored docker registry.example (sari)");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    world.assert_no_secret(&[SECRET]);

    for args in [
        &["credential", "list"][..],
        &["credential", "list", "docker", "-o", "json"],
        &["credential", "show", "docker", "registry.example"],
        &[
            "credential",
            "show",
            "docker",
            "registry.example",
            "-o",
            "yaml",
        ],
        &["vault", "info"],
        &["vault", "verify"],
        &["auth", "status"],
    ] {
        let output = world.cldkctl(args).run().succeeded();
        output.assert_no_secret(&[SECRET]);
    }
    let list = world.cldkctl(["credential", "list"]).run().succeeded();
    assert_eq!(list.stdout, "docker  registry.example  sari\n");
    let list = world.cldkctl(["credential", "list", "git"]).run();
    assert_eq!(list.succeeded().stdout.trim(), "");

    let show = [
        "credential",
        "show",
        "docker",
        "registry.example:443",
        "--secret",
    ];
    let output = world.cldkctl(show).run().succeeded();
    assert_eq!(output.stdout, format!("{SECRET}\n"));
    let info = world.cldkctl(["vault", "info", "-o", "json"]).run();
    let info: Value = serde_json::from_str(&info.succeeded().stdout).expect("JSON");
    let found = &info["opened"]["credentials"];
    assert_eq!(found[0]["where"], "registry.example");
    let verify = world.cldkctl(["vault", "verify", "-o", "json"]).run();
    let verify: Value = serde_json::from_str(&verify.succeeded().stdout).expect("JSON");
    assert_eq!(&verify["credentials"], found);

    let remove = ["credential", "remove", "docker", "registry.example"];
    let output = world.cldkctl(remove).run().succeeded();
    assert_eq!(output.stderr, "Removed docker registry.example (sari)\n");
    assert_eq!(stored(&world), Value::Null);
    world.cldkctl(remove).run().expect_code(1);
}

#[test]
fn a_different_secret_is_replaced_only_when_that_is_asked_for() {
    let (_cloudeka, world) = unlocked(&[]);
    let place = ["git", "git.example", "--username", "sari"];
    add(&world, &place, SECRET).succeeded();
    add(&world, &place, format!("{SECRET}\r\n")).succeeded();
    let output = add(&world, &place, "another").expect_code(1);
    assert!(output.stderr.contains("--force"), "{output}");
    let secret = |world: &World| stored(world)[0]["secret"].clone();
    assert_eq!(secret(&world), SECRET);
    add(&world, &[&place[..], &["--force"]].concat(), "another").succeeded();
    assert_eq!(secret(&world), "another");

    // Another user's stands beside it, and then has to be named.
    add(&world, &["git", "git.example", "--username", "ben"], "bens").succeeded();
    let show = ["credential", "show", "git", "git.example"];
    let output = world.cldkctl(show).run().expect_code(2);
    assert!(output.stderr.contains("--username"), "{output}");
    let output = world
        .cldkctl(show)
        .args(["--username", "ben", "--secret"])
        .run();
    assert_eq!(output.succeeded().stdout, "bens\n");
}

#[test]
fn secrets_are_kept_to_the_byte_and_others_refused() {
    let (_cloudeka, world) = unlocked(&[]);
    let docker = [
        "docker",
        "registry.example",
        "--username",
        "sari",
        "--force",
    ];
    let largest = "\u{e4}".repeat(1 << 19);
    for secret in [
        "two\nlines\r\n\0 \u{1b}[2J \u{202e}\u{1f511}",
        "",
        " blanks ",
        &largest,
    ] {
        add(&world, &docker, format!("{secret}\n")).succeeded();
        assert_eq!(stored(&world)[0]["secret"], secret);
        let show = [
            "credential",
            "show",
            "docker",
            "registry.example",
            "--secret",
        ];
        let output = world.cldkctl(show).run().succeeded();
        assert_eq!(output.stdout_bytes, format!("{secret}\n").into_bytes());
    }
    let before = stored(&world);
    let (git, aws) = (["git", "git.example"], ["aws", "https://s3.example"]);
    for (place, secret, code) in [
        (&docker[..], format!("{largest}a").into_bytes(), 2),
        (&docker, vec![b'a'; 3 << 20], 2),
        (&docker, b"not \xff text".to_vec(), 2),
        (&docker[..2], b"no user name".to_vec(), 2),
        (&aws, b"no user name".to_vec(), 2),
        (&git, b"two\nlines".to_vec(), 2),
        (&git, b"zero\0byte".to_vec(), 2),
        (&["kind", "git.example"], b"x".to_vec(), 2),
        (
            &["docker", "user@host", "--username", "s"],
            b"x".to_vec(),
            2,
        ),
        (
            &["git", "git.example?a", "--username", "s"],
            b"x".to_vec(),
            2,
        ),
        (
            &["git", "git.example", "--expires", "2020-01-01"],
            b"x".to_vec(),
            2,
        ),
        (
            &["git", "git.example", "--username", "a\u{7}b"],
            b"x".to_vec(),
            2,
        ),
    ] {
        let output = add(&world, place, secret).expect_code(code);
        assert!(output.stderr.contains("hint: "), "{output}");
    }
    assert_eq!(stored(&world), before);
}

#[test]
fn an_end_and_a_session_token_are_stored_with_a_credential() {
    let (_cloudeka, world) = unlocked(&[]);
    let aws = [
        "aws",
        "s3.example",
        "--username",
        "AKIA1",
        "--session-token",
    ];
    let aws = [&aws[..], &["--expires", "2999-01-31"]].concat();
    add(&world, &aws, "secret\nsession\n").succeeded();
    let mut found = stored(&world)[0].clone();
    found.as_object_mut().expect("one").remove("stored_at");
    assert_eq!(
        found,
        json!({"kind": "aws", "where": "https://s3.example", "username": "AKIA1", "secret": "secret",
            "second_secret": "session", "expires_at": "2999-01-31T00:00:00Z"})
    );
    add(&world, &aws, "secret alone").expect_code(2);
    let list = world.cldkctl(["credential", "list"]).run().succeeded();
    assert_eq!(
        list.stdout,
        "aws  https://s3.example  AKIA1  until 2999-01-31 00:00 UTC\n"
    );
}

#[test]
fn without_a_terminal_a_secret_is_not_asked_for() {
    let (_cloudeka, world) = unlocked(&[]);
    let add = [
        "credential",
        "add",
        "git",
        "git.example",
        "--username",
        "sari",
    ];
    let output = world.cldkctl(add).run().expect_code(2);
    assert!(output.stderr.contains("--secret-stdin"), "{output}");
    assert_eq!(stored(&world), Value::Null);
}
