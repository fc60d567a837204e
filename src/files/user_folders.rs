//! Where a user's files belong, as the XDG Base Directory Specification has it. Each is looked for
//! only when it is needed: a service may have no home, and need none.

use std::path::PathBuf;

/// `$XDG_CONFIG_HOME`, or `~/.config`.
#[must_use]
pub fn config() -> Option<PathBuf> {
    named("XDG_CONFIG_HOME").or_else(|| Some(home()?.join(".config")))
}

/// `$XDG_DATA_HOME`, or `~/.local/share`.
#[must_use]
pub fn data() -> Option<PathBuf> {
    named("XDG_DATA_HOME").or_else(|| Some(home()?.join(".local/share")))
}

/// `$XDG_STATE_HOME`, or `~/.local/state`.
#[must_use]
pub fn state() -> Option<PathBuf> {
    named("XDG_STATE_HOME").or_else(|| Some(home()?.join(".local/state")))
}

/// `$XDG_RUNTIME_DIR`.
#[must_use]
pub fn runtime() -> Option<PathBuf> {
    named("XDG_RUNTIME_DIR")
}

/// `$HOME`, or what the list of users says if that is unset.
#[must_use]
pub fn home() -> Option<PathBuf> {
    std::env::home_dir().filter(|home| home.is_absolute())
}

/// A relative path in one of these is to be ignored, says the specification.
fn named(variable: &str) -> Option<PathBuf> {
    let folder = PathBuf::from(std::env::var_os(variable)?);
    folder.is_absolute().then_some(folder)
}
