//! What is handed over by file, pipe, descriptor and variable, in ways that a person may not have
//! meant: it works, or it is told as wrong usage before anything is sent.

use std::fs;
use std::process::Command;

use crate::support::steps::logged_in;
use crate::support::world::{Cldkctl, Output, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, TOKEN, World, can_be_someone_else, output_of};

/// `cldkctl … FLAG <(…)`, with bash.
#[track_caller]
fn substituted(world: &World, words: &str, script: &str) -> String {
    let shell = format!("exec \"$0\" {words} <({script})");
    let run = |command: &mut Command| {
        let command = command.env("HOME", world.home());
        let command = command.env("XDG_DATA_HOME", world.data());
        let command = command.env("XDG_CONFIG_HOME", world.config());
        output_of(command)
    };
    let binary = env!("CARGO_BIN_EXE_cldkctl");
    let output = run(Command::new("bash").args(["-c", &shell, binary]));
    assert!(output.status.success(), "{words}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_pipe_of_the_shell_will_do_for_every_file() {
    let (cloudeka, world) = logged_in();
    let passphrase = world.write("passphrase", PASSPHRASE);
    let passphrase = format!("--passphrase-file {}", passphrase.display());
    let slowly = format!("sleep 0.3; printf %s '{PASSPHRASE}'");
    let token = substituted(&world, "auth token --passphrase-file", &slowly);
    assert_eq!(token, format!("{TOKEN}\n"));
    substituted(
        &world,
        &format!("api PUT /core/user/organization/profile/member/1 {passphrase} --input"),
        "sleep 0.3; echo '{\"a\":1}'",
    );
    let sent = cloudeka.requests();
    assert_eq!(sent.last().expect("a request").body, b"{\"a\":1}\n");
    let secure = crate::support::Standin::start_tls();
    let ca = world.write("ca.pem", secure.ca_pem());
    substituted(
        &world,
        &format!("auth status --check {passphrase} --ca-cert"),
        &format!("cat {}", ca.display()),
    );
}

#[test]
fn a_pipe_of_the_shell_will_do_for_another_user_than_root() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let world = world.owned_by(SOMEONE_ELSE);
    let binary = world.home().with_file_name("copy");
    let starting = crate::support::starting(); // or it would be held open for writing
    fs::copy(env!("CARGO_BIN_EXE_cldkctl"), &binary).expect("copied");
    set_mode(&binary, 0o755);
    drop(starting);
    let shell =
        format!("exec \"$0\" auth token --passphrase-file <(sleep 0.3; printf %s '{PASSPHRASE}')");
    let mut command = Command::new("setpriv");
    command
        .args([
            format!("--reuid={SOMEONE_ELSE}"),
            format!("--regid={SOMEONE_ELSE}"),
        ])
        .args(["--clear-groups", "--", "bash", "-c", &shell])
        .arg(&binary)
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .current_dir(world.home());
    let mut output = output_of(&mut command);
    // A process that another test was starting may hold the copy open for a moment, ETXTBSY.
    while String::from_utf8_lossy(&output.stderr).contains("Text file busy") {
        output = output_of(&mut command);
    }
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{TOKEN}\n"),
        "{output:?}"
    );
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

/// Under `/proc/self/fd`, as a parent hands files over that have no name any more.
#[test]
fn a_descriptor_of_the_process_will_do_for_a_file() {
    let (_cloudeka, world) = logged_in();
    let file = world.write("passphrase", PASSPHRASE);
    let shell = format!(
        "exec 7<{file}; rm {file}; exec \"$0\" auth token --passphrase-file /proc/self/fd/7",
        file = file.display()
    );
    let output = output_of(
        Command::new("bash")
            .args(["-c", &shell, env!("CARGO_BIN_EXE_cldkctl")])
            .env("HOME", world.home())
            .env("XDG_DATA_HOME", world.data()),
    );
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        format!("{TOKEN}\n"),
        "{output:?}"
    );
}

#[test]
fn one_standard_input_is_not_both_a_body_and_the_passphrase() {
    let (cloudeka, world) = logged_in();
    let connections = cloudeka.connections();
    let api = world.cldkctl([
        "api",
        "POST",
        "/core/user/profile",
        "--input",
        "-",
        "--passphrase-stdin",
    ]);
    let output = api.stdin(PASSPHRASE).run().expect_code(2);
    assert!(output.stderr.contains("standard input"), "{output}");
    assert!(output.stderr.contains("--passphrase-file"), "{output}");
    assert_eq!(cloudeka.connections(), connections);
}

#[test]
fn an_empty_file_for_a_passphrase_is_named() {
    let (_cloudeka, world) = logged_in();
    let good = world.write("passphrase", PASSPHRASE);
    let empty = world.write("nothing", "\n");
    let change = world
        .cldkctl(["vault", "passphrase", "--passphrase-file"])
        .arg(good);
    let output = change.arg("--new-passphrase-file").arg(&empty).run();
    let names_it = |output: &Output| output.stderr.contains(empty.to_str().expect("text"));
    assert!(output.code == 2 && names_it(&output), "{output}");
    assert!(!output.stderr.contains("--passphrase-file"), "{output}");
    let token = world
        .cldkctl(["auth", "token", "--passphrase-file"])
        .arg(&empty);
    let output = token.run();
    assert!(output.code == 2 && names_it(&output), "{output}");
}

#[test]
fn a_variable_that_is_no_text_is_wrong_usage() {
    use std::os::unix::ffi::OsStringExt as _;
    let (cloudeka, world) = logged_in();
    let connections = cloudeka.connections();
    let no_text = std::ffi::OsString::from_vec(b"https://a\xff.example".to_vec());
    for name in [
        "CLDKCTL_BASE_URL",
        "CLDKCTL_CONTEXT",
        "CLDKCTL_DEFAULT_PROJECT_ID",
        "CLDKCTL_TOKEN",
    ] {
        for args in [&["auth", "token"][..], &["auth", "--token-stdin"]] {
            if (name, args[1]) == ("CLDKCTL_TOKEN", "token") {
                continue; // said in its own words, below
            }
            let run: Cldkctl<'_> = world.cldkctl(args.iter().copied()).env(name, &no_text);
            let output = run.stdin(TOKEN).run().expect_code(2);
            assert!(output.stderr.contains(name), "{output}");
        }
    }
    let token = world
        .cldkctl(["auth", "token"])
        .env("CLDKCTL_TOKEN", &no_text);
    token.run().expect_code(2);
    assert_eq!(cloudeka.connections(), connections);
}

#[test]
fn a_token_that_cannot_be_read_says_nothing_of_a_vault() {
    let world = World::new();
    let mut command = Command::new("bash");
    command.args([
        "-c",
        "exec \"$0\" auth --token-stdin < /",
        env!("CARGO_BIN_EXE_cldkctl"),
    ]);
    command
        .env("XDG_DATA_HOME", world.data())
        .env("HOME", world.home());
    let output = output_of(&mut command);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("cannot read standard input"), "{said}");
    assert!(!said.contains("vault"), "{said}");
}
