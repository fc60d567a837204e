//! The vault's place on disk: links, crashes, read-only folders, and things that are no
//! vault at all. What other people and other commands do to it is in `disk/others.rs`.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, symlink};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::steps::{auth, cloudeka_and_world, contents_of, log_in, logged_in, names_in};
use crate::support::world::{mode, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, TOKEN, World, can_be_someone_else};
use rustix::fs::{FileType, Mode};

#[test]
fn a_link_to_the_vault_stays_one_and_what_it_points_to_is_replaced() {
    let (_cloudeka, world) = logged_in();
    let real = world.home().join("synced");
    fs::create_dir(&real).expect("a folder");
    set_mode(&real, 0o700);
    fs::rename(world.vault_path(), real.join("my.age")).expect("moved");
    symlink("../../synced/my.age", world.vault_path()).expect("a relative link");
    let before = fs::metadata(real.join("my.age")).expect("a file").ino();

    log_in(&world, TOKEN, &[]);
    assert!(world.vault_path().is_symlink());
    assert_eq!(
        fs::read_link(world.vault_path()).expect("a link"),
        Path::new("../../synced/my.age")
    );
    assert_eq!(contents_of(&real.join("my.age"), PASSPHRASE)["revision"], 2);
    assert_eq!(mode(real.join("my.age")), 0o600);
    assert_ne!(
        fs::metadata(real.join("my.age")).expect("a file").ino(),
        before,
        "replaced whole"
    );
    assert_eq!(
        names_in(&real),
        ["my.age", "my.age.lock"],
        "the lock is beside the file itself"
    );
}

#[test]
fn a_link_through_links_and_a_linked_folder_lead_to_the_vault() {
    let (_cloudeka, world) = logged_in();
    let real = world.home().join("real");
    fs::rename(world.data().join("cldkctl"), &real).expect("moved");
    symlink("../real", world.data().join("cldkctl")).expect("a link to a folder");
    symlink("vault.age", real.join("one")).expect("a link");
    symlink(real.join("one"), world.home().join("two")).expect("a link");
    auth(&world)
        .arg("--vault")
        .arg(world.home().join("two"))
        .run()
        .succeeded();
    assert!(world.home().join("two").is_symlink() && real.join("one").is_symlink());
    auth(&world).run().succeeded();
    assert_eq!(
        contents_of(&real.join("vault.age"), PASSPHRASE)["revision"],
        3
    );
}

#[test]
fn a_link_that_leads_to_nothing_yet_gets_a_vault_at_its_end() {
    let (_cloudeka, world) = cloudeka_and_world();
    let folder = world.data().join("cldkctl");
    fs::create_dir(&folder).expect("a folder");
    set_mode(&folder, 0o700);
    symlink(
        world.home().join("new/folder/vault.age"),
        world.vault_path(),
    )
    .expect("a link");
    auth(&world).run().succeeded();
    assert!(world.vault_path().is_symlink());
    assert_eq!(mode(world.home().join("new/folder")), 0o700);
    assert_eq!(
        contents_of(&world.home().join("new/folder/vault.age"), PASSPHRASE)["revision"],
        1
    );
}

#[test]
fn a_link_that_bites_its_tail_is_told_at_once() {
    let (_cloudeka, world) = logged_in();
    let path = world.home().join("loop.age");
    symlink("loop.age", &path).expect("a link");
    let output = auth(&world).arg("--vault").arg(&path).run().expect_code(1);
    assert!(
        output.stderr.contains("loop.age") && output.stderr.contains("hint:"),
        "{output}"
    );
}

#[test]
fn a_relative_path_begins_in_the_current_folder() {
    let (_cloudeka, world) = cloudeka_and_world();
    let folder = world.home().join("here");
    fs::create_dir(&folder).expect("a folder");
    set_mode(&folder, 0o755);
    for vault in ["mine.age", "./sub/mine.age", "sub/../other.age"] {
        auth(&world)
            .args(["--vault", vault])
            .current_dir(&folder)
            .run()
            .succeeded();
        assert_eq!(mode(folder.join(vault)), 0o600);
    }
    assert_eq!(mode(folder.join("sub")), 0o700);
    assert_eq!(
        mode(&folder),
        0o755,
        "a folder that was there stays as it was"
    );
    auth(&world)
        .env("CLDKCTL_VAULT", "by-variable.age")
        .current_dir(&folder)
        .run()
        .succeeded();
    assert!(folder.join("by-variable.age").exists());
    assert!(!world.vault_path().exists());
}

#[test]
fn what_is_no_file_is_refused_at_once() {
    let (cloudeka, world) = cloudeka_and_world();
    let fifo = world.home().join("fifo");
    let mode = Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, FileType::Fifo, mode, 0).expect("a FIFO");
    let socket = world.home().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    let sparse = world.home().join("sparse");
    let file = fs::File::create(&sparse).expect("a file");
    file.set_len(1 << 40).expect("a terabyte of nothing");
    let link = world.home().join("link");
    symlink("/dev/zero", &link).expect("a link");

    for path in [
        &world.home(),
        &fifo,
        &socket,
        Path::new("/dev/zero"),
        Path::new("/dev/null"),
        &sparse,
        &link,
        Path::new("/"),
    ] {
        for run in [
            auth(&world),
            world.cldkctl(["auth", "token"]),
            world.cldkctl(["auth", "status"]),
            world.cldkctl(["vault", "info"]),
        ] {
            let start = Instant::now();
            let output = run.arg("--vault").arg(path).run().expect_code(6);
            assert!(
                start.elapsed() < Duration::from_secs(2),
                "{path:?}: {:?}",
                start.elapsed()
            );
            assert!(output.stderr.contains("hint:"), "{output}");
            assert_eq!(output.stdout, "");
        }
    }
    fs::remove_file(&sparse).expect("removed");
    assert!(
        fs::symlink_metadata(&fifo)
            .expect("still there")
            .file_type()
            .is_fifo()
    );
    assert_eq!(cloudeka.connections(), 0);
}

#[test]
fn what_a_crash_left_behind_is_cleaned_up() {
    let (_cloudeka, world) = logged_in();
    let folder = world.data().join("cldkctl");
    for name in [".vault.age.Ab12Cd.tmp", ".vault.age.x.tmp"] {
        fs::write(folder.join(name), "half a vault").expect("written");
    }
    for name in ["notes.tmp", ".other.age.x.tmp", "vault.age.bak"] {
        fs::write(folder.join(name), "not ours").expect("written");
    }
    auth(&world).run().succeeded();
    let kept = [
        ".other.age.x.tmp",
        "notes.tmp",
        "vault.age",
        "vault.age.bak",
        "vault.age.lock",
    ];
    assert_eq!(names_in(folder), kept);
}

#[test]
fn where_nothing_can_be_written_the_old_vault_stays() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    let world = world.owned_by(SOMEONE_ELSE); // root may write anywhere
    world.write("run/cldkctl.passphrase", PASSPHRASE);
    let auth = || {
        let run = world.cldkctl(["auth", "--token-stdin"]).stdin(TOKEN);
        run.env("CREDENTIALS_DIRECTORY", world.runtime())
    };
    auth().run().succeeded();
    let before = world.files();
    set_mode(world.data().join("cldkctl"), 0o500);
    let output = auth().run().expect_code(1);
    assert!(
        output.stderr.contains("cldkctl") && output.stderr.contains("hint:"),
        "{output}"
    );
    assert_eq!(world.files(), before);

    set_mode(world.data(), 0o500);
    let elsewhere = world.data().join("new/vault.age");
    let output = auth().arg("--vault").arg(&elsewhere).run().expect_code(1);
    assert!(
        output.stderr.contains(world.data().to_str().expect("text")),
        "{output}"
    );
    assert_eq!(world.files(), before);
    set_mode(world.data(), 0o700);
}

#[test]
fn killed_at_any_moment_the_vault_is_the_old_one_or_the_new_one() {
    let (_cloudeka, world) = logged_in();
    let mut revision = 1;
    for moment in 0..30 {
        let running = auth(&world).spawn();
        std::thread::sleep(Duration::from_millis(3 * moment));
        running.signal(rustix::process::Signal::KILL);
        let code = running.wait().code;
        let now = contents_of(&world.vault_path(), PASSPHRASE)["revision"]
            .as_u64()
            .expect("a revision");
        assert!(
            now == revision || now == revision + 1,
            "{now} after {revision}"
        );
        assert!(
            code != 0 || now == revision + 1,
            "what was reported is there"
        );
        revision = now;
    }
    auth(&world).run().succeeded();
    let names = ["vault.age", "vault.age.lock"];
    assert_eq!(names_in(world.data().join("cldkctl")), names);
}

#[test]
fn a_lock_file_that_is_a_link_is_not_followed() {
    let (_cloudeka, world) = logged_in();
    let victim = world.write("victim", "precious");
    let lock = world.data().join("cldkctl/vault.age.lock");
    fs::remove_file(&lock).expect("removed");
    symlink(&victim, &lock).expect("a link");
    let output = auth(&world).run().expect_code(1);
    assert!(
        output.stderr.contains("vault.age.lock") && output.stderr.contains("hint:"),
        "{output}"
    );
    assert_eq!(fs::read(victim).expect("there"), b"precious");
}

#[test]
fn a_backup_never_takes_the_place_of_what_is_no_file() {
    let (_cloudeka, world) = logged_in();
    let pipe = world.home().join("pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        FileType::Fifo,
        Mode::RUSR | Mode::WUSR,
        0,
    )
    .expect("a pipe");
    let folder = world.home().join("folder");
    fs::create_dir(&folder).expect("a folder");
    for path in [&pipe, &folder] {
        let backup = world.cldkctl(["vault", "backup", "--passphrase-stdin", "--force"]);
        let output = backup.arg(path).stdin(PASSPHRASE).run().expect_code(1);
        assert!(output.stderr.contains("not a regular file"), "{output}");
    }
    let kind = fs::symlink_metadata(&pipe).expect("still there");
    assert!(kind.file_type().is_fifo());
}

#[test]
fn what_a_crash_left_goes_with_its_own_vault_and_no_other() {
    let (_cloudeka, world) = logged_in();
    let folder = world.data().join("cldkctl");
    let (ours, others) = (".vault.age.AbC123.tmp", ".vault.age.bak.AbC123.tmp");
    for name in [ours, others] {
        fs::copy(world.vault_path(), folder.join(name)).expect("copied");
    }
    // Another vault beside it, or a backup, is written under a lock of its own.
    auth(&world).run().succeeded();
    assert_eq!(names_in(&folder), [others, "vault.age", "vault.age.lock"]);

    fs::copy(world.vault_path(), folder.join(ours)).expect("copied");
    world.cldkctl(["auth", "logout", "--all"]).run().succeeded();
    assert_eq!(names_in(&folder), [others, "vault.age.lock"]);
}

#[test]
fn a_pipe_in_place_of_the_settings_is_refused_and_not_waited_for() {
    let world = World::new();
    let settings = world.settings_path();
    let _ = fs::remove_file(&settings);
    fs::create_dir_all(settings.parent().expect("a folder")).expect("a folder");
    let mode = Mode::RUSR | Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &settings, FileType::Fifo, mode, 0).expect("a pipe");
    let path = world.cldkctl(["vault", "path"]);
    let output = path.patience(Duration::from_secs(5)).run().expect_code(2);
    assert!(output.stderr.contains("config.toml"), "{output}");
}
