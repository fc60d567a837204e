//! The recipes of the README and the guide do what they say, line by line, in bash and without
//! a terminal. Those with a page of their own are in `drill` and `unattended`.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

use crate::support::keys::Key;
use crate::support::steps::{are_installed, cloudeka_and_world};
use crate::support::world::set_mode;
use crate::support::{PASSPHRASE, Standin, TOKEN, World, starting};

const README: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
const HEADLESS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/headless.md"));
const KEYS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keys.md"));

/// The command lines of the first `sh` block under a heading.
#[track_caller]
fn lines(page: &'static str, heading: &str) -> Vec<&'static str> {
    let section = page.split(&format!("{heading}\n")).nth(1);
    let section = section.unwrap_or_else(|| panic!("no heading {heading:?}"));
    let block = section.split("```sh\n").nth(1).expect("a block");
    block
        .split("```")
        .next()
        .expect("its end")
        .lines()
        .collect()
}

/// A home with the program on its `PATH`, and the files that the recipes name.
fn home() -> (Standin, World) {
    let (cloudeka, world) = cloudeka_and_world();
    let settings = fs::read_to_string(world.settings_path()).expect("settings");
    let settings = format!("base-url = \"{}\"\n{settings}", cloudeka.base_url());
    fs::write(world.settings_path(), settings).expect("settings can be written");
    fs::create_dir(world.home().join("bin")).expect("a folder");
    symlink(
        env!("CARGO_BIN_EXE_cldkctl"),
        world.home().join("bin/cldkctl"),
    )
    .expect("a link");
    for (name, text) in [("token.txt", TOKEN), ("pass.txt", PASSPHRASE)] {
        set_mode(world.write(name, text), 0o600);
    }
    let starting = starting();
    let deploy = "#!/bin/sh\nprintf 'deployed with %s' \"$CLDKCTL_TOKEN\"\n";
    set_mode(world.write("deploy", deploy), 0o700);
    drop(starting);
    (cloudeka, world)
}

/// Runs a line in bash; what it printed.
#[track_caller]
fn run(world: &World, line: &str, env: &[(&str, &str)]) -> String {
    let path = std::env::var("PATH").expect("a PATH");
    let starting = starting();
    let child = Command::new("setsid")
        .args(["--wait", "bash", "-ec", line])
        .current_dir(world.home())
        .env_clear()
        .env(
            "PATH",
            format!("{}:{path}", world.home().join("bin").display()),
        )
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .env("XDG_CONFIG_HOME", world.config())
        .env("XDG_RUNTIME_DIR", world.runtime())
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("setsid runs");
    drop(starting);
    let output = child.wait_with_output().expect("it ends");
    let messages = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{line}\n{messages}");
    String::from_utf8(output.stdout).expect("text")
}

const LOG_IN: &str = "cldkctl auth --token-stdin --passphrase-file pass.txt < token.txt";

#[test]
fn of_the_readme_do_what_they_say() {
    if !are_installed(&["bash", "setsid"]) {
        return;
    }
    let (_cloudeka, world) = home();
    run(&world, LOG_IN, &[]);

    let [token, session, exec, api] = lines(README, "### Use the token")[..] else {
        panic!("four lines");
    };
    let show = format!("{token}\nprintf %s \"$token\"");
    assert_eq!(run(&world, &show, &[]), TOKEN);
    let session = run(&world, session, &[]);
    assert!(session.starts_with("eyJ"), "{session}");
    assert_eq!(run(&world, exec, &[]), format!("deployed with {TOKEN}"));
    assert!(run(&world, api, &[]).contains("Sari Wijaya"));

    let [unlock, status, lock] = lines(README, "### Unlock and lock")[..] else {
        panic!("three lines");
    };
    let supplied = [("CLDKCTL_PASSPHRASE_FILE", "pass.txt")];
    assert!(run(&world, status, &[]).contains("unlocked"));
    run(&world, lock, &[]);
    assert!(!run(&world, status, &[]).contains("unlocked"));
    run(&world, unlock, &supplied);
    assert!(run(&world, status, &[]).contains("unlocked"));

    let [backup, restore] = lines(README, "### Back up and restore")[..] else {
        panic!("two lines");
    };
    run(&world, backup, &[]);
    let (_, new) = home();
    fs::copy(
        world.home().join("backup.age"),
        new.home().join("backup.age"),
    )
    .expect("copied");
    run(&new, restore, &supplied);

    let [identity, passphrase] = lines(README, "### Run unattended")[..] else {
        panic!("two lines");
    };
    let machine = Key::age(&new, "machine.key");
    let add = format!("cldkctl vault recipients add {}", machine.recipient);
    run(&new, &add, &supplied);
    run(&new, lock, &[]);
    for line in [identity, passphrase] {
        assert_eq!(run(&new, line, &[]), format!("{TOKEN}\n"), "{line}");
    }
    run(&world, lock, &[]);
}

#[test]
fn without_a_terminal_do_what_they_say() {
    if !are_installed(&["bash", "setsid"]) {
        return;
    }
    let (_cloudeka, world) = home();
    let [log_in, file, stdin, identity, unlock] = lines(HEADLESS, "# Without a terminal")[..]
    else {
        panic!("five lines");
    };
    assert_eq!(log_in, LOG_IN);
    assert_eq!(run(&world, log_in, &[]), "Auth success\n");
    let key = Key::age(&world, "key.txt");
    let add = format!("cldkctl vault recipients add {}", key.recipient);
    run(&world, &add, &[]);
    run(&world, "cldkctl lock", &[]);
    for line in [file, stdin, identity] {
        assert_eq!(run(&world, line, &[]), format!("{TOKEN}\n"), "{line}");
        assert!(
            run(&world, "cldkctl auth status", &[]).contains(" locked\n"),
            "{line}"
        );
    }
    run(&world, unlock, &[]);
    assert_eq!(run(&world, "cldkctl auth token", &[]), format!("{TOKEN}\n"));
    run(&world, "cldkctl lock", &[]);
}

#[test]
fn of_a_vault_without_a_passphrase_do_what_they_say() {
    if !are_installed(&["bash", "setsid", "age-keygen"]) {
        return;
    }
    let (_cloudeka, world) = home();
    let script = lines(KEYS, "## A vault without a passphrase").join("\n");
    let printed = run(&world, &script, &[]);
    assert_eq!(printed, format!("Auth success\n{TOKEN}\n"));
}

#[test]
fn of_a_recovery_key_do_what_they_say() {
    if !are_installed(&["bash", "setsid", "age"]) {
        return;
    }
    let (_cloudeka, world) = home();
    run(&world, LOG_IN, &[]);
    let sheet = lines(KEYS, "## A recovery key")[1];
    let sheet = sheet.replace("sheet.svg", "sheet.txt");
    run(&world, &sheet, &[("CLDKCTL_PASSPHRASE_FILE", "pass.txt")]);
    let text = fs::read_to_string(world.home().join("sheet.txt")).expect("a sheet");
    let key: String = text.split("AGE-SECRET-KEY-1").skip(1).take(1).collect();
    let key = key.split_whitespace().next().expect("a key");
    world.write("key.txt", format!("AGE-SECRET-KEY-1{key}\n"));
    fs::copy(world.vault_path(), world.home().join("vault.age")).expect("copied");
    let after = KEYS
        .split("The key is an age identity.")
        .nth(1)
        .expect("a recipe");
    let after = after.split("```").nth(1).expect("a block");
    let [_, token, age] = after.lines().collect::<Vec<_>>()[..] else {
        panic!("two lines");
    };
    assert_eq!(run(&world, token, &[]), format!("{TOKEN}\n"));
    assert!(run(&world, age, &[]).contains(TOKEN));
}
