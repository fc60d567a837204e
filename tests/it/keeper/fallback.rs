//! A kernel keyring that does not take the key, though there is one: the agent holds it for more
//! logins than were meant, and that is said. An attempt that fails locks nothing.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use crate::support::kernel::{Refusal, has_keyrings, in_another_login, without_keyrings};
use crate::support::steps::{
    are_installed, assert_locked, assert_unlocked, auth, logged_in, status, unlocked,
};
use crate::support::strace::{can_trace, tampered};
use crate::support::world::{Cldkctl, set_mode};
use crate::support::{PASSPHRASE, World, output_of};

const SHARED: &str = "warning: all your logins on this machine share the unlocked vault";

fn unlock<'a>(world: &'a World, args: &[&str]) -> Cldkctl<'a> {
    let run = world.cldkctl(["unlock", "--passphrase-stdin"]);
    run.args(args.iter().copied()).stdin(PASSPHRASE)
}

/// As at the end of a login that a program outlives.
fn revoke_session() {
    let output = output_of(Command::new("keyctl").args(["revoke", "@s"]));
    assert!(output.status.success());
}

#[test]
fn a_revoked_keyring_is_told_and_status_names_the_agent() {
    if !has_keyrings() || !are_installed(&["keyctl"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    in_another_login(|| {
        revoke_session();
        for quiet in [&[][..], &["-q"]] {
            let output = unlock(&world, quiet).run().succeeded();
            assert!(output.stderr.contains(SHARED), "{output}");
            assert!(
                output.stderr.contains("since the agent holds its key"),
                "{output}"
            );
        }
        let held = status(&world)["unlocked_by"].clone();
        assert_eq!(held["keeper"], "agent", "{held}");
        assert_eq!(held["shared"], true, "{held}");
        let shown = world.cldkctl(["auth", "status"]).run().succeeded();
        assert!(shown.stdout.contains("by the agent"), "{shown}");
        // For all logins is what was asked for: nothing to warn of.
        let output = unlock(&world, &["--scope", "user"]).run().succeeded();
        assert!(!output.stderr.contains("warning"), "{output}");
        world.cldkctl(["lock"]).run().succeeded();
        // A login leaves the vault unlocked, too.
        let output = auth(&world).run().succeeded();
        assert!(output.stderr.contains(SHARED), "{output}");
        world.cldkctl(["lock"]).run().succeeded();
    });
}

#[test]
fn a_full_keyring_is_told_with_its_reason() {
    if !has_keyrings() || !can_trace() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    for (error, reason) in [
        ("EDQUOT", "the quota of keys is used up"),
        ("ENOMEM", "memory"),
    ] {
        // The agent is traced as well, and waited for to its end.
        let unlock = unlock(&world, &["--lifetime", "1s"]);
        let (output, _) = tampered(unlock, "add_key", "1+", &format!("error={error}"));
        let output = output.succeeded();
        assert!(output.stderr.contains(SHARED), "{output}");
        assert!(output.stderr.to_lowercase().contains(reason), "{output}");
    }
    // Where the kernel has none for us, as in containers, that is how it is.
    without_keyrings(Refusal::NotPermitted, || {
        let output = unlock(&world, &[]).run().succeeded();
        assert!(!output.stderr.contains("warning"), "{output}");
        assert!(
            output.stderr.contains("share the unlocked vault"),
            "{output}"
        );
        world.cldkctl(["lock"]).run().succeeded();
    });
}

#[test]
fn an_unlock_that_fails_locks_nothing() {
    if !has_keyrings() || !can_trace() || !are_installed(&["keyctl"]) {
        return;
    }
    for before in [
        &["--scope", "session"][..],
        &["--scope", "user"],
        &["--keeper", "agent"],
    ] {
        let (_cloudeka, world) = unlocked(before);
        let keyring = unlock(&world, &["--keeper", "keyring"]);
        let (output, _) = tampered(keyring, "add_key", "1+", "error=EDQUOT");
        let output = output.expect_code(1);
        assert!(
            output.stderr.contains("the quota of keys is used up"),
            "{output}"
        );
        assert_unlocked(&world);
        // An agent that cannot start locks nothing either.
        let long = world.home().join("long".repeat(25));
        fs::create_dir(&long).unwrap();
        set_mode(&long, 0o700);
        let agent = unlock(&world, &["--keeper", "agent"]).env("XDG_RUNTIME_DIR", long);
        agent.run().expect_code(1);
        assert_unlocked(&world);
        world.cldkctl(["lock"]).run().succeeded();
        assert_locked(&world);
    }
    let (_cloudeka, world) = unlocked(&["--scope", "user"]);
    in_another_login(|| {
        revoke_session();
        unlock(&world, &["--keeper", "keyring"])
            .run()
            .expect_code(1);
        assert_unlocked(&world);
    });
}

#[test]
fn an_unlock_that_succeeds_leaves_nothing_of_an_earlier_one() {
    if !has_keyrings() {
        return;
    }
    let ways = [
        &["--scope", "session"][..],
        &["--scope", "user"],
        &["--keeper", "agent"],
    ];
    for before in ways {
        for now in ways {
            let (_cloudeka, world) = unlocked(before);
            unlock(&world, now)
                .args(["--lifetime", "7m"])
                .run()
                .succeeded();
            let held = status(&world)["unlocked_by"].clone();
            assert!(held["remaining_seconds"].as_u64().unwrap() <= 420, "{held}");
            let keeper = match now {
                ["--keeper", _] => "agent",
                _ => "kernel keyring",
            };
            assert_eq!(held["keeper"], keeper, "{before:?} {now:?}");
            // Another login has it if it is for all of them, and in no other case.
            let another = in_another_login(|| world.cldkctl(["auth", "token"]).run());
            let is_for_all = now != ["--scope", "session"];
            assert_eq!(
                another.code,
                if is_for_all { 0 } else { 4 },
                "{before:?} {now:?}"
            );
            for keeper in ["agent", "keyring"] {
                let token = world.cldkctl(["auth", "token", "--keeper", keeper]).run();
                let has_it = (keeper == "agent") == (now == ["--keeper", "agent"]);
                assert_eq!(token.code == 0, has_it, "{keeper}: {before:?} {now:?}");
            }
            world.cldkctl(["lock"]).run().succeeded();
        }
    }
}
