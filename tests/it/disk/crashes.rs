//! Killed at any system call of any command that writes: there is the old vault or the new
//! one, whole; the next command works; and nothing piles up.
//!
//! SIGKILL comes right before the call is made. Only calls that write, make, rename or remove
//! what is kept change the disk, and between two of them nothing does: so a kill at each of these,
//! and at the end, meets every state that a crash of the process can leave behind. (A crash of
//! the machine is `disk/power_failure.rs`.)

use crate::support::saves::{Place, Save};
use crate::support::strace::{Call, ON_FILES, can_trace, killed, points, tampered_with, watched};

/// Kills the command at each call that changes what it writes, and at the end.
#[track_caller]
fn kill_everywhere(save: Save) {
    kill_at(
        save,
        &[&ON_FILES[..], &["exit_group"]].concat(),
        LEAST,
        |place, call| {
            call.name == "exit_group" || place.is_about_what_is_kept(&call.text) && changes(call)
        },
    );
}

/// Whether a call on a file or folder may change it. What only opens, locks or closes leaves it
/// as it is, and so does a sync, as long as the machine runs.
fn changes(call: &Call) -> bool {
    match call.name.as_str() {
        "openat" | "open" => call.text.contains("O_CREAT") || call.text.contains("O_TRUNC"),
        "close" | "flock" | "fsync" | "fdatasync" => false,
        _ => true,
    }
}

/// Fewer kills than this, and the test has lost what it is about.
const LEAST: usize = 4;

/// Kills the command at each of these calls that is `of_interest`, at least at `least` of them.
#[track_caller]
fn kill_at(save: Save, calls: &[&str], least: usize, of_interest: fn(&Place, &Call) -> bool) {
    if !can_trace() {
        return;
    }
    let place = Place::of(save);
    let after = place.state_after();
    place.reset();
    let (output, trace) = watched(place.command(), calls);
    output.succeeded();
    let (mut kills, mut old, mut new) = (0, 0, 0);
    let begins = |call: &Call| place.is_about_what_is_kept(&call.text);
    for (call, number) in points(&trace, begins, |call| of_interest(&place, call)) {
        place.reset();
        let output = killed(place.command(), &call, number);
        if output.code == 0 {
            continue;
        }
        let when = format!("{save:?}, killed at {call} {number}");
        assert_eq!(output.code, 128 + 9, "{when}\n{output}");
        kills += 1;
        match place.assert_old_or_new(&after, &when) {
            false => old += 1,
            true => new += 1,
        }
        let alarmed = place.assert_goes_on(&when);
        // One story begins with an older copy; until it is accepted, that is said.
        assert!(!alarmed || save == Save::AcceptOlder, "{when}");
    }
    assert!(kills >= least, "{save:?}: only {kills} kills");
    assert!(
        old > 0,
        "{save:?}: none of {kills} kills left the old vault"
    );
    let changes = place.state_before() != &after;
    assert_eq!(new > 0, changes, "{save:?}: {new} of {kills} kills");
}

#[test]
fn a_first_login_that_is_killed_leaves_no_vault_or_a_whole_one() {
    kill_everywhere(Save::FirstLogin);
}

#[test]
fn a_second_login_that_is_killed_leaves_the_old_vault_or_the_new() {
    kill_everywhere(Save::SecondLogin);
}

#[test]
fn a_session_that_is_renewed_is_in_the_vault_or_not() {
    kill_everywhere(Save::Session);
}

#[test]
fn a_logout_that_is_killed_is_done_or_not() {
    kill_everywhere(Save::Logout);
}

#[test]
fn a_logout_of_all_that_is_killed_is_done_or_not() {
    kill_everywhere(Save::LogoutAll);
}

#[test]
fn a_context_that_is_chosen_is_the_current_one_or_not() {
    kill_everywhere(Save::ContextUse);
}

#[test]
fn a_context_that_is_renamed_has_one_of_its_names() {
    kill_everywhere(Save::ContextRename);
}

#[test]
fn a_credential_that_is_added_is_there_or_not() {
    kill_everywhere(Save::CredentialAdd);
}

#[test]
fn a_change_of_the_passphrase_that_is_killed_is_done_or_not() {
    kill_everywhere(Save::Passphrase);
}

#[test]
fn a_change_of_the_cost_that_is_killed_is_done_or_not() {
    kill_everywhere(Save::Tune);
}

#[test]
fn a_recipient_that_is_added_is_there_or_not() {
    kill_everywhere(Save::RecipientsAdd);
}

#[test]
fn a_recipient_that_is_removed_is_gone_or_not() {
    kill_everywhere(Save::RecipientsRemove);
}

#[test]
fn a_recovery_key_that_the_vault_has_is_on_a_sheet() {
    kill_everywhere(Save::RecoveryKey);
}

#[test]
fn a_restore_that_is_killed_leaves_no_vault_or_that_of_the_backup() {
    kill_everywhere(Save::Restore);
}

#[test]
fn a_restore_by_force_that_is_killed_loses_no_vault() {
    kill_everywhere(Save::RestoreForce);
}

#[test]
fn a_merge_that_is_killed_is_done_or_not() {
    kill_everywhere(Save::RestoreMerge);
}

#[test]
fn a_backup_that_is_killed_is_there_whole_or_not_at_all() {
    kill_everywhere(Save::Backup);
}

#[test]
fn a_backup_by_force_that_is_killed_leaves_the_old_backup_or_the_new() {
    kill_everywhere(Save::BackupForce);
}

#[test]
fn an_older_copy_that_is_accepted_is_accepted_or_not() {
    kill_everywhere(Save::AcceptOlder);
}

#[test]
fn where_a_rename_cannot_spare_what_is_there_a_new_backup_is_whole_as_well() {
    if !can_trace() {
        return;
    }
    // Some file systems do not know RENAME_NOREPLACE: the file gets a second name by a link.
    const UNKNOWN: &str = "renameat2:error=EINVAL";
    let place = Place::of(Save::Backup);
    let after = place.state();
    let (output, calls) = tampered_with(place.command(), &[UNKNOWN, "linkat:delay_enter=0"]);
    output.succeeded();
    assert!(calls.iter().any(|call| call.name == "linkat"), "{calls:?}");
    for kill in [
        "renameat2:signal=KILL",
        "linkat:signal=KILL",
        "unlink,unlinkat:signal=KILL",
        "fsync:signal=KILL:when=2",
    ] {
        place.reset();
        let unknown = if kill.starts_with("renameat2") {
            vec![kill]
        } else {
            vec![UNKNOWN, kill]
        };
        let (output, _) = tampered_with(place.command(), &unknown);
        assert_eq!(output.code, 128 + 9, "{kill}\n{output}");
        place.assert_old_or_new(&after, kill);
        place.assert_goes_on(kill);
    }
}

#[test]
#[ignore = "all calls, those on memory among them, take 20 minutes: `cargo test disk::crashes:: -- --ignored`"]
fn every_saving_command_is_killed_at_every_call_of_any_kind() {
    for save in Save::ALL {
        kill_at(save, &["all"], 50, |_, _| true);
    }
}
