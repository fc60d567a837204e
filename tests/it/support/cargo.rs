//! Cargo, run from within what cargo runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

/// `cargo`, as if it were typed in the repository by whoever runs the tests or the demo.
///
/// Cargo tells a program that it runs which package the program belongs to, in variables that
/// some build scripts (`ring`'s) watch. Passed on to a cargo within, they would look like a
/// change, and half the dependencies would be compiled again, there and back at each run.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Builds an example, once, as the binary was built. Where it is.
#[track_caller]
pub fn example(name: &'static str) -> PathBuf {
    static BUILT: Mutex<Option<HashMap<&str, PathBuf>>> = Mutex::new(None);
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    let built = built.get_or_insert_default();
    if let Some(path) = built.get(name) {
        return path.clone();
    }
    // `option_env!`, for the examples, which have this module and no use for it.
    let binary = option_env!("CARGO_BIN_EXE_cldkctl");
    let binary = Path::new(binary.expect("only in an integration test"));
    let profile = binary.parent().expect("target/PROFILE");
    let mut build = cargo();
    build.args(["build", "--quiet", "--example", name]);
    if profile.ends_with("release") {
        build.arg("--release");
    }
    let output = build.output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let path = profile.join("examples").join(name);
    assert!(path.exists(), "no {name} in {path:?}");
    built.insert(name, path.clone());
    path
}
