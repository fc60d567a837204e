//! Every helper while the vault is locked: asks on the terminal, or refuses at once.

use serde_json::{Value, json};

use crate::support::clients::sh;
use crate::support::steps::{logged_in, unlock};
use crate::support::{PASSPHRASE, Standin, World};

const SECRET: &str = "otter-lantern-77-plum";

/// Each helper with a question that it has the answer to, and how that is seen.
const QUESTIONS: [(&[&str], &str); 4] = [
    (&["helper", "docker", "get"], "registry.example"),
    (&["helper", "docker", "list"], ""),
    (
        &["helper", "git", "get"],
        "protocol=https\nhost=git.example\n\n",
    ),
    (&["helper", "aws"], ""),
];

/// A vault with a credential of each kind, locked.
fn stocked() -> (Standin, World) {
    let (cloudeka, world) = logged_in();
    unlock(&world, &[]);
    for (kind, place) in [
        ("docker", "registry.example"),
        ("git", "git.example"),
        ("aws", "https://s3.example"),
    ] {
        let add = [
            "credential",
            "add",
            kind,
            place,
            "--username",
            "sari",
            "--secret-stdin",
        ];
        world.cldkctl(add).stdin(SECRET).run().succeeded();
    }
    world.cldkctl(["lock"]).run().succeeded();
    (cloudeka, world)
}

#[test]
fn without_a_terminal_they_refuse_at_once_on_one_line() {
    let (_cloudeka, world) = stocked();
    let store = json!({"ServerURL": "a.example", "Username": "sari", "Secret": SECRET}).to_string();
    let git = format!("protocol=https\nhost=a.example\nusername=sari\npassword={SECRET}\n");
    let others: [(&[&str], &str); 4] = [
        (&["helper", "docker", "store"], &store),
        (&["helper", "docker", "erase"], "registry.example"),
        (&["helper", "git", "store"], &git),
        (
            &["helper", "git", "erase"],
            "protocol=https\nhost=git.example\n",
        ),
    ];
    for (words, input) in QUESTIONS.into_iter().chain(others) {
        let output = world.cldkctl(words).stdin(input).run().expect_code(4);
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
        assert!(output.stderr.contains("`cldkctl unlock`"), "{output}");
        assert!(output.stderr.contains("no terminal to ask on"), "{output}");
        // docker shows what stands on standard output; git would take it for an answer.
        assert_eq!(
            output.stdout.contains("cldkctl unlock"),
            words[1] == "docker",
            "{output}"
        );
        assert!(words[1] == "docker" || output.stdout.is_empty(), "{output}");
        output.assert_no_secret(&[SECRET, PASSPHRASE]);
    }
}

#[test]
fn on_a_terminal_they_ask_there_and_answer_on_standard_output() {
    let (_cloudeka, world) = stocked();
    for (words, input) in QUESTIONS {
        world.cldkctl(["lock"]).run().succeeded();
        let mut terminal = world.cldkctl(words).stdin(input).stdout_apart().on_pty();
        terminal.expect("Vault passphrase:");
        terminal.send_secret(PASSPHRASE);
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
        let answer = terminal.stdout();
        assert!(answer.contains("sari"), "{answer}");
        assert!(!answer.contains("passphrase"), "{answer}");
        // The next one need not ask.
        let output = world.cldkctl(words).stdin(input).run().succeeded();
        assert_eq!(output.stdout, answer);
    }
}

#[test]
fn git_that_forbids_questions_gets_none() {
    let (_cloudeka, world) = stocked();
    let mut terminal = world
        .cldkctl(["helper", "git", "get"])
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin("protocol=https\nhost=git.example\n")
        .on_pty();
    terminal.expect("cldkctl unlock");
    assert_eq!(terminal.wait(), 4, "{}", terminal.screen());
}

#[test]
fn an_unlocked_helper_has_neither_threads_nor_sockets() {
    if !crate::support::steps::are_installed(&["strace"]) {
        return;
    }
    let (_cloudeka, world) = stocked();
    unlock(&world, &[]);
    let line = "printf registry.example | strace -f -o trace -e trace=clone,clone3,fork,vfork,socket \
                cldkctl helper docker get";
    let output = sh(&world, line, &[]);
    let got: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(got["Secret"], SECRET);
    let trace = std::fs::read_to_string(world.home().join("trace")).expect("a trace");
    for call in ["clone", "fork(", "AF_INET"] {
        assert!(!trace.contains(call), "{trace}");
    }
}
