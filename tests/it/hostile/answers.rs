//! What a server says is shown, and never acted on by the terminal.

use crate::support::standin::Answer;
use crate::support::steps::{cloudeka_and_world, unlock};
use crate::support::{Misbehave, PASSPHRASE, Standin, TOKEN, World};

const PROFILE: &str = "/core/user/profile";

/// Logged in at a server that puts escape sequences into every text, and unlocked.
fn hostile() -> (Standin, World) {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::EscapeSequences);
    let file = world.write("passphrase", PASSPHRASE);
    let auth = world.cldkctl(["auth", "--token-stdin", "--passphrase-file"]);
    auth.arg(file).stdin(TOKEN).run().succeeded();
    unlock(&world, &[]);
    (cloudeka, world)
}

/// What is on the screen after these arguments, with colour and progress switched off: not
/// one character of it is there for the terminal to act on.
#[track_caller]
fn assert_harmless(world: &World, args: &[&str], code: i32) -> String {
    let mut terminal = world
        .cldkctl(args.iter().copied())
        .args(["--color", "never", "--quiet", "--max-retries", "0"])
        .on_pty();
    assert_eq!(terminal.wait(), code, "{args:?}: {}", terminal.screen());
    let screen = terminal.screen();
    let acts = |c: char| {
        (c.is_control() && c != '\r' && c != '\n' && c != '\t')
            || ('\u{202a}'..='\u{202e}').contains(&c)
            || ('\u{2066}'..='\u{2069}').contains(&c)
    };
    assert!(!screen.contains(acts), "{args:?}: {screen:?}");
    screen
}

#[test]
fn what_the_api_says_of_an_account_moves_no_cursor() {
    let (_cloudeka, world) = hostile();
    for format in ["table", "json", "yaml"] {
        for command in [
            &["auth", "status"][..],
            &["auth", "status", "--check"],
            &["context", "show"],
            &["context", "list"],
            &["vault", "info"],
        ] {
            let screen = assert_harmless(&world, &[command, &["-o", format]].concat(), 0);
            assert!(!screen.is_empty());
        }
    }
    let screen = assert_harmless(&world, &["context", "show"], 0);
    assert!(screen.contains("Sari Wijaya"), "{screen}");
    let lines = screen.lines().filter(|line| line.contains("Sari Wijaya"));
    assert_eq!(
        lines.count(),
        1,
        "a name starts no line of its own: {screen}"
    );
    assert!(
        screen
            .lines()
            .any(|line| line.contains("Name") && line.contains("Sari"))
    );
}

#[test]
fn an_answer_is_harmless_on_a_terminal_and_as_it_came_in_a_pipe() {
    let (cloudeka, world) = hostile();
    let bytes = "one\u{1b}]0;owned\u{7}\r\n\ttwo\u{9b}31m\u{202e}".as_bytes();
    let raw = Answer::new(200, "text/plain", bytes).with("x-odd", "a\u{9b}0mb");
    cloudeka.misbehave_at(PROFILE, Misbehave::Answer(raw));
    let screen = assert_harmless(&world, &["api", "-i", PROFILE], 0);
    assert!(
        screen.contains("one") && screen.contains("\ttwo"),
        "{screen:?}"
    );
    let output = world.cldkctl(["api", PROFILE]).run().succeeded();
    assert_eq!(output.stdout_bytes, bytes);

    let mut broken = bytes.to_vec();
    broken.extend(b"\xff\xc2\x9b31m\xc2");
    let answer = Answer::new(200, "text/plain", broken);
    cloudeka.misbehave_at(PROFILE, Misbehave::Answer(answer));
    assert_harmless(&world, &["api", PROFILE], 0);
}

#[test]
fn an_error_message_of_the_api_is_harmless() {
    let (cloudeka, world) = hostile();
    let message = "\u{1b}[2J\u{1b}]52;c;b3duZWQ=\u{7}\u{9b}31mgone\r\nerror: \u{202e}forged";
    let body = serde_json::json!({ "message": message });
    for status in [401, 400, 500] {
        cloudeka.end_sessions();
        let says = Misbehave::Answer(Answer::json(status, &body));
        cloudeka.misbehave_at("/core/cldkctl/auth", says.clone());
        let code = if status == 401 { 3 } else { 8 };
        for command in [&["api", PROFILE][..], &["auth", "status", "--check"]] {
            let screen = assert_harmless(&world, command, code);
            let forged = |line: &str| line.starts_with("error: forged");
            assert!(!screen.lines().any(forged), "{screen}");
        }
        cloudeka.behave();
        cloudeka.misbehave_at(PROFILE, says);
        if status != 401 {
            assert_harmless(&world, &["api", PROFILE], 8);
        }
        cloudeka.behave();
    }
}

#[test]
fn a_session_that_a_terminal_would_act_on_is_none() {
    let (cloudeka, world) = hostile();
    cloudeka.end_sessions();
    cloudeka.misbehave(Misbehave::SessionText("e\u{1b}[2Jy.e30.x".to_owned()));
    assert_harmless(&world, &["api", PROFILE], 7);
}

#[test]
fn a_token_that_the_server_sends_back_is_not_repeated() {
    let (cloudeka, world) = hostile();
    cloudeka.end_sessions();
    cloudeka.misbehave(Misbehave::EchoToken);
    for args in [
        &["auth", "status", "--check"][..],
        &["-v", "auth", "status", "--check"],
    ] {
        let output = world.cldkctl(args.iter().copied()).run().expect_code(3);
        output.assert_no_secret(&[TOKEN]);
    }
}
