//! A vault that is only to be read, as a secret that is mounted into a container; and one that
//! others may read as well.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};

use crate::support::steps::{
    are_installed, auth, cloudeka_and_world, contents_of, log_in, logged_in, names_in,
};
use crate::support::world::{Cldkctl, mode, set_mode};
use crate::support::{
    PASSPHRASE, SOMEONE_ELSE, Standin, TOKEN, World, can_be_someone_else, output_of, skip,
};

/// A folder in which a file system of its own is mounted read-only, until it is dropped.
struct Mount(PathBuf);

impl Mount {
    /// Lays the vault and its passphrase out as a container finds a secret: root's, for everybody to
    /// read, behind links that are exchanged when the secret changes.
    #[track_caller]
    fn of_secret(world: &World, mode: u32) -> Option<Self> {
        if !can_be_someone_else() || !are_installed(&["mount", "umount"]) {
            return None;
        }
        let folder = world.home().parent().expect("a folder").join("secret");
        fs::create_dir(&folder).expect("a folder");
        let mounted = Self(folder);
        if !mounted.mount(&["-t", "tmpfs", "-o", "mode=1777", "none"]) {
            skip("nothing can be mounted here");
            return None;
        }
        let dated = mounted.0.join("..2026_01_01");
        fs::create_dir(&dated).expect("a folder");
        set_mode(&dated, 0o755);
        symlink("..2026_01_01", mounted.0.join("..data")).expect("a link");
        for (name, bytes) in [
            ("vault.age", fs::read(world.vault_path()).expect("a vault")),
            ("passphrase", PASSPHRASE.into()),
        ] {
            fs::write(dated.join(name), bytes).expect("written");
            set_mode(dated.join(name), mode);
            symlink(Path::new("..data").join(name), mounted.0.join(name)).expect("a link");
        }
        assert!(mounted.mount(&["-o", "remount,ro"]));
        Some(mounted)
    }

    fn mount(&self, args: &[&str]) -> bool {
        let mut command = std::process::Command::new("mount");
        output_of(command.args(args).arg(&self.0)).status.success()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = output_of(std::process::Command::new("umount").arg("-l").arg(&self.0));
    }
}

/// A login with a session that is due, whose vault lies in a secret.
#[track_caller]
fn secret(mode: u32) -> Option<(Standin, World, Mount)> {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.session_life(10);
    log_in(&world, TOKEN, &[]);
    let secret = Mount::of_secret(&world, mode)?;
    fs::remove_dir_all(world.data().join("cldkctl")).expect("removed");
    Some((cloudeka, world.owned_by(SOMEONE_ELSE), secret))
}

fn with<'a>(world: &'a World, secret: &Mount, args: &[&str]) -> Cldkctl<'a> {
    world
        .cldkctl(args.iter().copied())
        .env("CLDKCTL_VAULT", secret.path("vault.age"))
        .env("CLDKCTL_PASSPHRASE_FILE", secret.path("passphrase"))
}

#[test]
fn a_containers_secret_is_read_by_any_user_without_a_word() {
    for mode in [0o444, 0o644] {
        let Some((_cloudeka, world, secret)) = secret(mode) else {
            return;
        };
        let token = with(&world, &secret, &["auth", "token"]).run().succeeded();
        assert_eq!(token.stdout, format!("{TOKEN}\n"));
        assert_eq!(token.stderr, "");
        for args in [
            &["auth", "token", "--session"][..],
            &["api", "/core/user/profile"],
            &["exec", "--session", "--", "true"],
            &["auth", "status", "--check"],
            &["vault", "verify"],
            &["context", "list"],
        ] {
            let output = with(&world, &secret, args).run().succeeded();
            assert_eq!(output.stderr, "", "{output}");
        }
        let backup = ["vault", "backup", "copy.age"];
        with(&world, &secret, &backup).run().succeeded();
        // With -v it is told what becomes of the session.
        let session = with(&world, &secret, &["auth", "token", "--session", "-v"]);
        let output = session.run().succeeded();
        assert!(
            output.stderr.contains("the new session is not saved"),
            "{output}"
        );
    }
}

#[test]
fn root_reads_one_as_quietly() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.session_life(10);
    log_in(&world, TOKEN, &[]);
    let Some(secret) = Mount::of_secret(&world, 0o644) else {
        return;
    };
    for args in [&["auth", "token"][..], &["auth", "token", "--session"]] {
        let output = with(&world, &secret, args).run().succeeded();
        assert_eq!(output.stderr, "", "{output}");
    }
}

#[test]
fn what_would_change_a_containers_secret_says_that_it_cannot() {
    let Some((cloudeka, world, secret)) = secret(0o444) else {
        return;
    };
    let connections = cloudeka.connections();
    for args in [
        &["auth", "--token-stdin"][..],
        &["auth", "logout"],
        &["auth", "logout", "--all"],
        &["context", "rename", "default", "other"],
        &["vault", "recovery-key", "--kit", "sheet.txt"],
    ] {
        let run = with(&world, &secret, args).stdin(TOKEN);
        let output = run.run().expect_code(1);
        assert!(
            output.stderr.contains("vault.age can only be read"),
            "{output}"
        );
        assert!(output.stderr.contains("hint: "), "{output}");
    }
    assert_eq!(
        cloudeka.connections(),
        connections,
        "no token was sent in vain"
    );
    assert!(!world.home().join("sheet.txt").exists());
}

#[test]
fn roots_vault_is_read_where_only_root_can_change_it() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let folder = world.home().join("lent");
    fs::create_dir(&folder).expect("a folder");
    set_mode(&folder, 0o755);
    let lent = folder.join("lent.age");
    fs::copy(world.vault_path(), &lent).expect("copied");
    let passphrase = world.write("passphrase", PASSPHRASE);
    let world = world.owned_by(SOMEONE_ELSE);
    chown(&lent, Some(0), Some(0)).expect("root may");
    let run = |args: &[&str]| {
        let run = world
            .cldkctl(args.iter().copied())
            .env("CLDKCTL_VAULT", &lent);
        run.env("CLDKCTL_PASSPHRASE_FILE", &passphrase)
    };
    for (bits, code) in [(0o444, 0), (0o644, 0), (0o664, 1), (0o666, 1), (0o600, 1)] {
        set_mode(&lent, bits);
        let output = run(&["auth", "token"]).run().expect_code(code);
        assert!(code == 0 || output.stderr.contains("lent.age"), "{output}");
    }
    set_mode(&lent, 0o644);
    let before = names_in(&folder);
    let rename = ["context", "rename", "default", "other"];
    let output = run(&rename).run().expect_code(1);
    assert!(output.stderr.contains("it belongs to root"), "{output}");
    assert_eq!(names_in(&folder), before, "no lock file, either");
    // Where others can replace it, it may be anybody's.
    set_mode(&folder, 0o777);
    run(&["auth", "token"]).run().expect_code(1);
}

#[test]
fn a_vault_that_others_can_read_is_said_to_be_and_closed_by_the_next_save() {
    let (_cloudeka, world) = logged_in();
    for bits in [0o644, 0o640, 0o604, 0o660, 0o666, 0o620] {
        set_mode(world.vault_path(), bits);
        world.write("run/cldkctl.passphrase", PASSPHRASE);
        let run = |args: &[&str]| {
            let run = world.cldkctl(args.iter().copied());
            run.env("CREDENTIALS_DIRECTORY", world.runtime()).run()
        };
        let warning = format!(
            "warning: other users can read or change the vault {}",
            world.vault_path().display()
        );
        for args in [
            &["auth", "token"][..],
            &["auth", "status", "--check"],
            &["context", "list"],
            &["vault", "verify"],
            &["vault", "info"],
        ] {
            let output = run(args).succeeded();
            assert_eq!(output.stderr.matches(&warning).count(), 1, "{output}");
            assert!(output.stderr.contains("chmod 600"), "{output}");
        }
        assert_eq!(mode(world.vault_path()), bits, "looking changes nothing");
        run(&["context", "use", "default"]).succeeded();
        let output = auth(&world).run().succeeded();
        assert_eq!(mode(world.vault_path()), 0o600, "{output}");
        let output = run(&["auth", "token"]).succeeded();
        assert_eq!(output.stderr, "", "{output}");
    }
    assert_eq!(
        contents_of(&world.vault_path(), PASSPHRASE)["contexts"][0]["name"],
        "default"
    );
}
