//! A clock of this machine that is wrong: a session ends when the server says so, and the person
//! is told.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::support::failures;
use crate::support::steps::{auth, cloudeka_and_world, contents_of, due, unlock, unlocked};
use crate::support::{Certificate, Misbehave, PASSPHRASE, Standin, TOKEN, World};

const LOGIN: &str = "/core/cldkctl/auth";
const PROFILE: &str = "/core/user/profile";

const HOUR: i64 = 60 * 60;
const DAY: i64 = 24 * HOUR;

/// Every command that has a session to use.
const COMMANDS: [&[&str]; 4] = [
    &["auth", "token", "--session"],
    &[
        "exec",
        "--session",
        "--",
        "printenv",
        "CLDKCTL_SESSION_TOKEN",
    ],
    &["api", PROFILE],
    &["auth", "status", "--check"],
];

/// What the vault has of the login.
fn stored(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)["contexts"][0].clone()
}

#[track_caller]
fn time(value: &Value) -> Timestamp {
    value
        .as_str()
        .and_then(|text| text.parse().ok())
        .expect("a time")
}

/// The claim `exp` of the session in the vault.
fn claimed_end(context: &Value) -> i64 {
    let session = context["session"]["token"].as_str().expect("a session");
    let claims = session.split('.').nth(1).expect("a JWT");
    let claims = URL_SAFE_NO_PAD.decode(claims).expect("base64");
    let claims: Value = serde_json::from_slice(&claims).expect("JSON");
    claims["exp"].as_i64().expect("a number")
}

/// Fails the test unless it is at most some seconds from now, and so many.
#[track_caller]
fn assert_from_now(time: Timestamp, seconds: i64) {
    let from_now = time.duration_since(Timestamp::now()).as_secs();
    assert!((from_now - seconds).abs() < 60, "{from_now}, not {seconds}");
}

#[test]
fn the_end_of_a_session_is_its_own_claim_whatever_the_clock_says() {
    for ahead in [-400 * DAY, -2 * DAY, -2 * HOUR, 0, 2 * HOUR, 60 * DAY] {
        let (cloudeka, world) = cloudeka_and_world();
        cloudeka.clock_ahead(ahead);
        auth(&world).run().succeeded();
        let context = stored(&world);
        let ends = time(&context["session"]["expires_at"]);
        assert_eq!(ends.as_second(), claimed_end(&context), "{ahead}");
        assert_from_now(ends, ahead + DAY);
        assert_from_now(time(&context["verified_at"]), ahead);
    }
}

#[test]
fn a_session_without_an_end_lasts_a_day_by_the_servers_clock() {
    for (ahead, end) in [(-2 * DAY, -DAY), (2 * HOUR, DAY + 2 * HOUR), (0, DAY)] {
        let (cloudeka, world) = cloudeka_and_world();
        cloudeka.clock_ahead(ahead);
        cloudeka.misbehave_at(LOGIN, Misbehave::Claims("{}".to_owned()));
        auth(&world).run().succeeded();
        assert_from_now(time(&stored(&world)["session"]["expires_at"]), end);
    }
}

/// This machine's clock says that there are hours left.
#[test]
fn a_session_that_is_over_is_not_given_out_by_a_clock_that_is_behind() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.clock_ahead(2 * HOUR);
    cloudeka.session_life(50);
    auth(&world).run().succeeded();
    for args in &COMMANDS[..3] {
        let asked = cloudeka.requests_for(LOGIN).len();
        world.cldkctl(args.iter().copied()).run().succeeded();
        assert_eq!(cloudeka.requests_for(LOGIN).len(), asked + 1, "{args:?}");
    }
    cloudeka.session_life(DAY);
    world.cldkctl(["api", PROFILE]).run().succeeded();
    let asked = cloudeka.requests_for(LOGIN).len();
    for args in &COMMANDS[..3] {
        world.cldkctl(args.iter().copied()).run().succeeded();
    }
    assert_eq!(cloudeka.requests_for(LOGIN).len(), asked, "it is good");
}

#[test]
fn every_command_says_once_that_the_clock_is_wrong() {
    for (ahead, says) in [
        (
            -2 * DAY,
            "this machine's clock is 2 days ahead of that of http://127.0.0.1:",
        ),
        (
            -2 * HOUR,
            "this machine's clock is 2h ahead of that of http://127.0.0.1:",
        ),
        (150, "this machine's clock is 2m behind that of"),
        (61 * DAY, "days behind that of http://127.0.0.1:"),
    ] {
        let (cloudeka, world) = due();
        cloudeka.clock_ahead(ahead);
        for args in COMMANDS {
            let output = world.cldkctl(args.iter().copied()).arg("-q");
            let output = match args[0] {
                "exec" => world.cldkctl(args.iter().copied()).run(),
                _ => output.run(),
            };
            let output = output.succeeded();
            let told = output
                .stderr
                .matches("warning: this machine's clock")
                .count();
            assert_eq!(told, 1, "{ahead}: {output}");
            assert!(output.stderr.contains(says), "{ahead}: {output}");
        }
        let output = world.cldkctl(["auth", "token"]).run().succeeded();
        assert_eq!(output.stderr, "", "and none where nobody is asked");
        // A failure is no reason to be silent.
        cloudeka.revoke_token(TOKEN);
        let output = world
            .cldkctl(["auth", "status", "--check"])
            .run()
            .expect_code(3);
        assert!(output.stderr.contains(says), "{output}");
    }
}

#[test]
fn a_clock_that_is_right_is_not_complained_of() {
    let now = Timestamp::now().as_second();
    let claims = |issued: i64, ends: i64| json!({ "iat": now + issued, "exp": now + ends });
    for (what, ahead, claims) in [
        ("all agree", 0, claims(0, DAY)),
        ("within a minute", 45, claims(45, DAY)),
        ("issued in the future", 0, claims(10 * DAY, 11 * DAY)),
        ("issued long ago", 0, claims(-10 * DAY, DAY)),
        (
            "a Date that the session contradicts",
            5 * HOUR,
            claims(0, DAY),
        ),
        (
            "a Date hours apart from both",
            5 * HOUR,
            claims(-5 * HOUR, DAY),
        ),
        ("a Date of an older answer", -5 * HOUR, claims(0, DAY)),
    ] {
        let (cloudeka, world) = cloudeka_and_world();
        cloudeka.clock_ahead(ahead);
        cloudeka.misbehave_at(LOGIN, Misbehave::Claims(claims.to_string()));
        let output = auth(&world).run().succeeded();
        assert!(!output.stderr.contains("warning"), "{what}: {output}");
        let context = stored(&world);
        let ends = time(&context["session"]["expires_at"]).as_second();
        assert_eq!(Value::from(ends), claims["exp"], "{what}");
        assert_from_now(time(&context["verified_at"]), 0);
        assert!(context["session"]["clock_behind"].is_null(), "{what}");
    }
}

#[test]
fn a_date_that_is_nonsense_is_passed_over() {
    let (cloudeka, world) = unlocked(&[]);
    for date in [
        "",
        "now",
        "Thu, 01 Jan 1970 00:00:00 GMT",
        "Fri, 31 Dec 9999 23:59:59 GMT",
        "Thu, 32 Foo 2026 25:61:61 GMT",
        "1767268800",
    ] {
        let right = crate::support::standin::Answer::json(200, &json!({ "data": {} }));
        cloudeka.misbehave_at(PROFILE, Misbehave::Answer(right.with("date", date)));
        let output = world.cldkctl(["api", PROFILE]).run().succeeded();
        assert_eq!(output.stderr, "", "{date}");
    }
}

#[test]
fn a_session_got_by_a_wrong_clock_is_good_when_the_clock_was_set() {
    let (cloudeka, world) = cloudeka_and_world();
    // Two days ahead at login; the session is over by the time the clock is right again.
    cloudeka.clock_ahead(-2 * DAY);
    auth(&world).run().succeeded();
    unlock(&world, &[]);
    cloudeka.clock_ahead(0);
    for args in COMMANDS {
        let output = world.cldkctl(args.iter().copied()).run().succeeded();
        assert!(!output.stderr.contains("warning"), "{output}");
    }
    let ends = time(&stored(&world)["session"]["expires_at"]);
    assert!(ends > Timestamp::now() + SignedDuration::from_hours(23));
}

#[test]
fn a_certificate_that_is_over_or_has_not_begun_may_be_the_clocks_fault() {
    for (certificate, says, otherwise) in [
        (
            Certificate::Expired,
            "its certificate has expired",
            "certificate renewed",
        ),
        (
            Certificate::NotYetValid,
            "its certificate is not valid yet",
            "wait for the certificate",
        ),
    ] {
        let cloudeka = Standin::start_tls_with(certificate);
        cloudeka.accept_token(TOKEN);
        let world = World::new().at(&cloudeka);
        world.write("ca.pem", cloudeka.ca_pem());
        let (run, before) = failures::auth(&world);
        let today = Timestamp::now().strftime("clock if %Y-%m-%d ").to_string();
        let output = run.arg("--ca-cert").arg(world.home().join("ca.pem")).run();
        let says = [says, "set this machine's clock", otherwise, &today];
        failures::assert_failed(&world, &before, output, 7, &says);
    }
}
