//! Programs that ask the binary for credentials, in a world where they find it.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use super::World;
use super::pty::feed;
use super::starting;
use super::world::Cldkctl;

/// What runs the binary under the name that docker looks for.
const AS_DOCKER_HELPER: [&str; 3] = [
    "bash",
    "-c",
    "exec -a docker-credential-cldkctl \"$0\" \"$@\"",
];

/// `docker-credential-cldkctl ACTION`
pub fn docker_helper<'a>(world: &'a World, action: &str) -> Cldkctl<'a> {
    world.cldkctl([action]).under(AS_DOCKER_HELPER)
}

/// A folder for programs, first on the `PATH` of [`sh`], with a link to the binary in it.
#[track_caller]
pub fn bin(world: &World) -> PathBuf {
    let folder = world.home().join("bin");
    fs::create_dir_all(&folder).expect("a folder");
    let link = folder.join("cldkctl");
    if !link.exists() {
        symlink(world.binary(), link).expect("a link");
    }
    folder
}

/// Runs a line of the shell in the world, without a terminal, with [`bin`] on the `PATH`.
#[track_caller]
pub fn sh(world: &World, line: &str, env: &[(&str, &str)]) -> Output {
    let path = std::env::var("PATH").expect("a PATH");
    let path = format!("{}:{path}", bin(world).display());
    let starting = starting();
    let mut child = Command::new("setsid")
        .args(["--wait", "bash", "-ec", line])
        .current_dir(world.home())
        .env_clear()
        .env("PATH", path)
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .env("XDG_CONFIG_HOME", world.config())
        .env("XDG_RUNTIME_DIR", world.runtime())
        .env("LANG", "C.UTF-8")
        .envs(env.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("setsid runs");
    drop(starting);
    feed(child.stdin.take().expect("a pipe"), Vec::new());
    child.wait_with_output().expect("it ends")
}

/// The same, which has to succeed; what it printed.
#[track_caller]
pub fn sh_ok(world: &World, line: &str, env: &[(&str, &str)]) -> String {
    let output = sh(world, line, env);
    assert!(output.status.success(), "{line}\n{}", said(&output));
    String::from_utf8(output.stdout).expect("text")
}

/// All that was printed.
pub fn said(output: &Output) -> String {
    let [out, err] = [&output.stdout, &output.stderr].map(|it| String::from_utf8_lossy(it));
    format!("{}\nstdout: {out}\nstderr: {err}", output.status)
}
