//! Servers that break the protocol, or stretch it: every command that asks the API ends with
//! the exit code for it, says why, and leaves the vault as it was.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use crate::support::failures::Files;
use crate::support::standin::Answer;
use crate::support::steps::{are_installed, due};
use crate::support::world::{Cldkctl, Output};
use crate::support::{Misbehave, PASSPHRASE, TOKEN, World};
use serde_json::json;

const LOGIN: &str = "/core/cldkctl/auth";
const PROFILE: &str = "/core/user/profile";

/// Every command that asks the API, with nothing left to say or to retry.
const COMMANDS: [&[&str]; 5] = [
    &["auth", "--token-stdin"],
    &["auth", "status", "--check", "-o", "json"],
    &["auth", "token", "--session"],
    &["api", PROFILE],
    &["exec", "--session", "--", "true"],
];

fn command<'world>(world: &'world World, args: &[&str]) -> Cldkctl<'world> {
    let run = world.cldkctl(args.iter().copied());
    if args[1] == "--token-stdin" {
        run.stdin(TOKEN)
    } else {
        run
    }
}

/// What holds of a command that got no good answer.
#[track_caller]
fn assert_refused(world: &World, before: &Files, output: Output, codes: &[i32], what: &str) {
    assert!(codes.contains(&output.code), "{what}: {output}");
    for label in ["error: ", "hint: "] {
        let said = output.stderr.lines().any(|line| line.starts_with(label));
        assert!(said, "{what}: {output}");
    }
    assert!(!output.stderr.contains("panicked"), "{what}: {output}");
    assert!(output.stderr.len() < 1500, "{what}: {output}");
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
    assert!(&world.files() == before, "{what}: the vault was changed");
}

/// Each command meets each of these answers in place of its new session.
fn each_is_refused(answers: &[(&str, Misbehave)], codes: &[i32]) {
    let (cloudeka, world) = due();
    let before = world.files();
    for (what, how) in answers {
        cloudeka.behave();
        cloudeka.misbehave_at(LOGIN, how.clone());
        for args in COMMANDS {
            let run = command(&world, args).args(["--max-retries", "0"]);
            let what = format!("{what}: {args:?}");
            let output = run.patience(Duration::from_secs(20)).run();
            assert_refused(&world, &before, output, codes, &what);
        }
    }
}

fn bytes(bytes: impl Into<Vec<u8>>) -> Misbehave {
    Misbehave::Bytes(bytes.into())
}

const GOOD: &str = r#"{"data":{"token":"head.claims.sig"}}"#;

#[test]
fn heads_that_are_too_much() {
    let lines = |line: &str, count| format!("HTTP/1.1 200 OK\r\n{}\r\n{GOOD}", line.repeat(count));
    each_is_refused(
        &[
            ("100,000 headers", bytes(lines("x-a: b\r\n", 100_000))),
            (
                "a header of 1 MiB",
                bytes(lines(&format!("x: {}\r\n", "y".repeat(1 << 20)), 1)),
            ),
            (
                "a status line of 1 MiB",
                bytes(format!("HTTP/1.1 200 {}\r\n\r\n", "O".repeat(1 << 20))),
            ),
            (
                "no end",
                Misbehave::Endless(
                    b"HTTP/1.1 200 OK\r\n".to_vec(),
                    b"x-a: bbbbbbbbbbbbbbbbb\r\n".repeat(50),
                ),
            ),
            (
                "one header without end",
                Misbehave::Endless(b"HTTP/1.1 200 OK\r\nx: ".to_vec(), b"y".repeat(4096)),
            ),
            (
                "no line without end",
                Misbehave::Endless(Vec::new(), b"y".repeat(4096)),
            ),
        ],
        &[7],
    );
}

#[test]
fn framing_that_is_wrong() {
    let with =
        |headers: &str, body: &str| bytes(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n{body}"));
    let chunked = |body: &str| with("transfer-encoding: chunked", body);
    each_is_refused(
        &[
            (
                "two lengths",
                with("content-length: 5\r\ncontent-length: 36", GOOD),
            ),
            ("a length below zero", with("content-length: -1", GOOD)),
            (
                "a length of 2^70",
                with("content-length: 1180591620717411303424", GOOD),
            ),
            ("a length of words", with("content-length: all of it", GOOD)),
            ("longer than said", with("content-length: 9", GOOD)),
            ("shorter than said", with("content-length: 3600", GOOD)),
            (
                "a chunk of 2^76",
                chunked(&format!("{}\r\n{GOOD}\r\n0\r\n\r\n", "f".repeat(19))),
            ),
            (
                "a chunk of 2^64-1",
                chunked(&format!("{}\r\n{GOOD}\r\n0\r\n\r\n", "f".repeat(16))),
            ),
            (
                "a chunk below zero",
                chunked(&format!("-5\r\n{GOOD}\r\n0\r\n\r\n")),
            ),
            ("a chunk cut short", chunked("24\r\n{\"data\"")),
            ("chunks without end", chunked(&format!("24\r\n{GOOD}\r\n"))),
            (
                "a chunk's extension without end",
                Misbehave::Endless(
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=".to_vec(),
                    b"y".repeat(4096),
                ),
            ),
            (
                "trailers without end",
                Misbehave::Endless(
                    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n".to_vec(),
                    b"x-a: yyyyyyyyyyyyyyyyy\r\n".repeat(50),
                ),
            ),
            ("nothing", bytes("")),
            ("half a status line", bytes("HTTP/1.1 20")),
            (
                "HTTP/2",
                bytes(
                    b"\0\0\x12\x04\0\0\0\0\0\0\x03\0\0\0\x80\0\x04\0\x01\0\0\0\x05\0\xff\xff\xff"
                        .to_vec(),
                ),
            ),
            (
                "switching protocols",
                bytes(
                    "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
                ),
            ),
            (
                "a status of 99",
                bytes(format!("HTTP/1.1 099 Odd\r\n\r\n{GOOD}")),
            ),
            (
                "a status of 999",
                bytes("HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n"),
            ),
            (
                "a header with a zero",
                with("x-a: a\0b\r\ncontent-length: 36", GOOD),
            ),
            (
                "a header's name with an escape",
                with("x\x1b[2J: a\r\ncontent-length: 36", GOOD),
            ),
        ],
        &[7, 8],
    );
}

/// Something at a port that does this with each who connects, until the test's process ends.
/// Its address.
fn raw_server(serve: impl Fn(TcpStream) + Copy + Send + 'static) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("a bound port"));
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            std::thread::spawn(move || serve(client));
        }
    });
    url
}

#[test]
fn an_answer_before_the_question_is_no_answer() {
    let url = raw_server(|mut client| {
        let length = GOOD.len();
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{GOOD}");
        let _ = client.write_all(answer.repeat(3).as_bytes());
        let _ = std::io::copy(&mut client, &mut std::io::sink());
    });
    let (_cloudeka, world) = due();
    let before = world.files();
    for args in &COMMANDS[1..] {
        let run = command(&world, args).env("CLDKCTL_TOKEN", TOKEN);
        let run = run
            .env("CLDKCTL_BASE_URL", &url)
            .args(["--max-retries", "0"]);
        let output = run.patience(Duration::from_secs(20)).run();
        // Which of the two comes first is the network's choice. Nothing of it is kept.
        let said = format!("{args:?}");
        if output.code != 0 {
            assert_refused(&world, &before, output, &[7], &said);
        }
        assert_eq!(world.files(), before, "{said}");
    }
}

#[test]
fn a_second_answer_on_the_same_connection_is_taken_for_none() {
    let (cloudeka, world) = due();
    let answer = |body: &str| {
        let length = body.len();
        format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
    };
    let forged = answer("FORGED");
    cloudeka.misbehave_at(LOGIN, bytes(answer(GOOD) + &forged + &forged));
    let profile = Answer::new(200, "text/plain", "the answer itself");
    cloudeka.misbehave_at(PROFILE, Misbehave::Answer(profile));
    let output = world.cldkctl(["api", PROFILE]).run().succeeded();
    assert_eq!(output.stdout, "the answer itself");
}

#[test]
fn nor_is_one_that_comes_a_moment_later() {
    let url = raw_server(|mut client| {
        let answer = |body: &str| {
            let length = body.len();
            format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{body}")
        };
        let mut asked = [0; 64 * 1024];
        while let Ok(length @ 1..) = client.read(&mut asked) {
            let login = asked[..length].starts_with(b"POST /core/cldkctl/auth ");
            let real = if login { GOOD } else { "the answer itself" };
            let _ = client.write_all(answer(real).as_bytes());
            std::thread::sleep(Duration::from_millis(10));
            let _ = client.write_all(answer("FORGED").as_bytes());
        }
    });
    let world = World::new();
    for _ in 0..5 {
        let run = world.cldkctl(["api", PROFILE]).env("CLDKCTL_TOKEN", TOKEN);
        let output = run.env("CLDKCTL_BASE_URL", &url).run().succeeded();
        assert_eq!(output.stdout, "the answer itself");
    }
}

#[test]
fn interim_answers_are_passed_over() {
    let (cloudeka, world) = due();
    let interim = "HTTP/1.1 103 Early Hints\r\nlink: </evil>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n";
    let length = GOOD.len();
    let last = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{GOOD}");
    cloudeka.misbehave_at(LOGIN, bytes(interim.repeat(200) + &last));
    let output = world
        .cldkctl(["auth", "token", "--session"])
        .run()
        .succeeded();
    assert_eq!(output.stdout, "head.claims.sig\n");
}

#[test]
fn a_server_that_never_comes_to_an_end_is_left() {
    let (cloudeka, world) = due();
    let before = world.files();
    let length = "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n";
    // One after the other would take minutes: each command meets its own.
    let ways = [
        Misbehave::Drip("HTTP/1.1 200 O".into(), Duration::from_millis(100)),
        Misbehave::Drip(length.into(), Duration::from_millis(100)),
        Misbehave::Drip("HTTP/1.1 200 OK\r\nx:".into(), Duration::from_millis(100)),
        Misbehave::Endless(Vec::new(), b"HTTP/1.1 102 Processing\r\n\r\n".to_vec()),
        Misbehave::NeverAnswer,
    ];
    let running: Vec<_> = COMMANDS
        .iter()
        .zip(ways)
        .enumerate()
        .map(|(at, (args, how))| {
            cloudeka.misbehave_next(1, how);
            let run = command(&world, args)
                .patience(Duration::from_secs(90))
                .spawn();
            let asked = || cloudeka.requests_for(LOGIN).len() > at + 1;
            assert!(
                crate::support::wait_until(Duration::from_secs(20), asked),
                "{args:?}"
            );
            (args, run)
        })
        .collect();
    for (args, run) in running {
        let what = format!("{args:?}");
        let output = run.wait();
        assert!(output.stderr.contains("timed out"), "{output}");
        assert_refused(&world, &before, output, &[7], &what);
    }
    assert_eq!(
        cloudeka.requests_for(LOGIN).len(),
        6,
        "none was asked twice"
    );
}

#[test]
fn a_compressed_answer_is_not_unpacked() {
    let Some(bomb) = gzip("head -c 200000000 /dev/zero") else {
        return;
    };
    let good = gzip(&format!("printf %s '{GOOD}'")).expect("it is there");
    let with = |body: &[u8], coding: &str| {
        let answer = Answer::new(200, "application/json", body);
        Misbehave::Answer(answer.with("content-encoding", coding))
    };
    each_is_refused(
        &[
            ("a bomb", with(&bomb, "gzip")),
            ("a bomb of another name", with(&bomb, "br")),
            ("compressed", with(&good, "gzip")),
            ("compressed twice, it says", with(&good, "gzip, gzip, gzip")),
        ],
        &[7],
    );
    let (cloudeka, world) = due();
    cloudeka.misbehave_at(PROFILE, with(&bomb, "gzip"));
    let output = world.cldkctl(["api", PROFILE]).run().succeeded();
    assert!(output.stdout_bytes == bomb, "not as it came");
    let asked = cloudeka.requests();
    let asks = |name: &str| asked.iter().any(|request| request.header(name).is_some());
    assert!(!asks("accept-encoding"), "nor asked for");
}

fn gzip(of: &str) -> Option<Vec<u8>> {
    if !are_installed(&["gzip"]) {
        return None;
    }
    let pipe = format!("{of} | gzip -9");
    let output = std::process::Command::new("sh")
        .args(["-c", &pipe])
        .output();
    Some(output.expect("a shell").stdout)
}

#[test]
fn a_cookie_is_not_kept() {
    let (cloudeka, world) = due();
    let set = |status| {
        let body = json!({ "data": { "token": "head.claims.sig" } });
        let answer = Answer::json(status, &body).with("set-cookie", "id=1; Domain=0.0.1; Path=/");
        Misbehave::Answer(answer)
    };
    cloudeka.misbehave_at(LOGIN, set(200));
    cloudeka.misbehave_at(PROFILE, set(401));
    world.cldkctl(["api", PROFILE]).run().expect_code(3);
    let requests = cloudeka.requests();
    assert!(requests.len() > 3);
    assert!(
        requests
            .iter()
            .all(|request| request.header("cookie").is_none())
    );
}
