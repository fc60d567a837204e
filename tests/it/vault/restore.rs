//! A backup put in place, or merged into the vault that is there; and no vault is ever lost
//! on the way.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::failures::Files;
use crate::support::steps::{contents_of, log_in, logged_in};
use crate::support::world::{Output, mode, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, Standin, TOKEN, World, can_be_someone_else};

const OTHER_PASSPHRASE: &str = "seven maples hum beneath";
const OTHER_TOKEN: &str = "cldkctl_other_77665544332211";

/// A file with the vault of a login under [`PASSPHRASE`], as it is carried around.
#[track_caller]
fn backup(args: &[&str]) -> (Standin, Vec<u8>) {
    let (cloudeka, world) = logged_in();
    let copy = world
        .cldkctl(["vault", "backup", "-", "--passphrase-stdin"])
        .args(args)
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    (cloudeka, copy.stdout_bytes)
}

/// A world with a vault of its own: another passphrase, and other contexts.
#[track_caller]
fn another_vault(contexts: &[&str]) -> World {
    let cloudeka = Standin::start();
    cloudeka.accept_token(OTHER_TOKEN);
    let world = World::new().at(&cloudeka);
    let passphrase = world.write("run/passphrase", OTHER_PASSPHRASE);
    for context in contexts {
        world
            .cldkctl(["auth", "--token-stdin", "--no-unlock", "--context", context])
            .arg("--passphrase-file")
            .arg(&passphrase)
            .stdin(OTHER_TOKEN)
            .run()
            .succeeded();
    }
    world
}

#[track_caller]
fn restore(world: &World, file: &Path, passphrase: &str, args: &[&str]) -> Output {
    world
        .cldkctl(["vault", "restore", "--passphrase-stdin"])
        .args(args)
        .arg(file)
        .stdin(passphrase)
        .run()
}

/// What lies beside the vault, lock file apart.
fn beside(world: &World) -> Files {
    let folder = world.data().join("cldkctl");
    let mut files: Files = match folder.exists() {
        true => crate::support::world::files_under(&folder),
        false => BTreeMap::new(),
    };
    files
        .retain(|path, _| *path != world.vault_path() && path.extension() != Some("lock".as_ref()));
    files
}

fn read(path: impl AsRef<Path>) -> Vec<u8> {
    fs::read(path).expect("a file")
}

fn names(world: &World, passphrase: &str) -> Vec<String> {
    let contents = contents_of(&world.vault_path(), passphrase);
    let contexts = contents["contexts"].as_array().expect("contexts").clone();
    contexts
        .iter()
        .map(|context| context["name"].as_str().expect("a name").to_owned())
        .collect()
}

#[test]
fn a_new_machine_gets_the_vault_and_the_folder_for_it() {
    for form in [&[][..], &["--armor"]] {
        let (_cloudeka, bytes) = backup(form);
        let world = World::new();
        let file = world.write("copy.age", &bytes);
        fs::remove_dir(world.data()).expect("an empty folder");

        let mut terminal = world.cldkctl(["vault", "restore", "copy.age"]).on_pty();
        terminal.expect(&format!("Opening the backup {}", file.display()));
        terminal.expect("Passphrase of the backup:");
        terminal.send_secret(PASSPHRASE);
        terminal.expect("revision 1, 1 context");
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());

        assert_eq!(read(world.vault_path()), bytes);
        assert_eq!(mode(world.vault_path()), 0o600);
        assert_eq!(mode(world.data().join("cldkctl")), 0o700);
        assert_eq!(read(file), bytes, "the backup stays");
        let output = world
            .cldkctl(["auth", "token", "--passphrase-stdin"])
            .stdin(PASSPHRASE)
            .run()
            .succeeded();
        assert_eq!(output.stdout.trim(), TOKEN);
        // Once more, and it is in the way of itself.
        restore(&world, Path::new("copy.age"), PASSPHRASE, &[]).expect_code(1);
    }
}

#[test]
fn a_backup_comes_through_a_pipe_while_the_passphrase_is_typed() {
    let (_cloudeka, bytes) = backup(&[]);
    let world = World::new();
    let mut terminal = world
        .cldkctl(["vault", "restore", "-"])
        .stdin(bytes.clone())
        .on_pty();
    terminal.expect("Passphrase of the backup:");
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(read(world.vault_path()), bytes);
}

#[test]
fn one_standard_input_is_not_both_the_backup_and_its_passphrase() {
    let world = World::new();
    let output = restore(&world, Path::new("-"), PASSPHRASE, &[]).expect_code(2);
    assert!(output.stderr.contains("--passphrase-file"), "{output}");
}

#[test]
fn a_restored_vault_is_saved_like_any_other() {
    let (cloudeka, bytes) = backup(&["--armor"]);
    let world = World::new().at(&cloudeka);
    world.write("copy.txt", bytes);
    restore(&world, Path::new("copy.txt"), PASSPHRASE, &[]).succeeded();
    log_in(&world, TOKEN, &["--context", "second"]);
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(contents["revision"], 2);
    assert_eq!(names(&world, PASSPHRASE), ["default", "second"]);
}

#[test]
fn what_is_no_vault_is_refused_and_nothing_is_touched() {
    let (_cloudeka, bytes) = backup(&[]);
    let mut altered = bytes.clone();
    *altered.last_mut().expect("bytes") ^= 1;
    let bad: [(&str, &[u8]); 6] = [
        ("empty", b""),
        ("text", b"dear diary"),
        ("zeros", &[0; 4096]),
        ("half", &bytes[..bytes.len() / 2]),
        ("altered", &altered),
        ("header", b"age-encryption.org/v1\n"),
    ];
    for world in [World::new(), another_vault(&["work"])] {
        let passphrase = world.write("passphrase", PASSPHRASE);
        for (name, content) in bad {
            let file = world.write(name, content);
            let before = world.files();
            let existed = world.vault_path().exists();
            let flags: &[&[&str]] = match existed {
                false => &[&[], &["--force"], &["--merge"]],
                true => &[&["--force"], &["--merge"]],
            };
            for flags in flags {
                let output = restore(&world, &file, PASSPHRASE, flags).expect_code(6);
                assert!(output.stderr.contains(name), "says which file\n{output}");
                let after = world.files();
                assert_eq!(after, before, "{name} {flags:?}");
            }
            let run = world.cldkctl(["vault", "restore", "-", "--force", "--passphrase-file"]);
            run.arg(&passphrase).stdin(content).run().expect_code(6);
            assert_eq!(world.files(), before, "{name}");
            if !existed {
                assert!(!world.data().join("cldkctl").exists(), "not even a folder");
            }
        }
    }
}

#[test]
fn what_is_not_there_or_is_a_folder_is_told_as_such() {
    let world = World::new();
    let output = restore(&world, Path::new("no.age"), PASSPHRASE, &[]).expect_code(2);
    assert!(output.stderr.contains("there is no backup"), "{output}");
    let output = restore(&world, &world.home(), PASSPHRASE, &[]).expect_code(6);
    assert!(output.stderr.contains("not a regular file"), "{output}");
    let output = restore(&world, Path::new("/dev/zero"), PASSPHRASE, &[]).expect_code(6);
    assert!(output.stderr.contains("not a regular file"), "{output}");
    assert!(!world.data().join("cldkctl").exists());
}

#[test]
fn a_wrong_passphrase_touches_nothing() {
    let (_cloudeka, bytes) = backup(&[]);
    for world in [World::new(), another_vault(&["work"])] {
        let file = world.write("copy.age", &bytes);
        let before = world.files();
        for flags in ["--force", "--merge"] {
            let output = restore(&world, &file, OTHER_PASSPHRASE, &[flags]).expect_code(5);
            assert!(output.stderr.contains("copy.age"), "{output}");
            assert_eq!(world.files(), before);
            let run = world.cldkctl(["vault", "restore", "copy.age", flags]);
            run.run().expect_code(4);
            assert_eq!(world.files(), before);
        }
    }
}

#[test]
fn a_vault_in_place_stays_unless_told_otherwise() {
    let (_cloudeka, bytes) = backup(&[]);
    let world = another_vault(&["work"]);
    let file = world.write("copy.age", bytes);
    let before = world.files();
    let output = restore(&world, &file, PASSPHRASE, &[]).expect_code(1);
    let vault = world.vault_path().display().to_string();
    for says in [vault.as_str(), "--merge", "--force"] {
        assert!(output.stderr.contains(says), "{output}");
    }
    assert_eq!(world.files(), before);
    restore(&world, &file, PASSPHRASE, &["--force", "--merge"]).expect_code(2);
    assert_eq!(world.files(), before);
}

#[test]
fn replaced_by_force_it_lies_beside_byte_for_byte_each_time() {
    let (_cloudeka, bytes) = backup(&[]);
    let world = another_vault(&["work"]);
    let file = world.write("copy.age", &bytes);
    let mut kept: Vec<PathBuf> = Vec::new();
    // The third time, what is replaced is what replaces it.
    for _ in 0..3 {
        let old = read(world.vault_path());
        let output = restore(&world, &file, PASSPHRASE, &["--force"]).succeeded();
        assert_eq!(read(world.vault_path()), bytes);
        let beside = beside(&world);
        let new: Vec<_> = beside.keys().filter(|path| !kept.contains(path)).collect();
        let [new] = new[..] else {
            panic!("one more: {new:?}");
        };
        assert_eq!(beside[new], old, "byte for byte");
        assert_eq!(mode(new), 0o600);
        let name = new.file_name().expect("a name").to_string_lossy();
        let date = name
            .strip_prefix("vault.age.replaced-")
            .expect("a name that says it");
        let form: String = date
            .chars()
            .map(|c| if c.is_ascii_digit() { '0' } else { c })
            .collect();
        assert_eq!(form, "00000000T000000.000Z", "{name}");
        assert!(
            output.stderr.contains(&new.display().to_string()),
            "{output}"
        );
        kept.push(new.clone());
    }
    // It still opens, and goes back the same way.
    let first = kept.remove(0);
    restore(&world, &first, OTHER_PASSPHRASE, &["--force"]).succeeded();
    assert_eq!(read(world.vault_path()), read(&first));
    assert_eq!(beside(&world).len(), 4);
}

#[test]
fn a_vault_that_is_damaged_beyond_reading_is_kept_as_well() {
    let (_cloudeka, bytes) = backup(&[]);
    let world = another_vault(&["work"]);
    fs::write(world.vault_path(), "what the disk left of it").expect("written");
    let file = world.write("copy.age", &bytes);
    restore(&world, &file, PASSPHRASE, &["--force"]).succeeded();
    assert_eq!(read(world.vault_path()), bytes);
    let kept: Vec<_> = beside(&world).into_values().collect();
    assert_eq!(kept, [b"what the disk left of it"]);
}

#[test]
fn where_nothing_can_be_written_the_old_vault_stays() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, bytes) = backup(&[]);
    let world = another_vault(&["work"]);
    world.write("copy.age", bytes);
    let world = world.owned_by(SOMEONE_ELSE); // root may write anywhere
    set_mode(world.data().join("cldkctl"), 0o500);
    let before = world.files();
    restore(&world, Path::new("copy.age"), PASSPHRASE, &["--force"]).expect_code(1);
    assert_eq!(world.files(), before);
    set_mode(world.data().join("cldkctl"), 0o700);
}

#[test]
fn a_backup_may_be_anybodys_and_lie_anywhere() {
    if !can_be_someone_else() {
        return;
    }
    // Such as a stick that the system mounted, or a share.
    let (_cloudeka, bytes) = backup(&[]);
    let world = World::new();
    let stick = world.home().join("stick");
    fs::create_dir(&stick).expect("a folder");
    set_mode(&stick, 0o777);
    let file = world.write("stick/copy.age", &bytes);
    std::os::unix::fs::chown(&file, Some(SOMEONE_ELSE), None).expect("root may");
    restore(&world, &file, PASSPHRASE, &[]).succeeded();
    assert_eq!(read(world.vault_path()), bytes);
}

#[test]
fn a_file_that_is_not_a_backup_is_no_reason_to_doubt_the_vault() {
    let (_cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).expect("a vault");
    let cut = &before[..before.len() - 20];
    for (content, code) in [(&b"a note"[..], 6), (cut, 6)] {
        let notes = world.write("notes", content);
        let output = restore(&world, &notes, PASSPHRASE, &["--force"]).expect_code(code);
        let hint = "hint: name another file that `cldkctl vault backup` made\n";
        assert!(output.stderr.contains(hint), "{output}");
        assert!(output.stderr.contains("/notes"), "{output}");
        assert_eq!(fs::read(world.vault_path()).expect("a vault"), before);
    }
}

#[test]
fn what_is_wrong_with_the_backup_is_said_of_the_backup() {
    let (_cloudeka, copy) = backup(&[]);
    let world = World::new();
    let good = world.write("good.age", &copy);
    let identity = crate::support::keys::Key::age(&world, "stranger").identity;
    let cut = world.write("cut.age", &copy[..copy.len() - 1]);
    let headless = world.write("headless.age", &copy[..200]);
    let text = world.write("text.age", "a letter");
    let newer = world.write("newer.age", "age-encryption.org/v2\n");
    let run = |file: &Path, passphrase: &str, args: &[&str]| {
        let output = restore(&world, file, passphrase, args);
        (output, file.to_owned())
    };
    let by_identity = world
        .cldkctl(["vault", "restore", "--identity"])
        .args([&identity, &good])
        .run();
    let locked = world.cldkctl(["vault", "restore"]).arg(&good).run();
    for ((output, file), code) in [
        (run(&good, OTHER_PASSPHRASE, &[]), 5),
        ((by_identity, good.clone()), 5),
        ((locked, good.clone()), 4),
        (run(&good, PASSPHRASE, &["--kdf-ceiling", "8MiB"]), 6),
        (run(&cut, PASSPHRASE, &[]), 6),
        (run(&headless, PASSPHRASE, &[]), 6),
        (run(&text, PASSPHRASE, &[]), 6),
        (run(&newer, PASSPHRASE, &[]), 6),
    ] {
        let output = output.expect_code(code);
        let error = output
            .stderr
            .lines()
            .find(|line| line.starts_with("error: "));
        let error = error.expect("an error");
        let named = format!("the backup {}", file.display());
        assert!(error.contains(&named), "{output}");
        assert!(!error.contains("the vault"), "{output}");
    }
    assert!(!world.vault_path().exists());
}
