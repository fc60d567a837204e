//! The Cloudeka API: exchange a token for a session, and make calls with it.
//!
//! ```no_run
//! use cldkctl::base_url::BaseUrl;
//! use cldkctl::api::{Client, Options};
//! use cldkctl::secret::Token;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::new(&Options::new(BaseUrl::default()))?;
//! let token = Token::parse("cldkctl_0123456789")?;
//! let login = client.login(&token, jiff::Timestamp::now(), &mut |_event| {})?;
//! assert!(login.session.expires_at.timestamp() > jiff::Timestamp::now());
//! # Ok(())
//! # }
//! ```
//!
//! There is no published specification of the API. What is assumed of it stands in three
//! rooms, so that a change over there is a change in one place here: [`login`](Client::login)
//! (the route and the shape of its answer), `said` (where an error keeps its message), and
//! `verdict` (which error is a judgement on the token, and which is the server's own trouble).
//!
//! A token goes to one origin only, the one of the [`BaseUrl`](crate::base_url::BaseUrl):
//! redirects are not followed, request paths cannot lead elsewhere, and plain `http` is for
//! loopback alone.
//!
//! This module knows no files and no terminal. Its clock is the caller's where it decides
//! what is stored; it looks at the machine's own only to wait between attempts.

mod account;
mod client;
mod clock;
mod error;
mod event;
mod jwt;
mod login;
mod names;
mod proxy;
mod redact;
mod refusal;
mod request;
mod retry;
mod roots;
mod said;
mod send;
mod unreachable;
mod verdict;

#[cfg(test)]
mod tests;

pub use client::{Client, Options};
pub use error::{Error, Fault, Kind, RequestError};
pub use event::Event;
pub use jwt::session;
pub use login::Login;
pub use request::{Answer, Body, Method, Request, UnknownMethod};
pub use roots::{RootsError, check_roots};
pub use unreachable::{CertificateProblem, Unreachable};
