//! HTTPS with somebody in between, or something else at the port: no command that asks the API
//! sends a token or a session to whom it cannot verify, whatever the way there.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::support::world::{Cldkctl, Output};
use crate::support::{Certificate, Misbehave, Standin, TOKEN, World};

const PROFILE: &str = "/core/user/profile";

const COMMANDS: [&[&str]; 5] = [
    &["auth", "--token-stdin"],
    &["auth", "status", "--check"],
    &["auth", "token", "--session"],
    &["api", PROFILE],
    &["exec", "--session", "--", "true"],
];

/// A command that goes to `url` with [`TOKEN`], out of the environment but for a login.
fn command<'world>(world: &'world World, args: &[&str], url: &str) -> Cldkctl<'world> {
    let run = world
        .cldkctl(args[..2].iter().copied())
        .args(["--max-retries", "0"]);
    let run = run.args(args[2..].iter().copied()).stdin(TOKEN);
    let run = run
        .env("CLDKCTL_BASE_URL", url)
        .patience(Duration::from_secs(50));
    if args[1] == "--token-stdin" {
        run
    } else {
        run.env("CLDKCTL_TOKEN", TOKEN)
    }
}

#[track_caller]
fn assert_unreachable(world: &World, output: Output, says: &str, what: &str) {
    assert_eq!(output.code, 7, "{what}: {output}");
    assert!(output.stderr.contains(says), "{what}: {output}");
    assert!(
        output.stderr.lines().any(|line| line.starts_with("hint: ")),
        "{what}: {output}"
    );
    assert!(!output.stdout.contains("head."), "{what}: {output}");
    output.assert_no_secret(&[TOKEN]);
    assert!(!world.vault_path().exists(), "{what}: {output}");
}

/// Trusts the authority of `cloudeka`, by its file and by that of the settings.
fn trusting(cloudeka: &Standin) -> World {
    let world = World::new();
    let ca = world.write("ca.pem", cloudeka.ca_pem());
    let settings = format!("ca-cert = {:?}\n", ca.to_str().expect("text"));
    std::fs::write(world.settings_path(), settings).expect("written");
    world
}

#[test]
fn a_certificate_that_is_no_good_gets_nothing_from_any_command() {
    for (certificate, says) in [
        (Certificate::OtherName, "for another name"),
        (Certificate::Expired, "expired"),
        (Certificate::NotYetValid, "not valid yet"),
        (Certificate::SelfSigned, "not trusted"),
    ] {
        let cloudeka = Standin::start_tls_with(certificate);
        cloudeka.accept_token(TOKEN);
        let world = trusting(&cloudeka);
        for args in COMMANDS {
            let output = command(&world, args, &cloudeka.base_url()).run();
            assert_unreachable(&world, output, says, &format!("{certificate:?} {args:?}"));
        }
        assert!(cloudeka.requests().is_empty(), "{certificate:?}");
    }
    // And one that is good, of an authority that nobody named.
    let cloudeka = Standin::start_tls();
    let world = trusting(&Standin::start_tls());
    for args in COMMANDS {
        let output = command(&world, args, &cloudeka.base_url()).run();
        assert_unreachable(&world, output, "not trusted", &format!("{args:?}"));
    }
    assert!(cloudeka.requests().is_empty());
}

/// A server that answers whatever comes with these bytes; all that it heard.
fn answering(bytes: &[u8]) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("https://{}", listener.local_addr().expect("a bound port"));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let (log, bytes) = (Arc::clone(&heard), bytes.to_vec());
    // Ends with the test's process.
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let (log, bytes) = (Arc::clone(&log), bytes.clone());
            thread::spawn(move || {
                let mut greeting = [0; 4096];
                while let Ok(count @ 1..) = client.read(&mut greeting) {
                    log.lock().expect("no panic").extend(&greeting[..count]);
                    let _ = client.write_all(&bytes);
                    let _ = client.shutdown(Shutdown::Write);
                }
            });
        }
    });
    (url, heard)
}

#[test]
fn what_speaks_no_tls_or_an_old_one_gets_nothing() {
    // ServerHello of TLS 1.0 and 1.1 with TLS_RSA_WITH_AES_128_CBC_SHA, RFC 4346 section 7.4.1.3.
    let hello = |minor: u8| {
        let head = [0x16, 3, minor, 0, 42, 2, 0, 0, 38, 3, minor];
        [&head[..], &[7; 32], &[0, 0, 0x2f, 0]].concat()
    };
    let endless_record = [&[0x16, 3, 3, 0xff, 0xff][..], &[0; 1 << 17]].concat();
    for (what, bytes) in [
        ("TLS 1.0", hello(1)),
        ("TLS 1.1", hello(2)),
        (
            "an alert that it knows no such version",
            vec![0x15, 3, 1, 0, 2, 2, 70],
        ),
        ("SSL 2", vec![0x80, 0x2e, 4, 0, 1, 0, 2]),
        ("a record that is too long", endless_record),
        (
            "HTTP",
            b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n".to_vec(),
        ),
        ("SSH", b"SSH-2.0-OpenSSH_9.9\r\n".to_vec()),
        (
            "an answer",
            b"HTTP/1.1 200 OK\r\n\r\n{\"data\":{\"token\":\"head.claims.sig\"}}".to_vec(),
        ),
    ] {
        let (url, heard) = answering(&bytes);
        let world = trusting(&Standin::start_tls());
        for args in COMMANDS {
            let output = command(&world, args, &url).run();
            assert_unreachable(&world, output, "TLS", &format!("{what}: {args:?}"));
        }
        let heard = heard.lock().expect("no panic");
        assert!(!heard.is_empty());
        let found = crate::support::traces::find(&heard, TOKEN);
        assert_eq!(found, None, "{what}");
    }
}

#[test]
fn no_redirect_leads_out_of_tls() {
    let cloudeka = Standin::start_tls();
    cloudeka.accept_token(TOKEN);
    let plain = Standin::start();
    let world = trusting(&cloudeka);
    // The second: who logs in gets as far as the question for a passphrase.
    for (path, codes) in [
        ("/core/cldkctl/auth", [7, 7, 7, 7, 7]),
        (PROFILE, [4, 0, 0, 8, 0]),
    ] {
        cloudeka.behave();
        let there = format!("{}{path}", plain.base_url());
        cloudeka.misbehave_at(path, Misbehave::redirect(&there));
        for (args, code) in COMMANDS.into_iter().zip(codes) {
            let run = command(&world, args, &cloudeka.base_url()).run();
            run.expect_code(code);
        }
    }
    assert_eq!(plain.connections(), 0);
}

/// A proxy that answers CONNECT with these bytes, then leads to `target` if there is one;
/// all that it heard.
fn proxy(answer: &[u8], target: Option<&Standin>, ends: bool) -> (String, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("a bound port"));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let target = target.map(|it| {
        it.base_url()
            .split("://")
            .nth(1)
            .expect("a host")
            .to_owned()
    });
    let (log, answer) = (Arc::clone(&heard), answer.to_vec());
    // Ends with the test's process.
    thread::spawn(move || {
        for mut client in listener.incoming().flatten() {
            let (log, answer, target) = (Arc::clone(&log), answer.clone(), target.clone());
            thread::spawn(move || {
                let mut server = target.map(|it| TcpStream::connect(it).expect("the stand-in"));
                let mut buffer = [0; 16 * 1024];
                let told = AtomicBool::new(false);
                while let Ok(count @ 1..) = client.read(&mut buffer) {
                    log.lock().expect("no panic").extend(&buffer[..count]);
                    if !told.swap(true, Ordering::Relaxed) {
                        let _ = client.write_all(&answer);
                        if ends {
                            let _ = client.shutdown(Shutdown::Write);
                        }
                        if let Some(server) = &server {
                            let mut from = server.try_clone().expect("a stream");
                            let mut to = client.try_clone().expect("a stream");
                            thread::spawn(move || std::io::copy(&mut from, &mut to));
                        }
                    } else if let Some(server) = &mut server {
                        let _ = server.write_all(&buffer[..count]);
                    }
                }
            });
        }
    });
    (url, heard)
}

#[test]
fn a_proxy_of_somebody_else_gets_no_token_out_of_tls() {
    let middle = Standin::start_tls_with(Certificate::OtherName); // for cloudeka.example
    middle.accept_token(TOKEN);
    let established = b"HTTP/1.1 200 Connection established\r\n\r\n";
    let answer =
        b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n{\"data\":{\"token\":\"head.claims.sig\"}}";
    let long = [&b"HTTP/1.1 200 OK\r\nx: "[..], &[b'y'; 1 << 20]].concat();
    let ways: [(&str, &[u8], Option<&Standin>, bool); 7] = [
        (
            "leads to a server of its own",
            established,
            Some(&middle),
            false,
        ),
        ("answers itself", answer, None, true),
        (
            "redirects",
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\n\r\n",
            None,
            true,
        ),
        (
            "wants a password",
            b"HTTP/1.1 407 No\r\nproxy-authenticate: Basic realm=\"\x1b[2J\"\r\n\r\n",
            None,
            true,
        ),
        ("has a head without end", &long, None, true),
        ("speaks no HTTP", b"SSH-2.0-OpenSSH_9.9\r\n", None, true),
        ("says nothing", b"", None, false),
    ];
    let world = trusting(&Standin::start_tls());
    for (what, answer, target, ends) in ways {
        let (proxy, heard) = proxy(answer, target, ends);
        let start = |args| {
            let run = command(&world, args, "https://cloudeka.example");
            (args, run.env("HTTPS_PROXY", &proxy).spawn())
        };
        for (args, run) in COMMANDS.map(start) {
            assert_unreachable(
                &world,
                run.wait(),
                "cloudeka.example",
                &format!("{what}: {args:?}"),
            );
        }
        let heard = heard.lock().expect("no panic");
        assert!(
            heard.starts_with(b"CONNECT cloudeka.example:443 HTTP/1.1\r\n"),
            "{what}"
        );
        assert_eq!(crate::support::traces::find(&heard, TOKEN), None, "{what}");
    }
    assert!(middle.requests().is_empty());
}

/// The key of the authority lies in many a file beside its certificate, by mistake.
#[test]
fn a_key_in_the_file_of_an_authority_is_no_authority_and_goes_nowhere() {
    let cloudeka = Standin::start_tls();
    cloudeka.accept_token(TOKEN);
    let world = World::new();
    let key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIEVSQ1JFVF9LRVlfU0VDUkVUX0tFWV9TRUNSRVRf\n-----END PRIVATE KEY-----\n";
    let alone = world.write("key.pem", key);
    let output = command(&world, COMMANDS[0], &cloudeka.base_url())
        .arg("--ca-cert")
        .arg(&alone)
        .run();
    let output = output.expect_code(2);
    assert!(output.stderr.contains("key.pem"), "{output}");
    assert!(!output.stderr.contains("MC4CAQ"), "{output}");
    let both = world.write("both.pem", format!("{key}{}", cloudeka.ca_pem()));
    let api = command(&world, &["api", PROFILE], &cloudeka.base_url());
    let output = api.args(["-v", "--ca-cert"]).arg(&both).run().succeeded();
    assert!(!output.stderr.contains("MC4CAQ"), "{output}");

    // One that others can change decides whom to trust.
    crate::support::world::set_mode(&both, 0o666);
    let api = command(&world, &["api", PROFILE], &cloudeka.base_url());
    let output = api.arg("--ca-cert").arg(&both).run().succeeded();
    assert!(
        output.stderr.contains("warning: other users can change"),
        "{output}"
    );
}
