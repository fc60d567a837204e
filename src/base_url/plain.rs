//! The form that a base URL has in a vault: `vault-format.md`, section 7.3.

/// The longest, in characters.
const LONGEST: usize = 2048;

/// Whether `text` is `base-url` of the grammar there. It may still be no URL: of a host the
/// grammar says no more than which characters it has.
pub(crate) fn is_plain(text: &str) -> bool {
    let (rest, loopback_alone) = match text.strip_prefix("https://") {
        Some(rest) => (rest, false),
        None => match text.strip_prefix("http://") {
            Some(rest) => (rest, true),
            None => return false,
        },
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let Some((host, port)) = split_port(authority) else {
        return false;
    };
    text.len() <= LONGEST
        && if loopback_alone { is_loopback(host) } else { is_host(host) }
        && port.is_none_or(is_port)
        // Before the first slash there is nothing.
        && path.split('/').skip(1).all(is_segment)
}

/// Host and port; none of an address in brackets that do not close.
fn split_port(authority: &str) -> Option<(&str, Option<&str>)> {
    let from = match authority.strip_prefix('[') {
        Some(address) => 1 + address.find(']')? + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(from);
    match port.strip_prefix(':') {
        Some(port) => Some((host, Some(port))),
        None => port.is_empty().then_some((host, None)),
    }
}

fn is_host(host: &str) -> bool {
    let of = |text: &str, allowed: fn(u8) -> bool| !text.is_empty() && text.bytes().all(allowed);
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(address) => of(address, |byte| {
            byte.is_ascii_hexdigit() || b":.".contains(&byte)
        }),
        None => of(host, |byte| {
            byte.is_ascii_alphanumeric() || b"-._".contains(&byte)
        }),
    }
}

fn is_loopback(host: &str) -> bool {
    let number =
        |text: &str, most: u32| is_number(text, 3) && text.parse().is_ok_and(|n: u32| n <= most);
    let octets: Vec<&str> = host.split('.').collect();
    host == "localhost"
        || host == "[::1]"
        || octets.len() == 4
            && octets[0] == "127"
            && octets[1..].iter().all(|octet| number(octet, 255))
}

fn is_port(port: &str) -> bool {
    is_number(port, 5)
        && port
            .parse()
            .is_ok_and(|port: u32| (1..=65_535).contains(&port))
}

fn is_number(text: &str, longest: usize) -> bool {
    (1..=longest).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_segment(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%!$&'()*+,;=:@".contains(&byte);
    !segment.is_empty() && segment.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_form_is_that_of_the_format() {
        for plain in [
            "https://ai.cloudeka.id",
            "https://AI.cloudeka.id:443/a/b%20c/@x:y",
            "https://[2001:db8::1]:65535",
            "http://localhost:1",
            "http://127.0.0.1:8080/api/v1",
            "http://[::1]",
        ] {
            assert!(is_plain(plain), "{plain}");
        }
        let long = format!("https://h/{}", "a".repeat(LONGEST));
        for other in [
            "",
            "https://",
            "HTTPS://h",
            "https://h/",
            "https://h//a",
            "https://h:",
            "https://h:0",
            "https://h:65536",
            "https://h:000001",
            "https://h:1:2",
            "https://[::1",
            "https://[::1]x",
            "https://a!b",
            "https://u@h",
            "https://h/a|b",
            "https://h/a b",
            "https://h/\u{e4}",
            "https://m\u{fc}nchen.example",
            "http://h",
            "http://127.1",
            "http://127.0.0.256",
            "http://[::2]",
            "ftp://h",
            &long,
        ] {
            assert!(!is_plain(other), "{other}");
        }
        assert!(is_plain(&long[..LONGEST]));
    }
}
