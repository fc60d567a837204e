//! Keys of every kind that can open a vault besides the passphrase, and stock `age` to open one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use age::secrecy::ExposeSecret as _;
use serde_json::Value;

use super::cargo::example;
use super::world::Output;
use super::{TOKEN, World, starting};

/// A key: its public half, and the file that holds the other.
pub struct Key {
    /// As it is given to `vault recipients add`.
    pub recipient: String,
    /// As it is given to `--identity`.
    pub identity: PathBuf,
}

impl Key {
    /// What `age-keygen` makes.
    #[track_caller]
    pub fn age(world: &World, name: &str) -> Self {
        let identity = age::x25519::Identity::generate();
        let secret = identity.to_string();
        Self {
            recipient: identity.to_public().to_string(),
            identity: world.write(name, secret.expose_secret()),
        }
    }

    /// What `ssh-keygen` makes of that type, with a comment; it has to be installed.
    #[track_caller]
    pub fn ssh(world: &World, name: &str, kind: &str) -> Self {
        Self::ssh_protected(world, name, kind, "")
    }

    /// The same, protected by a passphrase.
    #[track_caller]
    pub fn ssh_protected(world: &World, name: &str, kind: &str, passphrase: &str) -> Self {
        let identity = world.home().join(name);
        let starting = starting();
        let made = Command::new("ssh-keygen")
            .args([
                "-q",
                "-t",
                kind,
                "-N",
                passphrase,
                "-C",
                &format!("sari@{name}"),
            ])
            .arg("-f")
            .arg(&identity)
            .output()
            .expect("ssh-keygen runs");
        drop(starting);
        assert!(made.status.success(), "{made:?}");
        let public = fs::read_to_string(identity.with_extension("pub")).expect("a public key");
        Self {
            recipient: public.trim_end().to_owned(),
            identity,
        }
    }

    /// What the plugin of the tests makes. Its folder has to be on the `PATH`: see
    /// [`plugin_path`].
    #[track_caller]
    pub fn plugin(world: &World, name: &str, with_pin: bool) -> Self {
        let flag = if with_pin {
            "--generate-with-pin"
        } else {
            "--generate"
        };
        let made = Command::new(plugin_folder().join(PLUGIN))
            .arg(flag)
            .output()
            .expect("the plugin runs");
        let text = String::from_utf8(made.stdout).expect("text");
        let (recipient, identity) = text.trim_end().split_once('\n').expect("two lines");
        Self {
            recipient: recipient.to_owned(),
            identity: world.write(name, identity),
        }
    }

    /// Runs `cldkctl` with this identity.
    #[track_caller]
    pub fn cldkctl(&self, world: &World, args: &[&str]) -> Output {
        world
            .cldkctl(args)
            .arg("--identity")
            .arg(&self.identity)
            .env("PATH", plugin_path())
            .run()
    }

    /// What stock `age`, which has to be installed, finds in the vault; what it says when it
    /// finds nothing.
    pub fn age_decrypt(&self, vault: &Path) -> Result<Value, String> {
        let starting = starting();
        let output = Command::new("age")
            .args(["--decrypt", "--identity"])
            .arg(&self.identity)
            .arg(vault)
            .env("PATH", plugin_path())
            .output()
            .expect("age runs");
        drop(starting);
        if output.status.success() {
            Ok(serde_json::from_slice(&output.stdout).expect("the contents are JSON"))
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }
}

const PLUGIN: &str = "age-plugin-cldktest";

/// The `PATH` with the plugin of the tests on it.
#[track_caller]
pub fn plugin_path() -> OsString {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(plugin_folder()).chain(std::env::split_paths(&path));
    std::env::join_paths(folders).expect("folders without a colon")
}

/// The folder of the built plugin.
#[track_caller]
fn plugin_folder() -> PathBuf {
    let plugin = example(PLUGIN);
    plugin.parent().expect("it is in a folder").to_owned()
}

/// Fails unless `key`, an `AGE-SECRET-KEY-1…`, opens the vault.
#[track_caller]
pub fn assert_opens(world: &World, key: &str) {
    let key = Key {
        recipient: String::new(),
        identity: world.write("recovery.key", key),
    };
    let output = key.cldkctl(world, &["auth", "token"]).succeeded();
    assert_eq!(output.stdout, format!("{TOKEN}\n"));
    fs::remove_file(key.identity).expect("it was written here");
}
