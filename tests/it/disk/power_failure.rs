//! What a power failure may undo: nothing that a command said was done. A file system keeps
//! what was synced, and may have done the rest in any order; so the order of the calls tells.
//!
//! - A file has its bytes on the disk before it gets its name.
//! - The name is on the disk before the command says that it is done.
//! - So is each folder that was made on the way, in the folder above it.

use std::path::Path;

use crate::support::saves::{Place, Save};
use crate::support::strace::{Call, ON_FILES, can_trace, watched};

/// The path of the file that a call such as `fsync(4</home/x>)` is about.
fn of_descriptor(call: &Call) -> Option<&str> {
    let (_, path) = call.text.split_once('<')?;
    let (path, _) = path.split_once('>')?;
    Some(path)
}

/// The paths that stand in quotes, `copies` at home being the only relative one.
fn in_quotes(call: &Call, home: &str) -> Vec<String> {
    let whole = |path: &str| match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{home}/{path}"),
    };
    call.text.split('"').skip(1).step_by(2).map(whole).collect()
}

fn is(call: &Call, names: &[&str]) -> bool {
    names.contains(&call.name.as_str()) && !call.text.contains("= -1")
}

fn folder_of(path: &str) -> &str {
    Path::new(path)
        .parent()
        .and_then(Path::to_str)
        .expect("text")
}

/// Runs the command, and fails the test when a call comes too early or not at all. There is at
/// least one of `calls`.
#[track_caller]
fn assert_in_order(save: Save, calls: &[&str]) {
    if !can_trace() {
        return;
    }
    let place = Place::of(save);
    let home = place.world.home();
    let home = home.to_str().expect("text");
    let (output, trace) = watched(place.command(), &ON_FILES);
    output.succeeded();
    let synced = |path: &str, calls: &[Call]| {
        calls
            .iter()
            .any(|call| is(call, &["fsync", "fdatasync"]) && of_descriptor(call) == Some(path))
    };
    let mut seen = 0;
    for (at, call) in trace.iter().enumerate() {
        let (before, after) = trace.split_at(at);
        // Until the command says something to somebody, or touches another file.
        let said = |call: &Call| call.name == "write" && call.text.starts_with(['1', '2']);
        let until_said = after.iter().position(said).unwrap_or(after.len());
        let soon = &after[..until_said];
        let paths = in_quotes(call, home);
        let names: Vec<_> = paths.iter().map(String::as_str).collect();
        if !names.iter().any(|path| path.starts_with(home)) {
            continue;
        }
        let lasts: &str = if is(call, &["rename", "renameat", "renameat2", "link", "linkat"]) {
            let [from, to] = names[..] else {
                panic!("two names: {call:?}");
            };
            let wrote = |call: &Call| is(call, &["write"]) && of_descriptor(call) == Some(from);
            let last = before.iter().rposition(wrote).expect("it was written");
            assert!(
                synced(from, &before[last..]),
                "{save:?}: named before it is on the disk: {call:?}"
            );
            to
        } else if is(call, &["mkdir", "mkdirat", "unlink", "unlinkat"]) {
            names[0]
        } else {
            continue;
        };
        seen += usize::from(calls.contains(&call.name.as_str()));
        assert!(
            synced(folder_of(lasts), soon),
            "{save:?}: said to be done before it is on the disk: {call:?}"
        );
    }
    assert!(seen > 0, "{save:?}: none of {calls:?}");
}

const RENAMES: &[&str] = &["rename", "renameat", "renameat2"];

#[test]
fn a_new_vault_and_the_folders_on_the_way_to_it_are_on_the_disk_when_it_is_said() {
    assert_in_order(Save::FirstLogin, RENAMES);
    assert_in_order(Save::FirstLogin, &["mkdir", "mkdirat"]);
    assert_in_order(Save::Restore, &["mkdir", "mkdirat"]);
}

#[test]
fn a_saved_vault_is_on_the_disk_when_it_is_said() {
    for save in [
        Save::SecondLogin,
        Save::Session,
        Save::Logout,
        Save::ContextRename,
        Save::Passphrase,
        Save::RecipientsRemove,
        Save::RecoveryKey,
    ] {
        assert_in_order(save, RENAMES);
    }
}

#[test]
fn a_backup_and_a_restored_vault_are_on_the_disk_when_it_is_said() {
    for save in [
        Save::Backup,
        Save::BackupForce,
        Save::RestoreForce,
        Save::RestoreMerge,
    ] {
        assert_in_order(save, RENAMES);
    }
}

#[test]
fn a_removed_vault_is_off_the_disk_when_it_is_said() {
    assert_in_order(Save::LogoutAll, &["unlink", "unlinkat"]);
}
