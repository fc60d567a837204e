//! A disk that is full, broken or read-only, a process without descriptors to spare: whatever
//! call fails, the command says so and ends, what it says is true, and the vault is whole.

use crate::support::Output;
use crate::support::saves::{Place, Save};
use crate::support::strace::{Call, ON_FILES, can_trace, numbers, tampered, watched};

/// Every way in which a disk or the system says no.
const ERRORS: [&str; 5] = ["ENOSPC", "EIO", "EACCES", "EROFS", "EMFILE"];

/// What fails in the quick tests: all that changes files, or looks at them by name.
const QUICK: [&str; 15] = [
    "openat",
    "write",
    "fsync",
    "?rename",
    "renameat",
    "renameat2",
    "?link",
    "linkat",
    "?unlink",
    "unlinkat",
    "?mkdir",
    "mkdirat",
    "fchmod",
    "flock",
    "statx",
];

/// What else looks at files.
const LOOKS: [&str; 8] = [
    "?stat",
    "?lstat",
    "?newfstatat",
    "?fstat",
    "read",
    "lseek",
    "getdents64",
    "?fadvise64",
];

/// What a signal may interrupt, and std, rustix or we ourselves have to make again.
const INTERRUPTIBLE: [&str; 13] = [
    "openat",
    "?open",
    "read",
    "write",
    "fsync",
    "?rename",
    "renameat",
    "renameat2",
    "?mkdir",
    "mkdirat",
    "?unlink",
    "unlinkat",
    "flock",
];

/// Whether a call is to tell somebody something: standard output or standard error.
fn is_talk(calls: &[Call]) -> bool {
    calls
        .iter()
        .filter(|call| call.text.contains("(INJECTED)"))
        .any(|call| call.name == "write" && call.text.starts_with(['1', '2']))
}

/// Threads wake each other through these, which no disk has a part in. (The call of that number
/// in each thread fails.)
fn is_between_threads(call: &Call) -> bool {
    call.text.contains("(INJECTED)") && call.text.contains("<anon_inode:")
}

/// Fails the test unless what was said is true, and enough.
#[track_caller]
fn assert_told(place: &Place, output: &Output, is_new: bool, talk: bool, when: &str) {
    let said = &output.stderr;
    assert!(
        (0..=8).contains(&output.code),
        "{when}: no documented exit code\n{output}"
    );
    assert!(
        !said.contains("panicked") && !said.contains("a bug in"),
        "{when}\n{output}"
    );
    if output.code == 0 || talk {
        return;
    }
    let lines = |start: &str| said.lines().filter(|line| line.starts_with(start)).count();
    assert_eq!(lines("error: "), 1, "{when}: one message\n{output}");
    assert_eq!(lines("hint: "), 1, "{when}: one hint\n{output}");
    let error = said.lines().find(|line| line.starts_with("error: "));
    let error = error.expect("it was counted");
    let names_it = error.contains(place.world.home().to_str().expect("text"))
        || error.contains("copies/")
        || error.contains("http://127.0.0.1")
        || error.contains("standard");
    assert!(names_it, "{when}: which file?\n{output}");
    if said.contains("unchanged") {
        assert!(
            !is_new,
            "{when}: it says that the vault is as it was\n{output}"
        );
    }
    let says_new =
        said.contains("a power failure may undo that") || said.contains("the key is in the vault");
    let is_backup = matches!(place.save, Save::Backup | Save::BackupForce);
    if says_new {
        assert!(
            is_new || is_backup,
            "{when}: it says that it was saved\n{output}"
        );
    }
    if is_new {
        assert!(
            says_new,
            "{when}: it does not say that it was saved\n{output}"
        );
    }
}

/// Fails each call of these once, from the first that is about what the command writes. The
/// errors take turns, or each call fails with `all` of them.
#[track_caller]
fn fail_everywhere(save: Save, all: bool) {
    if !can_trace() {
        return;
    }
    let place = Place::of(save);
    let after = place.state_after();
    place.reset();
    let calls = match all {
        true => [&ON_FILES[..], &LOOKS[..], &["statx"]].concat(),
        false => QUICK.to_vec(),
    };
    let (output, trace) = watched(place.command(), &calls);
    output.succeeded();
    let (mut failed, mut turn) = (0, save as usize);
    for (call, (first, last)) in numbers(&trace, |call| place.is_about_what_is_kept(&call.text)) {
        for number in first..=last {
            turn += 1;
            let errors = match all {
                true => ERRORS.to_vec(),
                false => vec![ERRORS[turn % ERRORS.len()]],
            };
            for error in errors {
                place.reset();
                let number = number.to_string();
                let what = format!("error={error}");
                let (output, made) = tampered(place.command(), &call, &number, &what);
                if made.iter().any(is_between_threads) {
                    continue;
                }
                let when = format!("{save:?}, {call} {number} of {last}: {error}");
                let is_new = place.assert_old_or_new(&after, &when);
                assert_told(&place, &output, is_new, is_talk(&made), &when);
                if output.code == 0 && save != Save::Session {
                    assert_eq!(
                        place.state(),
                        after,
                        "{when}: says that it is done\n{output}"
                    );
                }
                failed += usize::from(output.code != 0);
                place.assert_no_temporary_files(&when);
                // Two commands more; what they find was looked at already.
                if all || turn % 4 == 0 {
                    place.assert_goes_on(&when);
                }
            }
        }
    }
    assert!(failed >= 5, "{save:?}: only {failed} failures");
}

#[test]
fn a_login_whose_disk_fails_says_what_is_there() {
    fail_everywhere(Save::FirstLogin, false);
    fail_everywhere(Save::SecondLogin, false);
}

#[test]
fn a_session_that_cannot_be_kept_is_given_all_the_same() {
    fail_everywhere(Save::Session, false);
}

#[test]
fn what_is_said_of_a_session_that_is_not_kept_is_true() {
    if !can_trace() {
        return;
    }
    let place = Place::of(Save::Session);
    let after = place.state_after();
    for (call, number, says, new) in [
        ("renameat", "1", "cannot replace", false),
        ("fsync", "2", "a power failure may undo that", true),
    ] {
        place.reset();
        let (output, _) = tampered(place.command(), call, number, "error=EIO");
        let output = output.succeeded();
        assert_eq!(output.stdout.split('.').count(), 3, "the session\n{output}");
        assert!(
            output
                .stderr
                .starts_with("warning: the new session may not be saved: "),
            "{output}"
        );
        assert!(output.stderr.contains(says), "{output}");
        assert_eq!(place.assert_old_or_new(&after, call), new);
    }
}

#[test]
fn a_logout_whose_disk_fails_says_what_is_there() {
    fail_everywhere(Save::Logout, false);
    fail_everywhere(Save::LogoutAll, false);
}

#[test]
fn a_change_of_contexts_whose_disk_fails_says_what_is_there() {
    fail_everywhere(Save::ContextUse, false);
    fail_everywhere(Save::ContextRename, false);
}

#[test]
fn a_change_of_the_passphrase_whose_disk_fails_says_what_is_there() {
    fail_everywhere(Save::Passphrase, false);
    fail_everywhere(Save::Tune, false);
}

#[test]
fn a_change_of_recipients_whose_disk_fails_says_what_is_there() {
    fail_everywhere(Save::RecipientsAdd, false);
    fail_everywhere(Save::RecipientsRemove, false);
}

#[test]
fn a_recovery_key_whose_disk_fails_says_what_is_there() {
    fail_everywhere(Save::RecoveryKey, false);
}

#[test]
fn a_restore_whose_disk_fails_says_what_is_there() {
    fail_everywhere(Save::Restore, false);
    fail_everywhere(Save::RestoreForce, false);
    fail_everywhere(Save::RestoreMerge, false);
}

#[test]
fn a_backup_whose_disk_fails_says_what_is_there() {
    fail_everywhere(Save::Backup, false);
    fail_everywhere(Save::BackupForce, false);
}

#[test]
#[ignore = "each call with each error takes minutes: `cargo test disk::faults:: -- --ignored`"]
fn every_call_fails_with_every_error() {
    for save in Save::ALL {
        fail_everywhere(save, true);
    }
}

#[test]
fn a_call_that_a_signal_interrupts_is_made_again() {
    if !can_trace() {
        return;
    }
    for save in [
        Save::ContextRename,
        Save::LogoutAll,
        Save::RecoveryKey,
        Save::Restore,
        Save::RestoreForce,
        Save::BackupForce,
    ] {
        let place = Place::of(save);
        let after = place.state_after();
        place.reset();
        let (output, trace) = watched(place.command(), &INTERRUPTIBLE);
        output.succeeded();
        let about = |call: &Call| place.is_about_what_is_kept(&call.text);
        for (call, (first, last)) in numbers(&trace, about) {
            for number in first..=last {
                place.reset();
                let number = number.to_string();
                let (output, _) = tampered(place.command(), &call, &number, "error=EINTR");
                let when = format!("{save:?}, {call} {number} of {last}");
                assert_eq!(output.code, 0, "{when}\n{output}");
                assert_eq!(place.state(), after, "{when}\n{output}");
                place.assert_no_temporary_files(&when);
            }
        }
    }
}

#[test]
fn a_kernel_that_gives_no_random_bytes_at_once_saves_as_well() {
    if !can_trace() {
        return;
    }
    let place = Place::of(Save::FirstLogin);
    let after = place.state_after();
    // Every second time for the latter: what a signal interrupts is asked for again.
    for (number, error) in [("1+", "ENOSYS"), ("1+2", "EINTR")] {
        place.reset();
        let what = format!("error={error}");
        let (output, calls) = tampered(place.command(), "getrandom", number, &what);
        output.succeeded();
        assert_eq!(place.state(), after, "{error}");
        let injected = |call: &Call| call.text.contains("(INJECTED)");
        assert!(calls.iter().any(injected), "{error}");
    }
}

#[test]
fn a_folder_that_cannot_be_synced_after_all_leaves_the_new_vault_and_says_so() {
    if !can_trace() {
        return;
    }
    // The second is that of the folder: the file itself comes first.
    let place = Place::of(Save::ContextRename);
    let after = place.state_after();
    place.reset();
    let (output, _) = tampered(place.command(), "fsync", "2", "error=EIO");
    let output = output.expect_code(1);
    assert_eq!(place.state(), after);
    let vault = place.world.vault_path();
    let says = format!(
        "error: {} was written, but a power failure may undo that: cannot sync the folder: \
         Input/output error (os error 5)\n\
         hint: check the disk, and make a backup on another one; what was saved is in effect\n",
        vault.display()
    );
    assert_eq!(output.stderr, says);

    // Where folders know no such thing, there is nothing to say.
    place.reset();
    let (output, _) = tampered(place.command(), "fsync", "2", "error=EINVAL");
    output.succeeded();
    assert_eq!(place.state(), after);
}

#[test]
fn a_disk_that_loses_what_is_written_replaces_neither_a_backup_nor_the_vault() {
    if !can_trace() {
        return;
    }
    for save in [Save::BackupForce, Save::ContextRename, Save::RestoreForce] {
        let place = Place::of(save);
        let state = place.state();
        let (output, trace) = watched(place.command(), &["write"]);
        output.succeeded();
        let (at, call) = trace
            .iter()
            .enumerate()
            .rfind(|(_, call)| call.text.contains(".age.") && call.text.contains(".tmp>"))
            .expect("a temporary file is written");
        // Calls are counted in each thread.
        let before = trace[..at]
            .iter()
            .filter(|other| other.thread == call.thread);
        let number = (before.count() + 1).to_string();
        // The call says that a byte is written, and it is not. How many there are differs from
        // run to run: `age` puts a stanza of random length into the header.
        place.reset();
        let (output, _) = tampered(place.command(), "write", &number, "retval=1");
        let output = output.expect_code(1);
        assert!(
            output
                .stderr
                .contains("gives back something else than was written"),
            "{output}"
        );
        place.assert_old_or_new(&state, &format!("{save:?}"));
        assert_eq!(place.state(), state);
        place.assert_no_temporary_files(&format!("{save:?}"));
    }
}
