//! Why a server could not be reached, in plain words.
//!
//! The HTTP client reports a chain of errors, each of which wraps the next; what a person
//! needs is at its end. Its types are mostly private, so this reads the ones that are not
//! (`std::io`, `rustls`, `reqwest`) and, in the places that say so, the text.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use jiff::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::InvalidDnsNameError;

use super::retry::Failure;
use crate::platform;
use crate::printable::printable_start;

/// The root cause of a request that got no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unreachable {
    /// Nobody listens at the port.
    Refused,
    /// The name is not known, or nobody could be asked for it.
    NameNotFound,
    /// No host can have this name.
    NotAName,
    /// There is no route to the network or the host.
    NoRoute,
    /// The connection was not established in time.
    ConnectTimedOut,
    /// There was a connection, but no whole answer in time.
    TimedOut,
    /// The connection ended before the answer did.
    Broken,
    /// The server's certificate was not accepted.
    Certificate(CertificateProblem),
    /// Another failure of TLS; what is at the port may not speak it at all.
    Tls,
    /// This machine has no certificates of its own to check a server's with.
    NoRoots,
    /// The proxy of the environment wants to be logged in to, does not let us through, or
    /// cannot reach the server itself; it says too little to tell which.
    ProxyDenied,
    /// The connection to the proxy of the environment failed, for this reason.
    Proxy(Box<Unreachable>),
    /// Anything else, in the words of the operating system, safe to show.
    Other(String),
}

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// Its issuer is not among the trusted ones.
    NotTrusted,
    /// Its time is over at this time of this machine's clock, which may be ahead.
    Expired(Timestamp),
    /// Its time has not come at this time of this machine's clock, which may be behind.
    NotYetValid(Timestamp),
    /// It is for another host.
    OtherName,
    /// Its issuer took it back.
    Revoked,
    /// It is one of a certificate authority, which is none for a server, trusted or not.
    OfAnAuthority,
    /// Anything else.
    Unacceptable,
}

/// What an error of the HTTP client comes down to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// There was no answer.
    Unreachable(Unreachable),
    /// There was one, but not of HTTP.
    NotHttp,
}

/// Finds the root cause of `error`, and whether a new attempt is worth it.
pub(super) fn classify(error: &(dyn StdError + 'static)) -> (Cause, Failure) {
    let chain = Chain::of(error);
    let Some(reason) = chain.reason() else {
        return (Cause::NotHttp, Failure::Final);
    };
    let failure = match reason {
        Unreachable::Certificate(_)
        | Unreachable::NotAName
        | Unreachable::Tls
        | Unreachable::TimedOut
        | Unreachable::ProxyDenied => Failure::Final,
        // The request itself cannot be made.
        _ if chain.any_is(reqwest::Error::is_builder) => Failure::Final,
        _ if chain.any_is(reqwest::Error::is_connect) => Failure::NotSent,
        _ => Failure::MaybeProcessed,
    };
    let through_proxy = chain.tunnel().is_some() && reason != Unreachable::ProxyDenied;
    let reason = if through_proxy {
        Unreachable::Proxy(Box::new(reason))
    } else {
        reason
    };
    (Cause::Unreachable(reason), failure)
}

/// An error and all below it.
struct Chain<'a>(Vec<&'a (dyn StdError + 'static)>);

impl<'a> Chain<'a> {
    /// `io::Error` hides the error that it wraps: its `source` is the source of that.
    fn of(error: &'a (dyn StdError + 'static)) -> Self {
        let chain = std::iter::successors(Some(error), |&error| {
            let wrapped = error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref);
            wrapped.map_or_else(
                || error.source(),
                |wrapped| Some(wrapped as &(dyn StdError + 'static)),
            )
        });
        Self(chain.collect())
    }

    fn all<E: StdError + 'static>(&self) -> impl DoubleEndedIterator<Item = &'a E> {
        self.0.iter().filter_map(|error| error.downcast_ref())
    }

    fn any_is(&self, test: fn(&reqwest::Error) -> bool) -> bool {
        self.all().any(test)
    }

    /// What was said of the way through a proxy. The type is private to hyper-util; these are
    /// the words of its `Display`.
    fn tunnel(&self) -> Option<String> {
        let mut texts = self.0.iter().map(ToString::to_string);
        texts.find(|text| text.starts_with("tunnel error"))
    }

    /// Why there was no answer; `None` if there was one that is not HTTP.
    fn reason(&self) -> Option<Unreachable> {
        use reqwest::Error as Http;
        let io = self.all::<io::Error>().next_back();
        let denied =
            |text: &String| text.contains("authorization") || text.ends_with("unsuccessful");
        Some(if let Some(tls) = self.all().next() {
            of_tls(tls)
        } else if self.all::<InvalidDnsNameError>().next().is_some() {
            Unreachable::NotAName
        } else if self.any_is(Http::is_timeout) {
            if self.any_is(Http::is_connect) {
                Unreachable::ConnectTimedOut
            } else {
                Unreachable::TimedOut
            }
        } else if self.any_is(Http::is_dns) {
            Unreachable::NameNotFound
        } else if self.tunnel().as_ref().is_some_and(denied) {
            Unreachable::ProxyDenied
        } else if !self.any_is(Http::is_connect) && io.is_some_and(is_malformed) {
            return None;
        } else if let Some(io) = io {
            of_io(io)
        } else if self
            .0
            .iter()
            .any(|error| is_parse_error(&error.to_string()))
        {
            return None;
        } else {
            Unreachable::Broken
        })
    }
}

fn of_tls(error: &rustls::Error) -> Unreachable {
    use CertificateProblem as Problem;
    let rustls::Error::InvalidCertificate(error) = error else {
        return Unreachable::Tls;
    };
    Unreachable::Certificate(match error {
        // A bad signature is what an issuer of a trusted one's name with another key makes,
        // such as a private authority that was set up anew.
        CertificateError::UnknownIssuer | CertificateError::BadSignature => Problem::NotTrusted,
        CertificateError::Expired => Problem::Expired(platform::now()),
        CertificateError::ExpiredContext { time, .. } => Problem::Expired(timestamp(*time)),
        CertificateError::NotValidYet => Problem::NotYetValid(platform::now()),
        CertificateError::NotValidYetContext { time, .. } => Problem::NotYetValid(timestamp(*time)),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            Problem::OtherName
        }
        CertificateError::Revoked => Problem::Revoked,
        // The type is that of webpki; this is its `Display`. Whether the authority is trusted
        // is not even looked at.
        CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
            Problem::OfAnAuthority
        }
        _ => Problem::Unacceptable,
    })
}

fn timestamp(time: rustls::pki_types::UnixTime) -> Timestamp {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

fn of_io(error: &io::Error) -> Unreachable {
    use io::ErrorKind as Kind;
    match error.kind() {
        Kind::ConnectionRefused => Unreachable::Refused,
        Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::AddrNotAvailable => Unreachable::NoRoute,
        Kind::TimedOut => Unreachable::ConnectTimedOut,
        Kind::ConnectionReset
        | Kind::ConnectionAborted
        | Kind::BrokenPipe
        | Kind::UnexpectedEof => Unreachable::Broken,
        _ => Unreachable::Other(printable_start(&error.to_string(), 100).to_string()),
    }
}

/// What hyper reports of a body whose chunks are no chunks; a socket that is connected has
/// neither kind.
fn is_malformed(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::InvalidInput | Kind::InvalidData)
}

/// The type is private to hyper; these are the words of its `Display` for what a peer sent.
/// Should they change, the message gets worse and nothing else.
fn is_parse_error(text: &str) -> bool {
    text.starts_with("invalid HTTP")
        || text.starts_with("invalid content-length")
        || text.starts_with("unexpected transfer-encoding")
        || text.starts_with("message head is too large")
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Refused => "connection refused",
            Self::NameNotFound => "name not found",
            Self::NotAName => "that is not a host name",
            Self::NoRoute => "no route to it",
            Self::ConnectTimedOut => "timed out while connecting",
            Self::TimedOut => "timed out while waiting for the answer",
            Self::Broken => "the connection ended before the answer",
            Self::Certificate(CertificateProblem::NotTrusted) => "its certificate is not trusted",
            Self::Certificate(CertificateProblem::Expired(_)) => "its certificate has expired",
            Self::Certificate(CertificateProblem::NotYetValid(_)) => {
                "its certificate is not valid yet"
            }
            Self::Certificate(CertificateProblem::OtherName) => {
                "its certificate is for another name"
            }
            Self::Certificate(CertificateProblem::Revoked) => "its certificate was revoked",
            Self::Certificate(CertificateProblem::OfAnAuthority) => {
                "its certificate is that of a certificate authority, which cannot be a server's"
            }
            Self::Certificate(CertificateProblem::Unacceptable) => {
                "its certificate is not acceptable"
            }
            Self::Tls => "it does not speak TLS as it should",
            Self::NoRoots => {
                "this machine has no trusted certificates to check its certificate with"
            }
            Self::ProxyDenied => "the proxy did not open a connection to it",
            Self::Proxy(reason) => return write!(f, "through the proxy: {reason}"),
            Self::Other(words) => words,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(error: impl StdError + 'static) -> Unreachable {
        match classify(&error).0 {
            Cause::Unreachable(reason) => reason,
            Cause::NotHttp => panic!("a reason"),
        }
    }

    #[test]
    fn the_cause_is_found_below_layers_of_io_errors() {
        let certificate = rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer);
        let wrapped = io::Error::other(io::Error::new(io::ErrorKind::InvalidData, certificate));
        assert_eq!(
            reason(wrapped),
            Unreachable::Certificate(CertificateProblem::NotTrusted)
        );
        let wrapped = io::Error::other(io::Error::from(io::ErrorKind::ConnectionRefused));
        assert_eq!(reason(wrapped), Unreachable::Refused);
        assert_eq!(reason(rustls::Error::DecryptError), Unreachable::Tls);
    }

    #[test]
    fn a_failure_of_tls_is_final() {
        let wrapped = io::Error::other(rustls::Error::DecryptError);
        assert_eq!(classify(&wrapped).1, Failure::Final);
    }

    #[test]
    fn strange_words_are_made_safe() {
        assert_eq!(
            reason(io::Error::other("odd\u{1b}[m")),
            Unreachable::Other("odd\u{fffd}[m".to_owned())
        );
    }
}
