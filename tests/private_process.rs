//! What others on the machine see of a running command: nothing that is secret.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use support::steps::cloudeka_and_world;
use support::{Misbehave, SOMEONE_ELSE, TOKEN, can_be_someone_else, wait_until};

#[test]
fn its_memory_is_neither_dumped_nor_read_by_its_own_user() {
    if !can_be_someone_else() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    let world = world.owned_by(SOMEONE_ELSE);
    cloudeka.misbehave(Misbehave::NeverAnswer);
    let running = world
        .cldkctl(["auth", "--token-stdin"])
        .stdin(TOKEN)
        .spawn();
    assert!(wait_until(Duration::from_secs(20), || !cloudeka
        .requests()
        .is_empty()));

    let proc = |name: &str| format!("/proc/{}/{name}", running.pid());
    let owner = fs::metadata(proc("mem")).expect("it runs").uid();
    assert_eq!(
        owner, 0,
        "the kernel takes what is not dumpable from its user, proc(5)"
    );
    let limits = fs::read_to_string(proc("limits")).expect("it runs");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    assert_eq!(
        core.expect("a limit").split_whitespace().nth(4),
        Some("0"),
        "{core:?}"
    );
    for name in ["cmdline", "environ"] {
        let bytes = fs::read(proc(name)).expect("it runs");
        assert_eq!(support::traces::find(&bytes, TOKEN), None, "{name}");
    }
}

#[test]
fn no_file_is_left_open_for_what_it_starts_nor_a_secret_put_in_one() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    let running = world
        .cldkctl(["auth", "--token-stdin"])
        .stdin(TOKEN)
        .spawn();
    assert!(wait_until(Duration::from_secs(20), || !cloudeka
        .requests()
        .is_empty()));
    for entry in fs::read_dir(format!("/proc/{}/fd", running.pid())).expect("it runs") {
        let target = fs::read_link(entry.expect("an entry").path()).expect("a link");
        let target = target.to_string_lossy().into_owned();
        let is_a_file = target.starts_with('/') && !target.starts_with("/dev/");
        assert!(
            !is_a_file,
            "{target} is open while the network is waited for"
        );
    }
    assert!(!world.data().join("cldkctl").exists());
}
