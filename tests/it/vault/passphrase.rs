//! The passphrase changed, set, taken away; and what that means for keys that are held and
//! for copies made before.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::kernel::{has_keyrings, in_another_login};
use crate::support::steps::{
    assert_locked, assert_unlocked, contents_of, kdf_of, log_in, logged_in, status,
};
use crate::support::world::{Cldkctl, Output, mode};
use crate::support::{PASSPHRASE, Session, TOKEN, World, skip};
use serde_json::Value;

const NEW: &str = "seven maples hum beneath";
const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/");

/// `vault passphrase` from [`PASSPHRASE`] to `new`, both in files.
fn change<'world>(world: &'world World, old: &str, new: &str) -> Cldkctl<'world> {
    // In the runtime folder, which is not looked at.
    let old = world.write("run/old", old);
    let new = world.write("run/new", new);
    let run = world.cldkctl(["vault", "passphrase", "--passphrase-file"]);
    run.arg(old).arg("--new-passphrase-file").arg(new)
}

#[track_caller]
fn token(world: &World, passphrase: &str) -> Output {
    let run = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
    run.stdin(passphrase).run()
}

fn vault(world: &World) -> Vec<u8> {
    fs::read(world.vault_path()).expect("a vault")
}

/// What a change of the passphrase leaves alone.
fn rest(mut contents: Value) -> Value {
    let fields = contents.as_object_mut().expect("an object");
    fields.remove("revision");
    fields["recipients"][0] = Value::Null;
    contents
}

#[track_caller]
fn unlock(world: &World) {
    let run = world.cldkctl(["unlock", "--passphrase-stdin", "--scope", "user"]);
    run.stdin(PASSPHRASE).run().succeeded();
}

/// A world with a vault for the identity in `key` and no passphrase.
#[track_caller]
fn for_a_machine() -> (World, PathBuf) {
    let world = World::new();
    let read = |name| fs::read(format!("{VECTORS}{name}")).expect("a vector");
    let key = world.write("key", read("machine.key"));
    let copy = world.write("copy.age", read("good-recipients-only.age"));
    let run = world.cldkctl(["vault", "restore", "--identity"]);
    run.arg(&key).arg(copy).run().succeeded();
    (world, key)
}

#[track_caller]
fn asked(terminal: &mut Session, answers: [&str; 3]) {
    let questions = [
        "Vault passphrase:",
        "New vault passphrase:",
        "Repeat passphrase:",
    ];
    for (question, answer) in questions.into_iter().zip(answers) {
        terminal.expect(question);
        terminal.send_secret(answer);
    }
}

#[test]
fn it_is_changed_on_a_terminal_and_all_else_stays() {
    let (_cloudeka, world) = logged_in();
    log_in(&world, TOKEN, &["--context", "second"]);
    let (before, kdf) = (
        contents_of(&world.vault_path(), PASSPHRASE),
        kdf_of(&world.vault_path()),
    );
    let mut terminal = world.cldkctl(["vault", "passphrase"]).on_pty();
    asked(&mut terminal, [PASSPHRASE, NEW, NEW]);
    terminal.expect("Changed the passphrase of the vault");
    terminal.expect("Copies that were made before still open with the old one");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());

    token(&world, PASSPHRASE).expect_code(5);
    assert_eq!(token(&world, NEW).succeeded().stdout.trim(), TOKEN);
    let after = contents_of(&world.vault_path(), NEW);
    assert_eq!(after["revision"], 3, "one more");
    assert_ne!(after["recipients"], before["recipients"]);
    assert_eq!(rest(after), rest(before));
    let [old_salt, old_cost @ ..] = kdf;
    let [new_salt, new_cost @ ..] = kdf_of(&world.vault_path());
    assert_ne!(new_salt, old_salt);
    assert_eq!(new_cost, old_cost);
    assert_eq!(mode(world.vault_path()), 0o600);
    for secret in [PASSPHRASE, NEW, TOKEN] {
        assert!(!terminal.screen().contains(secret));
    }
    world.assert_no_secret(&[PASSPHRASE, NEW, TOKEN]);
}

#[test]
fn it_is_changed_out_of_files_and_keeps_a_cost_that_the_settings_do_not_have() {
    let (_cloudeka, world) = logged_in();
    let settings = "[kdf]\nmemory = \"46MiB\"\niterations = 1\nlanes = 2\n";
    fs::write(world.settings_path(), settings).expect("written");
    let output = change(&world, PASSPHRASE, NEW).run().succeeded();
    output.assert_no_secret(&[PASSPHRASE, NEW, TOKEN]);
    assert_eq!(output.stdout, "");
    assert_eq!(kdf_of(&world.vault_path())[1..], ["19456", "2", "1"]);
    assert_eq!(contents_of(&world.vault_path(), NEW)["revision"], 2);
    token(&world, PASSPHRASE).expect_code(5);
}

#[test]
fn enter_alone_gives_one_of_random_words_that_opens() {
    let (_cloudeka, world) = logged_in();
    let mut terminal = world.cldkctl(["vault", "passphrase"]).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("New vault passphrase:");
    terminal.send_secret("");
    terminal.expect("Write it down:\r\n\r\n    ");
    let words = terminal.expect("\r\n").trim().to_owned();
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(words.split('-').count(), 7, "{words}");
    token(&world, &words).succeeded();
}

#[test]
fn what_was_unlocked_stays_so_with_the_new_key_and_no_longer() {
    for (keeper, scope) in [("auto", "session"), ("auto", "user"), ("agent", "user")] {
        let (_cloudeka, world) = logged_in();
        let limits = [
            "--scope",
            scope,
            "--keeper",
            keeper,
            "--idle",
            "7m",
            "--lifetime",
            "20m",
        ];
        crate::support::steps::unlock(&world, &limits);
        let held = |world: &World| {
            let mut held = status(world)["unlocked_by"].take();
            let left = held["remaining_seconds"].take().as_u64().expect("seconds");
            (held, left)
        };
        let (before, left) = held(&world);
        assert_eq!(before["idle_seconds"], 420);
        let output = change(&world, PASSPHRASE, NEW).run().succeeded();
        assert!(
            !output.stderr.contains("share"),
            "what was known already\n{output}"
        );
        let (after, left_after) = held(&world);
        assert_eq!(after, before, "the same keeper for the same logins");
        assert!((1..=left).contains(&left_after) && left - left_after < 60);
        assert_unlocked(&world);
    }
}

#[test]
fn what_was_locked_stays_locked() {
    let (_cloudeka, world) = logged_in();
    change(&world, PASSPHRASE, NEW).run().succeeded();
    assert_locked(&world);
    let mut terminal = world.cldkctl(["vault", "passphrase"]).on_pty();
    asked(&mut terminal, [NEW, PASSPHRASE, PASSPHRASE]);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_locked(&world);
}

#[test]
fn in_another_login_a_held_key_of_the_old_one_opens_nothing_and_says_why() {
    if !has_keyrings() {
        return skip("the kernel has no keyrings for us");
    }
    let (_cloudeka, world) = logged_in();
    crate::support::steps::unlock(&world, &["--scope", "session", "--keeper", "keyring"]);
    in_another_login(|| change(&world, PASSPHRASE, NEW).run().succeeded());

    let output = world.cldkctl(["auth", "token"]).run().expect_code(4);
    assert!(
        output
            .stderr
            .contains("locked again: its passphrase or cost has changed since it was unlocked"),
        "{output}"
    );
    let mut terminal = world.cldkctl(["auth", "token"]).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(NEW);
    terminal.expect(TOKEN);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn being_unlocked_is_not_enough_to_change_it() {
    let (_cloudeka, world) = logged_in();
    unlock(&world);
    let before = vault(&world);
    let new = world.write("run/new", NEW);
    let run = world.cldkctl(["vault", "passphrase", "--new-passphrase-file"]);
    let output = run.arg(new).run().expect_code(4);
    for output in [
        output,
        world
            .cldkctl(["vault", "passphrase", "--remove"])
            .run()
            .expect_code(4),
        world.cldkctl(["vault", "tune"]).run().expect_code(4),
        world
            .cldkctl(["vault", "recipients", "remove", "x"])
            .run()
            .expect_code(4),
        world.cldkctl(["unlock"]).run().expect_code(4),
    ] {
        assert!(!output.stderr.contains("is locked"), "{output}");
        assert!(!output.stderr.contains("cldkctl unlock"), "{output}");
        for says in [
            "itself, unlocked or not",
            "--passphrase-file",
            "--passphrase-stdin",
        ] {
            assert!(output.stderr.contains(says), "{says}: {output}");
        }
    }
    assert_eq!(vault(&world), before);

    let mut terminal = world.cldkctl(["vault", "passphrase"]).on_pty();
    asked(&mut terminal, [PASSPHRASE, NEW, NEW]);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    contents_of(&world.vault_path(), NEW);
}

#[test]
fn what_is_wrong_weak_or_differs_leaves_the_vault_as_it_is() {
    let (_cloudeka, world) = logged_in();
    let before = vault(&world);
    for (answers, code, says) in [
        (&["wrong"][..], 5, "does not open the vault"),
        (&[PASSPHRASE, "password1"], 2, "too easy"),
        (&[PASSPHRASE, NEW, "seven maples hum above"], 2, "differ"),
    ] {
        let mut terminal = world.cldkctl(["vault", "passphrase"]).on_pty();
        let questions = ["Vault passphrase:", "New vault passphrase:", "Repeat"];
        let asked = questions.into_iter().zip(answers.iter().copied());
        // What is right is asked for once.
        let again = asked.clone().filter(|asked| asked.1 != PASSPHRASE);
        let again = std::iter::repeat_n(again, 2).flatten();
        for (question, answer) in asked.chain(again) {
            terminal.expect(question);
            terminal.send_secret(answer);
        }
        terminal.expect("error:");
        terminal.expect(says);
        assert_eq!(terminal.wait(), code, "{}", terminal.screen());
        assert_eq!(vault(&world), before, "{says}");
    }
    change(&world, "wrong", NEW).run().expect_code(5);
    for new in ["", "\n", "password1", "two\nlines of it"] {
        change(&world, PASSPHRASE, new).run().expect_code(2);
        assert_eq!(vault(&world), before, "{new:?}");
    }
    // Nobody to ask for the new one: the hint names the flag that gives it.
    let run = world.cldkctl(["vault", "passphrase", "--passphrase-stdin"]);
    let output = run.stdin(PASSPHRASE).run().expect_code(4);
    assert!(output.stderr.contains("--new-passphrase-file"), "{output}");
    assert_eq!(vault(&world), before);

    let insists = change(&world, PASSPHRASE, "password1").arg("--allow-weak-passphrase");
    insists.run().succeeded();
    contents_of(&world.vault_path(), "password1");
    let nowhere = World::new();
    change(&nowhere, PASSPHRASE, NEW).run().expect_code(3);
}

#[test]
fn copies_made_before_open_with_the_old_one_and_go_back_in_place() {
    let (_cloudeka, world) = logged_in();
    let run = world.cldkctl(["vault", "backup", "copy.age", "--passphrase-stdin"]);
    run.stdin(PASSPHRASE).run().succeeded();
    change(&world, PASSPHRASE, NEW).run().succeeded();
    let copy = world.home().join("copy.age");
    assert_eq!(contents_of(&copy, PASSPHRASE)["revision"], 1);
    let run = world.cldkctl([
        "vault",
        "restore",
        "--force",
        "--passphrase-stdin",
        "copy.age",
    ]);
    run.stdin(PASSPHRASE).run().succeeded();
    token(&world, NEW).expect_code(5);
    token(&world, PASSPHRASE).succeeded();
}

#[test]
fn a_first_one_is_set_under_an_identity_and_taken_away_again() {
    let (world, key) = for_a_machine();
    token(&world, NEW).expect_code(5);
    let new = world.write("run/new", NEW);
    let run = world.cldkctl(["vault", "passphrase", "--identity"]);
    let run = run.arg(&key).arg("--new-passphrase-file").arg(&new);
    let output = run.run().succeeded();
    assert!(
        !output.stderr.contains("old one"),
        "there was none\n{output}"
    );
    let contents = contents_of(&world.vault_path(), NEW);
    assert_eq!(contents["recipients"].as_array().map(Vec::len), Some(2));
    assert_eq!(kdf_of(&world.vault_path())[1..], ["19456", "2", "1"]);
    let by_key = |args: &[&str]| world.cldkctl(args).arg("--identity").arg(&key).run();
    let both = token(&world, NEW).succeeded().stdout;
    assert_eq!(by_key(&["auth", "token"]).succeeded().stdout, both);

    // By the passphrase as well as by the identity.
    let run = world.cldkctl(["vault", "passphrase", "--remove", "--passphrase-stdin"]);
    run.stdin(NEW).run().succeeded();
    token(&world, NEW).expect_code(5);
    assert!(!String::from_utf8_lossy(&vault(&world)).contains("argon2id"));
    assert_eq!(by_key(&["auth", "token"]).succeeded().stdout, both);
    by_key(&["vault", "verify"]).succeeded();
    let before = vault(&world);
    by_key(&["vault", "passphrase", "--remove"]).expect_code(2);
    assert_eq!(vault(&world), before);
}

#[test]
fn the_last_thing_that_opens_it_is_not_taken_away() {
    let (_cloudeka, world) = logged_in();
    let before = vault(&world);
    let run = world.cldkctl(["vault", "passphrase", "--remove", "--passphrase-stdin"]);
    let output = run.stdin(PASSPHRASE).run().expect_code(2);
    assert!(
        output
            .stderr
            .contains("only its passphrase opens the vault"),
        "{output}"
    );
    assert_eq!(vault(&world), before);
}

#[test]
fn killed_at_any_moment_there_is_the_old_one_or_the_new_one() {
    let (_cloudeka, world) = logged_in();
    let [mut now, mut next] = [PASSPHRASE, NEW];
    let opens = |passphrase| {
        let code = token(&world, passphrase).code;
        assert!([0, 5].contains(&code), "{code}");
        code == 0
    };
    let mut changed = 0;
    for moment in 0..24 {
        let running = change(&world, now, next).spawn();
        std::thread::sleep(Duration::from_millis(12 * moment));
        running.signal(rustix::process::Signal::KILL);
        let code = running.wait().code;
        let (old, new) = (opens(now), opens(next));
        assert!(old != new, "one of the two: {old} {new}");
        assert!(code != 0 || new, "what was reported is there");
        if new {
            (now, next) = (next, now);
            changed += 1;
        }
    }
    // Whatever was left half-written is gone with the next save.
    change(&world, now, next).run().succeeded();
    let names = fs::read_dir(world.data().join("cldkctl")).expect("a folder");
    assert_eq!(names.count(), 2, "the vault and its lock");
    assert!(changed < 24, "some were killed before the end");
}
