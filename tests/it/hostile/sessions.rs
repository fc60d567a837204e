//! Sessions and numbers that no sensible server sends: none is kept that cannot be used, none
//! is believed for longer than a month, and none makes a command go round in circles.

use std::time::Duration;

use crate::support::standin::{Answer, nobodys_url};
use crate::support::steps::{contents_of, due};
use crate::support::{Misbehave, PASSPHRASE, Standin, TOKEN};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

const LOGIN: &str = "/core/cldkctl/auth";
const PROFILE: &str = "/core/user/profile";

#[test]
fn absurd_claims_are_believed_within_reason() {
    let (cloudeka, world) = due();
    let far = "9".repeat(400);
    for claims in [
        r#"{"exp":-1}"#,
        r#"{"exp":0}"#,
        r#"{"exp":1e308}"#,
        r#"{"exp":-1e308}"#,
        r#"{"exp":1e999}"#,
        r#"{"exp":9223372036854775807}"#,
        r#"{"exp":-9223372036854775808}"#,
        r#"{"exp":18446744073709551615}"#,
        &format!(r#"{{"exp":{far}}}"#),
        r#"{"exp":"tomorrow"}"#,
        r#"{"exp":"9999999999"}"#,
        r#"{"exp":NaN}"#,
        r#"{"exp":Infinity}"#,
        r#"{"exp":null}"#,
        r#"{"exp":[9999999999]}"#,
        r#"{"exp":{"exp":1}}"#,
        r#"{"exp":1,"exp":9999999999}"#,
        r#"{"iat":9999999999,"nbf":9999999999,"exp":9999999999}"#,
        r#"{"iat":9999999999,"exp":1}"#,
        r#"{"nbf":1e308}"#,
        &format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))[..4000],
        "\u{1b}[2J",
        "",
    ] {
        let claims = &claims[..claims.len().min(4000)];
        cloudeka.behave();
        cloudeka.misbehave_at(LOGIN, Misbehave::Claims(claims.to_owned()));
        let begun = Timestamp::now();
        let asked = cloudeka.requests_for(LOGIN).len();
        let output = world.cldkctl(["api", PROFILE]).run();
        assert!(
            output.code == 0 && output.stderr.is_empty(),
            "{claims}: {output}"
        );
        let asked = cloudeka.requests_for(LOGIN).len() - asked;
        assert!(asked <= 1, "{claims}: asked {asked} times");

        let contents = contents_of(&world.vault_path(), PASSPHRASE);
        let ends = contents["contexts"][0]["session"]["expires_at"].as_str();
        let ends: Timestamp = ends.and_then(|text| text.parse().ok()).expect("a time");
        let month = SignedDuration::from_hours(30 * 24) + SignedDuration::from_secs(60);
        assert!(ends.duration_since(begun) <= month, "{claims}: {ends}");
        for format in ["table", "json", "yaml"] {
            let shown = world
                .cldkctl(["context", "show", "-o", format])
                .run()
                .succeeded();
            assert!(shown.stdout.contains("20"), "{claims}: {shown}");
        }
    }
}

#[test]
fn a_session_that_is_none_is_not_kept() {
    let (cloudeka, world) = due();
    let before = world.files();
    let long = "a".repeat(64 * 1024);
    for session in [
        "",
        " ",
        "a\nb",
        "a\r\nX-Evil: 1",
        "a\0b",
        "a\u{1b}[2Jb",
        "a b",
        "\u{202e}a",
        "é",
        "a\u{9b}b",
        &long,
    ] {
        cloudeka.behave();
        cloudeka.misbehave_at(LOGIN, Misbehave::SessionText(session.to_owned()));
        for args in [
            &["auth", "token", "--session"][..],
            &["api", PROFILE],
            &["exec", "--session", "--", "true"],
            &["auth", "status", "--check"],
        ] {
            let output = world.cldkctl(args.iter().copied()).run().expect_code(7);
            assert!(
                output.stderr.contains("no session token in it"),
                "{session:?}: {output}"
            );
            assert!(!output.stdout.contains('\u{1b}'), "{session:?}: {output}");
        }
        let output = world.cldkctl(["auth", "--token-stdin"]).stdin(TOKEN).run();
        output.expect_code(7);
        assert!(world.files() == before, "{session:?} was kept");
    }
}

#[test]
fn json_that_is_absurd_breaks_nothing() {
    let (cloudeka, world) = due();
    let before = world.files();
    let nested =
        |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let session = |rest: &str| format!(r#"{{"data":{{"token":"head.claims.sig",{rest}}}}}"#);
    let list = nested("[", "]");
    let map = nested("{\"a\":", "}");
    for (body, status, code) in [
        (session(&format!("\"name\":{list}")), 200, 7),
        (session("\"role\":1e999"), 200, 7),
        (session("\"token\":\"other.claims.sig\""), 200, 7),
        (session("\"role\":NaN"), 200, 7),
        (
            format!("{} {}", session("\"a\":1"), session("\"a\":1")),
            200,
            7,
        ),
        (
            r#"{"data":{"token":"a.b.c"},"data":{"token":"d.e.f"}}"#.to_owned(),
            200,
            7,
        ),
        (r#"{"data":{"token":["a.b.c"]}}"#.to_owned(), 200, 7),
        // The values of an object, without their names.
        (r#"[{"token":"a.b.c"}]"#.to_owned(), 200, 7),
        (r#"{"data":["a.b.c"]}"#.to_owned(), 200, 7),
        ("\u{feff}".repeat(1000), 200, 7),
        (list.clone(), 200, 7),
        (map.clone(), 200, 7),
        (list.clone(), 500, 8),
        (map.clone(), 500, 8),
        (format!("{{\"message\":{list}}}"), 400, 8),
        ("[".repeat(1 << 19), 500, 8),
        ("\"".repeat(1 << 19), 500, 8),
        (
            format!("{{\"message\":\"{}\"}}", "é".repeat(1 << 18)),
            500,
            8,
        ),
        (
            format!("{{\"message\":\"{}\"}}", " ".repeat(1 << 19)),
            500,
            8,
        ),
    ] {
        cloudeka.behave();
        let answer = Answer::new(status, "application/json", body.clone());
        cloudeka.misbehave_at(LOGIN, Misbehave::Answer(answer));
        for args in [&["api", PROFILE][..], &["auth", "status", "--check"]] {
            let what = body.chars().take(60).collect::<String>();
            let run = world
                .cldkctl(args.iter().copied())
                .patience(Duration::from_secs(20));
            let output = run.run();
            assert_eq!(output.code, code, "{what}: {output}");
            assert!(output.stderr.len() < 1200, "{what}: {output}");
            assert!(world.files() == before, "{what}");
        }
    }
}

#[test]
fn the_facts_of_an_account_cannot_fill_the_vault() {
    let (cloudeka, world) = due();
    let mut facts = serde_json::Map::new();
    for number in 0..20_000 {
        facts.insert(format!("fact {number}"), json!("x"));
    }
    facts.insert("token".into(), json!("head.claims.sig"));
    facts.insert("name".into(), json!("n".repeat(500_000)));
    cloudeka.misbehave_at(LOGIN, Misbehave::status(200, &json!({ "data": facts })));
    world
        .cldkctl(["auth", "token", "--session"])
        .run()
        .succeeded();
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let account = contents["contexts"][0]["account"]
        .as_object()
        .expect("facts");
    // And the three that tell the account apart, of the login.
    assert_eq!(account.len(), 64 + 3);
    assert!(contents.to_string().len() < 20_000);
}

#[test]
fn no_wait_that_a_server_asks_for_is_absurd() {
    let (cloudeka, world) = due();
    let too_long = [
        ("1000000000", ""),
        ("99999999999999999999999999", ""),
        ("Fri, 31 Dec 9999 23:59:59 GMT", ""),
        (
            "Fri, 31 Dec 9999 23:59:59 GMT",
            "Thu, 01 Jan 1970 00:00:00 GMT",
        ),
        ("Fri Dec 31 23:59:59 9999", ""),
        ("Thu, 01 Jan 2099 00:00:00 GMT", "nonsense"),
    ];
    // None of them is a time to wait: one's own short pauses are.
    let none = [
        ("0", ""),
        ("Friday, 31-Dec-99 23:59:59 GMT", ""),
        ("1e9", ""),
        ("-1", ""),
        ("NaN", ""),
        ("0x7fffffff", ""),
        (
            "Thu, 01 Jan 1970 00:00:00 GMT",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ),
        ("\u{9b}2J", "\u{9b}2J"),
    ];
    let too_long = too_long.map(|answer| (answer, true));
    let none = none.map(|answer| (answer, false));
    for ((after, date), too_long) in too_long.into_iter().chain(none) {
        for status in [429, 503] {
            cloudeka.behave();
            let mut answer = Answer::json(status, &json!({ "message": "later" }));
            answer = answer.with("retry-after", after);
            if !date.is_empty() {
                answer = answer.with("date", date);
            }
            cloudeka.misbehave_at(LOGIN, Misbehave::Answer(answer));
            let api = world.cldkctl(["-v", "--max-retries", "1", "api", PROFILE]);
            let output = api.patience(Duration::from_secs(15)).run();
            assert_eq!(output.code, 8, "{after:?}: {output}");
            assert!(!output.stderr.contains('\u{9b}'), "{after:?}: {output}");
            for (said, expected) in [
                ("trying again", !too_long),
                ("asks to wait longer than a day", too_long),
                (" seconds", false),
            ] {
                let is_said = output.stderr.contains(said);
                assert_eq!(is_said, expected, "{said}: {after:?}: {output}");
            }
        }
    }
}

#[test]
fn no_redirect_leads_anywhere() {
    let (cloudeka, world) = due();
    let other = Standin::start();
    let elsewhere = other.base_url();
    let path = world.write("precious", "precious");
    let before = world.files();
    for target in [
        format!("{elsewhere}{LOGIN}"),
        elsewhere.replace("http://", "https://"),
        elsewhere.replace("http:", ""),
        format!("{}{LOGIN}", cloudeka.base_url()),
        LOGIN.to_owned(),
        PROFILE.to_owned(),
        String::new(),
        format!("file://{}", path.display()),
        "javascript:alert(1)".to_owned(),
        "data:text/plain,hello".to_owned(),
        nobodys_url(),
        format!("http://{TOKEN}.evil.example/"),
        format!("http://evil.example/?{TOKEN}"),
        "http://\u{202e}\u{9b}31m.example/".to_owned(),
        format!("http://{}.example/", "x".repeat(100_000)),
    ] {
        for status in [300, 301, 302, 303, 304, 305, 307, 308, 399] {
            let answer = Answer::new(status, "text/plain", "elsewhere").with("location", &target);
            let redirect = Misbehave::Answer(answer);
            cloudeka.behave();
            cloudeka.misbehave_at(LOGIN, redirect.clone());
            let asked = cloudeka.requests().len();
            let output = world.cldkctl(["auth", "token", "--session"]).run();
            assert_eq!(output.code, 7, "{status} {target}: {output}");
            output.assert_no_secret(&[TOKEN, "precious"]);
            assert!(!output.stderr.contains(['\u{202e}', '\u{9b}']), "{output}");
            assert!(output.stderr.len() < 1200, "{output}");
            assert_eq!(cloudeka.requests().len(), asked + 1, "{status} {target}");
        }
    }
    // With the session in hand it is an answer, and nothing more.
    cloudeka.behave();
    cloudeka.misbehave_at(
        PROFILE,
        Misbehave::redirect(&format!("{elsewhere}{PROFILE}")),
    );
    let output = world.cldkctl(["api", PROFILE]).run().expect_code(8);
    assert_eq!(output.stdout, "elsewhere");
    assert_eq!(other.connections(), 0);
    let vault = world.vault_path();
    assert!(before.contains_key(&vault));
}
