//! An armored backup that mail, an editor or a terminal has put something around.

use std::fs;
use std::path::Path;

use crate::support::steps::logged_in;
use crate::support::world::Output;
use crate::support::{PASSPHRASE, TOKEN, World};

fn restore(world: &World, backup: &Path) -> Output {
    let restore = world.cldkctl(["vault", "restore", "--passphrase-stdin"]);
    restore.arg(backup).stdin(PASSPHRASE).run()
}

/// A login, the armor of its backup, and no vault any more.
fn backed_up() -> (World, String) {
    let (_cloudeka, world) = logged_in();
    let backup = world.home().join("backup.txt");
    let run = world.cldkctl(["vault", "backup", "--armor", "--passphrase-stdin"]);
    run.arg(&backup).stdin(PASSPHRASE).run().succeeded();
    fs::remove_file(world.vault_path()).expect("removed");
    let armor = fs::read_to_string(backup).expect("text");
    (world, armor)
}

fn each_line(armor: &str, before: &str) -> String {
    armor
        .lines()
        .map(|line| format!("{before}{line}\n"))
        .collect()
}

#[test]
fn it_is_named_with_what_to_do_about_it() {
    let (world, armor) = backed_up();
    for (how, text) in [
        ("quoted", each_line(&armor, "> ")),
        ("quoted twice", each_line(&armor, ">> ")),
        ("indented", each_line(&armor, "    ")),
        ("by tabs", each_line(&armor, "\t")),
        ("greeting", format!("Hi Sari,\n\nhere it is:\n\n{armor}")),
        ("signature", format!("{armor}-- \nSent from my phone\n")),
        ("both", format!("Hi\n{armor}Bye\n")),
        (
            "headers",
            format!("Subject: vault\r\n\r\n{}", armor.replace('\n', "\r\n")),
        ),
        ("byte order mark", format!("\u{feff}{armor}")),
        ("fence", format!("```\n{armor}```\n")),
        (
            "dashes escaped",
            armor.replace("-----BEGIN", "- -----BEGIN"),
        ),
    ] {
        let backup = world.write("backup.txt", &text);
        let verify = world.cldkctl(["vault", "verify", "--passphrase-stdin", "--vault"]);
        let verify = verify.arg(&backup).stdin(PASSPHRASE).run();
        for output in [restore(&world, &backup), verify] {
            assert_eq!(output.code, 6, "{how}: {output}");
            for said in [
                "backup.txt",
                "an armored file inside",
                "remove what is around it",
            ] {
                assert!(output.stderr.contains(said), "{how}: {output}");
            }
            assert_eq!(output.stdout, "", "{how}");
        }
        assert!(!world.vault_path().exists(), "{how}");
    }
}

#[test]
fn blank_lines_before_it_are_taken_off_by_a_restore() {
    let (world, armor) = backed_up();
    for before in ["\n", "\r\n\r\n", "  ", " \t", "\n  \n\t"] {
        let backup = world.write("backup.txt", format!("{before}{armor}\n\n"));
        restore(&world, &backup).succeeded();
        let token = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
        let output = token.stdin(PASSPHRASE).run().succeeded();
        assert_eq!(output.stdout, format!("{TOKEN}\n"), "{before:?}");
        fs::remove_file(world.vault_path()).expect("removed");
    }
}

#[test]
fn spaces_and_tabs_before_it_are_no_matter_to_any_command() {
    let (world, armor) = backed_up();
    for before in [" ", "\t", " \t  "] {
        let copy = world.write("copy.txt", format!("{before}{armor}"));
        let verify = world.cldkctl(["vault", "verify", "--passphrase-stdin", "--vault"]);
        verify.arg(copy).stdin(PASSPHRASE).run().succeeded();
    }
}
