//! A login with the token of another account: who was logged in is said, somebody is asked, and
//! the other account's login is not lost unasked.

use std::thread;

use crate::support::steps::{cloudeka_and_world, contents_of, logged_in, unlock, unlocked};
use crate::support::world::{Cldkctl, Output};
use crate::support::{Account, Misbehave, PASSPHRASE, Session, Standin, TOKEN, World};
use serde_json::{Value, json};

const LOGIN: &str = "/core/cldkctl/auth";
const BUDI: &str = "cldkctl_budi_a1b2c3d4e5f60718";
const CITRA: &str = "cldkctl_citra_b2c3d4e5f6071829";
const SARI: &str = "Sari Wijaya (sari@example.com, org-7f3a)";

fn account(name: &str) -> Account {
    Account {
        name: name.into(),
        email: String::new(),
        ..Account::default()
    }
}

fn accept(cloudeka: &Standin) {
    cloudeka.accept_token_of(BUDI, account("Budi Santoso"));
    cloudeka.accept_token_of(CITRA, account("Citra Dewi"));
}

/// Logged in as Sari, unlocked, and Budi and Citra have tokens, too.
fn as_sari() -> (Standin, World) {
    let (cloudeka, world) = unlocked(&["--scope", "user"]);
    accept(&cloudeka);
    (cloudeka, world)
}

fn auth<'world>(world: &'world World, token: &str, args: &[&str]) -> Cldkctl<'world> {
    let auth = world.cldkctl(["auth", "--token-stdin"]);
    auth.args(args.iter().copied()).stdin(token)
}

#[track_caller]
fn succeeded(output: Output) -> Output {
    let output = output.succeeded();
    assert_eq!(output.stdout, "Auth success\n");
    output.assert_no_secret(&[TOKEN, BUDI, CITRA, PASSPHRASE]);
    output
}

fn contents(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)
}

/// The name and token of each context, and which is the current one.
fn logins(world: &World) -> (Vec<(String, String)>, String) {
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let contents = contents(world);
    let contexts = contents["contexts"].as_array().expect("contexts");
    let logins = contexts
        .iter()
        .map(|context| (text(&context["name"]), text(&context["token"])));
    (logins.collect(), text(&contents["current_context"]))
}

#[track_caller]
fn assert_logins(world: &World, expected: &[(&str, &str)], current: &str) {
    let own = |(name, token): &(&str, &str)| ((*name).to_owned(), (*token).to_owned());
    let expected: Vec<_> = expected.iter().map(own).collect();
    assert_eq!(logins(world), (expected, current.to_owned()));
}

/// Types the token of another account, as far as the question.
#[track_caller]
fn asked(world: &World, token: &str, args: &[&str]) -> (Session, String) {
    let mut terminal = world.cldkctl(["auth"]).args(args.iter().copied()).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(token);
    let question = terminal.expect("[y/N] ");
    (terminal, question)
}

#[test]
fn a_login_says_who_is_logged_in_and_where() {
    let (cloudeka, world) = logged_in();
    let host = cloudeka.base_url().replace("http://", "");
    unlock(&world, &[]);
    let output = succeeded(auth(&world, TOKEN, &[]).run());
    let line = format!("Logged in to {host} as Sari Wijaya, context default\n");
    assert_eq!(output.stderr, line);
    let output = succeeded(auth(&world, TOKEN, &["--quiet"]).run());
    assert_eq!(output.stderr, "");

    let world = World::new().at(&cloudeka);
    let file = world.write("passphrase", PASSPHRASE);
    let first = auth(&world, TOKEN, &["--context", "work", "--passphrase-file"]);
    let output = succeeded(first.arg(file).run());
    let line = format!("Logged in to {host} as Sari Wijaya, context work\n");
    assert_eq!(output.stderr, line, "the first login, too");
}

#[test]
fn an_account_that_nothing_is_known_of_takes_no_known_ones_place() {
    let (cloudeka, world) = as_sari();
    let unknown = Account {
        name: String::new(),
        email: String::new(),
        organization_id: String::new(),
        ..Account::default()
    };
    cloudeka.accept_token_of(BUDI, unknown.clone());
    cloudeka.accept_token_of(CITRA, unknown);
    succeeded(auth(&world, BUDI, &[]).run());
    let (logins, current) = logins(&world);
    assert_eq!(logins[0], ("default".to_owned(), TOKEN.to_owned()));
    assert_eq!(logins[1], (current.clone(), BUDI.to_owned()));
    // Another of the same kind is not told from it, so that scripts make no context each time.
    succeeded(auth(&world, CITRA, &[]).run());
    assert_logins(&world, &[("default", TOKEN), (&current, CITRA)], &current);
}

#[test]
fn without_a_terminal_it_gets_a_context_named_after_the_account() {
    let (_cloudeka, world) = as_sari();
    let output = succeeded(auth(&world, BUDI, &[]).run());
    let both = [("default", TOKEN), ("budi-santoso", BUDI)];
    assert_logins(&world, &both, "budi-santoso");
    for said in [
        "as Budi Santoso, context budi-santoso\n",
        &format!("the context default stays logged in as {SARI}"),
        "--context default",
    ] {
        assert!(output.stderr.contains(said), "{said}: {output}");
    }
    // Once more, it is Budi's own context, and there is nothing to warn of.
    for args in [&[][..], &["--context", "budi-santoso"]] {
        let output = succeeded(auth(&world, BUDI, args).run());
        assert!(!output.stderr.contains("warning"), "{output}");
    }
    assert_logins(&world, &both, "budi-santoso");
    // Sari's new token goes where Sari is, although Budi is the current one.
    succeeded(auth(&world, TOKEN, &[]).run());
    assert_logins(&world, &both, "default");
}

#[test]
fn no_input_on_a_terminal_is_nobody_to_ask() {
    let (_cloudeka, world) = as_sari();
    let mut terminal = auth(&world, BUDI, &["--no-input"]).on_pty();
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    assert!(!terminal.screen().contains("[y/N]"));
    assert_logins(
        &world,
        &[("default", TOKEN), ("budi-santoso", BUDI)],
        "budi-santoso",
    );
}

#[test]
fn context_on_the_command_line_replaces_where_nobody_can_be_asked_and_says_whom() {
    let (_cloudeka, world) = as_sari();
    let output = succeeded(auth(&world, BUDI, &["--context", "default", "-q"]).run());
    assert_logins(&world, &[("default", BUDI)], "default");
    let warning = format!("warning: this replaced the login as {SARI} in the context default\n");
    assert_eq!(output.stderr, warning);
}

#[test]
fn a_variable_or_the_settings_are_no_consent() {
    let (_cloudeka, world) = as_sari();
    let by_variable = auth(&world, BUDI, &[]).env("CLDKCTL_CONTEXT", "default");
    let output = succeeded(by_variable.run());
    let both = [("default", TOKEN), ("budi-santoso", BUDI)];
    assert_logins(&world, &both, "budi-santoso");
    assert!(
        output.stderr.contains("names the context default"),
        "the next command does not use this login: {output}"
    );
    let settings = std::fs::read_to_string(world.settings_path()).expect("settings");
    let settings = format!("context = \"default\"\n{settings}");
    std::fs::write(world.settings_path(), settings).expect("written");
    let output = succeeded(auth(&world, BUDI, &[]).run());
    assert_logins(&world, &both, "budi-santoso");
    assert!(
        output.stderr.contains("names the context default"),
        "{output}"
    );
}

#[test]
fn on_a_terminal_somebody_is_asked_and_can_see_the_answer() {
    for (answer, replaces) in [
        ("y", true),
        ("YES", true),
        ("n", false),
        ("", false),
        ("what?", false),
    ] {
        for flags in [&[][..], &["--context", "default"]] {
            let (_cloudeka, world) = as_sari();
            let (mut terminal, question) = asked(&world, BUDI, flags);
            assert!(question.contains(SARI), "{question}");
            assert!(question.contains("Budi Santoso"), "{question}");
            assert!(question.contains("the context budi-santoso"), "{question}");
            terminal.send_line(answer);
            let answered = terminal.expect("\r\n");
            assert_eq!(answered, format!("{answer}\r\n"));
            terminal.expect("Auth success");
            assert_eq!(terminal.wait(), 0);
            if replaces {
                assert_logins(&world, &[("default", BUDI)], "default");
            } else {
                let both = [("default", TOKEN), ("budi-santoso", BUDI)];
                assert_logins(&world, &both, "budi-santoso");
            }
        }
    }
}

#[test]
fn an_answer_can_be_corrected() {
    for (keys, replaces) in [
        ("y\u{7f}n\r", false),
        ("nö\u{15}y\r", true),
        ("\u{7f}\u{8}y\r", true),
        ("y\u{1b}[D\r", false),
    ] {
        let (_cloudeka, world) = as_sari();
        let (mut terminal, _) = asked(&world, BUDI, &[]);
        terminal.send_bytes(keys.as_bytes());
        terminal.expect("Auth success");
        assert_eq!(terminal.wait(), 0);
        let (logins, _) = logins(&world);
        assert_eq!(logins.len(), if replaces { 1 } else { 2 }, "{keys:?}");
    }
}

#[test]
fn the_question_comes_after_the_passphrase_and_leaving_it_changes_nothing() {
    let (cloudeka, world) = logged_in();
    accept(&cloudeka);
    let before = world.files();
    for (key, code) in [('c', 130), ('d', 2)] {
        let mut terminal = world.cldkctl(["auth", "--no-unlock"]).on_pty();
        terminal.expect("Enter your token:");
        terminal.send_secret(BUDI);
        let asked = terminal.expect("Vault passphrase:");
        assert!(!asked.contains("Sari"), "{asked}");
        terminal.send_secret(PASSPHRASE);
        terminal.expect("[y/N] ");
        terminal.send_ctrl(key);
        assert_eq!(terminal.wait(), code, "{}", terminal.screen());
        assert!(terminal.echo_is_on());
        assert!(world.files() == before, "{key}");
        let screen = terminal.screen();
        assert!(!screen.contains(PASSPHRASE) && !screen.contains(BUDI));
    }
}

#[test]
fn what_was_typed_before_the_question_is_no_answer_to_it() {
    let (cloudeka, world) = logged_in();
    accept(&cloudeka);
    let mut terminal = world.cldkctl(["auth", "--no-unlock"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(BUDI);
    terminal.expect("Vault passphrase:");
    terminal.send_secret(&format!("{PASSPHRASE}\ry"));
    terminal.expect("[y/N] ");
    thread::sleep(std::time::Duration::from_millis(300));
    terminal.send_line("n");
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    let both = [("default", TOKEN), ("budi-santoso", BUDI)];
    assert_logins(&world, &both, "budi-santoso");
}

#[test]
fn two_accounts_that_the_api_says_nothing_of_are_not_told_apart() {
    let (cloudeka, world) = cloudeka_and_world();
    let says = |facts: &Value| {
        cloudeka.behave();
        cloudeka.misbehave_at(LOGIN, Misbehave::status(200, &json!({ "data": facts })));
    };
    says(&json!({ "token": "head.claims.sig" }));
    let file = world.write("passphrase", PASSPHRASE);
    succeeded(auth(&world, BUDI, &["--passphrase-file"]).arg(file).run());
    let output = succeeded(auth(&world, BUDI, &[]).run());
    let host = cloudeka.base_url().replace("http://", "");
    let line = format!("Logged in to {host}, context default\n");
    assert_eq!(output.stderr, line);
    // A name that is longer than what is stored is not known either.
    says(&json!({ "token": "head.claims.sig", "name": "n".repeat(10 << 10) }));
    let output = succeeded(auth(&world, CITRA, &[]).run());
    assert!(output.stderr.len() < 200, "{output}");
    assert_logins(&world, &[("default", CITRA)], "default");
}

#[test]
fn a_renewed_session_does_not_make_the_account_unknown() {
    let (cloudeka, world) = as_sari();
    cloudeka.session_life(10);
    succeeded(auth(&world, TOKEN, &[]).run());
    let silent = json!({ "data": { "token": "head.claims.sig", "role": "Viewer" } });
    cloudeka.misbehave_at(LOGIN, Misbehave::status(200, &silent));
    let token = world.cldkctl(["auth", "token", "--session"]).run();
    assert_eq!(token.succeeded().stdout, "head.claims.sig\n");
    let account = &contents(&world)["contexts"][0]["account"];
    assert_eq!(
        (&account["name"], &account["role"]),
        (&"Sari Wijaya".into(), &"Viewer".into())
    );
    cloudeka.behave();
    succeeded(auth(&world, BUDI, &[]).run());
    let both = [("default", TOKEN), ("budi-santoso", BUDI)];
    assert_logins(&world, &both, "budi-santoso");
}

#[test]
fn any_name_of_an_account_makes_a_good_name_of_a_context() {
    let long = "Long ".repeat(200);
    for (name, context) in [
        ("Zoë Müller", "zoe-muller"),
        ("佐藤 花子", "org-7f3a"),
        (
            "\u{1b}[2J\u{1b}]0;owned\u{7}Budi\r\n\u{202e}",
            "2j-0-owned-budi",
        ),
        ("--help", "help"),
        ("default", "default-2"),
        (&long, "long-long-long-long-long-long-long-long-long-lon"),
    ] {
        let (cloudeka, world) = as_sari();
        cloudeka.accept_token_of(BUDI, account(name));
        let (mut terminal, _) = asked(&world, BUDI, &["--quiet", "--color", "never"]);
        terminal.send_line("n");
        terminal.expect("Auth success");
        assert_eq!(terminal.wait(), 0);
        assert_logins(&world, &[("default", TOKEN), (context, BUDI)], context);
        let screen = terminal.screen();
        let acts = |c: char| (c.is_control() && !"\r\n".contains(c)) || c == '\u{202e}';
        assert!(!screen.contains(acts), "{screen:?}");
        assert!(screen.len() < 2000, "{screen}");
    }
}

#[test]
fn a_named_context_of_another_address_is_not_replaced_unasked_either() {
    let (_cloudeka, world) = as_sari();
    let staging = Standin::start();
    staging.accept_token(BUDI);
    let url = staging.base_url();
    let login = |flags: &[&str]| auth(&world, BUDI, &[&["-U", &url], flags].concat());
    let by_variable = login(&[]).env("CLDKCTL_CONTEXT", "default");
    let output = succeeded(by_variable.run());
    let both = [("default", TOKEN), ("sari-wijaya", BUDI)];
    assert_logins(&world, &both, "sari-wijaya");
    assert!(output.stderr.contains("--context default"), "{output}");

    let output = succeeded(login(&["--context", "default"]).run());
    let both = [("default", BUDI), ("sari-wijaya", BUDI)];
    assert_logins(&world, &both, "default");
    assert!(output.stderr.contains("this replaced"), "{output}");
}

#[test]
fn the_defaults_of_an_account_go_with_it() {
    let (_cloudeka, world) = as_sari();
    succeeded(auth(&world, TOKEN, &["-P", "project-of-sari"]).run());
    let flags = ["--context", "default", "-R", "registry-of-budi"];
    succeeded(auth(&world, BUDI, &flags).run());
    let defaults = &contents(&world)["contexts"][0]["defaults"];
    assert_eq!(*defaults, json!({ "registry": "registry-of-budi" }));
}

#[test]
fn logins_of_several_accounts_at_once_lose_none() {
    let (cloudeka, world) = as_sari();
    let people: Vec<_> = (0..8).map(|n| (format!("{BUDI}{n}"), n)).collect();
    for (token, n) in &people {
        // Two by two of the same name, and not of the same organization.
        let person = Account {
            organization_id: format!("org-{n}"),
            ..account(&format!("Person {}", n / 2))
        };
        cloudeka.accept_token_of(token, person);
    }
    let running: Vec<_> = people
        .iter()
        .map(|(token, _)| auth(&world, token, &[]).spawn())
        .collect();
    for running in running {
        running.wait().succeeded();
    }
    let (logins, _) = logins(&world);
    assert_eq!(logins.len(), 9, "{logins:?}");
    assert_eq!(logins[0], ("default".to_owned(), TOKEN.to_owned()));
    for (token, _) in &people {
        assert!(logins.iter().any(|(_, stored)| stored == token));
    }
}

#[test]
fn consent_is_for_the_login_that_was_asked_about() {
    // While the question waits, others can save, and what they save is not what was agreed to.
    let (_cloudeka, world) = as_sari();
    let (mut terminal, _) = asked(&world, BUDI, &[]);
    let rename = ["context", "rename", "default", "production"];
    world.cldkctl(rename).run().succeeded();
    terminal.send_line("y");
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    let both = [("production", TOKEN), ("budi-santoso", BUDI)];
    assert_logins(&world, &both, "budi-santoso");

    let (_cloudeka, world) = as_sari();
    let (mut terminal, _) = asked(&world, BUDI, &[]);
    succeeded(auth(&world, CITRA, &["--context", "default"]).run());
    terminal.send_line("y");
    terminal.expect("Citra Dewi");
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    let both = [("default", CITRA), ("budi-santoso", BUDI)];
    assert_logins(&world, &both, "budi-santoso");
}

#[test]
fn an_answer_that_is_pasted_counts_as_one_that_is_typed() {
    let pasted = |text: &str| format!("\x1b[200~{text}\x1b[201~");
    for (keys, replaces) in [
        (format!("\x1b[A{}\r", pasted("")), false),
        (format!("{}\r", pasted("n")), false),
        (format!("{}\x7f{}\r", pasted("x"), pasted("y")), true),
        (pasted("y\n"), true),
    ] {
        let (_cloudeka, world) = as_sari();
        let (mut terminal, _) = asked(&world, BUDI, &[]);
        terminal.send_bytes(keys.as_bytes());
        let said = terminal.expect("Auth success");
        assert_eq!(terminal.wait(), 0);
        assert!(!said.contains("[A") && !said.contains("~"), "{said:?}");
        assert_eq!(said.contains("this replaced the login"), replaces, "{said}");
    }
}
