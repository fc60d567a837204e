//! An older copy of the vault, put back in its place, is used and noticed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::Duration;

use crate::support::steps::{are_installed, logged_in};
use crate::support::strace::{Call, ON_FILES, can_trace, watched};
use crate::support::world::set_mode;
use crate::support::{PASSPHRASE, SOMEONE_ELSE, TOKEN, World, can_be_someone_else, wait_until};
use rustix::fs::{CWD, FileType, Mode, mknodat};

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

/// The file that remembers the one vault.
fn memory_of(world: &World) -> PathBuf {
    let revisions = world.home().join(".local/state/cldkctl/revisions");
    let mut files = fs::read_dir(&revisions).expect("a folder").flatten();
    let memory = files.next().expect("a file").path();
    assert!(files.next().is_none(), "one vault, one file");
    memory
}

const NOT_NOTICED: &str = "warning: an older copy of the vault would not be noticed: ";

/// An unreadable memory may hold a higher number, which a lower one in its place would lose.
#[test]
fn a_memory_that_cannot_be_read_is_reported_and_stays_until_the_vault_is_accepted() {
    let (_cloudeka, world, old) = changed_once();
    let memory = memory_of(&world);
    let texts: [&[u8]; 9] = [
        b"",
        b"\n",
        b"99",
        b"99 old",
        b"99 newer\n",
        b"-99\n",
        b"99999999999999999999\n",
        b"\xff99\n",
        b"{\"revision\":99}\n",
    ];
    for text in texts {
        fs::write(world.vault_path(), &old).expect("written");
        fs::write(&memory, text).expect("written");
        for args in [
            &["auth", "token"][..],
            &["context", "rename", "default", "work"],
        ] {
            let output = with_passphrase(&world, args);
            assert_eq!(
                output.stderr.matches(NOT_NOTICED).count(),
                1,
                "{text:?}: {output}"
            );
            assert!(output.stderr.contains("--accept-older"), "{output}");
            assert_eq!(fs::read(&memory).expect("a file"), text, "{args:?}");
        }
        let verified = with_passphrase(&world, &["vault", "verify"]);
        assert!(verified.stderr.contains(NOT_NOTICED), "{verified}");
        assert_eq!(fs::read(&memory).expect("a file"), text);
        with_passphrase(&world, &["vault", "verify", "--accept-older"]);
        assert_eq!(fs::read(&memory).expect("a file"), b"2\n");
        assert_eq!(with_passphrase(&world, &["auth", "token"]).stderr, "");
    }
    // Nor does a restored backup settle it.
    let backup = world.write("backup.age", &old);
    fs::write(&memory, texts[2]).expect("written");
    let restore = [
        "vault",
        "restore",
        "--force",
        backup.to_str().expect("text"),
    ];
    let output = with_passphrase(&world, &restore);
    assert_eq!(output.stderr.matches(NOT_NOTICED).count(), 1, "{output}");
    assert_eq!(fs::read(&memory).expect("a file"), texts[2]);
}

#[test]
fn what_is_no_file_in_place_of_a_memory_is_reported_and_stays() {
    let (_cloudeka, world, _) = changed_once();
    let memory = memory_of(&world);
    let nowhere = world.home().join("nowhere");
    let make: [(&str, &dyn Fn()); 5] = [
        ("a dangling link", &|| {
            symlink(&nowhere, &memory).expect("a link");
        }),
        ("a folder", &|| fs::create_dir(&memory).expect("a folder")),
        ("a pipe", &|| {
            mknodat(CWD, &memory, FileType::Fifo, Mode::from_raw_mode(0o600), 0).expect("a pipe");
        }),
        ("a loop", &|| symlink(&memory, &memory).expect("a link")),
        ("too large", &|| {
            let file = fs::File::create(&memory).expect("a file");
            file.set_len(65 << 20).expect("a file with a hole");
        }),
    ];
    for (what, make) in make {
        fs::remove_file(&memory)
            .or_else(|_| fs::remove_dir(&memory))
            .expect("removed");
        make();
        let kind = || {
            fs::symlink_metadata(&memory)
                .expect("it is there")
                .file_type()
        };
        let before = kind();
        let output = with_passphrase(&world, &["auth", "token"]);
        assert!(output.stderr.contains(NOT_NOTICED), "{what}: {output}");
        assert_eq!(kind(), before, "{what}");
        let accept = ["vault", "verify", "--accept-older", "--passphrase-stdin"];
        let accepted = world.cldkctl(accept).stdin(PASSPHRASE).run();
        if what == "a folder" || what == "a pipe" {
            let output = accepted.expect_code(1);
            assert!(output.stderr.contains("not a regular file"), "{output}");
            assert!(output.stderr.contains("hint: "), "{output}");
            assert_eq!(kind(), before, "{what}");
        } else {
            accepted.succeeded();
            assert_eq!(fs::read(&memory).expect("a file"), b"2\n", "{what}");
        }
        let _ = fs::remove_file(&nowhere);
    }
}

#[test]
fn a_memory_without_permission_to_read_it_is_reported_and_stays() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world, old) = changed_once();
    let memory = memory_of(&world);
    let world = world.owned_by(SOMEONE_ELSE);
    fs::write(world.vault_path(), &old).expect("written");
    for (closed, bits) in [
        (memory.clone(), 0o600),
        (memory.parent().expect("a folder").to_owned(), 0o700),
    ] {
        set_mode(&closed, 0);
        let output = with_passphrase(&world, &["auth", "token"]);
        assert!(output.stderr.contains(NOT_NOTICED), "{output}");
        assert!(output.stderr.contains("Permission denied"), "{output}");
        set_mode(&closed, bits);
        assert_eq!(fs::read(&memory).expect("a file"), b"2\n");
    }
    let output = with_passphrase(&world, &["auth", "token"]);
    assert!(output.stderr.contains("is an older copy"), "{output}");
}

/// Runs it where no file may be larger than `bytes`: enough for what is remembered.
fn with_files_of_at_most(world: &World, bytes: usize, args: &[&str]) -> crate::support::Output {
    let limit = format!("--fsize={bytes}");
    let run = world.cldkctl(args.iter().copied());
    let run = run.arg("--passphrase-stdin").stdin(PASSPHRASE);
    run.under(["prlimit", &limit, "--"]).run()
}

#[test]
fn a_restore_that_fails_changes_nothing_that_is_remembered() {
    if !are_installed(&["prlimit"]) {
        return;
    }
    let (_cloudeka, world, old) = changed_once();
    // Larger than the vault that is there by more than the stanza of random length that `age`
    // puts into a header.
    let backup = world.home().join("backup.age");
    let backup = backup.to_str().expect("text");
    for number in 0..9 {
        let label = format!("recipient {number}");
        let key = age::x25519::Identity::generate().to_public().to_string();
        with_passphrase(
            &world,
            &["vault", "recipients", "add", &key, "--label", &label],
        );
    }
    with_passphrase(&world, &["vault", "backup", backup]);
    fs::write(world.vault_path(), &old).expect("written");
    let restore = ["vault", "restore", "--force", backup];
    // The backup has revision 11.
    for before in ["1\n", "9\n", "11\n", "20\n", "1 older\n", "20 older\n"] {
        fs::write(memory_of(&world), before).expect("written");
        let output = with_files_of_at_most(&world, old.len(), &restore).expect_code(1);
        assert!(output.stderr.contains("unchanged"), "{output}");
        assert_eq!(fs::read(world.vault_path()).expect("a vault"), old);
        let after = fs::read_to_string(memory_of(&world)).expect("a text");
        assert_eq!(after, before);
    }
    with_passphrase(&world, &restore);
    assert_eq!(fs::read(memory_of(&world)).expect("a file"), b"11\n");
}

#[test]
fn a_save_of_an_older_copy_that_fails_leaves_the_newest_vault_beyond_doubt() {
    if !are_installed(&["prlimit"]) {
        return;
    }
    let (_cloudeka, world, old) = changed_once();
    let new = fs::read(world.vault_path()).expect("a vault");
    fs::write(world.vault_path(), &old).expect("written");
    let rename = ["context", "rename", "default", "home"];
    with_files_of_at_most(&world, 100, &rename).expect_code(1);
    assert_eq!(fs::read(memory_of(&world)).expect("a file"), b"2\n");
    fs::write(world.vault_path(), &new).expect("written");
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
