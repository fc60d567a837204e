//! Several commands, or other programs, that ask on one terminal at the same time.

use std::fs;
use std::time::Duration;

use crate::support::steps::{
    are_installed, assert_locked, cloudeka_and_world, logged_in, type_new_passphrase,
};
use crate::support::world::World;
use crate::support::{Misbehave, PASSPHRASE, Session, TOKEN, wait_until};
use rustix::process::{Pid, Signal};

const QUESTION: &str = "Vault passphrase:";
const SHELLS: [&str; 3] = ["bash", "dash", "zsh"];

/// Longer than it takes a command to look at the terminal again.
const A_WHILE: Duration = Duration::from_millis(400);

/// Answers the question, while no other one is on the screen and nothing typed is shown.
#[track_caller]
fn answer(terminal: &mut Session) {
    terminal.expect(QUESTION);
    answer_again(terminal);
}

/// The same where the question is on the screen already.
#[track_caller]
fn answer_again(terminal: &mut Session) {
    let asked = terminal.screen().matches(QUESTION).count();
    std::thread::sleep(A_WHILE);
    assert!(!terminal.echo_is_on(), "{}", terminal.screen());
    let screen = terminal.screen();
    assert_eq!(screen.matches(QUESTION).count(), asked, "{screen}");
    terminal.send_secret(PASSPHRASE);
}

/// Nothing secret was shown, and the terminal is as it was.
#[track_caller]
fn assert_sane(mut shell: Session, name: &str) {
    shell.expect("ready> ");
    // The others turn it off, to edit lines.
    if name == "dash" {
        assert!(shell.echo_is_on(), "the echo stays off");
    }
    shell.send_line("exit");
    shell.wait();
    let screen = shell.screen();
    assert!(!screen.contains(PASSPHRASE), "{screen}");
}

#[test]
fn commands_of_a_pipeline_ask_one_after_the_other() {
    if !are_installed(&SHELLS) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    for name in SHELLS {
        for line in [
            "cldkctl vault backup - | (cldkctl vault backup a; cat > copy)",
            "cldkctl vault backup - | (cldkctl vault backup a; cat) | (cldkctl vault backup b; cat > copy)",
        ] {
            let mut shell = world.shell(name);
            shell.send_line("rm -f a b copy");
            shell.expect("ready> ");
            shell.send_line(line);
            for _ in line.split('|') {
                answer(&mut shell);
            }
            assert_sane(shell, name);
            let copy = fs::read(world.home().join("copy")).expect("a copy");
            assert!(copy == fs::read(world.vault_path()).expect("a vault"));
        }
    }
    assert_locked(&world);
}

#[test]
fn a_command_of_a_pipeline_finds_the_vault_unlocked_by_another() {
    let (_cloudeka, world) = logged_in();
    let mut shell = world.shell("dash");
    // Either may be the first.
    shell.send_line("cldkctl auth token | (cldkctl auth token; cat)");
    answer(&mut shell);
    shell.expect(TOKEN);
    shell.expect(TOKEN);
    assert_eq!(shell.screen().matches(QUESTION).count(), 1);
    assert_sane(shell, "dash");
}

#[test]
fn a_pipeline_is_suspended_and_continued() {
    let (_cloudeka, world) = logged_in();
    let mut shell = world.shell("dash");
    shell.send_line("cldkctl vault backup - | (cldkctl vault backup a; cat > copy)");
    for _ in 0..2 {
        shell.expect(QUESTION);
        // The subshell heeds Ctrl-Z once it runs.
        std::thread::sleep(A_WHILE);
        shell.send_ctrl('z');
        shell.expect("ready> ");
        // The shell does not wait for what its subshell runs.
        let is_on = wait_until(Duration::from_secs(1), || shell.echo_is_on());
        assert!(is_on, "the shell can be read");
        shell.send_line("fg");
        answer(&mut shell);
    }
    assert_sane(shell, "dash");
}

/// The shell has the terminal back at once, before the command of its subshell has.
#[test]
fn a_command_of_a_subshell_leaves_no_silence_behind() {
    let (_cloudeka, world) = logged_in();
    for letter in ['c', 'z'] {
        for typed in ["", "marble"] {
            let mut shell = world.shell("dash");
            shell.send_line("(cldkctl vault verify; cat)");
            shell.expect(QUESTION);
            std::thread::sleep(A_WHILE);
            shell.send_bytes(typed.as_bytes());
            shell.send_ctrl(letter);
            shell.expect("ready> ");
            let is_on = wait_until(Duration::from_secs(2), || shell.echo_is_on());
            assert!(is_on, "Ctrl-{letter} after {typed:?}");
            assert!(!shell.screen().contains("marble"), "{}", shell.screen());
        }
    }
}

/// A pipeline whose first command asks, and that command's process id.
#[track_caller]
fn first_asks(world: &World) -> (Session, Pid) {
    let mut shell = world.shell("dash");
    let first = world.start("cldkctl vault backup -");
    // The second is not to ask first.
    shell.send_line(&format!("{first} | (sleep 1; cldkctl vault verify)"));
    shell.expect(QUESTION);
    std::thread::sleep(Duration::from_secs(2));
    let screen = shell.screen();
    assert_eq!(screen.matches(QUESTION).count(), 1, "{screen}");
    (shell, world.started())
}

#[test]
fn one_that_was_killed_or_is_stopped_is_not_waited_for_and_leaves_no_silence_behind() {
    let (_cloudeka, world) = logged_in();
    for signal in [Signal::KILL, Signal::STOP] {
        let (mut shell, pid) = first_asks(&world);
        rustix::process::kill_process(pid, signal).expect("a signal");
        answer(&mut shell);
        shell.expect("is sound");
        shell.expect("ready> ");
        assert!(shell.echo_is_on(), "{signal:?}");
        let _ = rustix::process::kill_process(pid, Signal::KILL);
        assert!(!shell.screen().contains(PASSPHRASE), "{}", shell.screen());
    }
}

#[test]
fn a_lock_of_others_keeps_nobody_from_asking() {
    let (_cloudeka, world) = logged_in();
    let mut shell = world.shell("dash");
    let device = format!("/proc/{}/fd/0", shell.pid());
    let device = fs::OpenOptions::new().read(true).write(true).open(device);
    let device = device.expect("the device");
    let lock = rustix::fs::FlockOperation::LockExclusive;
    rustix::fs::fcntl_lock(&device, lock).expect("locked");
    shell.send_line("cldkctl auth token");
    answer(&mut shell);
    shell.expect(TOKEN);
    assert_sane(shell, "dash");
}

#[test]
fn ctrl_z_gives_the_echo_back_until_fg_asks_again() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut shell = world.shell("dash");
    shell.send_line("cldkctl auth");
    shell.expect("Enter your token:");
    for _ in 0..2 {
        assert!(!shell.echo_is_on());
        shell.send_ctrl('z');
        shell.expect("Stopped");
        shell.expect("ready> ");
        assert!(
            wait_until(Duration::from_secs(5), || shell.echo_is_on()),
            "the shell can be read"
        );
        shell.send_line("fg");
        shell.expect("Enter your token:");
        assert!(
            wait_until(Duration::from_secs(5), || !shell.echo_is_on()),
            "the echo is on again"
        );
    }
    shell.send_secret(TOKEN);
    type_new_passphrase(&mut shell, PASSPHRASE);
    shell.expect("Auth success");
    assert!(!shell.screen().contains(TOKEN), "{}", shell.screen());
    assert_sane(shell, "dash");
}

#[test]
fn ctrl_z_while_the_network_is_waited_for_keeps_the_next_question_quiet() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::SlowBody(Duration::from_millis(5)));
    let mut shell = world.shell("dash");
    shell.send_line("cldkctl auth");
    shell.expect("Enter your token:");
    shell.send_secret(TOKEN);
    let reached = || !cloudeka.requests().is_empty();
    assert!(wait_until(Duration::from_secs(20), reached));
    shell.send_ctrl('z');
    shell.expect("Stopped");
    shell.expect("ready> ");
    assert!(wait_until(Duration::from_secs(5), || shell.echo_is_on()));
    shell.send_line("fg");
    type_new_passphrase(&mut shell, PASSPHRASE);
    shell.expect("Auth success");
    assert_sane(shell, "dash");
}

/// As sudo or ssh does that asked on the same terminal, and is done.
#[test]
fn an_echo_that_another_program_turns_on_is_turned_off_again() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    for (question, answer) in [
        ("Enter your token:", TOKEN),
        ("New vault passphrase:", PASSPHRASE),
        ("Repeat passphrase:", PASSPHRASE),
    ] {
        terminal.expect(question);
        let (begin, rest) = answer.split_at(5);
        for piece in [begin, rest] {
            terminal.send_bytes(piece.as_bytes());
            terminal.set_echo(true);
            // Shown again, because the other program may have printed something.
            terminal.expect(question);
            assert!(wait_until(Duration::from_secs(5), || !terminal.echo_is_on()));
        }
        terminal.send_line("");
    }
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.echo_is_on());
    for secret in [TOKEN, PASSPHRASE] {
        assert!(!terminal.screen().contains(secret), "{}", terminal.screen());
    }
}

#[test]
fn a_terminal_is_left_as_it_was_found_or_as_others_restored_it() {
    let (_cloudeka, world) = logged_in();
    for restored in [false, true] {
        let mut shell = world.shell("dash");
        shell.send_line("stty -echo; cldkctl vault verify");
        shell.expect(QUESTION);
        if restored {
            shell.set_echo(true);
            shell.expect(QUESTION);
        }
        answer_again(&mut shell);
        shell.expect("is sound");
        shell.expect("ready> ");
        assert_eq!(shell.echo_is_on(), restored);
    }
}

#[test]
fn a_command_in_the_background_asks_in_the_foreground_alone_and_can_be_killed() {
    if !are_installed(&SHELLS) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    for name in SHELLS {
        let mut shell = world.shell(name);
        shell.send_line(&format!("{} &", world.start("cldkctl vault verify")));
        std::thread::sleep(A_WHILE);
        assert!(!shell.screen().contains(QUESTION), "{}", shell.screen());
        shell.kill_job(world.started());

        let mut shell = world.shell(name);
        shell.send_line(world.start("cldkctl vault verify"));
        shell.expect(QUESTION);
        shell.send_ctrl('z');
        shell.expect("ready> ");
        shell.kill_job(world.started());

        let mut shell = world.shell(name);
        shell.send_line("cldkctl vault verify &");
        std::thread::sleep(A_WHILE);
        shell.send_line("fg");
        answer(&mut shell);
        shell.expect("is sound");
        assert_asked_once(&shell, name);
        assert_sane(shell, name);
    }
}

#[track_caller]
fn assert_asked_once(shell: &Session, name: &str) {
    let screen = shell.screen();
    assert_eq!(screen.matches(QUESTION).count(), 1, "{name}: {screen}");
}

/// Also when it is brought to the foreground at once, or was stopped before.
#[test]
fn a_command_that_comes_to_the_foreground_asks_once() {
    if !are_installed(&SHELLS) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    for name in SHELLS {
        for line in [
            "cldkctl vault verify & fg",
            "cldkctl vault verify & sleep 0.1; fg",
        ] {
            for _ in 0..5 {
                let mut shell = world.shell(name);
                shell.send_line(line);
                answer(&mut shell);
                shell.expect("is sound");
                assert_asked_once(&shell, name);
                assert_sane(shell, name);
            }
        }
    }
}

/// A process group that no shell knows any more: nobody can bring it to the foreground.
#[test]
fn a_job_that_nobody_can_bring_to_the_foreground_has_nobody_to_ask() {
    let (_cloudeka, world) = logged_in();
    world.write("orphan", "sleep 0.3; cldkctl $*; echo ended with $?");
    let mut shell = world.shell("dash");
    for (args, code) in [
        ("auth token", 4),
        ("unlock", 4),
        ("vault passphrase", 4),
        ("auth", 2),
    ] {
        for line in [
            format!("(sh orphan {args} &)"),
            format!("(trap '' TTIN; sh orphan {args}) &"),
        ] {
            shell.send_line(&line);
            let said = shell.expect(&format!("ended with {code}\r\n"));
            assert!(said.contains("belongs to another job"), "{line}: {said}");
            assert!(
                said.contains("hint:") && !said.contains("type it"),
                "{said}"
            );
            assert!(!said.contains(QUESTION), "{said}");
            assert!(shell.echo_is_on());
        }
    }
}
