//! Where a secret must not turn up: in arguments and variables of any process, in what is
//! said however much is asked for, and in files.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use crate::support::cargo::example;
use crate::support::kernel::{Refusal, without_keyrings};
use crate::support::keys::Key;
use crate::support::memory::can_look_inside;
use crate::support::steps::{cloudeka_and_world, contents_of, logged_in, unlock};
use crate::support::world::{Cldkctl, Output, set_mode};
use crate::support::{Misbehave, PASSPHRASE, TOKEN, World, traces, wait_until};

/// An age identity of nobody's.
const IDENTITY: &str = "AGE-SECRET-KEY-1G9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9Q5ZS2PG9QSC006VW";
/// A session of nobody's.
const SESSION: &str = "eyJhbGciOiJIUzI1NiJ9.eyJpYXQiOjE3NjM5NTY3ODl9.c2lnbmF0dXJlLW9mLW5vYm9keQ";

/// A token of a form that nothing is known of.
const OPAQUE: &str = "q7Zr0XvB2mK9pLs4TnW8yDh3";
/// The same in small letters and digits.
const HEX: &str = "0f1e2d3c4b5a6978879665748392a1b0";

/// With everything that makes programs talkative.
fn talkative(run: Cldkctl<'_>) -> Cldkctl<'_> {
    run.env("RUST_LOG", "trace")
        .env("RUST_BACKTRACE", "full")
        .env("RUST_LIB_BACKTRACE", "full")
        .env("DEBUG", "1")
        .env("AGEDEBUG", "plugin")
}

/// Fails the test when a process shows one of `secrets` in its arguments or variables.
#[track_caller]
fn assert_hidden_in_proc(pid: u32, secrets: &[&str]) {
    for file in ["cmdline", "environ"] {
        let bytes = fs::read(format!("/proc/{pid}/{file}")).expect("root may read it");
        for secret in secrets {
            let found = traces::find(&bytes, secret);
            assert_eq!(found, None, "{secret:?} is in {file} of {pid}");
        }
    }
}

#[test]
fn a_secret_in_the_wrong_place_is_not_repeated() {
    let world = World::new();
    for secret in [TOKEN, SESSION, IDENTITY, OPAQUE, HEX] {
        let with_equals = |flag: &str| format!("{flag}={secret}");
        let lines: &[&[&str]] = &[
            &["auth", "tokne", secret],
            &["--vault", "X", secret],
            &["auth", &with_equals("--token-stdin")],
            &["--token", secret],
            &["auth", "--passphrase", secret],
            &["auth", "token", "--identity", secret],
            &["auth", "token", "--passphrase-file", secret],
            &["auth", "token", "--vault", secret],
            &[
                "auth",
                "token",
                "--vault",
                &format!("/nowhere/{secret}/vault.age"),
            ],
            &["auth", "token", "--context", secret],
            &["auth", "token", "-U", secret],
            &["auth", "token", "-U", &format!("https://{secret}")],
            &[
                "auth",
                "token",
                "-U",
                &format!("http://example.com/{secret}"),
            ],
            &["vault", "recipients", "add", secret],
            &["vault", "recipients", "add", "--recipients-file", secret],
            &["vault", "recipients", "remove", secret],
            &["vault", "backup", secret],
            &["vault", "restore", secret],
            &["vault", "recovery-key", "--kit", secret],
            &["api", secret],
            &["api", secret, secret],
            &["api", "POST", "/x", "-f", secret],
            &["api", "/x", "--input", secret],
            &["exec", "--", secret],
            &["exec", secret],
            &["completion", secret],
            &["context", "use", secret],
            &["context", "rename", secret, "b"],
            &["-o", secret, "auth", "status"],
            &["--kdf-ceiling", secret, "auth", "status"],
            &["auth", "--recipient", secret, "--token-stdin"],
            &["unlock", "--idle", secret],
            &[&with_equals("--keeper"), "lock"],
            &["auth", "--token-stdin", "--ca-cert", secret],
            &["auth", "--max-retries", secret],
            &[&format!("--{secret}")],
            &[&format!("-{secret}")],
            &[secret],
            &[secret, "--help", "--nothing"],
            &["login", secret, secret],
            &["context", "show", secret],
            &["context", "list", secret],
            &["vault", "passphrase", "--new-passphrase-file", secret],
            &["exec", "--session", secret, "ls"],
            &["help", secret],
        ];
        for line in lines {
            for verbosity in [&[][..], &["-v"]] {
                let run = world.cldkctl(line.iter().chain(verbosity).copied());
                let output = talkative(run).run();
                assert_ne!(output.code, 0, "{output}");
                assert!(!output.stderr.contains("panicked"), "{output}");
                output.assert_no_secret(&[secret]);
                world.assert_no_secret(&[secret]);
            }
        }
    }
}

#[test]
fn a_passphrase_in_place_of_a_file_of_one_is_not_repeated() {
    let (_cloudeka, world) = logged_in();
    for flag in ["--passphrase-file", "--identity"] {
        for passphrase in [PASSPHRASE, "hunter2hunter2"] {
            let run = world.cldkctl(["auth", "token", flag, passphrase]);
            let output = talkative(run).run();
            assert_ne!(output.code, 0, "{output}");
            assert!(output.stderr.contains("No such file"), "{output}");
            assert!(output.stderr.contains("hint: "), "{output}");
            output.assert_no_secret(&[passphrase]);
        }
        let run = world.cldkctl(["auth", "token", flag, "/no/such/file"]);
        let output = run.run();
        assert!(output.stderr.contains("/no/such/file"), "{output}");
    }
}

#[test]
fn settings_that_hold_a_secret_do_not_repeat_it() {
    let world = World::new();
    for secret in [TOKEN, SESSION, IDENTITY, PASSPHRASE, "hunter2, expected x"] {
        for line in [
            "token = \"SECRET\"",
            "max-retries = \"SECRET\"",
            "output = \"SECRET\"",
            "color = \"SECRET\"",
            "keeper = \"SECRET\"",
            "context = \"SECRET SECRET\"",
            "base-url = \"SECRET\"",
            "SECRET",
            "vault = 'SECRET",
            "[unlock]\nidle = \"SECRET\"",
            "[unlock]\nscope = \"SECRET\"",
            "[kdf]\nmemory = \"SECRET\"",
            "kdf = \"SECRET\"",
            "identity = [\"SECRET\"]",
            "[SECRET",
        ] {
            fs::write(world.settings_path(), line.replace("SECRET", secret)).expect("written");
            let output = talkative(world.cldkctl(["auth", "status", "-v"])).run();
            assert_eq!(output.code, 2, "{line}: {output}");
            output.assert_no_secret(&[secret]);
        }
    }
}

#[test]
fn no_command_says_a_secret_however_much_it_is_to_say() {
    let (cloudeka, world) = cloudeka_and_world();
    let file = world.write("passphrase", PASSPHRASE);
    let file = file.to_str().expect("text").to_owned();
    let session = |world: &World| {
        let contents = contents_of(&world.vault_path(), PASSPHRASE);
        let session = contents["contexts"][0]["session"]["token"].as_str();
        session.expect("a session").to_owned()
    };
    let run = |args: &[&str]| -> Output {
        let run = world
            .cldkctl(["-v"])
            .args(args.iter().copied())
            .stdin(TOKEN);
        talkative(run).run()
    };
    let auth = ["auth", "--token-stdin", "--passphrase-file", &file];
    run(&auth)
        .succeeded()
        .assert_no_secret(&[TOKEN, PASSPHRASE]);
    for args in [
        &["unlock", "--passphrase-file", &file][..],
        &auth,
        &["auth", "status", "--check"],
        &["auth", "status", "-o", "yaml"],
        &["api", "/core/user/profile", "--include"],
        &["context", "list", "-o", "json"],
        &["context", "show", "default"],
        &["vault", "info", "-o", "json"],
        &["vault", "verify"],
        &["vault", "recipients", "list"],
        &["exec", "--", "true"],
        &["exec", "--session", "--", "true"],
        &["vault", "backup", "copy.age"],
        &[
            "vault",
            "restore",
            "copy.age",
            "--merge",
            "--passphrase-file",
            &file,
        ],
        &[
            "vault",
            "tune",
            "--memory",
            "19MiB",
            "--target",
            "100ms",
            "--passphrase-file",
            &file,
        ],
        &["lock"],
    ] {
        let output = run(args).succeeded();
        output.assert_no_secret(&[TOKEN, PASSPHRASE, &session(&world)]);
    }
    let file_of_ours = Path::new(&file);
    for misbehave in [
        Misbehave::EchoToken,
        Misbehave::Garbage,
        Misbehave::CloseAtOnce,
    ] {
        cloudeka.misbehave(misbehave);
        for args in [
            &auth[..],
            &["api", "/core/user/profile", "--passphrase-file", &file],
        ] {
            let output = run(&[args, &["--max-retries", "0"]].concat());
            assert_ne!(output.code, 0, "{output}");
            output.assert_no_secret(&[TOKEN, PASSPHRASE]);
            assert!(!output.stderr.contains(&session(&world)), "{output}");
        }
    }
    let held = session(&world);
    fs::remove_file(file_of_ours).expect("it was written here");
    world.assert_no_secret(&[TOKEN, PASSPHRASE, &held]);
}

#[test]
fn a_token_given_as_an_argument_or_a_variable_is_gone_from_there_at_once() {
    if !can_look_inside() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    for (args, variable) in [
        (&["auth", TOKEN][..], None),
        (&["-v", "auth", "--no-unlock", TOKEN], None),
        (&["api", "/core/user/profile"], Some("CLDKCTL_TOKEN")),
        (&["auth", "--token-stdin"], Some("CLDKCTL_SESSION_TOKEN")),
    ] {
        let before = cloudeka.requests().len();
        let mut run = world.cldkctl(args.iter().copied()).stdin(TOKEN);
        if let Some(variable) = variable {
            run = run.env(variable, TOKEN).env("OTHER", "other value");
        }
        let running = run.spawn();
        let waits = || cloudeka.requests().len() > before;
        assert!(wait_until(Duration::from_secs(20), waits));
        assert_hidden_in_proc(running.pid(), &[TOKEN]);
        // The rest can be seen as ever.
        let read = |file| fs::read(format!("/proc/{}/{file}", running.pid())).expect("it runs");
        let cmdline = read("cmdline");
        let cmdline = String::from_utf8_lossy(&cmdline);
        assert_eq!(cmdline.split('\0').count(), args.len() + 2, "{cmdline}");
        assert!(cmdline.contains(args[0]), "{cmdline}");
        if variable.is_some() {
            let environ = read("environ");
            assert!(traces::find(&environ, "OTHER=other value").is_some());
        }
    }
}

#[test]
fn the_agent_has_no_secret_in_its_arguments_and_variables() {
    if !can_look_inside() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let file = world.write("passphrase", PASSPHRASE);
        let run = world.cldkctl(["unlock", "--passphrase-file"]).arg(file);
        let run = run.env("CLDKCTL_TOKEN", TOKEN).env("OTHER", SESSION);
        run.run().succeeded();
        let stream = UnixStream::connect(world.agent_socket()).expect("an agent listens");
        let peer = rustix::net::sockopt::socket_peercred(&stream).expect("it is connected");
        let pid = peer.pid.as_raw_nonzero().get().unsigned_abs();
        assert_hidden_in_proc(pid, &[TOKEN, PASSPHRASE, SESSION]);
    });
}

#[test]
fn a_plugin_gets_no_token_in_its_variables() {
    let (_cloudeka, world) = logged_in();
    unlock(&world, &[]);
    let key = Key::plugin(&world, "plugin.txt", false);
    // The plugin itself, behind one that writes down what it was given.
    let folder = world.home().join("plugins");
    fs::create_dir(&folder).expect("a folder");
    let plugin = folder.join("age-plugin-cldktest");
    let seen = world.home().join("seen");
    let real = example("age-plugin-cldktest");
    let script = format!(
        "#!/bin/sh\n{{ env; echo \"$@\"; }} >> '{}'\nexec '{}' \"$@\"\n",
        seen.display(),
        real.display()
    );
    fs::write(&plugin, script).expect("written");
    set_mode(&plugin, 0o755);
    let path = format!("{}:/usr/bin:/bin", folder.display());
    let run = |args: &[&str]| {
        let run = world.cldkctl(args.iter().copied()).env("PATH", &path);
        let run = run.env("CLDKCTL_TOKEN", TOKEN);
        talkative(run.env("CLDKCTL_SESSION_TOKEN", SESSION)).run()
    };
    run(&["vault", "recipients", "add", &key.recipient]).succeeded();
    let identity = key.identity.to_str().expect("text");
    run(&["vault", "verify", "--identity", identity]).succeeded();
    let seen = fs::read(seen).expect("the plugin was asked");
    assert!(
        traces::find(&seen, "RUST_LOG=trace").is_some(),
        "it saw the rest"
    );
    for secret in [TOKEN, SESSION] {
        assert_eq!(traces::find(&seen, secret), None, "{secret}");
    }
}

#[test]
fn a_panic_says_where_and_not_what() {
    let world = World::with_binary(example("bug"));
    for how in ["here", "in a thread"] {
        let output = talkative(world.cldkctl([how]).stdin(PASSPHRASE)).run();
        let output = output.expect_code(1);
        assert!(output.stderr.contains("a bug in cldkctl at "), "{output}");
        assert_eq!(output.stderr.lines().count(), 1, "{output}");
        output.assert_no_secret(&[PASSPHRASE]);
    }
}
