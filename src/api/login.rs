//! `POST /core/cldkctl/auth`: a token for a session.

mod grant;

use jiff::Timestamp;
use reqwest::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::error::Category;
use serde_json::{Map, Value};
use url::Url;
use zeroize::Zeroizing;

use self::grant::Grant;
use super::account::account;
use super::client::Client;
use super::clock::Clock;
use super::error::{Error, Fault};
use super::event::Event;
use super::jwt::{self, session};
use super::redact::redact;
use super::refusal::refuses_token;
use super::request::Answer;
use super::said::{Said, is_markup};
use super::send::{Call, Raw};
use super::verdict::{is_verdict, says_failure};
use crate::base_url::{BaseUrl, Origin};
use crate::secret::Token;
use crate::vault::Session;

/// The path of the exchange.
const PATH: &str = "/core/cldkctl/auth";

/// The largest answer that is read, in bytes; a real one has some hundreds.
const LARGEST_ANSWER: usize = 1 << 20;

/// What the API gave for a token.
#[derive(Clone, Debug)]
pub struct Login {
    /// What authorises further calls.
    pub session: Session,
    /// Facts about the account, such as `name`, `role` and `organization_id`: at most 64
    /// texts of up to 1 KiB, numbers and booleans, none of them a credential. The texts are
    /// the server's own and must be made [`printable`](crate::printable) before they are shown.
    pub account: Map<String, Value>,
    /// When it was given: by the server's clock, where the answer shows that it differs.
    pub at: Timestamp,
}

impl Client {
    /// Exchanges `token` for a session, which shows at the same time that the token is good.
    ///
    /// `now` is the time by this machine's clock, which is corrected by the server's where it
    /// has one; `observe` hears of attempts, pauses and clocks that differ. Tried again
    /// after connection failures, 429, 502, 503 and 504: a session more does no harm.
    ///
    /// # Errors
    /// [`Error::Rejected`] when the API judges the token bad. Any other error says nothing
    /// about the token.
    pub fn login(
        &self,
        token: &Token,
        now: Timestamp,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Login, Error> {
        #[derive(Serialize)]
        struct Exchange<'a> {
            token: &'a Token,
        }
        // Sized beforehand, every character escaped: a Vec that grows leaves copies behind.
        let mut body = Zeroizing::new(Vec::with_capacity(2 * token.expose().len() + 16));
        serde_json::to_writer(&mut *body, &Exchange { token })
            .map_err(|_| Error::Setup("cannot write JSON".to_owned()))?;

        let json = HeaderValue::from_static("application/json");
        let call = Call {
            accept: Some(json.clone()),
            body: Some((&body, json)),
            largest_answer: LARGEST_ANSWER,
            repeatable: true,
            ..Call::new(reqwest::Method::POST, self.url(PATH)?)
        };
        let answer = self.send(&call, observe)?;
        let judged = judge(self.base_url(), &answer, token, now);
        let granted = judged.as_ref().ok();
        let issued_at = granted.and_then(|login| jwt::issued_at(&login.session.token));
        self.compare_clocks(&answer.clock, issued_at, observe);
        judged
    }
}

impl Login {
    /// Reads an answer to the exchange of `token` that came from `base_url` in some other way
    /// than through [`Client::login`]: what a server may say can be tried out without one.
    ///
    /// # Errors
    /// As [`Client::login`], for an answer that is there.
    pub fn from_answer(
        base_url: &BaseUrl,
        answer: &Answer,
        token: &Token,
        now: Timestamp,
    ) -> Result<Self, Error> {
        let header = |(name, value): &(String, String)| {
            Some((
                HeaderName::from_bytes(name.as_bytes()).ok()?,
                HeaderValue::from_str(value).ok()?,
            ))
        };
        let headers = answer.headers.iter().filter_map(header).collect();
        let answer = Raw {
            status: answer.status,
            clock: Clock::read(now, now, &headers),
            headers,
            body: answer.body.clone(),
        };
        judge(base_url, &answer, token, now)
    }
}

/// Turns whatever was answered into a login or its error.
fn judge(base_url: &BaseUrl, answer: &Raw, token: &Token, now: Timestamp) -> Result<Login, Error> {
    let origin = base_url.origin();
    let not_sensible = |fault| Error::NotSensible {
        origin: origin.clone(),
        fault,
    };
    let status = answer.status;
    match status {
        200..=299 => read(answer, token, now).map_err(|fault| match fault {
            Fault::SaysFailure(said) if refuses_in_body(answer, token) => Error::Rejected {
                origin: origin.clone(),
                status: 401,
                said,
            },
            fault => not_sensible(fault),
        }),
        300..=399 => {
            let to = answer
                .header("location")
                .and_then(|location| web_origin(location, token));
            Err(not_sensible(Fault::Redirect { status, to }))
        }
        400.. => {
            let said = Said::read(
                answer.header("content-type"),
                &answer.body,
                &[token.expose()],
            );
            let shown = said.shown();
            Err(if is_verdict(status, &said) {
                Error::Rejected {
                    origin,
                    status,
                    said: shown,
                }
            } else {
                Error::Status {
                    origin,
                    status,
                    said: shown,
                    retry_after: answer.retry_after(),
                }
            })
        }
        _ => Err(not_sensible(Fault::Status(status))),
    }
}

/// Whether a success is a gateway's, with the API's judgement on `token` in its body.
fn refuses_in_body(answer: &Raw, token: &Token) -> bool {
    let said = Said::read(None, &answer.body, &[token.expose()]);
    serde_json::from_slice(&answer.body).is_ok_and(|body| refuses_token(&body, &said))
}

/// The origin that a `Location` points to. None for a relative one, nor for a host that
/// has the token in its name.
fn web_origin(location: &str, token: &Token) -> Option<Origin> {
    let origin = Origin::of(&Url::parse(location).ok()?)?;
    let shown = origin.to_string();
    (redact(&shown, &[token.expose()]) == shown && shown.len() <= 200).then_some(origin)
}

/// Reads `{"data": {"token": …, …}}`.
fn read(answer: &Raw, token: &Token, now: Timestamp) -> Result<Login, Fault> {
    #[derive(Deserialize)]
    struct Envelope {
        data: Grant,
        #[serde(flatten)]
        beside: Map<String, Value>,
    }
    let text = std::str::from_utf8(&answer.body).map_err(|_| Fault::NotUtf8)?;
    let text = text.trim_start_matches('\u{feff}');
    let failed =
        |secrets: &[&str]| Fault::SaysFailure(Said::read(None, &answer.body, secrets).shown());
    // What serde_json says of an error may repeat the answer, so only its category is used.
    let Envelope {
        data: grant,
        beside: mut all,
    } = serde_json::from_str(text).map_err(|error| match error.classify() {
        Category::Data if serde_json::from_str(text).is_ok_and(|all| says_failure(&all)) => {
            failed(&[token.expose()])
        }
        Category::Data => Fault::NoSession,
        _ if is_markup(answer.header("content-type"), &answer.body) => Fault::Markup,
        _ => Fault::NotJson,
    })?;
    // A gateway may answer 200 and say in the body that it failed, or send back what it got.
    let facts: Map<_, _> = grant.facts.iter().cloned().collect();
    all.insert("data".to_owned(), facts.into());
    if says_failure(&all) {
        return Err(failed(&[token.expose(), grant.token.expose()]));
    }
    if grant.token.expose() == token.expose() {
        return Err(Fault::Echo);
    }
    let account = account(grant.facts, &[token.expose(), grant.token.expose()]);
    let server_ahead = answer.clock.server_ahead(jwt::issued_at(&grant.token));
    let at = now.checked_add(server_ahead).unwrap_or(now);
    Ok(Login {
        session: session(grant.token, at).got_by_a_clock_behind(server_ahead),
        account,
        at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token::parse("cldkctl_0123456789abcdef").expect("a token")
    }

    fn answer(body: &[u8]) -> Raw {
        Raw {
            status: 200,
            headers: Default::default(),
            body: Zeroizing::new(body.to_vec()),
            clock: Clock::read(
                Timestamp::UNIX_EPOCH,
                Timestamp::UNIX_EPOCH,
                &Default::default(),
            ),
        }
    }

    #[test]
    fn a_good_answer_is_read() {
        let body = br#"{"status":"ok","data":{"name":"Ann","token":" a.b.c\n","organization_id":7,
            "echo":"cldkctl_0123456789abcdef","session":"a.b.c"}}"#;
        let login = read(&answer(body), &token(), Timestamp::UNIX_EPOCH).expect("a login");
        assert_eq!(login.session.token.expose(), "a.b.c");
        assert_eq!(login.session.expires_at.timestamp().as_second(), 24 * 3600);
        assert_eq!(
            Value::from(login.account),
            serde_json::json!({"name": "Ann", "organization_id": 7})
        );
    }

    #[test]
    fn an_answer_that_is_not_sensible_says_why() {
        let deep = [b"{\"data\":".to_vec(), vec![b'['; 100_000]].concat();
        for (body, fault) in [
            (&b""[..], Fault::NotJson),
            (b"{", Fault::NotJson),
            (b"ok", Fault::NotJson),
            (b"{\"data\":{\"token\":\"a\"}} and more", Fault::NotJson),
            (b"<html>Log in</html>", Fault::Markup),
            (b"{\"data\":{\"token\":\"a\xff\"}}", Fault::NotUtf8),
            (b"{}", Fault::NoSession),
            (b"[]", Fault::NoSession),
            (b" [{\"token\":\"a\"}]", Fault::NoSession),
            (b"null", Fault::NoSession),
            (b"{\"data\":null}", Fault::NoSession),
            (b"{\"data\":\"a.b.c\"}", Fault::NoSession),
            (b"{\"data\":{}}", Fault::NoSession),
            (b"{\"data\":{\"token\":null}}", Fault::NoSession),
            (b"{\"data\":{\"token\":7}}", Fault::NoSession),
            (
                b"{\"code\":401,\"message\":\"Unauthorized\"}",
                Fault::SaysFailure(Some("Unauthorized".to_owned())),
            ),
            (b"{\"data\":{\"token\":\"\"}}", Fault::NoSession),
            (
                b"{\"code\":401,\"message\":\"a.b.c expired\",\"data\":{\"token\":\"a.b.c\"}}",
                Fault::SaysFailure(Some("[redacted] expired".to_owned())),
            ),
            (
                b"{\"success\":false,\"message\":\"\",\"data\":{\"token\":\"\"}}",
                Fault::SaysFailure(None),
            ),
            (b"{\"data\":{\"token\":\"a\\r\\nX: y\"}}", Fault::NoSession),
            (
                b"{\"data\":{\"token\":\"a\",\"token\":\"b\"}}",
                Fault::NoSession,
            ),
        ] {
            let error = read(&answer(body), &token(), Timestamp::UNIX_EPOCH).expect_err("no login");
            assert_eq!(error, fault, "{}", String::from_utf8_lossy(body));
        }
        let echo = format!("{{\"data\":{{\"token\":\"{}\"}}}}", token().expose());
        let error = read(&answer(echo.as_bytes()), &token(), Timestamp::UNIX_EPOCH);
        assert_eq!(error.expect_err("no login"), Fault::Echo);
        assert!(
            read(&answer(&deep), &token(), Timestamp::UNIX_EPOCH).is_err(),
            "and the stack is whole"
        );
    }

    #[test]
    fn where_a_redirect_leads_is_named_without_the_token() {
        let named = |location| web_origin(location, &token()).map(|origin| origin.to_string());
        assert_eq!(
            named("https://evil:8/a?t=cldkctl_0123456789abcdef").as_deref(),
            Some("https://evil:8")
        );
        assert_eq!(named("https://x.cldkctl_0123456789abcdef.evil/"), None);
        let mixed = Token::parse("cldkctl_0123456789ABCDEF").expect("a token");
        assert!(web_origin("https://x.cldkctl_0123456789ABCDEF.evil/", &mixed).is_none());
        assert_eq!(named("/login"), None);
        assert_eq!(named("mailto:a@b"), None);
    }
}
