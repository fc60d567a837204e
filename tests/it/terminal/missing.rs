//! Cron, CI, a systemd unit: nobody to ask. What is handed over is found in the documented
//! order, and what is missing is said at once.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::support::steps::{cloudeka_and_world, contents_of, logged_in, logged_in_to};
use crate::support::world::{Output, set_mode};
use crate::support::{PASSPHRASE, Session, TOKEN, World};

const WRONG: &str = "surely another passphrase";

/// The longest that a command may take that has nothing to wait for.
const AT_ONCE: Duration = Duration::from_secs(2);

/// A systemd credential; its folder.
fn credential(world: &World, passphrase: &str) -> PathBuf {
    let folder = world.home().join("credentials");
    fs::create_dir_all(&folder).expect("a folder");
    world.write("credentials/cldkctl.passphrase", passphrase);
    folder
}

#[track_caller]
fn assert_says_at_once(world: &World, args: &[&str], code: i32, says: &[&str]) {
    let before = world.files();
    let start = Instant::now();
    let output = world.cldkctl(args).run();
    assert!(start.elapsed() < AT_ONCE, "{:?}\n{output}", start.elapsed());
    let output = output.expect_code(code);
    assert_eq!(output.stdout, "", "{output}");
    for text in says.iter().chain(&["hint: "]) {
        assert!(output.stderr.contains(text), "{text:?}: {output}");
    }
    assert_eq!(world.files(), before);
}

#[test]
fn with_nothing_given_each_command_ends_at_once_and_says_what_to_give() {
    let (_cloudeka, world) = logged_in();
    assert_says_at_once(&world, &["auth"], 2, &["no token", "--token-stdin"]);
    for args in [
        &["auth", "token"][..],
        &["auth", "logout"],
        &["auth", TOKEN],
    ] {
        let says = [
            "vault.age",
            "locked",
            "--passphrase-file",
            "--passphrase-stdin",
            "--identity",
        ];
        assert_says_at_once(&world, args, 4, &says);
    }
    for args in [
        &["auth", "status"][..],
        &["vault", "info"],
        &["vault", "path"],
    ] {
        world.cldkctl(args).run().succeeded();
    }

    let (_cloudeka, world) = cloudeka_and_world();
    assert_says_at_once(&world, &["auth"], 2, &["no token", "--token-stdin"]);
    let says = ["vault.age", "--passphrase-file", "--passphrase-stdin"];
    assert_says_at_once(&world, &["auth", TOKEN], 4, &says);
    assert!(!world.data().join("cldkctl").exists());
}

#[test]
fn a_stdin_that_stays_open_is_not_waited_for() {
    let (_cloudeka, world) = logged_in();
    // A pipe that nobody writes to, as a daemon may leave it.
    let (_open, pipe) = std::io::pipe().map(|(r, w)| (w, r)).expect("a pipe");
    let start = Instant::now();
    let output = std::process::Command::new("setsid")
        .args([env!("CARGO_BIN_EXE_cldkctl"), "auth", "token"])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .stdin(pipe)
        .output()
        .expect("setsid");
    assert_eq!(output.status.code(), Some(4), "{output:?}");
    assert!(start.elapsed() < AT_ONCE);
}

#[test]
fn the_passphrase_is_read_from_a_file() {
    let (_cloudeka, world) = cloudeka_and_world();
    let path = world.write("secret", format!("{PASSPHRASE}\n"));
    let login = world
        .cldkctl(["auth", "--token-stdin", "--passphrase-file"])
        .arg(&path);
    let output = login.stdin(TOKEN).run().succeeded();
    let said = (&*output.stdout, &*output.stderr);
    assert_eq!(said, ("Auth success\n", &*logged_in_to(&world)));
    contents_of(&world.vault_path(), PASSPHRASE);

    let by_flag = world
        .cldkctl(["auth", "token", "--passphrase-file"])
        .arg(&path)
        .run();
    let by_variable = world
        .cldkctl(["auth", "token"])
        .env("CLDKCTL_PASSPHRASE_FILE", &path)
        .run();
    let settings = fs::read_to_string(world.settings_path()).expect("settings");
    let by_settings = "passphrase-file = \"../../secret\"\n".to_owned() + &settings;
    fs::write(world.settings_path(), by_settings).expect("written");
    let by_settings = world.cldkctl(["auth", "token"]).run();
    for output in [by_flag, by_variable, by_settings] {
        let output = output.succeeded();
        assert_eq!(
            (&*output.stdout, &*output.stderr),
            (&*format!("{TOKEN}\n"), "")
        );
    }
}

#[test]
fn a_passphrase_file_that_others_can_read_is_warned_about() {
    let (_cloudeka, world) = logged_in();
    let path = world.write("secret", PASSPHRASE);
    for mode in [0o644, 0o640, 0o604] {
        set_mode(&path, mode);
        let output = world
            .cldkctl(["auth", "token", "-q", "--passphrase-file"])
            .arg(&path)
            .run();
        let output = output.succeeded();
        for text in ["warning: ", path.to_str().expect("text"), "chmod"] {
            assert!(output.stderr.contains(text), "{text}: {output}");
        }
        assert_eq!(output.stdout, format!("{TOKEN}\n"));
    }
}

#[test]
fn a_pipe_will_do_for_a_file() {
    let (_cloudeka, world) = logged_in();
    let fifo = world.home().join("fifo");
    let mode = rustix::fs::Mode::from_raw_mode(0o666);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a FIFO");
    let running = world
        .cldkctl(["auth", "token", "--passphrase-file"])
        .arg(&fifo)
        .spawn();
    fs::write(&fifo, PASSPHRASE).expect("somebody reads");
    let output = running.wait().succeeded();
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&*format!("{TOKEN}\n"), ""),
        "no warning"
    );

    // `cldkctl … --passphrase-file <(pass show vault)`
    let shell = format!("exec \"$0\" auth token --passphrase-file <(printf %s '{PASSPHRASE}')");
    let output = std::process::Command::new("bash")
        .args(["-c", &shell, env!("CARGO_BIN_EXE_cldkctl")])
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .output()
        .expect("bash");
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{TOKEN}\n"),
        "{output:?}"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn the_passphrase_is_read_from_stdin() {
    let (_cloudeka, world) = logged_in();
    for given in [
        PASSPHRASE.to_owned(),
        format!("{PASSPHRASE}\n"),
        format!("{PASSPHRASE}\r\n"),
    ] {
        let output = world
            .cldkctl(["auth", "token", "--passphrase-stdin"])
            .stdin(given)
            .run();
        assert_eq!(output.succeeded().stdout, format!("{TOKEN}\n"));
    }
    for wrong in [
        format!("{PASSPHRASE}\n\n"),
        format!(" {PASSPHRASE}"),
        format!("{PASSPHRASE} "),
    ] {
        let output = world
            .cldkctl(["auth", "token", "--passphrase-stdin"])
            .stdin(wrong)
            .run();
        output.expect_code(5);
    }
    world
        .cldkctl(["auth", "token", "--passphrase-stdin"])
        .run()
        .expect_code(2);
}

#[test]
fn a_systemd_credential_is_found() {
    let (_cloudeka, world) = logged_in();
    let folder = credential(&world, PASSPHRASE);
    set_mode(folder.join("cldkctl.passphrase"), 0o440);
    let output = world
        .cldkctl(["auth", "token"])
        .env("CREDENTIALS_DIRECTORY", &folder)
        .run();
    let output = output.succeeded();
    assert_eq!(
        (&*output.stdout, &*output.stderr),
        (&*format!("{TOKEN}\n"), ""),
        "systemd's mode"
    );
    // Other credentials are none of ours.
    let output = world
        .cldkctl(["auth", "token"])
        .env("CREDENTIALS_DIRECTORY", world.config())
        .run();
    output.expect_code(4);
}

#[test]
fn what_is_nearer_comes_first() {
    let (_cloudeka, world) = logged_in();
    let (good, wrong) = (world.write("good", PASSPHRASE), world.write("wrong", WRONG));
    let run = || world.cldkctl(["auth", "token"]);
    let opens = |output: Output| assert_eq!(output.succeeded().stdout, format!("{TOKEN}\n"));

    let wrong_credential = credential(&world, WRONG);
    opens(
        run()
            .arg("--passphrase-file")
            .arg(&good)
            .env("CLDKCTL_PASSPHRASE_FILE", &wrong)
            .run(),
    );
    opens(
        run()
            .arg("--passphrase-stdin")
            .stdin(PASSPHRASE)
            .env("CLDKCTL_PASSPHRASE_FILE", &wrong)
            .run(),
    );
    opens(
        run()
            .env("CLDKCTL_PASSPHRASE_FILE", &good)
            .env("CREDENTIALS_DIRECTORY", &wrong_credential)
            .run(),
    );
    run()
        .env("CREDENTIALS_DIRECTORY", &wrong_credential)
        .run()
        .expect_code(5);
    let settings = fs::read_to_string(world.settings_path()).expect("settings");
    fs::write(
        world.settings_path(),
        format!("passphrase-file = \"{}\"\n{settings}", wrong.display()),
    )
    .expect("written");
    run().run().expect_code(5);
    opens(run().env("CLDKCTL_PASSPHRASE_FILE", &good).run());

    // An identity comes before every passphrase.
    let vectors = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/vectors");
    let machine = world.write(
        "machine.key",
        fs::read(vectors.join("machine.key")).expect("a key"),
    );
    let vault = world.write(
        "two.age",
        fs::read(vectors.join("good-two-recipients.age")).expect("a vault"),
    );
    let run = || {
        run()
            .arg("--vault")
            .arg(&vault)
            .arg("--context=default")
            .env("CLDKCTL_PASSPHRASE_FILE", &wrong)
    };
    run()
        .env_remove("CLDKCTL_BASE_URL")
        .arg("--identity")
        .arg(&machine)
        .run()
        .succeeded();
    run()
        .env_remove("CLDKCTL_BASE_URL")
        .env("CLDKCTL_IDENTITY", &machine)
        .run()
        .succeeded();
    run().env_remove("CLDKCTL_BASE_URL").run().expect_code(5);
}

#[test]
fn a_passphrase_that_is_handed_over_wins_over_the_terminal() {
    let (_cloudeka, world) = logged_in();
    let folder = credential(&world, PASSPHRASE);
    let mut terminal: Session = world
        .cldkctl(["auth", "token"])
        .env("CREDENTIALS_DIRECTORY", folder)
        .stdout_apart()
        .on_pty();
    assert_eq!(terminal.wait(), 0);
    assert_eq!(
        terminal.screen().matches("passphrase").count(),
        0,
        "{}",
        terminal.screen()
    );
}

#[test]
fn an_empty_variable_counts_as_unset() {
    let (cloudeka, world) = logged_in();
    let mut run = world
        .cldkctl(["auth", "token", "--passphrase-stdin"])
        .stdin(PASSPHRASE);
    for name in [
        "CLDKCTL_BASE_URL",
        "CLDKCTL_CONTEXT",
        "CLDKCTL_VAULT",
        "CLDKCTL_IDENTITY",
        "CLDKCTL_PASSPHRASE_FILE",
        "CREDENTIALS_DIRECTORY",
        "CLDKCTL_TOKEN",
        "XDG_CONFIG_HOME",
    ] {
        run = run.env(name, "");
    }
    assert_eq!(run.run().succeeded().stdout, format!("{TOKEN}\n"));
    let path = world
        .cldkctl(["vault", "path"])
        .env("XDG_DATA_HOME", "")
        .run()
        .succeeded();
    let expected = world.home().join(".local/share/cldkctl/vault.age");
    assert_eq!(path.stdout, format!("{}\n", expected.display()));
    drop(cloudeka);
}

#[test]
fn a_passphrase_is_taken_from_no_variable() {
    let (_cloudeka, world) = logged_in();
    for name in [
        "CLDKCTL_PASSPHRASE",
        "CLDKCTL_VAULT_PASSPHRASE",
        "PASSPHRASE",
    ] {
        world
            .cldkctl(["auth", "token"])
            .env(name, PASSPHRASE)
            .run()
            .expect_code(4);
    }
}
