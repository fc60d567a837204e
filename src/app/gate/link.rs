//! The link on the `PATH` under the name that docker looks for.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::docker::PROGRAM;
use super::error::GateError;
use crate::files::{make_folder, user_folders};

/// The program that runs, with no link in its path.
///
/// # Errors
/// When the system does not say.
pub fn this_program() -> Result<PathBuf, GateError> {
    env::current_exe()
        .and_then(fs::canonicalize)
        .map_err(|error| GateError::Link(PathBuf::from(PROGRAM), error))
}

/// What stands under the name of the link.
enum There {
    Nothing,
    Ours,
    /// A link to where a cldkctl was.
    Stale,
    Stranger,
}

/// Puts the link on the `PATH`, unless it is there; where it is.
///
/// # Errors
/// When something else has the name, or there is no folder for it.
pub fn install() -> Result<PathBuf, GateError> {
    let program = this_program()?;
    let folders = folders_on_path();
    // Clients run the first one.
    for folder in &folders {
        let link = folder.join(PROGRAM);
        match look(&link, &program) {
            There::Nothing => {}
            There::Ours => return Ok(link),
            There::Stale => return put(&link, &program),
            There::Stranger => return Err(GateError::Stranger(link)),
        }
    }
    let link = folder_for(&program, &folders)?.join(PROGRAM);
    put(&link, &program)
}

/// Removes the links that are ours from the `PATH`; where they were.
///
/// # Errors
/// When one cannot be removed.
pub fn remove() -> Result<Vec<PathBuf>, GateError> {
    let program = this_program()?;
    let mut gone = Vec::new();
    for folder in folders_on_path() {
        let link = folder.join(PROGRAM);
        let is_link = fs::symlink_metadata(&link).is_ok_and(|it| it.is_symlink());
        if is_link && matches!(look(&link, &program), There::Ours | There::Stale) {
            fs::remove_file(&link).map_err(|error| GateError::Link(link.clone(), error))?;
            gone.push(link);
        }
    }
    Ok(gone)
}

fn folders_on_path() -> Vec<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = Vec::new();
    // One that is relative is another folder for each client.
    for folder in env::split_paths(&path).filter(|it| it.is_absolute()) {
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    folders
}

fn look(link: &Path, program: &Path) -> There {
    if fs::canonicalize(link).is_ok_and(|it| it == program) {
        return There::Ours;
    }
    match fs::symlink_metadata(link) {
        Err(_) => There::Nothing,
        Ok(metadata) if metadata.is_symlink() => match fs::read_link(link) {
            Ok(target) if target.file_name().is_some_and(|it| it == "cldkctl") => There::Stale,
            _ => There::Stranger,
        },
        Ok(_) => There::Stranger,
    }
}

/// Beside the program if that is found on the `PATH`, or else in a folder of the user's own.
fn folder_for(program: &Path, folders: &[PathBuf]) -> Result<PathBuf, GateError> {
    let home = user_folders::home();
    let own = home.as_ref().map(|home| home.join(".local/bin"));
    if let Some(own) = own.filter(|own| folders.contains(own)) {
        // Many systems have it on the PATH before there is one.
        let _ = make_folder(&own);
    }
    let is_writable =
        |folder: &&PathBuf| folder.is_dir() && access(*folder, Access::WRITE_OK).is_ok();
    let beside = |folder: &&PathBuf| {
        let found = fs::canonicalize(folder.join("cldkctl"));
        found.is_ok_and(|it| it == program)
    };
    let at_home = |folder: &&PathBuf| home.as_ref().is_some_and(|home| folder.starts_with(home));
    let mut writable = folders.iter().filter(is_writable);
    let beside = writable.clone().find(beside);
    let found = beside.or_else(|| writable.find(at_home));
    found.cloned().ok_or(GateError::NoFolder)
}

fn put(link: &Path, program: &Path) -> Result<PathBuf, GateError> {
    let made = match fs::symlink_metadata(link) {
        Ok(_) => fs::remove_file(link),
        Err(_) => Ok(()),
    };
    made.and_then(|()| symlink(program, link))
        .map_err(|error: io::Error| GateError::Link(link.to_owned(), error))?;
    Ok(link.to_owned())
}
