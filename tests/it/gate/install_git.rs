//! `cldkctl helper install git`: what `git config --global` says before, between and after.

use std::fs;

use crate::support::clients::{said, sh, sh_ok};
use crate::support::steps::{are_installed, unlocked};

#[test]
fn git_asks_us_and_after_undo_as_before() {
    if !are_installed(&["git"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let add = [
        "credential",
        "add",
        "git",
        "git.example",
        "--username",
        "sari",
        "--secret-stdin",
    ];
    world.cldkctl(add).stdin("from the vault").run().succeeded();
    let fill = "printf 'protocol=https\\nhost=git.example\\n\\n' | git credential fill";
    let others = "[user]\n\tname = Sari\n[credential]\n\thelper = store --file=plain\n";
    for install in [
        "--host git.example",
        "--host HTTPS://Git.Example:443/ --host other.example",
        "--all",
    ] {
        let path = world.write(".gitconfig", others);
        let line = format!("cldkctl helper install git {install}");
        let output = sh(&world, &line, &[]);
        assert!(output.status.success(), "{}", said(&output));
        if install == "--all" {
            assert!(
                said(&output).contains("store --file=plain"),
                "{}",
                said(&output)
            );
        }
        let filled = sh_ok(&world, fill, &[("GIT_TERMINAL_PROMPT", "0")]);
        assert!(
            filled.contains("username=sari\npassword=from the vault\n"),
            "{filled}"
        );
        // Nothing goes to the helper that keeps passwords in the clear.
        sh_ok(&world, &format!("{fill} | git credential approve"), &[]);
        assert!(!world.home().join("plain").exists());
        let once = fs::read_to_string(&path).expect("settings");
        sh_ok(&world, &line, &[]);
        assert_eq!(fs::read_to_string(&path).expect("settings"), once);
        sh_ok(&world, "cldkctl helper install git --undo", &[]);
        let values = sh_ok(&world, "git config --global --list", &[]);
        assert_eq!(
            values,
            "user.name=Sari\ncredential.helper=store --file=plain\n"
        );
        sh_ok(&world, "cldkctl helper install git --undo", &[]);
    }
}

#[test]
fn what_is_not_a_server_or_no_git_has_a_clear_answer() {
    let (_cloudeka, world) = unlocked(&[]);
    for (line, code, words) in [
        ("cldkctl helper install git", 2, "--host"),
        (
            "cldkctl helper install git --host sari@git.example",
            2,
            "it has a user name in it",
        ),
        (
            "PATH=$HOME/bin cldkctl helper install git --host git.example",
            1,
            "cannot run git",
        ),
        (
            "echo '[' > .gitconfig; cldkctl helper install git --host git.example",
            1,
            "git does not change",
        ),
    ] {
        let output = sh(&world, line, &[]);
        assert_eq!(
            output.status.code(),
            Some(code),
            "{line}\n{}",
            said(&output)
        );
        assert!(said(&output).contains(words), "{}", said(&output));
    }
}
