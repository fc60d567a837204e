//! Ctrl-C, Ctrl-Z, a signal, a connection that breaks: the terminal is as it was before, and
//! so is the disk.

use std::time::{Duration, Instant};

use crate::support::cargo::example;
use crate::support::steps::{are_installed, cloudeka_and_world, logged_in};
use crate::support::world::Cldkctl;
use crate::support::{Misbehave, PASSPHRASE, Session, Standin, TOKEN, World, wait_until};
use rustix::process::Signal;

const INTERRUPTED: i32 = 130;

/// Leaves at once, with the echo back on and nothing written.
#[track_caller]
fn assert_leaves(mut terminal: Session, world: &World, code: i32) {
    let start = Instant::now();
    assert_eq!(terminal.wait(), code, "{}", terminal.screen());
    assert!(
        start.elapsed() < Duration::from_secs(2),
        "took {:?}",
        start.elapsed()
    );
    assert!(terminal.echo_is_on(), "the echo stays off");
    assert!(
        terminal.screen().ends_with("\r\n"),
        "a shell's prompt begins a line: {:?}",
        terminal.screen()
    );
    assert!(
        !world.data().join("cldkctl").exists(),
        "something was written"
    );
    for secret in [TOKEN, PASSPHRASE] {
        assert!(!terminal.screen().contains(secret));
    }
}

/// On a terminal until this question, the ones before answered.
#[track_caller]
fn until(run: Cldkctl<'_>, question: &str) -> Session {
    let mut terminal = run.on_pty();
    for (asked, answer) in [
        ("Enter your token:", TOKEN),
        ("New vault passphrase:", PASSPHRASE),
        ("Repeat passphrase:", PASSPHRASE),
    ] {
        terminal.expect(asked);
        if asked == question {
            break;
        }
        terminal.send_secret(answer);
    }
    terminal
}

/// Waits until the network is waited for.
#[track_caller]
fn assert_reached(cloudeka: &Standin) {
    let reached = || !cloudeka.requests().is_empty();
    assert!(wait_until(Duration::from_secs(20), reached));
}

const QUESTIONS: [&str; 3] = [
    "Enter your token:",
    "New vault passphrase:",
    "Repeat passphrase:",
];

#[test]
fn ctrl_c_at_each_question() {
    for question in QUESTIONS {
        for typed_before in ["", "half an answ"] {
            let (_cloudeka, world) = cloudeka_and_world();
            let mut terminal = until(world.cldkctl(["auth"]), question);
            terminal.send_bytes(typed_before.as_bytes());
            terminal.send_ctrl('c');
            assert_leaves(terminal, &world, INTERRUPTED);
        }
    }
}

#[test]
fn ctrl_c_while_the_network_is_waited_for() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    assert_reached(&cloudeka);
    terminal.send_ctrl('c');
    assert_leaves(terminal, &world, INTERRUPTED);
}

#[test]
fn ctrl_c_while_the_network_is_waited_for_without_any_question_before() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    let mut terminal = world
        .cldkctl(["auth", "--token-stdin"])
        .stdin(TOKEN)
        .on_pty();
    assert_reached(&cloudeka);
    terminal.send_ctrl('c');
    let start = Instant::now();
    assert_eq!(terminal.wait(), INTERRUPTED);
    assert!(start.elapsed() < Duration::from_secs(2));
    assert!(!world.data().join("cldkctl").exists());
}

#[test]
fn ctrl_c_between_two_attempts() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::too_many_requests(50));
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    assert_reached(&cloudeka);
    std::thread::sleep(Duration::from_millis(100));
    terminal.send_ctrl('c');
    assert_leaves(terminal, &world, INTERRUPTED);
}

#[test]
fn ctrl_c_while_the_key_is_derived() {
    let (_cloudeka, world) = cloudeka_and_world();
    let run = world.cldkctl(["auth", "--kdf-memory", "256MiB", "--kdf-iterations", "20"]);
    let mut terminal = until(run, "Repeat passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("Deriving the vault key");
    terminal.send_ctrl('c');
    assert_leaves(terminal, &world, INTERRUPTED);
}

#[test]
fn ctrl_c_at_the_passphrase_of_a_vault_leaves_it_alone() {
    let (_cloudeka, world) = logged_in();
    let before = world.files();
    for args in [
        &["auth", "token"][..],
        &["auth", "logout"],
        &["auth", TOKEN],
    ] {
        let mut terminal = world.cldkctl(args).on_pty();
        terminal.expect("Vault passphrase:");
        terminal.send_bytes(b"half");
        terminal.send_ctrl('c');
        assert_eq!(terminal.wait(), INTERRUPTED);
        assert!(terminal.echo_is_on());
        assert_eq!(world.files(), before);
    }
}

#[test]
fn sigint_without_a_terminal() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    let running = world
        .cldkctl(["auth", "--token-stdin"])
        .stdin(TOKEN)
        .spawn();
    assert_reached(&cloudeka);
    running.signal(Signal::INT);
    let output = running.wait().expect_code(INTERRUPTED);
    output.assert_no_secret(&[TOKEN]);
}

/// A second Ctrl-C, or SIGCONT, which systemd sends behind SIGTERM.
#[test]
fn another_signal_right_behind_the_first_changes_nothing() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    for (first, second, code) in [
        (Signal::TERM, Signal::CONT, 128 + 15),
        (Signal::INT, Signal::INT, INTERRUPTED),
        (Signal::HUP, Signal::TERM, 128 + 1),
    ] {
        for delay in 0..20 {
            let before = cloudeka.requests().len();
            let run = world.cldkctl(["auth", "--token-stdin"]).stdin(TOKEN);
            let running = run.spawn();
            let waits = || cloudeka.requests().len() > before;
            assert!(wait_until(Duration::from_secs(20), waits));
            running.signal(first);
            std::thread::sleep(Duration::from_micros(200 * delay));
            running.signal(second);
            let output = running.wait().expect_code(code);
            assert_eq!(output.stderr, "", "{first:?} {second:?} {delay}");
        }
    }
}

#[test]
fn other_signals_give_the_echo_back_too() {
    for (signal, number) in [
        (Signal::TERM, 15),
        (Signal::QUIT, 3),
        (Signal::HUP, 1),
        (Signal::ABORT, 6),
        (Signal::ALARM, 14),
        (Signal::USR1, 10),
        (Signal::USR2, 12),
        (Signal::XCPU, 24),
        (Signal::VTALARM, 26),
        (Signal::PROF, 27),
    ] {
        for question in QUESTIONS {
            let (_cloudeka, world) = cloudeka_and_world();
            let terminal = until(world.cldkctl(["auth"]), question);
            assert!(!terminal.echo_is_on());
            terminal.signal(signal);
            assert_leaves(terminal, &world, 128 + number);
        }
    }
}

#[test]
fn ctrl_backslash_gives_the_echo_back_too() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = until(world.cldkctl(["auth"]), "Repeat passphrase:");
    terminal.send_bytes(&[0x1c]);
    assert_leaves(terminal, &world, 128 + 3);
}

#[test]
fn a_panic_gives_the_echo_back_too() {
    let world = World::with_binary(example("bug"));
    let mut terminal = world.cldkctl(["at a question"]).stdin(TOKEN).on_pty();
    terminal.expect("Question:");
    assert!(!terminal.echo_is_on());
    terminal.send_line("answer");
    terminal.expect("a bug in cldkctl at ");
    assert_leaves(terminal, &world, 1);
}

#[test]
fn a_terminal_that_is_closed_ends_it() {
    for question in QUESTIONS {
        let (_cloudeka, world) = cloudeka_and_world();
        let mut terminal = until(world.cldkctl(["auth"]), question);
        terminal.hang_up();
        let start = Instant::now();
        assert_ne!(terminal.wait(), 0);
        assert!(
            start.elapsed() < Duration::from_secs(2),
            "{:?}",
            start.elapsed()
        );
        assert!(!world.data().join("cldkctl").exists());
    }
}

#[test]
fn ctrl_d_is_no_answer_and_leaves_at_once() {
    for question in QUESTIONS {
        let (cloudeka, world) = cloudeka_and_world();
        let mut terminal = until(world.cldkctl(["auth"]), question);
        terminal.send_ctrl('d');
        terminal.expect("the input ended");
        assert_leaves(terminal, &world, 2);
        assert_eq!(cloudeka.connections() > 0, question != QUESTIONS[0]);
    }
}

/// Enter alone asks for seven words; the end of the input asks for nothing.
#[test]
fn ctrl_d_changes_no_passphrase() {
    let (_cloudeka, world) = logged_in();
    let before = world.files();
    let mut terminal = world.cldkctl(["vault", "passphrase"]).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("New vault passphrase:");
    terminal.send_ctrl('d');
    terminal.expect("the input ended");
    assert_eq!(terminal.wait(), 2, "{}", terminal.screen());
    assert!(before == world.files());
}

#[test]
fn a_signal_that_was_ignored_at_the_start_stays_ignored() {
    // As `nohup cldkctl …` has it.
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::SlowBody(Duration::from_millis(3)));
    world.write("cldkctl.passphrase", PASSPHRASE);
    let script = "trap '' HUP; exec \"$0\" auth --token-stdin";
    let shell = World::with_binary("/bin/sh").at(&cloudeka);
    let running = shell
        .cldkctl(["-c", script, env!("CARGO_BIN_EXE_cldkctl")])
        .env("CREDENTIALS_DIRECTORY", world.home())
        .stdin(TOKEN)
        .spawn();
    assert_reached(&cloudeka);
    running.signal(Signal::HUP);
    running.wait().succeeded();
}

/// A key is held down, and what it types is dropped until it is let go: the command is at its
/// end, and not yet over.
#[test]
fn ctrl_c_while_the_terminal_is_given_back() {
    let (_cloudeka, world) = logged_in();
    for (signal, code) in [(Signal::INT, INTERRUPTED), (Signal::TERM, 128 + 15)] {
        world.cldkctl(["lock"]).run().succeeded();
        let mut terminal = world.cldkctl(["auth", "token"]).on_pty();
        terminal.expect("Vault passphrase:");
        terminal.send_secret(PASSPHRASE);
        let (start, mut printed) = (Instant::now(), None);
        while printed.is_none_or(|at: Instant| at.elapsed() < Duration::from_millis(400)) {
            assert!(start.elapsed() < Duration::from_secs(20), "no token");
            terminal.send_bytes(b"x");
            std::thread::sleep(Duration::from_millis(10));
            if printed.is_none() && terminal.screen().contains(TOKEN) {
                printed = Some(Instant::now());
            }
        }
        if signal == Signal::INT {
            terminal.send_ctrl('c');
        } else {
            terminal.signal(signal);
        }
        assert_eq!(terminal.wait(), code, "{}", terminal.screen());
        assert!(terminal.echo_is_on(), "the echo stays off");
        assert!(!terminal.screen().contains("xx"), "{}", terminal.screen());
    }
}

/// As the kernel does for lack of memory: nobody has a moment to undo anything.
#[test]
fn a_kill_gives_the_echo_back_too() {
    let (cloudeka, world) = cloudeka_and_world();
    let costly = "cldkctl auth --kdf-memory 256MiB --kdf-iterations 60";
    for (question, line) in [
        ("Enter your token:", costly),
        ("New vault passphrase:", costly),
        ("Deriving the vault key", costly),
        ("Verifying the token", "cldkctl auth"),
    ] {
        if line != costly {
            cloudeka.misbehave(Misbehave::NeverAnswer);
        }
        let mut shell = world.shell("dash");
        shell.send_line(world.start(line));
        for (asked, answer) in [
            ("Enter your token:", TOKEN),
            ("New vault passphrase:", PASSPHRASE),
            ("Repeat passphrase:", PASSPHRASE),
        ] {
            shell.expect(asked);
            if asked == question {
                break;
            }
            shell.send_secret(answer);
            if question.starts_with("Verifying") {
                break;
            }
        }
        if !question.ends_with(':') {
            shell.expect(question);
        }
        std::thread::sleep(Duration::from_millis(300));
        assert!(!shell.echo_is_on(), "{question}");
        rustix::process::kill_process(world.started(), Signal::KILL).expect("a signal");
        shell.expect("Killed");
        let is_on = wait_until(Duration::from_secs(5), || shell.echo_is_on());
        assert!(is_on, "{question}: the echo stays off");
        shell.send_line("echo still $((6 * 7))");
        shell.expect("still 42");
        assert!(!world.vault_path().exists());
    }
}

/// The second finds a silent terminal, and leaves it as it found it.
#[test]
fn a_kill_gives_the_echo_back_where_another_asks_at_once() {
    let world = World::new();
    let mut shell = world.shell("dash");
    let first = world.start("cldkctl auth");
    shell.send_line(&format!("sh -c '{first}; cldkctl auth'"));
    shell.expect("Enter your token:");
    std::thread::sleep(Duration::from_millis(300));
    rustix::process::kill_process(world.started(), Signal::KILL).expect("a signal");
    shell.expect("Enter your token:");
    std::thread::sleep(Duration::from_millis(300));
    assert!(!shell.echo_is_on(), "the second asks");
    shell.send_ctrl('c');
    shell.expect("ready> ");
    let is_on = wait_until(Duration::from_secs(5), || shell.echo_is_on());
    assert!(is_on, "the echo stays off");
}

/// A shell that edits its lines turns the echo off as well, and comes first.
#[test]
fn a_kill_leaves_the_line_editor_of_a_shell_working() {
    for shell in ["bash", "zsh"] {
        if !are_installed(&[shell]) {
            continue;
        }
        let world = World::new();
        let mut shell = world.shell(shell);
        for round in 100..108 {
            shell.send_line(world.start("cldkctl auth"));
            shell.expect("Enter your token:");
            rustix::process::kill_process(world.started(), Signal::KILL).expect("a signal");
            shell.expect("ready> ");
            // Longer than the one that gives the terminal back waits.
            std::thread::sleep(Duration::from_millis(400));
            shell.send_bytes(format!("echo answer $((7 * {round}))\r").as_bytes());
            shell.expect(&format!("answer {}", 7 * round));
        }
    }
}

/// Nothing is left behind that `exec` would have as a child, and no key reaches it.
#[test]
fn what_guards_the_terminal_ends_with_the_question() {
    let (_cloudeka, world) = logged_in();
    let children = "read -r all < /proc/$$/task/$$/children; echo \"children: [$all]\"";
    let run = world.cldkctl(["exec", "--", "sh", "-c", children]);
    let mut terminal = run.on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("children: []");
    assert_eq!(terminal.wait(), 0);
}
