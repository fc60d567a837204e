//! `exec`: another program with the credential in its environment, and in our place.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use crate::support::steps::{assert_locked, log_in, logged_in, unlocked};
use crate::support::world::{Output, set_mode};
use crate::support::{PASSPHRASE, Standin, TOKEN, World, wait_until};
use rustix::process::Signal;

fn exec(world: &World, command: &[&str]) -> Output {
    world.cldkctl(["exec", "--"]).args(command).run()
}

fn variables(output: &Output) -> BTreeMap<&str, &str> {
    output
        .stdout
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect()
}

#[test]
fn the_exit_status_is_the_commands_own() {
    let (_cloudeka, world) = unlocked(&[]);
    for code in [0, 1, 7, 130, 255] {
        let output = exec(
            &world,
            &["sh", "-c", &format!("echo out; echo err >&2; exit {code}")],
        );
        let output = output.expect_code(code);
        assert_eq!((&*output.stdout, &*output.stderr), ("out\n", "err\n"));
    }
    exec(&world, &["sh", "-c", "kill -KILL $$"]).expect_code(128 + 9);
}

#[test]
fn arguments_and_stdin_go_through_untouched() {
    let (_cloudeka, world) = unlocked(&[]);
    let args = ["printf", "[%s]", "--help", "-o", "a b", "", "$HOME", "--"];
    assert_eq!(
        exec(&world, &args).succeeded().stdout,
        "[--help][-o][a b][][$HOME][--]"
    );
    let cat = world.cldkctl(["exec", "--", "cat"]).stdin("from a pipe");
    assert_eq!(cat.run().succeeded().stdout, "from a pipe");
}

#[test]
fn the_environment_has_what_was_promised_and_is_else_as_it_was() {
    let (cloudeka, world) = unlocked(&[]);
    let plain = |args: &[&str]| {
        let run = world.cldkctl(args.iter().copied()).env("MINE", "as it was");
        run.arg("--").arg("env").run().succeeded()
    };
    let output = plain(&["exec"]);
    let found = variables(&output);
    let base_url = cloudeka.base_url();
    let home = world.home();
    assert_eq!(found["CLDKCTL_TOKEN"], TOKEN);
    assert_eq!(found["CLDKCTL_BASE_URL"], base_url);
    assert_eq!(
        (found["MINE"], found["HOME"]),
        ("as it was", home.to_str().unwrap())
    );
    let mut names: Vec<_> = found.keys().copied().collect();
    names.retain(|name| !["_", "LLVM_PROFILE_FILE"].contains(name));
    let mut expected = vec![
        "CLDKCTL_BASE_URL",
        "CLDKCTL_TOKEN",
        "HOME",
        "LANG",
        "MINE",
        "PATH",
        "TERM",
        "XDG_CONFIG_HOME",
        "XDG_DATA_HOME",
        "XDG_RUNTIME_DIR",
    ];
    assert_eq!(names, expected, "no session, no project");

    let output = plain(&["exec", "--session", "--default-project", "project-beta"]);
    let found = variables(&output);
    let session = world.cldkctl(["auth", "token", "--session"]).run().stdout;
    assert_eq!(found["CLDKCTL_SESSION_TOKEN"], session.trim_end());
    assert_eq!(found["CLDKCTL_DEFAULT_PROJECT_ID"], "project-beta");
    expected.extend(["CLDKCTL_DEFAULT_PROJECT_ID", "CLDKCTL_SESSION_TOKEN"]);
    expected.sort_unstable();
    let mut names: Vec<_> = found.keys().copied().collect();
    names.retain(|name| !["_", "LLVM_PROFILE_FILE"].contains(name));
    assert_eq!(names, expected);
}

#[test]
fn the_base_url_and_the_project_are_those_of_the_login() {
    let (cloudeka, world) = logged_in();
    log_in(&world, TOKEN, &["--default-project", "project-alpha"]);
    crate::support::steps::unlock(&world, &[]);
    let run = world
        .cldkctl(["exec", "--", "env"])
        .env_remove("CLDKCTL_BASE_URL");
    let output = run.run().succeeded();
    let found = variables(&output);
    assert_eq!(found["CLDKCTL_BASE_URL"], cloudeka.base_url());
    assert_eq!(found["CLDKCTL_DEFAULT_PROJECT_ID"], "project-alpha");
}

#[test]
fn it_is_the_process_and_signals_reach_it() {
    let (_cloudeka, world) = unlocked(&[]);
    let script = "trap 'echo terminated; exit 9' TERM; echo $$ > pid; while :; do sleep 0.05; done";
    let running = world.cldkctl(["exec", "--", "sh", "-c", script]).spawn();
    let file = world.home().join("pid");
    let ready = || fs::read_to_string(&file).is_ok_and(|pid| pid.ends_with('\n'));
    assert!(wait_until(Duration::from_secs(20), ready));
    let pid = fs::read_to_string(&file).unwrap();
    assert_eq!(pid.trim_end(), running.pid().to_string());
    running.signal(Signal::TERM);
    assert_eq!(running.wait().expect_code(9).stdout, "terminated\n");
}

#[test]
#[cfg(target_os = "linux")]
fn it_finds_limits_signals_files_and_the_terminal_as_without_us() {
    let (_cloudeka, world) = logged_in();
    let script = "ulimit -c; ulimit -H -c; grep ^Sig /proc/self/status; grep ^NoNewPrivs /proc/self/status; \
        for fd in /proc/$$/fd/*; do echo ${fd##*/}; done; [ -r /proc/$$/environ ] && echo readable; stty -a";
    // No pipe in it, which the shell has open itself for a while.
    let shell = |start: &[&str], asks: bool| {
        // Of the descriptors, tests that run beside this one may have lent some. The unit of
        // the limit is 1 KiB in bash, and half of it in sh.
        let bash = "ulimit -S -c 512; for fd in /proc/$$/fd/*; do \
            if [ ${fd##*/} -gt 2 ]; then eval \"exec ${fd##*/}>&-\"; fi; done; exec \"$@\"";
        let mut command = std::process::Command::new("bash");
        command
            .args(["-c", bash, "bash"])
            .args(start)
            .args(["sh", "-c", script]);
        command
            .env("XDG_DATA_HOME", world.data())
            .env("XDG_CONFIG_HOME", world.config())
            .env("XDG_RUNTIME_DIR", world.runtime());
        let mut terminal = crate::support::Session::spawn(command);
        if asks {
            terminal.expect("Vault passphrase:");
            terminal.send_secret(PASSPHRASE);
        }
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
        let screen = terminal.screen();
        let from = screen.find("1024").expect("a core limit");
        screen[from..].to_owned()
    };
    let plain = shell(&[], false);
    let binary = env!("CARGO_BIN_EXE_cldkctl");
    // With a question before it, and without.
    assert_eq!(shell(&[binary, "exec", "--"], true), plain);
    assert_eq!(shell(&[binary, "exec", "--session", "--"], false), plain);
}

#[test]
#[cfg(target_os = "linux")]
fn the_program_ignores_the_signals_that_were_ignored_before() {
    let (_cloudeka, world) = unlocked(&[]);
    let ignored = |trap: &str, args: &[&str]| {
        let script = format!("{trap} exec \"$0\" \"$@\"");
        let run = world.cldkctl(args.iter().copied());
        let output = run.under(["sh".to_owned(), "-c".to_owned(), script]).run();
        let stdout = output.succeeded().stdout;
        let mask = stdout.split_whitespace().last().expect("a mask");
        // Above 31 are those that the C library keeps to itself.
        u64::from_str_radix(mask, 16).expect("a mask") & 0x7fff_ffff
    };
    let mask = |signals: &[u32]| {
        signals
            .iter()
            .fold(0, |mask, signal| mask | 1 << (signal - 1))
    };
    let grep = ["--", "grep", "SigIgn", "/proc/self/status"];
    for args in [&["exec"][..], &["exec", "--session"]] {
        let args = [args, &grep].concat();
        assert_eq!(ignored("", &args), 0);
        let trap = "trap '' HUP INT PIPE TERM XFSZ;";
        assert_eq!(ignored(trap, &args), mask(&[1, 2, 13, 15, 25]));
        assert_eq!(ignored("trap '' PIPE;", &args), mask(&[13]));
    }
}

#[test]
fn what_cannot_be_run_is_126_and_what_is_not_there_127() {
    let (_cloudeka, world) = unlocked(&[]);
    let file = world.write("no-program", "nothing");
    set_mode(&file, 0o644);
    let output = exec(&world, &[file.to_str().unwrap()]).expect_code(126);
    assert!(output.stderr.contains("no-program"), "{output}");
    let missing = world.cldkctl(["exec", "--", "cldkctl-no-such-command"]);
    // A folder that may not be searched would be 126 again, as with env(1).
    let output = missing.env("PATH", "/usr/bin:/bin").run().expect_code(127);
    assert!(
        output.stderr.contains("cldkctl-no-such-command"),
        "{output}"
    );
    output.assert_no_secret(&[TOKEN]);
    world.cldkctl(["exec"]).run().expect_code(2);
    world.cldkctl(["exec", "--"]).run().expect_code(2);
}

#[test]
fn locked_nothing_is_run() {
    let (_cloudeka, world) = logged_in();
    assert_locked(&world);
    exec(&world, &["sh", "-c", "touch ran"]).expect_code(4);
    assert!(!world.home().join("ran").exists());
}

#[test]
fn a_token_in_the_environment_is_used_in_place_of_the_vaults() {
    let (cloudeka, world) = unlocked(&[]);
    let theirs = "cldkctl_from_the_environment_1234";
    cloudeka.accept_token(theirs);
    world.cldkctl(["lock"]).run().succeeded();
    let run = |args: &[&str]| {
        let run = world.cldkctl(args.iter().copied());
        run.env("CLDKCTL_TOKEN", format!(" {theirs}\n")).run()
    };
    assert_eq!(
        run(&["auth", "token"]).succeeded().stdout,
        format!("{theirs}\n")
    );
    let output = run(&["exec", "--session", "--", "env"]).succeeded();
    assert_eq!(variables(&output)["CLDKCTL_TOKEN"], theirs);
    assert_eq!(
        variables(&output)["CLDKCTL_SESSION_TOKEN"]
            .split('.')
            .count(),
        3
    );
    run(&["api", "/core/user/profile"]).succeeded();
    let output = run(&["auth", "status", "--check"]).succeeded();
    assert!(output.stdout.contains("CLDKCTL_TOKEN"), "{output}");
    output.assert_no_secret(&[theirs, TOKEN]);
    let sent = cloudeka.requests().split_off(1);
    assert!(sent.iter().all(|request| !request.contains(TOKEN)));

    let bad = world
        .cldkctl(["auth", "token"])
        .env("CLDKCTL_TOKEN", "two words");
    let output = bad.run().expect_code(2);
    assert!(output.stderr.contains("CLDKCTL_TOKEN"), "{output}");
    assert!(!output.stderr.contains("two words"), "{output}");
}

#[test]
fn a_session_of_another_login_does_not_go_along() {
    let (_cloudeka, world) = unlocked(&[]);
    let run = world.cldkctl(["exec", "--", "env"]);
    let output = run.env("CLDKCTL_SESSION_TOKEN", "of-another-login").run();
    assert!(!variables(&output.succeeded()).contains_key("CLDKCTL_SESSION_TOKEN"));
}

#[test]
fn the_token_of_the_environment_goes_where_the_environment_says_and_nowhere_else() {
    let (cloudeka, world) = logged_in();
    let elsewhere = Standin::start();
    elsewhere.accept_token(TOKEN);
    let output = world
        .cldkctl([
            "--base-url",
            &elsewhere.base_url(),
            "auth",
            "token",
            "--session",
        ])
        .env("CLDKCTL_TOKEN", TOKEN)
        .run()
        .expect_code(3);
    assert!(output.stderr.contains(&cloudeka.base_url()), "{output}");
    assert_eq!(elsewhere.connections(), 0);
}
