//! The vault on a machine that is shared: with other people, and with other commands that
//! change it at the same time.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{MetadataExt as _, chown, symlink};
use std::time::Duration;

use crate::support::steps::{auth, cloudeka_and_world, contents_of, logged_in, names_in};
use crate::support::world::{mode, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, TOKEN, can_be_someone_else};
use rustix::fs::FlockOperation;

#[test]
fn somebody_elses_folder_is_refused() {
    if !can_be_someone_else() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    let folder = world.data().join("cldkctl");
    fs::create_dir(&folder).expect("a folder");
    set_mode(&folder, 0o755);
    chown(&folder, Some(SOMEONE_ELSE), None).expect("root may");
    let output = auth(&world).run().expect_code(1);
    for text in [folder.to_str().expect("text"), "65432", "hint:"] {
        assert!(output.stderr.contains(text), "{text}: {output}");
    }
    assert_eq!(names_in(&folder), [""; 0]);
    assert_eq!(
        cloudeka.connections(),
        0,
        "better known before the token is sent"
    );
}

#[test]
fn somebody_elses_vault_is_refused() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    chown(world.vault_path(), Some(SOMEONE_ELSE), None).expect("root may");
    let before = world.files();
    for run in [
        auth(&world),
        world.cldkctl(["auth", "token"]),
        world.cldkctl(["vault", "info"]),
        world.cldkctl(["auth", "logout", "--all"]),
    ] {
        let output = run.run().expect_code(1);
        assert!(
            output.stderr.contains("vault.age") && output.stderr.contains("65432"),
            "{output}"
        );
    }
    let mut after = world.files();
    after.retain(|path, _| !path.ends_with("cldkctl.passphrase"));
    assert_eq!(after, before);
}

#[test]
fn a_user_logs_in_at_home() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    let world = world.owned_by(SOMEONE_ELSE);
    world.write("run/cldkctl.passphrase", PASSPHRASE);
    let run = world
        .cldkctl(["auth", "--token-stdin"])
        .env("CREDENTIALS_DIRECTORY", world.runtime());
    run.stdin(TOKEN).run().succeeded();
    assert_eq!(
        fs::metadata(world.vault_path()).expect("a vault").uid(),
        SOMEONE_ELSE
    );
}

#[test]
fn a_folder_that_others_may_write_in_is_refused() {
    let (cloudeka, world) = cloudeka_and_world();
    let folder = world.home().join("shared");
    fs::create_dir(&folder).expect("a folder");
    for bits in [0o777, 0o770, 0o775, 0o707] {
        set_mode(&folder, bits);
        let output = auth(&world)
            .arg("--vault")
            .arg(folder.join("v.age"))
            .run()
            .expect_code(1);
        assert!(
            output.stderr.contains("other users can replace") && output.stderr.contains("chmod"),
            "{output}"
        );
        assert_eq!(names_in(&folder), [""; 0]);
    }
    assert_eq!(cloudeka.connections(), 0);
    // Where a link leads counts as well as where it lies.
    symlink(folder.join("v.age"), world.home().join("link.age")).expect("a link");
    auth(&world)
        .arg("--vault")
        .arg(world.home().join("link.age"))
        .run()
        .expect_code(1);

    set_mode(&folder, 0o1777);
    auth(&world)
        .arg("--vault")
        .arg(folder.join("v.age"))
        .run()
        .succeeded();
    assert_eq!(mode(folder.join("v.age")), 0o600, "as in /tmp");
}

#[test]
fn a_lock_that_another_holds_is_waited_for() {
    let (_cloudeka, world) = logged_in();
    let lock = world.data().join("cldkctl/vault.age.lock");
    let lock = OpenOptions::new()
        .write(true)
        .open(lock)
        .expect("the lock file");
    rustix::fs::flock(&lock, FlockOperation::LockExclusive).expect("the lock");
    let before = fs::read(world.vault_path()).expect("a vault");

    let running = auth(&world).spawn();
    std::thread::sleep(Duration::from_millis(1500));
    assert_eq!(fs::read(world.vault_path()).expect("a vault"), before);
    // Whoever only reads does not wait.
    let token = world
        .cldkctl(["auth", "token", "--passphrase-stdin"])
        .stdin(PASSPHRASE);
    token.patience(Duration::from_secs(2)).run().succeeded();

    drop(lock);
    let output = running.wait().succeeded();
    assert!(
        output.stderr.contains("Waiting for another cldkctl"),
        "{output}"
    );
    assert_eq!(contents_of(&world.vault_path(), PASSPHRASE)["revision"], 2);
}

#[test]
fn many_logins_at_once_lose_nothing() {
    let (_cloudeka, world) = logged_in();
    let names = ["a", "b", "c", "d", "e", "f"];
    let running = names.map(|name| auth(&world).args(["--context", name]).spawn());
    for each in running {
        each.wait().succeeded();
    }
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let contexts = contents["contexts"].as_array().expect("contexts");
    let mut found: Vec<_> = contexts
        .iter()
        .map(|one| one["name"].as_str().expect("text"))
        .collect();
    found.sort_unstable();
    assert_eq!(found, ["a", "b", "c", "d", "default", "e", "f"]);
    assert_eq!(contents["revision"], 7);
}

#[test]
fn two_first_logins_at_once_make_one_vault() {
    let (_cloudeka, world) = cloudeka_and_world();
    let running = ["a", "b"].map(|name| auth(&world).args(["--context", name]).spawn());
    for each in running {
        each.wait().succeeded();
    }
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(contents["contexts"].as_array().map_or(0, Vec::len), 2);
    assert_eq!(contents["revision"], 2);
}

#[test]
fn a_link_that_somebody_else_put_in_a_shared_folder_is_not_followed() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    let shared = world.home().join("shared");
    fs::create_dir(&shared).expect("a folder");
    set_mode(&shared, 0o1777);
    let aim = world.home().join("aim");
    let link = shared.join("vault.age");
    symlink(&aim, &link).expect("a link");
    rustix::fs::chownat(
        rustix::fs::CWD,
        &link,
        Some(rustix::fs::Uid::from_raw(SOMEONE_ELSE)),
        None,
        rustix::fs::AtFlags::SYMLINK_NOFOLLOW,
    )
    .expect("root may");
    let output = auth(&world).arg("--vault").arg(&link).run().expect_code(1);
    assert!(output.stderr.contains("65432"), "{output}");
    assert!(!aim.exists());
}
