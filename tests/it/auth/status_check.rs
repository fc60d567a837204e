//! `auth status --check` asks the one route that judges a token, and reports a verdict only where
//! the API gave one.

use crate::support::standin::Answer;
use crate::support::steps::{contents_of, logged_in, unlocked};
use crate::support::world::Output;
use crate::support::{Misbehave, PASSPHRASE, Standin, TOKEN, World};
use serde_json::{Value, json};

const LOGIN: &str = "/core/cldkctl/auth";
const PROFILE: &str = "/core/user/profile";

fn check(world: &World) -> Output {
    let check = ["auth", "status", "--check", "-o", "json"];
    let output = world.cldkctl(check).args(["--max-retries", "0"]).run();
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
    output
}

#[track_caller]
fn accepted(output: &Output) -> Value {
    let status: Value = serde_json::from_str(&output.stdout).expect("JSON, whatever came");
    status["accepted"].clone()
}

fn session_in(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)["contexts"][0]["session"].clone()
}

/// Every answer with status 200 that is not the API's own.
fn impostors() -> Vec<(&'static str, Misbehave)> {
    let json = |text: &str| Misbehave::Answer(Answer::new(200, "application/json", text));
    vec![
        ("a captive portal", Misbehave::html(200)),
        ("broken JSON", Misbehave::broken_json()),
        ("no UTF-8", Misbehave::invalid_utf8()),
        ("no session", Misbehave::no_session()),
        ("an empty body", json("")),
        ("an empty object", json("{}")),
        ("null", json("null")),
        ("a list", json("[]")),
        ("a word", json("OK")),
        ("data that is null", json(r#"{"data":null}"#)),
        (
            "a 401 in the body",
            json(r#"{"code":401,"message":"Unauthorized"}"#),
        ),
        (
            "a 401 in the body, with empty data",
            json(r#"{"status":401,"error":"unauthorized","data":{"token":""}}"#),
        ),
    ]
}

#[test]
fn a_200_that_is_not_the_answer_of_the_api_is_no_verdict() {
    let (cloudeka, world) = unlocked(&[]);
    let before = world.files();
    for (what, how) in impostors() {
        cloudeka.behave();
        cloudeka.misbehave(how);
        let output = check(&world).expect_code(7);
        assert_eq!(accepted(&output), Value::Null, "{what}: {output}");
        assert!(
            output.stderr.contains("did not answer sensibly"),
            "{what}: {output}"
        );
        assert!(output.stderr.contains("hint: "), "{what}: {output}");
        assert!(world.files() == before, "{what}: the vault was changed");
    }
}

#[test]
fn a_token_that_was_deleted_is_rejected_while_its_session_lives_on() {
    let (cloudeka, world) = unlocked(&[]);
    cloudeka.revoke_token(TOKEN);
    let profile = || world.cldkctl(["api", PROFILE]).run();
    profile().succeeded();
    let output = check(&world).expect_code(3);
    assert_eq!(accepted(&output), false, "{output}");
    assert!(output.stderr.contains("rejected the token"), "{output}");
    profile().succeeded();
}

#[test]
fn an_accepted_token_is_told_from_a_session_that_is_refused() {
    let (cloudeka, world) = unlocked(&[]);
    cloudeka.end_sessions();
    let refusal = Misbehave::status(401, &json!({ "message": "invalid or expired jwt" }));
    cloudeka.misbehave_at(PROFILE, refusal);
    let output = check(&world).succeeded();
    assert_eq!(accepted(&output), true, "{output}");
    assert_eq!(output.stderr, "");
}

#[test]
fn each_check_asks_once_and_sends_the_token_itself() {
    let (cloudeka, world) = unlocked(&[]);
    for count in 2..=4 {
        check(&world).succeeded();
        let asked = cloudeka.requests_for(LOGIN);
        assert_eq!((asked.len(), cloudeka.requests().len()), (count, count));
        assert_eq!(asked[count - 1].json(), json!({ "token": TOKEN }));
    }
}

#[test]
fn its_session_is_kept_where_the_stored_one_is_due_and_the_vault_is_left_alone_otherwise() {
    let (cloudeka, world) = unlocked(&[]);
    let before = world.files();
    check(&world).succeeded();
    assert!(world.files() == before, "the stored session is good");

    cloudeka.session_life(10);
    let auth = world.cldkctl(["auth", "--token-stdin"]);
    auth.stdin(TOKEN).run().succeeded();
    let due = session_in(&world);
    cloudeka.session_life(24 * 60 * 60);
    check(&world).succeeded();
    assert_ne!(session_in(&world), due);
    let asked = cloudeka.requests_for(LOGIN).len();
    world.cldkctl(["api", PROFILE]).run().succeeded();
    assert_eq!(cloudeka.requests_for(LOGIN).len(), asked, "none is due");
}

#[test]
fn a_locked_vault_is_no_verdict_and_nobody_is_asked() {
    let (cloudeka, world) = logged_in();
    let asked = cloudeka.connections();
    let output = check(&world).expect_code(4);
    assert_eq!(accepted(&output), Value::Null, "{output}");
    assert_eq!(cloudeka.connections(), asked);
}

#[test]
fn a_token_of_the_environment_is_judged_alike() {
    let cloudeka = Standin::start();
    let world = World::new().at(&cloudeka);
    let check = || {
        let check = ["auth", "status", "--check", "-o", "json"];
        let check = world.cldkctl(check).args(["--max-retries", "0"]);
        check.env("CLDKCTL_TOKEN", TOKEN).run()
    };
    assert_eq!(accepted(&check().expect_code(3)), false);
    cloudeka.accept_token(TOKEN);
    assert_eq!(accepted(&check().succeeded()), true);
    for (what, how) in impostors() {
        cloudeka.behave();
        cloudeka.misbehave(how);
        assert_eq!(accepted(&check().expect_code(7)), Value::Null, "{what}");
    }
    assert!(!world.vault_path().exists());
}
