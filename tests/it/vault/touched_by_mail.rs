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

/// Lines of at most this many columns, as a mail program breaks them.
fn wrapped(armor: &str, columns: usize) -> String {
    let lines = armor
        .lines()
        .flat_map(|line| line.as_bytes().chunks(columns));
    lines
        .map(|line| format!("{}\n", str::from_utf8(line).expect("ASCII")))
        .collect()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(unit).collect()
}

#[test]
fn lines_that_were_changed_are_named_and_the_hint_brings_the_backup_back() {
    let (world, armor) = backed_up();
    let windows = format!("\u{feff}{}", armor.replace('\n', "\r\n"));
    let quoted = armor.replace('=', "=3D");
    let mut cases = vec![
        (
            "blanks",
            armor.replace('\n', "  \n").into_bytes(),
            "blanks at the ends",
        ),
        (
            "blanks and CR LF",
            armor.replace('\n', " \r\n").into_bytes(),
            "blanks at the ends",
        ),
        (
            "double-spaced",
            armor.replace('\n', "\n\n").into_bytes(),
            "blank lines",
        ),
        (
            "40 columns",
            wrapped(&armor, 40).into_bytes(),
            "broken in other places",
        ),
        (
            "20 columns",
            wrapped(&armor, 20).into_bytes(),
            "broken in other places",
        ),
        (
            "joined",
            armor.replace('\n', " ").into_bytes(),
            "broken in other places",
        ),
        ("UTF-16", utf16(&windows, u16::to_le_bytes), "UTF-16"),
        (
            "UTF-16, big end first",
            utf16(&windows, u16::to_be_bytes),
            "UTF-16",
        ),
    ];
    if quoted != armor {
        cases.push(("quoted-printable", quoted.into_bytes(), "quoted-printable"));
    }
    for (how, text, seen) in cases {
        let backup = world.write("backup.txt", &text);
        let output = restore(&world, &backup);
        assert_eq!(output.code, 6, "{how}: {output}");
        for said in [
            "its armor has been changed by a mail program",
            seen,
            "nothing is lost",
        ] {
            assert!(output.stderr.contains(said), "{how}: {output}");
        }
        for wrong in ["damaged", "another", "not an age file"] {
            assert!(!output.stderr.contains(wrong), "{how}: {output}");
        }
        let command = output.stderr.split('`').nth(1).expect("a command");
        let command = command
            .replace("FILE >", "backup.txt >")
            .replace("< FILE", "< backup.txt")
            .replace("NEW", "new.age");
        if command.starts_with("python3") && !crate::support::steps::are_installed(&["python3"]) {
            continue;
        }
        let mut shell = std::process::Command::new("sh");
        let mended = shell
            .args(["-c", &command])
            .current_dir(world.home())
            .status();
        assert!(mended.expect("a shell").success(), "{how}: {command}");
        restore(&world, &world.home().join("new.age")).succeeded();
        fs::remove_file(world.vault_path()).expect("removed");
    }
}

#[test]
fn what_is_lost_is_still_called_damaged() {
    let (world, armor) = backed_up();
    let lines: Vec<&str> = armor.lines().collect();
    let cut = lines[..lines.len() - 1].join("  \n");
    let gap = armor
        .replacen(&lines[2][10..11], "!", 1)
        .replace('\n', " \n");
    for text in [cut, gap] {
        let output = restore(&world, &world.write("backup.txt", text));
        assert_eq!(output.code, 6, "{output}");
        assert!(output.stderr.contains("damaged"), "{output}");
        assert!(!output.stderr.contains("nothing is lost"), "{output}");
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
