//! Disks that really are full or read-only, and limits of the process that really are reached:
//! what `disk/faults.rs` makes up, with nothing made up.

use std::fs;
use std::process::Command;

use crate::support::saves::{Place, Save};
use crate::support::steps::are_installed;
use crate::support::{Output, skip, starting};

/// Saves of every kind that need no network.
const SAVES: [Save; 6] = [
    Save::ContextRename,
    Save::RecipientsAdd,
    Save::RecoveryKey,
    Save::RestoreForce,
    Save::Backup,
    Save::BackupForce,
];

/// Whether file systems can be mounted here, in a namespace of their own.
#[track_caller]
fn can_mount() -> bool {
    if !are_installed(&["unshare", "mount"]) {
        return false;
    }
    let starting = starting();
    let mounted = Command::new("unshare")
        .args(["--mount", "mount", "-t", "tmpfs", "none", "/mnt"])
        .output()
        .is_ok_and(|output| output.status.success());
    drop(starting);
    if !mounted {
        skip("only root may mount a file system");
    }
    mounted
}

/// Runs the command where `mount`, a script, has changed `$HOME`'s file systems; the home it
/// leaves behind replaces the real one.
fn run_where(place: &Place, mount: &str) -> Output {
    let script = format!(
        "set -e; cp -a \"$HOME\" \"$HOME.real\"; {mount}; \
         code=0; \"$@\" || code=$?; \
         for folder in data/cldkctl .local copies; do \
             rm -rf \"$HOME.real/$folder\"; \
             if [ -e \"$HOME/$folder\" ]; then cp -a \"$HOME/$folder\" \"$HOME.real/$folder\"; fi; \
         done; exit $code"
    );
    let home = place.world.home();
    let run = place.command();
    let output = run
        .under(["unshare", "--mount", "sh", "-c", &script, "sh"])
        .run();
    // The mounts ended with the namespace.
    let real = home.with_extension("real");
    for folder in place.kept() {
        let name = folder.strip_prefix(&home).expect("at home");
        if folder.exists() {
            fs::remove_dir_all(&folder).expect("removed");
        }
        if real.join(name).exists() {
            fs::rename(real.join(name), &folder).expect("moved");
        }
    }
    fs::remove_dir_all(real).expect("removed");
    output
}

/// Fails the test unless it was refused with one message, the old vault is there, and there is
/// nothing else.
#[track_caller]
fn assert_refused(place: &Place, output: &Output, says: &str, when: &str) {
    assert_eq!(output.code, 1, "{when}\n{output}");
    assert!(output.stderr.contains(says), "{when}\n{output}");
    assert!(output.stderr.contains("unchanged"), "{when}\n{output}");
    assert!(!output.stderr.contains("a bug in"), "{when}\n{output}");
    let is_new = place.assert_old_or_new(place.state_before(), when);
    assert!(!is_new, "{when}");
    place.assert_no_temporary_files(when);
}

#[test]
fn on_a_full_disk_the_old_vault_stays_and_nothing_half_written() {
    if !can_mount() {
        return;
    }
    for save in SAVES {
        let place = Place::of(save);
        let fill = "for folder in data/cldkctl copies; do \
             mount -t tmpfs -o size=64k,mode=700 full \"$HOME/$folder\"; \
             cp -a \"$HOME.real/$folder/.\" \"$HOME/$folder\"; \
             dd if=/dev/zero of=\"$HOME/$folder/fill\" bs=4096 2>/dev/null || true; \
             [ \"$(df --output=avail \"$HOME/$folder\" | tail -1)\" -eq 0 ]; \
         done; trap 'rm -f \"$HOME.real/data/cldkctl/fill\" \"$HOME.real/copies/fill\"' EXIT";
        let output = run_where(&place, fill);
        let when = format!("{save:?} on a full disk");
        assert_refused(&place, &output, "No space left on device", &when);
        place.assert_goes_on(&when);
    }
}

#[test]
fn on_a_read_only_disk_the_old_vault_stays() {
    if !can_mount() {
        return;
    }
    for save in SAVES {
        let place = Place::of(save);
        let read_only = "for folder in data/cldkctl copies; do \
             mount --bind \"$HOME/$folder\" \"$HOME/$folder\"; \
             mount -o remount,ro,bind \"$HOME/$folder\"; \
         done";
        let output = run_where(&place, read_only);
        let when = format!("{save:?} on a read-only disk");
        assert_refused(&place, &output, "Read-only file system", &when);
        place.assert_goes_on(&when);
    }
}

#[test]
fn what_is_larger_than_a_file_may_be_is_refused_without_a_signal() {
    if !are_installed(&["prlimit"]) {
        return;
    }
    for save in SAVES {
        for bytes in [0, 1, 500] {
            let place = Place::of(save);
            let limit = format!("--fsize={bytes}");
            let output = place.command().under(["prlimit", &limit, "--"]).run();
            let when = format!("{save:?} with at most {bytes} bytes");
            assert_refused(&place, &output, "File too large", &when);
            place.assert_goes_on(&when);
        }
    }
}

#[test]
fn what_exec_runs_dies_of_the_signal_as_ever() {
    if !are_installed(&["prlimit"]) {
        return;
    }
    let place = Place::of(Save::ContextUse);
    let run = place.world.cldkctl(["exec", "--identity"]);
    let script = "head -c 100 /dev/zero > too-large";
    let output = run
        .arg(place.world.runtime().join("machine"))
        .args(["--", "prlimit", "--fsize=1", "--", "sh", "-c", script])
        .run();
    output.expect_code(128 + 25);
}

#[test]
fn without_a_descriptor_to_spare_the_vault_is_whole() {
    if !are_installed(&["prlimit"]) {
        return;
    }
    for save in SAVES.into_iter().chain([Save::LogoutAll]) {
        let place = Place::of(save);
        let after = place.state_after();
        let mut refused = 0;
        for most in 4.. {
            place.reset();
            let limit = format!("--nofile={most}");
            let output = place.command().under(["prlimit", &limit, "--"]).run();
            if output.code == 0 {
                assert_eq!(place.state(), after);
                if save == Save::LogoutAll {
                    assert!(output.stderr.contains(".replaced-"), "{output}");
                }
                break;
            }
            let when = format!("{save:?} with {most} descriptors");
            // Without enough of them even the dynamic loader ends with 127.
            assert!([1, 127].contains(&output.code), "{when}\n{output}");
            assert!(!output.stderr.contains("a bug in"), "{when}\n{output}");
            // What the command needs after the vault was replaced it has opened before.
            let is_new = place.assert_old_or_new(&after, &when);
            assert!(
                !is_new || place.state_before() == &after,
                "{when}\n{output}"
            );
            place.assert_no_temporary_files(&when);
            refused += 1;
        }
        assert!(refused > 0, "{save:?}");
    }
}
