//! `vault restore --merge`: what a backup has and the vault has not is added, and the rest
//! stays as it is.

use std::fs;
use std::path::Path;

use crate::support::keys::Key;
use crate::support::steps::{cloudeka_and_world, contents_of, log_in};
use crate::support::world::Output;
use crate::support::{Account, PASSPHRASE, Standin, TOKEN, World};
use serde_json::Value;

const OTHER_PASSPHRASE: &str = "seven maples hum beneath";
const OTHER_TOKEN: &str = "cldkctl_other_77665544332211";

/// A vault with `default` and `work` under [`PASSPHRASE`], and beside it, as `copy.age`, the
/// backup of another one under [`OTHER_PASSPHRASE`], with `work` and `home`.
#[track_caller]
fn two_vaults() -> (Standin, World) {
    let (cloudeka, world) = cloudeka_and_world();
    log_in(&world, TOKEN, &[]);
    log_in(&world, TOKEN, &["--context", "work"]);

    cloudeka.accept_token(OTHER_TOKEN);
    let other = World::new().at(&cloudeka);
    let passphrase = other.write("run/passphrase", OTHER_PASSPHRASE);
    for context in ["work", "home"] {
        other
            .cldkctl(["auth", "--token-stdin", "--no-unlock", "--context", context])
            .arg("--passphrase-file")
            .arg(&passphrase)
            .stdin(OTHER_TOKEN)
            .run()
            .succeeded();
    }
    world.write("copy.age", fs::read(other.vault_path()).expect("a vault"));
    (cloudeka, world)
}

fn contents(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)
}

/// The names of the contexts, with the token of each.
fn tokens(contents: &Value) -> Vec<(&str, &str)> {
    let contexts = contents["contexts"].as_array().expect("contexts");
    contexts
        .iter()
        .map(|context| (field(context, "name"), field(context, "token")))
        .collect()
}

fn field<'a>(context: &'a Value, name: &str) -> &'a str {
    context[name].as_str().expect("text")
}

#[track_caller]
fn merge(world: &World, file: &str, passphrase: &str) -> Output {
    world
        .cldkctl(["vault", "restore", "--merge", "--passphrase-stdin", file])
        .stdin(passphrase)
        .run()
}

#[test]
fn each_of_two_passphrases_is_asked_for_by_name() {
    let (_cloudeka, world) = two_vaults();
    let before = contents(&world);
    let backup = fs::read(world.home().join("copy.age")).expect("a backup");
    let mut terminal = world
        .cldkctl(["vault", "restore", "--merge", "copy.age"])
        .on_pty();
    let first = terminal.expect("Passphrase of the backup:");
    assert!(!first.contains("Vault passphrase:"), "{first}");
    terminal.send_secret(OTHER_PASSPHRASE);
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect(": home\r\n");
    terminal.expect("There already, and left alone: work\r\n");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());

    let after = contents(&world);
    assert_eq!(
        tokens(&after),
        [("default", TOKEN), ("work", TOKEN), ("home", OTHER_TOKEN)]
    );
    for field in ["id", "recipients", "current_context"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    assert_eq!(after["revision"], 3);
    assert_eq!(
        fs::read(world.home().join("copy.age")).expect("a backup"),
        backup
    );
    world.assert_no_secret(&[TOKEN, OTHER_TOKEN, PASSPHRASE, OTHER_PASSPHRASE]);
}

#[test]
fn a_wrong_passphrase_for_either_changes_nothing() {
    let (_cloudeka, world) = two_vaults();
    let before = world.files();
    let (of_backup, of_vault) = ("Passphrase of the backup:", "Vault passphrase:");
    let wrong = [(of_vault, OTHER_PASSPHRASE); 3];
    let right = [(of_backup, OTHER_PASSPHRASE)];
    for (asked, names) in [
        (&[(of_backup, PASSPHRASE); 3][..], "copy.age"),
        (&[&right[..], &wrong].concat(), "vault.age"),
    ] {
        let mut terminal = world
            .cldkctl(["vault", "restore", "--merge", "copy.age"])
            .on_pty();
        for (question, answer) in asked {
            terminal.expect(question);
            terminal.send_secret(answer);
        }
        terminal.expect("does not open");
        terminal.expect(names);
        assert_eq!(terminal.wait(), 5, "{}", terminal.screen());
        assert_eq!(world.files(), before);
    }
}

#[test]
fn a_backup_of_the_same_vault_takes_its_passphrase_once() {
    let (_cloudeka, world) = two_vaults();
    fs::copy(world.vault_path(), world.home().join("mine.age")).expect("copied");
    world
        .cldkctl(["auth", "logout", "--context", "work", "--passphrase-stdin"])
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    assert_eq!(tokens(&contents(&world)), [("default", TOKEN)]);
    let mut terminal = world
        .cldkctl(["vault", "restore", "--merge", "mine.age"])
        .on_pty();
    terminal.expect("Passphrase of the backup:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect(": work\r\n");
    terminal.expect("left alone: default\r\n");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(
        tokens(&contents(&world)),
        [("default", TOKEN), ("work", TOKEN)]
    );
}

#[test]
fn without_a_terminal_the_vault_is_unlocked_before() {
    let (_cloudeka, world) = two_vaults();
    // One passphrase can be handed over, and there are two to give.
    let before = world.files();
    let output = merge(&world, "copy.age", OTHER_PASSPHRASE).expect_code(5);
    assert!(output.stderr.contains("vault.age"), "{output}");
    assert_eq!(world.files(), before);

    world
        .cldkctl(["unlock", "--passphrase-stdin", "--scope", "user"])
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    let output = merge(&world, "copy.age", OTHER_PASSPHRASE).succeeded();
    assert!(output.stderr.contains(": home\n"), "{output}");
    assert_eq!(tokens(&contents(&world)).len(), 3);
}

#[test]
fn one_passphrase_of_both_is_read_from_a_pipe_once() {
    let (_cloudeka, world) = two_vaults();
    fs::copy(world.vault_path(), world.home().join("mine.age")).expect("copied");
    // The same passphrase with another salt: neither vault's key opens the other.
    world
        .cldkctl(["vault", "passphrase", "--passphrase-stdin"])
        .arg("--new-passphrase-file")
        .arg(world.write("run/passphrase", PASSPHRASE))
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    let output = merge(&world, "mine.age", PASSPHRASE).succeeded();
    assert!(
        output.stderr.contains("left alone: default, work\n"),
        "{output}"
    );
}

#[test]
fn with_nothing_to_take_it_says_so() {
    let (_cloudeka, world) = two_vaults();
    fs::copy(world.vault_path(), world.home().join("mine.age")).expect("copied");
    let before = contents(&world);
    let output = merge(&world, "mine.age", PASSPHRASE).succeeded();
    assert!(output.stderr.contains(": none\n"), "{output}");
    assert!(
        output.stderr.contains("left alone: default, work\n"),
        "{output}"
    );
    assert_eq!(contents(&world)["contexts"], before["contexts"]);
}

#[test]
fn a_login_of_another_account_under_a_name_that_is_taken_is_pointed_out() {
    let (cloudeka, world) = two_vaults();
    let budi = Account {
        name: "Budi Santoso".into(),
        ..Account::default()
    };
    cloudeka.accept_token_of(OTHER_TOKEN, budi);
    let other = World::new().at(&cloudeka);
    let passphrase = other.write("run/passphrase", PASSPHRASE);
    other
        .cldkctl(["auth", "--token-stdin", "--no-unlock", "--context", "work"])
        .arg("--passphrase-file")
        .arg(passphrase)
        .stdin(OTHER_TOKEN)
        .run()
        .succeeded();
    world.write("copy.age", fs::read(other.vault_path()).expect("a vault"));
    let output = merge(&world, "copy.age", PASSPHRASE).succeeded();
    for said in ["warning:", "work of Budi Santoso", "context rename"] {
        assert!(output.stderr.contains(said), "{said}: {output}");
    }
    let rename = ["context", "rename", "work", "mine", "--passphrase-stdin"];
    world.cldkctl(rename).stdin(PASSPHRASE).run().succeeded();
    let output = merge(&world, "copy.age", PASSPHRASE).succeeded();
    assert!(!output.stderr.contains("warning:"), "{output}");
    assert_eq!(
        tokens(&contents(&world)),
        [("default", TOKEN), ("mine", TOKEN), ("work", OTHER_TOKEN)]
    );
}

#[test]
fn where_no_vault_is_the_backup_becomes_it() {
    let (_cloudeka, world) = two_vaults();
    let copy = fs::read(world.home().join("copy.age")).expect("a backup");
    let new = World::new();
    new.write("copy.age", &copy);
    merge(&new, "copy.age", OTHER_PASSPHRASE).succeeded();
    assert_eq!(fs::read(new.vault_path()).expect("a vault"), copy);
}

#[test]
fn what_an_unlocked_vault_is_merged_with_is_asked_for_all_the_same() {
    let (_cloudeka, world) = two_vaults();
    world
        .cldkctl(["unlock", "--passphrase-stdin", "--scope", "user"])
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    let output = world
        .cldkctl(["vault", "restore", "--merge"])
        .arg(Path::new("copy.age"))
        .run()
        .expect_code(4);
    assert!(output.stderr.contains("copy.age"), "{output}");
}

#[test]
fn an_identity_in_a_pipe_is_read_once_and_the_vault_that_it_does_not_open_is_named() {
    let (cloudeka, world) = cloudeka_and_world();
    log_in(&world, TOKEN, &[]);
    let other = World::new().at(&cloudeka);
    let key = Key::age(&other, "machine.key");
    let login = other.cldkctl(["auth", "--token-stdin", "--recipient", &key.recipient]);
    login.stdin(TOKEN).run().succeeded();
    world.write("copy.age", fs::read(other.vault_path()).expect("a vault"));
    let before = world.files();
    let merge = ["vault", "restore", "--merge", "copy.age", "--identity"];
    let merge = world.cldkctl(merge).arg("/dev/stdin");
    let identity = fs::read(&key.identity).expect("an identity");
    let output = merge.stdin(identity).run().expect_code(5);
    let named = format!(
        "cannot open the vault {} with /dev/stdin",
        world.vault_path().display()
    );
    assert!(output.stderr.contains(&named), "{output}");
    assert_eq!(world.files(), before);
}
