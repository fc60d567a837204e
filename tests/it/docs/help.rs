//! What `--help` and the manual pages show: each example runs as it is there, and each page has the
//! sections that a manual page has.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::support::cargo::cargo;
use crate::support::keys::Key;
use crate::support::steps::{are_installed, unlocked};
use crate::support::world::set_mode;
use crate::support::{PASSPHRASE, Session, Standin, TOKEN, World, output_of, starting, wait_until};

/// The examples of each command, `auth token` for one. That of the program itself is empty.
fn examples() -> BTreeMap<String, Vec<String>> {
    let world = World::new();
    let mut all = BTreeMap::new();
    let mut commands = vec![String::new()];
    while let Some(command) = commands.pop() {
        let help = world.cldkctl(command.split_whitespace()).arg("--help");
        let help = help.run().succeeded().stdout;
        if let Some((_, below)) = help.split_once("\nCommands:\n") {
            let below = below.lines().take_while(|line| line.starts_with("  "));
            let names = below
                .filter(|line| !line.starts_with("   "))
                .filter_map(|line| line.split_whitespace().next());
            let below = names.filter(|name| *name != "help");
            commands.extend(below.map(|name| format!("{command} {name}").trim().to_owned()));
        }
        let (_, examples) = help
            .split_once("\nExamples:\n")
            .unwrap_or_else(|| panic!("no examples: cldkctl {command}\n{help}"));
        let lines = examples.lines().map_while(|line| line.strip_prefix("  "));
        all.insert(command, lines.map(ToOwned::to_owned).collect());
    }
    all
}

/// A vault with two contexts and a machine's key, unlocked, and the files that examples name.
fn home() -> (Standin, World) {
    let (cloudeka, world) = unlocked(&[]);
    let login = world.cldkctl(["auth", "--token-stdin", "--context", "work"]);
    login.stdin(TOKEN).run().succeeded();
    let machine = Key::age(&world, "machine.key").recipient;
    let add = ["vault", "recipients", "add", "--label", "machine", &machine];
    world.cldkctl(add).run().succeeded();
    world
        .cldkctl(["vault", "backup", "backup.age"])
        .run()
        .succeeded();

    for (kind, place) in [
        ("docker", "registry.example"),
        ("aws", "https://s3.example"),
    ] {
        let add = ["credential", "add", kind, place, "--username", "sari"];
        let add = world.cldkctl(add).arg("--secret-stdin");
        add.stdin("otter-lantern-77-plum").run().succeeded();
    }

    let home = world.home();
    for folder in [
        ".ssh",
        ".config",
        ".config/fish",
        ".config/fish/completions",
        "bin",
    ] {
        fs::create_dir(home.join(folder)).unwrap();
    }
    for (name, text) in [
        ("token.txt", TOKEN),
        ("body.json", "{}"),
        ("new.txt", "gravel lantern seldom ferry"),
        ("machine.pub", &machine),
        (
            ".ssh/id_ed25519.pub",
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQUV5rCO+hELnaG8Jo/mTZnUdNtLcGbKRmZUsKw17HF sari@laptop",
        ),
    ] {
        set_mode(world.write(name, text), 0o600);
    }
    let starting = starting();
    set_mode(world.write("deploy", "#!/bin/sh\n"), 0o700);
    drop(starting);
    (cloudeka, world)
}

/// What an example needs to be otherwise at home.
fn prepare(world: &World, example: &str) {
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    match example {
        "cldkctl vault backup ~/backup.age" => remove(&world.home().join("backup.age")),
        "cldkctl vault restore ~/backup.age" => remove(&world.vault_path()),
        "cldkctl vault recipients remove \"$(cat machine.pub)\""
        | "cldkctl vault recipients add --label machine \"$(cat machine.pub)\"" => {
            let add = [
                "vault",
                "recipients",
                "add",
                "--recipients-file",
                "machine.pub",
            ];
            let remove = ["vault", "recipients", "remove", "machine"];
            match example.contains(" remove ") {
                true => drop(world.cldkctl(add).run()),
                false => drop(
                    world
                        .cldkctl(remove)
                        .arg("--passphrase-stdin")
                        .stdin(PASSPHRASE)
                        .run(),
                ),
            }
        }
        _ => {}
    }
}

/// Runs a line in bash, on a terminal where a person answers what is asked; its exit status.
fn run(world: &World, line: &str, passphrase: &str) -> (i32, String) {
    let script = format!("PATH=\"${{0%/*}}:$PATH\"\n{line}\necho \"<ended $?>\"");
    let bash = world.cldkctl([""; 0]).under(["bash", "-c", &script]);
    let mut session: Session = bash.on_pty();
    let answers = [
        ("Enter your token:", TOKEN),
        ("New vault passphrase:", "gravel lantern seldom ferry"),
        ("Repeat passphrase:", "gravel lantern seldom ferry"),
        ("Vault passphrase:", passphrase),
        ("[y/N]", "y"),
    ];
    let mut given = [0; 5];
    let ended = wait_until(Duration::from_secs(60), || {
        let screen = session.screen();
        for ((question, answer), given) in answers.iter().zip(&mut given) {
            if screen.matches(question).count() > *given {
                *given += 1;
                match *question {
                    "[y/N]" => session.send_line(answer),
                    _ => session.send_secret(answer),
                }
            }
        }
        screen.contains("<ended ")
    });
    let screen = session.screen();
    assert!(ended, "{line}\n{screen}");
    session.wait();
    let (_, code) = screen.rsplit_once("<ended ").unwrap();
    let code = code.split('>').next().unwrap().parse().unwrap();
    (code, screen)
}

#[test]
fn each_example_of_each_command_runs_as_it_is_shown() {
    let examples = examples();
    let count: usize = examples.values().map(Vec::len).sum();
    assert!(count > 50, "only {count}");
    for (command, lines) in examples {
        let (_cloudeka, world) = home();
        let mut passphrase = PASSPHRASE;
        for line in lines {
            assert!(
                line.contains(&format!("cldkctl {command}")),
                "{command}: {line}"
            );
            prepare(&world, &line);
            let (code, screen) = run(&world, &line, passphrase);
            assert_eq!(code, 0, "{line}\n{screen}");
            if line.starts_with("cldkctl vault passphrase") {
                passphrase = "gravel lantern seldom ferry";
            }
        }
    }
}

/// The manual pages, in a folder.
fn manual(world: &World) -> Vec<(String, String)> {
    let folder = world.home().join("man1");
    let mut example = cargo();
    example
        .args(["run", "--quiet", "--example", "man", "--"])
        .arg(&folder);
    let output = output_of(&mut example);
    assert!(output.status.success(), "{output:?}");
    let pages = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let read = |entry: fs::DirEntry| {
        let text = fs::read_to_string(entry.path()).unwrap();
        (entry.path().to_str().unwrap().to_owned(), text)
    };
    pages.map(read).collect()
}

#[test]
fn each_manual_page_has_the_sections_that_people_look_for() {
    let world = World::new();
    let pages = manual(&world);
    assert!(pages.len() > 25, "{}", pages.len());
    for (name, page) in &pages {
        let mut rest = page.as_str();
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "\"GLOBAL OPTIONS\"",
            "EXAMPLES",
            "\"EXIT STATUS\"",
            "ENVIRONMENT",
            "FILES",
            "\"SEE ALSO\"",
        ] {
            let heading = format!("\n.SH {section}\n");
            let (_, after) = rest
                .split_once(&heading)
                .unwrap_or_else(|| panic!("{name}: no {section} in its place"));
            assert!(
                !after.trim_start().starts_with(".SH"),
                "{name}: {section} is empty"
            );
            rest = after;
        }
        for word in [
            "CLDKCTL_PASSPHRASE_FILE",
            "vault.age",
            "\\fB130\\fR",
            "cldkctl",
        ] {
            assert!(page.contains(word), "{name}: {word}");
        }
        assert!(
            !rest.contains("\n.SH"),
            "{name}: what comes after SEE ALSO?"
        );
        // What `-h` leaves out is described all the same.
        assert!(
            !page.contains("\\fR\n\n.TP"),
            "{name}: an option without a text"
        );
    }
    let root = pages.iter().find(|(name, _)| name.ends_with("/cldkctl.1"));
    let (_, root) = root.expect("the program's page");
    assert!(root.contains("Certificate authority to trust"), "{root}");
    // The tables of other headings are not lists of variables.
    for debris in ["covers", "example.com", "\\-\\-\\-", "see Proxies"] {
        let (_, environment) = root.split_once(".SH ENVIRONMENT").expect("a section");
        assert!(!environment.contains(debris), "{debris}: {environment}");
    }
}

#[test]
fn mandoc_and_man_find_nothing_wrong_with_the_pages() {
    if !are_installed(&["mandoc", "man"]) {
        return;
    }
    let world = World::new();
    for (name, _) in manual(&world) {
        for words in [
            &["mandoc", "-T", "lint", "-W", "warning"][..],
            &["man", "--warnings", "-l"],
        ] {
            let mut command = std::process::Command::new(words[0]);
            command
                .args(&words[1..])
                .arg(&name)
                .env("LC_ALL", "C.UTF-8");
            let output = output_of(&mut command);
            let said = [
                &output.stderr[..],
                if words[0] == "man" {
                    b""
                } else {
                    &output.stdout
                },
            ]
            .concat();
            let said = String::from_utf8_lossy(&said);
            assert!(
                output.status.success() && said.is_empty(),
                "{words:?} {name}: {said}"
            );
        }
    }
}
