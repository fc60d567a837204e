//! Several accounts and environments in one vault, which keep apart.

use crate::support::steps::{contents_of, log_in, logged_in, unlock};
use crate::support::world::Output;
use crate::support::{PASSPHRASE, Standin, TOKEN, World};
use serde_json::Value;

const STAGING: &str = "cldkctl_staging_a1b2c3d4e5f60718";

struct Two {
    production: Standin,
    staging: Standin,
    world: World,
}

/// `default` and `staging`, logged in at a server each; the current one is `default`.
fn two() -> Two {
    let (production, world) = logged_in();
    let staging = Standin::start();
    staging.accept_token(STAGING);
    log_in(
        &world,
        STAGING,
        &["--context", "staging", "--base-url", &staging.base_url()],
    );
    unlock(&world, &[]);
    let two = Two {
        production,
        staging,
        world,
    };
    two.run(&["context", "use", "default"]).succeeded();
    two
}

impl Two {
    /// Without the base URL of the world's own server in the environment.
    fn run(&self, args: &[&str]) -> Output {
        let run = self.world.cldkctl(args.iter().copied());
        run.env_remove("CLDKCTL_BASE_URL").run()
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.run(&[args, &["-o", "json"]].concat()).succeeded();
        output.assert_no_secret(&[TOKEN, STAGING]);
        serde_json::from_str(&output.stdout).expect("JSON")
    }

    fn names(&self) -> Vec<String> {
        let list = self.json(&["context", "list"]);
        let names = list.as_array().expect("a list").iter();
        names
            .map(|context| context["name"].as_str().unwrap().to_owned())
            .collect()
    }

    fn contents(&self) -> Value {
        contents_of(&self.world.vault_path(), PASSPHRASE)
    }
}

#[test]
fn they_are_listed_with_their_accounts_and_the_current_one_is_marked() {
    let two = two();
    let output = two.run(&["context", "list"]).succeeded();
    let account = "Sari Wijaya (sari@example.com, org-7f3a)";
    let expected = format!(
        "* default  {}  {account}\n  staging  {}  {account}\n",
        two.production.base_url(),
        two.staging.base_url()
    );
    assert_eq!(output.stdout, expected);
    let list = two.json(&["context", "list"]);
    assert_eq!(
        (&list[0]["current"], &list[1]["current"]),
        (&true.into(), &false.into())
    );
    assert_eq!(list[1]["base_url"], two.staging.base_url());
    assert_eq!(list[1]["account"]["name"], "Sari Wijaya");
    assert_eq!(list[1]["account"]["organization_id"], "org-7f3a");
    let yaml = two.run(&["context", "list", "-o", "yaml"]).succeeded();
    for line in [
        "name: staging",
        "name: Sari Wijaya",
        "organization_id: org-7f3a",
    ] {
        assert!(yaml.stdout.contains(line), "{yaml}");
    }
    yaml.assert_no_secret(&[TOKEN, STAGING]);
}

#[test]
fn one_is_shown_by_name_or_else_the_current_one_and_never_its_token() {
    let two = two();
    let session = two.run(&["auth", "token", "--session"]).succeeded().stdout;
    let shown = two.json(&["context", "show"]);
    assert_eq!(
        (&shown["name"], &shown["current"]),
        (&"default".into(), &true.into())
    );
    assert_eq!(shown["account"]["email"], "sari@example.com");
    assert!(shown["session_expires_at"].is_string() && shown["verified_at"].is_string());
    assert_eq!(two.json(&["context", "show", "staging"])["name"], "staging");
    assert_eq!(
        two.json(&["context", "show", "--context", "staging"])["name"],
        "staging"
    );
    for format in ["table", "json", "yaml"] {
        let output = two.run(&["context", "show", "-o", format]).succeeded();
        output.assert_no_secret(&[TOKEN, STAGING, session.trim_end()]);
    }
}

#[test]
fn another_one_becomes_the_current_one_and_each_can_be_named() {
    let two = two();
    let token = |args: &[&str]| {
        two.run(&[&["auth", "token"], args].concat())
            .succeeded()
            .stdout
    };
    assert_eq!(token(&[]), format!("{TOKEN}\n"));
    assert_eq!(token(&["--context", "staging"]), format!("{STAGING}\n"));
    let output = two.run(&["context", "use", "staging"]).succeeded();
    assert!(
        output.stderr.contains("staging") && output.stdout.is_empty(),
        "{output}"
    );
    assert_eq!(token(&[]), format!("{STAGING}\n"));
    assert_eq!(token(&["--context", "default"]), format!("{TOKEN}\n"));

    let named = two
        .world
        .cldkctl(["auth", "token"])
        .env("CLDKCTL_CONTEXT", "default");
    let named = named.env_remove("CLDKCTL_BASE_URL").run().succeeded();
    assert_eq!(named.stdout, format!("{TOKEN}\n"));
}

#[test]
fn each_goes_to_its_own_server_with_its_own_session() {
    let two = two();
    let call = |context| two.run(&["api", "/core/user/profile", "--context", context]);
    call("default").succeeded();
    call("staging").succeeded();
    two.production.end_sessions();
    call("default").succeeded();
    call("staging").succeeded();
    let contents = two.contents();
    let session = |n: usize| {
        contents["contexts"][n]["session"]["token"]
            .as_str()
            .unwrap()
    };
    for request in two.production.requests() {
        assert!(!request.contains(STAGING) && !request.contains(session(1)));
    }
    for request in two.staging.requests() {
        assert!(!request.contains(TOKEN) && !request.contains(session(0)));
    }
    // Nor does one go to the other's when that is asked for.
    let url = two.staging.base_url();
    let asked = two.staging.connections();
    two.run(&["api", "/core/user/profile", "--base-url", &url])
        .expect_code(3);
    assert_eq!(two.staging.connections(), asked);
}

#[test]
fn a_name_can_be_changed_and_stays_the_current_one() {
    let two = two();
    two.run(&["context", "rename", "default", "production"])
        .succeeded();
    assert_eq!(two.names(), ["production", "staging"]);
    assert_eq!(two.contents()["current_context"], "production");
    two.run(&["context", "rename", "staging", "stage-2.eu_west"])
        .succeeded();
    assert_eq!(two.contents()["current_context"], "production");
    let token = two.run(&["auth", "token", "--context", "stage-2.eu_west"]);
    assert_eq!(token.succeeded().stdout, format!("{STAGING}\n"));
}

#[test]
fn a_name_that_is_taken_or_cannot_be_one_is_refused() {
    let two = two();
    let before = two.world.files();
    let output = two
        .run(&["context", "rename", "default", "staging"])
        .expect_code(1);
    assert!(output.stderr.contains("staging"), "{output}");
    assert!(output.stderr.contains("hint: "), "{output}");
    two.run(&["context", "rename", "default", "default"])
        .expect_code(1);
    for wrong in ["", "a b", "a/b", "\u{1b}[31m", &"x".repeat(1000)] {
        two.run(&["context", "rename", "default", wrong])
            .expect_code(2);
    }
    assert_eq!(two.world.files(), before);
}

#[test]
fn a_name_that_is_unknown_is_exit_3_and_says_where_to_look() {
    let two = two();
    let before = two.world.files();
    for args in [
        &["context", "show", "nobody"][..],
        &["context", "use", "nobody"],
        &["context", "rename", "nobody", "somebody"],
        &["auth", "token", "--context", "nobody"],
        &["api", "/core/user/profile", "--context", "nobody"],
        &["exec", "--context", "nobody", "--", "env"],
        &["auth", "logout", "--context", "nobody"],
    ] {
        let output = two.run(args).expect_code(3);
        assert!(output.stderr.contains("nobody"), "{output}");
        assert!(output.stderr.contains("context list"), "{output}");
    }
    assert_eq!(two.world.files(), before);
}

#[test]
fn logging_out_of_one_leaves_the_other() {
    let two = two();
    two.run(&["auth", "logout", "--context", "staging"])
        .succeeded();
    assert_eq!(two.names(), ["default"]);
    assert!(!two.contents().to_string().contains(STAGING));
    assert_eq!(
        two.run(&["auth", "token"]).succeeded().stdout,
        format!("{TOKEN}\n")
    );
    two.run(&["auth", "logout"]).succeeded();
    let output = two.run(&["auth", "token"]).expect_code(3);
    assert!(output.stderr.contains("cldkctl auth"), "{output}");
}

#[test]
fn after_the_current_one_is_gone_a_command_asks_which() {
    let two = two();
    two.run(&["auth", "logout"]).succeeded();
    let output = two.run(&["auth", "token"]);
    // Whichever it takes for the current one: never the token that was removed.
    output.assert_no_secret(&[TOKEN]);
    if output.code != 0 {
        let output = output.expect_code(3);
        assert!(output.stderr.contains("context use"), "{output}");
    }
    two.run(&["context", "use", "staging"]).succeeded();
    assert_eq!(
        two.run(&["auth", "token"]).succeeded().stdout,
        format!("{STAGING}\n")
    );
}

#[test]
fn locked_they_cannot_be_told_and_nothing_is_changed() {
    let two = two();
    two.run(&["lock"]).succeeded();
    let before = two.world.files();
    for args in [
        &["context", "list"][..],
        &["context", "show"],
        &["context", "use", "staging"],
        &["context", "rename", "staging", "other"],
        &["auth", "logout"],
    ] {
        two.run(args).expect_code(4);
    }
    assert_eq!(two.world.files(), before);
}
