//! Files in places that another user can write to, with a real second user who got there
//! first: what is theirs is not used, and what is ours they neither read nor replace nor block.
#![cfg(target_os = "linux")]

use std::fs::{self, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown, lchown, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::kernel::acting_as;
use crate::support::steps::{cloudeka_and_world, contents_of, logged_in};
use crate::support::world::{Output, mode, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, Standin, TOKEN, World, can_be_someone_else};
use rustix::fs::{CWD, FileType, FlockOperation, Mode, RenameFlags, flock, mknodat, renameat_with};

/// Who owns the vault: neither root nor [`SOMEONE_ELSE`].
const OWNER: u32 = 65_433;

/// Less than what a lock that another holds is waited for.
const AT_ONCE: Duration = Duration::from_secs(15);

/// A home of [`OWNER`], and a folder beside it as `/tmp` is.
fn sticky() -> (Standin, World, PathBuf) {
    let (cloudeka, world) = cloudeka_and_world();
    let folder = world.home().with_file_name("sticky");
    fs::create_dir(&folder).expect("a folder");
    set_mode(&folder, 0o1777);
    let world = world.owned_by(OWNER);
    world.write("passphrase", PASSPHRASE);
    (cloudeka, world, folder)
}

/// Runs with the vault in a shared folder.
fn run(world: &World, folder: &Path, args: &[&str]) -> Output {
    let run = world
        .cldkctl(args.iter().copied())
        .env("CLDKCTL_VAULT", folder.join("vault.age"));
    let run = run
        .arg("--passphrase-file")
        .arg(world.home().join("passphrase"));
    run.stdin(TOKEN).patience(AT_ONCE).run()
}

#[track_caller]
fn log_in(world: &World, folder: &Path) {
    run(world, folder, &["auth", "--token-stdin", "--no-unlock"]).succeeded();
}

#[track_caller]
fn assert_names_them(output: &Output, code: i32, path: &Path) {
    assert_eq!(output.code, code, "{output}");
    for text in [path.to_str().expect("text"), "65432", "hint: "] {
        assert!(output.stderr.contains(text), "{text}: {output}");
    }
}

#[test]
fn a_lock_file_that_somebody_else_made_first_is_refused_at_once() {
    if !can_be_someone_else() {
        return;
    }
    let (cloudeka, world, folder) = sticky();
    let lock = folder.join("vault.age.lock");
    let made = |bits: u32| {
        let mut options = OpenOptions::new();
        let file = options
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&lock);
        set_mode(&lock, bits);
        flock(file.expect("a file"), FlockOperation::LockExclusive).expect("locked");
    };
    let makers: [(&str, &(dyn Fn() + Sync)); 5] = [
        ("closed", &|| made(0o600)),
        ("open to all", &|| made(0o666)),
        ("a pipe", &|| {
            mknodat(CWD, &lock, FileType::Fifo, Mode::from_raw_mode(0o666), 0).expect("a pipe")
        }),
        ("a folder", &|| fs::create_dir(&lock).expect("a folder")),
        ("a link", &|| {
            symlink(world.home().join("passphrase"), &lock).expect("a link")
        }),
    ];
    for there in [false, true] {
        for (what, make) in makers {
            if there {
                log_in(&world, &folder);
                fs::remove_file(&lock).expect("removed");
            }
            acting_as(SOMEONE_ELSE, make);
            let before = fs::read(folder.join("vault.age")).ok();
            let output = run(&world, &folder, &["auth", "--token-stdin"]);
            assert_names_them(&output, 1, &lock);
            assert!(!output.stdout.contains("success"), "{what}: {output}");
            assert_eq!(fs::read(folder.join("vault.age")).ok(), before, "{what}");
            if there {
                // Whoever only reads needs no lock.
                run(&world, &folder, &["auth", "token"]).succeeded();
            }
            let _ = fs::remove_file(&lock).or_else(|_| fs::remove_dir(&lock));
            let _ = fs::remove_file(folder.join("vault.age"));
        }
    }
    assert_eq!(
        fs::read(world.home().join("passphrase")).expect("there"),
        PASSPHRASE.as_bytes()
    );
    drop(cloudeka);
}

#[test]
fn a_lock_file_of_ours_is_closed_to_others_so_that_they_cannot_hold_it() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world, folder) = sticky();
    log_in(&world, &folder);
    let lock = folder.join("vault.age.lock");
    assert_eq!(mode(&lock), 0o600);
    set_mode(&lock, 0o644); // as after an unpacked archive; flock(2) asks for no more
    log_in(&world, &folder);
    assert_eq!(mode(&lock), 0o600);
    let opened = acting_as(SOMEONE_ELSE, || fs::File::open(&lock).map(|_| ()));
    assert_eq!(
        opened.map_err(|error| error.kind()),
        Err(ErrorKind::PermissionDenied)
    );
}

#[test]
fn nobody_else_reads_replaces_or_removes_the_vault_in_a_shared_folder() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world, folder) = sticky();
    log_in(&world, &folder);
    let vault = folder.join("vault.age");
    let lock = folder.join("vault.age.lock");
    let tries = acting_as(SOMEONE_ELSE, || {
        fs::write(folder.join("theirs"), "a vault of theirs").expect("in a shared folder");
        [
            ("read", fs::read(&vault).map(|_| ())),
            (
                "written",
                OpenOptions::new().append(true).open(&vault).map(|_| ()),
            ),
            ("removed", fs::remove_file(&vault)),
            ("moved", fs::rename(&vault, folder.join("moved"))),
            ("replaced", fs::rename(folder.join("theirs"), &vault)),
            (
                "unlocked",
                OpenOptions::new().append(true).open(&lock).map(|_| ()),
            ),
            ("without a lock", fs::remove_file(&lock)),
        ]
    });
    for (what, result) in tries {
        let kind = result.expect_err(what).kind();
        assert_eq!(kind, ErrorKind::PermissionDenied, "{what}");
    }
    run(&world, &folder, &["auth", "token"]).succeeded();
}

#[test]
fn names_that_somebody_else_took_are_in_nobodys_way() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world, folder) = sticky();
    log_in(&world, &folder);
    let victim = world.write("precious", "precious");
    let at = |name: &str| folder.join(name);
    acting_as(SOMEONE_ELSE, || {
        symlink(&victim, at(".vault.age.AAAAAA.tmp")).expect("a link");
        fs::create_dir(at(".vault.age.BBBBBB.tmp")).expect("a folder");
        fs::write(at(".vault.age.CCCCCC.tmp"), "x").expect("a file");
        let bits = Mode::from_raw_mode(0o666);
        mknodat(CWD, at(".vault.age.DDDDDD.tmp"), FileType::Fifo, bits, 0).expect("a pipe");
    });
    log_in(&world, &folder);
    run(&world, &folder, &["auth", "token"]).succeeded();
    assert_eq!(fs::read(&victim).expect("still there"), b"precious");
    let vault = fs::symlink_metadata(at("vault.age")).expect("a vault");
    assert!(vault.is_file() && mode(at("vault.age")) == 0o600);
}

#[test]
fn a_hard_link_to_the_vault_keeps_what_was_there_and_no_more() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world, folder) = sticky();
    log_in(&world, &folder);
    // Made by root, since not every kernel lets others do it: fs.protected_hardlinks.
    let link = folder.join("link");
    fs::hard_link(folder.join("vault.age"), &link).expect("a link");
    let before = fs::read(&link).expect("a copy");
    log_in(&world, &folder);
    assert_eq!(
        fs::read(&link).expect("still there"),
        before,
        "sealed as it was"
    );
    assert_ne!(fs::read(folder.join("vault.age")).expect("a vault"), before);
    let read = acting_as(SOMEONE_ELSE, || fs::read(&link).map(|_| ()));
    assert_eq!(
        read.map_err(|error| error.kind()),
        Err(ErrorKind::PermissionDenied)
    );
    run(&world, &folder, &["auth", "token"]).succeeded();
}

#[test]
fn a_backup_does_not_follow_a_link_of_somebody_else() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world, folder) = sticky();
    log_in(&world, &folder);
    let victim = world.write("precious", "precious");
    let fresh = world.home().join("fresh");
    let link = folder.join("backup.age");
    for target in [&victim, &fresh] {
        acting_as(SOMEONE_ELSE, || symlink(target, &link).expect("a link"));
        let backup = ["vault", "backup", "--force", link.to_str().expect("text")];
        assert_names_them(&run(&world, &folder, &backup), 1, &link);
        fs::remove_file(&link).expect("removed");
    }
    assert_eq!(fs::read(&victim).expect("still there"), b"precious");
    assert!(!fresh.exists());
    // One of the owner's own is followed.
    symlink(&victim, &link).expect("a link");
    lchown(&link, Some(OWNER), Some(OWNER)).expect("root may");
    let backup = ["vault", "backup", "--force", link.to_str().expect("text")];
    run(&world, &folder, &backup).succeeded();
    contents_of(&victim, PASSPHRASE);
}

/// The name is looked at, and then used: another user may exchange what it stands for between.
#[test]
fn a_backup_does_not_follow_a_link_that_comes_and_goes() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world, folder) = sticky();
    log_in(&world, &folder);
    let victim = world.write("precious", "precious");
    let (name, link) = (folder.join("backup.age"), folder.join("link"));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            acting_as(SOMEONE_ELSE, || {
                fs::write(&name, "").expect("a file");
                symlink(&victim, &link).expect("a link");
                while !done.load(Ordering::Relaxed) {
                    // What the owner's backup replaced is not theirs to move.
                    let _ = renameat_with(CWD, &name, CWD, &link, RenameFlags::EXCHANGE);
                }
            });
        });
        for _ in 0..40 {
            let backup = ["vault", "backup", "--force", name.to_str().expect("text")];
            let output = run(&world, &folder, &backup);
            assert!([0, 1].contains(&output.code), "{output}");
            if fs::symlink_metadata(&name).is_ok_and(|it| it.uid() == OWNER) {
                fs::remove_file(&name).expect("removed");
                acting_as(SOMEONE_ELSE, || fs::write(&name, "").expect("a file"));
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(fs::read(&victim).expect("still there"), b"precious");
}

/// Settings say where a token goes: who can change them is somebody to be trusted.
#[test]
fn settings_that_somebody_else_can_replace_are_refused() {
    if !can_be_someone_else() {
        return;
    }
    let (cloudeka, world) = logged_in();
    let folder = world.config().join("cldkctl");
    let connections = cloudeka.connections();
    let path = |world: &World| world.cldkctl(["vault", "path"]).run();
    for bits in [0o777, 0o770, 0o775, 0o707] {
        set_mode(&folder, bits);
        let output = path(&world).expect_code(2);
        for text in [folder.to_str().expect("text"), "hint: ", "chmod"] {
            assert!(output.stderr.contains(text), "{bits:o}: {output}");
        }
        for args in [
            &["auth", "--token-stdin"][..],
            &["auth", "token"],
            &["unlock"],
        ] {
            world
                .cldkctl(args.iter().copied())
                .stdin(TOKEN)
                .run()
                .expect_code(2);
        }
    }
    // As in /tmp, nobody can take the place of what is ours.
    set_mode(&folder, 0o1777);
    path(&world).succeeded();
    set_mode(&folder, 0o755);
    path(&world).succeeded();
    chown(&folder, Some(SOMEONE_ELSE), None).expect("root may");
    assert_names_them(&path(&world), 2, &folder);
    chown(&folder, Some(0), None).expect("root may");

    // Where a link leads counts, and whose it is.
    let settings = world.settings_path();
    let elsewhere = world.home().join("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder");
    fs::rename(&settings, elsewhere.join("config.toml")).expect("moved");
    symlink(elsewhere.join("config.toml"), &settings).expect("a link");
    path(&world).succeeded();
    set_mode(&elsewhere, 0o777);
    path(&world).expect_code(2);
    set_mode(&elsewhere, 0o755);
    lchown(&settings, Some(SOMEONE_ELSE), None).expect("root may");
    assert_names_them(&path(&world), 2, &settings);
    assert_eq!(cloudeka.connections(), connections);

    // With nothing in it, a folder says nothing.
    fs::remove_file(&settings).expect("removed");
    set_mode(&folder, 0o777);
    path(&world).succeeded();
}

/// A memory that another can change could be made to keep silent.
#[test]
fn what_somebody_else_remembers_is_not_believed_nor_written_to() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let id = contents_of(&world.vault_path(), PASSPHRASE)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    let state = world.home().with_file_name("state");
    let revisions = state.join("cldkctl/revisions");
    fs::create_dir_all(&revisions).expect("folders");
    let file = revisions.join(&id);
    fs::write(&file, "99\n").expect("written");
    let token = || {
        let token = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
        let output = token.env("XDG_STATE_HOME", &state).stdin(PASSPHRASE).run();
        assert_eq!(output.stdout, format!("{TOKEN}\n"), "{output}");
        output
    };
    assert!(
        token().succeeded().stderr.contains("older copy"),
        "ours is believed"
    );

    chown(&file, Some(SOMEONE_ELSE), None).expect("root may");
    assert_names_them_in_passing(&token(), &file);
    chown(&file, Some(0), None).expect("root may");
    chown(&revisions, Some(SOMEONE_ELSE), None).expect("root may");
    assert_names_them_in_passing(&token(), &revisions);
    chown(&revisions, Some(0), None).expect("root may");
    set_mode(&revisions, 0o777);
    let output = token();
    assert!(
        output.stderr.contains("warning: ") && output.stderr.contains("revisions"),
        "{output}"
    );
    assert!(!output.stderr.contains("is an older copy"), "{output}");
    fs::remove_file(&file).expect("removed");
    token();
    assert!(
        !file.exists(),
        "nothing is written where others can replace it"
    );
}

#[track_caller]
fn assert_names_them_in_passing(output: &Output, path: &Path) {
    assert_eq!(output.code, 0, "{output}");
    for text in [path.to_str().expect("text"), "65432", "warning: "] {
        assert!(output.stderr.contains(text), "{text}: {output}");
    }
    assert!(!output.stderr.contains("is an older copy"), "{output}");
}
