//! HTTPS: whom to trust, what is said of whom one cannot, and proxies in between.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::failures::{assert_failed, assert_unchanged, auth};
use crate::support::steps::contents_of;
use crate::support::{Certificate, PASSPHRASE, Standin, TOKEN, World};

fn start(certificate: Certificate) -> (Standin, World) {
    let cloudeka = Standin::start_tls_with(certificate);
    cloudeka.accept_token(TOKEN);
    let world = World::new().at(&cloudeka);
    world.write("ca.pem", cloudeka.ca_pem());
    (cloudeka, world)
}

#[test]
fn an_authority_of_ones_own_is_trusted_when_it_is_named() {
    let (cloudeka, world) = start(Certificate::Good);
    let ca = world.home().join("ca.pem");
    auth(&world).0.arg("--ca-cert").arg(&ca).run().succeeded();
    auth(&world).0.env("SSL_CERT_FILE", &ca).run().succeeded();
    let settings = std::fs::read_to_string(world.settings_path()).expect("settings");
    let settings = "ca-cert = \"~/ca.pem\"\n".to_owned() + &settings;
    std::fs::write(world.settings_path(), settings).expect("written");
    auth(&world).0.run().succeeded();
    assert_eq!(cloudeka.requests().len(), 3);
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(contents["contexts"][0]["base_url"], cloudeka.base_url());
}

#[test]
fn a_certificate_that_is_no_good_is_named_and_gets_no_token() {
    for (certificate, says) in [
        (Certificate::OtherName, "for another name"),
        (Certificate::Expired, "expired"),
        (Certificate::SelfSigned, "not trusted"),
    ] {
        let (cloudeka, world) = start(certificate);
        let (run, before) = auth(&world);
        let output = run.arg("--ca-cert").arg(world.home().join("ca.pem")).run();
        assert_failed(&world, &before, output, 7, &[&cloudeka.base_url(), says]);
        assert_unchanged(&world, &before);
        assert!(cloudeka.requests().is_empty(), "{certificate:?}");
        assert_eq!(
            cloudeka.connections(),
            1,
            "not tried again: {certificate:?}"
        );
    }
}

#[test]
fn the_certificate_of_an_authority_is_no_servers_whether_it_is_trusted_or_not() {
    let (cloudeka, world) = start(Certificate::OfItself);
    let ca = world.home().join("ca.pem");
    for trusted in [false, true] {
        let (run, before) = auth(&world);
        let run = if trusted {
            run.arg("--ca-cert").arg(&ca)
        } else {
            run
        };
        let output = run.run();
        // To name it is no help.
        assert!(!output.stderr.contains("goes with --ca-cert"), "{output}");
        let says = [
            "of a certificate authority",
            "issue a certificate for the server",
        ];
        assert_failed(&world, &before, output, 7, &says);
    }
    assert!(cloudeka.requests().is_empty());
}

#[test]
fn an_authority_that_nobody_named_is_not_trusted() {
    let (cloudeka, world) = start(Certificate::Good);
    let other = Standin::start_tls();
    let other = world.write("other.pem", other.ca_pem());
    let (run, before) = auth(&world);
    let output = run.arg("--ca-cert").arg(&other).run();
    assert_failed(
        &world,
        &before,
        output,
        7,
        &[&cloudeka.base_url(), "not trusted", "--ca-cert"],
    );
    let (run, before) = auth(&world);
    let output = run.env("SSL_CERT_FILE", &other).run();
    assert_failed(
        &world,
        &before,
        output,
        7,
        &[&cloudeka.base_url(), "not trusted", "--ca-cert"],
    );
    assert_unchanged(&world, &before);
    assert!(cloudeka.requests().is_empty());
}

#[test]
fn a_machine_without_authorities_can_use_loopback_and_is_told_otherwise() {
    let missing = "/nonexistent/roots.pem";
    let plain = Standin::start();
    plain.accept_token(TOKEN);
    let plain_world = World::new().at(&plain);
    let run = auth(&plain_world).0.env("SSL_CERT_FILE", missing);
    run.run().succeeded();
    let (_cloudeka, world) = start(Certificate::Good);
    let (run, before) = auth(&world);
    let run = run.env("SSL_CERT_FILE", missing);
    let output = run.args(["-U", "https://cloudeka.invalid"]).run();
    let says = ["no trusted certificates", "cloudeka.invalid"];
    assert_failed(&world, &before, output, 7, &says);
    let run = auth(&world).0.env("SSL_CERT_FILE", missing);
    let ca = world.home().join("ca.pem");
    run.arg("--ca-cert").arg(ca).run().succeeded();
}

#[test]
fn a_variable_that_names_no_authorities_is_warned_of_where_they_are_needed() {
    let (_cloudeka, world) = start(Certificate::Good);
    let ca = world.home().join("ca.pem");
    for (variable, value) in [
        ("SSL_CERT_FILE", "nope.pem"),
        ("SSL_CERT_FILE", "/"),
        ("SSL_CERT_DIR", "nodir"),
        ("SSL_CERT_DIR", "/nonexistent/nodir"),
        ("SSL_CERT_DIR", "/etc/passwd"),
    ] {
        let run = auth(&world).0.arg("--ca-cert").arg(&ca);
        let output = run.env(variable, value).run().succeeded();
        let told = format!("warning: {variable} names {value}, which cannot be read: ");
        assert_eq!(output.stderr.matches(&told).count(), 1, "{output}");
        let run = world.cldkctl(["vault", "path"]).env(variable, value);
        assert!(!run.run().succeeded().stderr.contains(variable));
    }
}

#[test]
fn a_file_that_is_no_authority_is_told_from_a_server_that_is_not_trusted() {
    let (cloudeka, world) = start(Certificate::Good);
    world.write("empty.pem", "");
    world.write("text.pem", "hello");
    world.write("cut.pem", &cloudeka.ca_pem()[..100]);
    for (name, says) in [
        ("missing.pem", "missing.pem"),
        ("empty.pem", "empty.pem"),
        ("text.pem", "text.pem"),
        ("cut.pem", "cut.pem"),
    ] {
        let (run, before) = auth(&world);
        let output = run.arg("--ca-cert").arg(world.home().join(name)).run();
        assert_failed(&world, &before, output, 2, &[says, "--ca-cert"]);
        assert_unchanged(&world, &before);
    }
    assert_eq!(cloudeka.connections(), 0);
}

/// Files that hold the authority, of which a reader would pass over a part in silence.
fn damaged_bundles(cloudeka: &Standin) -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let ca = cloudeka.ca_pem().replace("\r\n", "\n");
    let other = Standin::start_tls().ca_pem().replace("\r\n", "\n");
    let glued = format!("{}{ca}", other.trim_end());
    let trusted = ca.replace(" CERT", " TRUSTED CERT");
    vec![
        (
            "glued.pem",
            glued.clone().into(),
            "of the 2 certificates in it, 1 can be read",
        ),
        (
            "glued-crlf.pem",
            glued.replace('\n', "\r\n").into(),
            "of the 2 certificates",
        ),
        (
            "three.pem",
            format!("{other}{glued}").into(),
            "of the 3 certificates in it, 2 can",
        ),
        (
            "headless.pem",
            format!("{other}{}", &ca[28..]).into(),
            "of the 2 certificates",
        ),
        (
            "trusted.pem",
            format!("{other}{trusted}").into(),
            "TRUSTED CERTIFICATE",
        ),
        (
            "cut.pem",
            format!("{other}{}", &ca[..ca.len() / 2]).into(),
            "number 2 in it is not well-formed",
        ),
    ]
}

#[test]
fn a_bundle_of_which_a_part_would_be_passed_over_is_refused_or_warned_of() {
    let (cloudeka, world) = start(Certificate::Good);
    for (name, bytes, says) in damaged_bundles(&cloudeka) {
        let file = world.write(name, bytes);
        let (run, before) = auth(&world);
        let output = run.arg("--ca-cert").arg(&file).run();
        let hint = "--ca-cert";
        assert_failed(&world, &before, output, 2, &[name, says, hint]);
        let ca = world.write("ca.pem", cloudeka.ca_pem());
        let run = auth(&world).0.env("SSL_CERT_FILE", &file);
        let output = run.arg("--ca-cert").arg(ca).run().succeeded();
        let warnings = output
            .stderr
            .matches("warning: not all certificate authorities")
            .count();
        assert_eq!(warnings, 1, "{output}");
        assert!(output.stderr.contains(name), "{output}");
        assert!(output.stderr.contains(says), "{output}");
    }
}

#[test]
fn a_mark_or_blanks_in_front_do_no_harm_where_the_file_is_named_for_us() {
    let (cloudeka, world) = start(Certificate::Good);
    let ca = cloudeka.ca_pem().replace("\r\n", "\n");
    for text in [
        format!("\u{feff}{ca}"),
        format!("  {}", ca.replace('\n', "\n  ")),
    ] {
        let file = world.write("bundle.pem", &text);
        auth(&world).0.arg("--ca-cert").arg(&file).run().succeeded();
        let good = world.write("ca.pem", &ca);
        let run = auth(&world).0.arg("--ca-cert").arg(good);
        let output = run.env("SSL_CERT_FILE", &file).run().succeeded();
        let says = "of the 1 certificate in it, 0 can be read";
        assert!(output.stderr.contains(says), "{output}");
    }
}

#[test]
fn a_file_that_holds_something_else_than_certificates_is_named_as_what_it_is() {
    let (cloudeka, world) = start(Certificate::Good);
    let ca = cloudeka.ca_pem();
    let der: Vec<u8> = {
        use base64::Engine as _;
        let lines = ca.lines().filter(|line| !line.starts_with('-'));
        let text: String = lines.collect();
        base64::engine::general_purpose::STANDARD
            .decode(text)
            .expect("base64")
    };
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (bytes, says) in [
        (der, "in DER"),
        (b" \n".to_vec(), "it is empty"),
        (key.as_bytes().to_vec(), "a private key and no certificate"),
        (b"hello".to_vec(), "no PEM certificate"),
    ] {
        let file = world.write("not.pem", bytes);
        let (run, before) = auth(&world);
        let output = run.arg("--ca-cert").arg(&file).run();
        assert_failed(&world, &before, output, 2, &["not.pem", says, "--ca-cert"]);
        let ca = world.write("ca.pem", ca);
        let run = auth(&world).0.env("SSL_CERT_FILE", &file);
        let output = run.arg("--ca-cert").arg(ca).run().succeeded();
        assert!(output.stderr.contains(says), "{output}");
    }
    // In a folder of certificates there may be other files.
    std::fs::create_dir(world.home().join("roots")).expect("a folder");
    world.write("roots/README", "hello");
    world.write("roots/empty", "");
    world.write("roots/ca.pem", ca);
    let run = auth(&world)
        .0
        .env("SSL_CERT_DIR", world.home().join("roots"));
    let output = run.run().succeeded();
    assert!(!output.stderr.contains("warning: not all"), "{output}");
    world.write("roots/glued", format!("{}{ca}", ca.trim_end()));
    let run = auth(&world)
        .0
        .env("SSL_CERT_DIR", world.home().join("roots"));
    let output = run.run().succeeded();
    assert!(output.stderr.contains("roots/glued"), "{output}");
}

#[test]
fn line_ends_text_between_and_a_key_beside_do_no_harm_to_a_bundle() {
    let (cloudeka, world) = start(Certificate::Good);
    let ca = cloudeka.ca_pem().replace("\r\n", "\n");
    let other = Standin::start_tls().ca_pem().to_owned();
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for text in [
        ca.clone(),
        ca.replace('\n', "\r\n"),
        ca.trim_end().to_owned(),
        format!("# ours\n{other}\nCN = something\n{ca}# end"),
        format!("{key}{ca}"),
    ] {
        let file = world.write("bundle.pem", &text);
        let output = auth(&world).0.arg("--ca-cert").arg(&file).run().succeeded();
        assert!(!output.stderr.contains("warning: not all"), "{output}");
        let run = auth(&world).0.env("SSL_CERT_FILE", &file);
        let output = run.run().succeeded();
        assert!(!output.stderr.contains("warning: not all"), "{output}");
    }
}

/// A proxy that tunnels, or does not; what it was asked for.
pub(super) struct Proxy {
    pub(super) url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Leads to `target`, whatever is asked for; without one it denies.
    pub(super) fn start(target: Option<&Standin>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("a bound port"));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let target = target.map(|it| it.base_url().split("://").nth(1).expect("host").to_owned());
        let log = Arc::clone(&asked);
        // Ends with the test's process.
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (log, target) = (Arc::clone(&log), target.clone());
                thread::spawn(move || tunnel(client, target.as_deref(), &log));
            }
        });
        Self { url, asked }
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

fn tunnel(mut client: TcpStream, target: Option<&str>, log: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(client.try_clone().expect("a stream"));
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && lines.read_line(&mut head).is_ok_and(|read| read > 0) {}
    log.lock().expect("no panic").push(head);
    let Some(target) = target else {
        let _ = client.write_all(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n");
        return;
    };
    let mut server = TcpStream::connect(target).expect("the stand-in");
    let _ = client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n");
    let (mut from_server, mut to_client) = (
        server.try_clone().expect("a stream"),
        client.try_clone().expect("a stream"),
    );
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        let _ = to_client.shutdown(Shutdown::Both);
    });
    let _ = std::io::copy(&mut lines.by_ref(), &mut server);
}

#[test]
fn a_proxy_of_the_environment_carries_the_connection_and_sees_no_token() {
    let (cloudeka, world) = start(Certificate::OtherName);
    for variable in ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        let proxy = Proxy::start(Some(&cloudeka));
        let run = auth(&world)
            .0
            .env(variable, &proxy.url)
            .args(["-U", "https://cloudeka.example"]);
        run.arg("--ca-cert")
            .arg(world.home().join("ca.pem"))
            .run()
            .succeeded();
        let asked = proxy.asked();
        assert_eq!(asked.len(), 1, "{variable}");
        assert!(
            asked[0].starts_with("CONNECT cloudeka.example:443 HTTP/1.1\r\n"),
            "{asked:?}"
        );
        assert!(!asked[0].contains(TOKEN));
    }
    assert_eq!(cloudeka.requests().len(), 4);
}

#[test]
fn a_proxy_that_is_not_wanted_for_a_host_is_not_asked() {
    let (_cloudeka, world) = start(Certificate::OtherName);
    let proxy = Proxy::start(None);
    let (run, before) = auth(&world);
    let run = run
        .env("HTTPS_PROXY", &proxy.url)
        .env("NO_PROXY", "cloudeka.invalid");
    let output = run
        .args(["-U", "https://cloudeka.invalid", "--max-retries", "0"])
        .run();
    assert_failed(&world, &before, output, 7, &["https://cloudeka.invalid"]);
    assert_eq!(proxy.asked(), [""; 0]);
}

#[test]
fn a_proxy_that_denies_or_is_not_there_is_told_from_the_api() {
    let (_cloudeka, world) = start(Certificate::OtherName);
    let denying = Proxy::start(None);
    let nobody = crate::support::standin::nobodys_url();
    for (proxy, says) in [
        (&denying.url, "the proxy did not open"),
        (&nobody, "through the proxy"),
    ] {
        let (run, before) = auth(&world);
        let run = run.env("HTTPS_PROXY", proxy).args(["--max-retries", "0"]);
        let output = run.args(["-U", "https://cloudeka.example"]).run();
        assert_failed(
            &world,
            &before,
            output,
            7,
            &["https://cloudeka.example", says],
        );
        assert_unchanged(&world, &before);
    }
}

#[test]
fn loopback_is_never_asked_for_through_a_proxy() {
    let proxy = Proxy::start(None);
    let plain = Standin::start();
    plain.accept_token(TOKEN);
    let plain_world = World::new().at(&plain);
    let (_secure, secure_world) = start(Certificate::Good);
    for world in [&plain_world, &secure_world] {
        let ca = world.write("ca.pem", _secure.ca_pem());
        let mut run = auth(world).0.arg("--ca-cert").arg(ca);
        for variable in [
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
            "ALL_PROXY",
            "all_proxy",
        ] {
            run = run.env(variable, &proxy.url);
        }
        run.run().succeeded();
    }
    assert_eq!(proxy.asked(), [""; 0]);
}

#[test]
fn a_proxys_password_is_not_shown() {
    let (_cloudeka, world) = start(Certificate::OtherName);
    let proxy = Proxy::start(None);
    let with_password = proxy.url.replace("http://", "http://user:proxypassword@");
    let (run, _) = auth(&world);
    let run = run
        .env("HTTPS_PROXY", with_password)
        .args(["-v", "-U", "https://cloudeka.example"]);
    run.run()
        .expect_code(7)
        .assert_no_secret(&["proxypassword"]);
}

/// Or the connection that was to go through it would go past it.
#[test]
fn a_variable_that_names_no_proxy_is_wrong_usage_and_nothing_is_sent() {
    let world = World::new();
    let file = world.write("passphrase", PASSPHRASE);
    for (variable, value) in [
        ("HTTPS_PROXY", "not a url proxypassword"),
        ("https_proxy", "ftp://user:proxypassword@127.0.0.1:1"),
        ("all_proxy", "http://user:proxypassword@"),
    ] {
        for args in [
            &["auth", "--token-stdin"][..],
            &["api", "/core/user/profile"],
        ] {
            let run = world.cldkctl(args.iter().copied());
            let run = match args[0] {
                "auth" => run.stdin(TOKEN).arg("--passphrase-file").arg(&file),
                _ => run.env("CLDKCTL_TOKEN", TOKEN),
            };
            let run = run.args(["-v", "-U", "https://cloudeka.invalid"]);
            let output = run.env(variable, value).run().expect_code(2);
            let said = format!("{variable} is not the address of a proxy");
            assert!(output.stderr.contains(&said), "{output}");
            assert!(!output.stderr.contains("attempt"), "{output}");
            output.assert_no_secret(&["proxypassword", TOKEN]);
        }
    }
    // On the way to this machine itself none is asked.
    let cloudeka = Standin::start();
    cloudeka.accept_token(TOKEN);
    let world = world.at(&cloudeka);
    auth(&world)
        .0
        .env("ALL_PROXY", "nonsense//")
        .run()
        .succeeded();
}
