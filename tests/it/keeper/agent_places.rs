//! Where the agent listens, and where it refuses to.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{chown, symlink};

use crate::support::kernel::{Refusal, without_keyrings};
use crate::support::steps::{are_installed, assert_locked, logged_in};
use crate::support::world::{Output, mode, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, TOKEN, World, can_be_someone_else};

/// Unlocks and uses the vault, and locks it, with this as `XDG_RUNTIME_DIR`.
fn unlock_and_use(world: &World, runtime: Option<&std::path::Path>) -> (Output, Output) {
    let run = |args: &[&str]| {
        let command = world.cldkctl(args).stdin(PASSPHRASE);
        match runtime {
            Some(path) => command.env("XDG_RUNTIME_DIR", path).run(),
            None => command.env_remove("XDG_RUNTIME_DIR").run(),
        }
    };
    let unlock = run(&["unlock", "--passphrase-stdin"]);
    let socket = world.data().join("cldkctl/agent.sock");
    if unlock.code == 0 {
        assert!(socket.exists(), "beside the vault's usual place");
        assert_eq!(mode(world.data().join("cldkctl")), 0o700);
    }
    let token = run(&["auth", "token"]);
    run(&["lock"]).succeeded();
    run(&["auth", "token"]).expect_code(4);
    (unlock, token)
}

#[test]
fn without_a_runtime_folder_it_listens_in_a_private_one() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let gone = world.home().join("gone");
        let relative = std::path::Path::new("run");
        for runtime in [None, Some(gone.as_path()), Some(relative)] {
            let (unlock, token) = unlock_and_use(&world, runtime);
            unlock.succeeded();
            assert_eq!(token.succeeded().stdout, format!("{TOKEN}\n"));
        }
    });
}

#[test]
fn an_agent_that_was_started_with_another_runtime_folder_is_locked_from_here() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let elsewhere = world.home().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        set_mode(&elsewhere, 0o700);
        let there = |args: &[&str]| {
            let command = world.cldkctl(args).env("XDG_RUNTIME_DIR", &elsewhere);
            command.stdin(PASSPHRASE).run()
        };
        there(&["unlock", "--passphrase-stdin"]).succeeded();
        there(&["auth", "token"]).succeeded();
        assert_locked(&world);
        let output = world.cldkctl(["lock"]).run().succeeded();
        assert!(output.stderr.contains("Locked the vault"), "{output}");
        there(&["auth", "token"]).expect_code(4);
    });
}

#[test]
fn lock_says_so_where_the_system_lists_no_sockets() {
    if !are_installed(&["unshare"]) || !can_be_someone_else() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let script = "mount -t tmpfs none /proc && exec \"$0\" lock";
        let wrapper = ["unshare", "--mount", "sh", "-c", script];
        let lock = world.cldkctl::<_, &str>([]).under(wrapper).run();
        assert!(lock.stderr.contains("other logins"), "{lock}");
    });
}

#[test]
fn where_a_file_took_the_place_of_its_folder_it_listens_elsewhere() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let file = world.write("no-folder", "");
        let (unlock, token) = unlock_and_use(&world, Some(&file));
        unlock.succeeded();
        assert_eq!(token.succeeded().stdout, format!("{TOKEN}\n"));
    });
}

#[test]
fn where_others_can_write_it_does_not_listen() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        for others in [0o777, 0o1777, 0o720, 0o702] {
            let folder = world.home().join(format!("open-{others:o}"));
            fs::create_dir(&folder).unwrap();
            set_mode(&folder, others);
            let (unlock, token) = unlock_and_use(&world, Some(&folder));
            unlock.succeeded();
            assert_eq!(token.succeeded().stdout, format!("{TOKEN}\n"));
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "{others:o}");
        }
    });
}

#[test]
fn in_a_folder_of_somebody_else_it_does_not_listen_nor_believe_who_does() {
    if !can_be_someone_else() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let theirs = world.home().join("theirs");
        fs::create_dir(&theirs).unwrap();
        chown(&theirs, Some(SOMEONE_ELSE), Some(SOMEONE_ELSE)).unwrap();
        let (unlock, token) = unlock_and_use(&world, Some(&theirs));
        unlock.succeeded();
        assert_eq!(token.succeeded().stdout, format!("{TOKEN}\n"));
        assert_eq!(fs::read_dir(&theirs).unwrap().count(), 0);

        // A private runtime folder, but its `cldkctl` is theirs, or leads to theirs.
        let lead = |path: &std::path::Path| symlink(&theirs, path).unwrap();
        let give = |path: &std::path::Path| {
            fs::create_dir(path).unwrap();
            chown(path, Some(SOMEONE_ELSE), Some(SOMEONE_ELSE)).unwrap();
        };
        for make in [&lead as &dyn Fn(&std::path::Path), &give] {
            let runtime = world.home().join("private");
            fs::create_dir(&runtime).unwrap();
            set_mode(&runtime, 0o700);
            make(&runtime.join("cldkctl"));
            let unlock = world.cldkctl(["unlock", "--passphrase-stdin"]);
            let unlock = unlock.env("XDG_RUNTIME_DIR", &runtime);
            let output = unlock.stdin(PASSPHRASE).run().expect_code(1);
            assert!(
                output.stderr.contains("belongs to user id 65432"),
                "{output}"
            );
            assert_locked(&world);
            fs::remove_dir_all(&runtime).unwrap();
        }
    });
}

#[test]
fn a_path_too_long_for_a_socket_is_told_and_locks_nobody_out() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let long = world.home().join("long".repeat(25));
        fs::create_dir(&long).unwrap();
        set_mode(&long, 0o700);
        let unlock = world.cldkctl(["unlock", "--passphrase-stdin"]);
        let unlock = unlock.env("XDG_RUNTIME_DIR", &long).stdin(PASSPHRASE);
        let output = unlock.run().expect_code(1);
        assert!(output.stderr.contains("too long"), "{output}");
        assert!(output.stderr.contains("XDG_RUNTIME_DIR"), "{output}");

        let token = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
        let token = token.env("XDG_RUNTIME_DIR", &long).stdin(PASSPHRASE);
        assert_eq!(token.run().succeeded().stdout, format!("{TOKEN}\n"));
        let token = world.cldkctl(["auth", "token"]);
        token.env("XDG_RUNTIME_DIR", &long).run().expect_code(4);
        // Nobody can listen there, so there is nobody to fear.
        let lock = world.cldkctl(["lock"]).env("XDG_RUNTIME_DIR", &long);
        lock.run().succeeded();
    });
}

#[test]
fn where_nobody_can_listen_locking_succeeds() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let file = world.write("no-folder", "");
        let long = world.home().join("long".repeat(25));
        let folders = [file, long, "/dev/null".into(), "/proc/self/nothing".into()];
        for folder in folders {
            let run = |args: &[&str]| {
                let run = world
                    .cldkctl(args.iter().copied())
                    .env("XDG_DATA_HOME", &folder);
                let run = run.env("CLDKCTL_VAULT", world.vault_path());
                run.env_remove("XDG_RUNTIME_DIR").stdin(PASSPHRASE).run()
            };
            run(&["lock"]).succeeded();
            let unlock = run(&["unlock", "--passphrase-stdin", "--keeper", "agent"]);
            let unlock = unlock.expect_code(1);
            let named = folder.to_str().expect("text");
            assert!(
                unlock.stderr.contains(named),
                "the place is named: {unlock}"
            );
        }
    });
}

/// An upgrade replaces the program while a command waits. The name of the old one then ends in
/// ` (deleted)`, and in a shared folder anybody may give that name to a program of theirs.
#[test]
fn a_program_that_was_removed_meanwhile_starts_its_agent_all_the_same() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let binary = world.home().join("cldkctl");
        fs::copy(env!("CARGO_BIN_EXE_cldkctl"), &binary).unwrap();
        let wrapper = [
            "sh".into(),
            "-c".into(),
            "exec \"$0\" unlock".into(),
            binary.clone().into_os_string(),
        ];
        let mut terminal = world.cldkctl(["unlock"]).under(wrapper).on_pty();
        terminal.expect("Vault passphrase:");
        let stolen = world.home().join("stolen");
        fs::remove_file(&binary).unwrap();
        let impostor = world.write(
            "cldkctl (deleted)",
            format!("#!/bin/sh\ntouch {}\n", stolen.display()),
        );
        set_mode(&impostor, 0o755);
        terminal.send_secret(PASSPHRASE);
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
        assert!(!stolen.exists(), "another program was run");
        let token = world.cldkctl(["auth", "token"]).run().succeeded();
        assert_eq!(token.stdout, format!("{TOKEN}\n"));
    });
}
