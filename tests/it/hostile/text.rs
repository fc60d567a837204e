//! Text of a server, in every command that prints it: while it is asked, and from the vault
//! later. A terminal gets nothing that it would act on; a script gets the text whole.

use std::fs;

use crate::support::standin::Answer;
use crate::support::steps::{cloudeka_and_world, logged_in, unlock};
use crate::support::{Misbehave, PASSPHRASE, Standin, TOKEN, World};
use serde_json::{Value, json};

const LOGIN: &str = "/core/cldkctl/auth";
const PROFILE: &str = "/core/user/profile";

/// Every way to act on a terminal, or to hide, that we know of, each between letters.
fn evil() -> String {
    let mut text = String::from("Sari");
    let sequences = [
        "\u{1b}[2J\u{1b}[31m",                          // clears, colours
        "\u{1b}]0;owned\u{7}",                          // OSC: the title
        "\u{1b}]52;c;b3duZWQ=\u{1b}\\",                 // OSC: the clipboard
        "\u{1b}]8;;http://evil\u{7}",                   // OSC: a link
        "\u{1b}P$q\"p\u{1b}\\",                         // DCS: makes the terminal type
        "\u{1b}[6n\u{1b}[c\u{5}",                       // asks the terminal, which types the answer
        "\u{1b}_evil\u{9c}\u{1b}^x\u{9c}\u{1b}X\u{9c}", // APC, PM, SOS
        "\u{9b}31m\u{9d}0;owned\u{9c}\u{90}\u{9f}",     // the same in C1
        "\r\nerror: forged\r\n",
        "\rerror: forged",
        "\u{8}\u{8}\u{8}\u{b}\u{c}\0\u{7f}\u{e}\u{f}\u{85}",
        "\u{202e}desrever\u{202c}\u{2066}\u{2069}\u{200e}\u{200f}\u{61c}",
        "\u{200b}\u{200c}\u{200d}\u{2060}\u{feff}\u{ad}\u{34f}\u{180e}\u{115f}\u{3164}\u{ffa0}",
        "\u{2028}\u{2029}\u{fff9}\u{fffb}\u{e0001}\u{e0041}\u{e0100}\u{1d173}",
    ];
    for sequence in sequences {
        text.push_str(sequence);
        text.push('x');
    }
    text
}

/// The name of a fact, of which less is kept.
const NAME: &str = "a\u{1b}[2J\u{9b}31m\u{202e}\r\nerror: forged\u{200b}";

/// What a terminal acts on, or does not show, written down anew.
fn acts(c: char) -> bool {
    let c = c as u32;
    c < 0x20
        || (0x7f..=0x9f).contains(&c)
        || [
            0xad, 0x34f, 0x61c, 0x115f, 0x1160, 0x180e, 0x3164, 0xfeff, 0xffa0,
        ]
        .contains(&c)
        || (0x200b..=0x200f).contains(&c)
        || (0x2028..=0x202e).contains(&c)
        || (0x2060..=0x206f).contains(&c)
        || (0xfff9..=0xfffb).contains(&c)
        || (0x1d173..=0x1d17a).contains(&c)
        || (0xe0000..=0xe0fff).contains(&c)
}

#[track_caller]
fn assert_harmless(text: &str, what: &str) {
    let bad = text
        .chars()
        .find(|c| acts(*c) && !matches!(c, '\r' | '\n' | '\t'));
    assert_eq!(bad, None, "{what}: {text:?}");
    // The lines of an answer itself are the server's to make.
    let forged =
        |line: &str| !what.contains("-i") && line.trim_start().starts_with("error: forged");
    assert!(!text.split(['\r', '\n']).any(forged), "{what}: {text}");
}

/// Runs on a terminal and without one; what was printed without.
#[track_caller]
fn is_harmless(world: &World, args: &[&str], code: i32) -> String {
    let quiet = ["--color", "never", "--max-retries", "0"];
    let mut terminal = world.cldkctl(args.iter().copied()).args(quiet).on_pty();
    // Progress moves the cursor, and is ours; none is shown where steps are told.
    assert_eq!(terminal.wait(), code, "{args:?}: {}", terminal.screen());
    assert_harmless(&terminal.screen(), &format!("{args:?} on a terminal"));
    let output = world
        .cldkctl(args.iter().copied())
        .args(quiet)
        .run()
        .expect_code(code);
    let stdout = output.stdout.clone();
    assert_harmless(&output.stderr, &format!("{args:?} on stderr"));
    stdout
}

/// Logged in at a server that says this of the account.
fn account(facts: &Value) -> (Standin, World) {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave_at(LOGIN, Misbehave::status(200, &json!({ "data": facts })));
    let file = world.write("passphrase", PASSPHRASE);
    let auth = world.cldkctl(["auth", "--token-stdin", "--passphrase-file"]);
    let output = auth.arg(file).stdin(TOKEN).run().succeeded();
    assert_harmless(&output.stderr, "auth");
    unlock(&world, &[]);
    (cloudeka, world)
}

#[test]
fn what_is_stored_of_an_account_is_shown_and_acts_on_nothing() {
    let evil = evil();
    let facts = json!({
        "token": "head.claims.sig",
        "name": evil, "email": evil, "role": evil, "organization_id": evil,
        NAME: "a name of its own", "other": evil,
    });
    let (_cloudeka, world) = account(&facts);
    for args in [
        &["auth", "status"][..],
        &["context", "show"],
        &["context", "list"],
        &["vault", "info"],
        &["vault", "verify"],
        &["vault", "recipients", "list"],
    ] {
        for format in ["table", "json", "yaml"] {
            let args = [args, &["-q", "-o", format]].concat();
            let printed = is_harmless(&world, &args, 0);
            assert_harmless(&printed, &format!("{args:?} in a pipe"));
        }
    }
    // A person sees what it is; each fact is on a line of its own.
    let table = is_harmless(&world, &["context", "show", "-q"], 0);
    let lines: Vec<_> = table.lines().filter(|line| line.contains("Sari")).collect();
    assert_eq!(lines.len(), 4, "{table}");
    // A script gets all of it, whatever it is.
    let shown = is_harmless(&world, &["context", "show", "-q", "-o", "json"], 0);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["account"]["name"], evil);
    assert_eq!(shown["account"][NAME], "a name of its own");
}

#[test]
fn what_is_too_long_for_a_line_is_cut_for_a_person_alone() {
    let long = "long ".repeat(200);
    let facts = json!({ "token": "head.claims.sig", "name": long, "role": "ö".repeat(500) });
    let (_cloudeka, world) = account(&facts);
    let table = is_harmless(&world, &["context", "show", "-q"], 0);
    for line in table.lines() {
        assert!(line.chars().count() <= 240, "{line}");
    }
    assert!(table.contains("long") && table.contains('…'), "{table}");
    let shown = is_harmless(&world, &["context", "show", "-q", "-o", "json"], 0);
    let shown: Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(shown["account"]["name"], long);
}

#[test]
fn what_a_server_says_of_an_error_acts_on_nothing() {
    let (cloudeka, world) = account(&json!({ "token": "head.claims.sig" }));
    let evil = evil();
    let bodies = [
        json!({ "message": evil }).to_string(),
        json!({ "errors": [{ "detail": evil }, evil] }).to_string(),
        evil.clone(),
        evil.repeat(1000),
    ];
    for body in bodies {
        for (status, verbose) in [(400, "-q"), (401, "-v"), (503, "-v")] {
            cloudeka.behave();
            let answer = Answer::new(status, "text/plain", body.clone());
            let answer = answer
                .with("retry-after", "\u{9b}31m")
                .with("location", "\u{9b}31m");
            cloudeka.misbehave_at(LOGIN, Misbehave::Answer(answer.clone()));
            cloudeka.misbehave_at(PROFILE, Misbehave::status(401, &json!({})));
            let code = if status == 401 { 3 } else { 8 };
            is_harmless(&world, &["api", PROFILE, verbose], code);
            is_harmless(&world, &["auth", "status", "--check", verbose], code);
            // In place of the answer itself: on a terminal it is shown, and acts on nothing.
            cloudeka.behave();
            cloudeka.misbehave_at(PROFILE, Misbehave::Answer(answer));
            if status != 401 {
                is_harmless(&world, &["api", "-i", PROFILE, "-q"], 8);
                let output = world.cldkctl(["api", PROFILE, "--max-retries", "0"]).run();
                assert_eq!(output.stdout_bytes, body.as_bytes(), "as it came");
            }
        }
    }
}

#[test]
fn an_answer_is_cut_nowhere_on_a_terminal_and_stays_readable() {
    let (cloudeka, world) = account(&json!({ "token": "head.claims.sig" }));
    let body = "{\n\t\"näme\": \"☺ 日本 \u{1f600} ❤\u{fe0f}\"\n}\n";
    let answer = Answer::new(200, "application/json", body);
    cloudeka.misbehave_at(PROFILE, Misbehave::Answer(answer));
    let mut terminal = world.cldkctl(["api", PROFILE, "-q"]).on_pty();
    assert_eq!(terminal.wait(), 0);
    let screen = terminal.screen().replace('\r', "");
    assert!(screen.contains(body), "{screen:?}");
    // Cut inside a character, and no UTF-8 at all.
    for broken in [
        &b"a\xc2"[..],
        b"\xf0\x9f\x98",
        b"\x9b31m",
        b"\xc2\x9b31m",
        b"\xed\xa0\x9b",
        b"\xff\xfe\x1b[2J",
    ] {
        let answer = Answer::new(200, "application/json", broken);
        cloudeka.misbehave_at(PROFILE, Misbehave::Answer(answer));
        let mut terminal = world.cldkctl(["api", PROFILE, "-q"]).on_pty();
        assert_eq!(terminal.wait(), 0);
        assert_harmless(&terminal.screen(), &format!("{broken:?}"));
        let output = world.cldkctl(["api", PROFILE]).run().succeeded();
        assert_eq!(output.stdout_bytes, broken);
    }
}

#[test]
fn a_path_acts_on_no_terminal_and_a_script_gets_it_byte_for_byte() {
    let (_cloudeka, world) = logged_in();
    let vault = "x\u{1b}[2J\u{9b}31m\u{202e}\rerror: forged.age";
    fs::copy(world.vault_path(), world.home().join(vault)).expect("copied");
    let pass = world.write("passphrase", PASSPHRASE);
    let copy = "y\u{1b}[2J.age";
    let kit = "z\u{1b}[2J.txt";
    let commands: [&[&str]; 8] = [
        &["vault", "path"],
        &["vault", "info"],
        &["vault", "verify"],
        &["auth", "status"],
        &["vault", "backup", copy, "--force"],
        &["vault", "restore", copy, "--force"],
        &["vault", "recovery-key", "--kit", kit, "--force"],
        &["auth", "logout", "--all", "--yes"],
    ];
    for args in commands {
        let args: Vec<&str> = match args {
            ["auth", "logout", ..] => args.to_vec(),
            _ => [args, &["--passphrase-file", pass.to_str().expect("text")]].concat(),
        };
        let run = || {
            world
                .cldkctl(args.iter().copied())
                .env("CLDKCTL_VAULT", vault)
        };
        let mut terminal = run().args(["--color", "never", "-v"]).on_pty();
        assert_eq!(terminal.wait(), 0, "{args:?}: {}", terminal.screen());
        assert_harmless(&terminal.screen(), &format!("{args:?} on a terminal"));
        if args == ["vault", "path"] {
            assert!(
                terminal.screen().contains("forged.age"),
                "it is shown at all"
            );
        }
    }
    // Nor does what was typed, which clap quotes in colours of its own.
    let typo = ["vault", "path", "--no-such-flag [\u{1b}[2J", "--no-input"];
    let mut terminal = world.cldkctl(typo).on_pty();
    assert_eq!(terminal.wait(), 2);
    assert!(!terminal.screen().contains("\u{1b}[2J"));

    let output = world
        .cldkctl(["vault", "path"])
        .env("CLDKCTL_VAULT", vault)
        .run();
    let path = format!("{}\n", world.home().join(vault).display());
    assert_eq!(output.succeeded().stdout, path);
}
