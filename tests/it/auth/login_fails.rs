//! Every way in which the API and the network fail a login: the documented exit code, a message
//! that says what, where and what to do next, no trace on disk, and the token nowhere but at
//! the API. What a person gives wrong is in `auth/login_refused.rs`.

use std::time::{Duration, Instant};

use crate::support::failures::{assert_failed, assert_unchanged, auth, worlds};
use crate::support::standin::{Answer, nobodys_url};
use crate::support::steps::{cloudeka_and_world, type_new_passphrase};
use crate::support::{Misbehave, PASSPHRASE, Standin, TOKEN};
use serde_json::json;

/// Runs a login against a server that answers so.
#[track_caller]
fn fails_when_the_server(how: Misbehave, code: i32, says: &str) {
    for (cloudeka, world) in worlds() {
        let earlier = cloudeka.requests().len();
        cloudeka.misbehave(how.clone());
        let (run, before) = auth(&world);
        let start = Instant::now();
        let output = run.args(["--max-retries", "0"]).run();
        assert!(
            start.elapsed() < Duration::from_secs(10),
            "{how:?} takes {:?}",
            start.elapsed()
        );
        let host = cloudeka.base_url();
        assert_failed(&world, &before, output, code, &[&host, says]);
        assert_unchanged(&world, &before);
        assert_eq!(cloudeka.requests().len() - earlier, 1, "asked once");
    }
}

#[test]
fn a_token_that_the_api_rejects() {
    for (message, status) in [
        ("token not found or expired", 401),
        ("", 401),
        ("invalid token", 400),
        ("token has expired", 400),
    ] {
        let how = Misbehave::status(status, &json!({ "message": message }));
        fails_when_the_server(how, 3, message);
    }
    fails_when_the_server(
        Misbehave::Answer(Answer::new(401, "text/plain", "no such token")),
        3,
        "no such token",
    );
    fails_when_the_server(Misbehave::EchoToken, 3, "rejected");
}

#[test]
fn a_token_that_is_unknown_says_how_to_get_a_new_one() {
    for (cloudeka, world) in worlds() {
        cloudeka.revoke_token(TOKEN);
        let (run, before) = auth(&world);
        let host = cloudeka.base_url();
        assert_failed(
            &world,
            &before,
            run.args(["--max-retries", "0"]).run(),
            3,
            &[&host, "401", "portal"],
        );
        assert_unchanged(&world, &before);
    }
}

#[test]
fn trouble_of_the_servers_own_is_no_verdict_on_the_token() {
    fails_when_the_server(Misbehave::internal_error(), 8, "500");
    fails_when_the_server(Misbehave::database_error(), 8, "400");
    fails_when_the_server(
        Misbehave::status(403, &json!({ "message": "forbidden" })),
        8,
        "403",
    );
    fails_when_the_server(
        Misbehave::status(404, &json!({ "message": "not found" })),
        8,
        "404",
    );
    fails_when_the_server(Misbehave::html(401), 8, "401");
    fails_when_the_server(Misbehave::html(502), 8, "502");
    fails_when_the_server(Misbehave::unavailable(), 8, "503");
    fails_when_the_server(Misbehave::too_many_requests(3600), 8, "3600 seconds");
}

#[test]
fn an_answer_that_is_none() {
    fails_when_the_server(Misbehave::html(200), 7, "web page");
    fails_when_the_server(Misbehave::broken_json(), 7, "JSON");
    fails_when_the_server(Misbehave::no_session(), 7, "no session token");
    fails_when_the_server(Misbehave::invalid_utf8(), 7, "UTF-8");
    fails_when_the_server(Misbehave::status(200, &json!([])), 7, "sensibly");
    fails_when_the_server(
        Misbehave::status(200, &json!({ "data": { "token": "a\nb" } })),
        7,
        "no session token",
    );
    fails_when_the_server(
        Misbehave::Answer(Answer::new(204, "text/plain", "")),
        7,
        "sensibly",
    );
    fails_when_the_server(Misbehave::Garbage, 7, "not HTTP");
}

#[test]
fn an_answer_without_end() {
    fails_when_the_server(Misbehave::HugeBody, 7, "larger than 1 MiB");
    fails_when_the_server(Misbehave::EndlessBody, 7, "larger than 1 MiB");
}

#[test]
fn a_connection_that_breaks() {
    fails_when_the_server(Misbehave::CloseAtOnce, 7, "connection ended");
    fails_when_the_server(Misbehave::CutBody, 7, "connection ended");
}

#[test]
fn a_redirect_is_not_followed() {
    let elsewhere = Standin::start();
    elsewhere.accept_token(TOKEN);
    for path in ["", "/core/cldkctl/auth"] {
        let url = elsewhere.base_url() + path;
        fails_when_the_server(Misbehave::redirect(&url), 7, &elsewhere.base_url());
    }
    for status in [301, 302, 303, 308] {
        let answer = Answer::new(status, "text/plain", "").with("location", &elsewhere.base_url());
        fails_when_the_server(Misbehave::Answer(answer), 7, "redirects");
    }
    fails_when_the_server(Misbehave::redirect("/elsewhere"), 7, "redirect");
    assert_eq!(elsewhere.connections(), 0, "the other host was contacted");
}

#[test]
fn nobody_is_there() {
    for (_cloudeka, world) in worlds() {
        let (nobody, (run, before)) = (nobodys_url(), auth(&world));
        let output = run
            .args(["--base-url", &nobody, "--max-retries", "0"])
            .run();
        assert_failed(&world, &before, output, 7, &[&nobody, "refused"]);

        let (run, _) = auth(&world);
        let output = run
            .args([
                "--base-url",
                "https://cloudeka.invalid",
                "--max-retries",
                "0",
            ])
            .run();
        assert_failed(
            &world,
            &before,
            output,
            7,
            &["https://cloudeka.invalid", "not found"],
        );
        assert_unchanged(&world, &before);
    }
}

#[test]
fn what_cannot_be_a_host_is_told_and_not_tried_again() {
    let (_cloudeka, world) = cloudeka_and_world();
    for url in ["https://-", "https://.", "https://a..b"] {
        let (run, before) = auth(&world);
        let output = run.args(["-v", "-U", url]).run();
        assert!(!output.stderr.contains("trying again"), "{output}");
        assert_failed(&world, &before, output, 7, &[url, "not a host name"]);
    }
    // An address of one link, without the link.
    let (run, before) = auth(&world);
    let run = run.args(["-U", "https://[fe80::1]", "--max-retries", "0"]);
    let output = run.run();
    assert!(!output.stderr.contains("HTTP"), "{output}");
    assert_failed(&world, &before, output, 7, &["cannot reach"]);
}

#[test]
fn https_where_http_is_spoken_sends_nothing() {
    for (cloudeka, world) in worlds() {
        let earlier = cloudeka.requests().len();
        let (run, before) = auth(&world);
        let url = cloudeka.base_url().replace("http:", "https:");
        assert_failed(&world, &before, run.args(["-U", &url]).run(), 7, &[&url]);
        assert_unchanged(&world, &before);
        assert_eq!(cloudeka.requests().len(), earlier);
    }
}

#[test]
fn plain_http_leaves_this_machine_under_no_name() {
    for (cloudeka, world) in worlds() {
        let earlier = cloudeka.connections();
        let port = cloudeka
            .base_url()
            .rsplit(':')
            .next()
            .expect("a port")
            .to_owned();
        for host in [
            "ai.cloudeka.id",
            "192.168.1.1",
            "127.0.0.1.example.com",
            "localhost.example.com",
            "0.0.0.0",
            "[::ffff:127.0.0.1]",
        ] {
            let url = format!("http://{host}:{port}");
            let (run, before) = auth(&world);
            let output = run.args(["--base-url", &url]).run();
            assert_failed(&world, &before, output, 2, &["--base-url", "https"]);
            let (run, before) = auth(&world);
            let output = run.env("CLDKCTL_BASE_URL", url).run();
            assert_failed(&world, &before, output, 2, &["CLDKCTL_BASE_URL", "https"]);
            assert_unchanged(&world, &before);
        }
        for url in [
            "ftp://127.0.0.1",
            "127.0.0.1",
            "https://",
            "https://user:secret@127.0.0.1",
            "https://a b",
        ] {
            let (run, before) = auth(&world);
            let output = run.args(["--base-url", url]).run();
            output.assert_no_secret(&["user:secret"]);
            assert_failed(&world, &before, output, 2, &["--base-url"]);
        }
        assert_eq!(cloudeka.connections(), earlier);
    }
}

#[test]
fn a_failed_login_can_simply_be_repeated() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave_next(1, Misbehave::internal_error());
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    terminal.expect("error:");
    assert_eq!(terminal.wait(), 8);
    assert!(!terminal.screen().contains("passphrase"), "verified first");
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
}
