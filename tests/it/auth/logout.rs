//! Somebody logs out: of one context, or of everything.

use crate::support::steps::{contents_of, log_in, logged_in};
use crate::support::world::Cldkctl;
use crate::support::{PASSPHRASE, TOKEN, World};
use serde_json::Value;

const OTHER_TOKEN: &str = "cldkctl_other_a1b2c3d4e5f60718";

/// A vault with the contexts `default` and, the current one, `work`.
fn logged_in_twice() -> (crate::support::Standin, World) {
    let (cloudeka, world) = logged_in();
    cloudeka.accept_token(OTHER_TOKEN);
    log_in(&world, OTHER_TOKEN, &["--context", "work"]);
    (cloudeka, world)
}

fn contents(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)
}

fn with_passphrase<'world>(world: &'world World, args: &[&str]) -> Cldkctl<'world> {
    world
        .cldkctl(args)
        .arg("--passphrase-stdin")
        .stdin(PASSPHRASE)
}

#[test]
fn the_current_context_goes_and_the_others_stay() {
    let (cloudeka, world) = logged_in_twice();
    let sent = cloudeka.connections();
    let before = contents(&world);
    let mut terminal = world.cldkctl(["auth", "logout"]).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("Removed the context work");
    let host = cloudeka.base_url();
    terminal.expect(&format!(
        "Its token stays valid at {host} until it expires or you delete it in the portal"
    ));
    terminal.expect("The current context is now default");
    assert_eq!(terminal.wait(), 0);

    let after = contents(&world);
    assert_eq!(after["contexts"].as_array().map(Vec::len), Some(1));
    assert_eq!(after["contexts"][0], before["contexts"][0]);
    assert_eq!(after["current_context"], "default", "the one that is left");
    assert_eq!(after["revision"], 3);
    assert_eq!(cloudeka.connections(), sent, "the API knows no logout");
    let token = with_passphrase(&world, &["auth", "token"])
        .run()
        .succeeded();
    assert_eq!(token.stdout, format!("{TOKEN}\n"));
}

#[test]
fn the_context_that_is_named_goes() {
    let (_cloudeka, world) = logged_in_twice();
    let output = with_passphrase(&world, &["auth", "logout", "--context", "default"]).run();
    let output = output.succeeded();
    assert!(output.stderr.contains("default"), "{output}");
    assert!(
        !output.stderr.contains("The current context"),
        "it is as before\n{output}"
    );
    assert_eq!(output.stdout, "");
    let after = contents(&world);
    assert_eq!(after["contexts"][0]["name"], "work");
    assert_eq!(after["current_context"], "work");

    let before = world.files();
    let gone = with_passphrase(&world, &["auth", "logout", "--context", "default"]).run();
    let gone = gone.expect_code(3);
    assert!(
        gone.stderr.contains("default") && gone.stderr.contains("hint:"),
        "{gone}"
    );
    assert_eq!(world.files(), before);
}

#[test]
fn after_the_last_context_nobody_is_logged_in() {
    let (_cloudeka, world) = logged_in();
    with_passphrase(&world, &["auth", "logout", "-q"])
        .run()
        .succeeded();
    let after = contents(&world);
    assert_eq!(after["contexts"], serde_json::json!([]));
    assert!(after.get("current_context").is_none(), "{after}");

    for args in [&["auth", "token"][..], &["auth", "logout"]] {
        let output = with_passphrase(&world, args).run().expect_code(3);
        assert!(output.stderr.contains("not logged in") && output.stderr.contains("cldkctl auth"));
        assert_eq!(output.stdout, "");
    }
    log_in(&world, TOKEN, &[]);
    let token = with_passphrase(&world, &["auth", "token"])
        .run()
        .succeeded();
    assert_eq!(token.stdout, format!("{TOKEN}\n"));
}

#[test]
fn all_removes_the_vault_without_a_passphrase() {
    let (_cloudeka, world) = logged_in_twice();
    let output = world.cldkctl(["auth", "logout", "--all"]).run().succeeded();
    assert!(output.stderr.contains("vault.age"), "{output}");
    assert!(!world.vault_path().exists());
    let left: Vec<_> = world.files().into_keys().collect();
    assert!(
        left.iter().all(|path| path.ends_with("vault.age.lock")
                || path.ends_with("config.toml")
                // The number of a revision, under a random id; which one is not known unopened.
                || path.to_string_lossy().contains("/revisions/")),
        "{left:?}"
    );

    for args in [
        &["auth", "status"][..],
        &["auth", "token"],
        &["auth", "logout"],
        &["auth", "logout", "--all"],
        &["vault", "info"],
    ] {
        let output = world.cldkctl(args).run().expect_code(3);
        assert_eq!(output.stdout, "");
        for text in ["not logged in", "vault.age", "hint:", "cldkctl auth"] {
            assert!(output.stderr.contains(text), "{text}: {output}");
        }
    }
    let status = world
        .cldkctl(["auth", "status", "-o", "json"])
        .run()
        .expect_code(3);
    let status: Value = serde_json::from_str(&status.stdout).expect("JSON all the same");
    assert_eq!(status["exists"], false);
    log_in(&world, TOKEN, &[]);
}

#[test]
fn on_a_terminal_all_is_removed_only_if_the_answer_is_yes() {
    for words in [&["auth", "logout", "--all"][..], &["logout", "--all"]] {
        let (_cloudeka, world) = logged_in();
        for (answer, code) in [("", 1), ("n", 1), ("y", 0)] {
            let mut terminal = world.cldkctl(words.iter().copied()).on_pty();
            let path = world.vault_path();
            terminal.expect(&format!(
                "Remove the vault {}, with every login",
                path.display()
            ));
            terminal.expect("[y/N]");
            assert!(path.exists());
            terminal.send_line(answer);
            assert_eq!(terminal.wait(), code, "{}", terminal.screen());
            assert_eq!(path.exists(), code != 0, "{answer}");
        }
        for flag in ["--yes", "-y", "--no-input"] {
            log_in(&world, TOKEN, &[]);
            let mut terminal = world.cldkctl(words.iter().chain(&[flag]).copied()).on_pty();
            terminal.expect("Removed the vault");
            assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
        }
        // A script that somebody started from a terminal.
        log_in(&world, TOKEN, &[]);
        let mut terminal = world.cldkctl(words.iter().copied()).stdin("").on_pty();
        terminal.expect("Removed the vault");
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    }
}

#[test]
fn all_removes_a_vault_that_nothing_opens_any_more() {
    let (_cloudeka, world) = logged_in();
    std::fs::write(world.vault_path(), "damaged").expect("written");
    world.cldkctl(["auth", "status"]).run().expect_code(6);
    world.cldkctl(["auth", "logout", "--all"]).run().succeeded();
    assert!(!world.vault_path().exists());
}

#[test]
fn a_wrong_passphrase_logs_nobody_out() {
    let (_cloudeka, world) = logged_in_twice();
    let before = world.files();
    for args in [
        &["auth", "logout"][..],
        &["auth", "token"],
        &["auth", "status"],
        &["vault", "info"],
    ] {
        let output = world
            .cldkctl(args)
            .arg("--passphrase-stdin")
            .stdin("a wrong passphrase")
            .run();
        let output = output.expect_code(5);
        assert_eq!(output.stdout, "");
        assert!(
            output.stderr.contains("vault.age") && output.stderr.contains("hint:"),
            "{output}"
        );
        output.assert_no_secret(&[TOKEN, "a wrong passphrase"]);
    }
    assert_eq!(world.files(), before);
}

#[test]
fn without_a_vault_nothing_is_made_by_asking() {
    let world = World::new();
    let before = world.files();
    for args in [
        &["auth", "status"][..],
        &["auth", "token"],
        &["auth", "logout"],
        &["auth", "logout", "--all"],
        &["vault", "info"],
    ] {
        let output = world.cldkctl(args).run().expect_code(3);
        assert!(output.stderr.contains("not logged in"), "{output}");
    }
    world.cldkctl(["vault", "path"]).run().succeeded();
    assert_eq!(world.files(), before);
    assert!(!world.data().join("cldkctl").exists());
}

#[test]
fn the_token_alone_goes_to_stdout_whatever_format_is_asked_for() {
    let (_cloudeka, world) = logged_in();
    let mut terminal = world.cldkctl(["auth", "token"]).stdout_apart().on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 0);
    assert_eq!(terminal.stdout(), format!("{TOKEN}\n"));
    assert!(!terminal.screen().contains(TOKEN));
    let quiet = with_passphrase(&world, &["auth", "token", "-q"])
        .run()
        .succeeded();
    assert_eq!(
        (&*quiet.stdout, &*quiet.stderr),
        (&*format!("{TOKEN}\n"), "")
    );
}

#[test]
fn copies_of_vaults_that_were_replaced_are_named_and_stay() {
    let (_cloudeka, world) = logged_in();
    with_passphrase(&world, &["vault", "backup", "copy.age"])
        .run()
        .succeeded();
    for _ in 0..2 {
        with_passphrase(&world, &["vault", "restore", "copy.age", "--force"])
            .run()
            .succeeded();
    }
    let folder = world.data().join("cldkctl");
    let beside = || -> Vec<_> {
        let files = world.files().into_keys();
        files.filter(|path| path.starts_with(&folder)).collect()
    };
    let copies: Vec<_> = beside()
        .into_iter()
        .filter(|path| path.to_string_lossy().contains(".replaced-"))
        .collect();
    assert_eq!(copies.len(), 2);

    let output = world.cldkctl(["auth", "logout", "--all", "-q"]).run();
    let output = output.succeeded();
    assert!(!world.vault_path().exists());
    for copy in &copies {
        assert!(
            copy.exists(),
            "what was kept on purpose is its owner's to delete"
        );
        assert!(
            output.stderr.contains(&copy.display().to_string()),
            "{output}"
        );
    }
    assert!(output.stderr.contains("Delete them"), "{output}");

    for copy in copies {
        std::fs::remove_file(copy).expect("removed");
    }
    log_in(&world, TOKEN, &[]);
    let output = world.cldkctl(["auth", "logout", "--all"]).run().succeeded();
    let path = world.vault_path();
    let says = format!(
        "Removed the vault {}\nThe tokens in it stay valid",
        path.display()
    );
    assert!(output.stderr.starts_with(&says), "{output}");
    assert_eq!(
        output.stderr.lines().count(),
        2,
        "no word of copies where there are none\n{output}"
    );
    assert_eq!(beside(), [folder.join("vault.age.lock")]);
}

#[test]
fn an_old_copy_is_noticed_even_after_all_was_removed() {
    let (_cloudeka, world) = logged_in();
    let old = std::fs::read(world.vault_path()).expect("a vault");
    with_passphrase(&world, &["context", "rename", "default", "work"])
        .run()
        .succeeded();
    world.cldkctl(["auth", "logout", "--all"]).run().succeeded();

    // Somebody who can write files of ours puts it back.
    world.write("data/cldkctl/vault.age", old);
    let output = with_passphrase(&world, &["auth", "token"])
        .run()
        .succeeded();
    assert!(
        output.stderr.contains("older copy: revision 1, where 2"),
        "{output}"
    );
}

#[test]
fn a_token_in_the_environment_that_is_not_one_does_not_keep_anybody_logged_in() {
    let (_cloudeka, world) = logged_in();
    let logout = with_passphrase(&world, &["auth", "logout"]).env("CLDKCTL_TOKEN", "not a token");
    logout.run().succeeded();
    assert_eq!(
        contents(&world)["contexts"].as_array().map(Vec::len),
        Some(0)
    );
}
