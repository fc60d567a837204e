//! Calling the API for a command: the client, its certificates, and its errors.

use std::path::Path;

use super::console::Console;
use super::failure::Failure;
use super::global::Settings;
use crate::base_url::BaseUrl;
use crate::cloudeka::{CertificateProblem, Client, Error, Event, Kind, Options, Unreachable};
use crate::exit::Exit;
use crate::prompt::file;

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
        options.extra_roots_pem = Some(extra_roots(settings.console, path)?);
    }
    Client::new(&options).map_err(|error| match (&error, &settings.ca_cert) {
        (Error::Roots(why), Some(path)) => {
            Failure::new(Exit::Usage, format!("cannot use {}: {why}", path.display()))
                .hint("name a file with a certificate authority in PEM with --ca-cert")
        }
        _ => failure(error),
    })
}

fn extra_roots(console: Console, path: &Path) -> Result<Vec<u8>, Failure> {
    let shown = path.display();
    let unusable = |what: String| {
        Failure::new(Exit::Usage, what)
            .hint("name a file with a certificate authority in PEM with --ca-cert")
    };
    let mut file = file::open(path).map_err(|error| unusable(error.to_string()))?;
    // Like anything else that decides where a token goes; but it may be in a checkout.
    if file.others_can_change() {
        console.warn(&format!(
            "other users can change {shown}, and so whom to trust; take that from them with `chmod go-w`"
        ));
    }
    file.read_at_most(MAX_PEM_BYTES)
        .map_err(|error| unusable(format!("cannot read {shown}: {error}")))?
        .ok_or_else(|| unusable(format!("{shown} is larger than 4 MiB")))
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
        Kind::Usage if matches!(error, Error::Proxy { .. }) => (
            Exit::Usage,
            "set it to an address such as http://proxy.example:3128, or unset it to go without",
        ),
        Kind::Unreachable if is_of_an_authority(&error) => (
            Exit::Unreachable,
            "the server needs a certificate of its own, which the authority issues for it",
        ),
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

/// Whether naming an authority would not help.
fn is_of_an_authority(error: &Error) -> bool {
    let problem = Unreachable::Certificate(CertificateProblem::OfAnAuthority);
    matches!(error, Error::Unreachable { reason, .. } if *reason == problem)
}
