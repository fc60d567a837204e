//! Things that are no file, in place of every file that is read or written: each command ends
//! by itself, says which path it is about and what to do, and leaves the vault as it was.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::support::steps::{contents_of, logged_in};
use crate::support::world::{Output, set_mode};
use crate::support::{PASSPHRASE, TOKEN, World};
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Longer than a pipe is waited for that nobody writes to.
const PATIENCE: Duration = Duration::from_secs(40);

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
}

/// One of each that is no file with something in it. Nobody writes to the pipe.
fn odd_places(world: &World) -> Vec<PathBuf> {
    // Beside the home, whose files are all read.
    let folder = world.home().with_file_name("odd");
    fs::create_dir(&folder).expect("a folder");
    let at = |name: &str| folder.join(name);
    fifo(&at("fifo"));
    fs::create_dir(at("folder")).expect("a folder");
    // Its end is closed; the name stays.
    drop(UnixListener::bind(at("socket")).expect("a socket"));
    symlink("loop", at("loop")).expect("a link");
    symlink("fifo", at("link-to-fifo")).expect("a link");
    symlink("/dev/zero", at("link-to-zero")).expect("a link");
    let sparse = fs::File::create(at("sparse")).expect("a file");
    sparse.set_len(1 << 40).expect("a terabyte of nothing");
    let names = [
        "fifo",
        "folder",
        "socket",
        "loop",
        "link-to-fifo",
        "link-to-zero",
        "sparse",
    ];
    let devices = [
        "/dev/zero",
        "/dev/null",
        "/dev/full",
        "/dev/tty",
        "/dev/ptmx",
    ];
    let ours = names.map(at).into_iter();
    ours.chain(devices.map(PathBuf::from)).collect()
}

#[track_caller]
fn assert_refused(output: &Output, codes: &[i32], path: &Path, what: &str) {
    assert!(codes.contains(&output.code), "{what}: {output}");
    // Under its own name, or that of what it leads to.
    let target = path.canonicalize().unwrap_or_default();
    let names = |path: &Path| output.stderr.contains(path.to_str().expect("text"));
    assert!(
        names(path) || (target != path && names(&target)),
        "{what}: {output}"
    );
    for label in ["error: ", "hint: "] {
        let said = output.stderr.lines().any(|line| line.starts_with(label));
        assert!(said, "{what}: {output}");
    }
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
}

/// Runs `commands` with each odd place as their last argument, all at the same time, since
/// a pipe is waited for.
fn each_is_refused(commands: &[&'static [&'static str]], codes: &[i32]) {
    let (cloudeka, world) = logged_in();
    let good = world.write("passphrase", PASSPHRASE);
    let good = good.to_str().expect("text").to_owned();
    let places = odd_places(&world);
    let before = world.files();
    let connections = cloudeka.connections();
    let start = |args: &&[&str], path: &PathBuf| {
        let good = &good;
        let args = args
            .iter()
            .map(|arg| if *arg == "GOOD" { good } else { *arg });
        let run = world.cldkctl(args).arg(path).patience(PATIENCE);
        run.stdin(TOKEN).spawn()
    };
    let start_all = |args: &&'static [&'static str]| {
        let start = |path: &PathBuf| (*args, path.clone(), start(args, path));
        places.iter().map(start).collect::<Vec<_>>()
    };
    let running: Vec<_> = commands.iter().flat_map(start_all).collect();
    for (args, path, run) in running {
        let what = format!("{args:?} {}", path.display());
        assert_refused(&run.wait(), codes, &path, &what);
    }
    assert!(world.files() == before, "something was changed");
    assert_eq!(cloudeka.connections(), connections);
}

#[test]
fn in_place_of_what_opens_the_vault() {
    // 4: what cannot be read; 2: what is neither a file nor a pipe.
    let commands: [&[_]; 2] = [
        &["auth", "token", "--passphrase-file"],
        &["auth", "token", "--identity"],
    ];
    each_is_refused(&commands, &[2, 4]);
}

#[test]
fn in_place_of_what_a_vault_is_to_be_opened_with() {
    let commands: [&[_]; 2] = [
        &[
            "vault",
            "passphrase",
            "--passphrase-file",
            "GOOD",
            "--new-passphrase-file",
        ],
        &[
            "vault",
            "recipients",
            "add",
            "--passphrase-file",
            "GOOD",
            "--recipients-file",
        ],
    ];
    each_is_refused(&commands, &[2, 4]);
}

#[test]
fn in_place_of_a_certificate_or_a_body() {
    let commands: [&[_]; 3] = [
        &[
            "auth",
            "--token-stdin",
            "--passphrase-file",
            "GOOD",
            "--ca-cert",
        ],
        &[
            "auth",
            "status",
            "--check",
            "--passphrase-file",
            "GOOD",
            "--ca-cert",
        ],
        &[
            "api",
            "POST",
            "/core/user/profile",
            "--passphrase-file",
            "GOOD",
            "--input",
        ],
    ];
    each_is_refused(&commands, &[2]);
}

#[test]
fn in_place_of_a_backup_to_read() {
    let commands: [&[_]; 2] = [
        &["vault", "restore", "--force", "--passphrase-file", "GOOD"],
        &["vault", "restore", "--merge", "--passphrase-file", "GOOD"],
    ];
    each_is_refused(&commands, &[1, 6]);
}

#[test]
fn in_place_of_the_settings() {
    let (_cloudeka, world) = logged_in();
    let settings = world.settings_path();
    // All at the same time, each in settings of its own: a pipe is waited for.
    let start = |(at, place): (usize, PathBuf)| {
        let config = world.home().join(format!("config-{at}"));
        fs::create_dir_all(config.join("cldkctl")).expect("a folder");
        let settings = config.join("cldkctl/config.toml");
        symlink(&place, &settings).expect("a link");
        let run = world.cldkctl(["vault", "path"]).patience(PATIENCE);
        (place, settings, run.env("XDG_CONFIG_HOME", config).spawn())
    };
    let places = odd_places(&world).into_iter().enumerate();
    let running: Vec<_> = places.map(start).collect();
    for (place, settings, run) in running {
        let what = place.display().to_string();
        assert_refused(&run.wait(), &[1, 2], &settings, &what);
    }
    for (content, says) in [
        (b"\xff\xfe = 1\n".to_vec(), "UTF-8"),
        (b"vault = \"/tmp/\0\"\n".to_vec(), "config.toml"),
        (b"#".repeat(65 * 1024), "not a settings file"),
        (b"[unlock".to_vec(), "line 1"),
        (b"[[[[[[[[".repeat(8000), "line 1"),
        (
            "a = "
                .to_owned()
                .into_bytes()
                .into_iter()
                .chain(b"[".repeat(60_000))
                .collect(),
            "line 1",
        ),
        ("\"\u{1b}[2J\u{9b}31m\u{202e}\" = 1\n".into(), "line 1"),
    ] {
        fs::remove_file(&settings).expect("removed");
        fs::write(&settings, &content).expect("written");
        let output = world.cldkctl(["vault", "path"]).run();
        assert_refused(&output, &[1, 2], &settings, says);
        assert!(output.stderr.contains(says), "{says}: {output}");
        assert!(
            !output.stderr.contains(['\u{1b}', '\u{9b}', '\u{202e}']),
            "{output}"
        );
    }
}

#[test]
fn in_place_of_the_lock_file() {
    let (_cloudeka, world) = logged_in();
    let lock = world.data().join("cldkctl/vault.age.lock");
    let before = fs::read(world.vault_path()).expect("a vault");
    let makers: [(&str, &dyn Fn()); 4] = [
        ("a pipe", &|| fifo(&lock)),
        ("a folder", &|| fs::create_dir(&lock).expect("a folder")),
        ("a socket", &|| {
            drop(UnixListener::bind(&lock).expect("a socket"))
        }),
        ("a link to a device", &|| {
            symlink("/dev/zero", &lock).expect("a link")
        }),
    ];
    for (what, make) in makers {
        if lock.is_dir() {
            fs::remove_dir(&lock).expect("removed");
        } else {
            fs::remove_file(&lock).expect("removed");
        }
        make();
        for args in [
            &["auth", "logout"][..],
            &["context", "rename", "default", "x"],
            &["auth", "logout", "--all"],
        ] {
            let run = world
                .cldkctl(args.iter().copied())
                .arg("--passphrase-stdin");
            let output = run.stdin(PASSPHRASE).patience(PATIENCE).run();
            assert_refused(&output, &[1, 6], &lock, what);
        }
        assert_eq!(
            fs::read(world.vault_path()).expect("still there"),
            before,
            "{what}"
        );
    }
}

#[test]
fn in_place_of_what_is_remembered() {
    let (_cloudeka, world) = logged_in();
    let state = world.home().join("state");
    let revisions = state.join("cldkctl/revisions");
    let vault = world.vault_path();
    let id = contents_of(&vault, PASSPHRASE)["id"]
        .as_str()
        .expect("an id")
        .to_owned();
    fs::create_dir_all(&revisions).expect("a folder");
    set_mode(&state, 0o700);
    let run = || {
        let run = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
        run.env("XDG_STATE_HOME", &state)
            .stdin(PASSPHRASE)
            .patience(PATIENCE)
    };
    let file = revisions.join(&id);
    for place in odd_places(&world) {
        symlink(&place, &file).expect("a link");
        assert_eq!(
            run().run().succeeded().stdout,
            format!("{TOKEN}\n"),
            "{place:?}"
        );
        fs::remove_file(&file).expect("removed");
    }
    fifo(&file);
    assert_eq!(run().run().succeeded().stdout, format!("{TOKEN}\n"));
    fs::remove_file(&file).expect("removed");
    for text in [
        "",
        "-1",
        "1e9",
        "99999999999999999999999999",
        "\u{1b}[2J",
        "\0\0\0\0",
    ] {
        fs::write(&file, text).expect("written");
        let output = run().run().succeeded();
        assert_eq!(output.stdout, format!("{TOKEN}\n"), "{text:?}");
        assert_eq!(output.stderr.lines().count(), 1, "{text:?}: {output}");
        assert!(output.stderr.contains("would not be noticed"), "{output}");
    }
}

#[test]
fn a_file_that_grows_while_it_is_read_is_read_no_further_than_allowed() {
    let (_cloudeka, world) = logged_in();
    let good = world.write("passphrase", PASSPHRASE);
    for (args, limit) in [
        (&["auth", "token", "--passphrase-file"][..], "64 KiB"),
        (&["auth", "token", "--identity"], "64 KiB"),
        (&["auth", "status", "--check", "--ca-cert"], "4 MiB"),
        (&["api", "POST", "/x", "--input"], "64 MiB"),
    ] {
        // A pipe that goes on for ever grows as fast as anything can.
        let pipe = world.home().join("endless");
        fifo(&pipe);
        let run = world
            .cldkctl(args.iter().copied())
            .arg(&pipe)
            .patience(PATIENCE);
        let run = if args.contains(&"--passphrase-file") {
            run
        } else {
            run.arg("--passphrase-file").arg(&good)
        };
        let running = run.spawn();
        let writer = std::thread::spawn({
            let pipe = pipe.clone();
            move || {
                let mut file = fs::OpenOptions::new()
                    .write(true)
                    .open(pipe)
                    .expect("a reader");
                while file.write_all(&[b'a'; 64 * 1024]).is_ok() {}
            }
        });
        let output = running.wait();
        writer.join().expect("no panic");
        assert_refused(&output, &[2], &pipe, limit);
        assert!(output.stderr.contains(limit), "{output}");
        fs::remove_file(&pipe).expect("removed");
    }
}

#[test]
fn a_terminal_is_not_read_as_a_file() {
    let (_cloudeka, world) = logged_in();
    let good = world.write("passphrase", PASSPHRASE);
    let good = good.to_str().expect("text");
    let before = world.files();
    for (args, code) in [
        (&["auth", "token", "--passphrase-file", "/dev/tty"][..], 2),
        (&["auth", "token", "--identity", "/dev/tty"], 2),
        (&["auth", "token", "--vault", "/dev/tty"], 6),
        (&["auth", "--ca-cert", "/dev/tty"], 2),
        (
            &[
                "api",
                "POST",
                "/x",
                "--passphrase-file",
                good,
                "--input",
                "/dev/tty",
            ],
            2,
        ),
        (
            &["vault", "restore", "--passphrase-file", good, "/dev/tty"],
            6,
        ),
        (
            &[
                "vault",
                "backup",
                "--passphrase-file",
                good,
                "--force",
                "/dev/tty",
            ],
            1,
        ),
        (
            &[
                "vault",
                "recipients",
                "add",
                "--passphrase-file",
                good,
                "--recipients-file",
                "/dev/tty",
            ],
            2,
        ),
        (
            &[
                "vault",
                "passphrase",
                "--passphrase-file",
                good,
                "--new-passphrase-file",
                "/dev/tty",
            ],
            2,
        ),
    ] {
        let mut terminal = world.cldkctl(args.iter().copied()).on_pty();
        assert_eq!(terminal.wait(), code, "{args:?}: {}", terminal.screen());
        assert!(
            terminal.screen().contains("/dev/tty"),
            "{args:?}: {}",
            terminal.screen()
        );
    }
    assert!(world.files() == before);
}
