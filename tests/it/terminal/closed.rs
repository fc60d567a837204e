//! Standard streams that are closed, or cannot be written: what was to be printed and was not is a
//! failure, and no file takes the place of a stream.

use std::fs;

use crate::support::steps::{contents_of, logged_in};
use crate::support::{PASSPHRASE, TOKEN, World};

/// How a shell gives a program a standard output that takes nothing.
const TAKES_NOTHING: [&str; 3] = [">&-", "1</dev/null", ">/dev/full"];

/// Runs the binary in a shell with these redirections, with the passphrase in a file.
fn redirected<'a>(
    world: &'a World,
    args: &[&str],
    how: &str,
) -> crate::support::world::Cldkctl<'a> {
    let passphrase = world.write("run/cldkctl.passphrase", PASSPHRASE);
    let run = world.cldkctl(args.iter().copied());
    let script = format!("exec \"$0\" \"$@\" {how}");
    run.under(["sh".to_owned(), "-c".to_owned(), script]).env(
        "CREDENTIALS_DIRECTORY",
        passphrase.parent().expect("a folder"),
    )
}

#[test]
fn a_command_that_cannot_write_its_output_fails() {
    let (_cloudeka, world) = logged_in();
    let commands: [&[&str]; 14] = [
        &["auth", "token"],
        &["auth", "token", "--session"],
        &["auth", "status"],
        &["context", "list"],
        &["context", "list", "-o", "json"],
        &["context", "show"],
        &["api", "/core/user/profile"],
        &["vault", "path"],
        &["vault", "info", "-o", "yaml"],
        &["vault", "verify"],
        &["vault", "recipients", "list"],
        &["vault", "backup", "-"],
        &["vault", "backup", "-", "--armor"],
        &["completion", "zsh"],
    ];
    let help: [&[&str]; 4] = [
        &["--version"],
        &["--help"],
        &["vault", "-h"],
        &["help", "auth"],
    ];
    for how in TAKES_NOTHING {
        for command in commands.iter().chain(&help) {
            let output = redirected(&world, command, how).run();
            assert_eq!(output.code, 1, "{how}\n{output}");
            let said = output.stderr.contains("cannot write to standard output");
            assert!(said && output.stderr.contains("hint:"), "{how}\n{output}");
            output.assert_no_secret(&[TOKEN, PASSPHRASE]);
        }
    }
    // Where nobody wants it, it is written all the same.
    for command in commands.iter().chain(&help) {
        redirected(&world, command, ">/dev/null").run().succeeded();
    }
}

#[test]
fn no_file_takes_the_place_of_a_closed_stream() {
    let (_cloudeka, world) = logged_in();
    for how in [">&-", "<&- >&-", "<&- >&- 2>&-", ">&- 2>&-"] {
        let rename = ["context", "rename", "default", "other"];
        redirected(&world, &rename, how).run().succeeded();
        redirected(&world, &["vault", "backup", "copy.age", "--force"], how)
            .run()
            .succeeded();
        let vault = fs::read(world.vault_path()).expect("a vault");
        let copy = world.home().join("copy.age");
        assert_eq!(fs::read(copy).expect("a copy"), vault, "{how}");
        let contents = contents_of(&world.vault_path(), PASSPHRASE);
        assert_eq!(contents["contexts"][0]["name"], "other", "{how}");
        let rename = ["context", "rename", "other", "default"];
        redirected(&world, &rename, how).run().succeeded();
    }
}

#[test]
fn what_exec_runs_finds_a_closed_output_that_takes_nothing() {
    let (_cloudeka, world) = logged_in();
    let exec = ["exec", "--", "sh", "-c", "echo lost || exit 9"];
    redirected(&world, &exec, ">&- 2>/dev/null")
        .run()
        .expect_code(9);
}
