//! What is said of a word in the wrong place: a name is repeated and helped with, and nothing
//! is that could be a secret. The rule is in `src/secret/typed.rs`.

use std::io::Write as _;
use std::os::fd::AsFd as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::keys::Key;
use crate::support::steps::{log_in, logged_in, unlocked};
use crate::support::{PASSPHRASE, TOKEN, World, starting, wait_until};

#[test]
fn a_word_that_nobody_would_take_for_a_secret_is_repeated() {
    let (_cloudeka, world) = unlocked(&[]);
    for (line, word) in [
        ("sign-in", "'sign-in'"),
        ("vault dump", "'dump'"),
        ("context ad x", "'ad'"),
        ("vault recipients addd age1", "'addd'"),
        ("help nothing", "'nothing'"),
        ("lock now", "'now'"),
        ("vault info all", "'all'"),
        ("context show default work", "'work'"),
        ("unlock --idle 5", "'5'"),
        ("unlock --lifetime 2sols", "'2sols'"),
        ("unlock --scope login", "'login'"),
        ("-o xml auth status", "'xml'"),
        ("auth status --output=yml", "'yml'"),
        ("--color sometimes lock", "'sometimes'"),
        ("--keeper gnome lock", "'gnome'"),
        ("--max-retries many lock", "'many'"),
        ("auth --kdf-memory 256", "'256'"),
        ("auth --kdf-lanes four", "'four'"),
        ("--kdf-ceiling 4GB,x lock", "'4GB,x'"),
        ("vault tune --target 5min", "'5min'"),
        ("completion nushell", "'nushell'"),
        ("lock -p", "'-p'"),
        ("auth token --identity nope", "nope"),
        ("auth token --identity id_ed25519", "id_ed25519"),
        ("auth token --passphrase-file missing.txt", "missing.txt"),
        ("vault restore yesterday", "yesterday"),
        ("exec -- clang-format-15-no-such", "clang-format-15-no-such"),
        ("context use prod2", "no context prod2"),
        (
            "auth token --context sari.wijaya@example.com",
            "no context sari.wijaya@example.com",
        ),
    ] {
        let output = world.cldkctl(line.split(' ')).run();
        assert_ne!(output.code, 0, "{output}");
        assert!(output.stderr.contains(word), "{word}: {output}");
        assert!(!output.stderr.contains("[not shown]"), "{output}");
    }
}

#[test]
fn nothing_is_repeated_of_a_word_in_a_secrets_place() {
    let world = World::new();
    for weak in ["hunter2", "tulip", "Summer", "correct-horse", "sari1987"] {
        for line in [
            "unlock WORD",
            "unlock -q WORD",
            "auth TOKEN WORD",
            "auth token WORD",
            "auth token --session WORD",
            "vault passphrase WORD",
            "vault passphrase --passphrase-file",
            "auth token --passphrase-file WORD",
            "vault passphrase --new-passphrase-file WORD",
            "auth --passphrase=WORD",
            "auth --token=WORD",
            "unlock --password=WORD",
            "unlock --passphrase-stdin=WORD",
            "--passphrase-stdin=WORD unlock",
            "auth --token-stdin=WORD",
            "auth --no-unlock=WORD",
            "vault passphrase --remove=WORD",
            "auth token --session=WORD",
            "lock -q=WORD",
            "logout --yes=WORD",
        ] {
            let words = line.split(' ').map(|word| word.replace("WORD", weak));
            let output = world.cldkctl(words).run();
            assert_ne!(output.code, 0, "{output}");
            assert!(!output.stderr.contains(weak), "{output}");
        }
    }
}

#[test]
fn a_name_that_the_vault_nearly_has_is_suggested() {
    let (cloudeka, world) = logged_in();
    cloudeka.accept_token("cldkctl_other_a1b2c3d4e5f60718");
    log_in(
        &world,
        "cldkctl_other_a1b2c3d4e5f60718",
        &["--context", "staging"],
    );
    let key = Key::age(&world, "machine.key");
    let run = |args: &[&str]| {
        let run = world.cldkctl(args.iter().copied());
        run.arg("--passphrase-stdin").stdin(PASSPHRASE).run()
    };
    let add = [
        "vault",
        "recipients",
        "add",
        &key.recipient,
        "--label",
        "build machine",
    ];
    run(&add).succeeded();
    for (args, meant) in [
        (&["context", "use", "stagign"][..], "staging"),
        (&["context", "show", "Staging"], "staging"),
        (&["context", "rename", "stag", "x"], "staging"),
        (&["auth", "token", "--context", "defualt"], "default"),
        (&["auth", "logout", "--context", "defaul"], "default"),
        (
            &["vault", "recipients", "remove", "build machin"],
            "\"build machine\"",
        ),
        (
            &["vault", "recipients", "remove", "Build Machine"],
            "\"build machine\"",
        ),
    ] {
        let output = run(args);
        assert_ne!(output.code, 0, "{output}");
        let says = format!("did you mean {meant}?");
        assert!(output.stderr.contains(&says), "{output}");
    }
    for args in [
        &["context", "use", "production"][..],
        &["vault", "recipients", "remove", "laptop"],
    ] {
        let output = run(args);
        assert!(!output.stderr.contains("did you mean"), "{output}");
    }
}

#[test]
fn a_command_that_is_below_another_is_found_from_above() {
    let world = World::new();
    for (typed, there) in [
        ("status", "auth status"),
        ("statsu", "auth status"),
        ("token", "auth token"),
        ("recipients", "vault recipients"),
        ("backup", "vault backup"),
        ("restor", "vault restore"),
    ] {
        let output = world.cldkctl([typed]).run().expect_code(2);
        let says = format!("there is `cldkctl {there}`");
        assert!(output.stderr.contains(&says), "{output}");
    }
}

#[test]
fn a_command_to_run_without_the_two_hyphens_is_helped_with() {
    let (_cloudeka, world) = unlocked(&[]);
    for line in [
        "exec ls",
        "exec ls -la",
        "exec --session ls",
        "-q exec ls /tmp",
    ] {
        let output = world.cldkctl(line.split(' ')).run().expect_code(2);
        assert!(output.stderr.contains("`cldkctl exec -- ls …`"), "{output}");
        assert_eq!(output.stdout, "", "nothing was run");
    }
    let output = world.cldkctl(["exec", TOKEN]).run().expect_code(2);
    assert!(
        output.stderr.contains("`cldkctl exec -- CMD …`"),
        "{output}"
    );
    output.assert_no_secret(&[TOKEN]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_line_that_does_not_parse_is_gone_from_where_others_list_it() {
    let world = World::new();
    for line in [
        &["auth", TOKEN, "--no-such-flag"][..],
        &["auth", TOKEN, "--output", "xml"],
        &["auth", "--no-such-flag", TOKEN],
        &["auth", TOKEN, TOKEN],
        &["auth", "--token", TOKEN],
        &[TOKEN],
        &["auth", "status", TOKEN],
        &["unlock", PASSPHRASE],
    ] {
        // A pipe that is full, so that the process is still there after it has found out.
        let (reader, mut writer) = std::io::pipe().expect("a pipe");
        rustix::io::ioctl_fionbio(writer.as_fd(), true).expect("it does not block");
        while writer.write(&[b' '; 4096]).is_ok() {}
        rustix::io::ioctl_fionbio(writer.as_fd(), false).expect("it blocks again");
        let starting = starting();
        let mut child = Command::new(env!("CARGO_BIN_EXE_cldkctl"))
            .args(line)
            .env_clear()
            .env("HOME", world.home())
            .stdin(Stdio::null())
            .stderr(writer)
            .spawn()
            .expect("it starts");
        drop(starting);
        let cmdline = || std::fs::read(format!("/proc/{}/cmdline", child.id())).expect("it runs");
        let hidden = || {
            let shown = String::from_utf8_lossy(&cmdline()).into_owned();
            !shown.is_empty() && !shown.contains(TOKEN) && !shown.contains(PASSPHRASE)
        };
        let gone = wait_until(Duration::from_secs(20), hidden);
        let shown = cmdline();
        drop(reader);
        child.wait().expect("it ends");
        assert!(gone, "{line:?}: {}", String::from_utf8_lossy(&shown));
        let words = shown.split(|byte| *byte == 0).count();
        assert_eq!(words, line.len() + 2, "as many as there were");
        assert!(shown.starts_with(env!("CARGO_BIN_EXE_cldkctl").as_bytes()));
    }
}
