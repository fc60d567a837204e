//! The recovery drill and the commands of `docs/backup.md`, run as they stand there: in bash, on
//! a terminal, on a machine that has nothing but what the page says.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::support::steps::{are_installed, log_in, logged_in, pipe};
use crate::support::{PASSPHRASE, Session, TOKEN, World};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/backup.md"));
const FORMAT: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/vault-format.md"));

/// The text of a section.
#[track_caller]
fn section(heading: &str) -> &'static str {
    let rest = PAGE.split(&format!("\n## {heading}\n")).nth(1);
    let rest = rest.unwrap_or_else(|| panic!("no section {heading:?}"));
    rest.split("\n## ").next().expect("text")
}

/// The fenced blocks in `text` that are in `language`.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    text.split(fence.as_str())
        .skip(1)
        .map(|rest| rest.split_inclusive("\n```").next().expect("a block"))
        .map(|block| block.strip_suffix("```").expect("an end"))
        .collect()
}

/// What is pasted, and the lines that are entered after.
fn drill() -> (&'static str, Vec<&'static str>) {
    let [paste, lines] = blocks(section("A recovery drill"), "bash")[..] else {
        panic!("two blocks");
    };
    (paste, lines.lines().collect())
}

/// A folder with these commands and no other.
#[track_caller]
fn only(world: &World, commands: &[&str]) -> std::path::PathBuf {
    let folder = world.home().join("bin");
    fs::create_dir(&folder).expect("a folder");
    for name in commands {
        // Python says which it is: `python3` may be a script that looks for one.
        let found = match *name {
            "python3" => pipe(&["python3", "-c", "import sys; print(sys.executable)"], b""),
            name => pipe(&["sh", "-c", &format!("command -v {name}")], b""),
        };
        let found = String::from_utf8(found).expect("text");
        symlink(found.trim(), folder.join(name)).expect("a link");
    }
    folder
}

/// An interactive bash with the recipe pasted, in a folder that holds `vault` as `vault.age`.
#[track_caller]
fn pasted(world: &World, bin: &Path, vault: &Path) -> Session {
    let folder = world.home().join("drill");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir(&folder).expect("a folder");
    fs::copy(vault, folder.join("vault.age")).expect("copied");
    let bash = pipe(&["sh", "-c", "command -v bash"], b"");
    let mut command = Command::new(String::from_utf8(bash).expect("text").trim());
    command
        .args(["--norc", "--noprofile", "-i"])
        .current_dir(folder)
        .env_clear()
        .env("PATH", bin)
        .env("HOME", world.home().join("drill"))
        .env("TERM", "xterm")
        .env("PS1", "ready> ");
    let mut terminal = Session::spawn(command);
    terminal.expect("ready> ");
    for line in drill().0.lines() {
        terminal.send_line(line);
    }
    terminal.send_line("echo pasted $((6 * 7))");
    terminal.expect("pasted 42");
    terminal.expect("ready> ");
    terminal
}

/// Enters `line`, types `passphrase` when asked for it; what came after.
#[track_caller]
fn entered(terminal: &mut Session, line: &str, passphrase: &str) -> String {
    terminal.send_line(line);
    terminal.expect("Vault passphrase: ");
    terminal.send_secret(passphrase);
    terminal.expect("ready> ")
}

#[test]
fn the_recipe_is_that_of_the_format_document() {
    let [recipe] = blocks(FORMAT, "bash")[..] else {
        panic!("one block");
    };
    let (head, body) = recipe.split_once('\n').expect("lines");
    assert_eq!(head, "vault=vault.age");
    assert_eq!(drill().0, format!("open_vault() {{\nvault=$1\n{body}}}\n"));
}

#[test]
fn it_opens_the_vault_and_its_backups_with_age_argon2_and_python_alone() {
    let tools = ["age", "argon2", "python3"];
    if !are_installed(&["age", "argon2", "python3", "bash"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    log_in(&world, TOKEN, &["--context", "staging"]);
    let mut files = vec![world.vault_path()];
    for args in [&["copy.age"][..], &["copy.txt", "--armor"]] {
        let run = world.cldkctl(["vault", "backup", "--passphrase-stdin"]);
        run.args(args).stdin(PASSPHRASE).run().succeeded();
        files.push(world.home().join(args[0]));
    }
    let bin = only(&world, &tools);
    for file in files {
        let mut terminal = pasted(&world, &bin, &file);
        let lines = drill().1;
        assert_eq!(lines.len(), 2, "{lines:?}");
        let tokens = entered(&mut terminal, lines[0], PASSPHRASE);
        for name in ["default", "staging"] {
            let url = "http://127.0.0.1:";
            let at = tokens.find(&format!("{name} {url}")).expect("a login");
            let row = tokens[at..].lines().next().expect("a line");
            assert!(row.ends_with(&format!(" {TOKEN}")), "{row}");
        }
        let all = entered(&mut terminal, lines[1], PASSPHRASE);
        let all = &all[all.find('{').expect("JSON")..=all.rfind('}').expect("JSON")];
        let all: serde_json::Value = serde_json::from_str(all).expect("JSON");
        assert_eq!(all["revision"], 2);
        assert_eq!(all["contexts"][1]["token"], TOKEN);

        // What a tired person does, and what the page says about it.
        for line in &lines {
            let said = entered(&mut terminal, line, "tulip harvests brass umbrellas");
            assert!(said.contains("no identity matched"), "{said}");
            assert!(!said.contains(TOKEN), "{said}");
        }
        terminal.send_line("fc -l 1; set");
        terminal.send_line("exit");
        terminal.wait();
        assert!(!terminal.screen().contains(PASSPHRASE));
        let left = crate::support::world::files_under(&world.home().join("drill"));
        let left: Vec<_> = left
            .keys()
            .filter(|path| !path.ends_with(".bash_history"))
            .collect();
        assert_eq!(left, [&world.home().join("drill/vault.age")]);
    }
    let page = section("A recovery drill");
    assert!(page.contains("`no identity matched any of the recipients`"));
    assert!(page.contains("`no passphrase opens this file`"));
    for tool in tools {
        let installs = page
            .lines()
            .find(|line| line.contains("$ sudo apt install"));
        assert!(installs.expect("a command").contains(tool), "{tool}");
    }
}

#[test]
fn a_copy_that_mail_has_touched_opens_all_the_same() {
    if !are_installed(&["age", "argon2", "python3", "bash"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let run = world.cldkctl([
        "vault",
        "backup",
        "copy.txt",
        "--armor",
        "--passphrase-stdin",
    ]);
    run.stdin(PASSPHRASE).run().succeeded();
    let armor = fs::read_to_string(world.home().join("copy.txt")).expect("text");
    let bin = only(&world, &["age", "argon2", "python3"]);
    let mut terminal = pasted(&world, &bin, &world.home().join("copy.txt"));
    let utf16 = format!("\u{feff}{}", armor.replace('\n', "\r\n"));
    for (how, text) in [
        ("blank line", format!("\n{armor}").into_bytes()),
        (
            "greeting",
            format!("Hi Sari,\n\nhere it is:\n{armor}-- \nBye\n").into_bytes(),
        ),
        ("blanks", armor.replace('\n', "  \n").into_bytes()),
        ("double-spaced", armor.replace('\n', "\n\n").into_bytes()),
        ("quoted", armor.replace('\n', "\n> ").into_bytes()),
        ("quoted-printable", armor.replace('=', "=3D").into_bytes()),
        ("joined", armor.replace('\n', " ").into_bytes()),
        (
            "UTF-16",
            utf16.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
    ] {
        fs::write(world.home().join("drill/vault.age"), text).expect("written");
        let said = entered(&mut terminal, drill().1[0], PASSPHRASE);
        assert!(said.contains(TOKEN), "{how}: {said}");
    }
}

#[test]
fn a_damaged_copy_and_one_without_a_passphrase_are_told_as_the_page_says() {
    if !are_installed(&["age", "argon2", "python3", "bash"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let bin = only(&world, &["age", "argon2", "python3"]);
    let mut bytes = fs::read(world.vault_path()).expect("a vault");
    *bytes.last_mut().expect("bytes") ^= 1;
    let damaged = world.write("damaged.age", bytes);
    let mut terminal = pasted(&world, &bin, &damaged);
    let said = entered(&mut terminal, drill().1[0], PASSPHRASE);
    assert!(!said.contains("no identity matched"), "{said}");
    assert!(!said.contains(TOKEN), "{said}");

    let vector = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/vectors/good-recipients-only.age"
    );
    let mut terminal = pasted(&world, &bin, Path::new(vector));
    terminal.send_line(drill().1[0]);
    terminal.expect("no passphrase opens this file");
    terminal.expect("ready> ");
}

#[test]
fn what_goes_wrong_is_told_in_words_and_without_a_traceback() {
    if !are_installed(&["age", "argon2", "python3", "bash"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let bin = only(&world, &["age", "argon2", "python3"]);
    let mut terminal = pasted(&world, &bin, &world.vault_path());
    let folder = world.home().join("drill");
    fs::create_dir(folder.join("folder.age")).expect("a folder");
    let armored = "-----BEGIN AGE ENCRYPTED FILE-----\n";
    for (name, content) in [
        ("empty.age", ""),
        ("notes.txt", "buy umbrellas"),
        ("cut.txt", armored),
        (
            "bad.txt",
            &format!("{armored}YWd\n-----END AGE ENCRYPTED FILE-----\n"),
        ),
    ] {
        fs::write(folder.join(name), content).expect("written");
    }
    for (name, says) in [
        (
            "valt.age",
            "cannot read valt.age: No such file or directory",
        ),
        ("no/such/vault.age", "cannot read no/such/vault.age"),
        ("folder.age", "cannot read folder.age: Is a directory"),
        ("''", "cannot read"),
        ("empty.age", "empty.age is not a vault"),
        ("notes.txt", "notes.txt is not a vault"),
        ("cut.txt", "the armor of cut.txt is damaged"),
        ("bad.txt", "the armor of bad.txt is damaged"),
    ] {
        for line in drill().1 {
            terminal.send_line(&line.replace("vault.age", name));
            terminal.expect(says);
            terminal.expect("ready> ");
        }
    }
    for passphrase in ["", "tulip harvests brass umbrellas", &"long ".repeat(40)] {
        for line in drill().1 {
            entered(&mut terminal, line, passphrase);
        }
    }
    // Latin-1, as an old terminal sends it.
    terminal.send_line(drill().1[0]);
    terminal.expect("Vault passphrase: ");
    terminal.send_bytes(b"gr\xfc\xdfe\r");
    terminal.expect("no identity matched");
    terminal.expect("ready> ");
    let screen = terminal.screen();
    assert!(!screen.contains("Traceback"), "{screen}");
}

/// The commands in the blocks of a section, without their comments.
fn commands(heading: &str) -> Vec<&'static str> {
    blocks(section(heading), "sh")
        .into_iter()
        .flat_map(str::lines)
        .map(|line| line.split(" # ").next().expect("a command").trim_end())
        .collect()
}

/// Runs a command line of the page in bash, with `cldkctl` and `ssh` out of `bin` and the
/// passphrase supplied.
#[track_caller]
fn run(world: &World, bin: &Path, passphrase: &Path, line: &str) {
    let path = std::env::var("PATH").expect("a PATH");
    let output = Command::new("bash")
        .args(["-c", &format!("set -o pipefail; {line}")])
        .current_dir(world.home())
        .env_clear()
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .env("XDG_CONFIG_HOME", world.config())
        .env("CLDKCTL_PASSPHRASE_FILE", passphrase)
        .stdin(std::process::Stdio::null())
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{said}");
}

#[test]
fn the_commands_about_backups_do_what_they_say() {
    let commands = commands("Back up and restore");
    let [here @ .., unlock, to_pipe, from_pipe] = &commands[..] else {
        panic!("{commands:?}");
    };
    let (here, there) = here.split_at(3);
    let (_cloudeka, world) = logged_in();
    let passphrase = world.write("run/passphrase", PASSPHRASE);
    let bin = world.home().join("bin");
    fs::create_dir(&bin).expect("a folder");
    symlink(env!("CARGO_BIN_EXE_cldkctl"), bin.join("cldkctl")).expect("a link");
    for line in here {
        run(&world, &bin, &passphrase, line);
    }
    let new = World::new();
    let backup = fs::read(world.home().join("backup.age")).expect("a backup");
    new.write("backup.age", &backup);
    assert_eq!(there.len(), 3);
    for line in there {
        run(&new, &bin, &passphrase, line);
    }
    assert_eq!(fs::read(new.vault_path()).expect("a vault"), backup);

    // Across the network, with a stand-in for ssh that runs the command in a folder here.
    let far_away = world.home().join("far");
    fs::create_dir(&far_away).expect("a folder");
    let ssh = format!(
        "#!/bin/sh\ncd '{}' && exec sh -c \"$2\"\n",
        far_away.display()
    );
    crate::support::world::set_mode(world.write("bin/ssh", ssh), 0o700);
    let third = World::new();
    run(&world, &bin, &passphrase, unlock);
    run(&world, &bin, &passphrase, to_pipe);
    run(&third, &bin, &passphrase, from_pipe);
    let vault = |world: &World| fs::read(world.vault_path()).expect("a vault");
    assert_eq!(vault(&third), vault(&world));
}
