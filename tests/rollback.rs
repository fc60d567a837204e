//! An older copy of the vault, put back in its place, is used and noticed.

mod support;

use std::fs;

use support::steps::logged_in;
use support::{PASSPHRASE, World};

fn with_passphrase(world: &World, args: &[&str]) -> support::Output {
    world
        .cldkctl(args.iter().copied())
        .arg("--passphrase-stdin")
        .stdin(PASSPHRASE)
        .run()
        .succeeded()
}

/// A vault at revision 2, and its bytes at revision 1.
fn changed_once() -> (support::Standin, World, Vec<u8>) {
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
