//! Somebody logs in on a terminal for the first time: what they see, what is on disk after,
//! and that public tools open it.

use std::time::Duration;

use crate::support::steps::{
    are_installed, cloudeka_and_world, contents_by_commands, contents_of, kdf_of, logged_in,
    type_new_passphrase,
};
use crate::support::world::mode;
use crate::support::{Misbehave, PASSPHRASE, Session, Standin, TOKEN, World, traces, wait_until};
use serde_json::json;

/// What is on the screen without the spinner: control sequences taken out.
fn plain(screen: &str) -> String {
    let mut plain = String::new();
    let mut rest = screen;
    while let Some(at) = rest.find('\u{1b}') {
        plain.push_str(&rest[..at]);
        rest = rest[at..].trim_start_matches(|c: char| !c.is_ascii_alphabetic());
        rest = rest.get(1..).unwrap_or_default();
    }
    plain + rest
}

#[track_caller]
fn assert_nothing_secret_on(screen: &str, secrets: &[&str]) {
    for secret in secrets {
        let found = traces::find(screen.as_bytes(), secret);
        assert_eq!(found, None, "{secret:?} is on the screen:\n{screen}");
    }
}

/// Fails the test if the echo is on at any moment before the program ended.
#[track_caller]
fn assert_silent_to_the_end(terminal: &mut Session) {
    wait_until(Duration::from_secs(20), || {
        let echo = terminal.echo_is_on();
        let done = terminal.screen().contains("Auth success");
        assert!(!echo || done, "the echo is on before the end");
        done
    });
}

#[test]
fn the_session_of_the_design_word_for_word() {
    let (cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth"]).stdout_apart().on_pty();
    terminal.expect("Enter your token: ");
    terminal.send_secret(TOKEN);
    terminal.expect("New vault passphrase: ");
    terminal.send_secret(PASSPHRASE);
    terminal.expect("Repeat passphrase: ");
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(terminal.stdout(), "Auth success\n");

    let screen = plain(&terminal.screen());
    let said: Vec<_> = screen
        .split(['\r', '\n'])
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.contains('…'))
        .collect();
    let host = cloudeka.base_url().replace("http://", "");
    let expected = [
        "Enter your token:",
        "Press Enter alone to have seven random words chosen for you",
        "New vault passphrase:",
        "Repeat passphrase:",
        &format!("Logged in to {host} as Sari Wijaya, context default"),
    ];
    assert_eq!(said, expected, "and not a word more");
    assert_eq!(
        cloudeka.requests().len(),
        1,
        "one exchange and nothing else"
    );
}

#[test]
fn auth_success_is_the_last_line_on_the_terminal() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    type_new_passphrase(&mut terminal, PASSPHRASE);
    assert_eq!(terminal.wait(), 0);
    assert!(
        terminal.screen().ends_with("Auth success\r\n"),
        "{:?}",
        terminal.screen()
    );
}

#[test]
fn the_vault_lies_where_it_should_and_is_nobody_elses_to_read() {
    let (_cloudeka, world) = logged_in();
    assert_eq!(mode(world.vault_path()), 0o600);
    assert_eq!(mode(world.vault_path().parent().expect("a folder")), 0o700);

    let mut names: Vec<_> = world.files().into_keys().collect();
    names.retain(|path| path.starts_with(world.data()));
    let lock = world.data().join("cldkctl/vault.age.lock");
    assert_eq!(
        names,
        [world.vault_path(), lock.clone()],
        "no temporary file stays"
    );
    assert_eq!(
        std::fs::read(&lock).expect("the lock"),
        b"",
        "nothing in the lock file"
    );
    assert_eq!(mode(lock), 0o600);
}

#[test]
fn a_generous_umask_makes_nothing_readable() {
    let cloudeka = Standin::start();
    cloudeka.accept_token(TOKEN);
    // The umask of this process is that of all tests: a shell has one of its own.
    let world = World::with_binary("/bin/sh").at(&cloudeka);
    world.write("cldkctl.passphrase", PASSPHRASE);
    let script = "umask 0; exec \"$0\" auth --token-stdin";
    world
        .cldkctl(["-c", script, env!("CARGO_BIN_EXE_cldkctl")])
        .stdin(TOKEN)
        .env("CREDENTIALS_DIRECTORY", world.home())
        .run()
        .succeeded();
    assert_eq!(mode(world.vault_path()), 0o600);
    assert_eq!(mode(world.vault_path().parent().expect("a folder")), 0o700);
}

#[test]
fn a_mean_umask_takes_nothing_from_its_owner() {
    let cloudeka = Standin::start();
    cloudeka.accept_token(TOKEN);
    let world = World::with_binary("/bin/sh").at(&cloudeka);
    world.write("cldkctl.passphrase", PASSPHRASE);
    for command in ["auth --token-stdin", "vault backup copy.age"] {
        let script = format!("umask 0477; exec \"$0\" {command}");
        world
            .cldkctl(["-c", &script, env!("CARGO_BIN_EXE_cldkctl")])
            .stdin(TOKEN)
            .env("CREDENTIALS_DIRECTORY", world.home())
            .run()
            .succeeded();
    }
    assert_eq!(mode(world.vault_path()), 0o600);
    assert_eq!(mode(world.vault_path().parent().expect("a folder")), 0o700);
    assert_eq!(mode(world.home().join("copy.age")), 0o600);
}

#[test]
fn stock_age_and_argon2_open_the_vault() {
    if !are_installed(&["age", "argon2"]) {
        return;
    }
    let (cloudeka, world) = logged_in();
    let [salt, memory, iterations, lanes] = kdf_of(&world.vault_path());
    assert_eq!(salt.len(), 22);
    assert_eq!(
        [memory, iterations, lanes],
        ["19456", "2", "1"],
        "as config.toml says"
    );

    let contents = contents_by_commands(&world.vault_path(), PASSPHRASE);
    assert_eq!(contents["format"], "cldkctl-vault");
    assert_eq!(contents["version"], 1);
    assert_eq!(contents["revision"], 1);
    assert_eq!(contents["current_context"], "default");
    assert_eq!(contents["recipients"].as_array().map(Vec::len), Some(1));
    let context = &contents["contexts"][0];
    assert_eq!(contents["contexts"].as_array().map(Vec::len), Some(1));
    assert_eq!(context["name"], "default");
    assert_eq!(context["base_url"], cloudeka.base_url());
    assert_eq!(context["token"], TOKEN);
    let facts = json!({
        "name": "Sari Wijaya", "email": "sari@example.com",
        "role": "Owner", "organization_id": "org-7f3a",
    });
    assert_eq!(context["account"], facts);
    let session = context["session"]["token"].as_str().expect("a session");
    assert_eq!(session.split('.').count(), 3, "the JWT that the API gave");
}

#[test]
fn a_vault_has_the_documented_cost_where_nothing_else_is_set() {
    let (_cloudeka, world) = cloudeka_and_world();
    let world = world.without_settings();
    crate::support::steps::log_in(&world, TOKEN, &[]);
    let [_, cost @ ..] = kdf_of(&world.vault_path());
    assert_eq!(cost, ["262144", "3", "4"]);
}

#[test]
fn no_file_holds_the_token_the_passphrase_or_the_session() {
    let (_cloudeka, world) = logged_in();
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let session = contents["contexts"][0]["session"]["token"]
        .as_str()
        .expect("a session");
    let recipient = contents["recipients"][0]["recipient"]
        .as_str()
        .expect("a recipient");
    // The recipient is public, but one outside the ciphertext lets anybody forge a vault.
    world.assert_no_secret(&[TOKEN, PASSPHRASE, session, recipient]);
    world.assert_no_secret(&["Sari Wijaya", "sari@example.com", "org-7f3a"]);
}

#[test]
fn each_vault_has_a_salt_and_an_id_of_its_own() {
    let (_cloudeka, one) = logged_in();
    let (_other_cloudeka, other) = logged_in();
    assert_ne!(kdf_of(&one.vault_path())[0], kdf_of(&other.vault_path())[0]);
    let [one, other] = [one, other].map(|world| contents_of(&world.vault_path(), PASSPHRASE));
    assert_ne!(one["id"], other["id"]);
}

#[test]
fn the_echo_is_off_from_the_first_question_to_the_end() {
    let (cloudeka, world) = cloudeka_and_world();
    // A server slow enough to look meanwhile.
    cloudeka.misbehave_next(1, Misbehave::SlowBody(Duration::from_millis(2)));
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    assert!(!terminal.echo_is_on(), "off before the question is shown");
    terminal.send_line(TOKEN);
    terminal.expect("Verifying the token");
    assert!(
        !terminal.echo_is_on(),
        "off while the network is waited for"
    );
    terminal.expect("New vault passphrase:");
    assert!(!terminal.echo_is_on());
    terminal.send_line(PASSPHRASE);
    terminal.expect("Repeat passphrase:");
    assert!(!terminal.echo_is_on());
    terminal.send_line(PASSPHRASE);
    assert_silent_to_the_end(&mut terminal);
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.echo_is_on(), "and on again after the end");
    assert_nothing_secret_on(&terminal.screen(), &[TOKEN, PASSPHRASE]);
}

#[test]
fn everything_may_be_typed_ahead_and_nothing_of_it_is_shown() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave_next(1, Misbehave::SlowHead(Duration::from_millis(3)));
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_bytes(format!("{TOKEN}\r{PASSPHRASE}\r{PASSPHRASE}\r").as_bytes());
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    assert_nothing_secret_on(&terminal.screen(), &[TOKEN, PASSPHRASE]);
    contents_of(&world.vault_path(), PASSPHRASE);
}

#[test]
fn a_slip_of_the_finger_can_be_taken_back() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(&format!("nonsense\u{15}  {TOKEN}x\u{7f} "));
    type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(
        contents_of(&world.vault_path(), PASSPHRASE)["contexts"][0]["token"],
        TOKEN
    );
}

#[test]
fn a_token_of_the_longest_kind_arrives_whole() {
    let (cloudeka, world) = cloudeka_and_world();
    // A terminal's own line ends at 4,095 bytes.
    let long = format!("cldkctl_{}", "0123456789abcdef".repeat(511));
    cloudeka.accept_token(&long);
    crate::support::steps::log_in(&world, &long, &[]);
    assert_eq!(
        contents_of(&world.vault_path(), PASSPHRASE)["contexts"][0]["token"],
        long
    );
}

#[test]
fn the_token_is_verified_before_the_passphrase_is_asked_for() {
    let (cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    terminal.expect("New vault passphrase:");
    let exchange = cloudeka.requests();
    assert_eq!(exchange.len(), 1);
    assert_eq!(
        (&*exchange[0].method, &*exchange[0].path),
        ("POST", "/core/cldkctl/auth")
    );
    assert_eq!(exchange[0].json(), json!({ "token": TOKEN }));
    assert!(
        !exchange[0].head.contains(TOKEN),
        "in the body and nowhere else"
    );
    assert!(
        !world.data().join("cldkctl").exists(),
        "nothing is written yet"
    );
}

#[test]
fn an_empty_answer_is_given_a_passphrase_that_opens_the_vault() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world
        .cldkctl(["auth"])
        .stdout_apart()
        .stderr_apart()
        .on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    terminal.expect("New vault passphrase:");
    terminal.send_secret("");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    let screen = terminal.screen();
    let shown: Vec<_> = screen
        .lines()
        .map(str::trim)
        .filter(|l| l.matches('-').count() == 6)
        .collect();
    let [generated] = shown[..] else {
        panic!("seven words, shown once: {screen}")
    };
    assert_eq!(screen.matches(generated).count(), 1);
    assert!(
        generated.split('-').all(|word| word.len() >= 3),
        "{generated}"
    );

    assert_eq!(
        contents_of(&world.vault_path(), generated)["contexts"][0]["token"],
        TOKEN
    );
    let (stdout, stderr) = (terminal.stdout(), terminal.stderr());
    assert_nothing_secret_on(&(stdout + &stderr), &[generated]);
    world.assert_no_secret(&[generated]);
}

#[test]
fn a_token_that_was_copied_with_cr_lf_answers_one_question_and_not_the_next() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth", "--no-unlock"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_bytes(format!("{TOKEN}\r\n").as_bytes());
    type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    assert!(!terminal.screen().contains("shown this once"));
}
