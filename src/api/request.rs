//! Any call but the login, made with a session.

use std::fmt;
use std::str::FromStr;

use reqwest::header::HeaderValue;
use url::Url;
use zeroize::Zeroizing;

use super::client::Client;
use super::error::{Error, RequestError};
use super::event::Event;
use super::refusal::refuses_session;
use super::said::Said;
use super::send::Call;
use crate::base_url::BaseUrl;
use crate::printable::printable;
use crate::secret::Token;

/// The largest answer that is read, in bytes.
const LARGEST_ANSWER: usize = 64 << 20;

/// The longest address that the HTTP client takes, in bytes. Servers take less.
const LONGEST_URL: usize = 65_534;

/// What to do with a resource (RFC 9110 section 9, RFC 5789).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // their names are the protocol's
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
}

/// A text that is none of the methods.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not one of GET, HEAD, POST, PUT, PATCH and DELETE")]
pub struct UnknownMethod;

/// A call to make.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to do.
    pub method: Method,
    /// Where, below the base URL: begins with one slash, may have a query.
    pub path: String,
    /// Names and values to add to the query; they are percent-encoded here.
    pub query: Vec<(String, String)>,
    /// What to send along.
    pub body: Option<Body>,
}

/// What a request sends along.
#[derive(Clone)]
pub struct Body {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Its media type, such as `application/json`.
    pub content_type: String,
}

/// What the API answered, whatever its status.
#[derive(Clone)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names, in lower case, and values, safe to show.
    pub headers: Vec<(String, String)>,
    /// The body as it came, at most 64 MiB. It may hold a credential, so it is wiped.
    pub body: Zeroizing<Vec<u8>>,
}

impl Client {
    /// Makes `request` with `session` as its bearer token (RFC 6750 section 2.1).
    ///
    /// Tried again after 429, 503 and where no connection was made; GET, HEAD, PUT and
    /// DELETE also after 502, 504 and where the connection broke, since to process them twice
    /// is to process them once (RFC 9110 section 9.2.2).
    ///
    /// # Errors
    /// When there was no whole answer. Any status is an answer, a redirect and a 401 among
    /// them; that the session has ended is for the caller to see.
    pub fn call(
        &self,
        session: &Token,
        request: &Request,
        observe: &mut dyn FnMut(Event<'_>),
    ) -> Result<Answer, Error> {
        let url = request.url(self.base_url()).map_err(Error::Request)?;
        let body = request.body.as_ref().map(|body| {
            let content_type = HeaderValue::from_str(&body.content_type)
                .map_err(|_| Error::Request(RequestError::ContentType))?;
            Ok((body.bytes.as_slice(), content_type))
        });
        let call = Call {
            session: Some(session),
            body: body.transpose()?,
            largest_answer: LARGEST_ANSWER,
            repeatable: request.method.is_repeatable(),
            ..Call::new(request.method.into(), url)
        };
        let answer = self.send(&call, observe)?;
        self.compare_clocks(&answer.clock, None, observe);
        let headers = answer.headers.iter().map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            (name.as_str().to_owned(), printable(&value).to_string())
        });
        Ok(Answer {
            status: answer.status,
            headers: headers.collect(),
            body: answer.body,
        })
    }
}

impl Answer {
    /// Whether the API refused the call because the session ended, by its status or in words. The
    /// call was not carried out then.
    #[must_use]
    pub fn refuses_session(&self) -> bool {
        refuses_session(self.status, self.header("www-authenticate"), &self.body)
    }

    /// What its body says to people, safe to show, at most 200 characters, without `secrets`.
    #[must_use]
    pub fn said(&self, secrets: &[&str]) -> Option<String> {
        Said::read(self.header("content-type"), &self.body, secrets).shown()
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let (_, value) = headers.find(|(its, _)| its == name)?;
        Some(value)
    }
}

impl Request {
    /// Where it goes: to be known before anything is asked or sent.
    ///
    /// # Errors
    /// When the path is none below `base_url`, or too long with its query.
    pub fn url(&self, base_url: &BaseUrl) -> Result<Url, RequestError> {
        let mut url = base_url.join(&self.path)?;
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        if url.as_str().len() > LONGEST_URL {
            return Err(RequestError::TooLong(LONGEST_URL));
        }
        Ok(url)
    }
}

impl Method {
    /// All that there are.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
    ];

    fn is_repeatable(self) -> bool {
        match self {
            Self::Get | Self::Head | Self::Put | Self::Delete => true,
            Self::Post | Self::Patch => false,
        }
    }
}

/// In any case, as people type them.
impl FromStr for Method {
    type Err = UnknownMethod;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|method| method.to_string().eq_ignore_ascii_case(text))
            .ok_or(UnknownMethod)
    }
}

/// In capitals, as HTTP writes them.
impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(reqwest::Method::from(*self).as_str())
    }
}

impl From<Method> for reqwest::Method {
    fn from(method: Method) -> Self {
        match method {
            Method::Get => Self::GET,
            Method::Head => Self::HEAD,
            Method::Post => Self::POST,
            Method::Put => Self::PUT,
            Method::Patch => Self::PATCH,
            Method::Delete => Self::DELETE,
        }
    }
}

/// Without the bytes, which may be a secret.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Body({} bytes of {:?})",
            self.bytes.len(),
            self.content_type
        )
    }
}

/// Without the body and the headers, which may have a secret in them.
impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Answer(status {}, {} bytes)",
            self.status,
            self.body.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_method_is_read_in_any_case_and_written_in_capitals() {
        assert_eq!("get".parse(), Ok(Method::Get));
        assert_eq!(
            "Patch".parse::<Method>().expect("a method").to_string(),
            "PATCH"
        );
        assert_eq!("CONNECT".parse::<Method>(), Err(UnknownMethod));
        assert_eq!("".parse::<Method>(), Err(UnknownMethod));
    }

    #[test]
    fn debug_shows_no_body() {
        let body = Body {
            bytes: b"hunter2".to_vec(),
            content_type: "text/plain".to_owned(),
        };
        assert_eq!(format!("{body:?}"), r#"Body(7 bytes of "text/plain")"#);
    }
}
