//! Cargo, run from within what cargo runs.

use std::process::Command;

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
