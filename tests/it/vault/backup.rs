//! Copies of the vault: made, carried to another machine, and opened there, with us and
//! without. Putting one back is in `vault/restore.rs`.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::support::steps::{
    are_installed, contents_by_commands, contents_of, log_in, logged_in, pipe,
};
use crate::support::world::{Output, mode, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, TOKEN, World, can_be_someone_else};

const READER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/read_vault.py");

/// `vault backup` with the passphrase in a file, which lies outside of what is looked at.
#[track_caller]
fn backup(world: &World, args: &[&str]) -> Output {
    let passphrase = world.write("run/passphrase", PASSPHRASE);
    world
        .cldkctl(["vault", "backup", "--passphrase-file"])
        .arg(passphrase)
        .args(args)
        .run()
}

/// Another machine, to which `file` alone was carried, as `vault.age` in the home.
#[track_caller]
fn elsewhere(file: &Path) -> (World, PathBuf) {
    let world = World::new();
    let copy = world.write("vault.age", fs::read(file).expect("a backup"));
    (world, copy)
}

/// Opens there, on a terminal, with the passphrase and nothing else.
#[track_caller]
fn opens_elsewhere(file: &Path) {
    let (world, copy) = elsewhere(file);
    let mut terminal = world
        .cldkctl(["auth", "token", "--vault"])
        .arg(&copy)
        .stdout_apart()
        .on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(terminal.stdout().trim(), TOKEN);
}

/// Both forms of a backup of the vault of a new login.
#[track_caller]
fn both_forms() -> (World, [PathBuf; 2]) {
    let (_cloudeka, world) = logged_in();
    let forms = [vec!["copy.age"], vec!["copy.txt", "--armor"]].map(|args| {
        backup(&world, &args).succeeded();
        world.home().join(args[0])
    });
    (world, forms)
}

#[test]
fn a_backup_is_the_vault_byte_for_byte_and_for_its_owner_alone() {
    let (_cloudeka, world) = logged_in();
    let output = backup(&world, &["copy.age"]).succeeded();
    let copy = world.home().join("copy.age");
    assert_eq!(
        fs::read(&copy).expect("a copy"),
        fs::read(world.vault_path()).expect("a vault")
    );
    assert_eq!(mode(&copy), 0o600);
    assert_eq!(output.stdout, "", "data goes there, and this is none");
    let path = copy.display();
    let says = format!("Backed up revision 1 of the vault to {path}, and read it back\n");
    assert_eq!(output.stderr, says);
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
}

#[test]
fn an_armored_backup_is_text_of_the_same_vault() {
    let (world, [_, armored]) = both_forms();
    let text = fs::read_to_string(&armored).expect("text");
    assert!(text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----\n"));
    assert!(text.ends_with("\n-----END AGE ENCRYPTED FILE-----\n"));
    assert!(text.lines().all(|line| line.len() <= 64));
    assert_eq!(mode(&armored), 0o600);
    assert_eq!(
        contents_of(&armored, PASSPHRASE),
        contents_of(&world.vault_path(), PASSPHRASE)
    );
}

#[test]
fn both_forms_open_on_another_machine() {
    let (_world, forms) = both_forms();
    for form in forms {
        opens_elsewhere(&form);
    }
}

#[test]
fn both_forms_open_with_stock_commands_alone() {
    if !are_installed(&["age", "argon2", "python3"]) {
        return;
    }
    let (world, forms) = both_forms();
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    for form in &forms {
        assert_eq!(contents_by_commands(form, PASSPHRASE), contents);
        let form = form.to_str().expect("text");
        let read = pipe(&["python3", READER, form], PASSPHRASE.as_bytes());
        let read: serde_json::Value = serde_json::from_slice(&read).expect("JSON");
        assert_eq!(read, contents, "{form}");
    }
}

#[test]
#[ignore = "needs rage, which Debian does not have: `cargo install rage`, then `cargo test -- --ignored rage`"]
fn both_forms_open_with_rage() {
    let (world, forms) = both_forms();
    let rage = world.home().join("bin");
    fs::create_dir(&rage).expect("a folder");
    let found = String::from_utf8(pipe(&["sh", "-c", "command -v rage"], b"")).expect("text");
    symlink(found.trim(), rage.join("age")).expect("a link");
    let path = std::env::var("PATH").expect("a PATH");
    let path = format!("PATH={}:{path}", rage.display());
    for form in &forms {
        let form = form.to_str().expect("text");
        let read = pipe(
            &["env", &path, "python3", READER, form],
            PASSPHRASE.as_bytes(),
        );
        assert!(String::from_utf8_lossy(&read).contains(TOKEN), "{form}");
    }
}

#[test]
fn a_pipe_gets_the_copy_and_nothing_else() {
    let (_cloudeka, world) = logged_in();
    let output = backup(&world, &["-"]).succeeded();
    let vault = fs::read(world.vault_path()).expect("a vault");
    assert_eq!(output.stdout_bytes, vault);
    let output = backup(&world, &["-", "--armor"]).succeeded();
    let copy = world.write("copy.txt", &output.stdout_bytes);
    opens_elsewhere(&copy);
    assert!(!world.home().join("-").exists());
}

#[test]
fn asked_for_on_a_terminal_while_the_copy_goes_to_a_pipe() {
    let (_cloudeka, world) = logged_in();
    let mut terminal = world
        .cldkctl(["vault", "backup", "-", "--armor"])
        .stdout_apart()
        .on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    let copy = world.write("copy.txt", terminal.stdout());
    opens_elsewhere(&copy);
}

#[test]
fn a_terminal_is_shown_armor_and_no_binary() {
    let (_cloudeka, world) = logged_in();
    let mut terminal = world.cldkctl(["vault", "backup", "-"]).on_pty();
    terminal.expect("a backup is binary, and standard output is a terminal");
    terminal.expect("--armor");
    assert_eq!(terminal.wait(), 2);
    assert!(!terminal.screen().contains("age-encryption"));
    assert!(!terminal.screen().contains("passphrase:"), "asks nothing");

    let mut terminal = world.cldkctl(["vault", "backup", "-", "--armor"]).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("-----END AGE ENCRYPTED FILE-----");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn what_is_there_is_replaced_only_when_told_to() {
    let (_cloudeka, world) = logged_in();
    let copy = world.write("copy.age", "precious");
    set_mode(&copy, 0o644);
    world.write("run/passphrase", PASSPHRASE);
    let before = world.files();
    let output = backup(&world, &["copy.age"]).expect_code(1);
    assert!(output.stderr.contains("exists already"), "{output}");
    assert!(output.stderr.contains("--force"), "{output}");
    assert_eq!(world.files(), before, "nothing half-written, either");

    backup(&world, &["copy.age", "--force"]).succeeded();
    assert_eq!(mode(&copy), 0o600);
    opens_elsewhere(&copy);
}

#[test]
fn the_vault_is_no_place_for_its_own_backup() {
    let (_cloudeka, world) = logged_in();
    let ino = || fs::metadata(world.vault_path()).expect("a vault").ino();
    let before = ino();
    symlink(world.vault_path(), world.home().join("link.age")).expect("a link");
    let vault = world.vault_path();
    for target in [
        vault.to_str().expect("text"),
        "data/cldkctl/../cldkctl/vault.age",
        "link.age",
    ] {
        for force in [None, Some("--force")] {
            let args: Vec<&str> = [Some(target), force].into_iter().flatten().collect();
            let output = backup(&world, &args).expect_code(2);
            assert!(output.stderr.contains("the vault itself"), "{output}");
        }
    }
    assert_eq!(ino(), before);
}

#[test]
fn a_link_as_target_stays_one_and_leads_to_the_copy() {
    let (_cloudeka, world) = logged_in();
    let stick = world.home().join("stick");
    fs::create_dir(&stick).expect("a folder");
    fs::write(stick.join("copy.age"), "an older one").expect("written");
    symlink("stick/copy.age", world.home().join("link.age")).expect("a link");
    backup(&world, &["link.age"]).expect_code(1);
    backup(&world, &["link.age", "--force"]).succeeded();
    assert!(world.home().join("link.age").is_symlink());
    opens_elsewhere(&stick.join("copy.age"));
    // Also one that leads to nothing yet.
    symlink("stick/new.age", world.home().join("new.age")).expect("a link");
    backup(&world, &["new.age"]).succeeded();
    assert!(world.home().join("new.age").is_symlink());
    opens_elsewhere(&stick.join("new.age"));
    symlink("loop.age", world.home().join("loop.age")).expect("a link");
    let output = backup(&world, &["loop.age", "--force"]).expect_code(1);
    assert!(output.stderr.contains("loop.age"), "{output}");
}

#[test]
fn a_device_a_folder_or_a_pipe_is_not_replaced_by_a_file() {
    let (_cloudeka, world) = logged_in();
    let fifo = world.home().join("fifo");
    let user = rustix::fs::Mode::from_raw_mode(0o600);
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, &fifo, kind, user, 0).expect("a FIFO");
    fs::create_dir(world.home().join("folder")).expect("a folder");
    symlink("/dev/null", world.home().join("null")).expect("a link");
    let kind_of = |name| {
        fs::metadata(world.home().join(name))
            .expect("there")
            .file_type()
    };
    let before = ["fifo", "folder", "null"].map(kind_of);
    for target in ["fifo", "folder", "null"] {
        for force in [None, Some("--force")] {
            let args: Vec<&str> = [Some(target), force].into_iter().flatten().collect();
            let output = backup(&world, &args).expect_code(1);
            assert!(output.stderr.contains("not a regular file"), "{output}");
        }
    }
    assert_eq!(["fifo", "folder", "null"].map(kind_of), before);
}

#[test]
fn a_folder_that_others_can_write_to_is_good_enough_for_a_copy() {
    // A stick is often mounted like this, and a home made with umask 002 has such folders.
    let (_cloudeka, world) = logged_in();
    let stick = world.home().join("stick");
    fs::create_dir(&stick).expect("a folder");
    for permissions in [0o775, 0o777] {
        set_mode(&stick, permissions);
        backup(&world, &["stick/copy.age", "--force"]).succeeded();
        assert_eq!(mode(stick.join("copy.age")), 0o600);
    }
}

#[test]
fn where_nothing_can_be_written_it_fails_and_leaves_nothing() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let folder = world.home().join("folder");
    fs::create_dir(&folder).expect("a folder");
    let passphrase = world.write("run/passphrase", PASSPHRASE);
    let world = world.owned_by(SOMEONE_ELSE); // root may write anywhere
    set_mode(&folder, 0o500);
    for target in ["folder/copy.age", "no/such/folder/copy.age"] {
        let before = world.files();
        let output = world
            .cldkctl(["vault", "backup", target, "--passphrase-file"])
            .arg(&passphrase)
            .run()
            .expect_code(1);
        assert!(
            output.stderr.contains("folder: ") && output.stderr.contains("hint:"),
            "{output}"
        );
        // Not the name of the temporary file, which nobody asked for.
        assert!(!output.stderr.contains(".tmp"), "{output}");
        assert_eq!(world.files(), before);
    }
    set_mode(&folder, 0o700);
}

#[test]
fn without_the_passphrase_nothing_is_copied() {
    let (_cloudeka, world) = logged_in();
    let before = world.files();
    world
        .cldkctl(["vault", "backup", "copy.age"])
        .run()
        .expect_code(4);
    world
        .cldkctl(["vault", "backup", "copy.age", "--passphrase-stdin"])
        .stdin("not the passphrase")
        .run()
        .expect_code(5);
    assert_eq!(world.files(), before);
    let nowhere = World::new();
    let run = nowhere.cldkctl(["vault", "backup", "copy.age"]).run();
    run.expect_code(3);
}

#[test]
fn a_damaged_vault_is_not_backed_up() {
    let (_cloudeka, world) = logged_in();
    let mut vault = fs::read(world.vault_path()).expect("a vault");
    *vault.last_mut().expect("bytes") ^= 1;
    fs::write(world.vault_path(), vault).expect("written");
    backup(&world, &["copy.age"]).expect_code(6);
    assert!(!world.home().join("copy.age").exists());
}

#[test]
fn an_unlocked_vault_is_backed_up_without_asking_and_the_copy_is_of_now() {
    let (_cloudeka, world) = logged_in();
    backup(&world, &["first.age"]).succeeded();
    log_in(&world, TOKEN, &["--context", "second"]);
    world
        .cldkctl(["unlock", "--passphrase-stdin", "--scope", "user"])
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    let output = world
        .cldkctl(["vault", "backup", "second.age"])
        .run()
        .succeeded();
    assert!(output.stderr.contains("revision 2"), "{output}");
    let revision = |name| contents_of(&world.home().join(name), PASSPHRASE)["revision"].as_u64();
    assert_eq!(
        [revision("first.age"), revision("second.age")],
        [Some(1), Some(2)]
    );
}

#[test]
fn a_backup_that_nobody_reads_is_none() {
    let (_cloudeka, world) = logged_in();
    let passphrase = world.write("run/passphrase", PASSPHRASE);
    // Its reader has gone before anything is written.
    let script = "{ sleep 0.3; \"$0\" \"$@\"; echo \"exit code $?\" >&2; } | :";
    let output = world
        .cldkctl(["vault", "backup", "-", "--passphrase-file"])
        .arg(passphrase)
        .under(["/bin/sh", "-c", script])
        .run();
    assert!(output.stderr.contains("exit code 1\n"), "{output}");
    assert!(output.stderr.contains("there is no backup"), "{output}");
}
