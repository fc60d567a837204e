//! A token that was pasted with something around it: told before anything is sent, and never
//! shown.

use crate::support::steps::{cloudeka_and_world, unlocked};
use crate::support::{PASSPHRASE, Standin, TOKEN, World};

/// What people paste, and what is said of it.
fn pasted() -> Vec<(String, &'static str)> {
    let quotes = "in quotes or brackets";
    let named = "has a name in front of it";
    let json = "inside JSON";
    let header = "inside an HTTP header";
    vec![
        (format!("\"{TOKEN}\""), quotes),
        (format!("'{TOKEN}'"), quotes),
        (format!("`{TOKEN}`"), quotes),
        (format!("“{TOKEN}”"), quotes),
        (format!("<{TOKEN}>"), quotes),
        (format!("\"{TOKEN}"), quotes),
        (format!("{TOKEN}',"), quotes),
        (format!("CLDKCTL_TOKEN={TOKEN}"), named),
        (format!("export CLDKCTL_TOKEN={TOKEN}"), named),
        (format!("export TOKEN=\"{TOKEN}\""), named),
        (format!("token={TOKEN}"), named),
        (format!("token: {TOKEN}"), named),
        (format!("{{\"token\":\"{TOKEN}\"}}"), json),
        (
            format!("{{ \"data\": {{ \"token\": \"{TOKEN}\" }} }}"),
            json,
        ),
        (format!("\"token\": \"{TOKEN}\","), json),
        (format!("Bearer {TOKEN}"), "such as Bearer in front of it"),
        (format!("bearer {TOKEN}"), "such as Bearer in front of it"),
        (format!("Authorization: Bearer {TOKEN}"), header),
        (format!("authorization: {TOKEN}"), header),
        (format!("X-Auth-Token: {TOKEN}"), header),
        (format!("cldkctl auth {TOKEN}"), "it is a command"),
        ("$CLDKCTL_TOKEN".to_owned(), "the name of a variable"),
        (
            format!("https://ai.cloudeka.id/?token={TOKEN}"),
            "a web address",
        ),
        (PRIVATE_KEY.to_owned(), "a private key"),
        (
            format!("ssh-ed25519 {} me@host", "AAAA".repeat(17)),
            "a public key",
        ),
        (format!("age1{}", "q".repeat(58)), "a public key"),
        ("********".to_owned(), "hidden behind"),
        ("••••••••".to_owned(), "hidden behind"),
        (
            format!("{}…", &TOKEN[..12]),
            "a part of the token is left out",
        ),
        ("YOUR_TOKEN".to_owned(), "a word that stands for a token"),
        ("<token>".to_owned(), "a word that stands for a token"),
        (format!("{TOKEN},"), "a full stop behind it"),
        (format!("{TOKEN}."), "a full stop behind it"),
        (format!("\u{feff}{TOKEN}"), "a byte order mark (U+FEFF)"),
        (format!("{TOKEN}\u{200b}"), "a zero-width space (U+200B)"),
    ]
}

/// Nobody's.
const PRIVATE_KEY: &str = "AGE-SECRET-KEY-1QQPQZSPQYQSZQGPQYQQQPQZSPQYQSZQGPQYQQQPQZSPQYQSZQGPQYQ";

#[track_caller]
fn assert_told(what: &str, told: &str, says: &str) {
    for text in [
        says,
        "this is not a token: ",
        "hint:",
        "give ",
        "nothing was sent or written",
    ] {
        assert!(told.contains(text), "{what}: no {text:?} in {told}");
    }
    assert!(!told.contains(TOKEN), "{told}");
    assert!(!told.contains(&TOKEN[8..30]), "{told}");
}

#[track_caller]
fn assert_nothing_happened(cloudeka: &Standin, world: &World) {
    assert_eq!(cloudeka.connections(), 0);
    assert!(!world.vault_path().exists());
    world.assert_no_secret(&[TOKEN]);
}

#[test]
fn on_standard_input_and_as_an_argument_it_is_told_and_not_sent() {
    let (cloudeka, world) = cloudeka_and_world();
    for (text, says) in pasted() {
        for text in [text.clone(), format!("{text}\n"), format!("  {text}\r\n")] {
            let auth = world.cldkctl(["auth", "--token-stdin"]).stdin(text.clone());
            let output = auth.run().expect_code(2);
            assert_told(&text, &output.stderr, says);
            output.assert_no_secret(&[TOKEN]);
        }
        let output = world.cldkctl(["auth", "--", &text]).run().expect_code(2);
        assert_told(&text, &output.stderr, says);
        output.assert_no_secret(&[TOKEN]);
    }
    let lines = format!("{{\n  \"token\": \"{TOKEN}\"\n}}\n");
    let output = world.cldkctl(["auth", "--token-stdin"]).stdin(lines).run();
    assert_told("lines", &output.expect_code(2).stderr, "inside JSON");
    let pem = |label: &str| format!("-----BEGIN {label}-----\nAAAA\n-----END {label}-----\n");
    let age_keygen = format!("# created: today\n# public key: age1qqq\n{PRIVATE_KEY}\n");
    for (lines, says) in [
        (pem("OPENSSH PRIVATE KEY"), "a private key"),
        (age_keygen, "a private key"),
        (pem("PUBLIC KEY"), "a public key"),
        (pem("CERTIFICATE"), "a block of PEM"),
    ] {
        let auth = world
            .cldkctl(["auth", "--token-stdin"])
            .stdin(lines.clone());
        let output = auth.run().expect_code(2);
        assert_told(&lines, &output.stderr, says);
        output.assert_no_secret(&[PRIVATE_KEY]);
    }
    assert_nothing_happened(&cloudeka, &world);
}

#[test]
fn on_a_terminal_it_is_told_with_its_cure_and_not_sent() {
    let (cloudeka, world) = cloudeka_and_world();
    for three in pasted().chunks(3) {
        let mut terminal = world.cldkctl(["auth"]).on_pty();
        for (text, says) in three {
            terminal.expect("Enter your token:");
            terminal.send_secret(text);
            terminal.expect(says);
            terminal.expect("give ");
        }
        if let [.., (text, says)] = three
            && three.len() == 3
        {
            assert_eq!(terminal.wait(), 2, "{text}: {}", terminal.screen());
            assert_told(text, &terminal.screen(), says);
        }
        assert!(!terminal.screen().contains(TOKEN), "{}", terminal.screen());
    }
    assert_nothing_happened(&cloudeka, &world);
}

#[test]
fn in_the_variable_it_is_told_and_not_sent() {
    let (cloudeka, world) = cloudeka_and_world();
    for (text, says) in pasted() {
        for args in [&["auth", "token"][..], &["api", "/core/user/profile"]] {
            let run = world
                .cldkctl(args.iter().copied())
                .env("CLDKCTL_TOKEN", &text);
            let output = run.run().expect_code(2);
            let told = "CLDKCTL_TOKEN cannot be used: ";
            assert!(output.stderr.contains(told), "{output}");
            assert!(output.stderr.contains(says), "{text}: {output}");
            assert!(output.stderr.contains("hint: set it to "), "{output}");
            output.assert_no_secret(&[TOKEN]);
        }
    }
    assert_nothing_happened(&cloudeka, &world);
}

#[test]
fn a_token_of_another_form_is_sent_as_it_is() {
    let (cloudeka, world) = unlocked(&[]);
    let file = world.write("passphrase", PASSPHRASE);
    for token in [
        "cldkctl_AbC+/d==",
        "QUJDREVGR0g=",
        "opaque:part",
        "a=b",
        "x.y.z",
    ] {
        cloudeka.accept_token(token);
        let auth = world.cldkctl(["auth", "--token-stdin", "--passphrase-file"]);
        let output = auth.arg(&file).stdin(token).run().succeeded();
        output.assert_no_secret(&[PASSPHRASE]);
        let output = world.cldkctl(["auth", "token"]).run().succeeded();
        assert_eq!(output.stdout, format!("{token}\n"));
    }
}
