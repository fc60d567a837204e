//! `cldkctl helper install docker`: the link, and what becomes of `config.json`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::clients::{bin, said, sh, sh_ok};
use crate::support::steps::{contents_of, unlocked};
use crate::support::world::{mode, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, World};

const SECRET: &str = "otter-lantern-77-plum";
const INSTALL: &str = "cldkctl helper install docker --registry registry.example:5000";
const UNDO: &str = "cldkctl helper install docker --undo";

fn path(world: &World) -> PathBuf {
    world.home().join(".docker/config.json")
}

#[track_caller]
fn write(world: &World, text: &str) {
    fs::create_dir_all(world.home().join(".docker")).expect("a folder");
    world.write(".docker/config.json", text);
}

fn read(world: &World) -> String {
    fs::read_to_string(path(world)).expect("settings")
}

#[test]
fn docker_finds_the_helper_and_undo_leaves_no_trace() {
    let (_cloudeka, world) = unlocked(&[]);
    let output = sh(&world, INSTALL, &[]);
    assert!(output.status.success(), "{}", said(&output));
    let link = bin(&world).join("docker-credential-cldkctl");
    assert!(
        said(&output).contains(&link.display().to_string()),
        "{}",
        said(&output)
    );
    let config: Value = serde_json::from_str(&read(&world)).expect("JSON");
    assert_eq!(
        config,
        json!({"credHelpers": {"registry.example:5000": "cldkctl"}})
    );
    assert_eq!(
        (mode(path(&world)), mode(world.home().join(".docker"))),
        (0o600, 0o700)
    );
    let store = format!(
        "echo '{{\"ServerURL\": \"registry.example:5000\", \"Username\": \"sari\", \
        \"Secret\": \"{SECRET}\"}}' | docker-credential-cldkctl store"
    );
    sh_ok(&world, &store, &[]);
    let got = sh_ok(
        &world,
        "echo registry.example:5000 | docker-credential-cldkctl get",
        &[],
    );
    assert!(got.contains(SECRET), "{got}");
    // Twice is once.
    let before = read(&world);
    sh_ok(&world, INSTALL, &[]);
    assert_eq!(read(&world), before);

    sh_ok(&world, UNDO, &[]);
    assert!(!path(&world).exists() && !link.exists());
    assert_eq!(
        fs::read_dir(world.home().join(".docker"))
            .expect("a folder")
            .count(),
        0
    );
    sh_ok(&world, UNDO, &[]);
}

#[test]
fn the_rest_of_the_file_stays_to_the_byte() {
    let (_cloudeka, world) = unlocked(&[]);
    for text in [
        "{\n\t\"auths\": {},\n\t\"psFormat\": \"{{.ID}}\\t\",\n\t\"credHelpers\": {\n\t\t\"gcr.io\": \"gcloud\"\n\t}\n}",
        "{ \"HttpHeaders\" : {\"X\": \"}\\\"\"}, \"z\": 1e2, \"a\": 1.0 }\n\n",
        "{\"credsStore\":\"pass\"}",
        "{\n    \"credHelpers\": {\"registry.example:5000\": \"pass\"},\n    \"detachKeys\": \"ctrl-e\"\n}\n",
    ] {
        for install in [
            INSTALL.to_owned(),
            format!("{INSTALL} --all --registry docker.io"),
        ] {
            write(&world, text);
            set_mode(path(&world), 0o640);
            sh_ok(&world, &install, &[]);
            let changed = read(&world);
            let value: Value = serde_json::from_str(&changed).expect("JSON");
            assert_eq!(value["credHelpers"]["registry.example:5000"], "cldkctl");
            if install != INSTALL {
                assert_eq!(value["credsStore"], "cldkctl");
                assert_eq!(
                    value["credHelpers"]["https://index.docker.io/v1/"],
                    "cldkctl"
                );
            }
            let old: Value = serde_json::from_str(text).expect("JSON");
            for (name, old) in old.as_object().expect("an object") {
                if !name.starts_with("cred") {
                    assert_eq!(&value[name], old, "{changed}");
                }
            }
            assert_eq!(mode(path(&world)), 0o640);
            sh_ok(&world, UNDO, &[]);
            assert_eq!(read(&world), text);
        }
    }
}

#[test]
fn undo_of_a_file_that_docker_wrote_again_keeps_what_docker_wrote() {
    let (_cloudeka, world) = unlocked(&[]);
    write(
        &world,
        "{\"credHelpers\": {\"registry.example:5000\": \"pass\"}}",
    );
    let output = sh(&world, INSTALL, &[]);
    assert!(
        said(&output).contains("pass for registry.example:5000"),
        "{}",
        said(&output)
    );
    write(
        &world,
        "{\"auths\": {\"new.example\": {}}, \"credHelpers\": {\"registry.example:5000\": \"cldkctl\", \"b\": \"x\"}}",
    );
    sh_ok(
        &world,
        &format!("{UNDO} --registry registry.example:5000"),
        &[],
    );
    let value: Value = serde_json::from_str(&read(&world)).expect("JSON");
    let expected = json!({"auths": {"new.example": {}}, "credHelpers": {"registry.example:5000": "pass", "b": "x"}});
    assert_eq!(value, expected);
}

/// A login as docker keeps it.
fn plain(username: &str, secret: &str) -> String {
    STANDARD.encode(format!("{username}:{secret}"))
}

#[test]
fn passwords_in_base64_move_into_the_vault_and_out_of_every_file() {
    let (_cloudeka, world) = unlocked(&[]);
    let other = plain("ben", "stays");
    let text = json!({"auths": {
        "https://index.docker.io/v1/": {"auth": plain("sari", SECRET), "email": "s@example.com"},
        "token.example": {"auth": plain("sari", "x"), "identitytoken": "an-identity-token-99"},
        "gcr.io": {"auth": other},
        "broken.example": {"auth": "%%%"},
    }, "credHelpers": {"gcr.io": "gcloud"}});
    write(&world, &text.to_string());

    // Without a terminal and unasked they stay, and that is said.
    let output = sh(&world, INSTALL, &[]);
    assert!(!said(&output).contains("warning"), "{}", said(&output));
    let output = sh(&world, "cldkctl helper install docker --all", &[]);
    assert!(
        said(&output).contains("warning: passwords lie in"),
        "{}",
        said(&output)
    );
    assert!(!said(&output).contains(SECRET));
    assert!(read(&world).contains(&plain("sari", SECRET)));

    sh_ok(&world, "cldkctl helper install docker --all --move", &[]);
    world.assert_no_secret(&[SECRET, "an-identity-token-99"]);
    for (path, bytes) in world.files() {
        let found = String::from_utf8_lossy(&bytes).contains(&plain("sari", SECRET));
        assert!(!found, "{path:?}");
    }
    let value: Value = serde_json::from_str(&read(&world)).expect("JSON");
    assert_eq!(
        value["auths"]["https://index.docker.io/v1/"],
        json!({"email": "s@example.com"})
    );
    assert_eq!(value["auths"]["gcr.io"]["auth"], other, "another helper's");
    assert_eq!(value["auths"]["broken.example"]["auth"], "%%%");
    let hub = sh_ok(
        &world,
        "echo docker.io | docker-credential-cldkctl get",
        &[],
    );
    assert!(hub.contains(SECRET), "{hub}");
    let token = sh_ok(
        &world,
        "echo token.example | docker-credential-cldkctl get",
        &[],
    );
    assert!(
        token.contains("<token>") && token.contains("an-identity-token-99"),
        "{token}"
    );
    sh_ok(&world, UNDO, &[]);
    world.assert_no_secret(&[SECRET]);
    let value: Value = serde_json::from_str(&read(&world)).expect("JSON");
    assert_eq!(value["credHelpers"], json!({"gcr.io": "gcloud"}));
}

#[test]
fn on_a_terminal_moving_is_offered_and_another_secret_is_not_replaced() {
    let (_cloudeka, world) = unlocked(&[]);
    let add = [
        "credential",
        "add",
        "docker",
        "a.example",
        "--username",
        "sari",
        "--secret-stdin",
    ];
    world.cldkctl(add).stdin("in the vault").run().succeeded();
    for (answer, moved) in [("", false), ("y", true)] {
        let text = json!({"auths": {"a.example": {"auth": plain("sari", "in the file")}, "b.example": {"auth": plain("sari", SECRET)}}});
        write(&world, &text.to_string());
        let path = format!("{}:/usr/bin:/bin", bin(&world).display());
        let mut terminal = world
            .cldkctl(["helper", "install", "docker", "--all"])
            .env("PATH", path)
            .on_pty();
        terminal.expect("(a.example, b.example)? [y/N]");
        terminal.send_line(answer);
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
        assert_eq!(!read(&world).contains(&plain("sari", SECRET)), moved);
        assert!(read(&world).contains(&plain("sari", "in the file")));
        let contents = contents_of(&world.vault_path(), PASSPHRASE);
        let all = contents["credentials"].as_array().expect("a list");
        assert_eq!(all.len(), if moved { 2 } else { 1 });
        assert_eq!(all[0]["secret"], "in the vault");
    }
}

#[test]
fn a_file_that_cannot_be_changed_is_left_alone_with_a_clear_answer() {
    let (_cloudeka, world) = unlocked(&[]);
    for (text, words) in [
        (
            "{\"auths\": {\"a\": {\"auth\": \"c2VjcmV0\"}",
            "it is not JSON at line 1",
        ),
        ("[]", "it is not a JSON object"),
        ("{\"auths\": 7}", "its auths are not a JSON object"),
        (
            "{\"credsStore\": \"a\", \"credsStore\": \"b\"}",
            "it has credsStore twice",
        ),
    ] {
        write(&world, text);
        let output = sh(&world, INSTALL, &[]);
        assert_eq!(output.status.code(), Some(1), "{}", said(&output));
        assert!(said(&output).contains(words), "{}", said(&output));
        assert!(said(&output).contains("hint: ") && !said(&output).contains("c2VjcmV0"));
        assert_eq!(read(&world), text);
    }
    write(&world, "{}");
    set_mode(path(&world), 0o400);
    let output = sh(&world, INSTALL, &[]);
    assert!(
        said(&output).contains("it is read-only"),
        "{}",
        said(&output)
    );
    fs::remove_file(path(&world)).expect("removed");
    fs::create_dir(path(&world)).expect("a folder");
    let output = sh(&world, INSTALL, &[]);
    assert!(
        said(&output).contains("is not a regular file"),
        "{}",
        said(&output)
    );
    fs::remove_dir(path(&world)).expect("removed");

    // Empty, as `touch` leaves it, and a link, which stays one.
    fs::create_dir(world.home().join("dotfiles")).expect("a folder");
    world.write("dotfiles/docker.json", "");
    symlink("../dotfiles/docker.json", path(&world)).expect("a link");
    sh_ok(&world, INSTALL, &[]);
    assert!(path(&world).is_symlink());
    assert!(read(&world).contains("cldkctl"));
    sh_ok(&world, UNDO, &[]);
    assert!(path(&world).is_symlink());
    let output = sh(&world, "cldkctl helper install docker", &[]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("--registry"), "{}", said(&output));
}

#[test]
fn a_file_of_another_user_is_left_alone() {
    if !crate::support::can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    write(&world, "{}");
    std::os::unix::fs::chown(path(&world), Some(SOMEONE_ELSE), None).expect("given away");
    let output = sh(&world, INSTALL, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("belongs to user id 65432"),
        "{}",
        said(&output)
    );
    assert_eq!(read(&world), "{}");
}

#[test]
fn a_stranger_under_the_name_of_the_link_is_not_replaced() {
    let (_cloudeka, world) = unlocked(&[]);
    let stranger = bin(&world).join("docker-credential-cldkctl");
    fs::write(&stranger, "#!/bin/sh\n").expect("written");
    let output = sh(&world, INSTALL, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(
        said(&output).contains("is another program"),
        "{}",
        said(&output)
    );
    assert_eq!(fs::read(&stranger).expect("it is there"), b"#!/bin/sh\n");
    assert!(!path(&world).exists());
    sh_ok(&world, UNDO, &[]);
    assert!(stranger.exists());
    // A link to where a cldkctl was is ours to renew.
    fs::remove_file(&stranger).expect("removed");
    symlink("/nowhere/cldkctl", &stranger).expect("a link");
    sh_ok(&world, INSTALL, &[]);
    assert!(stranger.exists());
}
