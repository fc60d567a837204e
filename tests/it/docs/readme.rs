//! The README and the guide in `docs/` keep their word: their commands run, and what they mention
//! exists.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Stdio;

use super::documents::{documents, root};
use crate::support::World;
use crate::support::cargo::cargo;

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
const SETTINGS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md"));
const EXIT_CODES: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/exit-codes.md"));
const DEMO: &str = "cargo run --example demo";
const TESTS: &str = "cargo test";

/// The README and every page under `docs/`.
fn guide() -> String {
    let pages = documents()
        .into_iter()
        .filter(|path| path.starts_with(root().join("docs")) || *path == root().join("README.md"));
    pages
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

/// The texts of the fenced blocks in `language`.
fn blocks<'a>(page: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("\n```{language}\n");
    page.split(fence.as_str())
        .skip(1)
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

/// Everything set as code: the lines of fenced blocks, and what stands between backticks.
fn code(text: &str) -> Vec<&str> {
    let mut code = Vec::new();
    for (number, part) in text.split("```").enumerate() {
        if number % 2 == 1 {
            code.extend(part.lines().skip(1));
        } else {
            code.extend(part.split('`').skip(1).step_by(2));
        }
    }
    code
}

/// The help of a sub-command, `[]` being `cldkctl` itself.
fn help(world: &World, command: &[&str]) -> String {
    let mut args = command.to_vec();
    args.push("--help");
    world.cldkctl(args).run().succeeded().stdout
}

/// The sub-commands that a help lists.
fn commands_in(help: &str) -> BTreeSet<&str> {
    let lines = help.lines().skip_while(|line| *line != "Commands:");
    lines
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

/// The flags, `--long` and `-s`, that a text mentions.
fn flags_in(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| word.starts_with('-') && !word.trim_start_matches('-').is_empty())
}

/// Every sub-command there is, with its help.
fn all_help(world: &World) -> BTreeMap<Vec<String>, String> {
    let mut all = BTreeMap::new();
    let mut left = vec![Vec::<String>::new()];
    while let Some(command) = left.pop() {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let text = help(world, &words);
        for name in commands_in(&text).iter().filter(|name| **name != "help") {
            left.push([&command[..], &[(*name).to_owned()]].concat());
        }
        all.insert(command, text);
    }
    all
}

#[test]
fn the_first_two_commands_are_the_demo_and_the_tests_here_and_wherever_they_are_named() {
    assert_eq!(blocks(README, "sh")[..2], [DEMO, TESTS]);
    let doc = format!("//! {DEMO}\n");
    assert!(include_str!("../../../examples/demo.rs").contains(&doc));
    let ci: Vec<&str> = include_str!("../../../.ci/run").lines().collect();
    for command in [DEMO, TESTS] {
        assert!(
            ci.contains(&command),
            "CI runs {command:?}, on a line alone"
        );
    }
}

#[test]
fn the_first_command_runs_the_demo_to_a_good_end() {
    let words: Vec<&str> = DEMO.split(' ').skip(1).collect();
    let output = cargo().args(words).stdin(Stdio::null()).output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{shown}\n{said}");
    for part in [
        "$ cldkctl auth\nEnter your token: \nPress Enter alone to have seven random words chosen for you\nNew vault passphrase: \nRepeat passphrase: \nLogged in to 127.0.0.1:",
        " as Sari Wijaya, context default\nAuth success\n(exit 0)\n",
        "0600  ",
        "\nage-encryption.org/v1\n-> cldkctl-argon2id v1 ",
        "$ cldkctl auth token\ncldkctl_demo_3f9a1c77e2\n(exit 0)\n",
        "exit 7'\ncldkctl_demo_3f9a1c77e2\n(exit 7)\n",
        "$ cldkctl lock\nLocked the vault ",
        "$ cldkctl auth token\nerror: the vault ",
        "(exit 4)",
        "$ cldkctl unlock --idle 5m\nVault passphrase: \nUnlocked the vault ",
        "(exit 5)",
        "(exit 3)",
    ] {
        assert!(shown.contains(part), "{part:?} is not in:\n{shown}");
    }
}

#[test]
fn every_sub_command_and_flag_that_is_mentioned_exists() {
    let world = World::new();
    let all = all_help(&world);
    let known: BTreeSet<&str> = all.values().flat_map(|text| flags_in(text)).collect();
    let mut seen = 0;
    for line in code(&guide()) {
        let line = line.split(" # ").next().unwrap().trim();
        // A flag by itself.
        if line.starts_with('-') {
            for flag in flags_in(line) {
                assert!(known.contains(flag), "`{line}`: there is no {flag}");
                seen += 1;
            }
        }
        // A command line, at the start or within: `$ cldkctl …`, `token=$(cldkctl …)`.
        let starts = line.match_indices("cldkctl ");
        for (at, _) in starts.filter(|(at, _)| {
            let before = line[..*at].chars().next_back();
            before.is_none_or(|c| c == ' ' || c == '(')
        }) {
            let invocation = line[at..].split(['<', ')', '|']).next().unwrap();
            let mut words = invocation.split_whitespace().skip(1).peekable();
            let mut command = Vec::new();
            while let Some(word) = words.next_if(|word| {
                let longer = [&command[..], &[(*word).to_owned()]].concat();
                all.contains_key(&longer)
            }) {
                command.push(word.to_owned());
            }
            let help = &all[&command];
            // What follows is an argument, unless the command has sub-commands of its own and
            // takes nothing but those.
            let what_next = words.peek().copied().unwrap_or("-");
            assert!(
                commands_in(help).is_empty() || !what_next.starts_with(|c: char| c.is_lowercase()),
                "`{line}`: there is no `cldkctl {} {what_next}`",
                command.join(" ")
            );
            // Behind `--` it is somebody else's command.
            let words = words.take_while(|word| *word != "--");
            for flag in words.filter(|word| word.starts_with('-') && *word != "-") {
                let there = flags_in(help).any(|known| known == flag);
                assert!(there, "`{line}`: there is no {flag}");
            }
            seen += 1;
        }
    }
    assert!(seen > 100, "the guide is read as it is meant to be: {seen}");
}

#[test]
fn every_sub_command_is_mentioned() {
    let guide = guide();
    let code = code(&guide).join("\n");
    for command in all_help(&World::new()).into_keys() {
        let command = format!("cldkctl {}", command.join(" "));
        assert!(code.contains(command.trim()), "`{command}` is missing");
    }
}

#[test]
fn settings_on_their_page_are_all_there_are_and_are_taken() {
    let [settings] = blocks(SETTINGS, "toml")[..] else {
        panic!("one block of settings");
    };
    let world = World::new();
    std::fs::write(world.settings_path(), settings).unwrap();
    let path = world.cldkctl(["vault", "path"]).run().succeeded().stdout;
    assert_eq!(
        path.trim(),
        world.home().join("vault.age").to_str().unwrap()
    );

    let table: toml::Table = settings.parse().unwrap();
    let tables = ["kdf", "unlock"].map(|name| table[name].as_table().unwrap());
    let keys = tables.iter().flat_map(|table| table.keys());
    let mentioned: BTreeSet<&str> = table.keys().chain(keys).map(String::as_str).collect();
    // What the program itself lists when it meets a key it does not know.
    let mut there_are = BTreeSet::new();
    for unknown in ["unknown = 1", "[kdf]\nunknown = 1", "[unlock]\nunknown = 1"] {
        std::fs::write(world.settings_path(), unknown).unwrap();
        let said = world.cldkctl(["vault", "path"]).run().expect_code(2).stderr;
        let list = said.split("expected one of").nth(1).unwrap();
        let list = list.lines().next().unwrap();
        there_are.extend(list.split('`').skip(1).step_by(2).map(str::to_owned));
    }
    let there_are: BTreeSet<&str> = there_are.iter().map(String::as_str).collect();
    assert_eq!(mentioned, there_are);
}

#[test]
fn exit_codes_on_their_page_are_those_of_the_help() {
    let codes = |text: &str, start: &str| -> Vec<u8> {
        let rows = text.split(start).skip(1);
        rows.filter_map(|row| row.split_whitespace().next()?.parse().ok())
            .collect()
    };
    let mentioned = codes(EXIT_CODES, "\n| ");
    let help = help(&World::new(), &[]).replace('\n', " ");
    let listed = help.split("Exit codes:").nth(1).unwrap().replace(", ", ",");
    let listed = codes(&format!(",{}", listed.trim()), ",");
    assert_eq!(mentioned, listed);
    assert_eq!(mentioned, [0, 1, 2, 3, 4, 5, 6, 7, 8, 126, 127, 130]);
}

#[test]
fn the_manual_has_a_page_for_every_sub_command_and_no_other() {
    const MAN: &str = "cargo run --example man -- ";
    let line = blocks(README, "sh")
        .into_iter()
        .find(|block| block.starts_with(MAN));
    assert!(line.is_some(), "{MAN:?} is in the README");
    let world = World::new();
    let folder = world.home().join("man/man1");
    let words = MAN.split_whitespace().skip(1);
    let output = cargo().args(words).arg(&folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");

    let there_are: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let expected: BTreeSet<String> = all_help(&world)
        .into_keys()
        .map(|command| {
            format!(
                "{}.1",
                [&["cldkctl".to_owned()], &command[..]].concat().join("-")
            )
        })
        .collect();
    assert_eq!(there_are, expected);
}
