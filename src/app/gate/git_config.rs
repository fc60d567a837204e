//! The settings of git, changed by git itself: which servers it asks us about.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::error::GateError;
use super::place::Kind;

/// The setting of a server, or of all of them.
///
/// # Errors
/// When it is not a server.
pub fn setting(host: Option<&str>) -> Result<String, GateError> {
    Ok(match host {
        Some(host) => {
            let place = Kind::Git.place(host).map_err(GateError::Place)?;
            format!("credential.{place}.helper")
        }
        None => "credential.helper".to_owned(),
    })
}

/// How git runs us: a line of the shell.
#[must_use]
pub fn helper(program: &Path) -> String {
    let program = program.display().to_string();
    format!("!'{}' helper git", program.replace('\'', r"'\''"))
}

/// Has git ask us, and none of the helpers that it asked before; those, unless it asked us
/// already. Their settings stay: git begins anew at an empty value, gitcredentials(7).
///
/// # Errors
/// When git cannot be run, or refuses.
pub fn ask_us(setting: &str, helper: &str) -> Result<Option<Vec<String>>, GateError> {
    let before = values(setting)?;
    let others = match asked(&before) {
        [one] if one == helper => return Ok(None),
        all => all.iter().filter(|it| !is_ours(it)).cloned().collect(),
    };
    ask_others(setting)?;
    git(&["config", "--global", "--add", setting, ""])?;
    git(&["config", "--global", "--add", setting, helper])?;
    Ok(Some(others))
}

/// Has git ask as it did before; whether it asked us.
///
/// # Errors
/// When git cannot be run, or refuses.
pub fn ask_others(setting: &str) -> Result<bool, GateError> {
    let before = values(setting)?;
    let mut after: Vec<&String> = Vec::new();
    for value in &before {
        match is_ours(value) {
            // The empty value before it is ours as well.
            true => drop(after.pop_if(|it| it.is_empty())),
            false => after.push(value),
        }
    }
    if after.len() == before.len() {
        return Ok(false);
    }
    git(&["config", "--global", "--unset-all", setting])?;
    for value in after {
        git(&["config", "--global", "--add", setting, value])?;
    }
    Ok(true)
}

/// The settings in which git asks us.
///
/// # Errors
/// When git cannot be run, or refuses.
pub fn ours() -> Result<Vec<String>, GateError> {
    let output = git_or_nothing(&[
        "config",
        "--global",
        "--null",
        "--get-regexp",
        r"^credential\..*helper$",
    ])?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found: Vec<String> = text
        .split('\0')
        .filter_map(|entry| entry.split_once('\n'))
        .filter(|(_, value)| is_ours(value))
        .map(|(name, _)| name.to_owned())
        .collect();
    found.dedup();
    Ok(found)
}

fn is_ours(value: &str) -> bool {
    value.starts_with('!') && value.ends_with("cldkctl' helper git")
}

/// What stands behind the last empty value, where git begins anew.
fn asked(values: &[String]) -> &[String] {
    let from = values.iter().rposition(String::is_empty);
    from.map_or(values, |at| &values[at + 1..])
}

fn values(setting: &str) -> Result<Vec<String>, GateError> {
    let output = git_or_nothing(&["config", "--global", "--null", "--get-all", setting])?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut values: Vec<String> = text.split('\0').map(ToOwned::to_owned).collect();
    // Each value ends with a zero byte.
    values.pop();
    Ok(values)
}

/// Runs git, which ends with 1 where there is no such setting.
fn git_or_nothing(args: &[&str]) -> Result<Output, GateError> {
    let output = run(args)?;
    match output.status.code() {
        Some(0 | 1) => Ok(output),
        _ => Err(refused(&output)),
    }
}

fn git(args: &[&str]) -> Result<(), GateError> {
    let output = run(args)?;
    match output.status.success() {
        true => Ok(()),
        false => Err(refused(&output)),
    }
}

fn run(args: &[&str]) -> Result<Output, GateError> {
    Command::new("git")
        .args(args)
        .stdin(Stdio::null())
        .output()
        .map_err(GateError::NoGit)
}

fn refused(output: &Output) -> GateError {
    let said = String::from_utf8_lossy(&output.stderr);
    GateError::GitRefused(said.trim().to_owned())
}
