//! File systems that lack something: exFAT on a stick has no hard links and no `RENAME_NOREPLACE`,
//! and one of a network may have no locks.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::kernel::{Refusal, without_keyrings};
use crate::support::steps::{are_installed, auth, contents_of, logged_in, names_in};
use crate::support::strace::{can_trace, tampered, tampered_with};
use crate::support::world::Cldkctl;
use crate::support::{PASSPHRASE, TOKEN, World, can_be_someone_else, output_of, skip};

/// A stick with exFAT, mounted by FUSE; gone when dropped.
struct Stick {
    device: String,
    folder: tempfile::TempDir,
    _image: tempfile::NamedTempFile,
}

impl Stick {
    /// A new one; `None`, with the skip said, where there can be none.
    #[track_caller]
    fn mounted(options: &str) -> Option<Self> {
        if !are_installed(&["mkfs.exfat", "mount.exfat-fuse", "losetup"]) || !can_be_someone_else()
        {
            return None;
        }
        let image = tempfile::NamedTempFile::new().expect("a file");
        image.as_file().set_len(16 << 20).expect("16 MiB");
        let run = |command: &[&str]| {
            let output = output_of(Command::new(command[0]).args(&command[1..]));
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            output.status.success().then_some(said)
        };
        let path = image.path().to_str().expect("text");
        run(&["mkfs.exfat", path]).expect("a new file system");
        let Some(device) = run(&["losetup", "-f", "--show", path]) else {
            skip("there is no loop device here");
            return None;
        };
        let stick = Self {
            device,
            folder: tempfile::tempdir().expect("a folder"),
            _image: image,
        };
        let mount = ["mount.exfat-fuse", "-o", options, &stick.device];
        let folder = stick.folder.path().to_str().expect("text");
        if run(&[&mount[..], &[folder]].concat()).is_none() {
            skip("nothing can be mounted by FUSE here");
            return None;
        }
        Some(stick)
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        let _ = output_of(Command::new("umount").arg(self.path()));
        let _ = output_of(Command::new("losetup").args(["-d", &self.device]));
    }
}

fn by_passphrase<'a>(world: &'a World, args: &[&str]) -> Cldkctl<'a> {
    world.write("run/cldkctl.passphrase", PASSPHRASE);
    let run = world.cldkctl(args.iter().copied());
    run.env("CREDENTIALS_DIRECTORY", world.runtime())
}

#[test]
fn a_backup_goes_to_a_stick_with_exfat_and_replaces_nothing_unasked() {
    let Some(stick) = Stick::mounted("rw") else {
        return;
    };
    let (_cloudeka, world) = logged_in();
    let copy = stick.path().join("copy.age");
    let backup = || by_passphrase(&world, &["vault", "backup"]).arg(&copy);
    backup().run().succeeded();
    let vault = fs::read(world.vault_path()).expect("a vault");
    assert_eq!(fs::read(&copy).expect("a copy"), vault);
    assert_eq!(names_in(stick.path()), ["copy.age"], "nothing beside it");

    fs::write(&copy, "precious").expect("written");
    let output = backup().run().expect_code(1);
    assert!(output.stderr.contains("exists already"), "{output}");
    assert_eq!(fs::read(&copy).expect("there"), b"precious");
    backup().arg("--force").run().succeeded();
    assert_eq!(fs::read(&copy).expect("a copy"), vault);
    assert_eq!(names_in(stick.path()), ["copy.age"]);
}

#[test]
fn the_sheet_of_a_recovery_key_goes_to_a_stick_with_exfat() {
    let Some(stick) = Stick::mounted("rw") else {
        return;
    };
    let (_cloudeka, world) = logged_in();
    let sheet = stick.path().join("sheet.txt");
    let kit = || by_passphrase(&world, &["vault", "recovery-key", "--kit"]).arg(&sheet);
    kit().run().succeeded();
    let text = fs::read_to_string(&sheet).expect("a sheet");
    assert!(text.contains("AGE-SECRET-KEY-1"));
    assert_eq!(names_in(stick.path()), ["sheet.txt"]);
    kit().run().expect_code(1);
    assert_eq!(fs::read_to_string(&sheet).expect("a sheet"), text);
}

#[test]
fn a_vault_lives_on_a_stick_with_exfat() {
    let Some(stick) = Stick::mounted("umask=077") else {
        return;
    };
    let (_cloudeka, world) = logged_in();
    let vault = stick.path().join("vault.age");
    let run = |args: &[&str]| by_passphrase(&world, args).env("CLDKCTL_VAULT", &vault);
    run(&["auth", "--token-stdin", "--no-unlock"])
        .stdin(TOKEN)
        .run()
        .succeeded();
    run(&["context", "rename", "default", "stick"])
        .run()
        .succeeded();
    let here = world.vault_path();
    let restore = ["vault", "restore", "--force", here.to_str().expect("text")];
    let output = run(&restore).run().succeeded();
    assert!(output.stderr.contains("Kept the vault"), "{output}");
    assert_eq!(
        contents_of(&vault, PASSPHRASE)["contexts"][0]["name"],
        "default"
    );
    let names = names_in(stick.path());
    let kept = names.iter().find(|name| name.contains(".replaced-"));
    let kept = stick.path().join(kept.expect("the one before"));
    assert_eq!(
        contents_of(&kept, PASSPHRASE)["contexts"][0]["name"],
        "stick"
    );
}

/// What the kernel says of a file system that has neither.
const NEITHER: [[&str; 2]; 3] = [
    [
        "renameat2:error=EINVAL:when=1+",
        "linkat:error=EPERM:when=1+",
    ],
    [
        "renameat2:error=ENOSYS:when=1+",
        "linkat:error=EOPNOTSUPP:when=1+",
    ],
    [
        "renameat2:error=EPERM:when=1+",
        "linkat:error=ENOSYS:when=1+",
    ],
];

#[test]
fn without_hard_links_and_exclusive_renames_a_file_is_made_and_replaces_nothing() {
    if !can_trace() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let vault = fs::read(world.vault_path()).expect("a vault");
    for neither in NEITHER {
        let copy = world.home().join("copy.age");
        let backup = || by_passphrase(&world, &["vault", "backup", "copy.age"]);
        tampered_with(backup(), &neither).0.succeeded();
        assert_eq!(fs::read(&copy).expect("a copy"), vault, "{neither:?}");
        let (output, _) = tampered_with(backup(), &neither);
        let output = output.expect_code(1);
        assert!(output.stderr.contains("exists already"), "{output}");

        let restore = ["vault", "restore", "--force", "copy.age"];
        tampered_with(by_passphrase(&world, &restore), &neither)
            .0
            .succeeded();
        fs::remove_file(&copy).expect("removed");
        let left = names_in(world.home())
            .into_iter()
            .find(|name| name.contains("tmp"));
        assert_eq!(left, None, "{neither:?}");
    }
    // Where it cannot be renamed at all, the name is free again.
    let all = [
        NEITHER[0].as_slice(),
        &["rename:error=EIO:when=1+", "renameat:error=EIO:when=1+"],
    ]
    .concat();
    let backup = by_passphrase(&world, &["vault", "backup", "copy.age"]);
    let output = tampered_with(backup, &all).0.expect_code(1);
    assert!(output.stderr.contains("copy.age"), "{output}");
    assert!(!world.home().join("copy.age").exists(), "{output}");
}

#[test]
fn without_locks_a_vault_is_read_and_a_save_says_what_is_missing() {
    if !can_trace() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    for error in ["ENOLCK", "ENOSYS", "EOPNOTSUPP"] {
        let without = |run: Cldkctl<'_>| tampered(run, "flock", "1+", &format!("error={error}")).0;
        let before = fs::read(world.vault_path()).expect("a vault");
        for save in [
            auth(&world),
            by_passphrase(&world, &["context", "rename", "default", "other"]),
        ] {
            let output = without(save).expect_code(1);
            let vault = world.vault_path();
            let says = format!(
                "cannot lock {}: its file system has no locks",
                vault.display()
            );
            assert!(output.stderr.contains(&says), "{output}");
            assert!(output.stderr.contains("lock service"), "{output}");
            assert_eq!(fs::read(vault).expect("a vault"), before, "{output}");
        }
        without(by_passphrase(&world, &["auth", "token"])).succeeded();
        let backup = ["vault", "backup", "copy.age", "--force"];
        without(by_passphrase(&world, &backup)).succeeded();
    }
}

#[test]
fn without_locks_the_agent_holds_the_key_all_the_same() {
    if !can_trace() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        // It is traced as well, and is waited for to its end.
        let unlock = by_passphrase(&world, &["unlock", "--lifetime", "1s"]);
        let output = tampered(unlock, "flock", "1+", "error=ENOLCK")
            .0
            .succeeded();
        assert!(output.stderr.contains("Unlocked the vault"), "{output}");
    });
}
