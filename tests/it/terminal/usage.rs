//! Wrong usage, help, and output that leads nowhere. What could be a secret is never repeated.

use std::fs::OpenOptions;
use std::process::{Command, Stdio};

use crate::support::steps::logged_in;
use crate::support::{PASSPHRASE, Standin, TOKEN, World};

/// Prints nothing of the secret, whole or in part, and exits with 2.
#[track_caller]
fn refuses(world: &World, args: &[&str]) {
    let before = world.files();
    let output = world.cldkctl(args).run().expect_code(2);
    output.assert_no_secret(&[TOKEN, "0f1e2d3c4b5a69788796"]);
    assert_eq!(output.stdout, "", "{output}");
    assert!(output.stderr.starts_with("error: "), "{output}");
    assert!(
        output.stderr.contains("--help"),
        "says where to look\n{output}"
    );
    assert_eq!(world.files(), before);
}

#[test]
fn a_token_in_the_wrong_place_is_not_repeated() {
    let world = World::new();
    for args in [
        &[TOKEN][..],
        &[TOKEN, "auth"],
        &["--", TOKEN],
        &["-q", TOKEN],
        &["auth", TOKEN, TOKEN],
        &["auth", "x", TOKEN],
        &["auth", "status", TOKEN],
        &["auth", "token", TOKEN],
        &["auth", "logout", TOKEN],
        &["auth", "logout", "--all", TOKEN],
        &["vault", TOKEN],
        &["vault", "path", TOKEN],
        &["vault", "info", TOKEN],
        &["help", TOKEN],
        &["auth", "help", TOKEN],
        &["auth", TOKEN, "status"],
        &["auth", "--token-stdin", TOKEN],
        &["auth", TOKEN, "--token-stdin"],
    ] {
        refuses(&world, args);
    }
}

#[test]
fn a_token_as_a_flag_or_its_value_is_not_repeated() {
    let world = World::new();
    let forms = |flag: &str| [format!("{flag}={TOKEN}"), format!("{flag}{TOKEN}")];
    let mut lines: Vec<Vec<String>> = Vec::new();
    for flag in [
        "--token",
        "--tokens",
        "--passphrase",
        "-t",
        "-p",
        "--",
        "-",
        "---",
        "-x=",
        "--token-stdin",
        "--no-input",
        "-q",
        "--allow-weak-passphrase",
    ] {
        for form in forms(flag) {
            lines.push(vec!["auth".into(), form.clone()]);
            lines.push(vec![form.clone(), "auth".into()]);
            lines.push(vec!["auth".into(), "token".into(), form]);
        }
        if flag.len() > 2
            && ![
                "--token-stdin",
                "--no-input",
                "--allow-weak-passphrase",
                "---",
            ]
            .contains(&flag)
        {
            lines.push(vec!["auth".into(), flag.into(), TOKEN.into()]);
        }
    }
    for flag in [
        "--output",
        "-o",
        "--color",
        "--max-retries",
        "--kdf-ceiling",
        "--kdf-memory",
        "--kdf-iterations",
        "--kdf-lanes",
    ] {
        lines.push(vec!["auth".into(), flag.into(), TOKEN.into()]);
        lines.push(vec!["auth".into(), format!("{flag}={TOKEN}")]);
    }
    for line in &lines {
        let args: Vec<_> = line.iter().map(String::as_str).collect();
        refuses(&world, &args);
    }
}

#[test]
fn settings_that_cannot_be_used_do_not_repeat_a_token() {
    let world = World::new();
    for flag in ["--base-url", "-U", "--context"] {
        let value = format!("{TOKEN} {TOKEN}");
        refuses(&world, &["auth", "token", flag, &value]);
    }
    for name in ["CLDKCTL_BASE_URL", "CLDKCTL_CONTEXT"] {
        let run = world
            .cldkctl(["auth", "token"])
            .env(name, format!(" {TOKEN} {TOKEN}"));
        let output = run.run().expect_code(2);
        output.assert_no_secret(&[TOKEN]);
        assert!(output.stderr.contains(name), "{output}");
    }
}

#[test]
fn a_token_that_is_no_text_is_refused_without_a_panic() {
    use std::os::unix::ffi::OsStringExt as _;
    let world = World::new();
    let bytes = |text: &str| std::ffi::OsString::from_vec([text.as_bytes(), b"\xff"].concat());
    for args in [
        vec!["auth".into(), bytes(TOKEN)],
        vec![bytes(TOKEN)],
        vec!["auth".into(), "--context".into(), bytes(TOKEN)],
        vec!["auth".into(), bytes(&format!("--token={TOKEN}"))],
    ] {
        let output = world.cldkctl(args).run().expect_code(2);
        output.assert_no_secret(&[TOKEN]);
    }
}

#[test]
fn a_mistyped_flag_or_command_is_helped_with() {
    let world = World::new();
    for (args, helps) in [
        (&["auth", "--token-stdni"][..], "--token-stdin"),
        (&["auth", "--no-inputt"], "--no-input"),
        (&["auth", "--passphrase-fil", "x"], "--passphrase-file"),
        (&["auth", "status", "--output", "xml"], "json"),
        (&["vault"], "info"),
        (
            &["auth", "--token-stdin", "--passphrase-stdin"],
            "--passphrase-stdin",
        ),
        (&["auth", "-q", "-v"], "--verbose"),
        (&["auth", "--vault"], "--vault"),
    ] {
        let output = world.cldkctl(args).run().expect_code(2);
        assert!(output.stderr.contains(helps), "{output}");
    }
}

#[test]
fn help_and_version_are_data_and_no_error() {
    let world = World::new();
    for args in [
        &["--help"][..],
        &["-h"],
        &["help"],
        &["auth", "--help"],
        &["auth", "-h"],
        &["auth", "help"],
        &["auth", "token", "--help"],
        &["help", "auth", "status"],
        &["vault", "--help"],
    ] {
        let output = world.cldkctl(args).run().succeeded();
        assert!(output.stdout.contains("Usage: cldkctl"), "{output}");
        assert_eq!(output.stderr, "");
    }
    let version = world.cldkctl(["--version"]).run().succeeded();
    assert_eq!(
        version.stdout,
        format!("cldkctl {}\n", env!("CARGO_PKG_VERSION"))
    );

    let nothing = world.cldkctl([""; 0]).run().expect_code(2);
    assert_eq!(nothing.stdout, "");
    assert!(nothing.stderr.contains("Usage: cldkctl"), "{nothing}");
}

#[test]
fn help_names_every_flag_of_the_design() {
    let world = World::new();
    let help = world.cldkctl(["auth", "--help"]).run().succeeded().stdout;
    for flag in [
        "-U, --base-url",
        "-N, --default-namespace",
        "-P, --default-project",
        "-R, --default-registry",
        "-O, --organization",
        "--editor",
        "--max-retries",
        "--context",
        "--vault",
        "--ca-cert",
        "--identity",
        "--passphrase-file",
        "--passphrase-stdin",
        "-o, --output",
        "--no-input",
        "-q, --quiet",
        "-v, --verbose",
        "--color",
        "--token-stdin",
        "https://ai.cloudeka.id",
        "vim",
    ] {
        assert!(help.contains(flag), "{flag}:\n{help}");
    }
}

#[test]
fn the_short_help_shows_the_global_flags_that_people_type_and_the_long_one_all() {
    let world = World::new();
    for command in [&["unlock"][..], &["vault", "recipients", "add"], &[]] {
        let help = |flag: &str| {
            let help = world.cldkctl(command).arg(flag).run().succeeded().stdout;
            let (own, global) = help.split_once("Global options:\n").unwrap();
            assert!(!own.contains("--quiet"), "{help}");
            global.to_owned()
        };
        let (short, long) = (help("-h"), help("--help"));
        for flag in [
            "--context",
            "--vault",
            "--output",
            "--no-input",
            "--quiet",
            "--verbose",
        ] {
            assert!(
                short.contains(flag) && long.contains(flag),
                "{flag}: {short}"
            );
        }
        for flag in ["--kdf-ceiling", "--ca-cert", "--base-url", "--editor"] {
            assert!(
                !short.contains(flag) && long.contains(flag),
                "{flag}: {short}"
            );
        }
        assert!(short.lines().count() < 10, "{short}");
        // What no command uses yet comes last.
        let unused = long.find("--default-namespace").unwrap();
        for flag in [
            "--context",
            "--keeper",
            "--kdf-ceiling",
            "--passphrase-stdin",
        ] {
            assert!(long.find(flag).unwrap() < unused, "{flag}");
        }
    }
}

#[test]
fn an_argument_that_is_missing_is_named() {
    let world = World::new();
    for (args, missing) in [
        (&["api"][..], "<PATH>"),
        (&["api", "-f", "name=web"], "<PATH>"),
        (&["api", "-i"], "<PATH>"),
        (&["context", "use"], "<NAME>"),
        (&["context", "rename", "work"], "<NEW>"),
        (&["vault", "backup"], "<FILE>"),
        (&["vault", "recipients", "remove"], "<LABEL|RECIPIENT>"),
        (&["exec"], "<CMD>"),
    ] {
        let output = world.cldkctl(args).run().expect_code(2);
        let (_, rest) = output.stderr.split_once("not provided:").unwrap();
        let named = rest.trim_start().lines().next().unwrap();
        assert!(named.contains(missing), "{output}");
        assert!(!rest.contains("<METHOD>"), "{output}");
    }
}

#[test]
fn flags_may_stand_before_and_after_the_command() {
    let (_cloudeka, world) = logged_in();
    for args in [
        &["--passphrase-stdin", "auth", "token"][..],
        &["auth", "--passphrase-stdin", "token"],
        &["auth", "token", "--passphrase-stdin"],
    ] {
        let output = world.cldkctl(args).stdin(PASSPHRASE).run().succeeded();
        assert_eq!(output.stdout, format!("{TOKEN}\n"));
    }
}

#[test]
fn a_flag_before_a_subcommand_does_not_make_a_token_of_it() {
    let (cloudeka, world) = logged_in();
    let sent = cloudeka.connections();
    for args in [
        &["auth", "-q", "status"][..],
        &["auth", "--output", "json", "status"],
        &["auth", "--no-input", "status"],
        &[
            "auth",
            "--vault",
            "missing.age",
            "--context",
            "default",
            "help",
        ],
    ] {
        world.cldkctl(args).run().succeeded();
    }
    for args in [
        &["auth", "--token-stdin", "status"][..],
        &["auth", "--kdf-lanes", "2", "logout"],
        &["auth", TOKEN, "token"],
    ] {
        let output = world.cldkctl(args).run().expect_code(2);
        assert!(output.stderr.contains("--help"), "{output}");
    }
    assert_eq!(cloudeka.connections(), sent);
}

#[test]
fn a_flag_given_twice_counts_the_second_time() {
    let (_cloudeka, world) = logged_in();
    let args = [
        "--vault=alias.age",
        "vault",
        "path",
        "--vault=/mine.age",
        "-q",
        "-q",
    ];
    let output = world.cldkctl(args).run().succeeded();
    assert_eq!(output.stdout, "/mine.age\n");
}

/// Runs with stdout at `file`; exit code and stderr.
fn with_stdout(world: &World, args: &[&str], stdout: Stdio) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_cldkctl"))
        .args(args)
        .env_clear()
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .env("XDG_CONFIG_HOME", world.config())
        .env(
            "CLDKCTL_PASSPHRASE_FILE",
            world.write("passphrase", PASSPHRASE),
        )
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .and_then(std::process::Child::wait_with_output)
        .expect("the binary runs");
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// Everything that prints something.
const PRINTING: [&[&str]; 8] = [
    &["auth", "token"],
    &["auth", "status"],
    &["auth", "status", "-o", "json"],
    &["auth", "status", "-o", "yaml"],
    &["vault", "info"],
    &["vault", "path"],
    &["--help"],
    &["--version"],
];

#[test]
fn a_full_disk_under_stdout_is_an_error() {
    let (_cloudeka, world) = logged_in();
    for args in PRINTING {
        let full = OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("/dev/full");
        let (code, stderr) = with_stdout(&world, args, full.into());
        assert_eq!(code, Some(1), "{args:?}: {stderr}");
        assert!(
            stderr.contains("standard output") && stderr.contains("hint:"),
            "{args:?}: {stderr}"
        );
    }
}

#[test]
fn a_reader_that_went_away_is_no_bug_of_ours() {
    let (_cloudeka, world) = logged_in();
    for args in PRINTING {
        let (reader, writer) = std::io::pipe().expect("a pipe");
        drop(reader);
        let (code, stderr) = with_stdout(&world, args, writer.into());
        assert!(matches!(code, Some(0)), "{args:?}: {code:?} {stderr}");
        assert_eq!(stderr, "", "{args:?}");
    }
}

#[test]
fn streams_that_are_closed_cause_no_panic_and_hit_no_file() {
    let (_cloudeka, world) = logged_in();
    let before = world.files();
    let shell = "exec \"$0\" auth token --no-input";
    for closed in ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"] {
        let output = Command::new("/bin/sh")
            .args([
                "-c",
                &format!("{shell} {closed}"),
                env!("CARGO_BIN_EXE_cldkctl"),
            ])
            .env_clear()
            .env("HOME", world.home())
            .env("XDG_DATA_HOME", world.data())
            .output()
            .expect("a shell");
        assert_eq!(output.status.code(), Some(4), "{closed}: {output:?}");
        assert!(
            !String::from_utf8_lossy(&output.stderr).contains("a bug in"),
            "{output:?}"
        );
    }
    assert_eq!(world.files(), before);
}

#[test]
fn a_mistyped_subcommand_of_auth_is_not_sent_as_a_token() {
    let cloudeka = Standin::start();
    let world = World::new().at(&cloudeka);
    for (typed, meant) in [
        ("statsu", "status"),
        ("tokne", "token"),
        ("logotu", "logout"),
        ("lgoin", "login"),
        ("refersh", "refresh"),
    ] {
        let output = world.cldkctl(["auth", typed]).run();
        assert_eq!(output.code, 2, "{output}");
        assert!(
            output
                .stderr
                .contains(&format!("did you mean `cldkctl auth {meant}`")),
            "{output}"
        );
    }
    assert_eq!(cloudeka.connections(), 0);
}

#[test]
fn a_command_of_another_place_or_tool_is_not_sent_as_a_token() {
    let cloudeka = Standin::start();
    let world = World::new().at(&cloudeka);
    for (typed, there) in [
        ("unlock", "unlock"),
        ("lock", "lock"),
        ("whoami", "whoami"),
        ("Unlock", "unlock"),
        ("unlok", "unlock"),
        ("exec", "exec"),
        ("auth", "auth"),
        ("list", "context list"),
        ("use", "context use"),
        ("show", "context show"),
        ("delete", "context delete"),
        ("remove", "context delete"),
        ("current", "context current"),
        ("info", "vault info"),
        ("passphrase", "vault passphrase"),
        ("me", "whoami"),
        ("signin", "auth"),
        ("switch", "context use"),
        ("session", "auth status"),
        ("create", "auth"),
        ("new", "auth"),
        ("rotate", "auth"),
        ("revoke", "auth"),
    ] {
        for line in [&["auth", typed][..], &["auth", "login", typed]] {
            let output = world.cldkctl(line).run().expect_code(2);
            let says = "there is no such sub-command of auth";
            assert!(output.stderr.contains(says), "{output}");
            let hint = format!("`cldkctl {there}`");
            assert!(output.stderr.contains(&hint), "{output}");
        }
    }
    assert_eq!(cloudeka.connections(), 0);
}

#[test]
fn advice_does_not_lead_to_a_token_on_the_line_or_to_another_flag() {
    let world = World::new();
    for line in [
        "auth --expires 3d",
        "auth -t T",
        "auth login --expires 3d",
        "api -X POST /x",
        "api /x --data {}",
        "vault recipients remove --label x",
        "vault recipients del x",
        "context use --force x",
        "unlock -t 5",
    ] {
        let output = world.cldkctl(line.split(' ')).run().expect_code(2);
        for wrong in ["as a value", "a similar"] {
            assert!(!output.stderr.contains(wrong), "{output}");
        }
    }
    for (line, meant) in [
        ("context del x", "exists: 'delete'"),
        ("unlock --password x", "exists: '--passphrase-"),
        ("auth token --sesion", "exists: '--session'"),
    ] {
        let output = world.cldkctl(line.split(' ')).run().expect_code(2);
        assert!(output.stderr.contains(meant), "{output}");
    }
    let output = world.cldkctl(["exec", "--verbos"]).run().expect_code(2);
    assert!(output.stderr.contains("--verbose"), "{output}");
}

#[test]
fn a_value_that_cannot_be_used_names_its_flag() {
    let world = World::new();
    for (line, flag) in [
        ("api /x -f foo", "'--field <KEY=VALUE>'"),
        ("auth --kdf-lanes four", "'--kdf-lanes <N>'"),
        ("--kdf-ceiling 4GB,x lock", "'--kdf-ceiling <"),
    ] {
        let output = world.cldkctl(line.split(' ')).run().expect_code(2);
        assert!(output.stderr.contains(flag), "{output}");
    }
    let secret = world.cldkctl(["api", "/x", "-f", TOKEN]).run();
    secret.expect_code(2).assert_no_secret(&[TOKEN]);
}

#[test]
fn a_method_that_is_unknown_or_behind_the_path_is_told() {
    let world = World::new();
    for (args, says) in [
        (&["api", "GTE", "/x"][..], "unknown HTTP method GTE"),
        (&["api", "fetch", "/x"], "unknown HTTP method fetch"),
        (&["api", TOKEN, "/x"], "unknown HTTP method [not shown]"),
        (&["api", "/x", "POST"], "`cldkctl api METHOD PATH`"),
        (&["api", "/x", "get"], "`cldkctl api METHOD PATH`"),
    ] {
        let output = world.cldkctl(args).run().expect_code(2);
        assert!(output.stderr.contains(says), "{output}");
        output.assert_no_secret(&[TOKEN]);
    }
}

#[test]
fn a_variable_that_a_flag_overrides_may_be_anything() {
    let world = World::new();
    let path = world.cldkctl(["vault", "path", "--base-url", "https://one.example"]);
    path.env("CLDKCTL_BASE_URL", "not an address")
        .run()
        .succeeded();
}
