//! Which request paths there are below a base URL.

use url::Url;

use super::{BaseUrl, Origin};

/// Why a request path cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It does not begin with exactly one slash; absolute URLs are among these.
    #[error("a request path begins with one slash, such as /core/user/profile")]
    NotAbsolute,
    /// A control character or a backslash.
    #[error("the request path has a control character or a backslash in it")]
    Characters,
    /// A fragment, which is never sent.
    #[error("the request path has a # in it; write %23 if it is meant")]
    Fragment,
    /// A segment `.` or `..`, plain or percent-encoded.
    #[error("the request path has a . or .. segment in it")]
    DotSegment,
    /// The base URL, which came out of a vault, has a host that no connection can be made to.
    #[error("nothing can be called at the host of the base URL")]
    NoHost,
    /// The URL that came out is not below the base URL. Not known to be possible.
    #[error("the request path leads away from the base URL")]
    Elsewhere,
}

impl BaseUrl {
    /// The URL of a request path, which may have a query.
    ///
    /// # Errors
    /// When `path` is anything but a path below this URL. The origin of what is returned
    /// is always [`self.origin()`](Self::origin).
    pub fn join(&self, path: &str) -> Result<Url, PathError> {
        if !path.starts_with('/') || path.starts_with("//") {
            return Err(PathError::NotAbsolute);
        }
        if path.contains(|c: char| c.is_control() || c == '\\') {
            return Err(PathError::Characters);
        }
        if path.contains('#') {
            return Err(PathError::Fragment);
        }
        let before_query = path.split('?').next().unwrap_or_default();
        if before_query.split('/').any(is_dot_segment) {
            return Err(PathError::DotSegment);
        }
        let base = self.url.as_ref().ok_or(PathError::NoHost)?;
        // Not `Url::join`, for which a path can be an address: the host is already closed
        // by a slash here, whatever follows.
        let url = Url::parse(&format!("{self}{path}")).map_err(|_| PathError::Elsewhere)?;
        let prefix = base.path().trim_end_matches('/');
        let below = url
            .path()
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('/'));
        if Origin::of(&url) != Some(self.origin()) || !url.username().is_empty() || !below {
            return Err(PathError::Elsewhere);
        }
        Ok(url)
    }
}

/// `.` and `..`, in every spelling that the URL standard takes for them.
fn is_dot_segment(segment: &str) -> bool {
    let plain = segment.replace("%2e", ".").replace("%2E", ".");
    plain == "." || plain == ".."
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> BaseUrl {
        BaseUrl::parse(text).expect("a base URL")
    }

    #[test]
    fn a_request_path_stays_below_the_base_url() {
        for (base_url, path, joined) in [
            (
                "https://h",
                "/core/user/profile",
                "https://h/core/user/profile",
            ),
            (
                "https://h/pre/",
                "/core?a=b&c=/../x",
                "https://h/pre/core?a=b&c=/../x",
            ),
            ("https://h", "/", "https://h/"),
            ("https://h", "/@evil/a", "https://h/@evil/a"),
            ("https://h", "/:80@evil", "https://h/:80@evil"),
            ("https://h", "/https://evil", "https://h/https://evil"),
            ("https://h", "/a b/é", "https://h/a%20b/%C3%A9"),
            ("https://h", "/..a/...", "https://h/..a/..."),
            ("http://[::1]:8", "/x", "http://[::1]:8/x"),
        ] {
            assert_eq!(base(base_url).join(path).expect(path).as_str(), joined);
        }
    }

    #[test]
    fn no_request_path_leaves_the_base_url() {
        use PathError::{Characters, DotSegment, Fragment, NotAbsolute};
        for (path, reason) in [
            ("", NotAbsolute),
            ("core", NotAbsolute),
            ("@evil", NotAbsolute),
            (".evil", NotAbsolute),
            (":1@evil", NotAbsolute),
            ("https://evil/", NotAbsolute),
            ("//evil/", NotAbsolute),
            ("\\\\evil", NotAbsolute),
            ("/\\evil", Characters),
            ("/\t/evil", Characters),
            ("/a\r\nHost: evil", Characters),
            ("/a\0", Characters),
            ("/a#b", Fragment),
            ("/../x", DotSegment),
            ("/a/..", DotSegment),
            ("/a/./b", DotSegment),
            ("/%2e%2E/x", DotSegment),
            ("/.%2e?q", DotSegment),
        ] {
            for base_url in ["https://h", "https://h/pre"] {
                assert_eq!(base(base_url).join(path), Err(reason), "{path:?}");
            }
        }
    }
}
