//! Where the API is.

mod origin;
mod path;
mod plain;

pub use origin::Origin;
pub use path::PathError;
use plain::is_plain;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::{Host, Url};

use crate::printable::printable_start;

/// The production API, used when nobody names another.
pub const DEFAULT_BASE_URL: &str = "https://ai.cloudeka.id";

/// The address below which every request path is.
///
/// `https` to any host, or `http` to this machine itself; a path in front of the API's own
/// is allowed (`https://gateway.example/cloudeka`), a slash at its end is cut.
#[derive(Clone, Debug)]
pub struct BaseUrl {
    /// As it stands in a vault: a save leaves it as it is.
    written: String,
    /// `None` where the host is none that can be called, such as `256.1.1.1`. The format knows a
    /// host by its characters alone; what one more means is for the call to find out.
    url: Option<Url>,
}

/// Why a text is no base URL. Never repeats a user name or password that was in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BaseUrlError {
    /// Not a URL at all, or one with no host.
    #[error("not a URL of the form https://host")]
    Malformed,
    /// Another scheme than `https` and `http`.
    #[error("a base URL begins with https://")]
    Scheme,
    /// `http` to a host that is not loopback.
    #[error(
        "plain http would send the token unencrypted to {host}; only https may leave this machine"
    )]
    NotLoopback {
        /// The host, safe to show.
        host: String,
    },
    /// A user name or a password in front of the host.
    #[error("a base URL has no user name or password in it")]
    UserInfo,
    /// Something after `?` or `#`.
    #[error("a base URL has neither a query nor a fragment")]
    QueryOrFragment,
    /// White space, a control character or a backslash, which URL parsers read differently.
    #[error("the URL has a space, a control character or a backslash in it")]
    Characters,
    /// Something that a vault does not hold, see `vault-format.md` section 7.3.
    #[error(
        "a base URL has a plain host, a path of letters, digits and few marks with no empty \
         segment, and at most 2048 characters"
    )]
    NotPlain,
}

impl BaseUrl {
    /// Reads a base URL; white space around it is cut.
    ///
    /// Stricter than the WHATWG URL standard, which drops tabs and line ends, takes a
    /// backslash for a slash and any number of slashes for two: what a person saw and what
    /// is called must be the same.
    ///
    /// # Errors
    /// When it is not `https://host[:port][/path]`, or `http://` with a loopback host.
    pub fn parse(text: &str) -> Result<Self, BaseUrlError> {
        let text = text.trim();
        if text.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\') {
            return Err(BaseUrlError::Characters);
        }
        let (scheme, rest) = text.split_once("://").ok_or(BaseUrlError::Malformed)?;
        if !scheme.eq_ignore_ascii_case("https") && !scheme.eq_ignore_ascii_case("http") {
            return Err(BaseUrlError::Scheme);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(BaseUrlError::UserInfo);
        }
        if authority.is_empty() {
            return Err(BaseUrlError::Malformed);
        }
        if rest.contains(['?', '#']) {
            return Err(BaseUrlError::QueryOrFragment);
        }
        let mut url = Url::parse(text).map_err(|_| BaseUrlError::Malformed)?;
        let Some(host) = url.host() else {
            return Err(BaseUrlError::Malformed);
        };
        if url.scheme() == "http" && !is_loopback(&host) {
            let host = printable_start(&host.to_string(), 100).to_string();
            return Err(BaseUrlError::NotLoopback { host });
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        let written = url.as_str().trim_end_matches('/').to_owned();
        // Otherwise a login there would make a vault that no reader opens.
        if !is_plain(&written) {
            return Err(BaseUrlError::NotPlain);
        }
        Ok(Self {
            written,
            url: Some(url),
        })
    }

    /// Takes what stands in a vault: `base-url` of `vault-format.md`, section 7.3, whatever the
    /// host means.
    pub(crate) fn stored(text: &str) -> Option<Self> {
        is_plain(text).then(|| Self {
            written: text.to_owned(),
            url: Self::parse(text).ok().and_then(|base_url| base_url.url),
        })
    }

    /// As it is called and compared.
    fn as_str(&self) -> &str {
        let called = self.url.as_ref().map_or(&*self.written, Url::as_str);
        called.trim_end_matches('/')
    }

    /// The scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> Origin {
        // A URL that is http or https always has one.
        let known = self.url.as_ref().and_then(Origin::of);
        known.unwrap_or_else(|| Origin::unknown(&self.written))
    }

    /// Whether requests are sent in clear, which only loopback may.
    #[must_use]
    pub fn is_http(&self) -> bool {
        self.as_str().starts_with("http:")
    }

    /// Whether the host is this machine itself, so that no proxy has business in between.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.url.as_ref().and_then(Url::host);
        host.is_some_and(|host| is_loopback(&host))
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

/// [`DEFAULT_BASE_URL`].
impl Default for BaseUrl {
    fn default() -> Self {
        Self::parse(DEFAULT_BASE_URL).expect("the constant is a base URL, as a test asserts")
    }
}

/// Without a slash at the end.
impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Equal are those that are called alike, however they are written.
impl PartialEq for BaseUrl {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for BaseUrl {}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Serialize for BaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl<'de> Deserialize<'de> for BaseUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> BaseUrl {
        BaseUrl::parse(text).expect("a base URL")
    }

    #[test]
    fn a_base_url_is_https_or_loopback() {
        for (text, shown, origin) in [
            (
                "https://ai.cloudeka.id",
                "https://ai.cloudeka.id",
                "https://ai.cloudeka.id",
            ),
            (
                " HTTPS://AI.Cloudeka.id:443//\n",
                "https://ai.cloudeka.id",
                "https://ai.cloudeka.id",
            ),
            (
                "https://h:8443/a/b/",
                "https://h:8443/a/b",
                "https://h:8443",
            ),
            (
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080",
            ),
            ("http://127.9.9.9", "http://127.9.9.9", "http://127.9.9.9"),
            (
                "http://localhost:80/",
                "http://localhost",
                "http://localhost",
            ),
            ("http://[::1]:1", "http://[::1]:1", "http://[::1]:1"),
        ] {
            assert_eq!(base(text).to_string(), shown);
            assert_eq!(base(text).origin().to_string(), origin);
            assert_eq!(base(shown), base(text), "what is shown is read as the same");
        }
        assert_eq!(BaseUrl::default().to_string(), DEFAULT_BASE_URL);
        assert_ne!(base("https://h").origin(), base("https://h:8443").origin());
        assert_ne!(
            base("https://localhost").origin(),
            base("http://localhost:443").origin()
        );
    }

    #[test]
    fn a_host_that_cannot_be_called_is_kept_as_a_vault_has_it() {
        for text in [
            "https://256.1.1.1/api",
            "https://1.2.3.4.5",
            "https://a.0x",
            "https://xn--a:8443",
            "https://[1.2]/x",
            "http://127.0.0.08:80",
        ] {
            let stored = BaseUrl::stored(text).expect("plain");
            assert!(BaseUrl::parse(text).is_err(), "{text}");
            assert_eq!(stored.to_string(), text);
            assert_eq!(serde_json::json!(stored), text);
            assert!(text.starts_with(&stored.origin().to_string()), "{text}");
            assert_eq!(stored.join("/x"), Err(PathError::NoHost));
            assert_ne!(stored, BaseUrl::default());
        }
        // It is called as the URL standard has it, and kept as it was written.
        let stored = BaseUrl::stored("https://H:443/a/../b").expect("plain");
        assert_eq!(stored, base("https://h/b"));
        assert_eq!(serde_json::json!(stored), "https://H:443/a/../b");
    }

    #[test]
    fn anything_else_is_refused_and_a_password_never_repeated() {
        use BaseUrlError::{Characters, Malformed, NotPlain, QueryOrFragment, Scheme, UserInfo};
        for (text, reason) in [
            ("", Malformed),
            ("ai.cloudeka.id", Malformed),
            ("https:ai.cloudeka.id", Malformed),
            ("https:///ai.cloudeka.id", Malformed),
            ("https://", Malformed),
            ("https://h:99999", Malformed),
            ("ftp://h", Scheme),
            ("file:///etc/passwd", Scheme),
            ("https://user:hunter2@h", UserInfo),
            ("https://@h", UserInfo),
            ("https://good@h/", UserInfo),
            ("https://h?", QueryOrFragment),
            ("https://h/a?b", QueryOrFragment),
            ("https://h#", QueryOrFragment),
            ("https://go\nod", Characters),
            ("https://go\tod", Characters),
            ("https://good\\@evil", Characters),
            ("https://a b", Characters),
            ("https://h//a", NotPlain),
            ("https://h/a|b", NotPlain),
            ("https://a!b", NotPlain),
            ("https://h:0", NotPlain),
        ] {
            let error = BaseUrl::parse(text).expect_err(text);
            assert_eq!(error, reason, "{text:?}");
            assert!(!error.to_string().contains("hunter2"));
        }
        for text in [
            "http://ai.cloudeka.id",
            "http://127.0.0.1.evil",
            "http://0.0.0.0",
            "http://[::ffff:127.0.0.1]",
            "http://localhost.evil",
        ] {
            assert!(
                matches!(BaseUrl::parse(text), Err(BaseUrlError::NotLoopback { .. })),
                "{text}"
            );
        }
    }

    #[test]
    fn serde_writes_a_text_and_checks_what_it_reads() {
        let text = serde_json::to_string(&base("https://h/a/")).expect("a string");
        assert_eq!(text, r#""https://h/a""#);
        assert_eq!(
            serde_json::from_str::<BaseUrl>(&text).expect("read again"),
            base("https://h/a")
        );
        assert!(serde_json::from_str::<BaseUrl>(r#""http://h""#).is_err());
    }
}
