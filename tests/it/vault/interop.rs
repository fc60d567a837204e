//! A vault that the built binary made, opened by the independent reader: Python, `argon2` and
//! `age`, written from `vault-format.md` and none of our code.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::{Standin, World};
use serde_json::{Value, json};

const TOKEN: &str = "cldkctl_a-token-for-the-reader";
/// Decomposed (NFD), as some keyboards and file systems have it: the two have to agree on NFC.
const PASSPHRASE: &str = "Sa\u{308}tze halten, Wo\u{308}rter nicht\n";

/// Whether this machine has what the reader needs; [skips](crate::support::skip) when not.
#[track_caller]
fn reader_is_there() -> bool {
    for (tool, version) in [
        ("python3", "--version"),
        ("age", "--version"),
        ("argon2", "-h"),
    ] {
        if Command::new(tool).arg(version).output().is_err() {
            crate::support::skip(&format!("the independent reader needs {tool}"));
            return false;
        }
    }
    true
}

/// What the reader makes of a vault.
fn read_vault(vault: &Path, passphrase: &str) -> Output {
    let reader = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/read_vault.py");
    let mut child = Command::new("python3")
        .arg(reader)
        .arg(vault)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(passphrase.as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn the_independent_reader_opens_what_the_binary_sealed() {
    if !reader_is_there() {
        return;
    }
    let cloudeka = Standin::start();
    cloudeka.accept_token(TOKEN);
    // At the default cost, which is what users have.
    let world = World::new().without_settings().at(&cloudeka);
    let passphrase = world.write("passphrase", PASSPHRASE);
    let log_in = |context: &str| {
        world
            .cldkctl(["auth", "--token-stdin", "--context", context])
            .args(["--default-project", "project-1", "--passphrase-file"])
            .arg(&passphrase)
            .stdin(TOKEN)
            .run()
            .succeeded()
    };
    log_in("first");
    log_in("second");

    let output = read_vault(&world.vault_path(), PASSPHRASE);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let contents: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(contents["format"], "cldkctl-vault");
    assert_eq!(contents["version"], 1);
    assert_eq!(contents["revision"], 2, "one for each save");
    assert_eq!(contents["current_context"], "second");
    let contexts = contents["contexts"].as_array().unwrap();
    assert_eq!(contexts.len(), 2);
    for (context, name) in contexts.iter().zip(["first", "second"]) {
        assert_eq!(context["name"], name);
        assert_eq!(context["base_url"], cloudeka.base_url());
        assert_eq!(context["token"], TOKEN);
        assert_eq!(context["account"]["email"], "sari@example.com");
        assert_eq!(context["defaults"], json!({ "project": "project-1" }));
        let session = context["session"]["token"].as_str().unwrap();
        assert_eq!(session.split('.').count(), 3, "the session that was given");
    }

    // The binary says of its vault what the reader found in it.
    let info = world
        .cldkctl(["vault", "info", "-o", "json", "--passphrase-file"])
        .arg(&passphrase)
        .run()
        .succeeded();
    let info: Value = serde_json::from_str(&info.stdout).unwrap();
    assert_eq!(info["opened"]["id"], contents["id"]);
    let recipients = contents["recipients"].as_array().unwrap();
    let shown = info["opened"]["recipients"].as_array().unwrap();
    assert_eq!(shown.len(), recipients.len());
    let argon2id = &recipients[0]["argon2id"];
    for field in ["memory_kib", "iterations", "lanes"] {
        assert_eq!(info["kdf"][field], argon2id[field], "{field}");
    }
}

#[test]
fn the_independent_reader_and_the_binary_agree_on_a_wrong_passphrase() {
    if !reader_is_there() {
        return;
    }
    let cloudeka = Standin::start();
    cloudeka.accept_token(TOKEN);
    let world = World::new().at(&cloudeka);
    let passphrase = world.write("passphrase", PASSPHRASE);
    let other = world.write("other", "words that open nothing here");
    world
        .cldkctl(["auth", "--token-stdin", "--passphrase-file"])
        .arg(&passphrase)
        .stdin(TOKEN)
        .run()
        .succeeded();

    let theirs = read_vault(&world.vault_path(), "words that open nothing here");
    let ours = world
        .cldkctl(["auth", "token", "--passphrase-file"])
        .arg(other)
        .run();
    assert_eq!((theirs.status.code(), ours.code), (Some(5), 5));
    assert!(theirs.stdout.is_empty() && ours.stdout.is_empty());
}

#[test]
fn the_independent_reader_and_the_binary_agree_on_credentials() {
    if !reader_is_there() {
        return;
    }
    let (_cloudeka, world) = crate::support::steps::unlocked(&[]);
    // At the bound of `vault-format.md`, section 7.6, in half as many characters.
    let largest = "\u{e4}".repeat(1 << 19);
    for (place, secret) in [
        ("one.example", "a\0\r\nb\u{1b}\u{202e}"),
        ("two.example", &largest),
    ] {
        let login = json!({"ServerURL": place, "Username": "sari", "Secret": secret}).to_string();
        let store = world.cldkctl(["helper", "docker", "store"]);
        store.stdin(login).run().succeeded();
        let output = read_vault(&world.vault_path(), crate::support::PASSPHRASE);
        assert!(output.status.success(), "{output:?}");
        let contents: Value = serde_json::from_slice(&output.stdout).unwrap();
        let found = contents["credentials"].as_array().unwrap().last().unwrap();
        assert!(found["where"] == place && found["secret"] == secret);
    }
    // The bounds that no vector has, which would be a MiB each.
    let check = "import read_vault as r\nfor n in (1 << 20, (1 << 20) + 1):\n  one = r.Object([('kind', 'git'), \
                 ('where', 'w'), ('secret', 'a' * n), ('stored_at', '2025-01-02T03:04:05Z')])\n  \
                 try: r.check_credential(one, 'it'); print('taken')\n  except r.Failure as why: print(why.code)";
    let check = Command::new("python3")
        .args(["-c", check])
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .output()
        .unwrap();
    assert_eq!(
        String::from_utf8_lossy(&check.stdout),
        "taken\n6\n",
        "{check:?}"
    );
}
