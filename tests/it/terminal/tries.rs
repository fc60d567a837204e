//! A secret that was mistyped is asked for again, three times in all; one that is supplied has
//! one try.

use std::time::Duration;

use crate::support::keys::Key;
use crate::support::steps::{
    are_installed, assert_locked, assert_unlocked, cloudeka_and_world, contents_of, logged_in,
    type_new_passphrase, unlocked,
};
use crate::support::{PASSPHRASE, Session, TOKEN, wait_until};

const WRONG: &str = "surely another passphrase";
const INTERRUPTED: i32 = 130;

const ENTER_TOKEN: &str = "Enter your token:";
const VAULT: &str = "Vault passphrase:";
const NEW: &str = "New vault passphrase:";
const REPEAT: &str = "Repeat passphrase:";

/// Answers `question` with what does not do, and reads the line that says why.
#[track_caller]
fn fail(terminal: &mut Session, question: &str, answer: &str, why: &str) {
    terminal.expect(question);
    terminal.send_secret(answer);
    let said = terminal.expect(why);
    assert!(said.contains("Try again: "), "{said:?}");
}

/// Ended with this code after `tries` times the question.
#[track_caller]
fn assert_given_up(mut terminal: Session, question: &str, tries: usize, code: i32) {
    assert_eq!(terminal.wait(), code, "{}", terminal.screen());
    let screen = terminal.screen();
    assert_eq!(screen.matches(question).count(), tries, "{screen}");
    assert!(terminal.echo_is_on());
    assert!(
        !screen.contains(WRONG) && screen.contains("hint:"),
        "{screen}"
    );
}

#[test]
fn a_wrong_vault_passphrase_is_asked_for_again_by_every_command() {
    let (_cloudeka, world) = logged_in();
    world
        .cldkctl(["vault", "backup", "copy.age", "--passphrase-stdin"])
        .stdin(PASSPHRASE)
        .run()
        .succeeded();
    for (args, question) in [
        (&["auth", "token"][..], VAULT),
        (&["unlock"], VAULT),
        (&["vault", "verify"], VAULT),
        (
            &["vault", "restore", "copy.age", "--force"],
            "Passphrase of the backup:",
        ),
        (&["auth", TOKEN], VAULT),
        (&["vault", "tune", "--target", "100ms"], VAULT),
        (&["exec", "--", "true"], VAULT),
    ] {
        world.cldkctl(["lock"]).run().succeeded();
        let mut terminal = world.cldkctl(args).on_pty();
        fail(
            &mut terminal,
            question,
            WRONG,
            "wrong passphrase for the vault",
        );
        fail(&mut terminal, question, "", "no passphrase was typed");
        terminal.expect(question);
        terminal.send_secret(PASSPHRASE);
        assert_eq!(terminal.wait(), 0, "{args:?}: {}", terminal.screen());
    }
}

#[test]
fn after_three_wrong_passphrases_nothing_has_changed() {
    let (_cloudeka, world) = unlocked(&[]);
    let before = world.files();
    for (args, question, answer, code) in [
        (&["unlock"][..], VAULT, WRONG, 5),
        (&["unlock"], VAULT, "", 2),
        (&["vault", "passphrase"], VAULT, WRONG, 5),
        (&["vault", "passphrase", "--remove"], VAULT, WRONG, 5),
    ] {
        let mut terminal = world.cldkctl(args).on_pty();
        for _ in 0..2 {
            fail(&mut terminal, question, answer, " passphrase");
        }
        terminal.expect(question);
        terminal.send_secret(answer);
        assert_given_up(terminal, question, 3, code);
        assert!(world.files() == before, "{args:?}");
    }
    // What was unlocked stays so.
    assert_unlocked(&world);
}

#[test]
fn a_login_outlives_typing_errors_and_the_token_is_typed_once() {
    let (cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    fail(&mut terminal, ENTER_TOKEN, "", "the token is empty");
    fail(
        &mut terminal,
        ENTER_TOKEN,
        "two words",
        "characters that no token has",
    );
    terminal.expect(ENTER_TOKEN);
    assert_eq!(cloudeka.connections(), 0);
    terminal.send_secret(TOKEN);
    // Weak: there is nothing to repeat.
    terminal.expect("Press Enter");
    fail(&mut terminal, NEW, "password1", "too easy to guess");
    terminal.expect(NEW);
    terminal.send_secret(PASSPHRASE);
    fail(&mut terminal, REPEAT, WRONG, "the two passphrases differ");
    type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    assert_eq!(terminal.screen().matches(REPEAT).count(), 2);
    contents_of(&world.vault_path(), PASSPHRASE);

    // The same where there is a vault.
    world.cldkctl(["lock"]).run().succeeded();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect(ENTER_TOKEN);
    terminal.send_secret(TOKEN);
    fail(&mut terminal, VAULT, WRONG, "wrong passphrase");
    terminal.expect(VAULT);
    terminal.send_secret(PASSPHRASE);
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn a_login_ends_after_three_tries_and_leaves_nothing_behind() {
    let (cloudeka, world) = cloudeka_and_world();
    for answer in ["", "two words"] {
        let mut terminal = world.cldkctl(["auth"]).on_pty();
        for _ in 0..3 {
            terminal.expect(ENTER_TOKEN);
            terminal.send_secret(answer);
        }
        assert_given_up(terminal, ENTER_TOKEN, 3, 2);
    }
    assert_eq!(cloudeka.connections(), 0);
    for (first, second) in [("password1", None), (PASSPHRASE, Some(WRONG))] {
        let mut terminal = world.cldkctl(["auth"]).on_pty();
        terminal.expect(ENTER_TOKEN);
        terminal.send_secret(TOKEN);
        for _ in 0..3 {
            terminal.expect(NEW);
            terminal.send_secret(first);
            if let Some(second) = second {
                terminal.expect(REPEAT);
                terminal.send_secret(second);
            }
        }
        assert_given_up(terminal, NEW, 3, 2);
    }
    assert!(!world.data().join("cldkctl").exists());
}

#[test]
fn a_token_that_the_api_rejects_is_not_asked_for_again() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect(ENTER_TOKEN);
    terminal.send_secret("cldkctl_rejected");
    assert_given_up(terminal, ENTER_TOKEN, 1, 3);
}

#[test]
fn the_passphrase_of_a_key_is_asked_for_again() {
    if !are_installed(&["ssh-keygen"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let key = Key::ssh_protected(&world, "id", "ed25519", "of the key");
    let add = world.cldkctl(["vault", "recipients", "add", "--passphrase-stdin"]);
    add.arg(key.recipient).stdin(PASSPHRASE).run().succeeded();
    let question = "Passphrase for the SSH key id:";
    let run = || {
        world
            .cldkctl(["auth", "token", "--identity", "id"])
            .on_pty()
    };
    let mut terminal = run();
    fail(
        &mut terminal,
        question,
        WRONG,
        "wrong passphrase for the SSH key id",
    );
    fail(
        &mut terminal,
        question,
        "",
        "wrong passphrase for the SSH key id",
    );
    terminal.expect(question);
    terminal.send_secret("of the key");
    terminal.expect(TOKEN);
    assert_eq!(terminal.wait(), 0);

    let mut terminal = run();
    for _ in 0..3 {
        terminal.expect(question);
        terminal.send_secret(WRONG);
    }
    assert_given_up(terminal, question, 3, 5);
}

#[test]
fn what_is_supplied_has_one_try() {
    let (_cloudeka, world) = logged_in();
    let wrong = world.write("wrong", WRONG);
    let run = world.cldkctl(["auth", "token", "--passphrase-file"]);
    let mut terminal = run.arg(&wrong).on_pty();
    assert_eq!(terminal.wait(), 5);
    assert!(!terminal.screen().contains(VAULT), "{}", terminal.screen());
    let run = world.cldkctl(["auth", "--token-stdin"]).stdin("two words");
    let mut terminal = run.on_pty();
    assert_eq!(terminal.wait(), 2);
    assert!(!terminal.screen().contains(ENTER_TOKEN));
    let weak = world.write("weak", "password1");
    let run = world.cldkctl(["vault", "passphrase", "--new-passphrase-file"]);
    let mut terminal = run.arg(&weak).on_pty();
    terminal.expect(VAULT);
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 2);
    assert!(!terminal.screen().contains("Try again"));
    // Nobody is asked here at all.
    let run = world.cldkctl(["auth", "token", "--no-input"]);
    let mut terminal = run.on_pty();
    assert_eq!(terminal.wait(), 4);
    assert!(!terminal.screen().contains(VAULT));
}

/// Where standard error leads elsewhere, and with `-q`.
#[test]
fn the_terminal_says_why_wherever_messages_go() {
    let (_cloudeka, world) = logged_in();
    let run = world.cldkctl(["auth", "token", "-q"]).stderr_apart();
    let mut terminal = run.on_pty();
    fail(&mut terminal, VAULT, WRONG, "wrong passphrase");
    terminal.expect(VAULT);
    terminal.send_secret(PASSPHRASE);
    terminal.expect(TOKEN);
    assert_eq!(terminal.wait(), 0);
    assert_eq!(terminal.stderr(), "");
}

#[test]
fn ctrl_c_and_ctrl_d_end_it_at_any_try() {
    let (_cloudeka, world) = logged_in();
    for (letter, code) in [('c', INTERRUPTED), ('d', 2)] {
        for tries in 0..3 {
            let mut terminal = world.cldkctl(["auth", "token"]).on_pty();
            for _ in 0..tries {
                fail(&mut terminal, VAULT, WRONG, "wrong passphrase");
            }
            terminal.expect(VAULT);
            terminal.send_ctrl(letter);
            assert_eq!(terminal.wait(), code, "{}", terminal.screen());
            assert!(terminal.echo_is_on());
        }
    }
    assert_locked(&world);
}

/// A passphrase typed behind a token that does not do would be sent to the API as the token.
#[test]
fn what_was_typed_behind_a_failed_answer_is_no_answer_to_the_next_try() {
    let (cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect(ENTER_TOKEN);
    terminal.send_line(&format!("two words\r{WRONG}\r{WRONG}"));
    terminal.expect("Try again");
    terminal.expect(ENTER_TOKEN);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(cloudeka.connections(), 0, "{}", terminal.screen());
    assert_eq!(terminal.screen().matches(ENTER_TOKEN).count(), 2);
    terminal.send_secret(TOKEN);
    terminal.expect(NEW);
    // The repetition of a weak one, and of one that does.
    terminal.send_line("password1\rpassword1");
    terminal.expect("Try again");
    type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);

    // Typed while the wrong one is tried.
    world.cldkctl(["lock"]).run().succeeded();
    let mut terminal = world.cldkctl(["auth", "token"]).on_pty();
    terminal.expect(VAULT);
    terminal.send_secret(WRONG);
    terminal.expect("Deriving");
    terminal.send_line("ls -l");
    terminal.expect("Try again");
    terminal.expect(VAULT);
    terminal.send_secret(PASSPHRASE);
    terminal.expect(TOKEN);
    assert_eq!(terminal.wait(), 0);
    assert!(!terminal.screen().contains("ls -l"));
}

#[test]
fn a_vault_that_another_command_unlocks_between_two_tries_stays_unlocked() {
    let (_cloudeka, world) = logged_in();
    let mut terminal = world.cldkctl(["unlock"]).on_pty();
    fail(&mut terminal, VAULT, WRONG, "wrong passphrase");
    terminal.expect(VAULT);
    let other = world.cldkctl(["unlock", "--passphrase-stdin"]);
    other.stdin(PASSPHRASE).run().succeeded();
    terminal.send_ctrl('c');
    assert_eq!(terminal.wait(), INTERRUPTED);
    assert!(wait_until(Duration::from_secs(1), || terminal.echo_is_on()));
    assert_unlocked(&world);
}
