//! What cldkctl does, in a few seconds, with no account and no network:
//!
//! ```text
//! cargo run --example demo
//! ```
//!
//! It builds the `cldkctl` binary, starts a stand-in for the Cloudeka API on loopback, and
//! uses the one with the other as a person would: on a real terminal, with a keyboard. What
//! is shown is what the binary printed there. Each step is checked as well; when one does not
//! come out as it should, the demo says so and exits with a failure.
//!
//! The home is a temporary one, removed at the end. Nothing of yours is read or changed.
//!
//! # To add a step
//!
//! Write one more function like [`log_in`], and call it in [`main`]. [`Stage`] has what it
//! takes: [`say`](Stage::say) something, run a command on the terminal and answer its
//! prompts ([`on_terminal`](Stage::on_terminal)), or run one that has no terminal
//! ([`without_terminal`](Stage::without_terminal)).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "it talks to the reader, and a panic is how it fails"
)]

#[path = "../tests/it/support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anstream::{print, println};
use support::cargo::cargo;
use support::world::mode;
use support::{Output, Standin, World};

const TOKEN: &str = "cldkctl_demo_3f9a1c77e2";
const OTHER_TOKEN: &str = "cldkctl_made_up_elsewhere";
const PASSPHRASE: &str = "marble teapot orbits quietly";
const WRONG_PASSPHRASE: &str = "marble teapot orbits loudly";

fn main() {
    let binary = build();
    let start = Instant::now();
    let stage = Stage::set(&binary);

    log_in(&stage);
    look_at_the_disk(&stage);
    use_it(&stage);
    lock_and_unlock(&stage);
    try_a_wrong_passphrase(&stage);
    try_a_rejected_token(&stage);

    drop(stage);
    let seconds = start.elapsed().as_secs_f32();
    println!("\nAll of this was as it should be. ({seconds:.1} s; the temporary home is gone.)");
}

fn log_in(stage: &Stage) {
    stage.step("Log in");
    stage.say(&format!(
        "The token is {TOKEN}, the passphrase \"{PASSPHRASE}\".\n\
         Both are typed below, and neither is shown."
    ));
    stage.on_terminal(
        "auth",
        &[
            ("Enter your token:", TOKEN),
            ("New vault passphrase:", PASSPHRASE),
            ("Repeat passphrase:", PASSPHRASE),
        ],
        "Auth success",
        0,
    );
}

fn look_at_the_disk(stage: &Stage) {
    stage.step("What is on the disk");
    let vault = stage.world.vault_path();
    let folder = vault.parent().unwrap();
    for (path, expected) in [(folder, 0o700), (&vault, 0o600)] {
        println!("{:04o}  {}", mode(path), path.display());
        assert_eq!(mode(path), expected, "{path:?} is for its owner alone");
    }

    stage.say("The vault is an age file. Its header is text; the rest is ciphertext:");
    let bytes = fs::read(&vault).unwrap();
    let end = bytes.windows(5).position(|window| window == b"\n--- ");
    let header = std::str::from_utf8(&bytes[..end.expect("a header has an end")]).unwrap();
    println!("{header}\n--- …");
    stage.say(
        "(The first stanza says how the key is derived. One ending in -grease is noise of age's.)",
    );
    assert!(header.starts_with("age-encryption.org/v1\n-> cldkctl-argon2id v1 "));

    stage.say("What the file says of itself, with no passphrase:");
    stage.on_terminal("vault info", &[], "256 MiB, 3 passes, 4 lanes", 0);

    let files = stage.world.files();
    stage.world.assert_no_secret(&[TOKEN, PASSPHRASE]);
    stage.say(&format!(
        "Neither token nor passphrase is in any of the {} files of the home.",
        files.len()
    ));
}

fn use_it(stage: &Stage) {
    stage.step("Use it, with no passphrase");
    stage.say("The login left the vault unlocked, and status says until when:");
    stage.on_terminal("auth status", &[], "locks in ", 0);
    stage.say("Not even a terminal is needed now:");
    let token = stage.without_terminal("auth token", 0).stdout;
    assert_eq!(token, format!("{TOKEN}\n"), "the token, alone");

    stage.say("A program gets the token in its environment, and its exit status comes back:");
    let command = ["exec", "--", "sh", "-c", "echo \"$CLDKCTL_TOKEN\"; exit 7"];
    let token = stage.words_without_terminal(&command, 7).stdout;
    assert_eq!(token, format!("{TOKEN}\n"), "what the program was given");

    stage.say("An authenticated call:");
    let profile = stage.without_terminal("api /core/user/profile", 0).stdout;
    assert!(profile.starts_with('{'), "the answer as it came");
}

fn lock_and_unlock(stage: &Stage) {
    stage.step("Lock and unlock");
    stage.on_terminal("lock", &[], "Locked the vault", 0);
    stage.say("With no terminal and no passphrase, a command now ends at once:");
    let refused = stage.without_terminal("auth token", 4);
    assert_eq!(refused.stdout, "", "nothing was printed");

    stage.say("The passphrase, once:");
    let asked = [("Vault passphrase:", PASSPHRASE)];
    stage.on_terminal("unlock --idle 5m", &asked, "Unlocked the vault", 0);
    let token = stage.without_terminal("auth token", 0).stdout;
    assert_eq!(token, format!("{TOKEN}\n"), "the token, alone");

    stage.on_terminal("lock", &[], "Locked the vault", 0);
    stage.without_terminal("auth token", 4);
}

fn try_a_wrong_passphrase(stage: &Stage) {
    stage.step("A wrong passphrase");
    stage.on_terminal(
        "auth token",
        &[("Vault passphrase:", WRONG_PASSPHRASE); 3],
        "does not open the vault",
        5,
    );
}

fn try_a_rejected_token(stage: &Stage) {
    stage.step("A token that the API rejects");
    let before = fs::read(stage.world.vault_path()).unwrap();
    stage.on_terminal("auth", &[("Enter your token:", OTHER_TOKEN)], "error:", 3);
    let after = fs::read(stage.world.vault_path()).unwrap();
    assert!(before == after, "a failed login changes nothing");
    stage.say("No passphrase was asked for, and the vault is byte for byte what it was.");
}

/// The binary in a home of its own, and the API that it logs in to.
struct Stage {
    world: World,
    /// Listens until the end of the demo.
    _cloudeka: Standin,
}

impl Stage {
    fn set(binary: &Path) -> Self {
        let cloudeka = Standin::start();
        cloudeka.accept_token(TOKEN);
        // The settings of the tests make key derivation cheap. Here it costs what it costs.
        let world = World::with_binary(binary).without_settings().at(&cloudeka);
        println!("The stand-in API listens at {}.", cloudeka.base_url());
        println!("The temporary home is {}.", world.home().display());
        Self {
            world,
            _cloudeka: cloudeka,
        }
    }

    /// Begins a chapter.
    fn step(&self, title: &str) {
        println!("\n\x1b[1m── {title}\x1b[0m");
    }

    /// Tells the reader something.
    fn say(&self, text: &str) {
        for line in text.lines() {
            println!("\x1b[2m# {line}\x1b[0m");
        }
    }

    /// Runs `cldkctl` with these arguments on a terminal, types each answer once its prompt is
    /// there and the terminal hides what is typed, and shows the terminal meanwhile.
    ///
    /// Fails unless a prompt comes, the text `then` follows the last of them, no answer shows
    /// up on the screen before, and the exit code is `code`.
    #[track_caller]
    fn on_terminal(&self, args: &str, answers: &[(&str, &str)], then: &str, code: i32) {
        println!("$ cldkctl {args}");
        let mut terminal = self.world.cldkctl(args.split(' ')).on_pty();
        let mut screen = Screen::default();
        for (prompt, answer) in answers {
            screen.show(&terminal.expect(prompt));
            terminal.send_secret(answer);
        }
        screen.show(&terminal.expect(then));
        let ended = terminal.wait();
        let all = terminal.screen();
        screen.show(&all[screen.shown..]);
        self.ended(ended, code);

        let asked = &all[..all.rfind(then).unwrap()];
        for (_, answer) in answers {
            assert!(!asked.contains(answer), "{answer:?} was shown:\n{all}");
        }
    }

    /// Runs `cldkctl` with these arguments and no terminal, as cron does. Fails unless the exit
    /// code is `code`; gives what was printed.
    #[track_caller]
    fn without_terminal(&self, args: &str, code: i32) -> Output {
        self.words_without_terminal(&args.split(' ').collect::<Vec<_>>(), code)
    }

    /// [`without_terminal`](Self::without_terminal), with arguments that have spaces.
    #[track_caller]
    fn words_without_terminal(&self, args: &[&str], code: i32) -> Output {
        let shown = args.iter().map(|word| match word.contains(' ') {
            true => format!(" '{word}'"),
            false => format!(" {word}"),
        });
        println!("$ cldkctl{}", shown.collect::<String>());
        let output = self.world.cldkctl(args.iter().copied()).run();
        print!("{}{}", output.stdout, output.stderr);
        if !output.stdout.is_empty() && !output.stdout.ends_with('\n') {
            println!();
        }
        self.ended(output.code, code);
        output
    }

    #[track_caller]
    fn ended(&self, code: i32, expected: i32) {
        println!("\x1b[2m(exit {code})\x1b[0m");
        assert_eq!(code, expected, "the exit code");
    }
}

/// What a terminal printed, made fit for another: a spinner that was wiped is not repeated.
#[derive(Default)]
struct Screen {
    shown: usize,
}

impl Screen {
    fn show(&mut self, passage: &str) {
        self.shown += passage.len();
        for line in passage.split_inclusive('\n') {
            let (text, end) = match line.strip_suffix("\r\n") {
                Some(text) => (text, "\n"),
                None => (line, ""),
            };
            // What stands before "back to the start of the line" was written over.
            let kept = text.rsplit('\r').next().unwrap_or_default();
            print!("{kept}{end}");
        }
        std::io::Write::flush(&mut anstream::stdout()).unwrap();
    }
}

/// Builds the binary, in the profile of this example; gives its path.
///
/// That is the development profile when it was started as above: a release build takes
/// minutes, for its link-time optimisation, and does the same. The example goes into the build
/// again so that cargo chooses the features of the dependencies as it did before, and has
/// little left to do but to link.
fn build() -> PathBuf {
    let mut cargo = cargo();
    cargo.args(["build", "--bin", "cldkctl", "--example", "demo"]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    let words: Vec<_> = cargo
        .get_args()
        .map(|word| word.to_string_lossy())
        .collect();
    println!("Building the binary: cargo {}", words.join(" "));
    cargo.args(["--quiet", "--message-format=json-render-diagnostics"]);
    let output = cargo.stderr(Stdio::inherit()).output().expect("cargo runs");
    assert!(output.status.success(), "cargo build failed");
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
        .filter(|artifact| artifact["target"]["kind"][0] == "bin")
        .find_map(|artifact| artifact["executable"].as_str().map(PathBuf::from))
        .expect("cargo says where it put the binary")
}
