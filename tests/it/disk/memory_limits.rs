//! A limit on memory, as containers and services have it: a derivation that takes more is refused
//! before the kernel ends the process without a word.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::support::steps::{
    are_installed, assert_unlocked, auth, cloudeka_and_world, contents_of, kdf_of, logged_in,
};
use crate::support::world::{Cldkctl, Output};
use crate::support::{
    PASSPHRASE, Standin, TOKEN, World, can_be_someone_else, output_of, skip, wait_until,
};

/// A control group, gone when dropped.
struct Group(PathBuf);

impl Group {
    /// One with this limit, in MiB; `None`, with the skip said, where none can be made.
    #[track_caller]
    fn limited_to(mib: u32) -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        if !can_be_someone_else() {
            return None;
        }
        let first = Path::new("/sys/fs/cgroup/memory");
        let (root, limit) = match first.exists() {
            true => (first, "memory.limit_in_bytes"),
            false => (Path::new("/sys/fs/cgroup"), "memory.max"),
        };
        // Of version 2, where it is not on yet.
        let _ = fs::write(root.join("cgroup.subtree_control"), "+memory");
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let group = root.join(format!("cldkctl-test-{}-{number}", std::process::id()));
        if fs::create_dir(&group).is_err() {
            skip("no control group can be made here");
            return None;
        }
        let group = Self(group);
        if fs::write(group.0.join(limit), (u64::from(mib) << 20).to_string()).is_err() {
            skip("control groups do not limit memory here");
            return None;
        }
        Some(group)
    }

    /// A group below this one, without a limit of its own.
    #[track_caller]
    fn below(&self) -> Self {
        let group = self.0.join("below");
        fs::create_dir(&group).expect("a group");
        Self(group)
    }

    /// What runs a command in the group.
    fn wrapper(&self) -> [String; 3] {
        let join = format!("echo $$ > {}/cgroup.procs", self.0.display());
        let script = format!("{join} && exec \"$0\" \"$@\"");
        ["sh".to_owned(), "-c".to_owned(), script]
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The last process in it may still be on its way out.
        wait_until(std::time::Duration::from_secs(5), || {
            fs::remove_dir(&self.0).is_ok()
        });
    }
}

/// A login whose vault takes 200 MiB to open.
#[track_caller]
fn costly() -> (Standin, World) {
    let (cloudeka, world) = cloudeka_and_world();
    let cost = [
        "--kdf-memory",
        "200MiB",
        "--kdf-iterations",
        "1",
        "--no-unlock",
    ];
    auth(&world).args(cost).run().succeeded();
    (cloudeka, world)
}

fn by_passphrase<'a>(world: &'a World, args: &[&str]) -> Cldkctl<'a> {
    world.write("run/cldkctl.passphrase", PASSPHRASE);
    let run = world.cldkctl(args.iter().copied());
    run.env("CREDENTIALS_DIRECTORY", world.runtime())
}

#[track_caller]
fn assert_refused(output: Output, needed: &str) {
    let output = output.expect_code(1);
    let takes = format!("takes {needed} MiB of memory, and the limit");
    assert!(output.stderr.contains(&takes), "{output}");
    assert!(output.stderr.contains("hint: raise that limit"), "{output}");
}

#[test]
fn a_limit_below_the_cost_of_the_vault_is_told() {
    let Some(group) = Group::limited_to(128) else {
        return;
    };
    let (_cloudeka, world) = costly();
    world.write("new", "copper lantern winter meadow");
    by_passphrase(&world, &["vault", "backup", "copy.age"])
        .run()
        .succeeded();
    let before = fs::read(world.vault_path()).expect("a vault");
    for args in [
        &["auth", "token"][..],
        &["unlock"],
        &["context", "list"],
        &["vault", "tune", "--target", "100ms"],
        &["vault", "passphrase", "--new-passphrase-file", "new"],
        &["vault", "restore", "copy.age", "--force"],
    ] {
        let run = by_passphrase(&world, args).under(group.wrapper());
        assert_refused(run.run(), "200");
    }
    assert_eq!(fs::read(world.vault_path()).expect("a vault"), before);
    // Before anything is typed.
    let mut terminal = world.cldkctl(["unlock"]).under(group.wrapper()).on_pty();
    terminal.expect("takes 200 MiB of memory");
    assert_eq!(terminal.wait(), 1, "{}", terminal.screen());
    assert!(!terminal.screen().contains("passphrase:"));
}

#[test]
fn a_limit_of_a_group_further_up_counts() {
    let Some(group) = Group::limited_to(128) else {
        return;
    };
    let below = group.below();
    let (_cloudeka, world) = costly();
    let token = by_passphrase(&world, &["auth", "token"]).under(below.wrapper());
    assert_refused(token.run(), "200");
    drop(below);
}

#[test]
fn a_limit_that_others_have_used_up_counts_as_far_as_they_have() {
    let Some(group) = Group::limited_to(320) else {
        return;
    };
    let (_cloudeka, world) = costly();
    let token = || by_passphrase(&world, &["auth", "token"]).under(group.wrapper());
    token().run().succeeded();
    // Files in memory stay charged to the group of whoever wrote them.
    let file = tempfile::NamedTempFile::new_in("/dev/shm").expect("a file in memory");
    let write = |bytes: &str, to: &str| {
        let [sh, c, script] = group.wrapper();
        let mut command = std::process::Command::new(sh);
        let head = format!("head -c {bytes} /dev/zero > {to}");
        output_of(command.args([c, script]).args(["sh", "-c", &head]))
    };
    let path = file.path().to_str().expect("text");
    assert!(write("160M", path).status.success());
    assert_refused(token().run(), "200");
    drop(file);
    // What is only cached can be taken back.
    let cached = world.home().join("cached");
    write("250M", cached.to_str().expect("text"));
    token().run().succeeded();
}

#[test]
fn a_vault_is_not_made_where_it_could_not_be_opened() {
    let Some(group) = Group::limited_to(128) else {
        return;
    };
    let (cloudeka, world) = cloudeka_and_world();
    let world = world.without_settings();
    assert_refused(auth(&world).under(group.wrapper()).run(), "256");
    assert_eq!(cloudeka.connections(), 0, "the token was not sent in vain");
    assert!(!world.vault_path().exists());
    // As the hint says.
    let cost = ["--kdf-memory", "64MiB", "--no-unlock"];
    auth(&world)
        .args(cost)
        .under(group.wrapper())
        .run()
        .succeeded();
    assert_eq!(kdf_of(&world.vault_path())[1], "65536");
    let token = by_passphrase(&world, &["auth", "token"]).under(group.wrapper());
    assert_eq!(token.run().succeeded().stdout, format!("{TOKEN}\n"));
    let tune = ["vault", "tune", "--memory", "64MiB", "--target", "100ms"];
    by_passphrase(&world, &tune)
        .under(group.wrapper())
        .run()
        .succeeded();
    contents_of(&world.vault_path(), PASSPHRASE);
    let tune = by_passphrase(&world, &["vault", "tune"]).under(group.wrapper());
    assert_refused(tune.run(), "256");
}

#[test]
fn an_unlocked_vault_opens_in_little_memory() {
    let Some(group) = Group::limited_to(32) else {
        return;
    };
    let (_cloudeka, world) = costly();
    by_passphrase(&world, &["unlock"]).run().succeeded();
    assert_unlocked(&world);
    let token = world.cldkctl(["auth", "token"]).under(group.wrapper());
    assert_eq!(token.run().succeeded().stdout, format!("{TOKEN}\n"));
}

#[test]
fn a_limit_on_the_address_space_is_told_as_well() {
    if !are_installed(&["prlimit"]) {
        return;
    }
    let (_cloudeka, world) = costly();
    for limit in ["--as=150000000", "--data=150000000"] {
        let token = by_passphrase(&world, &["auth", "token"]);
        let output = token.under(["prlimit", limit, "--"]).run().expect_code(1);
        assert!(output.stderr.contains("KiB of memory"), "{output}");
        assert!(output.stderr.contains("ulimit -v"), "{output}");
    }
    let (_cloudeka, world) = logged_in();
    let token = by_passphrase(&world, &["auth", "token"]);
    token
        .under(["prlimit", "--as=400000000", "--"])
        .run()
        .succeeded();
}
