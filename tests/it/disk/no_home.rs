//! A user without a home folder, as services and containers have it: what a command does not need
//! it does not look for.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::chown;
use std::path::PathBuf;

use crate::support::kernel::{Refusal, without_keyrings};
use crate::support::steps::logged_in;
use crate::support::world::{Cldkctl, Output, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, Standin, TOKEN, World, can_be_someone_else};

/// What `HOME` says, if it says anything.
type Home = Option<PathBuf>;

/// The world of a login of a user whom the system does not know.
#[track_caller]
fn homeless() -> Option<(Standin, World)> {
    if !can_be_someone_else() {
        return None;
    }
    let (cloudeka, world) = logged_in();
    for name in ["theirs", "closed"] {
        fs::create_dir(world.home().join(name)).expect("a folder");
        set_mode(world.home().join(name), 0o700);
    }
    let world = world.owned_by(SOMEONE_ELSE);
    chown(world.home().join("theirs"), Some(0), Some(0)).expect("root may");
    set_mode(world.home().join("closed"), 0);
    Some((cloudeka, world))
}

/// Every way to have no home.
fn homes(world: &World) -> [Home; 6] {
    let home = |path: &str| Some(world.home().join(path));
    [
        None,
        home("nothing"),
        home("theirs"),
        home("closed"),
        Some("/dev/null".into()),
        Some("".into()),
    ]
}

fn run<'a>(world: &'a World, home: &Home, args: &[&str]) -> Cldkctl<'a> {
    let mut run = world.cldkctl(args.iter().copied());
    for name in [
        "HOME",
        "XDG_DATA_HOME",
        "XDG_CONFIG_HOME",
        "XDG_RUNTIME_DIR",
    ] {
        run = run.env_remove(name);
    }
    match home {
        Some(home) => run.env("HOME", home),
        None => run,
    }
}

/// Fails the test if more is said than that the settings and the revisions of a home of ours that is
/// closed are not used.
#[track_caller]
fn assert_quiet(output: &Output, home: &Home) {
    let closed = home.as_ref().is_some_and(|home| home.ends_with("closed"));
    let mut said = output.stderr.lines();
    let expected = |line: &str| line.contains("warning: ") && line.contains("closed/");
    assert!(
        said.all(|line| closed && expected(line)),
        "{home:?}\n{output}"
    );
}

#[test]
fn a_token_in_the_environment_needs_no_home() {
    let Some((_cloudeka, world)) = homeless() else {
        return;
    };
    for home in homes(&world) {
        for args in [
            &["exec", "--", "printenv", "CLDKCTL_TOKEN"][..],
            &["auth", "token"],
        ] {
            let output = run(&world, &home, args).env("CLDKCTL_TOKEN", TOKEN).run();
            let output = output.succeeded();
            assert_eq!(output.stdout, format!("{TOKEN}\n"), "{home:?}");
            assert_quiet(&output, &home);
        }
        run(&world, &home, &["api", "/core/user/profile"])
            .env("CLDKCTL_TOKEN", TOKEN)
            .run()
            .succeeded();
    }
}

#[test]
fn a_vault_that_is_named_needs_no_home() {
    let Some((_cloudeka, world)) = homeless() else {
        return;
    };
    let vault = world.vault_path();
    let passphrase = world.write("passphrase", PASSPHRASE);
    let passphrase = passphrase.to_str().expect("text");
    for home in homes(&world) {
        let run = |args: &[&str]| run(&world, &home, args).env("CLDKCTL_VAULT", &vault);
        for args in [
            &["auth", "token"][..],
            &["auth", "token", "--session"],
            &["context", "list"],
            &["vault", "verify"],
            &["vault", "recipients", "list"],
            &["vault", "backup", "copy.age", "--force"],
        ] {
            let output = run(args).args(["--passphrase-file", passphrase]).run();
            let output = output.succeeded();
            assert!(!output.stderr.contains("home folder"), "{output}");
        }
        let login = ["auth", "--token-stdin", "--passphrase-file", passphrase];
        run(&login).stdin(TOKEN).run().succeeded();
        let path = run(&["vault", "path"]).run().succeeded();
        assert_eq!(path.stdout, format!("{}\n", vault.display()));
        for args in [&["auth", "status"][..], &["vault", "info"], &["lock"]] {
            run(args).run().succeeded();
        }
    }
}

#[test]
fn with_neither_home_nor_vault_an_error_says_what_is_missing() {
    let Some((_cloudeka, world)) = homeless() else {
        return;
    };
    for args in [
        &["auth", "token"][..],
        &["auth", "--token-stdin"],
        &["unlock"],
        &["lock"],
        &["vault", "path"],
    ] {
        let output = run(&world, &None, args).stdin(TOKEN).run().expect_code(1);
        assert!(
            output.stderr.contains("where your home folder is"),
            "{output}"
        );
        assert!(output.stderr.contains("--vault"), "{output}");
    }
}

#[test]
fn without_a_home_the_agent_listens_in_the_runtime_folder_and_needs_no_other() {
    without_keyrings(Refusal::NotPermitted, || {
        let Some((_cloudeka, world)) = homeless() else {
            return;
        };
        for home in homes(&world) {
            let run = |args: &[&str]| {
                let run = run(&world, &home, args).env("CLDKCTL_VAULT", world.vault_path());
                run.env("XDG_RUNTIME_DIR", world.runtime())
                    .stdin(PASSPHRASE)
            };
            run(&["unlock", "--passphrase-stdin"]).run().succeeded();
            let token = run(&["auth", "token"]).run().succeeded();
            assert_eq!(token.stdout, format!("{TOKEN}\n"), "{home:?}");
            let lock = run(&["lock"]).run().succeeded();
            assert!(lock.stderr.contains("Locked the vault"), "{home:?}\n{lock}");
            run(&["auth", "token"]).run().expect_code(4);
        }
        // Nor is there another place for it.
        let unlock = run(&world, &None, &["unlock", "--passphrase-stdin"]);
        let unlock = unlock.env("CLDKCTL_VAULT", world.vault_path());
        let output = unlock.stdin(PASSPHRASE).run().expect_code(1);
        assert!(output.stderr.contains("XDG_RUNTIME_DIR"), "{output}");
    });
}
