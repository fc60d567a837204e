//! `cldkctl helper git`.

use std::ffi::OsStr;

use zeroize::Zeroizing;

use crate::app::gate::git::{self, Request};
use crate::app::gate::{self, GateError, GitFault, MAX_REQUEST_BYTES};
use crate::cli::console::{finish, write_to_stdout};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::keeper::Touch;
use crate::platform;
use crate::prompt::source;

/// Nothing to say is no failure: git asks the next helper, or the person.
pub(super) fn answer(action: &OsStr, settings: &Settings) -> Result<Exit, Error> {
    match action.to_str() {
        Some("get") => get(settings)?,
        Some("store") => store(settings)?,
        Some("erase") => erase(settings)?,
        // There may be others in times to come, gitcredentials(7).
        _ => {}
    }
    Ok(Exit::Success)
}

fn request() -> Result<Request, Error> {
    let bytes = source::read_stdin_at_most(MAX_REQUEST_BYTES).map_err(GateError::Stdin)?;
    let bytes = Zeroizing::new(bytes.ok_or(GateError::Git(GitFault::TooLong))?);
    Ok(Request::parse(&bytes).map_err(GateError::Git)?)
}

fn get(settings: &Settings) -> Result<(), Error> {
    let request = request()?;
    let Some(vault) = gate::open(&settings.vault)? else {
        return Ok(());
    };
    let now = platform::now();
    match request.find(&vault.contents, now)? {
        Some(found) => finish(write_to_stdout([git::answer(found, now).as_bytes(), b""])),
        None => Ok(()),
    }
}

fn store(settings: &Settings) -> Result<(), Error> {
    let request = request()?;
    let now = platform::now();
    let mut vault = settings.vault.open(Touch::Use)?;
    // That which git was given, it need not be given again for each path below.
    let known = request.find(&vault.contents, now)?.cloned();
    let Some(new) = request.credential(now)? else {
        return Ok(());
    };
    let is_known =
        known.is_some_and(|it| it.username == new.username && it.has_the_same_secret(&new));
    if !is_known {
        gate::store(&mut vault, new, |_| false)?;
    }
    Ok(())
}

fn erase(settings: &Settings) -> Result<(), Error> {
    let request = request()?;
    let meant = request.erases()?;
    let Some(mut vault) = gate::open(&settings.vault)? else {
        return Ok(());
    };
    gate::remove(&mut vault, meant)?;
    Ok(())
}
