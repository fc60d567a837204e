//! `vault tune`: another cost, the same passphrase; and `vault info`, which says when that is
//! a good idea.

use std::fs;

use crate::support::keys::Key;
use crate::support::steps::{
    assert_locked, assert_unlocked, cloudeka_and_world, contents_of, kdf_of, log_in, logged_in,
    status, unlock,
};
use crate::support::world::Cldkctl;
use crate::support::{PASSPHRASE, TOKEN, World};
use serde_json::Value;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/");

fn tune<'world>(world: &'world World, args: &[&str]) -> Cldkctl<'world> {
    let run = world.cldkctl(["vault", "tune", "--passphrase-stdin"]);
    run.args(args).stdin(PASSPHRASE)
}

/// Memory in KiB, passes and lanes.
fn cost(world: &World) -> [u64; 3] {
    let [_, cost @ ..] = kdf_of(&world.vault_path());
    cost.map(|number| number.parse().expect("a number"))
}

fn vault(world: &World) -> Vec<u8> {
    fs::read(world.vault_path()).expect("a vault")
}

#[test]
fn it_takes_what_the_machine_can_bear_under_the_same_passphrase() {
    let (_cloudeka, world) = logged_in();
    let [salt, ..] = kdf_of(&world.vault_path());
    let mut terminal = world
        .cldkctl(["vault", "tune", "--target", "200ms", "--memory", "46MiB"])
        .on_pty();
    let vault_path = world.vault_path();
    let path = vault_path.display();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect(&format!(
        "The vault {path} has 19 MiB, 2 passes, 1 lane; for this machine, take 46 MiB"
    ));
    terminal.expect(&format!("The vault {path} now has 46 MiB"));
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());

    let [memory, passes, lanes] = cost(&world);
    assert_eq!((memory, lanes), (46 * 1024, 4));
    assert!((1..=64).contains(&passes), "{passes}");
    assert_ne!(kdf_of(&world.vault_path())[0], salt, "a new salt");
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(contents["revision"], 2);
    assert_eq!(contents["recipients"][0]["argon2id"]["memory_kib"], memory);
    assert_eq!(contents["contexts"].as_array().map(Vec::len), Some(1));
}

#[test]
fn a_longer_target_takes_more_passes_and_none_leaves_the_limits() {
    let (_cloudeka, world) = logged_in();
    let mut passes = Vec::new();
    for target in ["100ms", "2s"] {
        tune(&world, &["--memory", "19MiB", "--target", target])
            .run()
            .succeeded();
        let [memory, iterations, _] = cost(&world);
        assert_eq!(memory, 19 * 1024);
        assert!((2..=64).contains(&iterations), "{iterations}");
        passes.push(iterations);
    }
    assert!(passes[0] < passes[1], "{passes:?}");
    // Sixty seconds would be some thousand passes.
    tune(&world, &["--memory", "19MiB", "--target", "60s"])
        .run()
        .succeeded();
    assert_eq!(
        cost(&world)[1],
        64,
        "the ceiling, so that it opens everywhere"
    );
    let run = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
    run.stdin(PASSPHRASE).run().succeeded();
}

#[test]
fn what_is_too_little_too_much_or_no_amount_is_refused() {
    let (_cloudeka, world) = logged_in();
    let before = world.files();
    for args in [
        &["--memory=18MiB"][..],
        &["--memory=0MiB"],
        &["--memory=5GiB"],
        &["--memory=46MiB", "--kdf-ceiling=32MiB"],
        &["--memory=some"],
        &["--memory=-1MiB"],
        &["--target=99ms"],
        &["--target=61s"],
        &["--target=-1s"],
        &["--target=soon"],
    ] {
        let output = tune(&world, args).run().expect_code(2);
        let advises = ["hint: ", "such as 256MiB", "such as 1s"];
        let advises = advises.iter().any(|text| output.stderr.contains(text));
        assert!(advises, "{output}");
        assert_eq!(world.files(), before, "{args:?}");
    }
}

#[test]
fn a_wrong_passphrase_or_none_leaves_the_vault_as_it_is() {
    let (_cloudeka, world) = logged_in();
    let before = vault(&world);
    let args = ["--memory", "19MiB", "--target", "100ms"];
    let run = tune(&world, &args).stdin("another passphrase");
    run.run().expect_code(5);
    assert_eq!(vault(&world), before);

    // Being unlocked is not enough: the key does not tell the passphrase.
    let run = world.cldkctl(["unlock", "--passphrase-stdin", "--scope", "user"]);
    run.stdin(PASSPHRASE).run().succeeded();
    let run = world.cldkctl(["vault", "tune"]).args(args);
    run.run().expect_code(4);
    assert_eq!(vault(&world), before);
    let nowhere = World::new();
    tune(&nowhere, &args).run().expect_code(3);
}

#[test]
fn what_was_unlocked_stays_so_and_what_was_locked_stays_locked() {
    let (_cloudeka, world) = logged_in();
    let args = ["--memory", "19MiB", "--target", "100ms"];
    tune(&world, &args).run().succeeded();
    assert_locked(&world);
    unlock(&world, &["--scope", "user", "--idle", "7m"]);
    tune(&world, &args).run().succeeded();
    assert_unlocked(&world);
    assert_eq!(status(&world)["unlocked_by"]["idle_seconds"], 420);
}

#[test]
fn a_vault_without_a_passphrase_has_nothing_to_tune() {
    let world = World::new();
    let read = |name| fs::read(format!("{VECTORS}{name}")).expect("a vector");
    let vault = world.write("vault.age", read("good-recipients-only.age"));
    let key = world.write("key", read("machine.key"));
    let run = world.cldkctl(["vault", "tune", "--identity"]);
    let run = run.arg(key).arg("--vault").arg(&vault);
    let output = run.run().expect_code(2);
    assert!(output.stderr.contains("no passphrase opens"), "{output}");
    assert_eq!(
        fs::read(vault).expect("there"),
        read("good-recipients-only.age")
    );
}

#[test]
fn info_compares_the_cost_with_what_is_recommended_today() {
    let (_cloudeka, world) = logged_in();
    // 256 MiB and 3 passes are 768 MiB moved; 19 and 2 are 38.
    let output = world.cldkctl(["vault", "info"]).run().succeeded();
    let row = |text: &str| -> String {
        let row = text.lines().find(|line| line.starts_with("Recommended"));
        row.expect("a row").to_owned()
    };
    let says = row(&output.stdout);
    assert!(says.contains("256 MiB, 3 passes, 4 lanes"), "{says}");
    assert!(says.contains("about 21 times"), "{says}");
    assert!(says.contains("`cldkctl vault tune`"), "{says}");
    let output = world
        .cldkctl(["vault", "info", "-o", "json"])
        .run()
        .succeeded();
    let info: Value = serde_json::from_str(&output.stdout).expect("JSON");
    let recommended = serde_json::json!({ "memory_kib": 262_144, "iterations": 3, "lanes": 4 });
    assert_eq!(info["recommended_kdf"], recommended);
    assert_eq!(info["kdf"]["memory_kib"], 19456);

    tune(&world, &["--memory", "19MiB", "--target", "60s"])
        .run()
        .succeeded();
    let output = world.cldkctl(["vault", "info"]).run().succeeded();
    let says = row(&output.stdout);
    assert!(says.ends_with("this vault has at least that"), "{says}");
}

#[test]
fn it_never_takes_less_than_the_vault_has_unless_it_is_told_to_and_then_says_so() {
    let (_cloudeka, world) = cloudeka_and_world();
    log_in(
        &world,
        TOKEN,
        &["--kdf-memory=260MiB", "--kdf-iterations=8"],
    );
    let output = tune(&world, &[]).run().succeeded();
    let [memory, passes, _] = cost(&world);
    assert_eq!(memory, 260 * 1024);
    assert!(passes >= 8, "{passes}");
    assert!(!output.stderr.contains("warning: "), "{output}");

    // Less memory alone: as much work.
    let output = tune(&world, &["--memory=100MiB"]).run().succeeded();
    let [memory, passes, _] = cost(&world);
    assert_eq!(memory, 100 * 1024);
    assert!(passes >= 21, "{passes}");
    assert!(output.stderr.contains("less than it has"), "{output}");

    let args = ["--memory=19MiB", "--target=100ms"];
    let output = tune(&world, &args).run().succeeded();
    let says = format!("has 100 MiB, {passes} passes, 4 lanes; for this machine, take 19 MiB");
    assert!(output.stderr.contains(&says), "{output}");
    assert!(output.stderr.contains("less than it has"), "{output}");
    let again = tune(&world, &["--memory=19MiB"]).run().succeeded();
    assert!(!again.stderr.contains("warning: "), "{again}");
}

#[test]
fn the_cost_of_a_vault_that_an_identity_opens_is_told_above_the_ceiling_too() {
    let (_cloudeka, world) = logged_in();
    let key = Key::age(&world, "machine.key");
    let add = ["vault", "recipients", "add", "--passphrase-stdin"];
    let add = world.cldkctl(add).arg(&key.recipient).stdin(PASSPHRASE);
    add.run().succeeded();
    for command in ["vault info", "auth status"] {
        let cost = |ceiling: &str| {
            let shown = world.cldkctl(command.split(' ').chain(["--output", "json"]));
            let shown = shown.arg("--identity").arg(&key.identity);
            let output = shown.args(["--kdf-ceiling", ceiling]).run().succeeded();
            serde_json::from_str::<Value>(&output.stdout).expect("JSON")["kdf"].clone()
        };
        assert!(!cost("4GiB").is_null(), "{command}");
        assert_eq!(cost("64KiB"), cost("4GiB"), "{command}");
    }
}
