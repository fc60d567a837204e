//! What is tried again over a real connection, and how often.

use std::net::TcpListener;

use jiff::Timestamp;

use super::super::{Error, Event, Method, Options, Request, Unreachable};
use super::server::{Server, client, http};
use super::{LOGIN, get, login, status_of, token, unreachable_because};
use crate::base_url::BaseUrl;

#[test]
fn a_refused_connection_is_tried_again_and_named() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    drop(listener);
    let client = client(&Options::new(BaseUrl::parse(&url).expect("a base URL")));
    let mut events = Vec::new();
    let error = client
        .login(&token(), Timestamp::UNIX_EPOCH, &mut |event| {
            events.push(match event {
                Event::Sending { attempt, .. } => format!("sending {attempt}"),
                Event::Answered { status } => format!("answered {status}"),
                Event::Waiting { because, .. } => format!("waiting, {because}"),
                Event::ClocksDiffer { .. } => "clocks".to_owned(),
            });
        })
        .expect_err("no login");
    assert_eq!(
        error.to_string(),
        format!("cannot reach {url}: connection refused")
    );
    assert_eq!(
        events.len(),
        7,
        "four attempts and the pauses between: {events:?}"
    );
    assert_eq!(events[1], format!("waiting, {error}"));
    assert_eq!(events[6], "sending 4");
}

#[test]
fn a_login_is_repeated_as_often_as_asked_for_and_no_more() {
    for status in [429, 502, 503, 504] {
        for max_retries in [0, 2] {
            let server = Server::answering(&[http(status, "", "busy")]);
            let error = login(&server.client(max_retries)).expect_err("no login");
            assert!(
                matches!(&error, Error::Status { status: s, said: Some(said), .. } if *s == status && said == "busy")
            );
            assert_eq!(server.requests().len(), max_retries as usize + 1);
        }
    }
    let server = Server::answering(&[http(503, "", ""), http(429, "", ""), http(200, "", LOGIN)]);
    assert!(login(&server.client(2)).is_ok());
    for status in [400, 401, 403, 404, 500] {
        let server = Server::answering(&[http(status, "", "token")]);
        assert!(login(&server.client(3)).is_err());
        assert_eq!(server.requests().len(), 1, "{status}");
    }
}

#[test]
fn retry_after_is_honoured_up_to_a_minute() {
    let mut pauses = Vec::new();
    let date =
        "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\nRetry-After: Sun, 06 Nov 1994 08:50:07 GMT\r\n";
    let server = Server::answering(&[
        http(429, "Retry-After: 7\r\n", ""),
        http(503, date, ""),
        http(429, "Retry-After: 3600\r\n", ""),
    ]);
    let error = server
        .client(3)
        .login(&token(), Timestamp::UNIX_EPOCH, &mut |event| {
            if let Event::Waiting { pause, .. } = event {
                pauses.push(pause.as_secs());
            }
        })
        .expect_err("no login");
    assert_eq!(pauses, [7, 30]);
    assert_eq!(server.requests().len(), 3);
    assert!(
        error.to_string().contains("asks to wait 3600 seconds"),
        "{error}"
    );
}

#[test]
fn a_connection_that_breaks_is_tried_again_where_that_is_safe() {
    let breaking = || Server::new(|_, _| ());
    let server = breaking();
    assert_eq!(
        unreachable_because(login(&server.client(2)).expect_err("no login")),
        Unreachable::Broken
    );
    assert_eq!(server.requests().len(), 3);

    for (method, attempts) in [
        (Method::Get, 3),
        (Method::Delete, 3),
        (Method::Post, 1),
        (Method::Patch, 1),
    ] {
        let server = breaking();
        assert!(
            status_of(
                &server.client(2),
                &Request {
                    method,
                    ..get("/x")
                }
            )
            .is_err()
        );
        assert_eq!(server.requests().len(), attempts, "{method}");
    }

    let server =
        Server::answering(&["HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"data\"".to_owned()]);
    assert_eq!(
        unreachable_because(login(&server.client(0)).expect_err("no login")),
        Unreachable::Broken
    );
}
