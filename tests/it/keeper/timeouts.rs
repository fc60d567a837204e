//! How long an unlocked vault stays so, with the kernel and with the agent.
//!
//! The end of the lifetime is exact. The idle time is the agent's own, exact too, or the
//! kernel's, which counts whole seconds of its clock: right to half a second, early or late.
#![cfg(target_os = "linux")]

use std::thread;
use std::time::{Duration, Instant};

use crate::support::steps::{assert_locked, assert_unlocked, logged_in, status, unlock};
use crate::support::{PASSPHRASE, Standin, TOKEN, World};

/// Tells the story to the kernel and to the agent at the same time, each in a world of its
/// own where the vault is about to be unlocked.
fn with_either_keeper(story: impl Fn(&World, &str) + Sync) {
    thread::scope(|scope| {
        for keeper in ["keyring", "agent"] {
            if keeper == "keyring" && !crate::support::kernel::has_keyrings() {
                continue;
            }
            let story = &story;
            scope.spawn(move || {
                let (_cloudeka, world): (Standin, _) = logged_in();
                story(&world, keeper);
            });
        }
    });
}

/// Unlocks; when that was done.
fn unlock_for(world: &World, keeper: &str, args: &[&str]) -> Instant {
    unlock(world, &[&["--keeper", keeper], args].concat());
    Instant::now()
}

fn sleep_until(start: Instant, seconds: f64) {
    let until = start + Duration::from_secs_f64(seconds);
    thread::sleep(until.saturating_duration_since(Instant::now()));
}

#[test]
fn unused_it_is_locked_after_the_idle_time() {
    with_either_keeper(|world, keeper| {
        let start = unlock_for(world, keeper, &["--idle", "3s"]);
        sleep_until(start, 2.3);
        assert_eq!(status(world)["locked"], false, "{keeper}: too early");
        sleep_until(start, if keeper == "agent" { 3.05 } else { 3.55 });
        assert_locked(world);
        assert_eq!(status(world)["locked"], true, "{keeper}");
    });
}

#[test]
fn each_use_starts_the_idle_time_again() {
    with_either_keeper(|world, keeper| {
        let start = unlock_for(world, keeper, &["--idle", "3s"]);
        for seconds in [2.0, 4.0] {
            sleep_until(start, seconds);
            assert_unlocked(world);
        }
    });
}

#[test]
fn no_use_prolongs_the_lifetime() {
    with_either_keeper(|world, keeper| {
        let start = unlock_for(world, keeper, &["--lifetime", "3s", "--idle", "1h"]);
        for seconds in [1.4, 2.7] {
            sleep_until(start, seconds);
            assert_unlocked(world);
        }
        sleep_until(start, 3.05);
        assert_locked(world);
    });
}

#[test]
fn looking_does_not_keep_it_open() {
    with_either_keeper(|world, keeper| {
        let start = unlock_for(world, keeper, &["--idle", "3s"]);
        let mut looked = 0;
        while start.elapsed() < Duration::from_secs_f64(3.55) {
            let early = start.elapsed() < Duration::from_secs_f64(2.3);
            let locked = status(world)["locked"] == true;
            assert!(!(early && locked), "{keeper}: too early");
            world.cldkctl(["vault", "info"]).run().succeeded();
            let check = world.cldkctl(["auth", "status", "--check"]).run();
            assert!([0, 4].contains(&check.code), "{check}");
            looked += 1;
            thread::sleep(Duration::from_millis(100));
        }
        assert!(looked > 3, "{keeper}: looked {looked} times");
        assert_locked(world);
    });
}

#[test]
fn logging_in_again_without_the_passphrase_does_not_prolong_the_lifetime() {
    with_either_keeper(|world, keeper| {
        let start = unlock_for(world, keeper, &["--lifetime", "4s", "--scope", "user"]);
        let auth = world.cldkctl(["auth", "--token-stdin", "--keeper", keeper]);
        auth.stdin(TOKEN).run().succeeded();
        assert_eq!(status(world)["unlocked_by"]["scope"], "user", "{keeper}");
        sleep_until(start, 4.05);
        assert_locked(world);
    });
}

#[test]
fn the_key_itself_is_gone_and_not_only_refused() {
    with_either_keeper(|world, keeper| {
        let args = ["--keeper", keeper, "--lifetime", "2s"];
        let start = unlock_for(world, keeper, &args[2..]);
        sleep_until(start, 0.6);
        world.cldkctl(["auth", "token"]).run();
        sleep_until(start, 2.05);
        assert_eq!(status(world)["locked"], true, "{keeper}");
        if keeper == "keyring" {
            sleep_until(start, 3.05); // set going again, the kernel's seconds begin later
            let keys = std::fs::read_to_string("/proc/keys").unwrap();
            let path = world.vault_path();
            let ours = |line: &&str| line.contains(path.to_str().unwrap());
            let (dead, alive): (Vec<_>, Vec<_>) = keys
                .lines()
                .filter(ours)
                .partition(|line| line.contains(" expd "));
            assert_eq!((dead.len(), alive.len()), (1, 0), "{dead:?} {alive:?}");
        } else {
            let gone = || !world.agent_socket().exists();
            assert!(
                crate::support::wait_until(Duration::from_millis(300), gone),
                "it still waits"
            );
        }
    });
}

#[test]
fn a_time_is_at_least_a_second_and_has_a_unit() {
    let (_cloudeka, world) = logged_in();
    for (flag, time) in [
        ("--idle", "0s"),
        ("--idle", "15"),
        ("--lifetime", "-1h"),
        ("--lifetime", "soon"),
    ] {
        let unlock = world.cldkctl(["unlock", "--passphrase-stdin"]);
        let unlock = unlock.arg(format!("{flag}={time}")).stdin(PASSPHRASE);
        let output = unlock.run().expect_code(2);
        assert!(output.stderr.contains(flag), "{output}");
    }
    assert_locked(&world);
}
