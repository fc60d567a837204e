//! An older copy of the vault, put back in its place, is used and noticed.

use std::fs;
use std::time::Duration;

use crate::support::steps::logged_in;
use crate::support::strace::{Call, ON_FILES, can_trace, watched};
use crate::support::{PASSPHRASE, TOKEN, World, wait_until};

fn with_passphrase(world: &World, args: &[&str]) -> crate::support::Output {
    world
        .cldkctl(args.iter().copied())
        .arg("--passphrase-stdin")
        .stdin(PASSPHRASE)
        .run()
        .succeeded()
}

/// A vault at revision 2, and its bytes at revision 1.
fn changed_once() -> (crate::support::Standin, World, Vec<u8>) {
    let (cloudeka, world) = logged_in();
    let old = fs::read(world.vault_path()).expect("a vault");
    with_passphrase(&world, &["context", "rename", "default", "work"]);
    (cloudeka, world, old)
}

#[test]
fn an_older_copy_is_used_and_noticed_until_it_is_accepted() {
    let (_cloudeka, world, old) = changed_once();
    let new = with_passphrase(&world, &["auth", "token"]);
    assert_eq!(new.stderr, "", "nothing is said of a vault that only grew");

    fs::write(world.vault_path(), &old).expect("written");
    for _ in 0..2 {
        let output = with_passphrase(&world, &["auth", "token"]);
        assert_eq!(output.stdout, new.stdout, "it is used");
        assert!(
            output.stderr.contains("older copy: revision 1, where 2"),
            "{output}"
        );
        assert!(output.stderr.contains("--accept-older"), "{output}");
    }
    let verified = with_passphrase(&world, &["vault", "verify", "-o", "json"]);
    let verified: serde_json::Value = serde_json::from_str(&verified.stdout).expect("JSON");
    assert_eq!(
        (&verified["revision"], &verified["newer_seen"]),
        (&1.into(), &2.into())
    );

    with_passphrase(&world, &["vault", "verify", "--accept-older"]);
    assert_eq!(with_passphrase(&world, &["auth", "token"]).stderr, "");
}

#[test]
fn a_save_of_an_older_copy_does_not_hide_it() {
    let (_cloudeka, world, old) = changed_once();
    with_passphrase(&world, &["context", "rename", "work", "home"]);
    fs::write(world.vault_path(), &old).expect("written");
    // Revision 1 becomes 2, and 3 was seen.
    let saved = with_passphrase(&world, &["context", "rename", "default", "later"]);
    assert!(
        saved.stderr.contains("older copy: revision 1, where 3"),
        "{saved}"
    );
    let output = with_passphrase(&world, &["auth", "token"]);
    assert!(
        output.stderr.contains("older copy: revision 2, where 3"),
        "{output}"
    );
}

#[test]
fn what_is_remembered_is_a_number_and_that_it_cannot_be_is_no_failure() {
    let (_cloudeka, world, _) = changed_once();
    let state = world.home().join(".local/state/cldkctl/revisions");
    let files: Vec<_> = fs::read_dir(&state).expect("a folder").flatten().collect();
    assert_eq!(files.len(), 1);
    assert_eq!(fs::read_to_string(files[0].path()).expect("a text"), "2\n");

    fs::remove_dir_all(world.home().join(".local/state")).expect("removed");
    fs::write(world.home().join(".local/state"), "in the way").expect("written");
    assert_eq!(with_passphrase(&world, &["auth", "token"]).stderr, "");
}

/// Whose public key does not matter.
const MALLORY: &str = "age10h69jrrjjtc8wmnc7fq7kgu0tsqtcpa9qx5tz9k0surcegyzqpsqfj340j";

/// A vault of revision 3, and its bytes at revision 2, when somebody could open it who cannot
/// any more.
fn without_mallory() -> (crate::support::Standin, World, Vec<u8>) {
    let (cloudeka, world) = logged_in();
    let add = ["vault", "recipients", "add", MALLORY, "--label", "mallory"];
    with_passphrase(&world, &add);
    let old = fs::read(world.vault_path()).expect("a vault");
    with_passphrase(&world, &["vault", "recipients", "remove", "mallory"]);
    (cloudeka, world, old)
}

/// Runs it with the passphrase; and the new one is as the old one was.
fn with_new_passphrase(world: &World, args: &[&str]) -> crate::support::Output {
    let new = world.write("new-passphrase", PASSPHRASE);
    let run = world.cldkctl(args.iter().copied());
    let run = run.arg("--passphrase-stdin").stdin(PASSPHRASE);
    let run = run.arg("--new-passphrase-file").arg(new);
    run.run().succeeded()
}

#[test]
fn every_command_that_opens_an_older_copy_says_so() {
    let (_cloudeka, world, old) = without_mallory();
    let machine = world.home().join("machine.age");
    let machine = machine.to_str().expect("text");
    with_passphrase(&world, &["vault", "backup", machine]);
    let revisions = world.home().join(".local/state/cldkctl/revisions");
    let memory = fs::read_dir(&revisions).expect("a folder").flatten().next();
    let memory = memory.expect("a file").path();
    let copy = world.home().join("copy.age");
    let copy = copy.to_str().expect("text");
    let commands: &[&[&str]] = &[
        &["auth", "token"],
        &["auth", "status"],
        &["auth", "logout"],
        &["auth", "--token-stdin"],
        &["api", "/core/user/profile"],
        &["context", "list"],
        &["context", "rename", "default", "work"],
        &["unlock", "--scope", "user"],
        &["vault", "info"],
        &["vault", "backup", copy],
        &["vault", "passphrase"],
        &["vault", "tune", "--memory=19MiB", "--target=100ms"],
        &["vault", "restore", machine, "--merge"],
        &["vault", "recipients", "list"],
        &["vault", "recipients", "remove", "mallory"],
        &["vault", "recovery-key", "--kit", "sheet.txt"],
    ];
    for args in commands {
        fs::write(world.vault_path(), &old).expect("written");
        fs::write(&memory, "3\n").expect("written");
        let output = match args[..] {
            ["vault", "passphrase"] => with_new_passphrase(&world, args),
            ["auth", "--token-stdin"] => {
                let pass = world.write("passphrase", PASSPHRASE);
                let run = world.cldkctl(args.iter().copied());
                let run = run.arg("--passphrase-file").arg(pass);
                run.stdin(TOKEN).run().succeeded()
            }
            _ => with_passphrase(&world, args),
        };
        let warnings = output.stderr.matches("older copy: revision 2, where 3");
        assert_eq!(warnings.count(), 1, "{args:?}: {output}");
    }
    // A backup that is restored may be as old as it likes.
    fs::write(&memory, "5\n").expect("written");
    let restored = with_passphrase(&world, &["vault", "restore", machine, "--force"]);
    assert!(!restored.stderr.contains("older copy"), "{restored}");
}

#[test]
fn an_older_copy_that_was_saved_is_said_to_be_one_whatever_its_revision_is_until_it_is_accepted() {
    let (_cloudeka, world, old) = without_mallory();
    fs::write(world.vault_path(), &old).expect("written");
    for (before, what) in [
        (2, "is an older copy"),
        (3, "was saved from an older copy"),
        (4, "was saved from an older copy"),
    ] {
        let saved = with_new_passphrase(&world, &["vault", "passphrase"]);
        let says = format!("{what}: revision {before}, where 3 was seen");
        assert!(saved.stderr.contains(&says), "{before}: {saved}");
    }
    let verified = with_passphrase(&world, &["vault", "verify"]);
    let says = "5, which was saved from an older copy: 3 was seen before";
    assert!(verified.stdout.contains(says), "{verified}");
    assert!(verified.stdout.contains("mallory"), "{verified}");

    with_passphrase(&world, &["vault", "verify", "--accept-older"]);
    assert_eq!(with_passphrase(&world, &["auth", "token"]).stderr, "");
    with_passphrase(&world, &["context", "rename", "default", "work"]);
    assert_eq!(with_passphrase(&world, &["auth", "token"]).stderr, "");
}

#[test]
fn a_command_that_saw_less_than_another_lowers_nothing() {
    if !can_trace() {
        return;
    }
    let (_cloudeka, world, _) = changed_once();
    let revisions = world.home().join(".local/state/cldkctl/revisions");
    let files = || fs::read_dir(&revisions).expect("a folder").flatten();
    let memory = files().next().expect("a file").path();
    fs::write(&memory, "1\n").expect("written");

    // One saw revision 2, and is about to note that when another saves revision 3.
    let slow = "inject=?rename,renameat,renameat2:delay_enter=1000000:when=1";
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", slow];
    let reader = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
    let reader = reader.stdin(PASSPHRASE).under(strace).spawn();
    let is_writing = || files().count() > 1;
    assert!(wait_until(Duration::from_secs(20), is_writing));
    with_passphrase(&world, &["context", "rename", "work", "home"]);
    reader.wait().succeeded();
    assert_eq!(fs::read_to_string(&memory).expect("a text"), "3\n");
}

#[test]
fn what_is_known_is_neither_written_nor_locked_again() {
    if !can_trace() {
        return;
    }
    let (_cloudeka, world, _) = changed_once();
    let run = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
    let (output, calls) = watched(run.stdin(PASSPHRASE), &ON_FILES);
    assert_eq!(output.succeeded().stdout, format!("{TOKEN}\n"));
    let changes = |call: &&Call| call.name == "flock" || call.name.starts_with("rename");
    assert_eq!(calls.iter().filter(changes).count(), 0, "{calls:?}");
}
