//! The HTTP client: how it connects, and what it refuses.

use std::fmt;
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::redirect;
use url::Url;

use super::error::{Error, RequestError};
use super::names::Names;
use super::proxy::{self, Way};
use super::roots;
use super::unreachable::{CertificateProblem, Unreachable};
use crate::base_url::BaseUrl;
use crate::platform;

/// How we introduce ourselves.
const USER_AGENT: &str = concat!("cldkctl/", env!("CARGO_PKG_VERSION"));

/// How a [`Client`] is to be set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the API is.
    pub base_url: BaseUrl,
    /// Certificates in PEM to trust besides the system's: the content of a file.
    pub extra_roots_pem: Option<Vec<u8>>,
    /// How many new attempts there may be after a first one; 0 for none.
    pub max_retries: u32,
}

impl Options {
    /// The defaults for `base_url`: no further certificates, three retries.
    #[must_use]
    pub fn new(base_url: BaseUrl) -> Self {
        Self {
            base_url,
            extra_roots_pem: None,
            max_retries: 3,
        }
    }
}

/// A connection to one API.
///
/// Sends to the origin of its base URL and nowhere else. An attempt takes at most 30
/// seconds, body included, of which connecting takes at most 10, asking for the addresses
/// of the host included.
pub struct Client {
    pub(super) http: reqwest::blocking::Client,
    base_url: BaseUrl,
    pub(super) max_retries: u32,
    pub(super) sleep: fn(Duration),
}

/// What the tests cannot wait for.
#[derive(Clone, Copy)]
pub(super) struct Timing {
    pub(super) connect: Duration,
    /// Of one attempt, from its beginning to the last byte of the answer.
    pub(super) total: Duration,
    pub(super) sleep: fn(Duration),
}

impl Timing {
    pub(super) const REAL: Self = Self {
        connect: Duration::from_secs(10),
        total: Duration::from_secs(30),
        sleep: thread::sleep,
    };
}

impl Client {
    /// Sets up a client. Nothing is sent yet.
    ///
    /// For `https`, certificates are checked against the system's (`SSL_CERT_FILE` and
    /// `SSL_CERT_DIR` in their place, where set) and the extra ones. Proxies are taken from
    /// the environment, but never for loopback or what `NO_PROXY` has.
    ///
    /// # Errors
    /// When the extra certificates are unusable, or `https` is wanted on a machine that has
    /// none at all; with `http` it needs none. When the proxy variable that counts is no
    /// address of a proxy.
    pub fn new(options: &Options) -> Result<Self, Error> {
        Self::with_timing(options, Timing::REAL)
    }

    pub(super) fn with_timing(options: &Options, timing: Timing) -> Result<Self, Error> {
        // Fails only when a provider is there already, which then is the same.
        let _ = rustls::crypto::ring::default_provider().install_default();

        let base_url = options.base_url.clone();
        let extra_roots = options
            .extra_roots_pem
            .as_deref()
            .map(roots::read)
            .transpose();
        let extra_roots = extra_roots.map_err(Error::Roots)?.unwrap_or_default();

        // The asynchronous builder, since only its time-out includes the body: that of the
        // blocking one begins anew with each piece, and a server that drips would hold us
        // for ever. The blocking one's own stays behind it as a second line.
        let mut builder = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .connect_timeout(timing.connect)
            .dns_resolver(Names)
            .timeout(timing.total)
            .redirect(redirect::Policy::none())
            .referer(false)
            // A call, a connection: what a server sends late cannot be the answer to the next.
            .pool_max_idle_per_host(0)
            .retry(reqwest::retry::never())
            .https_only(!base_url.is_http());
        builder = if base_url.is_http() {
            // No roots at all, or a machine that has none could not use the loopback either.
            builder.tls_certs_only([])
        } else if platform::now() < Timestamp::UNIX_EPOCH {
            // rustls panics at such a clock, by which no certificate is valid yet.
            let problem = CertificateProblem::NotYetValid(platform::now());
            return Err(Error::Unreachable {
                origin: base_url.origin(),
                reason: Unreachable::Certificate(problem),
            });
        } else {
            builder.tls_certs_merge(extra_roots)
        };
        builder = match proxy::way(&base_url, |name| std::env::var_os(name)) {
            Ok(Way::Direct) => builder.no_proxy(),
            Ok(Way::Through(proxy)) => builder.proxy(*proxy),
            Ok(Way::System) => builder,
            Err(variable) => return Err(Error::Proxy { variable }),
        };
        let http = reqwest::blocking::ClientBuilder::from(builder)
            .timeout(timing.total + Duration::from_secs(1))
            .build()
            .map_err(|error| setup_error(&error, &base_url))?;
        Ok(Self {
            http,
            base_url,
            max_retries: options.max_retries,
            sleep: timing.sleep,
        })
    }

    /// Where the API is.
    #[must_use]
    pub fn base_url(&self) -> &BaseUrl {
        &self.base_url
    }

    /// The URL of a request path, which is below the base URL.
    pub(super) fn url(&self, path: &str) -> Result<Url, Error> {
        self.base_url
            .join(path)
            .map_err(|error| Error::Request(RequestError::Path(error)))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base_url", &self.base_url)
            .field("max_retries", &self.max_retries)
            .finish_non_exhaustive()
    }
}

/// Why the client could not be built. With `https` and no certificates, rustls' platform
/// verifier says so in a `General` error, the only one of that kind there.
fn setup_error(error: &reqwest::Error, base_url: &BaseUrl) -> Error {
    let mut causes =
        std::iter::successors(Some(error as &(dyn std::error::Error + 'static)), |error| {
            error.source()
        });
    let no_roots =
        causes.any(|cause| matches!(cause.downcast_ref(), Some(rustls::Error::General(_))));
    if no_roots {
        return Error::Unreachable {
            origin: base_url.origin(),
            reason: Unreachable::NoRoots,
        };
    }
    let root = std::iter::successors(Some(error as &dyn std::error::Error), |error| {
        error.source()
    })
    .last();
    Error::Setup(root.map(ToString::to_string).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_roots_are_an_error_even_where_none_are_needed() {
        let options = Options {
            extra_roots_pem: Some(b"nothing".to_vec()),
            ..Options::new(BaseUrl::parse("http://localhost:1").expect("a base URL"))
        };
        let error = Client::new(&options).expect_err("no client");
        assert_eq!(error, Error::Roots(super::super::RootsError::Empty));
    }
}
