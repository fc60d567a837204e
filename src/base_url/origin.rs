//! What a token is bound to.

use std::fmt;

use url::Url;

/// Scheme, host and port (RFC 6454 section 4): a token is only ever sent to the one at which
/// it was verified.
///
/// Equal are the ones that lead to the same place: a default port is one whether written or
/// not, and the host is in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin of `url`, if that is `http` or `https`.
    pub(crate) fn of(url: &Url) -> Option<Self> {
        matches!(url.scheme(), "http" | "https").then(|| Self(url.origin().ascii_serialization()))
    }

    /// The origin of a base URL whose host is none that can be called, as it is written.
    pub(super) fn unknown(base_url: &str) -> Self {
        let authority = base_url.find("://").map_or(0, |at| at + 3);
        let end = base_url[authority..].find('/');
        Self(base_url[..end.map_or(base_url.len(), |end| authority + end)].to_owned())
    }

    /// The host, and the port unless it is the scheme's own.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0
            .split_once("://")
            .map_or(&self.0, |(_, authority)| authority)
    }
}

/// Such as `https://ai.cloudeka.id` or `http://127.0.0.1:8080`: a default port is left out.
impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_a_scheme_a_host_and_a_port() {
        let origin = |text: &str| Origin::of(&Url::parse(text).expect("a URL"));
        for (text, shown) in [
            ("https://User:pw@H:443/a?b#c", "https://h"),
            ("http://h:443", "http://h:443"),
            ("http://[::1]:8080/", "http://[::1]:8080"),
        ] {
            assert_eq!(origin(text).expect("an origin").to_string(), shown);
        }
        assert_eq!(origin("https://h"), origin("HTTPS://H:443/x"));
        assert_ne!(origin("https://h"), origin("http://h"));
        assert_ne!(origin("https://h"), origin("https://h:8443"));
        assert_eq!(origin("mailto:a@b"), None);
        assert_eq!(origin("ftp://h"), None);
    }
}
