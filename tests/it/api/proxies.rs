//! Which proxy is asked, and for which hosts none is.

use super::tls::Proxy;
use crate::support::failures::{assert_failed, auth};
use crate::support::world::Output;
use crate::support::{TOKEN, World};

/// A login to a host that nobody knows, through a proxy or past it, with these variables, in
/// which `PROXY` stands for the proxy's address; what was said, and how often it was asked.
fn try_out(base_url: &str, variables: &[(&str, &str)]) -> (World, Output, usize) {
    let world = World::new();
    let proxy = Proxy::start(None);
    let mut run = auth(&world).0.args(["-U", base_url, "--max-retries", "0"]);
    for (name, value) in variables {
        run = run.env(name, value.replace("PROXY", &proxy.url));
    }
    let output = run.run();
    output.assert_no_secret(&[TOKEN]);
    let asked = proxy.asked().len();
    (world, output, asked)
}

#[test]
fn an_empty_variable_does_not_hide_another() {
    for variables in [
        &[("HTTPS_PROXY", ""), ("https_proxy", "PROXY")][..],
        &[
            ("HTTPS_PROXY", ""),
            ("https_proxy", ""),
            ("ALL_PROXY", "PROXY"),
        ],
        &[
            ("HTTPS_PROXY", ""),
            ("ALL_PROXY", ""),
            ("all_proxy", "PROXY"),
        ],
        &[("ALL_PROXY", ""), ("all_proxy", "PROXY")],
        &[("HTTPS_PROXY", "PROXY"), ("https_proxy", "nonsense//")],
        &[
            ("HTTPS_PROXY", "PROXY"),
            ("NO_PROXY", ""),
            ("no_proxy", "other"),
        ],
    ] {
        let (_, output, asked) = try_out("https://cloudeka.invalid", variables);
        assert!(
            output.stderr.contains("the proxy did not open"),
            "{variables:?} {output}"
        );
        assert_eq!(asked, 1, "{variables:?}");
    }
    let variables = [
        ("HTTPS_PROXY", "PROXY"),
        ("NO_PROXY", ""),
        ("no_proxy", "cloudeka.invalid"),
    ];
    let (_, output, asked) = try_out("https://cloudeka.invalid", &variables);
    assert_eq!((output.code, asked), (7, 0), "{output}");
}

#[test]
fn an_exception_is_kept_in_all_the_forms_that_people_write() {
    for (base_url, list, is_exception) in [
        (
            "https://api.cloudeka.invalid",
            "api.cloudeka.invalid:443",
            true,
        ),
        (
            "https://api.cloudeka.invalid:8443",
            "api.cloudeka.invalid:8443",
            true,
        ),
        ("https://api.cloudeka.invalid", "*.cloudeka.invalid", true),
        ("https://api.cloudeka.invalid", ".cloudeka.invalid", true),
        (
            "https://api.cloudeka.invalid",
            "localhost, Cloudeka.Invalid.",
            true,
        ),
        (
            "https://api.cloudeka.invalid",
            "localhost cloudeka.invalid",
            true,
        ),
        ("https://api.cloudeka.invalid", "*", true),
        ("https://[100::1]", "[100::1]", true),
        ("https://[100::1]:8443", "[100::1]:8443", true),
        ("https://[100::1]", "100::/64", true),
        (
            "https://api.cloudeka.invalid",
            "api.cloudeka.invalid:8443",
            false,
        ),
        ("https://cloudeka.invalid", "*.cloudeka.invalid", false),
        ("https://api.cloudeka.invalid", "eka.invalid", false),
        ("https://[100::1]", "[100::2]", false),
        ("https://[100::1]:8443", "[100::1]:443", false),
    ] {
        let variables = [("HTTPS_PROXY", "PROXY"), ("NO_PROXY", list)];
        let (_, output, asked) = try_out(base_url, &variables);
        assert_eq!(output.code, 7, "{output}");
        let expected = usize::from(!is_exception);
        assert_eq!(asked, expected, "{base_url} {list}: {output}");
    }
}

#[test]
fn a_variable_that_is_not_used_for_the_host_may_be_nonsense() {
    for variables in [
        [
            ("HTTPS_PROXY", "nonsense//"),
            ("NO_PROXY", "cloudeka.invalid"),
        ],
        [("https_proxy", "not a url"), ("no_proxy", "*.invalid")],
        [
            ("ALL_PROXY", "ftp://x"),
            ("no_proxy", "cloudeka.invalid:443"),
        ],
    ] {
        let (_, output, _) = try_out("https://cloudeka.invalid", &variables);
        assert_eq!(output.code, 7, "{output}");
        assert!(
            !output.stderr.contains("not the address of a proxy"),
            "{output}"
        );
        let world = World::new();
        let (mut run, before) = auth(&world);
        for (name, value) in variables {
            run = run.env(name, value);
        }
        let output = run.args(["-U", "https://other.example"]).run();
        let said = "is not the address of a proxy";
        assert_failed(&world, &before, output, 2, &[said, variables[0].0]);
    }
}
