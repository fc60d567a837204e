//! Other keys than the passphrase: age, SSH and plugin keys open the vault, here and with stock
//! `age`; a save under one of them leaves all others working; a removed one opens nothing new.

use std::fs;
use std::path::PathBuf;

use crate::support::keys::{Key, plugin_path};
use crate::support::steps::{are_installed, cloudeka_and_world, contents_of, logged_in};
use crate::support::world::Output;
use crate::support::{PASSPHRASE, TOKEN, World};
use serde_json::{Value, json};

/// A passphrase file, so that a story is not about asking.
pub(super) fn passphrase(world: &World) -> PathBuf {
    world.write("passphrase", PASSPHRASE)
}

/// A command that opens the vault with its passphrase.
#[track_caller]
pub(super) fn with_passphrase(world: &World, args: &[&str]) -> Output {
    world
        .cldkctl(args)
        .arg("--passphrase-file")
        .arg(passphrase(world))
        .env("PATH", plugin_path())
        .run()
}

#[track_caller]
pub(super) fn add(world: &World, recipient: &str, args: &[&str]) -> Output {
    let command = ["vault", "recipients", "add", recipient];
    with_passphrase(world, &[&command, args].concat())
}

#[track_caller]
pub(super) fn remove(world: &World, name: &str) -> Output {
    with_passphrase(world, &["vault", "recipients", "remove", name])
}

#[track_caller]
fn list(world: &World) -> Value {
    let output = with_passphrase(world, &["vault", "recipients", "list", "-o", "json"]);
    serde_json::from_str(&output.succeeded().stdout).unwrap()
}

/// One of each kind, in the vault.
#[track_caller]
fn keys_of_every_kind(world: &World) -> Vec<Key> {
    let keys = vec![
        Key::age(world, "machine.key"),
        Key::ssh(world, "laptop", "ed25519"),
        Key::ssh(world, "old-laptop", "rsa"),
        Key::plugin(world, "token.key", false),
    ];
    for key in &keys {
        add(world, &key.recipient, &[]).succeeded();
    }
    keys
}

#[test]
fn keys_of_every_kind_open_the_vault_here_and_with_stock_age() {
    if !are_installed(&["age", "ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    for key in keys_of_every_kind(&world) {
        let output = key.cldkctl(&world, &["auth", "token"]).succeeded();
        assert_eq!(output.stdout, format!("{TOKEN}\n"), "{}", key.recipient);
        let contents = key.age_decrypt(&world.vault_path()).unwrap();
        assert_eq!(contents["contexts"][0]["token"], TOKEN, "{}", key.recipient);
    }
}

#[test]
fn a_save_under_any_key_leaves_all_others_working() {
    if !are_installed(&["age", "ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let keys = keys_of_every_kind(&world);
    for (turn, saver) in keys.iter().enumerate() {
        let before = list(&world);
        let names = [turn, turn + 1].map(|turn| match turn {
            0 => "default".to_owned(),
            turn => format!("turn-{turn}"),
        });
        let rename = ["context", "rename", &names[0], &names[1]];
        saver.cldkctl(&world, &rename).succeeded();
        for key in &keys {
            let contents = key.age_decrypt(&world.vault_path()).unwrap();
            assert_eq!(contents["contexts"][0]["name"], names[1]);
        }
        let contents = contents_of(&world.vault_path(), PASSPHRASE);
        assert_eq!(contents["contexts"][0]["name"], names[1]);
        assert_eq!(list(&world), before);
    }
}

#[test]
fn the_list_names_every_key_but_not_the_recipient_of_the_passphrase() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let machine = Key::age(&world, "machine.key");
    let laptop = Key::ssh(&world, "laptop", "ed25519");
    let old = Key::ssh(&world, "old-laptop", "rsa");
    add(&world, &machine.recipient, &["--label", "build machine"]).succeeded();
    add(&world, &laptop.recipient, &[]).succeeded();
    add(&world, &old.recipient, &["--label", "old"]).succeeded();

    let bare = |key: &Key| {
        let words: Vec<_> = key.recipient.split(' ').take(2).collect();
        words.join(" ")
    };
    let shown = list(&world);
    let cost = json!({ "memory_kib": 19456, "iterations": 2, "lanes": 1 });
    assert_eq!(
        shown,
        json!([
            { "label": null, "kind": "passphrase", "passphrase": true, "recipient": null, "kdf": cost },
            { "label": "build machine", "kind": "X25519", "passphrase": false, "recipient": machine.recipient, "kdf": null },
            { "label": "sari@laptop", "kind": "ssh-ed25519", "passphrase": false, "recipient": bare(&laptop), "kdf": null },
            { "label": "old", "kind": "ssh-rsa", "passphrase": false, "recipient": bare(&old), "kdf": null },
        ])
    );
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let derived = contents["recipients"][0]["recipient"].as_str().unwrap();
    for format in ["table", "json", "yaml"] {
        let args = ["vault", "recipients", "list", "-o", format];
        let output = with_passphrase(&world, &args).succeeded();
        output.assert_no_secret(&[derived]);
        for text in ["passphrase", "build machine", &machine.recipient] {
            assert!(output.stdout.contains(text), "{text:?}: {output}");
        }
    }
    let table = with_passphrase(&world, &["vault", "recipients", "list"]).succeeded();
    let widest = table.stdout.lines().map(|line| line.chars().count()).max();
    assert!(widest < Some(120), "an RSA key is cut: {table}");
}

#[test]
fn a_file_of_recipients_is_read_as_age_reads_it() {
    let (_cloudeka, world) = logged_in();
    let keys = ["a.key", "b.key"].map(|name| Key::age(&world, name));
    let lines = format!(
        "# the team\n{}\n\n{}\n",
        keys[0].recipient, keys[1].recipient
    );
    let file = world.write("recipients.txt", lines);
    let file = file.to_str().unwrap();
    let args = ["vault", "recipients", "add", "--recipients-file", file];
    with_passphrase(&world, &args).succeeded();
    for key in &keys {
        key.cldkctl(&world, &["auth", "token"]).succeeded();
    }
    // Not even in part: the second line is no recipient.
    let third = Key::age(&world, "c.key");
    world.write("recipients.txt", format!("{}\nage1oops\n", third.recipient));
    let before = fs::read(world.vault_path()).unwrap();
    let output = with_passphrase(&world, &args).expect_code(2);
    assert!(output.stderr.contains("line 2"), "{output}");
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}

#[test]
fn a_file_of_recipients_can_be_applied_again() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let keys = ["a.key", "b.key"].map(|name| Key::age(&world, name));
    let laptop = Key::ssh(&world, "laptop", "ed25519");
    add(&world, &keys[0].recipient, &["--label", "build machine"]).succeeded();
    add(&world, &laptop.recipient, &[]).succeeded();
    // The laptop's under another comment, and one line twice.
    let ssh = laptop.recipient.replace("sari@laptop", "old comment");
    let lines = [
        &keys[0].recipient,
        &ssh,
        &keys[1].recipient,
        &keys[1].recipient,
    ];
    let file = world.write("team.txt", lines.map(|line| format!("{line}\n")).concat());
    let args = ["vault", "recipients", "add", "--recipients-file"];
    let args = [&args[..], &[file.to_str().unwrap()]].concat();
    let output = with_passphrase(&world, &args).succeeded();
    let said = |what: &str| {
        output
            .stderr
            .lines()
            .filter(|line| line.ends_with(what))
            .count()
    };
    assert_eq!((said("already"), said("as well")), (2, 1), "{output}");
    for name in ["build machine", "sari@laptop", &keys[1].recipient] {
        assert!(output.stderr.contains(name), "{name}: {output}");
    }
    let recipients = list(&world);
    assert_eq!(recipients.as_array().unwrap().len(), 4);
    for key in keys.iter().chain([&laptop]) {
        key.cldkctl(&world, &["auth", "token"]).succeeded();
    }

    // With nothing new in it the vault is not even saved.
    let before = fs::read(world.vault_path()).unwrap();
    let output = with_passphrase(&world, &args).succeeded();
    assert_eq!(output.stderr.matches("already").count(), 4, "{output}");
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
    assert_eq!(list(&world), recipients);

    // A line that cannot be used still stops it, before the vault is opened.
    let mistyped = keys[0].recipient[..61].to_owned();
    world.write("team.txt", format!("{}\n{mistyped}\n", keys[1].recipient));
    let output = with_passphrase(&world, &args).expect_code(2);
    assert!(output.stderr.contains("line 2"), "{output}");
    assert!(output.stderr.contains(&mistyped), "{output}");
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}

#[test]
fn a_recipient_or_a_label_is_added_once() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let laptop = Key::ssh(&world, "laptop", "ed25519");
    let other = Key::age(&world, "other.key");
    add(&world, &laptop.recipient, &[]).succeeded();
    let before = fs::read(world.vault_path()).unwrap();
    // Without its comment it is the same key.
    let bare = laptop.recipient.trim_end_matches(" sari@laptop");
    let output = add(&world, bare, &["--label", "again"]).expect_code(1);
    assert!(output.stderr.contains("sari@laptop"), "{output}");
    for label in ["sari@laptop", "passphrase", "", " x", "a\nb"] {
        add(&world, &other.recipient, &["--label", label]).expect_code(2);
    }
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}

#[test]
fn a_machine_logs_in_with_a_vault_that_no_passphrase_opens() {
    if !are_installed(&["age"]) {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    let machine = Key::age(&world, "machine.key");
    let spare = Key::plugin(&world, "token.key", false);
    let output = world
        .cldkctl(["auth", "--token-stdin", "--recipient", &machine.recipient])
        .args(["--recipient", &spare.recipient])
        .stdin(TOKEN)
        .env("PATH", plugin_path())
        .run()
        .succeeded();
    assert_eq!(output.stdout, "Auth success\n");
    assert!(output.stderr.contains("No passphrase"), "{output}");
    world.assert_no_secret(&[TOKEN]);
    for key in [&machine, &spare] {
        let output = key.cldkctl(&world, &["auth", "token"]).succeeded();
        assert_eq!(output.stdout, format!("{TOKEN}\n"));
        let contents = key.age_decrypt(&world.vault_path()).unwrap();
        assert_eq!(contents["recipients"].as_array().unwrap().len(), 2);
    }

    // A passphrase is no help, and is said to be none.
    world.cldkctl(["auth", "token"]).run().expect_code(4);
    let output = with_passphrase(&world, &["auth", "token"]).expect_code(5);
    assert!(output.stderr.contains("--identity"), "{output}");
    let output = world.cldkctl(["unlock"]).run().expect_code(4);
    assert!(output.stderr.contains("--identity"), "{output}");

    // With the identity everything works, saving included.
    let rename = ["context", "rename", "default", "renamed"];
    machine.cldkctl(&world, &rename).succeeded();
    let args = ["vault", "recipients", "remove", &spare.recipient];
    let output = machine.cldkctl(&world, &args).succeeded();
    assert!(!output.stderr.contains("passphrase"), "{output}");
    spare.cldkctl(&world, &["auth", "token"]).expect_code(5);
    let args = ["vault", "recipients", "remove", &machine.recipient];
    machine.cldkctl(&world, &args).expect_code(1);

    // Another login joins the vault, and takes no recipients along.
    let login = ["auth", "--token-stdin", "--identity", "machine.key"];
    let log_in = |args: &[&str]| world.cldkctl(login).args(args).stdin(TOKEN).run();
    let output = log_in(&["--recipient", &spare.recipient]).expect_code(2);
    assert!(output.stderr.contains("recipients add"), "{output}");
    let output = log_in(&["--context", "second"]).succeeded();
    // Anyone who has the public half of the key can have made the file, so it is said for whom
    // the token is.
    assert!(output.stderr.contains(&machine.recipient), "{output}");
}

#[test]
fn a_plugin_asks_for_its_pin_on_the_terminal() {
    let (_cloudeka, world) = logged_in();
    let token = Key::plugin(&world, "token.key", true);
    add(&world, &token.recipient, &["--label", "token"]).succeeded();
    let ask = || {
        world
            .cldkctl(["auth", "token", "--identity", "token.key"])
            .env("PATH", plugin_path())
            .stdout_apart()
            .on_pty()
    };
    let mut terminal = ask();
    terminal.expect("PIN of the test token:");
    terminal.send_secret("314159");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert!(!terminal.screen().contains("314159"));

    // Once, for a command that opens the vault and saves it.
    let mut terminal = world
        .cldkctl(["context", "rename", "default", "renamed"])
        .args(["--identity", "token.key"])
        .env("PATH", plugin_path())
        .on_pty();
    terminal.expect("PIN of the test token:");
    terminal.send_secret("314159");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(terminal.screen().matches("PIN of").count(), 1);

    let mut terminal = ask();
    terminal.expect("PIN of the test token:");
    terminal.send_secret("000000");
    assert_eq!(terminal.wait(), 5, "{}", terminal.screen());
}

#[test]
fn the_passphrase_of_an_ssh_key_is_asked_for_once() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let key = Key::ssh_protected(&world, "mq", "ed25519", "of the key");
    add(&world, &key.recipient, &[]).succeeded();
    let on_pty = |args: &[&str]| {
        let run = world.cldkctl(args).args(["--identity", "mq"]);
        run.stdout_apart().on_pty()
    };
    for args in [
        &["auth", "token"][..],
        &["context", "rename", "default", "renamed"],
    ] {
        let mut terminal = on_pty(args);
        terminal.expect("Passphrase for the SSH key mq:");
        terminal.send_secret("of the key");
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
        let screen = terminal.screen();
        assert_eq!(screen.matches("assphrase").count(), 1, "{screen}");
        assert!(!screen.contains("of the key"), "{screen}");
    }

    let mut terminal = on_pty(&["auth", "token"]);
    for _ in 0..3 {
        terminal.expect("Passphrase for the SSH key mq:");
        terminal.send_secret("another one");
    }
    assert_eq!(terminal.wait(), 5, "{}", terminal.screen());
    let screen = terminal.screen();
    assert!(
        screen.contains("wrong passphrase for the SSH key mq"),
        "{screen}"
    );
    assert!(!screen.contains("altered"), "{screen}");
}

#[test]
fn an_ssh_key_with_a_passphrase_and_nobody_to_ask_leaves_the_vault_locked() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let key = Key::ssh_protected(&world, "mq", "ed25519", "of the key");
    add(&world, &key.recipient, &[]).succeeded();
    for (flags, why) in [
        (&[][..], "no terminal"),
        (&["--no-input"], "--no-input forbids"),
    ] {
        let run = world.cldkctl(["auth", "token", "--identity", "mq"]);
        let output = run.args(flags).run().expect_code(4);
        for text in ["the SSH key mq has a passphrase", why, "hint:"] {
            assert!(output.stderr.contains(text), "{text}: {output}");
        }
    }
}

#[test]
fn a_vault_is_not_saved_without_the_plugin_of_one_of_its_keys() {
    let (_cloudeka, world) = logged_in();
    let token = Key::plugin(&world, "token.key", false);
    add(&world, &token.recipient, &[]).succeeded();
    let before = fs::read(world.vault_path()).unwrap();
    // Reading takes no plugin, and saving without it would lock that key out.
    let command = |args: &[&str]| {
        world
            .cldkctl(args)
            .arg("--passphrase-file")
            .arg(passphrase(&world))
            .run()
    };
    command(&["auth", "token"]).succeeded();
    let output = command(&["context", "rename", "default", "new"]).expect_code(1);
    assert!(output.stderr.contains("age-plugin-cldktest"), "{output}");
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
    let args = ["vault", "recipients", "remove", &token.recipient];
    command(&args).succeeded();
    command(&["context", "rename", "default", "new"]).succeeded();
}
