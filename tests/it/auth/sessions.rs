//! The short-lived session: kept, renewed when it is due or was ended, and nobody asked.

use crate::support::steps::{contents_of, log_in, logged_in, unlock, unlocked};
use crate::support::world::Output;
use crate::support::{Misbehave, PASSPHRASE, Standin, TOKEN, World, standin};
use serde_json::{Value, json};

const LOGIN: &str = "/core/cldkctl/auth";
const PROFILE: &str = "/core/user/profile";

/// How often the token was sent to be exchanged.
fn logins(cloudeka: &Standin) -> usize {
    let logins = cloudeka.requests_for(LOGIN);
    assert!(
        logins
            .iter()
            .all(|request| request.json() == json!({ "token": TOKEN }))
    );
    logins.len()
}

fn session(world: &World) -> String {
    let output = world.cldkctl(["auth", "token", "--session"]).run();
    let output = output.succeeded();
    assert_eq!(output.stderr, "", "{output}");
    output.stdout
}

fn session_in(world: &World, context: usize) -> String {
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let session = contents["contexts"][context]["session"]["token"].as_str();
    session.expect("a session").to_owned()
}

fn profile(world: &World) -> Output {
    world.cldkctl(["api", PROFILE, "--max-retries", "0"]).run()
}

#[test]
fn the_session_of_the_login_is_kept_and_printed_alone() {
    let (cloudeka, world) = unlocked(&[]);
    let first = session(&world);
    assert_eq!(first.trim_end().split('.').count(), 3, "a JWT: {first}");
    assert_eq!(first, format!("{}\n", session_in(&world, 0)));
    assert_eq!(session(&world), first);
    assert_eq!(logins(&cloudeka), 1, "no more than at login");
    world.assert_no_secret(&[TOKEN, first.trim_end()]);
}

#[test]
fn a_session_that_is_due_is_renewed_a_minute_early_and_once() {
    let (cloudeka, world) = unlocked(&[]);
    for (life, renewals) in [(55, 1), (24 * 60 * 60, 1)] {
        cloudeka.session_life(life);
        let file = world.write("passphrase", PASSPHRASE);
        let auth = world.cldkctl(["auth", "--token-stdin", "--passphrase-file"]);
        auth.arg(file).stdin(TOKEN).run().succeeded();
        let (before, logins_before) = (session_in(&world, 0), logins(&cloudeka));
        cloudeka.session_life(24 * 60 * 60);
        let now = session(&world);
        assert_eq!(now != format!("{before}\n"), life < 60, "{life} s");
        assert_eq!(session(&world), now, "the new one is kept");
        let expected = if life < 60 { renewals } else { 0 };
        assert_eq!(logins(&cloudeka) - logins_before, expected, "{life} s");
    }
}

#[test]
fn a_session_that_the_server_ended_is_renewed_silently() {
    let (cloudeka, world) = unlocked(&[]);
    let old = session(&world);
    cloudeka.end_sessions();
    let output = profile(&world).succeeded();
    assert_eq!(output.stderr, "", "{output}");
    assert!(output.stdout.contains("Sari"), "{output}");
    let asked: Vec<_> = cloudeka
        .requests()
        .into_iter()
        .map(|request| request.path)
        .collect();
    assert_eq!(asked, [LOGIN, PROFILE, LOGIN, PROFILE]);
    assert_ne!(session(&world), old);

    profile(&world).succeeded();
    assert_eq!(logins(&cloudeka), 2, "the new one is kept");
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(contents["contexts"][0]["token"], TOKEN);
}

#[test]
fn a_revoked_token_is_exit_3_and_says_to_log_in() {
    let (cloudeka, world) = unlocked(&[]);
    cloudeka.revoke_token(TOKEN);
    profile(&world).succeeded(); // the session lives on
    cloudeka.end_sessions();
    let check = world.cldkctl(["auth", "status", "--check"]).run();
    for output in [profile(&world), check] {
        let output = output.expect_code(3);
        assert!(output.stderr.contains("cldkctl auth"), "{output}");
        assert!(output.stderr.contains("127.0.0.1"), "{output}");
        output.assert_no_secret(&[TOKEN]);
    }
    // The vault is not the worse for it: the portal may have been wrong.
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(contents["contexts"][0]["token"], TOKEN);
}

#[test]
fn a_server_that_refuses_every_session_is_asked_twice_and_no_more() {
    let (cloudeka, world) = unlocked(&[]);
    let refusal = Misbehave::status(401, &json!({ "message": "invalid or expired jwt" }));
    cloudeka.misbehave_at(PROFILE, refusal);
    let output = profile(&world).expect_code(3);
    assert!(output.stdout.contains("invalid or expired jwt"), "{output}");
    assert!(output.stderr.contains("cldkctl auth"), "{output}");
    assert_eq!(
        (logins(&cloudeka), cloudeka.requests_for(PROFILE).len()),
        (2, 2)
    );
}

#[test]
fn trouble_while_renewing_is_no_verdict_about_the_token() {
    let (cloudeka, world) = unlocked(&[]);
    for (trouble, code) in [
        (Misbehave::internal_error(), 8),
        (Misbehave::database_error(), 8),
        (Misbehave::unavailable(), 8),
        (Misbehave::html(200), 7),
        (Misbehave::broken_json(), 7),
        (Misbehave::no_session(), 7),
        (Misbehave::CloseAtOnce, 7),
        (Misbehave::Garbage, 7),
    ] {
        cloudeka.end_sessions();
        cloudeka.misbehave_at(LOGIN, trouble.clone());
        let before = world.files();
        let output = profile(&world);
        assert_eq!(output.code, code, "{trouble:?}\n{output}");
        output.assert_no_secret(&[TOKEN]);
        assert_eq!(world.files(), before, "{trouble:?}");
        cloudeka.behave();
    }
    profile(&world).succeeded();
}

#[test]
fn commands_that_renew_at_the_same_time_lose_nothing() {
    let (cloudeka, world) = logged_in();
    let second = "cldkctl_second_0f1e2d3c4b5a6978";
    let other = Standin::start();
    other.accept_token(second);
    let base_url = other.base_url();
    log_in(
        &world,
        second,
        &["--context", "second", "--base-url", &base_url],
    );
    unlock(&world, &[]);
    for round in 1..=3 {
        for server in [&cloudeka, &other] {
            server.end_sessions();
        }
        let call = |context: &str| {
            let call = world.cldkctl(["api", PROFILE, "--context", context]);
            call.env_remove("CLDKCTL_BASE_URL").spawn()
        };
        let calls = ["default", "second", "default", "second"].map(call);
        for running in calls {
            let output = running.wait().succeeded();
            assert_eq!(output.stderr, "", "{output}");
        }
        // Each context's new session is in the vault: none is asked for any more.
        let asked = || {
            (
                cloudeka.requests_for(LOGIN).len(),
                other.requests_for(LOGIN).len(),
            )
        };
        let before = asked();
        for context in ["default", "second"] {
            call(context).wait().succeeded();
        }
        assert_eq!(asked(), before, "round {round}");
        assert!(
            (1 + round..=1 + 2 * round).contains(&before.0),
            "{before:?}"
        );
    }
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let tokens = [0, 1].map(|n| contents["contexts"][n]["token"].clone());
    assert_eq!(tokens, [TOKEN, second]);
    assert!(
        other
            .requests()
            .iter()
            .all(|request| !request.contains(TOKEN))
    );
    assert!(
        cloudeka
            .requests()
            .iter()
            .all(|request| !request.contains(second))
    );
}

#[test]
fn check_asks_the_api_and_tells_the_answers_apart() {
    let (cloudeka, world) = unlocked(&[]);
    let check = |args: &[&str]| {
        let check = world.cldkctl(["auth", "status", "--check", "--max-retries", "0"]);
        check.args(args).run()
    };
    let accepted = |output: &Output| -> Value {
        let status: Value = serde_json::from_str(&output.stdout).expect("JSON, whatever came");
        status["accepted"].clone()
    };
    let output = check(&[]).succeeded();
    assert!(output.stdout.contains("accepts the token"), "{output}");
    assert_eq!(accepted(&check(&["-o", "json"]).succeeded()), true);

    cloudeka.misbehave_at(LOGIN, Misbehave::internal_error());
    assert_eq!(
        accepted(&check(&["-o", "json"]).expect_code(8)),
        Value::Null
    );
    cloudeka.misbehave_at(LOGIN, Misbehave::CloseAtOnce);
    assert_eq!(
        accepted(&check(&["-o", "json"]).expect_code(7)),
        Value::Null
    );
    let output = check(&[]).expect_code(7);
    assert!(
        output.stdout.contains("nothing is known of the token"),
        "{output}"
    );
    cloudeka.behave();
    let elsewhere = ["-o", "json", "--base-url", "http://127.0.0.1:1"];
    assert_eq!(accepted(&check(&elsewhere).expect_code(3)), Value::Null);

    cloudeka.revoke_token(TOKEN);
    assert_eq!(accepted(&check(&["-o", "json"]).expect_code(3)), false);

    world.cldkctl(["lock"]).run().succeeded();
    let asked = cloudeka.connections();
    check(&[]).expect_code(4);
    assert_eq!(
        cloudeka.connections(),
        asked,
        "locked, it has nothing to ask with"
    );
}

#[test]
fn where_nobody_answers_the_stored_token_still_comes() {
    let (cloudeka, world) = unlocked(&[]);
    let address = cloudeka.base_url();
    drop(cloudeka);
    let token = world.cldkctl(["auth", "token"]).run().succeeded();
    assert_eq!(token.stdout, format!("{TOKEN}\n"));
    session(&world); // kept, and not due
    let output = profile(&world).expect_code(7);
    assert!(output.stderr.contains(&address), "{output}");
    assert_ne!(standin::nobodys_url(), address);
}

#[test]
fn a_check_with_a_passphrase_on_stdin_reads_it_once_and_shows_what_it_opened() {
    let (_cloudeka, world) = logged_in();
    let output = world
        .cldkctl([
            "auth",
            "status",
            "--check",
            "--passphrase-stdin",
            "-o",
            "json",
        ])
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    let shown: serde_json::Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(shown["accepted"], true, "{output}");
    assert_eq!(shown["contexts"][0]["name"], "default", "{output}");
}
