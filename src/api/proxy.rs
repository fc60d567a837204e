//! The way to the API: through a proxy of the environment, or past it.
//!
//! Read here rather than by the HTTP client, which takes an empty variable for the end of the
//! search, knows no ports and no `*.` in `NO_PROXY`, and goes without a proxy where a variable
//! cannot be used. `docs/settings.md` has the rules.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;

use ipnet::IpNet;
use reqwest::Proxy;
use url::{Host, Url};

use crate::base_url::BaseUrl;

/// Those for `https`, the first that is not empty counts. Plain `http` is for loopback, where no
/// proxy is asked.
const PROXIES: [&str; 4] = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

const EXCEPTIONS: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// How a host is reached.
#[derive(Debug)]
pub(super) enum Way {
    /// Past any proxy.
    Direct,
    /// Through this one.
    Through(Box<Proxy>),
    /// As the system says, since the environment says nothing.
    System,
}

/// The way to `base_url`. `variable` looks one up.
///
/// # Errors
/// The name of the variable that was used, if its value is not the address of a proxy.
pub(super) fn way(
    base_url: &BaseUrl,
    variable: impl Fn(&str) -> Option<OsString>,
) -> Result<Way, &'static str> {
    let first = |names: &[&'static str]| {
        let set = |name: &'static str| Some((name, variable(name)?));
        let mut set = names.iter().filter_map(|name| set(name));
        set.find(|(_, value)| !value.is_empty())
    };
    let exceptions = first(&EXCEPTIONS).map(|(_, list)| list);
    let is_exception = |list: OsString| Target::of(base_url).is_in(&list.to_string_lossy());
    if base_url.is_loopback() || exceptions.is_some_and(is_exception) {
        return Ok(Way::Direct);
    }
    let Some((name, value)) = first(&PROXIES) else {
        return Ok(Way::System);
    };
    let address = usable(&value).ok_or(name)?;
    let proxy = Proxy::all(address).map_err(|_| name)?;
    Ok(Way::Through(Box::new(proxy)))
}

/// What an entry of `NO_PROXY` is compared with.
struct Target {
    host: Host<String>,
    port: u16,
}

impl Target {
    fn of(base_url: &BaseUrl) -> Self {
        let url = Url::parse(&base_url.to_string()).expect("a base URL is a URL");
        Self {
            host: url.host().expect("a base URL has a host").to_owned(),
            port: url.port_or_known_default().expect("https has a port"),
        }
    }

    /// Whether one of the entries, between commas or white space, is about it.
    fn is_in(&self, list: &str) -> bool {
        list.split(|c: char| c == ',' || c.is_whitespace())
            .any(|entry| self.is_of(entry))
    }

    /// `*`, or a name, an address or a network, perhaps with a port. IPv6 may have brackets.
    fn is_of(&self, entry: &str) -> bool {
        let (host, rest) = match entry
            .strip_prefix('[')
            .and_then(|text| text.split_once(']'))
        {
            Some((host, rest)) => (host, rest),
            None if entry.parse::<IpNet>().is_ok() || entry.parse::<IpAddr>().is_ok() => {
                (entry, "")
            }
            None => entry.split_at(entry.rfind(':').unwrap_or(entry.len())),
        };
        match rest.strip_prefix(':') {
            Some(port) if port.parse() == Ok(self.port) => self.is_host(host),
            Some(_) => false,
            // A network in brackets: `[fd00::]/8`.
            None => self.is_host(&[host, rest].concat()),
        }
    }

    fn is_host(&self, entry: &str) -> bool {
        let address = match &self.host {
            Host::Ipv4(address) => Some(IpAddr::V4(*address)),
            Host::Ipv6(address) => Some(IpAddr::V6(*address).to_canonical()),
            Host::Domain(_) => None,
        };
        let network = entry.parse::<IpNet>().ok();
        let network = network.or_else(|| Some(entry.parse::<IpAddr>().ok()?.to_canonical().into()));
        match (&self.host, address, network) {
            _ if entry == "*" => true,
            (_, Some(address), Some(network)) => network.contains(&address),
            (Host::Domain(name), _, None) => is_domain(name, entry),
            _ => false,
        }
    }
}

/// `example.com` and `.example.com` are the name and all below it, `*.example.com` all below.
fn is_domain(name: &str, entry: &str) -> bool {
    let below = entry.strip_prefix("*.");
    let entry = below.or(entry.strip_prefix('.')).unwrap_or(entry);
    let entry = entry.strip_suffix('.').unwrap_or(entry);
    // In the form that names have in a URL: small letters, and `xn--` for what is not ASCII.
    let Ok(Host::Domain(entry)) = Host::parse(entry) else {
        return false;
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let rest = name.strip_suffix(entry.as_str());
    rest.is_some_and(|rest| rest.ends_with('.') || rest.is_empty() && below.is_none())
}

/// `[scheme://][user:password@]host[:port]` as the HTTP client takes it. Rather too strict than
/// too lax: what it takes for another address it connects to.
fn usable(value: &OsStr) -> Option<Url> {
    const MARKS: &[u8] = b"-._~:/?#[]@!$&'()*+,;=%";
    let text = value.to_str()?;
    let of_a_uri = |byte: u8| byte.is_ascii_alphanumeric() || MARKS.contains(&byte);
    let url = match text.split_once("://") {
        Some(("http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h", _)) => {
            Url::parse(text)
        }
        None if !text.contains(['/', '?', '#']) => Url::parse(&format!("http://{text}")),
        _ => return None,
    };
    let is_plain = text.bytes().all(of_a_uri) && text.matches('@').count() <= 1;
    url.ok().filter(|url| is_plain && url.has_host())
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
            assert!(super::usable(OsStr::new(usable)).is_some(), "{usable}");
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
            assert!(super::usable(OsStr::new(unusable)).is_none(), "{unusable}");
        }
    }

    fn way_to(host: &str, set: &[(&str, &str)]) -> Result<&'static str, &'static str> {
        let base_url = BaseUrl::parse(&format!("https://{host}")).expect("a base URL");
        let variable = |name: &str| {
            let value = set.iter().find(|(other, _)| *other == name)?.1;
            Some(OsString::from(value))
        };
        way(&base_url, variable).map(|way| match way {
            Way::Direct => "direct",
            Way::Through(_) => "through",
            Way::System => "system",
        })
    }

    #[test]
    fn the_first_that_is_not_empty_counts() {
        for (set, found) in [
            (&[][..], Ok("system")),
            (&[("https_proxy", "?")], Err("https_proxy")),
            (&[("ALL_PROXY", "?")], Err("ALL_PROXY")),
            (&[("HTTPS_PROXY", "p"), ("https_proxy", "?")], Ok("through")),
            (&[("HTTPS_PROXY", "p"), ("ALL_PROXY", "?")], Ok("through")),
            (
                &[("HTTPS_PROXY", "?"), ("ALL_PROXY", "p")],
                Err("HTTPS_PROXY"),
            ),
            (&[("HTTPS_PROXY", ""), ("all_proxy", "?")], Err("all_proxy")),
            (&[("HTTPS_PROXY", ""), ("https_proxy", "p")], Ok("through")),
            (
                &[("HTTPS_PROXY", ""), ("https_proxy", "?")],
                Err("https_proxy"),
            ),
            (&[("ALL_PROXY", ""), ("all_proxy", "p")], Ok("through")),
            (&[("HTTPS_PROXY", ""), ("ALL_PROXY", "")], Ok("system")),
            (&[("HTTP_PROXY", "?")], Ok("system")),
            (&[("HTTPS_PROXY", "p"), ("NO_PROXY", "host")], Ok("direct")),
            (&[("HTTPS_PROXY", "?"), ("no_proxy", "host")], Ok("direct")),
            (
                &[("ALL_PROXY", "p"), ("NO_PROXY", ""), ("no_proxy", "host")],
                Ok("direct"),
            ),
            (
                &[("ALL_PROXY", "p"), ("NO_PROXY", "a"), ("no_proxy", "host")],
                Ok("through"),
            ),
        ] {
            assert_eq!(way_to("host", set), found, "{set:?}");
        }
        assert_eq!(way_to("127.0.0.1", &[("HTTPS_PROXY", "?")]), Ok("direct"));
    }

    #[test]
    fn an_exception_is_a_name_an_address_or_a_network_perhaps_with_a_port() {
        for (host, list, is_in) in [
            ("ai.cloudeka.id", "*", true),
            ("ai.cloudeka.id", "ai.cloudeka.id", true),
            ("ai.cloudeka.id", "cloudeka.id", true),
            ("ai.cloudeka.id", ".cloudeka.id", true),
            ("ai.cloudeka.id", "*.cloudeka.id", true),
            ("ai.cloudeka.id", "AI.Cloudeka.ID.", true),
            ("ai.cloudeka.id.", "cloudeka.id", true),
            ("ai.cloudeka.id", "a, b ,\tcloudeka.id ,", true),
            ("ai.cloudeka.id", "a b cloudeka.id", true),
            ("ai.cloudeka.id", "ai.cloudeka.id:443", true),
            ("ai.cloudeka.id", ".cloudeka.id:443", true),
            ("ai.cloudeka.id", "*.cloudeka.id:443", true),
            ("ai.cloudeka.id", "*:443", true),
            ("ai.cloudeka.id:8443", "ai.cloudeka.id:8443", true),
            ("ai.cloudeka.id:8443", "ai.cloudeka.id", true),
            ("cloudeka.id", ".cloudeka.id", true),
            ("xn--mller-kva.example", "müller.example", true),
            ("cloudeka.id", "*.cloudeka.id", false),
            ("ai.cloudeka.id", "ai.cloudeka.id:8443", false),
            ("ai.cloudeka.id:8443", "ai.cloudeka.id:443", false),
            ("ai.cloudeka.id", "ai.cloudeka.id:", false),
            ("ai.cloudeka.id", "ai.cloudeka.id:https", false),
            ("ai.cloudeka.id", "eka.id", false),
            ("ai.cloudeka.id", "*eka.id", false),
            ("ai.cloudeka.id", "ai.*.id", false),
            ("ai.cloudeka.id", "x.ai.cloudeka.id", false),
            ("ai.cloudeka.id", ",, ,", false),
            ("ai.cloudeka.id", ".", false),
            ("ai.cloudeka.id", "*.", false),
            ("ai.cloudeka.id", "10.0.0.0/8", false),
            ("ai.cloudeka.id", "0.0.0.0/0", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("10.1.2.3", "10.1.2.3:443", true),
            ("10.1.2.3", "10.1.2.3:80", false),
            ("10.1.2.3", "11.0.0.0/8", false),
            ("10.1.2.3", "10.0.0.0/33", false),
            ("10.1.2.3", "2.3", false),
            ("10.1.2.3", ".1.2.3", false),
            ("[fd00::1]", "fd00::1", true),
            ("[fd00::1]", "[fd00::1]", true),
            ("[fd00::1]", "[FD00:0:0::1]:443", true),
            ("[fd00::1]", "fd00::/8", true),
            ("[fd00::1]", "[fd00::]/8", true),
            ("[fd00::1]", "[fd00::1]:80", false),
            ("[fd00::1]", "[fd00::2]", false),
            ("[fd00::1]", "fe00::/8", false),
            ("[::ffff:10.1.2.3]", "10.0.0.0/8", true),
        ] {
            let set = [("HTTPS_PROXY", "proxy"), ("NO_PROXY", list)];
            let expected = if is_in { "direct" } else { "through" };
            assert_eq!(way_to(host, &set), Ok(expected), "{host} {list:?}");
        }
    }
}
