//! The passphrase once, and then every command of the login works, until it is locked again.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use crate::support::kernel::{
    Refusal, has_keyrings, in_another_login, in_the_shared_login, live_keys, without_keyrings,
};
use crate::support::steps::{
    are_installed, assert_locked, assert_unlocked, cloudeka_and_world, logged_in, status, unlock,
    unlocked,
};
use crate::support::strace::{Call, can_trace, tampered, watched};

use crate::support::{PASSPHRASE, TOKEN, World, can_be_someone_else};

#[test]
fn on_a_terminal_it_is_typed_once_and_then_the_token_comes_alone() {
    let (_cloudeka, world) = logged_in();
    assert_locked(&world);

    let mut terminal = world.cldkctl(["unlock"]).stdout_apart().on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("Unlocked the vault");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(terminal.stdout(), "");

    assert_unlocked(&world);
    // Nor is anything asked where somebody could be.
    let mut terminal = world.cldkctl(["auth", "token"]).on_pty();
    assert_eq!(terminal.wait(), 0);
    assert_eq!(terminal.screen(), format!("{TOKEN}\r\n"));
    world.assert_no_secret(&[TOKEN, PASSPHRASE]);

    let output = world.cldkctl(["lock"]).run().succeeded();
    assert!(output.stderr.contains("Locked the vault"), "{output}");
    assert_locked(&world);
    let output = world.cldkctl(["lock"]).run().succeeded();
    assert!(output.stderr.contains("was not unlocked"), "{output}");
}

#[test]
fn without_a_terminal_it_is_handed_over_in_three_ways() {
    let (_cloudeka, world) = logged_in();
    let file = world.write("cldkctl.passphrase", format!("{PASSPHRASE}\n"));
    let ways = [
        world
            .cldkctl(["unlock", "--passphrase-stdin"])
            .stdin(PASSPHRASE),
        world.cldkctl(["unlock", "--passphrase-file"]).arg(&file),
        world
            .cldkctl(["unlock"])
            .env("CREDENTIALS_DIRECTORY", world.home()),
    ];
    for way in ways {
        assert_locked(&world);
        let output = way.run().succeeded();
        assert_eq!(output.stdout, "", "{output}");
        output.assert_no_secret(&[TOKEN, PASSPHRASE]);
        assert_unlocked(&world);
        world.cldkctl(["lock"]).run().succeeded();
    }
    let output = world.cldkctl(["unlock"]).run().expect_code(4);
    assert!(output.stderr.contains("--passphrase-file"), "{output}");
}

#[test]
fn a_wrong_passphrase_unlocks_nothing() {
    let (_cloudeka, world) = logged_in();
    let wrong = || {
        let unlock = world.cldkctl(["unlock", "--passphrase-stdin"]);
        unlock.stdin("wrong horse battery staple").run()
    };
    let output = wrong().expect_code(5);
    output.assert_no_secret(&["wrong horse battery staple"]);
    assert_locked(&world);

    let mut terminal = world.cldkctl(["auth", "token"]).on_pty();
    for _ in 0..3 {
        terminal.expect("Vault passphrase:");
        terminal.send_secret("wrong horse battery staple");
    }
    assert_eq!(terminal.wait(), 5, "{}", terminal.screen());
    assert_locked(&world);

    unlock(&world, &[]);
    wrong().expect_code(5);
    assert_unlocked(&world); // what was unlocked rightly stays so
}

#[test]
fn a_locked_vault_asks_once_on_a_terminal_goes_on_and_stays_open() {
    let (_cloudeka, world) = logged_in();
    let mut terminal = world.cldkctl(["auth", "token"]).stdout_apart().on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(terminal.stdout(), format!("{TOKEN}\n"));
    assert_unlocked(&world);
    assert_eq!(status(&world)["unlocked_by"]["idle_seconds"], 15 * 60);

    world.cldkctl(["lock"]).run().succeeded();
    let mut terminal = world.cldkctl(["auth", "token", "--no-input"]).on_pty();
    assert_eq!(terminal.wait(), 4, "{}", terminal.screen());
}

#[test]
fn a_passphrase_handed_to_one_command_unlocks_for_that_one_alone() {
    let (_cloudeka, world) = logged_in();
    let token = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
    token.stdin(PASSPHRASE).run().succeeded();
    assert_locked(&world);
}

#[test]
fn a_login_leaves_the_vault_unlocked_unless_it_is_told_not_to() {
    let (_cloudeka, world) = cloudeka_and_world();
    let file = world.write("passphrase", PASSPHRASE);
    let auth = |args: &[&str]| {
        let auth = world.cldkctl(["auth", "--token-stdin", "--passphrase-file"]);
        auth.arg(&file).args(args).stdin(TOKEN).run().succeeded();
    };
    auth(&[]);
    assert_unlocked(&world);
    auth(&["--no-unlock"]);
    assert_locked(&world);
    auth(&[]);
    assert_unlocked(&world);
}

#[test]
fn another_login_of_the_same_user_does_not_see_it() {
    if !has_keyrings() {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    in_another_login(|| {
        assert_locked(&world);
        assert_eq!(status(&world)["locked"], true);
        // Nor does unlocking there take its place.
        unlock(&world, &[]);
        assert_unlocked(&world);
    });
    assert_unlocked(&world);
}

#[test]
fn locking_in_one_login_locks_every_other() {
    if !has_keyrings() {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    // One with a longer name beside it is another vault. (The kernel separates what it says
    // of a key with semicolons.)
    let other = world.data().join("cldkctl/vault.age;: other");
    log_in_elsewhere(&world, &other);
    let with_other = |args: &[&str]| {
        let command = world
            .cldkctl(args.iter().copied())
            .arg("--vault")
            .arg(&other);
        command.stdin(PASSPHRASE).run().succeeded()
    };
    with_other(&["unlock", "--passphrase-stdin"]);
    in_another_login(|| {
        unlock(&world, &[]);
        in_another_login(|| {
            let output = world.cldkctl(["lock"]).run().succeeded();
            assert!(output.stderr.contains("Locked the vault"), "{output}");
            let output = world.cldkctl(["lock"]).run().succeeded();
            assert!(output.stderr.contains("was not unlocked"), "{output}");
        });
        assert_locked(&world);
    });
    assert_locked(&world);
    with_other(&["auth", "token"]);
    let output = in_another_login(|| with_other(&["lock"]));
    assert!(output.stderr.contains("Locked the vault"), "{output}");

    unlock(&world, &[]);
    in_another_login(|| world.cldkctl(["auth", "logout", "--all"]).run().succeeded());
    assert_eq!(live_keys(&world.vault_path()), [""; 0]);
}

#[test]
fn lock_says_so_where_it_cannot_see_other_logins() {
    if !has_keyrings() || !can_be_someone_else() || !are_installed(&["unshare"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let lock = || {
        // As container runtimes mask it.
        let script = "mount --bind /dev/null /proc/keys && exec \"$0\" lock";
        let wrapper = ["unshare", "--mount", "sh", "-c", script];
        let output = world
            .cldkctl::<_, &str>([])
            .under(wrapper)
            .run()
            .succeeded();
        assert!(output.stderr.contains("other logins"), "{output}");
        output.stderr
    };
    assert!(in_another_login(lock).contains("was not unlocked"));
    assert_unlocked(&world);
    assert!(lock().contains("Locked the vault"));
    assert_locked(&world);
}

#[test]
fn where_no_login_can_be_told_apart_a_script_that_asks_for_the_session_is_refused() {
    let story = |where_: &str| {
        let (_cloudeka, world) = cloudeka_and_world();
        let file = world.write("passphrase", PASSPHRASE);
        let run = |args: &[&str]| {
            let command = world.cldkctl(args.iter().copied()).arg("--passphrase-file");
            command.arg(&file).stdin(TOKEN).run()
        };
        // What asks for nothing in particular works, and says it.
        let output = run(&["auth", "--token-stdin"]).succeeded();
        assert!(
            output.stderr.contains("All your logins"),
            "{where_}: {output}"
        );
        assert_unlocked(&world);
        let output = run(&["unlock"]).succeeded();
        assert!(
            output.stderr.contains("All your logins"),
            "{where_}: {output}"
        );
        let output = run(&["unlock", "--scope", "user"]).succeeded();
        assert!(
            !output.stderr.contains("All your logins"),
            "{where_}: {output}"
        );
        world.cldkctl(["lock"]).run().succeeded();

        let output = run(&["unlock", "--scope", "session"]).expect_code(1);
        assert!(output.stderr.contains("--scope user"), "{where_}: {output}");
        assert_locked(&world);
        let mut terminal = world.cldkctl(["unlock", "--scope", "session"]).on_pty();
        terminal.expect("Vault passphrase:");
        terminal.send_secret(PASSPHRASE);
        terminal.expect("All your logins");
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
        assert_unlocked(&world);
    };
    without_keyrings(Refusal::NotPermitted, || story("the agent"));
    if has_keyrings() {
        // After `World::new`, which makes a session keyring, nothing else would be shared.
        let (_cloudeka, world) = logged_in();
        in_the_shared_login(|| {
            let args = ["unlock", "--passphrase-stdin", "--scope", "session"];
            let output = world.cldkctl(args).stdin(PASSPHRASE).run().expect_code(1);
            assert!(output.stderr.contains("--scope user"), "{output}");
            assert_locked(&world);
            let args = ["unlock", "--passphrase-stdin"];
            let output = world.cldkctl(args).stdin(PASSPHRASE).run().succeeded();
            assert!(output.stderr.contains("All your logins"), "{output}");
            world.cldkctl(["lock"]).run().succeeded();
        });
        // With a session keyring nothing is said, nor refused.
        let args = ["unlock", "--passphrase-stdin", "--scope", "session"];
        let output = world.cldkctl(args).stdin(PASSPHRASE).run().succeeded();
        assert!(!output.stderr.contains("All your logins"), "{output}");
        assert_unlocked(&world);
    }
}

#[test]
fn for_the_user_it_is_unlocked_in_every_login_and_locked_from_each() {
    if !has_keyrings() {
        return;
    }
    let (_cloudeka, world) = unlocked(&["--scope", "user"]);
    assert_unlocked(&world);
    assert_eq!(status(&world)["unlocked_by"]["scope"], "user");
    // This one's session keyring links to nothing, not even to the user keyring.
    in_another_login(|| assert_unlocked(&world));
    in_the_shared_login(|| assert_unlocked(&world));
    let table = world.cldkctl(["auth", "status"]).run().succeeded();
    assert!(table.stdout.contains("for all your logins by"), "{table}");

    in_another_login(|| {
        let output = world.cldkctl(["lock"]).run().succeeded();
        assert!(output.stderr.contains("Locked the vault"), "{output}");
    });
    assert_locked(&world);
}

#[test]
fn lock_reaches_the_session_the_user_and_the_agent_at_once() {
    if !has_keyrings() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    for elsewhere in [["--scope", "user"], ["--keeper", "agent"]] {
        unlock(&world, &[]);
        in_another_login(|| unlock(&world, &elsewhere));
        // Whatever --keeper says, locked is locked.
        let lock = world.cldkctl(["lock", "--keeper", "keyring"]);
        lock.run().succeeded();
        assert_locked(&world);
        in_another_login(|| assert_locked(&world));
        assert_eq!(status(&world)["locked"], true);
    }
}

#[test]
fn unlocking_again_takes_the_place_of_what_was_held_by_whomever() {
    if !has_keyrings() {
        return;
    }
    let (_cloudeka, world) = unlocked(&["--scope", "user"]);
    unlock(&world, &[]);
    assert_eq!(status(&world)["unlocked_by"]["scope"], "session");
    in_another_login(|| assert_locked(&world));

    unlock(&world, &["--keeper", "agent", "--idle", "1h"]);
    let held = &status(&world)["unlocked_by"];
    assert_eq!(held["keeper"], "agent", "the kernel still has it: {held}");
    assert_eq!(held["idle_seconds"], 3600);

    unlock(&world, &["--keeper", "keyring"]);
    let agent = world.cldkctl(["auth", "token", "--keeper", "agent"]);
    agent.run().expect_code(4);
}

#[test]
fn a_login_without_a_session_of_its_own_works_and_is_told_who_shares_it() {
    if !has_keyrings() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    in_the_shared_login(|| {
        unlock(&world, &[]);
        assert_unlocked(&world);
        let held = &status(&world)["unlocked_by"];
        assert_eq!(held["scope"], "session");
        assert_eq!(held["shared"], true);
        let table = world.cldkctl(["auth", "status"]).run().succeeded();
        assert!(table.stdout.contains("for all your logins"), "{table}");
    });
    in_the_shared_login(|| assert_unlocked(&world));
    assert_locked(&world);
    in_the_shared_login(|| {
        world.cldkctl(["lock"]).run().succeeded();
        assert_locked(&world);
    });
}

#[test]
fn the_settings_have_its_defaults_and_flags_go_before_them() {
    let (_cloudeka, world) = logged_in();
    let settings = fs::read_to_string(world.settings_path()).unwrap();
    let settings =
        format!("{settings}[unlock]\nidle = \"2m\"\nlifetime = \"1h\"\nscope = \"user\"\n");
    fs::write(world.settings_path(), settings).unwrap();
    unlock(&world, &[]);
    let held = &status(&world)["unlocked_by"];
    assert_eq!(held["idle_seconds"], 120);
    assert!(
        (3595..=3600).contains(&held["remaining_seconds"].as_u64().unwrap()),
        "{held}"
    );
    assert_eq!(held["scope"], "user");

    unlock(&world, &["--idle", "3m", "--scope", "session"]);
    let held = &status(&world)["unlocked_by"];
    assert_eq!(
        (&held["idle_seconds"], &held["scope"]),
        (&180.into(), &"session".into())
    );
}

#[test]
fn a_vault_with_another_key_at_the_same_path_says_so_and_is_locked() {
    let (_cloudeka, world) = unlocked(&[]);
    let other = world.home().join("other.age");
    log_in_elsewhere(&world, &other);
    fs::rename(&other, world.vault_path()).unwrap();

    let said = assert_locked(&world);
    assert!(said.contains("since it was unlocked"), "{said}");
    assert_eq!(status(&world)["locked"], true);

    unlock(&world, &[]);
    assert_unlocked(&world);
}

#[test]
fn a_vault_is_the_same_through_a_link_and_another_one_is_not() {
    let (_cloudeka, world) = unlocked(&[]);
    let link = world.home().join("link.age");
    symlink(world.vault_path(), &link).unwrap();
    let through = world.cldkctl(["auth", "token", "--vault"]).arg(&link).run();
    assert_eq!(through.succeeded().stdout, format!("{TOKEN}\n"));

    let other = world.home().join("other.age");
    log_in_elsewhere(&world, &other);
    let output = world
        .cldkctl(["auth", "token", "--vault"])
        .arg(&other)
        .run();
    output.expect_code(4);
    world
        .cldkctl(["lock", "--vault"])
        .arg(&link)
        .run()
        .succeeded();
    assert_locked(&world);
}

/// The vault lies on a stick, which is pulled before anybody thinks of locking.
#[test]
fn a_vault_that_is_out_of_reach_is_locked_all_the_same() {
    let (_cloudeka, world) = unlocked(&[]);
    let (stick, pulled) = (world.home().join("stick"), world.home().join("pulled"));
    fs::create_dir(&stick).unwrap();
    let folder = world.data().join("cldkctl");
    fs::rename(world.vault_path(), stick.join("vault.age")).unwrap();
    symlink(stick.join("vault.age"), world.vault_path()).unwrap();
    let unlock = ["unlock", "--passphrase-stdin"];
    let lock_without = |from: &std::path::Path, to: &std::path::Path| {
        world.cldkctl(unlock).stdin(PASSPHRASE).run().succeeded();
        assert_unlocked(&world);
        fs::rename(from, to).unwrap();
        let output = world.cldkctl(["lock"]).run().succeeded();
        assert!(!output.stderr.contains("was not unlocked"), "{output}");
        fs::rename(to, from).unwrap();
        assert_locked(&world);
    };
    lock_without(&stick, &pulled);
    lock_without(&stick.join("vault.age"), &pulled);
    // And through a folder that is a link.
    fs::rename(stick.join("vault.age"), world.vault_path()).unwrap();
    let elsewhere = world.home().join("elsewhere");
    fs::rename(&folder, &elsewhere).unwrap();
    symlink(&elsewhere, &folder).unwrap();
    lock_without(&elsewhere.join("vault.age"), &pulled);
    lock_without(&elsewhere, &pulled);
}

#[test]
fn status_tells_scripts_how_it_is_held() {
    if !has_keyrings() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let locked = status(&world);
    assert_eq!(
        (&locked["exists"], &locked["locked"]),
        (&true.into(), &true.into())
    );
    assert!(locked.get("unlocked_by").is_none() && locked.get("contexts").is_none());

    unlock(
        &world,
        &["--keeper", "keyring", "--idle", "1m", "--lifetime", "2m"],
    );
    let open = status(&world);
    let held = &open["unlocked_by"];
    assert_eq!(open["locked"], false);
    assert_eq!(held["keeper"], "kernel keyring");
    assert_eq!(
        (&held["scope"], &held["shared"]),
        (&"session".into(), &false.into())
    );
    assert_eq!(held["idle_seconds"], 60);
    let left = held["remaining_seconds"].as_u64().unwrap();
    assert!((115..=120).contains(&left), "{held}");
    assert_eq!(open["contexts"][0]["name"], "default");
    assert!(
        !world.agent_socket().exists(),
        "no agent where the kernel serves"
    );
}

#[test]
fn locking_over_and_over_leaves_no_dead_keys_behind() {
    if !has_keyrings() {
        return;
    }
    if !are_installed(&["keyctl"]) {
        return;
    }
    // What others keep unlocked here is none of this.
    let shown = in_another_login(|| {
        let (_cloudeka, world) = unlocked(&[]);
        for _ in 0..3 {
            unlock(&world, &[]);
            world.cldkctl(["lock"]).run().succeeded();
        }
        let mut keyctl = std::process::Command::new("keyctl");
        keyctl
            .args(["show", "@s"])
            .output()
            .expect("keyctl runs")
            .stdout
    });
    let shown = String::from_utf8_lossy(&shown).into_owned();
    // They would count against the user's quota of 200 keys for five minutes.
    assert_eq!(
        shown.lines().count(),
        2,
        "a title and an empty keyring: {shown}"
    );
}

#[test]
fn a_key_that_the_kernel_does_not_let_go_of_is_not_said_to_be_none() {
    if !has_keyrings() || !can_trace() {
        return;
    }
    for scope in ["session", "user"] {
        let (_cloudeka, world) = unlocked(&["--scope", scope]);
        let (_, calls) = watched(world.cldkctl(["lock"]), &["keyctl"]);
        let is_end = |call: &Call| call.text.starts_with("KEYCTL_INVALIDATE");
        let first = calls.iter().position(is_end).expect("it is invalidated") + 1;
        unlock(&world, &["--scope", scope]);
        let from = format!("{first}+");
        let (output, _) = tampered(world.cldkctl(["lock"]), "keyctl", &from, "error=EPERM");
        let output = output.expect_code(1);
        assert!(output.stderr.contains("may still be unlocked"), "{output}");
        assert_unlocked(&world);
        world.cldkctl(["lock"]).run().succeeded();
        assert_locked(&world);
    }
}

/// A second vault, made with the same token and passphrase: only its salt is another.
fn log_in_elsewhere(world: &World, path: &std::path::Path) {
    let file = world.write("passphrase", PASSPHRASE);
    let auth = world.cldkctl(["auth", "--token-stdin", "--no-unlock", "--passphrase-file"]);
    let auth = auth.arg(file).arg("--vault").arg(path);
    auth.stdin(TOKEN).run().succeeded();
}

#[test]
fn lock_reaches_the_user_keyring_from_a_login_whose_own_keyring_was_revoked() {
    if !has_keyrings() || !are_installed(&["keyctl"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&["--scope", "user"]);
    // What the end of a login does to the programs that outlive it.
    in_another_login(|| {
        let revoked = Command::new("keyctl").args(["revoke", "@s"]).status();
        assert!(revoked.unwrap().success());
        assert_unlocked(&world);
        let output = world.cldkctl(["lock"]).run().succeeded();
        assert!(output.stderr.contains("Locked the vault"), "{output}");
        assert_locked(&world);
    });
    assert_locked(&world);
}
