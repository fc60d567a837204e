//! The terminal and the world that the other tests stand on, tried with programs that every
//! system has.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::time::Duration;

use crate::support::pty::Streams;
use crate::support::world::{files_under, mode, set_mode};
use crate::support::{SOMEONE_ELSE, Session, World, traces};
use rustix::process::Signal;

/// Runs `script` in place of the binary.
fn shell() -> World {
    World::with_binary("/bin/sh")
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]);
    command
}

/// What the panic of `test` says; fails when it does not panic.
fn failure_of(test: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(test)).expect_err("this test has to fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn a_program_on_a_terminal_prints_is_answered_and_ends() {
    let mut session = Session::spawn(sh(
        "printf 'Your name: '; read name; echo \"Hi $name\"; exit 7",
    ));
    session.expect("Your name: ");
    session.send_line("Sari");
    assert!(
        session.expect("Hi Sari").contains("Sari\r\n"),
        "the echo of what was typed"
    );
    assert_eq!(session.wait(), 7);
    assert!(
        session.screen().ends_with("Hi Sari\r\n"),
        "{:?}",
        session.screen()
    );
}

#[test]
fn expect_looks_only_at_what_was_not_expected_before() {
    let mut session = Session::spawn(sh("echo one; echo two"));
    session.expect("one");
    session.expect("two");
    let failure = failure_of(|| drop(session.expect("one")));
    assert!(failure.contains("the program ended") && failure.contains("one\r\ntwo"));
}

#[test]
fn what_never_comes_fails_the_test_with_the_screen() {
    let mut session = Session::spawn(sh("echo here I am; sleep 60"));
    let soon = Duration::from_millis(300);
    let failure = failure_of(|| drop(session.expect_within(soon, "not me")));
    assert!(
        failure.contains("time is up") && failure.contains("here I am"),
        "{failure}"
    );
}

#[test]
fn the_last_byte_is_on_the_screen_once_the_program_ended() {
    let mut session = Session::spawn(sh(
        "i=0; while [ $i -lt 5000 ]; do echo line $i; i=$((i+1)); done",
    ));
    assert_eq!(session.wait(), 0);
    assert!(session.screen().ends_with("line 4999\r\n"));
}

#[test]
fn whether_the_terminal_echoes_can_be_seen_and_a_secret_waits_for_it() {
    let script =
        "read first; stty -echo; read secret; stty echo; echo \"[$first $secret]\"; read last";
    let mut session = Session::spawn(sh(script));
    assert!(session.echo_is_on());
    session.send_line("shown");
    session.send_secret("hidden");
    session.expect("[shown hidden]");
    assert!(session.echo_is_on());
    assert_eq!(
        session.screen().matches("hidden").count(),
        1,
        "{:?}",
        session.screen()
    );
}

#[test]
fn ctrl_c_interrupts_and_ctrl_d_ends_the_input() {
    // No shell here: dash forks its next command even when Ctrl-C came just before.
    let mut session = Session::spawn(Command::new("cat"));
    session.send_line("asked");
    session.expect("asked\r\nasked");
    session.send_ctrl('c');
    assert_eq!(session.wait(), 128 + 2);

    let mut session = Session::spawn(Command::new("cat"));
    session.send_ctrl('d');
    assert_eq!(session.wait(), 0);
}

#[test]
fn streams_can_lead_elsewhere_while_the_terminal_stays() {
    let script =
        "cat; echo trouble >&2; printf 'Sure? ' > /dev/tty; read answer < /dev/tty; echo $answer";
    let streams = Streams {
        stdin: Some(b"from a pipe\n".to_vec()),
        stdout_apart: true,
        stderr_apart: true,
    };
    let mut session = Session::spawn_with(sh(script), streams);
    session.expect("Sure? ");
    session.send_line("yes");
    assert_eq!(session.wait(), 0);
    assert_eq!(session.stdout(), "from a pipe\nyes\n");
    assert_eq!(session.stderr(), "trouble\n");
    assert_eq!(session.screen(), "Sure? yes\r\n");
}

#[test]
fn a_terminal_that_is_closed_hangs_up_on_its_program() {
    let folder = tempfile::tempdir().unwrap();
    let note = folder.path().join("note");
    let script = format!(
        "trap 'echo hung up > {}; exit' HUP; echo ready; while :; do sleep 0.05; done",
        note.display()
    );
    let mut session = Session::spawn(sh(&script));
    session.expect("ready");
    session.hang_up();
    assert_eq!(session.wait(), 0);
    assert_eq!(std::fs::read_to_string(note).unwrap(), "hung up\n");
}

#[test]
fn a_world_is_private_and_has_nothing_of_ours_in_it() {
    let world = shell();
    for folder in [world.home(), world.data(), world.config(), world.runtime()] {
        assert_eq!(mode(&folder), 0o700, "{folder:?}");
    }
    let env = world
        .cldkctl(["-c", "env"])
        .env("EXTRA", "1")
        .env_remove("TERM")
        .run()
        .succeeded();
    let mut names: Vec<&str> = env
        .stdout
        .lines()
        .filter_map(|line| line.split('=').next())
        .collect();
    names.retain(|name| !["PWD", "OLDPWD", "SHLVL", "_", "LLVM_PROFILE_FILE"].contains(name));
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "EXTRA",
            "HOME",
            "LANG",
            "PATH",
            "XDG_CONFIG_HOME",
            "XDG_DATA_HOME",
            "XDG_RUNTIME_DIR"
        ]
    );
    let home = world.home();
    drop(world);
    assert!(!home.exists());
}

#[test]
fn a_world_that_ends_is_locked_if_there_is_a_vault() {
    let proof = tempfile::tempdir().unwrap();
    let proof = proof.path().join("proof");
    for vault in [false, true] {
        let world = shell();
        // `sh lock` at home, in place of `cldkctl lock`.
        world.write("lock", format!("> {}", proof.display()));
        if vault {
            std::fs::create_dir(world.data().join("cldkctl")).unwrap();
            std::fs::write(world.vault_path(), "").unwrap();
        }
        drop(world);
        assert_eq!(proof.exists(), vault);
    }
}

#[test]
fn what_a_program_prints_after_a_silence_without_any_terminal_open_is_seen() {
    let script = "exec < /dev/null > /dev/null 2>&1; sleep 0.3; echo late > /dev/tty";
    let mut session = Session::spawn(sh(script));
    session.expect("late");
    assert_eq!(session.wait(), 0);
}

#[test]
fn a_run_gives_its_code_and_both_outputs() {
    let world = shell();
    let output = world
        .cldkctl(["-c", "cat; echo told >&2; exit 3"])
        .stdin("given")
        .run();
    assert_eq!(
        (output.code, &*output.stdout, &*output.stderr),
        (3, "given", "told\n")
    );
    let failure = failure_of(|| drop(output.succeeded()));
    assert!(
        failure.contains("exit code: 3") && failure.contains("told"),
        "{failure}"
    );
    assert_eq!(world.cldkctl(["-c", "cat"]).run().succeeded().stdout, "");
}

#[test]
fn a_run_has_no_terminal_to_ask_on() {
    let world = shell();
    let output = world.cldkctl(["-c", "exec < /dev/tty"]).run();
    assert_ne!(output.code, 0);
    assert!(output.stderr.contains("/dev/tty"), "{output}");
    assert_eq!(world.cldkctl(["-c", "exec < /dev/tty"]).on_pty().wait(), 0);

    // Also where the tests have one themselves: it leads a session of its own.
    let running = world.cldkctl(["-c", "exec sleep 60"]).spawn();
    // From /proc, as `getsid` of rustix takes no 0: the session of a container's first
    // process is led from without, and has none of its numbers, pid_namespaces(7).
    let stat = format!("/proc/{}/stat", running.pid());
    let leads = || {
        let stat = std::fs::read_to_string(&stat).unwrap();
        let (_, after_name) = stat.rsplit_once(") ").unwrap();
        // state, parent, group, session: proc_pid_stat(5)
        after_name.split(' ').nth(3) == Some(&running.pid().to_string())
    };
    assert!(crate::support::wait_until(Duration::from_secs(5), leads));
}

#[test]
fn a_run_that_does_not_end_or_leaves_its_output_open_fails_the_test() {
    let world = shell();
    let slow = world
        .cldkctl(["-c", "sleep 60"])
        .patience(Duration::from_millis(200));
    assert!(failure_of(|| drop(slow.run())).contains("does not end"));
    let daemon = world.cldkctl(["-c", "sleep 8 & exit 0"]);
    assert!(failure_of(|| drop(daemon.run())).contains("holds its output open"));
}

#[test]
fn a_running_program_can_be_signalled_by_its_own_process_id() {
    let world = shell();
    let running = world.cldkctl(["-c", "echo $$; exec sleep 60"]).spawn();
    let pid = running.pid();
    // The shell has no handler, so that it is all the same when the signal comes.
    running.signal(Signal::TERM);
    let output = running.wait();
    assert_eq!(output.code, 128 + 15);
    assert!(
        output.stdout.is_empty() || output.stdout == format!("{pid}\n"),
        "{output}"
    );
}

#[test]
fn files_are_listed_with_their_bytes_and_links_are_not_followed() {
    let world = shell();
    let note = world.write(".hidden", "text");
    assert_eq!(mode(&note), 0o600);
    set_mode(&note, 0o640);
    assert_eq!(mode(&note), 0o640);
    std::os::unix::fs::symlink("/etc", world.home().join("link")).unwrap();
    let files = files_under(&world.home());
    assert_eq!(
        files.keys().collect::<Vec<_>>(),
        [&note, &world.settings_path()]
    );
    assert_eq!(files[&note], b"text");
    assert_eq!(shell().without_settings().files().len(), 0);
}

#[test]
fn a_secret_in_a_file_is_found_however_it_is_written() {
    let secret = "cldkctl_Secr3t/\u{e9}";
    for script in [
        "printf %s \"before $0 after\" > note",
        "printf %s \"b$0after\" | base64 -w 0 > note",
        "printf %s \"be$0after\" | base64 -w 0 | tr +/ -_ > note",
        "printf %s \"bef$0after\" | base64 -w 0 > note",
        "printf %s \"$0\" | od -An -v -tx1 | tr -d ' \\n' > note",
        "> \"note $(printf %s \"$0\" | base64 -w 0 | tr +/ -_)\"",
    ] {
        let world = shell();
        world.assert_no_secret(&[secret]);
        world.cldkctl(["-c", script, secret]).run().succeeded();
        assert!(
            failure_of(|| world.assert_no_secret(&[secret])).contains("note"),
            "{script}"
        );
    }
    assert_eq!(traces::find(b"cldkctl_Secret", secret), None);
}

#[test]
fn a_secret_that_is_printed_is_found() {
    let output = shell()
        .cldkctl(["-c", "echo no cldkctl_abc here >&2"])
        .run();
    output.assert_no_secret(&["cldkctl_xyz"]);
    assert!(failure_of(|| output.assert_no_secret(&["cldkctl_abc"])).contains("was printed"));
}

#[test]
fn another_user_runs_the_same_binary_and_is_kept_out_of_the_home() {
    if !crate::support::can_be_someone_else() {
        return;
    }
    let world = shell();
    let script = "id -u; id -G; cat \"$HOME/config/cldkctl/config.toml\"";
    let output = world
        .cldkctl(["-c", script])
        .current_dir("/")
        .run_by(SOMEONE_ELSE)
        .run();
    assert_eq!(output.stdout, format!("{SOMEONE_ELSE}\n{SOMEONE_ELSE}\n"));
    assert_eq!(output.code, 1, "{output}");

    let theirs = shell().owned_by(SOMEONE_ELSE);
    let output = theirs.cldkctl(["-c", script]).run().succeeded();
    assert!(output.stdout.ends_with("lanes = 1\n"), "{output}");
    let mut session = theirs.cldkctl(["-c", "id -u > /dev/tty; > mine"]).on_pty();
    session.expect(&SOMEONE_ELSE.to_string());
    assert_eq!(session.wait(), 0);
    assert!(theirs.home().join("mine").exists());
}
