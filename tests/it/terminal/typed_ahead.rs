//! What is typed or pasted at a hidden question and answers none: no shell gets to see it.

use std::fs;
use std::time::Duration;

use crate::support::keys::{Key, plugin_path};
use crate::support::steps::{are_installed, cloudeka_and_world, logged_in};
use crate::support::world::World;
use crate::support::{Misbehave, PASSPHRASE, Session, Standin, TOKEN, wait_until};
use rustix::process::{Pid, Signal};

const SHELLS: [&str; 3] = ["bash", "dash", "zsh"];

/// A secret that a shell would run, with a trace.
const SECRET: &str = "touch typed-ahead-was-run";

/// Pastes this text, at once or line by line, as some terminals do.
#[track_caller]
fn paste(shell: &mut Session, text: &str, in_pieces: bool) {
    for piece in text.split_inclusive('\r') {
        shell.send_bytes(piece.as_bytes());
        if in_pieces {
            std::thread::sleep(Duration::from_millis(30));
        }
    }
}

/// The shell is in use again, and had nothing of the secrets.
#[track_caller]
fn assert_the_shell_saw_nothing(world: &World, mut shell: Session, what: &str) {
    shell.send_line("echo still $((6 * 7))");
    shell.expect("still 42");
    shell.expect("ready> ");
    shell.send_line("exit");
    shell.wait();
    let history = fs::read_to_string(world.history()).unwrap_or_default();
    if !what.starts_with("dash") {
        assert!(history.contains("echo still"), "{what}: {history}");
    }
    for secret in [SECRET, "typed-ahead", PASSPHRASE, TOKEN] {
        assert!(
            !shell.screen().contains(secret),
            "{what}: {}",
            shell.screen()
        );
        assert!(!history.contains(secret), "{what}: {history}");
    }
    assert!(!world.home().join("typed-ahead-was-run").exists(), "{what}");
    fs::write(world.history(), "").expect("emptied");
}

/// What is said before a question is asked once more.
const TRY_AGAIN: &str = "Try again: ";

/// Runs `line` in each of the shells, answers the questions before `question`, and pastes there.
/// Another try is not taken.
#[track_caller]
fn story(
    world: &World,
    line: &str,
    answers: &[(&str, &str)],
    question: &str,
    pasted: &str,
    ends: &str,
) {
    for name in SHELLS {
        for in_pieces in [false, true] {
            let mut shell = world.shell(name);
            shell.send_line(line);
            for (asked, answer) in answers {
                shell.expect(asked);
                shell.send_secret(answer);
            }
            shell.expect(question);
            paste(&mut shell, pasted, in_pieces);
            shell.expect(ends);
            if ends == TRY_AGAIN {
                shell.expect(": ");
                shell.send_ctrl('c');
            }
            shell.expect("ready> ");
            let what = format!("{name}: {line}, {question}, {in_pieces}");
            assert_the_shell_saw_nothing(world, shell, &what);
        }
    }
}

const ENTER_TOKEN: &str = "Enter your token:";
const NEW: &str = "New vault passphrase:";
const REPEAT: &str = "Repeat passphrase:";

fn shells_are_installed() -> bool {
    are_installed(&SHELLS)
}

#[test]
fn at_a_token_that_is_malformed_or_refused() {
    if !shells_are_installed() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    let pasted = format!("{SECRET}\r{SECRET}\r{SECRET}\r");
    story(&world, "cldkctl auth", &[], ENTER_TOKEN, &pasted, TRY_AGAIN);
    // A line break in the middle of it.
    let pasted = format!("cldkctl_half_of_a\r{SECRET}\r{SECRET}\r{SECRET}\r");
    story(&world, "cldkctl auth", &[], ENTER_TOKEN, &pasted, "error:");
    cloudeka.misbehave(Misbehave::status(500, &serde_json::Value::Null));
    let line = "cldkctl auth --max-retries 0";
    story(&world, line, &[], ENTER_TOKEN, &pasted, "error:");
    assert!(!world.vault_path().exists());
}

#[test]
fn at_a_new_passphrase_that_is_weak_or_differs() {
    if !shells_are_installed() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    let token = [(ENTER_TOKEN, TOKEN)];
    let pasted = format!("cloudeka1\rcloudeka1\r{SECRET}\r");
    story(&world, "cldkctl auth", &token, NEW, &pasted, TRY_AGAIN);
    let pasted = format!("{PASSPHRASE}\r{SECRET}\r{SECRET}\r");
    story(&world, "cldkctl auth", &token, NEW, &pasted, TRY_AGAIN);
    let first = [(ENTER_TOKEN, TOKEN), (NEW, PASSPHRASE)];
    let pasted = format!("{SECRET}\r{SECRET}\r");
    story(&world, "cldkctl auth", &first, REPEAT, &pasted, TRY_AGAIN);
    // Half a line, at the end.
    let pasted = format!("{SECRET}\r{SECRET}");
    story(&world, "cldkctl auth", &first, REPEAT, &pasted, TRY_AGAIN);
    assert!(!world.vault_path().exists());
}

#[test]
fn behind_the_last_question_of_a_login_that_succeeds() {
    if !shells_are_installed() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    let line = "rm -rf data/cldkctl; cldkctl auth --no-unlock";
    let pasted = format!("{TOKEN}\r{PASSPHRASE}\r{PASSPHRASE}\r{SECRET}\r{SECRET}\r");
    story(&world, line, &[], ENTER_TOKEN, &pasted, "Auth success");
    // What is generated is shown all the same.
    let token = [(ENTER_TOKEN, TOKEN)];
    let pasted = format!("\r{SECRET}\r{SECRET}\r");
    let shown = "Write it down:\r\n\r\n    ";
    story(&world, line, &token, NEW, &pasted, shown);
}

#[test]
fn at_a_passphrase_that_opens_nothing() {
    if !shells_are_installed() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let pasted = format!("{SECRET}\r{SECRET}\r");
    let vault = "Vault passphrase:";
    for line in ["cldkctl auth token", "cldkctl unlock"] {
        story(&world, line, &[], vault, &pasted, TRY_AGAIN);
    }
    let run = world.cldkctl(["vault", "backup", "copy.age", "--passphrase-stdin"]);
    run.stdin(PASSPHRASE).run().succeeded();
    let line = "cldkctl vault restore copy.age --force";
    let question = "Passphrase of the backup:";
    story(&world, line, &[], question, &pasted, TRY_AGAIN);
}

#[test]
fn at_the_passphrase_of_a_key() {
    if !shells_are_installed() || !are_installed(&["ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    Key::ssh_protected(&world, "id", "ed25519", "of the key");
    let line = "cldkctl auth token --identity id";
    let pasted = format!("{SECRET}\r{SECRET}\r");
    let question = "Passphrase for the SSH key id:";
    story(&world, line, &[], question, &pasted, TRY_AGAIN);
}

#[test]
fn at_the_pin_of_a_plugin() {
    if !shells_are_installed() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    let recipient = Key::plugin(&world, "sealed.key", true).recipient;
    let run = world.cldkctl([
        "auth",
        "--token-stdin",
        "--vault",
        "other.age",
        "--recipient",
    ]);
    let run = run.arg(recipient).env("PATH", plugin_path());
    run.stdin(TOKEN).run().succeeded();
    let path = plugin_path().into_string().expect("text");
    world.write("env", format!("PATH='{path}':$PATH"));
    let line = ". ./env; cldkctl auth token --vault other.age --identity sealed.key";
    let pasted = format!("{SECRET}\r{SECRET}\r");
    story(
        &world,
        line,
        &[],
        "PIN of the test token:",
        &pasted,
        "error:",
    );
}

#[test]
fn what_exec_runs_gets_nothing_of_it_either() {
    if !shells_are_installed() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    // As a file: the line is on the screen, too.
    world.write("reader", "read -t 1 line; echo \"read [$line]\"");
    let line = "cldkctl lock; cldkctl exec -- bash reader";
    let pasted = format!("{PASSPHRASE}\r{SECRET}\r");
    story(&world, line, &[], "Vault passphrase:", &pasted, "read []");
}

/// `cldkctl auth` in this shell, waiting for the API with more typed than it has asked for; its
/// process id.
#[track_caller]
fn waiting(cloudeka: &Standin, world: &World, shell: &mut Session) -> Pid {
    let before = cloudeka.requests().len();
    shell.send_line(world.start("cldkctl auth"));
    shell.expect(ENTER_TOKEN);
    paste(shell, &format!("{TOKEN}\r{SECRET}\r{SECRET}\r"), false);
    let waits = || cloudeka.requests().len() > before;
    assert!(wait_until(Duration::from_secs(20), waits));
    world.started()
}

#[test]
fn where_a_signal_ends_the_command() {
    if !shells_are_installed() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    for name in SHELLS {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP, Signal::ABORT] {
            let mut shell = world.shell(name);
            let process = waiting(&cloudeka, &world, &mut shell);
            rustix::process::kill_process(process, signal).expect("a signal");
            shell.expect("ready> ");
            assert_the_shell_saw_nothing(&world, shell, &format!("{name}: {signal:?}"));
        }
    }
}

#[test]
fn where_the_command_is_suspended() {
    if !shells_are_installed() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    for name in SHELLS {
        let mut shell = world.shell(name);
        let process = waiting(&cloudeka, &world, &mut shell);
        rustix::process::kill_process(process, Signal::TSTP).expect("a signal");
        shell.expect("ready> ");
        shell.kill_job(process);
        assert_the_shell_saw_nothing(&world, shell, &format!("{name}: suspended"));
    }
}

#[test]
fn where_a_key_ends_the_command_in_the_middle_of_a_paste() {
    if !shells_are_installed() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    for name in SHELLS {
        let mut shell = world.shell(name);
        shell.send_line("cldkctl auth");
        shell.expect(ENTER_TOKEN);
        shell.send_secret(TOKEN);
        // Longer than the pause that ends a paste: nothing is read while the API is waited for.
        std::thread::sleep(Duration::from_millis(600));
        let lines = format!("{SECRET}\r").repeat(4);
        paste(&mut shell, &lines, true);
        shell.send_ctrl('c');
        std::thread::sleep(Duration::from_millis(100));
        paste(&mut shell, &lines, true);
        shell.expect("ready> ");
        assert_the_shell_saw_nothing(&world, shell, &format!("{name}: Ctrl-C"));
    }
}

/// What is typed before the first question, while a command works towards it.
#[test]
fn before_a_question_that_takes_a_while_to_come() {
    let (cloudeka, world) = cloudeka_and_world();
    let file = world.write("passphrase", PASSPHRASE);
    let type_ahead = |mut terminal: Session, question: &str| {
        let is_off = wait_until(Duration::from_secs(20), || !terminal.echo_is_on());
        assert!(is_off, "{}", terminal.screen());
        assert!(!terminal.screen().contains(question));
        terminal.send_line(PASSPHRASE);
        terminal.expect(question);
        assert!(!terminal.screen().contains(PASSPHRASE));
        terminal
    };
    cloudeka.misbehave(Misbehave::SlowBody(Duration::from_millis(10)));
    let auth = || world.cldkctl(["auth", "--token-stdin"]).stdin(TOKEN);
    let mut terminal = type_ahead(auth().on_pty(), NEW);
    terminal.expect(REPEAT);
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    // Nothing is asked.
    let mut terminal = auth().on_pty();
    terminal.expect("Auth success");
    assert!(!terminal.screen().contains("assphrase"));
    assert_eq!(terminal.wait(), 0);
    world.cldkctl(["lock"]).run().succeeded();
    let mut terminal = type_ahead(auth().on_pty(), "Vault passphrase:");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());

    let costly = ["vault", "tune", "--target", "2s", "--memory", "512MiB"];
    let mut terminal = world.cldkctl(costly).on_pty();
    terminal.expect("Vault passphrase:");
    assert!(!terminal.screen().contains("Measuring"));
    terminal.send_secret(PASSPHRASE);
    terminal.expect("Measuring");
    assert!(!terminal.echo_is_on());
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());

    let run = world.cldkctl(["vault", "passphrase", "--passphrase-file"]);
    let terminal = type_ahead(run.arg(&file).on_pty(), NEW);
    drop(terminal);
}
