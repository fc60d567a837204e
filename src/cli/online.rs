//! Calling the API for a command: the client, its certificates, and its errors.

use std::io::Read;

use super::console::Console;
use super::failure::Failure;
use super::global::Settings;
use crate::base_url::BaseUrl;
use crate::cloudeka::{Client, Error, Event, Kind, Options};
use crate::exit::Exit;

/// More than any bundle of certificates.
const MAX_PEM_BYTES: u64 = 4 * 1024 * 1024;

/// A client for the API at `base_url`.
///
/// # Errors
/// When the extra certificate cannot be read or used.
pub fn client(settings: &Settings, base_url: BaseUrl) -> Result<Client, Failure> {
    let mut options = Options::new(base_url);
    options.max_retries = settings.max_retries;
    if let Some(path) = &settings.ca_cert {
        let mut pem = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(MAX_PEM_BYTES).read_to_end(&mut pem))
            .map_err(|error| {
                Failure::new(
                    Exit::Usage,
                    format!("cannot read {}: {error}", path.display()),
                )
                .hint("name a file with a certificate authority in PEM with --ca-cert")
            })?;
        options.extra_roots_pem = Some(pem);
    }
    Client::new(&options).map_err(|error| match (&error, &settings.ca_cert) {
        (Error::Roots(why), Some(path)) => {
            Failure::new(Exit::Usage, format!("cannot use {}: {why}", path.display()))
                .hint("name a file with a certificate authority in PEM with --ca-cert")
        }
        _ => failure(error),
    })
}

/// Tells, with `-v`, what happens on the wire.
pub fn observer(console: Console) -> impl FnMut(Event<'_>) {
    move |event| match event {
        Event::Sending {
            method,
            url,
            attempt,
        } => {
            console.detail(&format!("{method} {url} (attempt {attempt})"));
        }
        Event::Answered { status } => console.detail(&format!("HTTP {status}")),
        Event::Waiting { pause, because } => {
            console.detail(&format!(
                "{because}; trying again in {:.1} s",
                pause.as_secs_f32()
            ));
        }
    }
}

/// An error of the API as a person and a script see it.
pub fn failure(error: Error) -> Failure {
    let (exit, hint) = match error.kind() {
        Kind::Rejected => (
            Exit::NotLoggedIn,
            "make a new token in the portal (profile, API, Token) and log in with `cldkctl auth`",
        ),
        Kind::Unreachable => (
            Exit::Unreachable,
            "check the network, --base-url and the proxy variables; a private certificate authority goes with --ca-cert",
        ),
        Kind::NotSensible => (
            Exit::Unreachable,
            "check --base-url: this does not answer like the Cloudeka API",
        ),
        Kind::Status => (
            Exit::ApiError,
            "this says nothing about the token; try again later, and check --base-url",
        ),
        Kind::Usage => (Exit::Usage, "for more information, try '--help'"),
        Kind::Setup => (Exit::Failure, "nothing was sent"),
    };
    Failure::new(exit, error.to_string()).hint(hint)
}
