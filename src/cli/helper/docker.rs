//! `docker-credential-cldkctl`, and `cldkctl helper docker`.

use std::ffi::OsString;

use zeroize::Zeroizing;

use crate::app::gate::docker::{self, Login, NO_SERVER, NOT_FOUND, PROGRAM};
use crate::app::gate::{self, GateError, Kind, MAX_REQUEST_BYTES};
use crate::cli::console::{finish, print, write_to_stdout};
use crate::cli::error::Error;
use crate::cli::exit::Exit;
use crate::cli::settings::Settings;
use crate::platform;
use crate::prompt::source;

/// What went wrong is said on standard output, and the status is 1: clients tell by the words.
fn refused(words: &str) -> Result<Exit, Error> {
    print(words)?;
    Ok(Exit::Failure)
}

pub(super) fn answer(action: Option<OsString>, settings: &Settings) -> Result<Exit, Error> {
    let action = action.as_ref().and_then(|it| it.to_str());
    match action {
        Some("get") => get(settings),
        Some("store") => store(settings),
        Some("erase") => erase(settings),
        Some("list") => list(settings),
        Some("version" | "--version" | "-v") => {
            print(&format!(
                "{PROGRAM} (cldkctl) {}",
                env!("CARGO_PKG_VERSION")
            ))?;
            Ok(Exit::Success)
        }
        Some("--help" | "-h") => {
            print(&format!("Usage: {PROGRAM} <store|get|erase|list|version>"))?;
            Ok(Exit::Success)
        }
        Some(_) => refused(&format!("{PROGRAM}: unknown action")),
        None => refused(&format!("Usage: {PROGRAM} <store|get|erase|list|version>")),
    }
}

fn stdin() -> Result<Zeroizing<Vec<u8>>, Error> {
    let bytes = source::read_stdin_at_most(MAX_REQUEST_BYTES).map_err(GateError::Stdin)?;
    Ok(Zeroizing::new(bytes.ok_or(GateError::SecretTooLong)?))
}

/// The registry that is asked about; `None` if none is.
fn server() -> Result<Option<String>, Error> {
    let bytes = stdin()?;
    let text = String::from_utf8_lossy(&bytes);
    let server = text.trim();
    Ok((!server.is_empty()).then(|| server.to_owned()))
}

fn get(settings: &Settings) -> Result<Exit, Error> {
    let Some(server) = server()? else {
        return refused(NO_SERVER);
    };
    let vault = gate::open(&settings.vault)?;
    let found = vault
        .as_ref()
        .and_then(|vault| docker::find(&vault.contents, &server, platform::now()));
    let Some(found) = found else {
        return refused(NOT_FOUND);
    };
    finish(write_to_stdout([
        &docker::answer(&server, found)[..],
        b"\n",
    ]))?;
    Ok(Exit::Success)
}

fn store(settings: &Settings) -> Result<Exit, Error> {
    let login = Login::parse(&stdin()?).and_then(|login| login.credential(platform::now()));
    let new = match login {
        Ok(new) => new,
        Err(words) => return refused(words),
    };
    let mut vault = settings.vault.open(crate::keeper::Touch::Use)?;
    let place = new.place.clone();
    // docker has one login at a registry.
    gate::store(&mut vault, new, |it| {
        it.kind == Kind::Docker.name() && it.place == place
    })?;
    Ok(Exit::Success)
}

fn erase(settings: &Settings) -> Result<Exit, Error> {
    let Some(server) = server()? else {
        return refused(NO_SERVER);
    };
    let Ok(place) = Kind::Docker.place(&server) else {
        return refused(NOT_FOUND);
    };
    let Some(mut vault) = gate::open(&settings.vault)? else {
        return refused(NOT_FOUND);
    };
    let gone = gate::remove(&mut vault, |it| {
        it.kind == Kind::Docker.name() && it.place == place
    })?;
    match gone {
        0 => refused(NOT_FOUND),
        _ => Ok(Exit::Success),
    }
}

fn list(settings: &Settings) -> Result<Exit, Error> {
    let vault = gate::open(&settings.vault)?;
    let contents = vault.as_ref().map(|vault| &vault.contents);
    print(&docker::list(contents, platform::now()).to_string())?;
    Ok(Exit::Success)
}
