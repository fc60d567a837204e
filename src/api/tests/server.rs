//! A server for the tests of this module, on loopback, that answers as badly as it is told.
//!
//! One connection after the other, one request on each. The full stand-in for the API, which
//! knows its routes, is in `tests/`.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::super::client::{Client, Options, Timing};
use crate::base_url::BaseUrl;

/// A running server. It stops with the process that tests it.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers the first request with the first of `answers` and so on, and all further ones
    /// with the last of them.
    pub(super) fn answering(answers: &[String]) -> Self {
        let answers = answers.to_vec();
        Self::new(move |number, stream| {
            let answer = &answers[number.min(answers.len() - 1)];
            let _ = stream.write_all(answer.as_bytes());
        })
    }

    /// Hands each request to `answer`, with its number from zero, after noting it.
    pub(super) fn new(mut answer: impl FnMut(usize, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for (number, tcp) in listener.incoming().enumerate() {
                let Ok(mut tcp) = tcp else { return };
                tcp.set_read_timeout(Some(Duration::from_secs(5)))
                    .expect("a time-out");
                let closing = tcp.try_clone().expect("another handle");
                serve(&mut tcp, number, &seen, &mut answer);
                // Data left unread would turn the close into a reset.
                let _ = closing.shutdown(Shutdown::Write);
                drain(&closing);
            }
        });
        Self { address, requests }
    }

    /// Everything that was asked so far, head and body. A connection without a request is an
    /// empty one.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests
            .lock()
            .expect("no panic in the server")
            .clone()
    }

    pub(super) fn base_url(&self) -> BaseUrl {
        BaseUrl::parse(&format!("http://{}", self.address)).expect("a base URL")
    }

    /// A client of this server that never sleeps.
    pub(super) fn client(&self, max_retries: u32) -> Client {
        client(&Options {
            max_retries,
            ..Options::new(self.base_url())
        })
    }
}

/// A client that never sleeps, and waits two seconds for an answer.
pub(super) fn client(options: &Options) -> Client {
    let timing = Timing {
        connect: Duration::from_secs(2),
        total: Duration::from_secs(2),
        sleep: |_| (),
    };
    Client::with_timing(options, timing).expect("a client")
}

/// An answer of HTTP/1.1 with the given head lines, each ended by `\r\n`, and body.
pub(super) fn http(status: u16, head: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status} x\r\nConnection: close\r\nContent-Length: {}\r\n{head}\r\n{body}",
        body.len()
    )
}

fn serve(
    stream: &mut TcpStream,
    number: usize,
    seen: &Mutex<Vec<String>>,
    answer: &mut impl FnMut(usize, &mut TcpStream),
) {
    let request = read_request(stream);
    let asked = !request.is_empty();
    seen.lock().expect("no panic elsewhere").push(request);
    if asked {
        answer(number, stream);
    }
}

/// A request as far as it came: the head, and as much body as its `Content-Length` says.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).is_ok_and(|count| count == 1) {
        request.push(byte[0]);
        let text = String::from_utf8_lossy(&request);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .filter_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length:")?
                        .trim()
                        .parse()
                        .ok()
                })
                .next()
                .unwrap_or(0);
            if body.len() >= length {
                break;
            }
        }
    }
    String::from_utf8_lossy(&request).into_owned()
}

fn drain(mut tcp: &TcpStream) {
    let _ = tcp.set_read_timeout(Some(Duration::from_millis(200)));
    let mut rest = [0; 1024];
    while tcp.read(&mut rest).is_ok_and(|count| count > 0) {}
}
