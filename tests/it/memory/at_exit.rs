//! What is left of secrets in the memory of a command that did its work and ends: nothing.
//!
//! Each command is held at the system call that ends it, and all of its memory is searched
//! for every part of twelve bytes of every secret that it had, in every form.
#![cfg(target_os = "linux")]

use std::fs;
use std::time::Duration;

use crate::support::memory::{self, EXIT, Memory, held};
use crate::support::secrets::{Secrets, assert_clean, assert_found};
use crate::support::standin::Answer;
use crate::support::steps::{cloudeka_and_world, logged_in, type_new_passphrase, unlock};
use crate::support::world::Cldkctl;
use crate::support::{Misbehave, PASSPHRASE, Session, Standin, TOKEN, World, wait_until};
use age::secrecy::ExposeSecret as _;

const OTHER: &str = "quiet lanterns over marble fjord";

/// A login, unless memory cannot be searched here.
fn logged_in_to_search() -> Option<(Standin, World, Secrets)> {
    memory::can_be_searched().then(|| {
        let (cloudeka, world) = logged_in();
        let secrets = Secrets::of(&world, PASSPHRASE);
        (cloudeka, world, secrets)
    })
}

/// Waits for the end of what runs on `terminal`; its memory there. Then lets it end with this code.
#[track_caller]
fn terminal_memory_at_end(terminal: &mut Session, code: i32) -> Memory {
    let held = held(terminal.pid(), EXIT);
    let memory = held.memory();
    held.release();
    assert_eq!(terminal.wait(), code, "{}", terminal.screen());
    memory
}

#[track_caller]
fn assert_leaves_nothing(terminal: &mut Session, secrets: &Secrets, code: i32) {
    assert_clean(&terminal_memory_at_end(terminal, code), secrets);
}

/// The memory at its end of what runs without a terminal, and ends with this code.
#[track_caller]
fn memory_at_end(run: Cldkctl<'_>, code: i32) -> Memory {
    let running = run.held_at(EXIT).spawn();
    let held = held(running.pid(), EXIT);
    let memory = held.memory();
    held.release();
    // First how it ended, because a command that did nothing had nothing to leave.
    running.wait().expect_code(code);
    memory
}

#[track_caller]
fn assert_run_leaves_nothing(run: Cldkctl<'_>, secrets: &Secrets, code: i32) {
    assert_clean(&memory_at_end(run, code), secrets);
}

#[test]
fn the_search_finds_what_is_there() {
    let Some((_cloudeka, world, secrets)) = logged_in_to_search() else {
        return;
    };
    unlock(&world, &[]);
    // The same command as below, held where it hands the token over.
    let running = world.cldkctl(["auth", "token"]).held_at("writev").spawn();
    let held = held(running.pid(), "writev");
    assert_found(&held.memory(), &secrets, "token");
    held.release();
    running.wait().succeeded();

    // In each form that can be an argument, which lies on the stack.
    for form in crate::support::forms::forms(TOKEN.as_bytes()) {
        let is_text = form.bytes.iter().all(u8::is_ascii_graphic);
        let Some(argument) = String::from_utf8(form.bytes).ok().filter(|_| is_text) else {
            continue;
        };
        let shell = World::with_binary("/bin/sh");
        let memory = memory_at_end(shell.cldkctl(["-c", "exit 0", &argument]), 0);
        let token = ("token", TOKEN.as_bytes());
        let traces = memory.find(&[token]);
        let found = traces.iter().any(|trace| trace.form == form.name);
        assert!(found, "not found {}: {traces:?}", form.name);
    }
}

#[test]
fn a_login_leaves_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    for question in ["New vault passphrase:", "Vault passphrase:"] {
        let run = world.cldkctl(["auth", "--no-unlock"]).held_at(EXIT);
        let mut terminal = run.on_pty();
        terminal.expect("Enter your token:");
        terminal.send_secret(TOKEN);
        terminal.expect(question);
        terminal.send_secret(PASSPHRASE);
        if question.starts_with("New") {
            terminal.expect("Repeat passphrase:");
            terminal.send_secret(PASSPHRASE);
        }
        terminal.expect("Auth success");
        let secrets = Secrets::of(&world, PASSPHRASE);
        assert_leaves_nothing(&mut terminal, &secrets, 0);
    }
}

#[test]
fn unlocking_leaves_nothing() {
    let Some((_cloudeka, world, secrets)) = logged_in_to_search() else {
        return;
    };
    let mut terminal = world.cldkctl(["unlock"]).held_at(EXIT).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    assert_leaves_nothing(&mut terminal, &secrets, 0);
}

#[test]
fn commands_of_an_unlocked_vault_leave_nothing() {
    let Some((_cloudeka, world, secrets)) = logged_in_to_search() else {
        return;
    };
    unlock(&world, &[]);
    world.write("passphrase", PASSPHRASE);
    for line in [
        "auth token",
        "auth token --session",
        "auth refresh",
        "env --session",
        "auth status --check",
        "api /core/user/profile",
        "vault backup copy.age",
        "vault backup copy.txt --armor",
        "vault restore copy.age --merge --passphrase-file passphrase",
        "vault info",
        "vault verify",
        "context rename default work",
        "auth logout",
        "lock",
    ] {
        assert_run_leaves_nothing(world.cldkctl(line.split(' ')), &secrets, 0);
    }
}

#[test]
fn a_credential_that_is_stored_given_or_removed_leaves_nothing() {
    const CREDENTIAL: &str = "plum-2290-otter-lantern-hazel";
    let Some((_cloudeka, world, mut secrets)) = logged_in_to_search() else {
        return;
    };
    unlock(&world, &[]);
    secrets.add("credential", CREDENTIAL.as_bytes().to_vec());
    let git = "protocol=https\nhost=git.example\n";
    let git_login = format!("{git}username=sari\npassword={CREDENTIAL}\n");
    let docker_login = format!(
        "{{\"ServerURL\":\"registry.example\",\"Username\":\"sari\",\"Secret\":\"{CREDENTIAL}\"}}"
    );
    let add = "credential add aws s3.example --username AKIA1 --secret-stdin";
    for (line, input) in [
        (add, CREDENTIAL),
        ("helper aws", ""),
        ("helper docker store", &docker_login),
        ("helper docker get", "registry.example"),
        ("helper docker list", ""),
        ("helper git store", &git_login),
        ("helper git get", git),
        ("credential list", ""),
        ("credential show docker registry.example --secret", ""),
        ("helper git erase", &git_login),
        ("helper docker erase", "registry.example"),
        ("credential remove aws s3.example", ""),
    ] {
        let run = world.cldkctl(line.split(' ')).stdin(input);
        assert_run_leaves_nothing(run, &secrets, 0);
    }
    let add = ["credential", "add", "git", "git.example"];
    let mut terminal = world.cldkctl(add).held_at(EXIT).on_pty();
    terminal.expect("Secret:");
    terminal.send_secret(CREDENTIAL);
    assert_leaves_nothing(&mut terminal, &secrets, 0);
}

#[test]
fn what_a_call_sends_and_prints_leaves_nothing() {
    const SENT: &str = "hazel-7731-lantern-goes-out";
    const ANSWERED: &str = "plum-2290-otter-comes-back";
    let Some((cloudeka, world, mut secrets)) = logged_in_to_search() else {
        return;
    };
    unlock(&world, &[]);
    secrets.add("body", SENT.as_bytes().to_vec());
    secrets.add("answer", ANSWERED.as_bytes().to_vec());
    let path = "/core/user/profile";
    let call = ["api", "PUT", path, "--include", "--input"];
    let file = world.write("body", SENT);
    // With a line's end, after which a buffer keeps what there is, and without.
    for answer in [ANSWERED, &format!("one line\n{ANSWERED}")] {
        let answer = Answer::new(200, "text/plain", answer);
        cloudeka.misbehave_at(path, Misbehave::Answer(answer));
        let piped = world.cldkctl(call).arg("-").stdin(SENT);
        assert_run_leaves_nothing(piped, &secrets, 0);
        assert_run_leaves_nothing(world.cldkctl(call).arg(&file), &secrets, 0);
        let mut terminal = world.cldkctl(call).arg(&file).held_at(EXIT).on_pty();
        terminal.expect("plum-2290-otter");
        assert_leaves_nothing(&mut terminal, &secrets, 0);
    }
}

#[test]
fn what_went_over_tls_leaves_nothing() {
    if !memory::can_be_searched() {
        return;
    }
    let cloudeka = Standin::start_tls();
    cloudeka.accept_token(TOKEN);
    let world = World::new().at(&cloudeka);
    let authority = world.write("ca.pem", cloudeka.ca_pem());
    let file = world.write("passphrase", PASSPHRASE);
    let run = |args: &[&str]| {
        let run = world.cldkctl(args.iter().copied()).stdin(TOKEN);
        let run = run.arg("--ca-cert").arg(&authority);
        run.arg("--passphrase-file").arg(&file)
    };
    run(&["auth", "--token-stdin"]).run().succeeded();
    let secrets = Secrets::of(&world, PASSPHRASE);
    assert_run_leaves_nothing(run(&["api", "/core/user/profile"]), &secrets, 0);
    let memory = memory_at_end(run(&["auth", "--token-stdin"]), 0);
    assert_clean(&memory, &secrets);
    assert_clean(&memory, &Secrets::of(&world, PASSPHRASE));
}

#[test]
fn a_session_that_is_renewed_leaves_nothing_old_or_new() {
    let Some((cloudeka, world, before)) = logged_in_to_search() else {
        return;
    };
    unlock(&world, &[]);
    cloudeka.end_sessions();
    let memory = memory_at_end(world.cldkctl(["api", "/core/user/profile"]), 0);
    assert_clean(&memory, &before);
    assert_clean(&memory, &Secrets::of(&world, PASSPHRASE));
}

#[test]
fn a_change_of_the_passphrase_leaves_nothing_old_or_new() {
    let Some((_cloudeka, world, before)) = logged_in_to_search() else {
        return;
    };
    let run = world.cldkctl(["vault", "passphrase"]).held_at(EXIT);
    let mut terminal = run.on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    type_new_passphrase(&mut terminal, OTHER);
    let memory = terminal_memory_at_end(&mut terminal, 0);
    assert_clean(&memory, &before);
    assert_clean(&memory, &Secrets::of(&world, OTHER));
}

#[test]
fn secrets_that_are_handed_over_leave_nothing() {
    let Some((_cloudeka, world, secrets)) = logged_in_to_search() else {
        return;
    };
    let stdin = |args: &[&str]| world.cldkctl(args.iter().copied()).stdin(PASSPHRASE);
    assert_run_leaves_nothing(stdin(&["auth", "token", "--passphrase-stdin"]), &secrets, 0);
    let file = world.write("passphrase", PASSPHRASE);
    let from_file = ["auth", "--token-stdin", "--passphrase-file"];
    let run = world.cldkctl(from_file).arg(&file).stdin(TOKEN);
    assert_run_leaves_nothing(run, &secrets, 0);
    let run = world.cldkctl(["vault", "tune", "--memory", "19MiB", "--target", "100ms"]);
    assert_run_leaves_nothing(run.arg("--passphrase-file").arg(file), &secrets, 0);
}

#[test]
fn an_identity_that_opens_the_vault_leaves_nothing() {
    let Some((_cloudeka, world, mut secrets)) = logged_in_to_search() else {
        return;
    };
    let identity = age::x25519::Identity::generate();
    let shown = identity.to_string();
    let text = shown.expose_secret();
    let file = world.write("key.txt", text);
    let add = ["vault", "recipients", "add", "--passphrase-stdin"];
    let add = world.cldkctl(add).arg(identity.to_public().to_string());
    add.stdin(PASSPHRASE).run().succeeded();
    secrets.add("identity", text["AGE-SECRET-KEY-1".len()..].into());
    secrets.add("identity", bech32::decode(text).expect("bytes").1);
    for args in [&["auth", "token"][..], &["vault", "backup", "copy.age"]] {
        let run = world.cldkctl(args).arg("--identity").arg(&file);
        assert_run_leaves_nothing(run, &secrets, 0);
    }
}

#[test]
fn a_token_given_as_an_argument_or_a_variable_leaves_nothing() {
    let Some((_cloudeka, world, secrets)) = logged_in_to_search() else {
        return;
    };
    let file = world.write("passphrase", PASSPHRASE);
    let run = world.cldkctl(["auth", TOKEN, "--passphrase-file"]);
    assert_run_leaves_nothing(run.arg(file), &secrets, 0);
    for args in [&["auth", "token"][..], &["api", "/core/user/profile"]] {
        let run = world.cldkctl(args).env("CLDKCTL_TOKEN", TOKEN);
        assert_run_leaves_nothing(run, &secrets, 0);
    }
}

#[test]
fn what_fails_leaves_nothing() {
    const REJECTED: &str = "cldkctl_rejected_99887766554433221100";
    let Some((cloudeka, world, mut secrets)) = logged_in_to_search() else {
        return;
    };
    secrets.add("rejected token", REJECTED.as_bytes().to_vec());
    secrets.add("wrong passphrase", OTHER.as_bytes().to_vec());

    let mut terminal = world.cldkctl(["auth", "token"]).held_at(EXIT).on_pty();
    for _ in 0..3 {
        terminal.expect("Vault passphrase:");
        terminal.send_secret(OTHER);
    }
    assert_leaves_nothing(&mut terminal, &secrets, 5);

    let mut terminal = world.cldkctl(["auth"]).held_at(EXIT).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(REJECTED);
    assert_leaves_nothing(&mut terminal, &secrets, 3);

    // The save fails: a folder lies where the new vault is to go.
    let file = world.write("passphrase", PASSPHRASE);
    let lock = world.data().join("cldkctl/vault.age.lock");
    fs::remove_file(&lock).expect("a lock file");
    fs::create_dir(&lock).expect("a folder");
    let args = ["auth", "--token-stdin", "--passphrase-file"];
    let run = world.cldkctl(args).arg(&file).stdin(TOKEN);
    assert_run_leaves_nothing(run, &secrets, 1);

    let run = world.cldkctl(["exec", "--passphrase-file"]).arg(&file);
    assert_run_leaves_nothing(run.args(["--", "no-such-program"]), &secrets, 127);

    cloudeka.misbehave(Misbehave::EchoToken);
    let run = world.cldkctl(["auth", "--token-stdin"]).stdin(TOKEN);
    assert_run_leaves_nothing(run, &secrets, 3);
}

#[test]
fn a_recovery_key_that_was_shown_leaves_nothing() {
    let Some((_cloudeka, world, mut secrets)) = logged_in_to_search() else {
        return;
    };
    let sheet = world.home().join("sheet.txt");
    let args = ["vault", "recovery-key", "--passphrase-stdin", "--kit"];
    let run = world.cldkctl(args).arg(&sheet).stdin(PASSPHRASE);
    let memory = memory_at_end(run, 0);
    let sheet = fs::read_to_string(sheet).expect("a sheet");
    let at = sheet.find("AGE-SECRET-KEY-1").expect("a key");
    let key: String = sheet[at..].chars().take(74).collect();
    secrets.add("recovery key", key.as_bytes()[16..].to_vec());
    secrets.add("recovery key", bech32::decode(&key).expect("bytes").1);
    assert_clean(&memory, &secrets);
}

#[test]
fn what_exec_runs_has_the_token_in_its_variables_and_nothing_else_of_the_vault() {
    let Some((_cloudeka, world, mut secrets)) = logged_in_to_search() else {
        return;
    };
    let file = world.write("passphrase", PASSPHRASE);
    let run = world.cldkctl(["exec", "--passphrase-file"]).arg(file);
    let running = run.args(["--", "sleep", "60"]).spawn();
    let is_sleep = || {
        let stat = fs::read_to_string(format!("/proc/{}/stat", running.pid()));
        stat.is_ok_and(|stat| stat.contains("(sleep) S ")) // it was loaded, and sleeps
    };
    assert!(wait_until(Duration::from_secs(60), is_sleep));
    let memory = Memory::of(running.pid());
    let token = memory.find(&[("token", TOKEN.as_bytes())]);
    assert_eq!(token.len(), 1, "{token:?}");
    assert!(token[0].place.ends_with("[stack]"), "{token:?}"); // execve(2) puts it there
    secrets.remove("token");
    secrets.remove("typed text");
    secrets.add("passphrase", PASSPHRASE.as_bytes().to_vec());
    assert_clean(&memory, &secrets);
}
