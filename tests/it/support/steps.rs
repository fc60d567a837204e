//! What many stories begin with: a login, and a look into the vault with nothing of ours.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use bech32::{Bech32, Hrp};
use serde_json::Value;

use super::pty::{drain, feed};
use super::world::Cldkctl;
use super::{Session, Standin, World, starting};

/// A token of the form that the portal makes.
pub const TOKEN: &str = "cldkctl_story_0f1e2d3c4b5a69788796";

/// A passphrase that is not easy to guess.
pub const PASSPHRASE: &str = "tulip harvests brass umbrella";

/// A stand-in that knows [`TOKEN`], and a world whose commands go there.
#[track_caller]
pub fn cloudeka_and_world() -> (Standin, World) {
    let cloudeka = Standin::start();
    cloudeka.accept_token(TOKEN);
    let world = World::new().at(&cloudeka);
    (cloudeka, world)
}

/// [`cloudeka_and_world`], logged in with [`TOKEN`] and [`PASSPHRASE`].
#[track_caller]
pub fn logged_in() -> (Standin, World) {
    let (cloudeka, world) = cloudeka_and_world();
    log_in(&world, TOKEN, &[]);
    (cloudeka, world)
}

/// Logs in with `token` and [`PASSPHRASE`] on a terminal, and leaves the vault locked; more
/// arguments after `auth`.
#[track_caller]
pub fn log_in(world: &World, token: &str, args: &[&str]) {
    let joins = fs::exists(world.vault_path()).expect("the data folder can be read");
    let mut terminal = world.cldkctl(["auth", "--no-unlock"]).args(args).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(token);
    if joins {
        terminal.expect("Vault passphrase:");
        terminal.send_secret(PASSPHRASE);
    } else {
        type_new_passphrase(&mut terminal, PASSPHRASE);
    }
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
}

/// A login with [`TOKEN`] and [`PASSPHRASE`] without a terminal.
pub fn auth(world: &World) -> Cldkctl<'_> {
    // In the runtime folder, so that it is not among what is in the vault's.
    let passphrase = world.runtime().join("cldkctl.passphrase");
    if !passphrase.exists() {
        fs::write(passphrase, PASSPHRASE).expect("written");
    }
    world
        .cldkctl(["auth", "--token-stdin"])
        .env("CREDENTIALS_DIRECTORY", world.runtime())
        .stdin(TOKEN)
}

/// Logged in with a session that is due, and unlocked: every command begins with a new one.
#[track_caller]
pub fn due() -> (Standin, World) {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.session_life(10);
    let file = world.write("passphrase", PASSPHRASE);
    let auth = world.cldkctl(["auth", "--token-stdin", "--passphrase-file"]);
    auth.arg(file).stdin(TOKEN).run().succeeded();
    unlock(&world, &[]);
    (cloudeka, world)
}

/// [`cloudeka_and_world`] with a vault that is unlocked by `unlock` and these arguments.
#[track_caller]
pub fn unlocked(args: &[&str]) -> (Standin, World) {
    let (cloudeka, world) = logged_in();
    unlock(&world, args);
    (cloudeka, world)
}

/// What a login with [`TOKEN`] says on standard error.
pub fn logged_in_to(world: &World) -> String {
    let host = world.host().expect("a stand-in");
    format!("Logged in to {host} as Sari Wijaya, context default\n")
}

/// Unlocks the vault with [`PASSPHRASE`] and no terminal; more arguments after `unlock`.
#[track_caller]
pub fn unlock(world: &World, args: &[&str]) {
    let unlock = world.cldkctl(["unlock", "--passphrase-stdin"]).args(args);
    let output = unlock.stdin(PASSPHRASE).run().succeeded();
    assert_eq!(output.stdout, "", "{output}");
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
}

/// The names in `folder`, sorted.
pub fn names_in(folder: impl AsRef<Path>) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let name = |entry: fs::DirEntry| entry.file_name().into_string().expect("text");
    let mut names: Vec<_> = entries
        .map(|entry| name(entry.expect("an entry")))
        .collect();
    names.sort();
    names
}

/// Fails the test unless the vault opens by itself: `auth token` prints [`TOKEN`], and
/// nothing else.
#[track_caller]
pub fn assert_unlocked(world: &World) {
    let output = world.cldkctl(["auth", "token"]).run().succeeded();
    assert_eq!(output.stdout, format!("{TOKEN}\n"), "{output}");
    assert_eq!(output.stderr, "", "{output}");
}

/// Fails the test unless the vault is locked: without a terminal nothing opens it, exit 4.
/// What was said.
#[track_caller]
pub fn assert_locked(world: &World) -> String {
    let output = world.cldkctl(["auth", "token"]).run().expect_code(4);
    assert_eq!(output.stdout, "", "{output}");
    assert!(output.stderr.contains("locked"), "{output}");
    assert!(output.stderr.contains("hint: "), "{output}");
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
    output.stderr
}

/// `auth status -o json`
#[track_caller]
pub fn status(world: &World) -> Value {
    let status = world.cldkctl(["auth", "status", "-o", "json"]);
    let output = status.run().succeeded();
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
    serde_json::from_str(&output.stdout).unwrap_or_else(|why| panic!("{why}\n{output}"))
}

/// Answers the two questions for a new passphrase.
#[track_caller]
pub fn type_new_passphrase(terminal: &mut Session, passphrase: &str) {
    terminal.expect("New vault passphrase:");
    terminal.send_secret(passphrase);
    terminal.expect("Repeat passphrase:");
    terminal.send_secret(passphrase);
}

/// What is in the vault at `path`, binary or armored, read with the crates `argon2` and `age`
/// and nothing of ours, along the recipe of `vault-format.md`.
#[track_caller]
pub fn contents_of(path: &Path, passphrase: &str) -> Value {
    let key = key_of(path, passphrase);
    let identity: age::x25519::Identity = identity(&key).parse().expect("an age identity");
    let vault = fs::read(path).expect("a vault");
    let plain = age::decrypt(&identity, &vault)
        .unwrap_or_else(|why| panic!("{passphrase:?} does not open {path:?}: {why}"));
    serde_json::from_slice(&plain).expect("the contents are JSON")
}

/// The 32 bytes that the passphrase of the vault at `path` stands for.
#[track_caller]
pub fn key_of(path: &Path, passphrase: &str) -> [u8; 32] {
    let [salt, cost @ ..] = kdf_of(path);
    let [memory, iterations, lanes] = cost.map(|number| number.parse().expect("a number"));
    let params = Params::new(memory, iterations, lanes, Some(32)).expect("parameters of Argon2");
    let mut key = [0; 32];
    let mut blocks = vec![Block::default(); params.block_count()];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(
            passphrase.as_bytes(),
            salt.as_bytes(),
            &mut key,
            &mut blocks,
        )
        .expect("Argon2 derives a key");
    key
}

/// [`contents_of`] with the commands `argon2` and `age`, which have to be installed.
#[track_caller]
pub fn contents_by_commands(path: &Path, passphrase: &str) -> Value {
    let [salt, memory, iterations, lanes] = kdf_of(path);
    let argon2 = [
        "argon2",
        &salt,
        "-id",
        "-v",
        "13",
        "-k",
        &memory,
        "-t",
        &iterations,
        "-p",
        &lanes,
        "-l",
        "32",
        "-r",
    ];
    let hex = pipe(&argon2, passphrase.as_bytes());
    let hex = std::str::from_utf8(&hex).expect("hexadecimal").trim();
    let key: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect();
    let path = path.to_str().expect("a path of text");
    let age = ["age", "--decrypt", "--identity", "-", path];
    serde_json::from_slice(&pipe(&age, identity(&key).as_bytes())).expect("the contents are JSON")
}

/// Whether these commands are installed; [skips](super::skip) when not.
#[track_caller]
pub fn are_installed(commands: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let missing = commands
        .iter()
        .find(|name| !std::env::split_paths(&path).any(|folder| folder.join(name).exists()));
    if let Some(missing) = missing {
        super::skip(&format!("`{missing}` is not installed"));
    }
    missing.is_none()
}

/// `AGE-SECRET-KEY-1…`
pub fn identity(key: &[u8]) -> String {
    let prefix = Hrp::parse("age-secret-key-").expect("a prefix");
    bech32::encode::<Bech32>(prefix, key)
        .expect("32 bytes are short enough")
        .to_uppercase()
}

/// Salt, memory in KiB, passes and lanes, as they stand in the header of the vault.
#[track_caller]
pub fn kdf_of(path: &Path) -> [String; 4] {
    let vault = fs::read(path).unwrap_or_else(|why| panic!("{path:?}: {why}"));
    let mut vault_bytes = Vec::new();
    let mut reader = age::armor::ArmoredReader::new(&*vault);
    std::io::Read::read_to_end(&mut reader, &mut vault_bytes).expect("armor or none");
    let vault = vault_bytes;
    let vault = String::from_utf8_lossy(&vault);
    let mut stanzas = vault
        .lines()
        .take_while(|line| !line.starts_with("---"))
        .filter_map(|line| line.strip_prefix("-> cldkctl-argon2id v1 "));
    let words = stanzas.next().expect("a stanza of ours in the header");
    assert_eq!(stanzas.next(), None, "at most one such stanza");
    let words: Vec<String> = words.split(' ').map(ToOwned::to_owned).collect();
    words.try_into().expect("four arguments")
}

/// What `command` makes of `input`. Fails the test when it fails.
#[track_caller]
pub fn pipe(command: &[&str], input: &[u8]) -> Vec<u8> {
    let starting = starting();
    let mut child = Command::new(command[0])
        .args(&command[1..])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| panic!("{}: {why}", command[0]));
    drop(starting);
    feed(child.stdin.take().expect("a pipe"), input.to_vec());
    let output = drain(child.stdout.take().expect("a pipe"));
    let status = child.wait().expect("the child can be waited for");
    assert!(status.success(), "{command:?}: {status}");
    output.join().expect("the reader does not panic")
}
