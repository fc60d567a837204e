//! `api`: any call, authenticated, its answer as it came.

use crate::support::standin::Answer;
use crate::support::steps::{log_in, logged_in, unlock, unlocked};
use crate::support::world::Output;
use crate::support::{Misbehave, Received, Standin, TOKEN, World};
use serde_json::{Value, json};

const PROFILE: &str = "/core/user/profile";
/// A route that takes anything and sends it back.
const ROUTE: &str = "/core/user/organization/projects";

fn api(world: &World, args: &[&str]) -> Output {
    world
        .cldkctl(["api", "--max-retries", "0"])
        .args(args)
        .run()
}

fn last(cloudeka: &Standin) -> Received {
    cloudeka.requests().pop().expect("a request")
}

fn data(output: &Output) -> Value {
    let body: Value = serde_json::from_str(&output.stdout).expect("JSON");
    body["data"].clone()
}

#[test]
fn a_path_alone_is_a_get_and_its_answer_comes_byte_for_byte() {
    let (cloudeka, world) = unlocked(&[]);
    let output = api(&world, &[PROFILE]).succeeded();
    assert_eq!(output.stderr, "");
    let session = world.cldkctl(["auth", "token", "--session"]).run().stdout;
    let request = last(&cloudeka);
    assert_eq!(
        (&*request.method, &*request.path, &*request.query),
        ("GET", PROFILE, "")
    );
    assert_eq!(
        request.header("authorization"),
        Some(&*format!("Bearer {}", session.trim_end()))
    );
    assert!(
        !request.contains(TOKEN),
        "the session goes along, not the token"
    );
    assert_eq!(data(&output)["name"], "Sari Wijaya");

    let bytes = b"\x00\xff\xfe no UTF-8, no newline at the end \x1b[31m".to_vec();
    let odd = Answer::new(200, "application/octet-stream", bytes.clone());
    cloudeka.misbehave_at(PROFILE, Misbehave::Answer(odd));
    assert_eq!(api(&world, &[PROFILE]).succeeded().stdout_bytes, bytes);
}

#[test]
fn fields_make_a_post_or_the_query_of_a_get() {
    let (cloudeka, world) = unlocked(&[]);
    api(&world, &[PROFILE, "-f", "name=a=b &c", "--field", "empty="]);
    let request = last(&cloudeka);
    assert_eq!((&*request.method, &*request.query), ("POST", ""));
    assert_eq!(request.json(), json!({ "name": "a=b &c", "empty": "" }));
    assert_eq!(request.header("content-type"), Some("application/json"));

    api(
        &world,
        &["GET", PROFILE, "-f", "name=a=b &c", "-f", "limit=-1"],
    )
    .succeeded();
    let request = last(&cloudeka);
    assert_eq!(request.query, "name=a%3Db+%26c&limit=-1");
    assert!(request.body.is_empty());

    for (method, sent) in [("put", "PUT"), ("Patch", "PATCH"), ("DELETE", "DELETE")] {
        api(&world, &[method, PROFILE, "-f", "a=b"]);
        let request = last(&cloudeka);
        assert_eq!(
            (&*request.method, request.json()),
            (sent, json!({ "a": "b" }))
        );
    }
    api(&world, &["POST", PROFILE]);
    assert!(last(&cloudeka).body.is_empty());
    for wrong in [
        &["TEAPOT", PROFILE][..],
        &[PROFILE, "-f", "no-value"],
        &[PROFILE, "-f", "=value"],
        &[PROFILE, "-f", "a=b", "--input", "-"],
        &[],
    ] {
        let asked = cloudeka.connections();
        api(&world, wrong).expect_code(2);
        assert_eq!(cloudeka.connections(), asked);
    }
}

#[test]
fn a_body_comes_from_a_file_or_from_stdin_as_it_is() {
    let (cloudeka, world) = unlocked(&[]);
    let body = "{ \"kept\" : [1,\n2] }\n";
    let file = world.write("body.json", body);
    api(&world, &[PROFILE, "--input", file.to_str().unwrap()]);
    let request = last(&cloudeka);
    assert_eq!(
        (&*request.method, &*request.body),
        ("POST", body.as_bytes())
    );

    let from_stdin = world.cldkctl(["api", "PUT", PROFILE, "--input", "-"]);
    from_stdin.stdin(body).run();
    let request = last(&cloudeka);
    assert_eq!((&*request.method, &*request.body), ("PUT", body.as_bytes()));

    let output = api(&world, &[PROFILE, "--input", "/no/such/file"]).expect_code(2);
    assert!(output.stderr.contains("/no/such/file"), "{output}");
}

#[test]
fn include_shows_the_status_and_the_headers_first() {
    let (cloudeka, world) = unlocked(&[]);
    let odd = Answer::json(200, &json!({ "data": 1 })).with("x-odd", "\u{9b}31mred");
    cloudeka.misbehave_at(PROFILE, Misbehave::Answer(odd));
    let output = api(&world, &["-i", PROFILE]).succeeded();
    let (head, body) = output
        .stdout
        .split_once("\n\n")
        .expect("an empty line between");
    assert!(head.starts_with("HTTP 200\n"), "{output}");
    assert!(
        head.contains("\ncontent-type: application/json"),
        "{output}"
    );
    assert!(
        !head.contains('\u{9b}'),
        "a header is text of ours by now: {output}"
    );
    assert_eq!(body, "{\"data\":1}");
}

#[test]
fn an_error_of_the_api_prints_its_answer_and_is_exit_8() {
    let (cloudeka, world) = unlocked(&[]);
    for status in [400, 403, 404, 409, 418, 500, 503] {
        let body = json!({ "message": format!("this is {status}") });
        cloudeka.misbehave_at(PROFILE, Misbehave::status(status, &body));
        let output = api(&world, &[PROFILE]).expect_code(8);
        assert_eq!(output.stdout, body.to_string());
        assert!(output.stderr.contains(&status.to_string()), "{output}");
    }
    let output = api(&world, &["/core/no/such/route"]).expect_code(8);
    assert!(output.stdout.contains("route not found"), "{output}");
}

#[test]
fn what_an_answer_is_not_is_not_said_of_it() {
    let (cloudeka, world) = unlocked(&[]);
    let more = "standard output says more";
    // No body, and so none to read.
    let failed = api(&world, &["HEAD", "/core/no/such/route"]).expect_code(8);
    assert!(failed.stdout.is_empty(), "{failed}");
    assert!(failed.stderr.contains("--include"), "{failed}");
    for status in [304, 302, 403] {
        let answer = |body: &str| {
            let answer = Answer::new(status, "text/plain", body);
            Misbehave::Answer(answer.with("location", "/elsewhere"))
        };
        for body in ["", "words"] {
            if status == 304 && !body.is_empty() {
                continue;
            }
            cloudeka.misbehave_at(PROFILE, answer(body));
            let output = api(&world, &[PROFILE]).expect_code(8);
            assert_eq!(output.stdout, body);
            let hinted = output.stderr.contains(more);
            assert_eq!(hinted, !body.is_empty(), "{output}");
            let redirect = output.stderr.contains("a redirect, which is not followed");
            assert_eq!(redirect, status == 302, "{output}");
        }
    }
    // It may well be the API's: it is only too long.
    cloudeka.misbehave_at(PROFILE, Misbehave::HugeBody);
    let output = api(&world, &[PROFILE]).expect_code(7);
    assert!(output.stderr.contains("larger than 64 MiB"), "{output}");
    assert!(output.stderr.contains("less at a time"), "{output}");
    assert!(!output.stderr.contains("--base-url"), "{output}");
}

#[test]
fn an_answer_that_does_not_come_whole_is_exit_7() {
    let (cloudeka, world) = unlocked(&[]);
    for trouble in [
        Misbehave::CutBody,
        Misbehave::CloseAtOnce,
        Misbehave::Garbage,
    ] {
        cloudeka.misbehave_at(PROFILE, trouble.clone());
        let output = api(&world, &[PROFILE]);
        assert_eq!(output.code, 7, "{trouble:?}\n{output}");
        assert_eq!(output.stdout, "", "half an answer is none: {output}");
    }
}

#[test]
fn a_path_that_leads_anywhere_else_is_wrong_usage_and_nothing_is_sent() {
    let (cloudeka, world) = unlocked(&[]);
    let elsewhere = Standin::start();
    let other = elsewhere.base_url();
    let authority = other.strip_prefix("http://").unwrap();
    let asked = cloudeka.connections();
    for path in [
        other.clone(),
        format!("{other}/core/user/profile"),
        format!("//{authority}/core"),
        format!("/\\{authority}/core"),
        format!("\\\\{authority}\\core"),
        format!("@{authority}/core"),
        format!(":80@{authority}/core"),
        format!(".{authority}"),
        "/../core".to_owned(),
        "/core/../../etc".to_owned(),
        "/core/%2e%2E/x".to_owned(),
        "/core/./x".to_owned(),
        "/core#fragment".to_owned(),
        "/a\r\nX-Header: 1".to_owned(),
        "core/user/profile".to_owned(),
        "file:///etc/passwd".to_owned(),
        String::new(),
    ] {
        for args in [&[&*path][..], &["POST", &path, "-f", "a=b"]] {
            let output = api(&world, args);
            assert_eq!(output.code, 2, "{path:?}\n{output}");
            assert_eq!(output.stdout, "", "{path:?}");
        }
    }
    assert_eq!(elsewhere.connections(), 0);
    assert_eq!(cloudeka.connections(), asked, "nor here");

    // Userinfo within a path is a path.
    api(&world, &[&format!("/@{authority}/core")]).expect_code(8);
    assert_eq!(elsewhere.connections(), 0);
    assert_eq!(last(&cloudeka).path, format!("/@{authority}/core"));
}

#[test]
fn a_path_or_a_query_that_is_too_long_to_send_is_wrong_usage_as_well() {
    let (cloudeka, world) = unlocked(&[]);
    let asked = cloudeka.connections();
    let long = "a".repeat(65_534);
    let path = format!("/{long}");
    let half = format!("b={}", &long[..40_000]);
    for args in [&[&*path][..], &["GET", PROFILE, "-f", &half, "-f", &half]] {
        let output = api(&world, args).expect_code(2);
        assert!(output.stderr.contains("65534 bytes"), "{output}");
        assert!(output.stderr.len() < 500, "{output}");
    }
    assert_eq!(cloudeka.connections(), asked);
    // A body may have more.
    api(
        &world,
        &["POST", ROUTE, "-f", &half, "-f", &format!("c={long}")],
    );
    assert!(last(&cloudeka).body.len() > 100_000);
}

#[test]
fn a_redirect_takes_no_token_along() {
    let (cloudeka, world) = unlocked(&[]);
    let elsewhere = Standin::start();
    let to = format!("{}{PROFILE}", elsewhere.base_url());
    for status in [301, 302, 303, 307, 308] {
        let redirect = Answer::new(status, "text/plain", "elsewhere").with("location", &to);
        cloudeka.misbehave_at(PROFILE, Misbehave::Answer(redirect.clone()));
        for method in ["GET", "POST", "DELETE"] {
            let output = api(&world, &[method, PROFILE]);
            assert_eq!(output.code, 8, "{status} {method}\n{output}");
        }
        // While renewing, the long-lived token is at stake.
        cloudeka.behave();
        cloudeka.end_sessions();
        cloudeka.misbehave_at("/core/cldkctl/auth", Misbehave::Answer(redirect));
        assert_ne!(api(&world, &[PROFILE]).code, 0);
        cloudeka.behave();
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[test]
fn an_address_that_was_not_verified_gets_no_token_whatever_says_so() {
    let (cloudeka, world) = unlocked(&[]);
    let elsewhere = Standin::start();
    elsewhere.accept_token(TOKEN);
    let other = elsewhere.base_url();
    let asked = cloudeka.connections();
    let commands: [&[&str]; 5] = [
        &["api", PROFILE],
        &["auth", "token"],
        &["auth", "token", "--session"],
        &["auth", "status", "--check"],
        &["exec", "--session", "--", "env"],
    ];
    for command in commands {
        let by_flag = ["--base-url", &*other]
            .into_iter()
            .chain(command.iter().copied());
        let by_flag = world.cldkctl(by_flag).run();
        let by_variable = world.cldkctl(command.iter().copied());
        let by_variable = by_variable.env("CLDKCTL_BASE_URL", &*other).run();
        for output in [by_flag, by_variable] {
            let output = output.expect_code(3);
            assert!(
                output.stderr.contains("cldkctl auth --base-url"),
                "{output}"
            );
            assert!(output.stderr.contains(&other), "{output}");
            output.assert_no_secret(&[TOKEN]);
        }
    }
    // Another spelling of the same host is another origin.
    let spelt = cloudeka.base_url().replace("127.0.0.1", "localhost");
    world
        .cldkctl(["auth", "token", "-U", &spelt])
        .run()
        .expect_code(3);
    // What the settings say is for new logins alone.
    let settings = std::fs::read_to_string(world.settings_path()).unwrap();
    let settings = format!("base-url = \"{other}\"\n{settings}");
    std::fs::write(world.settings_path(), settings).unwrap();
    let call = world
        .cldkctl(["api", PROFILE])
        .env_remove("CLDKCTL_BASE_URL");
    call.run().succeeded();
    assert_eq!(elsewhere.connections(), 0);
    assert!(cloudeka.connections() > asked);

    // A login there is what it takes.
    world.cldkctl(["lock"]).run().succeeded();
    log_in(&world, TOKEN, &["--base-url", &other]);
    unlock(&world, &[]);
    let call = world.cldkctl(["api", PROFILE, "--base-url", &other]);
    call.run().succeeded();
    assert!(elsewhere.connections() > 0);
}

#[test]
fn another_path_of_the_same_host_is_another_address() {
    let (cloudeka, world) = unlocked(&[]);
    let here = cloudeka.base_url();
    let below = format!("{here}/gateway");
    let asked = cloudeka.connections();
    for command in [
        &["api", PROFILE][..],
        &["auth", "token"],
        &["exec", "--", "true"],
    ] {
        let run = || {
            world
                .cldkctl(["--base-url", &below])
                .args(command.iter().copied())
        };
        let of_the_vault = run().run().expect_code(3);
        let hint = format!("cldkctl auth --base-url {below}");
        assert!(of_the_vault.stderr.contains(&hint), "{of_the_vault}");
        let variable = run().env("CLDKCTL_TOKEN", TOKEN).run().expect_code(3);
        assert!(variable.stderr.contains(&below), "{variable}");
    }
    assert_eq!(cloudeka.connections(), asked, "nothing was sent");
    // The same address in other letters is none.
    let spelt = format!("{}//", here.replace("http", "HTTP"));
    for token in ["", TOKEN] {
        let call = world.cldkctl(["api", PROFILE, "--base-url", &spelt]);
        call.env("CLDKCTL_TOKEN", token).run().succeeded();
    }

    // A login there is what it takes, and it takes nothing from the one here.
    let session = json!({ "data": { "token": "head.claims.sig" } });
    let answer = Answer::json(200, &session);
    cloudeka.misbehave_at("/gateway/core/cldkctl/auth", Misbehave::Answer(answer));
    world.cldkctl(["lock"]).run().succeeded();
    log_in(&world, TOKEN, &["--base-url", &below]);
    unlock(&world, &[]);
    let profile = format!("/gateway{PROFILE}");
    let answer = Answer::new(200, "text/plain", "by way of the gateway");
    cloudeka.misbehave_at(&profile, Misbehave::Answer(answer));
    api(&world, &[PROFILE, "--base-url", &below]).succeeded();
    assert_eq!(last(&cloudeka).path, profile);
    api(&world, &[PROFILE, "--context", "default"]).succeeded();
    assert_eq!(last(&cloudeka).path, PROFILE);
}

#[test]
fn locked_or_logged_out_nothing_is_sent() {
    let (cloudeka, world) = logged_in();
    let asked = cloudeka.connections();
    api(&world, &[PROFILE]).expect_code(4);
    let empty = World::new().at(&cloudeka);
    let output = api(&empty, &[ROUTE]).expect_code(3);
    assert!(output.stderr.contains("cldkctl auth"), "{output}");
    assert_eq!(cloudeka.connections(), asked);
}
