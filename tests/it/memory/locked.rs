//! Where a key and a passphrase are while they are in use: in memory that is not swapped
//! out, in no core dump and in no other process, and nowhere else. And that an agent that
//! forgot a key has it no longer.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use crate::support::kernel::{Refusal, without_keyrings};
use crate::support::memory::{self, EXIT, Memory, hold, ranges_with};
use crate::support::secrets::{Secrets, assert_clean, assert_found};
use crate::support::steps::{
    assert_unlocked, cloudeka_and_world, logged_in, type_new_passphrase, unlock, unlocked,
};
use crate::support::strace::{can_trace, tampered, watched};
use crate::support::world::set_mode;
use crate::support::{
    Misbehave, PASSPHRASE, SOMEONE_ELSE, TOKEN, World, can_be_someone_else, wait_until,
};
use rustix::process::{Pid, Signal, kill_process};

/// The process id of the agent that listens for this world.
#[track_caller]
fn agent(world: &World) -> u32 {
    let stream = UnixStream::connect(world.agent_socket()).expect("an agent listens");
    let peer = rustix::net::sockopt::socket_peercred(&stream).expect("it is connected");
    u32::try_from(peer.pid.as_raw_nonzero().get()).expect("process ids are positive")
}

/// Locked.
const LOCKED: &[&str] = &["lo"];
/// Locked, and left out of dumps and of processes that are forked off.
const LOCKED_AWAY: &[&str] = &["lo", "dd", "dc"];

/// Fails the test unless the secret of this name is in memory of `pid`, and within a while all
/// of it with these flags: what is just going on may have a copy.
#[track_caller]
fn assert_held(pid: u32, secrets: &Secrets, name: &str, flags: &[&str]) {
    let secret: Vec<_> = secrets.iter().filter(|(other, _)| *other == name).collect();
    let mut elsewhere = Vec::new();
    let all_held = || {
        // Both at the same moment; it goes on while this searches. What is locked is locked
        // before there is anything in it.
        let memory = Memory::of(pid);
        let held = ranges_with(pid, flags);
        assert_found(&memory, secrets, name);
        let is_held = |address| held.iter().any(|range| range.contains(&address));
        elsewhere = memory.find(&secret);
        elsewhere.retain(|trace| !is_held(trace.address));
        elsewhere.is_empty()
    };
    let held = wait_until(Duration::from_secs(20), all_held);
    assert!(held, "{}, which is not held so", elsewhere[0]);
}

#[test]
fn the_agent_has_the_key_in_locked_memory_and_nothing_else_of_the_vault() {
    if !memory::can_be_searched() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        unlock(&world, &[]);
        for _ in 0..3 {
            assert_unlocked(&world); // which takes the key through its socket
        }
        let secrets = Secrets::of(&world, PASSPHRASE);
        assert_held(agent(&world), &secrets, "key", LOCKED_AWAY);
        let mut others = Secrets::of(&world, PASSPHRASE);
        others.remove("key");
        others.remove("clamped key");
        assert_clean(&Memory::of(agent(&world)), &others);
    });
}

#[test]
fn an_agent_that_forgot_one_key_of_two_has_the_other_alone() {
    if !memory::can_be_searched() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let forgotten = Secrets::of(&world, PASSPHRASE);
        unlock(&world, &[]);
        let first = world.vault_path();
        let second = first.with_file_name("second.age");
        fs::copy(&first, &second).expect("a copy");
        let second = second.to_str().expect("text");
        let passphrase = ["vault", "passphrase", "--passphrase-stdin"];
        let new = world.write("new", "quiet lanterns over marble fjord");
        let run = world.cldkctl(passphrase).args(["--vault", second]);
        let run = run.arg("--new-passphrase-file").arg(new);
        run.stdin(PASSPHRASE).run().succeeded();
        let run = world.cldkctl(["unlock", "--passphrase-stdin", "--vault", second]);
        run.stdin("quiet lanterns over marble fjord")
            .run()
            .succeeded();
        let pid = agent(&world);
        assert_found(&Memory::of(pid), &forgotten, "key");

        world.cldkctl(["lock"]).run().succeeded();
        assert_eq!(agent(&world), pid, "it holds the other key");
        assert_clean(&Memory::of(pid), &forgotten);
        world.cldkctl(["lock", "--vault", second]).run().succeeded();
    });
}

#[test]
fn an_agent_leaves_nothing_when_it_is_locked_ended_or_its_time_is_over() {
    if !memory::can_be_searched() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let secrets = Secrets::of(&world, PASSPHRASE);
        for idle in ["1h", "1s", "2h"] {
            unlock(&world, &["--idle", idle]);
            let pid = agent(&world);
            let held = hold(pid, EXIT);
            match idle {
                "1h" => drop(world.cldkctl(["lock"]).run().succeeded()),
                "1s" => {}
                // The end of a login.
                _ => kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::TERM).unwrap(),
            }
            let held = held();
            assert_clean(&held.memory(), &secrets);
            held.release();
            let gone = || UnixStream::connect(world.agent_socket()).is_err();
            assert!(wait_until(Duration::from_secs(20), gone));
        }
    });
}

#[test]
fn a_command_that_waits_has_the_key_in_locked_memory_and_no_passphrase_any_more() {
    if !memory::can_be_searched() {
        return;
    }
    let (cloudeka, world) = logged_in();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    let before = cloudeka.requests().len();
    let run = world.cldkctl(["api", "/core/user/profile", "--passphrase-stdin"]);
    let running = run.stdin(PASSPHRASE).spawn();
    let waits = || cloudeka.requests().len() > before;
    assert!(wait_until(Duration::from_secs(20), waits));
    let secrets = Secrets::of(&world, PASSPHRASE);
    assert_held(running.pid(), &secrets, "key", LOCKED_AWAY);
    // What the vault was opened with may be on the stack until the command ends.
    assert_clean(&Memory::of(running.pid()), &Secrets::typed(&[PASSPHRASE]));
}

#[test]
fn where_nothing_may_be_locked_and_stacks_are_small_everything_works() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let world = world.owned_by(SOMEONE_ELSE);
    world.write("passphrase", PASSPHRASE);
    let binary = world.home().join("cldkctl");
    fs::copy(env!("CARGO_BIN_EXE_cldkctl"), &binary).expect("a copy");
    set_mode(&binary, 0o755);
    let script =
        "ulimit -l 0 && ulimit -s 512 && ./cldkctl auth token --passphrase-file passphrase";
    let ids = [SOMEONE_ELSE; 2].map(|id| id.to_string());
    let output = Command::new("setpriv")
        .args([
            "--reuid",
            &ids[0],
            "--regid",
            &ids[1],
            "--clear-groups",
            "--",
        ])
        .args(["bash", "-c", script])
        .current_dir(world.home())
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .env("XDG_CONFIG_HOME", world.config())
        .output()
        .expect("setpriv starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, format!("{TOKEN}\n").as_bytes(), "{said}");
    assert_eq!(said, "", "nothing to worry about");
}

#[test]
fn the_passphrase_is_in_locked_memory_while_the_key_is_derived() {
    if !memory::can_be_searched() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    // For half a minute: a busy machine takes seconds for a single search, and the first may come
    // before the key is derived. The command is ended then.
    let cost = "--kdf-memory 32MiB --kdf-iterations 900 --kdf-ceiling 32MiB,900 --kdf-lanes 1";
    let args = ["auth"].into_iter().chain(cost.split(' '));
    let mut terminal = world.cldkctl(args).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Deriving the vault key");
    let typed = Secrets::typed(&[PASSPHRASE]);
    let secret: Vec<_> = typed.iter().collect();
    // Working copies of calls that returned may be on the stack until the command ends.
    let only_locked_or_on_a_stack = || {
        let memory = Memory::of(terminal.pid());
        let locked = ranges_with(terminal.pid(), LOCKED);
        let (held, elsewhere): (Vec<_>, Vec<_>) = memory
            .find(&secret)
            .into_iter()
            .partition(|trace| locked.iter().any(|range| range.contains(&trace.address)));
        held.iter().any(|trace| trace.length == PASSPHRASE.len())
            && !elsewhere.iter().any(|trace| trace.place.contains("[heap]"))
    };
    assert!(wait_until(
        Duration::from_secs(20),
        only_locked_or_on_a_stack
    ));
}

#[test]
fn where_there_is_no_page_for_the_key_it_is_said_and_is_no_bug() {
    if !can_trace() {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let token = || world.cldkctl(["auth", "token"]);
    let (_, calls) = watched(token(), &["mmap", "mlock"]);
    let locked = calls.iter().position(|call| call.name == "mlock");
    // What comes before it maps what it locks.
    let from = format!("{}+", locked.expect("memory is locked"));
    let (output, _) = tampered(token(), "mmap", &from, "error=ENOMEM");
    let output = output.expect_code(1);
    assert!(output.stderr.contains("without memory"), "{output}");
    assert!(!output.stderr.contains("bug"), "{output}");
}
