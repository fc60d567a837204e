//! Verbs that people type out of habit: each does what it does elsewhere.

use serde_json::Value;

use crate::support::steps::{cloudeka_and_world, contents_of, log_in, logged_in, unlock, unlocked};
use crate::support::{Misbehave, PASSPHRASE, Standin, TOKEN, World};

const OTHER: &str = "cldkctl_other_a1b2c3d4e5f60718";

/// Unlocked, with the contexts `default` and, the current one, `staging`.
fn two() -> (Standin, World) {
    let (cloudeka, world) = logged_in();
    cloudeka.accept_token(OTHER);
    log_in(&world, OTHER, &["--context", "staging"]);
    unlock(&world, &[]);
    (cloudeka, world)
}

fn contents(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)
}

#[test]
fn login_and_auth_login_are_auth() {
    for words in [&["login"][..], &["auth", "login"], &["login", "login"]] {
        let (_cloudeka, world) = cloudeka_and_world();
        let mut terminal = world.cldkctl(words.iter().copied()).on_pty();
        terminal.expect("Enter your token:");
        terminal.send_secret(TOKEN);
        terminal.expect("New vault passphrase:");
        terminal.send_secret(PASSPHRASE);
        terminal.expect("Repeat passphrase:");
        terminal.send_secret(PASSPHRASE);
        terminal.expect("Auth success");
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());

        let with_flags = ["--token-stdin", "--context", "work", "--no-unlock"];
        let again = world.cldkctl(words.iter().chain(&with_flags).copied());
        again.stdin(TOKEN).run().succeeded();
        assert_eq!(contents(&world)["current_context"], "work");
    }
}

#[test]
fn logout_is_auth_logout() {
    let (_cloudeka, world) = two();
    world
        .cldkctl(["logout", "--context", "default"])
        .run()
        .succeeded();
    assert_eq!(contents(&world)["contexts"][0]["name"], "staging");
    world.cldkctl(["logout"]).run().succeeded();
    assert_eq!(contents(&world)["contexts"], serde_json::json!([]));
    world.cldkctl(["logout", "--all"]).run().succeeded();
    assert!(!world.vault_path().exists());
    world.cldkctl(["logout"]).run().expect_code(3);
}

#[test]
fn whoami_says_the_account_and_the_context_and_asks_nobody_who_knows() {
    let (cloudeka, world) = two();
    let sent = cloudeka.connections();
    let output = world.cldkctl(["whoami"]).run().succeeded();
    for says in [
        "Sari Wijaya",
        "sari@example.com",
        "staging",
        &cloudeka.base_url(),
    ] {
        assert!(output.stdout.contains(says), "{says}: {output}");
    }
    let whoami = world.cldkctl(["whoami", "-o", "json", "--context", "default"]);
    let output = whoami.run().succeeded();
    let whoami: Value = serde_json::from_str(&output.stdout).expect("JSON");
    assert_eq!(whoami["context"], "default");
    assert_eq!(whoami["account"]["name"], "Sari Wijaya");
    assert_eq!(cloudeka.connections(), sent, "it is all in the vault");
    world.cldkctl(["lock"]).run().succeeded();
    world.cldkctl(["whoami"]).run().expect_code(4);
    World::new().cldkctl(["whoami"]).run().expect_code(3);
}

#[test]
fn whoami_asks_the_api_about_a_token_in_the_environment() {
    let (cloudeka, world) = cloudeka_and_world();
    let whoami = || world.cldkctl(["whoami"]).env("CLDKCTL_TOKEN", TOKEN);
    let output = whoami().run().succeeded();
    assert!(output.stdout.contains("Sari Wijaya"), "{output}");
    assert!(output.stdout.contains("CLDKCTL_TOKEN is set"), "{output}");
    output.assert_no_secret(&[TOKEN]);
    cloudeka.revoke_token(TOKEN);
    whoami().run().expect_code(3);
}

#[test]
fn refresh_renews_a_session_that_is_not_due_and_keeps_it() {
    let (cloudeka, world) = unlocked(&[]);
    let session = |world: &World| {
        let contents = contents(world);
        contents["contexts"][0]["session"]["token"]
            .as_str()
            .expect("a session")
            .to_owned()
    };
    let before = session(&world);
    let output = world.cldkctl(["auth", "refresh"]).run().succeeded();
    assert_eq!(output.stdout, "");
    assert!(
        output.stderr.contains("session of the context default"),
        "{output}"
    );
    let after = session(&world);
    assert_ne!(before, after);
    output.assert_no_secret(&[TOKEN, &before, &after]);
    let shown = world
        .cldkctl(["auth", "token", "--session"])
        .run()
        .succeeded();
    assert_eq!(shown.stdout.trim_end(), after);

    cloudeka.misbehave(Misbehave::html(503));
    let refresh = ["auth", "refresh", "--max-retries", "0"];
    world.cldkctl(refresh).run().expect_code(8);
    cloudeka.behave();
    cloudeka.revoke_token(TOKEN);
    world.cldkctl(refresh).run().expect_code(3);
    assert_eq!(session(&world), after, "the old one is kept");
    let variable = world.cldkctl(refresh).env("CLDKCTL_TOKEN", TOKEN);
    let output = variable.run().expect_code(2);
    assert!(output.stderr.contains("CLDKCTL_TOKEN is set"), "{output}");
}

#[test]
fn the_current_context_is_printed_alone() {
    let (_cloudeka, world) = two();
    let current = |args: &[&str]| {
        let run = world
            .cldkctl(["context", "current"])
            .args(args.iter().copied());
        run.run().succeeded()
    };
    for args in [&[][..], &["-q"], &["-o", "json"]] {
        let output = current(args);
        assert_eq!((&*output.stdout, &*output.stderr), ("staging\n", ""));
    }
    let output = world
        .cldkctl(["context", "current"])
        .env("CLDKCTL_CONTEXT", "default");
    assert_eq!(
        output.run().succeeded().stdout,
        "default\n",
        "what commands use"
    );
    for _ in 0..2 {
        world.cldkctl(["logout"]).run().succeeded();
    }
    world.cldkctl(["context", "current"]).run().expect_code(3);
}

#[test]
fn a_context_is_deleted_by_its_name() {
    let (cloudeka, world) = two();
    world.cldkctl(["context", "delete"]).run().expect_code(2);
    let gone = world
        .cldkctl(["context", "delete", "stagin"])
        .run()
        .expect_code(3);
    assert!(gone.stderr.contains("did you mean staging?"), "{gone}");
    // Its address does not matter: nothing is sent.
    let delete = [
        "context",
        "delete",
        "staging",
        "--base-url",
        "https://one.example",
    ];
    let output = world.cldkctl(delete).run().succeeded();
    let host = cloudeka.base_url();
    for says in [
        "Removed the context staging from the vault",
        &format!(
            "Its token stays valid at {host} until it expires or you delete it in the portal (profile, \
             API, Token)\nThe current context is now default\n"
        ),
    ] {
        assert!(output.stderr.contains(says), "{says}: {output}");
    }
    assert_eq!(output.stdout, "");
    assert!(!contents(&world).to_string().contains(OTHER));
    world
        .cldkctl(["context", "remove", "default"])
        .run()
        .succeeded();
    assert_eq!(contents(&world)["contexts"], serde_json::json!([]));
}

#[test]
fn on_a_terminal_a_context_is_deleted_only_if_the_answer_is_yes() {
    let (_cloudeka, world) = two();
    let question = "Remove the context staging, the login as Sari Wijaya";
    for (answer, code) in [("", 1), ("n", 1), ("no", 1), ("staging", 1), ("Yes", 0)] {
        let mut terminal = world.cldkctl(["context", "delete", "staging"]).on_pty();
        terminal.expect(question);
        terminal.expect("[y/N]");
        terminal.send_line(answer);
        let says = if code == 0 {
            "Removed the context"
        } else {
            "nothing was removed"
        };
        terminal.expect(says);
        assert_eq!(terminal.wait(), code, "{}", terminal.screen());
    }
    let mut terminal = world
        .cldkctl(["context", "delete", "default", "-y"])
        .on_pty();
    terminal.expect("Removed the context default");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
}
