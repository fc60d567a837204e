//! From a call to its answer: one attempt, and the loop of them.

use std::io::Read;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use url::Url;
use zeroize::Zeroizing;

use super::client::Client;
use super::clock::Clock;
use super::error::{Error, Fault};
use super::event::Event;
use super::retry::{self, Failure, Policy};
use super::unreachable::{Cause, classify};
use crate::platform;
use crate::secret::Token;

/// A request as the loop of attempts sees it.
pub(super) struct Call<'a> {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) session: Option<&'a Token>,
    pub(super) accept: Option<HeaderValue>,
    pub(super) body: Option<(&'a [u8], HeaderValue)>,
    /// In bytes.
    pub(super) largest_answer: usize,
    /// Whether it may be processed twice.
    pub(super) repeatable: bool,
}

impl Call<'_> {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            session: None,
            accept: None,
            body: None,
            largest_answer: 0,
            repeatable: false,
        }
    }
}

/// An answer, whole, of any status.
pub(super) struct Raw {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Zeroizing<Vec<u8>>,
    pub(super) clock: Clock,
}

impl Raw {
    /// A header's value, where it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// How long the server asks to wait. A date is compared with the answer's own `Date`
    /// where there is one, so that a wrong clock on this side does no harm.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        let now = self
            .header(DATE.as_str())
            .and_then(retry::http_date)
            .unwrap_or_else(platform::now);
        retry::retry_after(self.header(RETRY_AFTER.as_str())?, now)
    }
}

impl Client {
    /// Makes `call` until it is answered with something that no new attempt would change.
    pub(super) fn send(
        &self,
        call: &Call<'_>,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Raw, Error> {
        let policy = Policy {
            max_retries: self.max_retries,
            repeatable: call.repeatable,
        };
        let mut shown_url = call.url.clone();
        shown_url.set_query(None);
        let mut attempt = 1;
        loop {
            observe(Event::Sending {
                method: call.method.as_str(),
                url: shown_url.as_str(),
                attempt,
            });
            // Without randomness there is no jitter, and that is all.
            let jitter = getrandom::u32().unwrap_or(0);
            let (pause, because) = match self.attempt(call) {
                Ok(answer) => {
                    let status = answer.status;
                    observe(Event::Answered { status });
                    let retry_after = answer.retry_after();
                    let Some(pause) =
                        policy.pause(attempt, Failure::Status(status), retry_after, jitter)
                    else {
                        return Ok(answer);
                    };
                    let origin = self.base_url().origin();
                    (
                        pause,
                        Error::Status {
                            origin,
                            status,
                            said: None,
                            retry_after,
                        },
                    )
                }
                Err((error, failure)) => match policy.pause(attempt, failure, None, jitter) {
                    Some(pause) => (pause, error),
                    None => return Err(error),
                },
            };
            observe(Event::Waiting {
                pause,
                because: &because,
            });
            (self.sleep)(pause);
            attempt += 1;
        }
    }

    /// Sends once, and reads the whole answer.
    fn attempt(&self, call: &Call<'_>) -> Result<Raw, (Error, Failure)> {
        let mut request = self.http.request(call.method.clone(), call.url.clone());
        if let Some(accept) = &call.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(session) = call.session {
            request = request.header(AUTHORIZATION, bearer(session)?);
        }
        if let Some((body, content_type)) = &call.body {
            // A copy that is out of our hands, as the header above is. What wipes the two is
            // the binary's allocator, which wipes all that is freed.
            request = request
                .header(CONTENT_TYPE, content_type)
                .body(body.to_vec());
        }
        let sent = platform::now();
        let mut answer = request.send().map_err(|error| self.failed(&error))?;
        let clock = Clock::read(sent, platform::now(), answer.headers());
        let body = if answer
            .content_length()
            .is_some_and(|length| length > call.largest_answer as u64)
        {
            Err(Unread::TooLarge)
        } else {
            read_at_most(&mut answer, call.largest_answer)
        };
        match body {
            Ok(body) => Ok(Raw {
                status: answer.status().as_u16(),
                headers: std::mem::take(answer.headers_mut()),
                body,
                clock,
            }),
            Err(Unread::TooLarge) => {
                let fault = Fault::TooLarge {
                    limit: call.largest_answer,
                };
                Err((self.not_sensible(fault), Failure::Final))
            }
            Err(Unread::Failed(error)) => Err(self.failed(&error)),
        }
    }

    /// Tells of clocks that differ. `issued` is when the answer's session was issued.
    pub(super) fn compare_clocks(
        &self,
        clock: &Clock,
        issued: Option<Timestamp>,
        observe: &mut dyn FnMut(Event<'_>),
    ) {
        let server_ahead = clock.server_ahead(issued);
        if !server_ahead.is_zero() {
            observe(Event::ClocksDiffer {
                origin: &self.base_url().origin(),
                server_ahead,
            });
        }
    }

    fn failed(&self, error: &(dyn std::error::Error + 'static)) -> (Error, Failure) {
        match classify(error) {
            (Cause::Unreachable(reason), failure) => (
                Error::Unreachable {
                    origin: self.base_url().origin(),
                    reason,
                },
                failure,
            ),
            (Cause::NotHttp, failure) => (self.not_sensible(Fault::NotHttp), failure),
        }
    }

    fn not_sensible(&self, fault: Fault) -> Error {
        Error::NotSensible {
            origin: self.base_url().origin(),
            fault,
        }
    }
}

/// `Bearer …`, marked so that the HTTP client does not show it in its own `Debug`.
fn bearer(session: &Token) -> Result<HeaderValue, (Error, Failure)> {
    let text = Zeroizing::new(["Bearer ", session.expose()].concat());
    let mut value = HeaderValue::from_str(&text).map_err(|_| {
        // Not possible: a token has only visible ASCII.
        (
            Error::Setup("the session is not fit for a header".to_owned()),
            Failure::Final,
        )
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[derive(Debug)]
enum Unread {
    TooLarge,
    Failed(std::io::Error),
}

/// Reads to the end, and never more than one byte above `limit`. The buffer is grown here,
/// because a Vec that grows by itself leaves what it held behind in freed memory.
fn read_at_most(from: &mut impl Read, limit: usize) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let mut buffer = Zeroizing::new(vec![0; 8 * 1024]);
    let mut length = 0;
    loop {
        if length == buffer.len() {
            let mut larger = Zeroizing::new(vec![0; 2 * length]);
            larger[..length].copy_from_slice(&buffer);
            buffer = larger;
        }
        let end = buffer.len().min(limit.saturating_add(1));
        match from.read(&mut buffer[length..end]) {
            Ok(0) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Ok(count) => length += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Unread::Failed(error)),
        }
        if length > limit {
            return Err(Unread::TooLarge);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_up_to_its_limit_and_not_beyond() {
        for length in [0, 1, 8 * 1024, 8 * 1024 + 1, 99_999, 100_000] {
            let body = vec![7; length];
            let read = read_at_most(&mut body.as_slice(), 100_000).expect("within the limit");
            assert_eq!(*read, body);
        }
        let mut endless = std::io::repeat(7).take(u64::MAX);
        assert!(matches!(
            read_at_most(&mut endless, 100_000),
            Err(Unread::TooLarge)
        ));
        assert_eq!(u64::MAX - endless.limit(), 100_001);
    }

    #[test]
    fn the_session_is_marked_as_sensitive() {
        let session = Token::parse("a.b.c").expect("a token");
        let header = bearer(&session).expect("a header");
        assert_eq!(header.as_bytes(), b"Bearer a.b.c");
        assert_eq!(format!("{header:?}"), "Sensitive");
    }
}
