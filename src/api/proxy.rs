//! The proxy variables, checked before anything is sent.
//!
//! The HTTP client passes over a variable that it cannot use, and goes without a proxy. Who
//! set one does not want that, so it is an error here.

use std::ffi::{OsStr, OsString};

use url::Url;

/// Those for `https`, the first pair first; of a pair counts the first that is set. Plain
/// `http` is for loopback, where no proxy is asked.
const VARIABLES: [[&str; 2]; 2] = [["HTTPS_PROXY", "https_proxy"], ["ALL_PROXY", "all_proxy"]];

/// The variable that counts, if it cannot be used. `variable` looks one up.
pub(super) fn unusable(variable: impl Fn(&str) -> Option<OsString>) -> Option<&'static str> {
    // A CGI program has its variables from whoever asks it; the HTTP client uses none then.
    if variable("REQUEST_METHOD").is_some() {
        return None;
    }
    let set = |name: &'static str| Some((name, variable(name)?));
    let mut pairs = VARIABLES
        .iter()
        .filter_map(|pair| pair.iter().find_map(|name| set(name)));
    let (name, value) = pairs.find(|(_, value)| !value.is_empty())?;
    (!is_usable(&value)).then_some(name)
}

/// Whether the HTTP client takes it: `[scheme://][user:password@]host[:port]`. Rather too
/// strict than too lax, because what it does not take it ignores.
fn is_usable(value: &OsStr) -> bool {
    const MARKS: &[u8] = b"-._~:/?#[]@!$&'()*+,;=%";
    let Some(text) = value.to_str() else {
        return false;
    };
    let of_a_uri = |byte: u8| byte.is_ascii_alphanumeric() || MARKS.contains(&byte);
    let url = match text.split_once("://") {
        Some(("http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h", _)) => {
            Url::parse(text)
        }
        None if !text.contains(['/', '?', '#']) => Url::parse(&format!("http://{text}")),
        _ => return false,
    };
    text.bytes().all(of_a_uri)
        && text.matches('@').count() <= 1
        && url.is_ok_and(|url| url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_a_proxy_is_told_from_what_is_none() {
        for usable in [
            "proxy",
            "proxy:3128",
            "[::1]:3128",
            "10.0.0.1:3128",
            "user:pass@proxy:3128",
            "http://proxy:3128",
            "http://proxy:3128/",
            "https://user:p%40ss@proxy",
            "socks4a://proxy",
            "socks5h://user:pass@10.0.0.1:1080",
        ] {
            assert!(is_usable(OsStr::new(usable)), "{usable}");
        }
        for unusable in [
            " ",
            "not a url",
            " http://proxy",
            "http://",
            "http:proxy",
            "http:/proxy",
            "//proxy",
            "proxy:3128/",
            "proxy:99999",
            "ftp://proxy",
            "SOCKS5://proxy",
            "socks://proxy",
            "socks5://",
            "http://us er@proxy",
            "http://user:p^ss@proxy",
            "http://user:p@ss@proxy",
            "http://pröxy",
            "http:\\\\proxy",
        ] {
            assert!(!is_usable(OsStr::new(unusable)), "{unusable}");
        }
    }

    #[test]
    fn the_first_that_is_set_counts() {
        for (set, found) in [
            (&[][..], None),
            (&[("https_proxy", "?")], Some("https_proxy")),
            (&[("ALL_PROXY", "?")], Some("ALL_PROXY")),
            (&[("HTTPS_PROXY", "proxy"), ("https_proxy", "?")], None),
            (&[("HTTPS_PROXY", "proxy"), ("ALL_PROXY", "?")], None),
            (
                &[("HTTPS_PROXY", "?"), ("ALL_PROXY", "p")],
                Some("HTTPS_PROXY"),
            ),
            (
                &[("HTTPS_PROXY", ""), ("all_proxy", "?")],
                Some("all_proxy"),
            ),
            (&[("HTTPS_PROXY", ""), ("https_proxy", "?")], None),
            (&[("HTTP_PROXY", "?")], None),
            (&[("HTTPS_PROXY", "?"), ("REQUEST_METHOD", "GET")], None),
        ] {
            let variable = |name: &str| {
                let value = set.iter().find(|(other, _)| *other == name)?.1;
                Some(OsString::from(value))
            };
            assert_eq!(unusable(variable), found, "{set:?}");
        }
    }
}
