//! The API, and how it is reached.

use super::Report;
use super::identity::quoted;
use crate::api::{self, CertificateProblem, Fault, Kind, RequestError, RootsError, Unreachable};
use crate::app::CertificatesError;
use crate::base_url::PathError;
use crate::cli::console::minute;
use crate::cli::error::{CallError, Shown};
use crate::cli::exit::Exit;
use crate::secret::shown;

const NAME_CERTIFICATES: &str = "name a file with a certificate authority in PEM with --ca-cert";
const NO_HOST: RequestError = RequestError::Path(PathError::NoHost);
const LOG_IN_ELSEWHERE: &str = "log in at an address that works with `cldkctl auth --base-url URL`";

pub(super) fn failed(error: &api::Error) -> Report {
    if let Some(hint) = certificate_problem(error).and_then(of_certificate) {
        return Report::new(Exit::Unreachable, error.to_string()).hint(hint);
    }
    let (exit, hint) = match error.kind() {
        Kind::Usage if matches!(error, api::Error::Request(NO_HOST)) => {
            (Exit::Unreachable, LOG_IN_ELSEWHERE)
        }
        Kind::Usage if matches!(error, api::Error::Proxy { .. }) => (
            Exit::Usage,
            "set it to an address such as http://proxy.example:3128, or unset it",
        ),
        Kind::Rejected => (
            Exit::NotLoggedIn,
            "make a new token in the portal (profile, API, Token) and log in with `cldkctl auth`",
        ),
        Kind::Unreachable => (
            Exit::Unreachable,
            "check the network, --base-url, the proxy variables, and --ca-cert for a private certificate authority",
        ),
        Kind::NotSensible if says_failure(error) => (
            Exit::Unreachable,
            "check the token in the portal (profile, API, Token), and --base-url",
        ),
        Kind::NotSensible => (
            Exit::Unreachable,
            "check --base-url: this does not look like the Cloudeka API",
        ),
        Kind::Status => (
            Exit::ApiError,
            "try again later; this says nothing about the token",
        ),
        Kind::Usage => (Exit::Usage, "for more information, try '--help'"),
        Kind::Setup => (Exit::Failure, "try again; nothing was sent"),
    };
    Report::new(exit, error.to_string()).hint(hint)
}

fn says_failure(error: &api::Error) -> bool {
    let api::Error::NotSensible { fault, .. } = error else {
        return false;
    };
    matches!(fault, Fault::SaysFailure(_))
}

/// What is wrong with the server's certificate, on whatever way to it.
fn certificate_problem(error: &api::Error) -> Option<CertificateProblem> {
    let api::Error::Unreachable { reason, .. } = error else {
        return None;
    };
    let reason = match reason {
        Unreachable::Proxy(reason) => reason,
        reason => reason,
    };
    match reason {
        Unreachable::Certificate(problem) => Some(*problem),
        _ => None,
    }
}

/// What helps, where to name an authority would not.
fn of_certificate(problem: CertificateProblem) -> Option<String> {
    match problem {
        CertificateProblem::OfAnAuthority => {
            Some("have the authority issue a certificate for the server".to_owned())
        }
        CertificateProblem::Expired(now) => Some(format!(
            "set this machine's clock if {} is wrong, or have the server's certificate renewed",
            minute(now)
        )),
        CertificateProblem::NotYetValid(now) => Some(format!(
            "set this machine's clock if {} is wrong, or wait for the certificate's first day",
            minute(now)
        )),
        _ => None,
    }
}

/// The answer to a call is larger than what is read.
pub(super) fn too_large(error: &api::Error) -> Report {
    match error {
        api::Error::NotSensible { origin, fault } => Report::new(
            Exit::Unreachable,
            format!("the answer of {origin} is too large: {fault}"),
        )
        .hint("ask for less at a time, such as one page of it"),
        error => failed(error),
    }
}

pub(super) fn certificates(error: &CertificatesError) -> Report {
    let (what, hint) = match error {
        CertificatesError::File(error) => (error.to_string(), NAME_CERTIFICATES.to_owned()),
        CertificatesError::Unreadable(path, error) => (
            format!("cannot read {}: {error}", path.display()),
            NAME_CERTIFICATES.to_owned(),
        ),
        CertificatesError::TooLarge(path) => (
            format!("{} is larger than 4 MiB", path.display()),
            NAME_CERTIFICATES.to_owned(),
        ),
        CertificatesError::Unusable(path, why) => {
            let shown = path.display();
            (
                format!("cannot use {shown}: {why}"),
                of_roots(*why, &quoted(path)),
            )
        }
    };
    Report::new(Exit::Usage, what).hint(hint)
}

fn of_roots(why: RootsError, path: &str) -> String {
    match why {
        RootsError::Der => {
            format!("run `openssl x509 -inform der -in {path} -out ca.pem`, and name ca.pem with --ca-cert")
        }
        RootsError::Pkcs12 => {
            format!("run `openssl pkcs12 -in {path} -cacerts -nokeys -out ca.pem`, and name ca.pem with --ca-cert")
        }
        RootsError::Pkcs7 { pem } => {
            let form = if pem { "pem" } else { "der" };
            format!("run `openssl pkcs7 -inform {form} -in {path} -print_certs -out ca.pem`, and name ca.pem with --ca-cert")
        }
        RootsError::Trusted => {
            format!("run `openssl x509 -in {path} -out ca.pem` for each of them, and name ca.pem with --ca-cert")
        }
        RootsError::PassedOver { .. } => {
            "put a line break between one certificate's END and the next one's BEGIN, then name it with --ca-cert".to_owned()
        }
        RootsError::Malformed { .. } | RootsError::NotACertificate { .. } => {
            "get the file anew: it is cut short or altered; or name another one with --ca-cert".to_owned()
        }
        RootsError::Nothing
        | RootsError::Empty
        | RootsError::Binary
        | RootsError::PrivateKey => {
            NAME_CERTIFICATES.to_owned()
        }
    }
}

pub(super) fn call(error: &CallError) -> Report {
    let (exit, what, hint) = match error {
        CallError::StdinTwice => (
            Exit::Usage,
            "standard input cannot be the body and the passphrase at once".to_owned(),
            "supply the passphrase with --passphrase-file",
        ),
        CallError::Method(word) => (
            Exit::Usage,
            format!("unknown HTTP method {}", shown(word)),
            "use GET, HEAD, POST, PUT, PATCH or DELETE",
        ),
        CallError::MethodBehind => (
            Exit::Usage,
            "the HTTP method stands behind the path".to_owned(),
            "write it first: `cldkctl api METHOD PATH`",
        ),
        CallError::Request(error @ RequestError::TooLong(_)) => (
            Exit::Usage,
            error.to_string(),
            "send less in the path and the query",
        ),
        CallError::Request(error @ RequestError::ContentType) => (
            Exit::Usage,
            error.to_string(),
            "name a media type, such as application/json",
        ),
        CallError::Request(error @ NO_HOST) => {
            (Exit::Unreachable, error.to_string(), LOG_IN_ELSEWHERE)
        }
        CallError::Request(error) => (
            Exit::Usage,
            error.to_string(),
            "name a path, such as /core/user/profile",
        ),
        CallError::Body(what) => (
            Exit::Usage,
            what.clone(),
            "name a readable file or pipe with --input, or - for standard input",
        ),
        CallError::BodyTooLarge(path) => (
            Exit::Usage,
            format!("{} is larger than 64 MiB", path.display()),
            "send less at a time",
        ),
        CallError::Rejected { origin, said } => (
            Exit::NotLoggedIn,
            format!(
                "{origin} rejects the session, and also a new one{}",
                in_words(said.as_deref())
            ),
            "log in again with `cldkctl auth`",
        ),
        CallError::Status {
            origin,
            status,
            said,
            shown,
        } => {
            let redirect = match status {
                304 => "", // Not Modified
                300..=399 => ", a redirect, which is not followed",
                _ => "",
            };
            let hint = match shown {
                Shown::Body => "the answer on standard output says more",
                Shown::Nothing => "it has no body; --include shows its headers",
                Shown::Headers => "it has no body; check the path and the method",
            };
            let what = format!(
                "{origin} answered with HTTP status {status}{redirect}{}",
                in_words(said.as_deref())
            );
            (Exit::ApiError, what, hint)
        }
    };
    Report::new(exit, what).hint(hint)
}

/// A server's words, at the end of a sentence.
fn in_words(said: Option<&str>) -> String {
    said.map_or_else(String::new, |said| {
        format!(": {}", said.trim_end_matches('.'))
    })
}
