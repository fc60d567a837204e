//! Files that a person names for a backup or a vault, and that are pipes, or not there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::support::steps::{logged_in, pipe};
use crate::support::world::Output;
use crate::support::{PASSPHRASE, TOKEN, World};

/// A named pipe into which somebody writes `bytes`.
fn pipe_with(world: &World, name: &str, bytes: Vec<u8>) -> PathBuf {
    let path = world.home().join(name);
    pipe(&["mkfifo", path.to_str().expect("text")], b"");
    let to = path.clone();
    std::thread::spawn(move || {
        let mut end = fs::OpenOptions::new().write(true).open(to).expect("a pipe");
        let _ = end.write_all(&bytes);
    });
    path
}

fn restore(world: &World, file: &Path) -> Output {
    let restore = world.cldkctl(["vault", "restore", "--passphrase-stdin"]);
    restore.arg(file).stdin(PASSPHRASE).run()
}

#[test]
fn a_backup_is_restored_from_a_pipe_that_is_named() {
    let (_cloudeka, world) = logged_in();
    let vault = fs::read(world.vault_path()).expect("a vault");
    let new = World::new();
    let named = pipe_with(&new, "pipe", vault.clone());
    restore(&new, &named).succeeded();
    assert_eq!(fs::read(new.vault_path()).expect("a vault"), vault);

    // As a shell's `<(cat backup.age)`: a pipe that no folder has.
    let other = World::new();
    let backup = other.write("backup.age", &vault);
    let passphrase = other.write("run/passphrase", PASSPHRASE);
    let mut shell = other.shell("bash");
    let line = format!(
        "cldkctl vault restore --passphrase-file {} <(cat {})",
        passphrase.display(),
        backup.display()
    );
    shell.send_line(&line);
    shell.expect("Restored");
    assert_eq!(fs::read(other.vault_path()).expect("a vault"), vault);
}

#[test]
fn a_pipe_that_nothing_comes_out_of_is_told_as_such() {
    let world = World::new();
    let passphrase = world.write("run/passphrase", PASSPHRASE);
    let run = world.cldkctl(["vault", "restore", "-", "--passphrase-file"]);
    let output = run.arg(passphrase).stdin("").run().expect_code(6);
    assert!(
        output.stderr.contains("nothing arrived on standard input"),
        "{output}"
    );
    let named = pipe_with(&world, "pipe", Vec::new());
    let output = restore(&world, &named).expect_code(6);
    assert!(
        output.stderr.contains("nothing arrived on the pipe"),
        "{output}"
    );
    assert!(!world.vault_path().exists());
}

#[test]
fn a_vault_that_is_named_and_not_there_is_a_path_to_check() {
    let (_cloudeka, world) = logged_in();
    for command in [
        &["vault", "verify"][..],
        &["vault", "info"],
        &["auth", "token"],
        &["context", "list"],
    ] {
        let output = world.cldkctl(command).args(["--vault", "nope.age"]).run();
        assert_eq!(output.code, 3, "{output}");
        assert!(output.stderr.contains("there is no vault at"), "{output}");
        assert!(output.stderr.contains("hint: check the path"), "{output}");
    }
}

#[test]
fn a_backup_without_a_folder_to_go_to_says_what_to_do() {
    let (_cloudeka, world) = logged_in();
    world.write("pass.txt", "notes");
    let passphrase = world.write("run/passphrase", PASSPHRASE);
    let backup = |file: &str| {
        let file = match file.starts_with('/') {
            true => PathBuf::from(file),
            false => world.home().join(file),
        };
        let run = world.cldkctl(["vault", "backup", "--passphrase-file"]);
        run.arg(&passphrase).arg(file).run()
    };
    for file in ["nodir/x", "pass.txt/x", "a/b/c.age"] {
        let output = backup(file).expect_code(1);
        assert!(output.stderr.contains("create its folder"), "{output}");
    }
    let output = backup("/dev/stdout").expect_code(1);
    assert!(
        output.stderr.contains("/dev/stdout is not a regular file"),
        "{output}"
    );
    assert!(
        output.stderr.contains("or - for standard output"),
        "{output}"
    );
    assert!(!output.stdout.contains(TOKEN));
}
