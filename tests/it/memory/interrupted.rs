//! What is left of secrets in memory when a signal or a bug ends a command in the middle of
//! its work: nothing either, although nobody had the time to wipe what he held.
#![cfg(target_os = "linux")]

use std::time::Duration;

use crate::support::cargo::example;
use crate::support::memory::{self, EXIT, Memory, held};
use crate::support::secrets::{Secrets, assert_clean, assert_found};
use crate::support::steps::{cloudeka_and_world, logged_in};
use crate::support::{Misbehave, PASSPHRASE, TOKEN, World, wait_until};
use rustix::process::Signal;

const INTERRUPTED: i32 = 130;
/// What a signal ends, ends with this system call, which sends it once more.
const AGAIN: &str = "kill";

/// `examples/leftovers.rs`, which ends like `how`, with this code; its memory at the `call`.
#[track_caller]
fn leftovers(how: &str, call: &str, code: i32) -> Memory {
    let world = World::with_binary(example("leftovers"));
    let running = world.cldkctl([how]).stdin(PASSPHRASE).held_at(call).spawn();
    let held = held(running.pid(), call);
    let memory = held.memory();
    held.release();
    let output = running.wait().expect_code(code);
    output.assert_no_secret(&[PASSPHRASE]);
    memory
}

#[test]
fn a_process_that_merely_exits_leaves_its_secrets_in_every_place() {
    if !memory::can_be_searched() {
        return;
    }
    let memory = leftovers("exit", EXIT, 7);
    let secrets = Secrets::typed(&[PASSPHRASE]);
    assert_found(&memory, &secrets, "typed text");
    let places = memory.find(&secrets.iter().collect::<Vec<_>>());
    let count = |part: &str| {
        places
            .iter()
            .filter(|trace| trace.place.contains(part))
            .count()
    };
    assert!(count("[heap]") >= 2, "{places:?}");
    assert!(count("[stack]") >= 1, "{places:?}");
    // Of the large text, the threads, and the locked memory.
    assert!(count(" 00:00 0") > 64 * 1024, "{}", places.len());
}

#[test]
fn one_that_is_ended_leaves_none() {
    if !memory::can_be_searched() {
        return;
    }
    for (how, call, code) in [
        ("end", EXIT, 7),
        ("signal", AGAIN, 128 + 15),
        ("panic", EXIT, 1),
        ("panic elsewhere", EXIT, 1),
        ("no memory", EXIT, 1),
        ("no memory elsewhere", EXIT, 1),
    ] {
        let memory = leftovers(how, call, code);
        assert_clean(&memory, &Secrets::typed(&[PASSPHRASE]));
    }
}

#[test]
fn ctrl_c_at_a_question_leaves_nothing_that_was_typed() {
    if !memory::can_be_searched() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let secrets = Secrets::of(&world, PASSPHRASE);
    let mut terminal = world.cldkctl(["auth"]).held_at(EXIT).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    terminal.expect("Vault passphrase:");
    terminal.send_bytes(PASSPHRASE.as_bytes());
    let typed = Secrets::typed(&[PASSPHRASE]);
    let has_read = || {
        let memory = Memory::of(terminal.pid());
        !memory.find(&typed.iter().collect::<Vec<_>>()).is_empty()
    };
    assert!(wait_until(Duration::from_secs(20), has_read), "it is typed");
    terminal.send_ctrl('c');
    let held = held(terminal.pid(), EXIT);
    assert_clean(&held.memory(), &secrets);
    held.release();
    assert_eq!(terminal.wait(), INTERRUPTED, "{}", terminal.screen());
    assert!(terminal.echo_is_on());
}

#[test]
fn a_signal_while_the_network_is_waited_for_leaves_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    let secrets = Secrets::typed(&[TOKEN]);
    for (signal, call, code) in [
        (Signal::INT, EXIT, INTERRUPTED),
        (Signal::TERM, AGAIN, 128 + 15),
        (Signal::HUP, AGAIN, 128 + 1),
    ] {
        let before = cloudeka.requests().len();
        let run = world.cldkctl(["auth", "--token-stdin"]).stdin(TOKEN);
        let running = run.held_at(call).spawn();
        let waits = || cloudeka.requests().len() > before;
        assert!(wait_until(Duration::from_secs(20), waits));
        assert_found(&Memory::of(running.pid()), &secrets, "typed text");
        running.signal(signal);
        let held = held(running.pid(), call);
        assert_clean(&held.memory(), &secrets);
        held.release();
        running.wait().expect_code(code);
    }
}

#[test]
fn a_signal_while_the_key_is_derived_leaves_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    let args = ["auth", "--kdf-memory", "256MiB", "--kdf-iterations", "30"];
    let mut terminal = world.cldkctl(args).held_at(EXIT).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    crate::support::steps::type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Deriving the vault key");
    terminal.send_ctrl('c');
    let held = held(terminal.pid(), EXIT);
    assert_clean(&held.memory(), &Secrets::typed(&[TOKEN, PASSPHRASE]));
    held.release();
    assert_eq!(terminal.wait(), INTERRUPTED, "{}", terminal.screen());
}
