//! What only shows over a real connection, and not in what the command says: the stories are
//! in `tests/it/`.

mod retries;
mod server;

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use super::{Body, Client, Error, Event, Fault, Kind, Login, Method, Request, Unreachable};
use crate::secret::Token;

use self::server::{Server, http};

const TOKEN: &str = "cldkctl_0123456789abcdef";
const LOGIN: &str = r#"{"data":{"token":"head.claims.sig","name":"Ann"}}"#;

fn token() -> Token {
    Token::parse(TOKEN).expect("a token")
}

fn login(client: &Client) -> Result<Login, Error> {
    client.login(&token(), Timestamp::UNIX_EPOCH, &mut |_| ())
}

fn get(path: &str) -> Request {
    Request {
        method: Method::Get,
        path: path.to_owned(),
        query: Vec::new(),
        body: None,
    }
}

fn status_of(client: &Client, request: &Request) -> Result<u16, Error> {
    let session = Token::parse("head.claims.sig").expect("a token");
    client
        .call(&session, request, &mut |_| ())
        .map(|answer| answer.status)
}

fn unreachable_because(error: Error) -> Unreachable {
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
    let server = Server::answering(&[http(200, "", LOGIN)]);
    let login = login(&server.client(0)).expect("a login");
    assert_eq!(login.session.token.expose(), "head.claims.sig");
    assert_eq!(login.account["name"], "Ann");

    let request = &server.requests()[0];
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
fn an_answer_that_announces_too_much_is_refused_at_once() {
    let server = Server::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n");
        thread::sleep(Duration::from_secs(1));
    });
    let begun = Instant::now();
    assert_eq!(
        fault(login(&server.client(0)).expect_err("no login")),
        Fault::TooLarge { limit: 1 << 20 }
    );
    assert!(begun.elapsed() < Duration::from_millis(900));
}

#[test]
fn the_body_of_a_head_request_is_not_missed() {
    let server =
        Server::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n".to_owned()]);
    let head = Request {
        method: Method::Head,
        ..get("/big")
    };
    assert_eq!(status_of(&server.client(0), &head), Ok(200));
}

#[test]
fn a_verdict_is_told_from_trouble_and_an_echoed_token_is_redacted() {
    let body = format!(r#"{{"message":"token {TOKEN} is expired"}}"#);
    let server = Server::answering(&[http(401, "Content-Type: application/json\r\n", &body)]);
    let error = login(&server.client(0)).expect_err("no login");
    assert_eq!(error.kind(), Kind::Rejected);
    assert_eq!(
        error.to_string(),
        format!(
            "{} rejected the token with status 401: token [redacted] is expired",
            server.base_url()
        )
    );
    assert!(!format!("{error:?}").contains(TOKEN));

    let server = Server::answering(&[http(
        400,
        "",
        r#"{"message":"pq: relation \"cldkctl_tokens\" does not exist"}"#,
    )]);
    let error = login(&server.client(0)).expect_err("no login");
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
        let server = Server::answering(std::slice::from_ref(&answer));
        assert_eq!(
            fault(login(&server.client(0)).expect_err("no login")),
            expected,
            "{answer}"
        );
    }
}

#[test]
fn a_call_has_the_session_the_query_and_the_body() {
    let server = Server::answering(&[http(418, "X-Odd: a\u{9b}b\r\n", "short and stout")]);
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
    let answer = server
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
    assert_eq!(urls, [format!("{}/core/x", server.base_url())]);
    let request = &server.requests()[0];
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
    let server = Server::answering(&[http(200, "", "")]);
    let error = status_of(&server.client(0), &get("//evil.example/x")).expect_err("refused");
    assert_eq!(error.kind(), Kind::Usage);
    assert!(server.requests().is_empty());
}
