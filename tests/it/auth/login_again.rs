//! Somebody who has a vault logs in again: to renew a token, with another account, or at
//! another address. Nothing that was there is lost.

use std::fs;
use std::path::Path;

use crate::support::steps::{contents_of, log_in, logged_in, pipe};
use crate::support::world::{Output, mode};
use crate::support::{Account, PASSPHRASE, Standin, TOKEN, World};
use serde_json::Value;

const OTHER_TOKEN: &str = "cldkctl_other_a1b2c3d4e5f60718";

fn contents(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)
}

/// Name, address and token of each context.
fn logins(world: &World) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let contents = contents(world);
    let contexts = contents["contexts"].as_array().expect("contexts");
    contexts
        .iter()
        .map(|one| {
            (
                text(&one["name"]),
                text(&one["base_url"]),
                text(&one["token"]),
            )
        })
        .collect()
}

fn login(name: &str, cloudeka: &Standin, token: &str) -> (String, String, String) {
    (name.to_owned(), cloudeka.base_url(), token.to_owned())
}

fn token_by(world: &World, args: &[&str]) -> Output {
    world
        .cldkctl(["auth", "token", "--passphrase-stdin"])
        .args(args)
        .stdin(PASSPHRASE)
        .run()
}

#[test]
fn it_joins_the_vault_and_asks_once_for_its_passphrase() {
    let (cloudeka, world) = logged_in();
    let before = contents(&world);
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    assert!(
        !terminal.screen().contains("New vault"),
        "{}",
        terminal.screen()
    );
    assert!(!terminal.screen().contains("Repeat"));

    let after = contents(&world);
    assert_eq!(after["revision"], 2);
    assert_eq!(
        (&after["id"], &after["recipients"]),
        (&before["id"], &before["recipients"])
    );
    assert_eq!(logins(&world), [login("default", &cloudeka, TOKEN)]);
    assert_ne!(
        after["contexts"][0]["session"], before["contexts"][0]["session"],
        "a new one"
    );
    assert_eq!(mode(world.vault_path()), 0o600);
}

#[test]
fn a_new_token_of_the_same_account_takes_the_place_of_the_old_one_and_nobody_is_asked() {
    let (cloudeka, world) = logged_in();
    cloudeka.revoke_token(TOKEN);
    let account = Account {
        role: "Viewer".into(),
        ..Account::default()
    };
    cloudeka.accept_token_of(OTHER_TOKEN, account);
    log_in(&world, OTHER_TOKEN, &[]);
    assert_eq!(logins(&world), [login("default", &cloudeka, OTHER_TOKEN)]);
    assert_eq!(contents(&world)["contexts"][0]["account"]["role"], "Viewer");
}

#[test]
fn another_context_is_added_by_name_and_becomes_the_current_one() {
    let (cloudeka, world) = logged_in();
    cloudeka.accept_token(OTHER_TOKEN);
    log_in(&world, OTHER_TOKEN, &["--context", "work"]);
    let both = [
        login("default", &cloudeka, TOKEN),
        login("work", &cloudeka, OTHER_TOKEN),
    ];
    assert_eq!(logins(&world), both);
    assert_eq!(contents(&world)["current_context"], "work");

    assert_eq!(
        token_by(&world, &[]).succeeded().stdout,
        format!("{OTHER_TOKEN}\n")
    );
    let first = token_by(&world, &["--context", "default"]).succeeded();
    assert_eq!(first.stdout, format!("{TOKEN}\n"));
    let by_variable = world
        .cldkctl(["auth", "token", "--passphrase-stdin"])
        .env("CLDKCTL_CONTEXT", "default")
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    assert_eq!(by_variable.stdout, first.stdout);
    let missing = token_by(&world, &["--context", "play"]).expect_code(3);
    assert!(
        missing.stderr.contains("play") && missing.stderr.contains("hint:"),
        "{missing}"
    );
}

#[test]
fn a_login_elsewhere_gets_a_context_of_its_own() {
    let (cloudeka, mut world) = logged_in();
    let staging = Standin::start();
    staging.accept_token(OTHER_TOKEN);
    world.go_to(&staging);
    log_in(&world, OTHER_TOKEN, &[]);

    let logins = logins(&world);
    assert_eq!(logins[0], login("default", &cloudeka, TOKEN), "as it was");
    assert_eq!(logins.len(), 2);
    assert_eq!(
        (&logins[1].1, &*logins[1].2),
        (&staging.base_url(), OTHER_TOKEN)
    );
    let host = staging.base_url().replace("http://", "");
    assert_eq!(logins[1].0, host, "named after the host");
    assert!(
        !staging
            .requests()
            .iter()
            .any(|request| request.contains(TOKEN))
    );
    assert!(
        !cloudeka
            .requests()
            .iter()
            .any(|request| request.contains(OTHER_TOKEN))
    );

    // Back at the first address, its own context is renewed.
    world.go_to(&cloudeka);
    log_in(&world, TOKEN, &[]);
    assert_eq!(self::logins(&world), logins);
    assert_eq!(contents(&world)["current_context"], "default");
}

#[test]
fn a_token_is_given_out_for_the_address_that_it_was_verified_at_and_no_other() {
    let (cloudeka, mut world) = logged_in();
    let elsewhere = Standin::start();
    world.go_to(&elsewhere);
    let refused = token_by(&world, &[]).expect_code(3);
    refused.assert_no_secret(&[TOKEN]);
    for named in [
        "default",
        &cloudeka.base_url(),
        &elsewhere.base_url(),
        "hint:",
    ] {
        assert!(refused.stderr.contains(named), "{named}: {refused}");
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn what_someone_else_wrote_into_the_vault_survives() {
    let (_cloudeka, world) = logged_in();
    let passphrase = "test vectors are no secret";
    let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    fs::copy(vectors.join("good-unknown-fields.age"), world.vault_path()).expect("copied");
    let before = contents_of(&world.vault_path(), passphrase);
    world
        .cldkctl(["auth", TOKEN, "--context", "newcomer", "--passphrase-stdin"])
        .stdin(passphrase)
        .run()
        .succeeded();
    let mut after = contents_of(&world.vault_path(), passphrase);
    let contexts = after["contexts"].as_array_mut().expect("contexts");
    assert_eq!(contexts.pop().expect("one more")["name"], "newcomer");
    after["revision"] = before["revision"].clone();
    after["current_context"] = before["current_context"].clone();
    assert_eq!(after, before);
}

#[test]
fn an_armored_vault_is_opened_and_joined_like_a_binary_one() {
    for vector in ["good-armored", "good-armored-crlf"] {
        let (cloudeka, world) = logged_in();
        let vectors = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
        fs::copy(vectors.join(format!("{vector}.age")), world.vault_path()).expect("copied");
        let info = world.cldkctl(["vault", "info"]).run().succeeded();
        assert!(info.stdout.contains("ASCII-armored"), "{info}");

        let passphrase = "test vectors are no secret";
        let before = contents_of(&world.vault_path(), passphrase);
        world
            .cldkctl(["auth", TOKEN, "--context", "newcomer", "--passphrase-stdin"])
            .stdin(passphrase)
            .run()
            .succeeded();
        let after = contents_of(&world.vault_path(), passphrase);
        let newcomer = after["contexts"]
            .as_array()
            .and_then(|all| all.last())
            .expect("one");
        assert_eq!(
            (&newcomer["name"], &newcomer["base_url"]),
            (&"newcomer".into(), &cloudeka.base_url().into())
        );
        assert_eq!(after["contexts"][0], before["contexts"][0]);
    }
}

#[test]
fn a_vault_that_stock_age_sealed_again_is_still_one() {
    if !crate::support::steps::are_installed(&["age", "age-keygen"]) {
        return;
    }
    // Sealed with `age` alone, to a recipient alone: no passphrase opens it any more.
    let (_cloudeka, world) = logged_in();
    let plain = contents(&world).to_string();
    let identity = pipe(&["age-keygen"], b"");
    let identity_path = world.write("machine.key", &identity);
    let identity = String::from_utf8(identity).expect("text");
    let recipient = identity
        .split("public key: ")
        .nth(1)
        .and_then(|rest| rest.lines().next());
    let sealed = pipe(
        &[
            "age",
            "--encrypt",
            "--armor",
            "--recipient",
            recipient.expect("a public key"),
        ],
        plain.as_bytes(),
    );
    fs::write(world.vault_path(), sealed).expect("written");

    let token = world
        .cldkctl(["auth", "token", "--identity"])
        .arg(&identity_path)
        .run()
        .succeeded();
    assert_eq!(token.stdout, format!("{TOKEN}\n"));
    token_by(&world, &[]).expect_code(5);
    let locked = world.cldkctl(["auth", "token"]).run().expect_code(4);
    assert!(locked.stderr.contains("--identity"), "{locked}");
    let status = world.cldkctl(["auth", "status"]).run().succeeded();
    assert!(status.stdout.contains("locked"), "{status}");
}

#[test]
fn a_wrong_passphrase_changes_nothing() {
    let (_cloudeka, world) = logged_in();
    let before = world.files();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    for _ in 0..3 {
        terminal.expect("Vault passphrase:");
        terminal.send_secret("another passphrase altogether");
    }
    terminal.expect("error:");
    terminal.expect("vault.age");
    terminal.expect("hint:");
    assert_eq!(terminal.wait(), 5);
    assert!(terminal.echo_is_on());
    assert_eq!(world.files(), before);
}

#[test]
fn a_login_again_keeps_the_defaults_that_it_does_not_name() {
    let (cloudeka, world) = logged_in();
    cloudeka.accept_token(TOKEN);
    let log_in = |flags: &[&str]| {
        world
            .cldkctl(["auth", TOKEN, "--no-unlock", "--passphrase-stdin"])
            .args(flags.iter().copied())
            .stdin(PASSPHRASE)
            .run()
            .succeeded();
        let shown = world
            .cldkctl(["auth", "status", "-o", "json", "--passphrase-stdin"])
            .stdin(PASSPHRASE)
            .run()
            .succeeded();
        let shown: Value = serde_json::from_str(&shown.stdout).expect("JSON");
        shown["contexts"][0]["defaults"].clone()
    };
    let first = log_in(&["-P", "project-7", "-R", "registry-3"]);
    assert_eq!(first["project"], "project-7");
    let second = log_in(&["-P", "project-8"]);
    assert_eq!(second["project"], "project-8");
    assert_eq!(second["registry"], "registry-3");
}
