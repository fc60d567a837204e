//! What only shows over TLS, or with certain variables in the environment.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::thread;
use std::time::Duration;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;

use super::over_sockets::{LOGIN, login, unreachable_because};
use super::stub::{Stub, client, http};
use super::{CertificateProblem, Client, Error, Kind, Login, Options, Unreachable};
use crate::base_url::BaseUrl;

/// A server configuration for `name`, and the certificate that trusts it.
fn self_signed(name: &str) -> (ServerConfig, Vec<u8>) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("a key");
    let tls = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .expect("a server configuration");
    (tls, made.cert.pem().into_bytes())
}

fn https_login(address: SocketAddr, roots: Vec<u8>) -> Result<Login, Error> {
    let base_url = BaseUrl::parse(&format!("https://{address}")).expect("a base URL");
    login(&client(&Options {
        extra_roots_pem: Some(roots),
        ..Options::new(base_url)
    }))
}

#[test]
fn an_extra_root_is_trusted() {
    let (tls, roots) = self_signed("127.0.0.1");
    let stub = Stub::with_tls(tls, |_, stream| {
        let _ = stream.write_all(http(200, "", LOGIN).as_bytes());
    });
    https_login(stub.address, roots).expect("a login");
}

#[test]
fn a_bad_certificate_is_named_and_not_asked_for_again() {
    let (tls, _) = self_signed("127.0.0.1");
    let (_, other_roots) = self_signed("127.0.0.1");
    let stub = Stub::with_tls(tls, |_, _| ());
    let error = https_login(stub.address, other_roots).expect_err("no login");
    assert_eq!(
        unreachable_because(error),
        Unreachable::Certificate(CertificateProblem::NotTrusted)
    );
    assert_eq!(
        stub.requests_in_the_end(),
        [""],
        "one attempt, and no request in it"
    );

    let (tls, roots) = self_signed("elsewhere.example");
    let stub = Stub::with_tls(tls, |_, _| ());
    let error = https_login(stub.address, roots).expect_err("no login");
    assert_eq!(
        unreachable_because(error),
        Unreachable::Certificate(CertificateProblem::OtherName)
    );
    assert_eq!(stub.requests_in_the_end(), [""]);
}

#[test]
fn https_to_a_server_without_tls_is_named_and_sends_no_token() {
    let (_, roots) = self_signed("127.0.0.1");
    // Not the stub: the greeting of TLS is no request, so answer whatever comes.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    thread::spawn(move || {
        for mut tcp in listener.incoming().flatten() {
            let _ = tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
            thread::sleep(Duration::from_millis(100));
        }
    });
    let error = https_login(address, roots).expect_err("no login");
    assert_eq!(unreachable_because(error), Unreachable::Tls);
}

fn https_error(host: &str) -> Unreachable {
    let (_, roots) = self_signed("localhost");
    let base_url = BaseUrl::parse(&format!("https://{host}")).expect("a base URL");
    let options = Options {
        extra_roots_pem: Some(roots),
        max_retries: 0,
        ..Options::new(base_url)
    };
    unreachable_because(login(&client(&options)).expect_err("no login"))
}

/// Runs an ignored test of this file in a process of its own, whose environment has these
/// variables, and no proxy or folder of certificates of ours: a process cannot safely change its own environment.
fn in_a_child(test: &str, variables: &[(&str, &str)]) {
    let mut child = Command::new(std::env::current_exe().expect("the test binary"));
    for name in ["http_proxy", "https_proxy", "all_proxy", "no_proxy"] {
        child.env_remove(name).env_remove(name.to_uppercase());
    }
    child.env_remove("SSL_CERT_DIR");
    let test = format!("api::over_tls::{test}");
    child
        .args(["--exact", &test, "--ignored"])
        .envs(variables.iter().copied());
    let output = child.output().expect("a child");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("1 passed"),
        "{said}"
    );
}

#[test]
fn a_machine_without_certificates_can_use_loopback_and_is_told_otherwise() {
    in_a_child(
        "without_certificates",
        &[("SSL_CERT_FILE", "/nonexistent/roots.pem")],
    );
}

#[test]
#[ignore = "run by a_machine_without_certificates_can_use_loopback_and_is_told_otherwise"]
fn without_certificates() {
    let error = Client::new(&Options::new(BaseUrl::default())).expect_err("no client");
    assert_eq!(error.kind(), Kind::Unreachable);
    assert_eq!(unreachable_because(error), Unreachable::NoRoots);
    let stub = Stub::answering(&[http(200, "", LOGIN)]);
    login(&stub.client(0)).expect("a login");
    an_extra_root_is_trusted();
}

#[test]
fn a_name_that_does_not_exist_is_named() {
    in_a_child("without_a_proxy", &[]);
}

#[test]
#[ignore = "run by a_name_that_does_not_exist_is_named"]
fn without_a_proxy() {
    assert_eq!(
        https_error("no-such-host.invalid"),
        Unreachable::NameNotFound
    );
}

#[test]
fn loopback_is_never_asked_for_through_a_proxy_and_others_are() {
    let proxy = Stub::answering(&[http(403, "", "")]);
    let url = format!("http://{}", proxy.address);
    in_a_child(
        "with_a_proxy",
        &[
            ("HTTP_PROXY", &url),
            ("http_proxy", &url),
            ("https_proxy", &url),
        ],
    );
    let asked = proxy.requests();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(
        asked[0].starts_with("CONNECT no-such-host.invalid:443 "),
        "{asked:?}"
    );
}

#[test]
#[ignore = "run by loopback_is_never_asked_for_through_a_proxy_and_others_are"]
fn with_a_proxy() {
    let stub = Stub::answering(&[http(200, "", LOGIN)]);
    login(&stub.client(0)).expect("a login");
    an_extra_root_is_trusted();
    assert_eq!(
        https_error("no-such-host.invalid"),
        Unreachable::ProxyDenied
    );
}

#[test]
fn a_proxy_that_cannot_be_reached_is_told_from_the_api() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    in_a_child("with_a_dead_proxy", &[("https_proxy", &url)]);
}

#[test]
#[ignore = "run by a_proxy_that_cannot_be_reached_is_told_from_the_api"]
fn with_a_dead_proxy() {
    let reason = Unreachable::Proxy(Box::new(Unreachable::Refused));
    assert_eq!(https_error("no-such-host.invalid"), reason);
}
