//! A session that ended: servers say so in many ways, and it is renewed once whichever way.

use serde_json::{Value, json};

use crate::support::standin::Answer;
use crate::support::steps::unlocked;
use crate::support::world::Output;
use crate::support::{Misbehave, Standin, TOKEN, World};

const LOGIN: &str = "/core/cldkctl/auth";
const PROFILE: &str = "/core/user/profile";
const PODS: &str = "/core/pods";

/// A status and a body that say that the session ended.
fn refusals() -> Vec<(u16, Value)> {
    vec![
        (401, json!({})),
        (403, json!({ "message": "token has expired" })),
        (403, json!({ "error": "TOKEN_EXPIRED" })),
        (403, json!({ "message": "Unauthorized" })),
        (403, json!({ "code": 401, "message": "no" })),
        (400, json!({ "message": "invalid or expired jwt" })),
        (
            400,
            json!({ "errors": [{ "message": "your session is no longer valid" }] }),
        ),
        (
            400,
            json!({ "message": "Session timed out. Please log in again." }),
        ),
        (403, json!({ "message": "Sesi Anda telah berakhir" })),
        (200, json!({ "code": 401, "message": "Unauthorized" })),
        (
            200,
            json!({ "status": "401", "data": null, "message": "jwt expired" }),
        ),
        (
            200,
            json!({ "meta": { "code": 401, "message": "token expired" }, "data": null }),
        ),
        (403, json!({ "detail": "Signature has expired." })),
        (419, json!({ "message": "Session expired" })),
        (422, json!({ "msg": "Signature has expired" })),
        (498, json!({ "message": "invalid token" })),
        (200, json!({ "success": false, "message": "jwt expired" })),
        (200, json!({ "error": "session revoked", "data": null })),
    ]
}

/// A status and a body that say something else.
fn others() -> Vec<(u16, Value)> {
    vec![
        (403, json!({ "message": "Forbidden" })),
        (403, json!({ "message": "your role does not allow this" })),
        (400, json!({ "message": "project_id is invalid" })),
        (400, json!({ "message": "voucher has expired" })),
        (
            400,
            json!({ "message": "pq: relation \"sessions\" does not exist: invalid" }),
        ),
        (400, json!({ "message": "session lookup: i/o timeout" })),
        (404, json!({ "message": "token expired" })),
        (500, json!({ "message": "token expired" })),
        (
            200,
            json!({ "data": [{ "code": 401, "message": "token expired" }] }),
        ),
        (200, json!({ "message": "the token expired yesterday" })),
        (
            200,
            json!({ "id": 7, "status": "failed", "message": "token expired" }),
        ),
        (422, json!({ "message": "name is invalid" })),
        (403, json!({ "message": "signature does not match" })),
    ]
}

fn api(world: &World, args: &[&str]) -> Output {
    let output = world
        .cldkctl(["api", "--max-retries", "0"])
        .args(args)
        .run();
    output.assert_no_secret(&[TOKEN]);
    output
}

fn asked(cloudeka: &Standin) -> Vec<String> {
    let requests = cloudeka.requests().into_iter();
    requests.map(|request| request.path).collect()
}

#[test]
fn a_session_that_is_refused_in_words_is_renewed_once() {
    let (cloudeka, world) = unlocked(&[]);
    for (status, body) in refusals() {
        for args in [&[PROFILE][..], &["POST", PODS, "-f", "name=a"]] {
            let before = asked(&cloudeka).len();
            cloudeka.misbehave_next(1, Misbehave::status(status, &body));
            let output = api(&world, args).succeeded();
            assert_eq!(output.stderr, "", "{status} {body}");
            let path = args
                .iter()
                .find(|arg| arg.starts_with('/'))
                .expect("a path");
            assert_eq!(
                asked(&cloudeka)[before..],
                [*path, LOGIN, path],
                "{status} {body}"
            );
        }
    }
}

#[test]
fn an_answer_about_something_else_is_given_as_it_is() {
    let (cloudeka, world) = unlocked(&[]);
    for (status, body) in others() {
        for args in [&[PROFILE][..], &["POST", PODS, "-f", "name=a"]] {
            let before = asked(&cloudeka).len();
            cloudeka.misbehave_next(1, Misbehave::status(status, &body));
            let output = api(&world, args);
            assert_eq!(output.code, if status == 200 { 0 } else { 8 }, "{output}");
            assert_eq!(output.stdout, body.to_string(), "{status} {body}");
            assert_eq!(asked(&cloudeka).len(), before + 1, "{status} {body}");
        }
    }
    let page = Answer::new(403, "text/html", "<html>token expired</html>");
    cloudeka.misbehave_next(1, Misbehave::Answer(page));
    let before = asked(&cloudeka).len();
    api(&world, &[PROFILE]).expect_code(8);
    assert_eq!(asked(&cloudeka).len(), before + 1);
}

#[test]
fn a_server_that_refuses_every_session_in_words_is_asked_twice_and_quoted() {
    for (status, body) in refusals() {
        let (cloudeka, world) = unlocked(&[]);
        cloudeka.misbehave_at(PROFILE, Misbehave::status(status, &body));
        let output = api(&world, &[PROFILE]).expect_code(3);
        assert_eq!(output.stdout, body.to_string(), "as it came");
        let words = body["message"].as_str().unwrap_or_default();
        let words = words.trim_end_matches('.');
        assert!(output.stderr.contains(words), "{output}");
        let calls = cloudeka.requests_for(PROFILE).len();
        assert_eq!((calls, cloudeka.requests_for(LOGIN).len()), (2, 2));
    }
}

#[test]
fn the_words_of_a_refusal_are_harmless_and_hold_no_secret() {
    let (cloudeka, world) = unlocked(&[]);
    cloudeka.misbehave_at(PROFILE, Misbehave::EchoToken);
    let output = api(&world, &[PROFILE]).expect_code(3);
    assert!(output.stderr.contains("[redacted]"), "{output}");
    let session = cloudeka.requests_for(PROFILE)[1]
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer ").map(ToOwned::to_owned))
        .expect("a session");
    assert!(!output.stderr.contains(&session), "{output}");
    let words =
        json!({ "message": format!("token expired \u{1b}[2J\u{202e}{}", "x".repeat(5000)) });
    cloudeka.misbehave_at(PROFILE, Misbehave::status(403, &words));
    let output = api(&world, &[PROFILE]).expect_code(3);
    assert!(!output.stderr.contains(['\u{1b}', '\u{202e}']), "{output}");
    assert!(output.stderr.len() < 1000, "{output}");
}

/// A gateway may have passed it on before it answered.
#[test]
fn a_post_that_may_have_been_carried_out_is_not_repeated() {
    let (cloudeka, world) = unlocked(&[]);
    for how in [
        Misbehave::status(502, &json!({ "message": "token expired" })),
        Misbehave::status(504, &json!({ "message": "session expired" })),
        Misbehave::status(500, &json!({ "code": 401, "message": "unauthorized" })),
        Misbehave::CloseAtOnce,
        Misbehave::CutBody,
    ] {
        let before = asked(&cloudeka).len();
        cloudeka.misbehave_next(1, how.clone());
        let output = world.cldkctl(["api", "POST", PODS, "-f", "name=a"]).run();
        assert!(matches!(output.code, 7 | 8), "{how:?} {output}");
        assert_eq!(asked(&cloudeka)[before..], [PODS], "{how:?}");
    }
}

#[test]
fn a_success_that_says_it_failed_is_none_for_a_check_and_is_quoted() {
    let (cloudeka, world) = unlocked(&[]);
    let session = "e30.e30.c2ln";
    for body in [
        json!({ "code": 401, "message": "token expired", "error": "database timeout" }),
        json!({ "code": "401", "message": "token expired", "data": { "token": session } }),
        json!({ "status": 401, "message": "token expired", "data": { "token": session } }),
        json!({ "meta": { "code": 401 }, "message": "token expired", "data": { "token": session } }),
        json!({ "error": "token expired", "data": { "token": session } }),
        json!({ "error": { "code": 401, "message": "token expired" }, "data": { "token": session } }),
        json!({ "status": "error", "message": "token expired", "data": { "token": session } }),
        json!({ "success": false, "message": "token expired", "data": { "token": session } }),
        json!({ "ok": false, "message": "token expired", "data": null }),
        json!({ "data": { "code": 401, "message": "token expired", "token": session } }),
    ] {
        cloudeka.behave();
        cloudeka.misbehave_at(LOGIN, Misbehave::status(200, &body));
        let check = world.cldkctl(["auth", "status", "--check", "-o", "json"]);
        let output = check.run().expect_code(7);
        let status: Value = serde_json::from_str(&output.stdout).expect("JSON");
        assert_eq!(status["accepted"], Value::Null, "{body}");
        assert!(output.stderr.contains("token expired"), "{body} {output}");
        assert!(
            !output.stderr.contains("no session token"),
            "{body} {output}"
        );
        output.assert_no_secret(&[TOKEN, session]);
        let auth = world.cldkctl(["auth", "--token-stdin"]).stdin(TOKEN).run();
        auth.expect_code(7);
    }
    let echo = json!({ "data": { "token": TOKEN } });
    cloudeka.misbehave_at(LOGIN, Misbehave::status(200, &echo));
    let output = world
        .cldkctl(["auth", "status", "--check"])
        .run()
        .expect_code(7);
    assert!(output.stderr.contains("only repeats the token"), "{output}");
    let fine = json!({ "code": 200, "error": null, "errors": [], "success": true,
        "status": "ok", "data": { "token": session, "status": "active" } });
    cloudeka.misbehave_at(LOGIN, Misbehave::status(200, &fine));
    world
        .cldkctl(["auth", "status", "--check"])
        .run()
        .succeeded();
}

#[test]
fn a_401_in_the_body_with_words_of_the_token_is_the_verdict_of_the_api() {
    let (cloudeka, world) = unlocked(&[]);
    for body in [
        json!({ "status": 401, "message": "token revoked" }),
        json!({ "code": "401", "message": "the token is not valid", "data": null }),
        json!({ "meta": { "code": 401, "message": "token expired" } }),
    ] {
        cloudeka.misbehave_at(LOGIN, Misbehave::status(200, &body));
        let check = world.cldkctl(["auth", "status", "--check", "-o", "json"]);
        let output = check.run().expect_code(3);
        let status: Value = serde_json::from_str(&output.stdout).expect("JSON");
        assert_eq!(status["accepted"], false, "{body}");
        assert!(output.stderr.contains("token"), "{output}");
        output.assert_no_secret(&[TOKEN]);
        let refresh = world.cldkctl(["auth", "refresh"]).run().expect_code(3);
        let words = [&body["message"], &body["meta"]["message"]];
        let words = words.iter().find_map(|it| it.as_str()).expect("words");
        assert!(refresh.stderr.contains(words), "{refresh}");
    }
}

#[test]
fn a_page_that_speaks_of_a_session_is_no_reason_to_give_up() {
    let (cloudeka, world) = unlocked(&[]);
    let page = Answer::new(403, "text/html", "<html>Session timed out</html>");
    cloudeka.misbehave_next(1, Misbehave::Answer(page));
    api(&world, &[PROFILE]).succeeded();
    assert_eq!(
        asked(&cloudeka)[asked(&cloudeka).len() - 2..],
        [LOGIN, PROFILE]
    );
}
