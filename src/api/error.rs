//! What can go wrong, with the facts that a message needs.

use std::fmt;
use std::time::Duration;

use reqwest::StatusCode;

use super::roots::RootsError;
use super::unreachable::Unreachable;
use crate::base_url::Origin;
use crate::base_url::PathError;

/// A request that did not give what was asked for.
///
/// Its `Display` is one sentence in lower case, without a full stop, which names the host;
/// neither it nor `Debug` has a secret in it. What to do next is for the command to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// The API says that the token is bad.
    Rejected {
        /// Who said it.
        origin: Origin,
        /// 400 or 401.
        status: u16,
        /// In its own words, safe to show, at most 200 characters.
        said: Option<String>,
    },
    /// There was no answer.
    Unreachable {
        /// Who was asked.
        origin: Origin,
        /// Why.
        reason: Unreachable,
    },
    /// There was an answer, but none that an API gives.
    NotSensible {
        /// Who was asked.
        origin: Origin,
        /// What was wrong with it.
        fault: Fault,
    },
    /// The API answered with an error that says nothing about the token.
    Status {
        /// Who said it.
        origin: Origin,
        /// The HTTP status, 400 or above.
        status: u16,
        /// In its own words, safe to show, at most 200 characters.
        said: Option<String>,
        /// How long it asked to wait before the next attempt.
        retry_after: Option<Duration>,
    },
    /// The extra roots are unusable; nothing was sent.
    Roots(RootsError),
    /// The environment names a proxy that cannot be used; nothing was sent.
    Proxy {
        /// The variable. Its value may have a password in it.
        variable: &'static str,
    },
    /// The request cannot be made as asked for; nothing was sent.
    Request(RequestError),
    /// The HTTP client could not be set up; nothing was sent.
    Setup(String),
}

/// Why a request cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The path is none below the base URL.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The address with its path and query has more bytes than this.
    #[error("the path and the query make an address of more than {0} bytes")]
    TooLong(usize),
    /// The content type has characters that no header has.
    #[error("the content type has characters that no header may have")]
    ContentType,
}

/// What makes an answer useless.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// A redirect, which is never followed.
    Redirect {
        /// 300 to 399.
        status: u16,
        /// The origin it points to, if that is a web address.
        to: Option<Origin>,
    },
    /// HTML or other markup, as from a login page or a gateway.
    Markup,
    /// Not JSON, or JSON of another shape.
    NotJson,
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// JSON without `data.token`, or with one that no header can carry.
    NoSession,
    /// A success whose body says that it is none, in its own words, safe to show, at most 200
    /// characters.
    SaysFailure(Option<String>),
    /// What was sent, sent back.
    Echo,
    /// More than this many bytes.
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// Not HTTP at all.
    NotHttp,
    /// A success or interim status that means nothing here.
    Status(u16),
}

/// The kinds of error that a caller tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The API rejected the token.
    Rejected,
    /// The API could not be reached.
    Unreachable,
    /// The API did not answer sensibly.
    NotSensible,
    /// The API answered with another error.
    Status,
    /// What the caller gave cannot be used: extra roots, a proxy, a request path.
    Usage,
    /// This machine could not do it.
    Setup,
}

impl Error {
    /// Which kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Rejected { .. } => Kind::Rejected,
            Self::Unreachable { .. } => Kind::Unreachable,
            Self::NotSensible { .. } => Kind::NotSensible,
            Self::Status { .. } => Kind::Status,
            Self::Roots(_) | Self::Proxy { .. } | Self::Request(_) => Kind::Usage,
            Self::Setup(_) => Kind::Setup,
        }
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected {
                origin,
                status,
                said,
            } => {
                write!(f, "{origin} rejected the token with status {status}")?;
                write_said(f, said.as_deref())
            }
            Self::Unreachable {
                origin,
                reason: reason @ Unreachable::Proxy(_),
            } => {
                write!(f, "cannot reach {origin} {reason}")
            }
            Self::Unreachable { origin, reason } => write!(f, "cannot reach {origin}: {reason}"),
            Self::NotSensible { origin, fault } => {
                write!(f, "{origin} did not answer sensibly: {fault}")
            }
            Self::Status {
                origin,
                status,
                said,
                retry_after,
            } => {
                write!(f, "{origin} answered with status {status}")?;
                let name = StatusCode::from_u16(*status)
                    .ok()
                    .and_then(|code| code.canonical_reason());
                if let Some(name) = name {
                    write!(f, " {name}")?;
                }
                if let Some(pause) = retry_after.filter(|pause| !pause.is_zero()) {
                    write!(f, " and asks to wait {}", Pause(pause))?;
                }
                write_said(f, said.as_deref())
            }
            Self::Roots(error) => {
                write!(f, "the extra trusted certificates cannot be used: {error}")
            }
            Self::Proxy { variable } => write!(f, "{variable} is not the address of a proxy"),
            Self::Request(error) => error.fmt(f),
            Self::Setup(why) => write!(f, "the HTTP client cannot be set up: {why}"),
        }
    }
}

fn write_said(f: &mut fmt::Formatter<'_>, said: Option<&str>) -> fmt::Result {
    said.map_or(Ok(()), |said| write!(f, ": {}", said.trim_end_matches('.')))
}

/// A duration in whole seconds, rounded up, so that who waits that long has waited enough; of
/// one that nobody waits for, no more than that.
struct Pause(Duration);

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        if self.0 > DAY {
            return f.write_str("longer than a day");
        }
        match self.0.as_secs() + u64::from(self.0.subsec_nanos() > 0) {
            1 => f.write_str("1 second"),
            seconds => write!(f, "{seconds} seconds"),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Redirect {
                status,
                to: Some(to),
            } => {
                write!(
                    f,
                    "status {status} redirects to {to}, where a token is not sent"
                )
            }
            Self::Redirect { status, to: None } => {
                write!(f, "status {status} is a redirect, which is not followed")
            }
            Self::Markup => f.write_str("the answer is a web page"),
            Self::NotJson => f.write_str("the answer is not the JSON that was expected"),
            Self::NotUtf8 => f.write_str("the answer is not valid UTF-8"),
            Self::NoSession => f.write_str("the answer has no session token in it"),
            Self::SaysFailure(said) => {
                f.write_str("its status is a success, and its answer says that it failed")?;
                write_said(f, said.as_deref())
            }
            Self::Echo => f.write_str("the answer only repeats the token"),
            Self::TooLarge { limit } => write!(f, "the answer is larger than {} MiB", limit >> 20),
            Self::NotHttp => f.write_str("the answer is not HTTP"),
            Self::Status(status) => write!(f, "status {status} is not expected here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base_url::BaseUrl;

    #[test]
    fn an_error_is_one_sentence_that_names_the_host() {
        let origin = BaseUrl::default().origin();
        let status = |status, retry_after| Error::Status {
            origin: origin.clone(),
            status,
            said: Some("try later.".to_owned()),
            retry_after,
        };
        for (error, sentence) in [
            (
                Error::Rejected {
                    origin: origin.clone(),
                    status: 401,
                    said: Some("token expired".to_owned()),
                },
                "https://ai.cloudeka.id rejected the token with status 401: token expired",
            ),
            (
                Error::Rejected {
                    origin: origin.clone(),
                    status: 400,
                    said: None,
                },
                "https://ai.cloudeka.id rejected the token with status 400",
            ),
            (
                Error::Unreachable {
                    origin: origin.clone(),
                    reason: Unreachable::Refused,
                },
                "cannot reach https://ai.cloudeka.id: connection refused",
            ),
            (
                Error::Unreachable {
                    origin: origin.clone(),
                    reason: Unreachable::Proxy(Box::new(Unreachable::NameNotFound)),
                },
                "cannot reach https://ai.cloudeka.id through the proxy: name not found",
            ),
            (
                Error::NotSensible {
                    origin: origin.clone(),
                    fault: Fault::TooLarge { limit: 1 << 20 },
                },
                "https://ai.cloudeka.id did not answer sensibly: the answer is larger than 1 MiB",
            ),
            (
                status(429, Some(Duration::from_millis(89_001))),
                "https://ai.cloudeka.id answered with status 429 Too Many Requests and asks to wait 90 seconds: try later",
            ),
            (
                status(599, None),
                "https://ai.cloudeka.id answered with status 599: try later",
            ),
        ] {
            assert_eq!(error.to_string(), sentence);
        }
    }
}
