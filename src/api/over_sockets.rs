//! What only shows over a real connection.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::stub::{Stub, http};
use super::{Body, Client, Error, Event, Fault, Kind, Login, Method, Request, Unreachable};
use crate::secret::Token;

const TOKEN: &str = "cldkctl_0123456789abcdef";
pub(super) const LOGIN: &str = r#"{"data":{"token":"head.claims.sig","name":"Ann"}}"#;

pub(super) fn token() -> Token {
    Token::parse(TOKEN).expect("a token")
}

pub(super) fn login(client: &Client) -> Result<Login, Error> {
    client.login(&token(), Timestamp::UNIX_EPOCH, &mut |_| ())
}

pub(super) fn get(path: &str) -> Request {
    Request {
        method: Method::Get,
        path: path.to_owned(),
        query: Vec::new(),
        body: None,
    }
}

pub(super) fn status_of(client: &Client, request: &Request) -> Result<u16, Error> {
    let session = Token::parse("head.claims.sig").expect("a token");
    client
        .call(&session, request, &mut |_| ())
        .map(|answer| answer.status)
}

pub(super) fn unreachable_because(error: Error) -> Unreachable {
    match error {
        Error::Unreachable { reason, .. } => reason,
        other => panic!("unreachable, not {other:?}"),
    }
}

fn fault(error: Error) -> Fault {
    match error {
        Error::NotSensible { fault, .. } => fault,
        other => panic!("not sensible, not {other:?}"),
    }
}

#[test]
fn a_login_sends_the_token_in_a_json_body_and_nowhere_else() {
    let stub = Stub::answering(&[http(200, "", LOGIN)]);
    let login = login(&stub.client(0)).expect("a login");
    assert_eq!(login.session.token.expose(), "head.claims.sig");
    assert_eq!(login.account["name"], "Ann");

    let request = &stub.requests()[0];
    let (head, body) = request.split_once("\r\n\r\n").expect("a request");
    assert_eq!(body, format!(r#"{{"token":"{TOKEN}"}}"#));
    assert!(
        head.starts_with("POST /core/cldkctl/auth HTTP/1.1\r\n"),
        "{head}"
    );
    assert!(!head.contains(TOKEN));
    let head = head.to_ascii_lowercase();
    assert!(head.contains("content-type: application/json"));
    assert!(head.contains(&format!(
        "user-agent: cldkctl/{}",
        env!("CARGO_PKG_VERSION")
    )));
    for absent in ["referer", "cookie", "authorization", "accept-encoding"] {
        assert!(!head.contains(absent), "{head}");
    }
}

#[test]
fn a_redirect_is_not_followed_and_the_other_host_never_contacted() {
    let elsewhere = TcpListener::bind("127.0.0.1:0").expect("a port");
    elsewhere
        .set_nonblocking(true)
        .expect("a non-blocking socket");
    let other = format!("http://{}", elsewhere.local_addr().expect("an address"));
    for status in [301, 302, 303, 307, 308] {
        let stub = Stub::answering(&[http(
            status,
            &format!("Location: {other}/core/cldkctl/auth\r\n"),
            "",
        )]);
        let error = login(&stub.client(3)).expect_err("no login");
        assert!(error.to_string().contains(&other), "{error}");
        assert!(matches!(fault(error), Fault::Redirect { .. }));
        assert_eq!(stub.requests().len(), 1);
        assert_eq!(status_of(&stub.client(3), &get("/x")), Ok(status));
    }
    let contacted = elsewhere.accept().map(|_| ()).map_err(|error| error.kind());
    assert_eq!(contacted, Err(std::io::ErrorKind::WouldBlock));
}

#[test]
fn an_endless_answer_is_not_read_to_its_end() {
    let sent = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&sent);
    let stub = Stub::new(move |_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(&[b' '; 16 * 1024]).is_ok() {
            count.fetch_add(16 * 1024, Ordering::Relaxed);
        }
    });
    let client = stub.client(3);
    let error = login(&client).expect_err("no login");
    assert_eq!(fault(error), Fault::TooLarge { limit: 1 << 20 });
    assert_eq!(stub.requests().len(), 1, "and it is not tried again");
    thread::sleep(Duration::from_millis(300));
    let then = sent.load(Ordering::Relaxed);
    thread::sleep(Duration::from_millis(100));
    assert_eq!(
        sent.load(Ordering::Relaxed),
        then,
        "the connection is closed"
    );
}

#[test]
fn an_answer_that_announces_too_much_is_refused_at_once() {
    let stub = Stub::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n");
        thread::sleep(Duration::from_secs(1));
    });
    let begun = Instant::now();
    assert_eq!(
        fault(login(&stub.client(0)).expect_err("no login")),
        Fault::TooLarge { limit: 1 << 20 }
    );
    assert!(begun.elapsed() < Duration::from_millis(900));
}

#[test]
fn the_body_of_a_head_request_is_not_missed() {
    let stub =
        Stub::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_owned()]);
    let head = Request {
        method: Method::Head,
        ..get("/big")
    };
    assert_eq!(status_of(&stub.client(0), &head), Ok(200));
}

#[test]
fn a_server_that_drips_is_left_after_the_total_time_and_not_asked_again() {
    let stub = Stub::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b" ").and_then(|()| stream.flush()).is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
    });
    let begun = Instant::now();
    let error = login(&stub.client(3)).expect_err("no login");
    assert_eq!(unreachable_because(error), Unreachable::TimedOut);
    assert!(
        begun.elapsed() < Duration::from_millis(2900),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(stub.requests().len(), 1);
}

#[test]
fn a_silent_server_times_out() {
    let stub = Stub::new(|_, _| thread::sleep(Duration::from_secs(4)));
    let error = login(&stub.client(3)).expect_err("no login");
    assert_eq!(error.kind(), Kind::Unreachable);
    assert_eq!(unreachable_because(error), Unreachable::TimedOut);
    assert_eq!(stub.requests().len(), 1);
}

#[test]
fn a_verdict_is_told_from_trouble_and_an_echoed_token_is_redacted() {
    let body = format!(r#"{{"message":"token {TOKEN} is expired"}}"#);
    let stub = Stub::answering(&[http(401, "Content-Type: application/json\r\n", &body)]);
    let error = login(&stub.client(0)).expect_err("no login");
    assert_eq!(error.kind(), Kind::Rejected);
    assert_eq!(
        error.to_string(),
        format!(
            "{} rejected the token with status 401: token [redacted] is expired",
            stub.base_url()
        )
    );
    assert!(!format!("{error:?}").contains(TOKEN));

    let stub = Stub::answering(&[http(
        400,
        "",
        r#"{"message":"pq: relation \"cldkctl_tokens\" does not exist"}"#,
    )]);
    let error = login(&stub.client(0)).expect_err("no login");
    assert_eq!(error.kind(), Kind::Status);
    assert!(
        error
            .to_string()
            .ends_with(r#"pq: relation "cldkctl_tokens" does not exist"#),
        "{error}"
    );
}

#[test]
fn what_is_no_answer_of_an_api_is_told_apart() {
    for (answer, expected) in [
        (
            http(200, "Content-Type: text/html\r\n", "<html>Welcome</html>"),
            Fault::Markup,
        ),
        (http(200, "", "{\"data\":"), Fault::NotJson),
        (http(200, "", "{\"data\":{}}"), Fault::NoSession),
        (http(204, "", ""), Fault::NotJson),
        ("SSH-2.0-OpenSSH_9.6\r\n".to_owned(), Fault::NotHttp),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n".to_owned(),
            Fault::NotHttp,
        ),
    ] {
        let stub = Stub::answering(std::slice::from_ref(&answer));
        assert_eq!(
            fault(login(&stub.client(0)).expect_err("no login")),
            expected,
            "{answer}"
        );
    }
}

#[test]
fn a_call_has_the_session_the_query_and_the_body() {
    let stub = Stub::answering(&[http(418, "X-Odd: a\u{9b}b\r\n", "short and stout")]);
    let session = Token::parse("head.claims.sig").expect("a token");
    let request = Request {
        method: Method::Post,
        path: "/core/x?a=1".to_owned(),
        query: vec![("b c".to_owned(), "&é".to_owned())],
        body: Some(Body {
            bytes: b"{}".to_vec(),
            content_type: "application/json".to_owned(),
        }),
    };
    let mut urls = Vec::new();
    let answer = stub
        .client(0)
        .call(&session, &request, &mut |event| {
            if let Event::Sending { url, .. } = event {
                urls.push(url.to_owned());
            }
        })
        .expect("an answer");
    assert_eq!(
        (answer.status, &answer.body[..]),
        (418, &b"short and stout"[..])
    );
    assert!(
        answer
            .headers
            .contains(&("x-odd".to_owned(), "a\u{fffd}b".to_owned())),
        "{:?}",
        answer.headers
    );
    assert_eq!(urls, [format!("{}/core/x", stub.base_url())]);
    let request = &stub.requests()[0];
    assert!(
        request.starts_with("POST /core/x?a=1&b+c=%26%C3%A9 HTTP/1.1\r\n"),
        "{request}"
    );
    assert!(
        request.contains("authorization: Bearer head.claims.sig\r\n"),
        "{request}"
    );
    assert!(request.ends_with("\r\n\r\n{}"), "{request}");
}

#[test]
fn a_path_that_leads_elsewhere_sends_nothing() {
    let stub = Stub::answering(&[http(200, "", "")]);
    let error = status_of(&stub.client(0), &get("//evil.example/x")).expect_err("refused");
    assert_eq!(error.kind(), Kind::Usage);
    assert!(stub.requests().is_empty());
}
