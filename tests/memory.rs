//! What is left of secrets in the memory of a command that did its work and ends: nothing.
//!
//! Each command is held at the system call that ends it, and all of its memory is searched
//! for every part of twelve bytes of every secret that it had, in every form.
#![cfg(target_os = "linux")]

mod support;

use support::memory::{self, EXIT, Held, Memory, held};
use support::secrets::{Secrets, assert_clean};
use support::steps::{cloudeka_and_world, logged_in, type_new_passphrase, unlock};
use support::{PASSPHRASE, Session, TOKEN};

/// Waits for the end of what runs on `terminal`, and searches what it leaves; then lets it
/// end with this code.
#[track_caller]
fn assert_leaves_nothing(terminal: &mut Session, secrets: &Secrets, code: i32) {
    let held = held(terminal.pid(), EXIT);
    assert_clean(&held.memory(), secrets);
    held.release();
    assert_eq!(terminal.wait(), code, "{}", terminal.screen());
}

#[test]
fn a_login_leaves_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world
        .cldkctl(["auth", "--no-unlock"])
        .held_at(EXIT)
        .on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Auth success");
    let held = held(terminal.pid(), EXIT);
    assert_clean(&held.memory(), &Secrets::of(&world, PASSPHRASE));
    held.release();
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn unlock_leaves_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let mut terminal = world.cldkctl(["unlock"]).held_at(EXIT).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    assert_leaves_nothing(&mut terminal, &Secrets::of(&world, PASSPHRASE), 0);
}

#[test]
fn token_api_backup_leave_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    unlock(&world, &[]);
    let secrets = Secrets::of(&world, PASSPHRASE);
    for args in [
        &["auth", "token"][..],
        &["auth", "token", "--session"],
        &["auth", "status", "--check"],
        &["api", "/core/user/profile"],
        &["vault", "backup", "copy.age"],
        &["vault", "info"],
        &["vault", "verify"],
        &["context", "list"],
        &["lock"],
    ] {
        let running = world.cldkctl(args).held_at(EXIT).spawn();
        let held = held(running.pid(), EXIT);
        eprintln!("{args:?}");
        assert_clean(&held.memory(), &secrets);
        held.release();
        running.wait().succeeded();
    }
}

#[test]
fn a_change_of_the_passphrase_leaves_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    const NEW: &str = "quiet lanterns over marble fjord";
    let (_cloudeka, world) = logged_in();
    let before = Secrets::of(&world, PASSPHRASE);
    let mut terminal = world
        .cldkctl(["vault", "passphrase"])
        .held_at(EXIT)
        .on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    type_new_passphrase(&mut terminal, NEW);
    let held = held(terminal.pid(), EXIT);
    let memory = held.memory();
    assert_clean(&memory, &before);
    assert_clean(&memory, &Secrets::of(&world, NEW));
    held.release();
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn what_fails_leaves_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    const WRONG: &str = "quiet lanterns over marble fjord";
    const REJECTED: &str = "cldkctl_rejected_99887766554433221100";
    let (_cloudeka, world) = logged_in();
    let secrets = Secrets::of(&world, PASSPHRASE);
    let mut terminal = world.cldkctl(["auth", "token"]).held_at(EXIT).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(WRONG);
    assert_leaves_nothing(&mut terminal, &Secrets::typed(&[WRONG]), 5);

    let mut terminal = world.cldkctl(["auth"]).held_at(EXIT).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(REJECTED);
    assert_leaves_nothing(&mut terminal, &Secrets::typed(&[REJECTED]), 3);
    let _ = secrets;
}

#[test]
fn what_is_interrupted_leaves_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    let (cloudeka, world) = logged_in();
    let secrets = Secrets::of(&world, PASSPHRASE);
    let mut terminal = world.cldkctl(["auth"]).held_at(EXIT).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    terminal.expect("Vault passphrase:");
    terminal.send_bytes(PASSPHRASE.as_bytes());
    std::thread::sleep(std::time::Duration::from_millis(300));
    terminal.send_ctrl('c');
    assert_leaves_nothing(&mut terminal, &secrets, 130);
    drop(cloudeka);
}
