//! Everything that can be wrong with a server, chosen after a request was received.

use std::io;
use std::time::Duration;

use serde_json::{Value, json};

use super::wire::Wire;
use super::{Answer, Received};

/// A way to answer badly. The functions make the common ones.
#[derive(Clone, Debug)]
pub enum Misbehave {
    /// This answer, properly sent, instead of the right one.
    Answer(Answer),
    /// The right answer, with a session that claims exactly this text, JSON or not.
    Claims(String),
    /// The right answer, with exactly this text as session.
    SessionText(String),
    /// The right answer, with sequences that a terminal acts on in every text but the session.
    EscapeSequences,
    /// A 401 whose message repeats the token or session that was sent.
    EchoToken,
    /// The right answer's head, one byte at each interval.
    SlowHead(Duration),
    /// The right answer's body, one byte at each interval.
    SlowBody(Duration),
    /// A body in chunks, until the client goes away.
    EndlessBody,
    /// A body said to have 16 GiB, sent until the client goes away.
    HugeBody,
    /// The right answer, said to be 100 bytes longer than it is, and the connection closed.
    CutBody,
    /// Nothing, while the connection stays open until the client goes away.
    NeverAnswer,
    /// Nothing, and the connection closed.
    CloseAtOnce,
    /// Bytes that are no HTTP.
    Garbage,
    /// These bytes, whatever they are, and the connection closed.
    Bytes(Vec<u8>),
    /// These bytes, and then those again and again, until the client goes away.
    Endless(Vec<u8>, Vec<u8>),
    /// These bytes, and then a space at each interval, until the client goes away.
    Drip(Vec<u8>, Duration),
}

impl Misbehave {
    /// Any status, with a body of JSON.
    pub fn status(status: u16, body: &Value) -> Self {
        Self::Answer(Answer::json(status, body))
    }

    /// 500, as a framework words it.
    pub fn internal_error() -> Self {
        Self::status(500, &json!({ "message": "Internal Server Error" }))
    }

    /// 400 that is no verdict about the token, as reported from the real service.
    pub fn database_error() -> Self {
        Self::status(
            400,
            &json!({ "message": "pq: relation \"cldkctl_tokens\" does not exist" }),
        )
    }

    /// A page for people, as a captive portal (200) or a proxy (502) gives it.
    pub fn html(status: u16) -> Self {
        let page = "<!DOCTYPE html>\n<html><body><h1>Welcome to the hotel</h1></body></html>\n";
        Self::Answer(Answer::new(status, "text/html", page))
    }

    /// 200 with JSON that ends too early.
    pub fn broken_json() -> Self {
        Self::Answer(Answer::new(
            200,
            "application/json",
            r#"{"data":{"token":"ey"#,
        ))
    }

    /// 200 with good JSON in which no session is.
    pub fn no_session() -> Self {
        Self::status(200, &json!({ "data": { "name": "Sari Wijaya" } }))
    }

    /// 200 with a message that is no UTF-8, in what would be JSON otherwise.
    pub fn invalid_utf8() -> Self {
        let body = b"{\"data\":{\"token\":\"\xff\xfe\",\"name\":\"Sari \xc3\x28\"}}";
        Self::Answer(Answer::new(200, "application/json", *body))
    }

    /// A redirect that keeps method and body.
    pub fn redirect(url: &str) -> Self {
        Self::Answer(Answer::new(307, "text/plain", "elsewhere").with("location", url))
    }

    /// 429 with `Retry-After` in seconds.
    pub fn too_many_requests(retry_after: u32) -> Self {
        let body = json!({ "message": "too many requests" });
        let seconds = retry_after.to_string();
        Self::Answer(Answer::json(429, &body).with("retry-after", &seconds))
    }

    /// 503. To be fine after three of them: `misbehave_next(3, Misbehave::unavailable())`.
    pub fn unavailable() -> Self {
        Self::status(503, &json!({ "message": "service unavailable" }))
    }

    /// Answers `request` badly, where `right` would be the right answer.
    pub(super) fn answer(
        &self,
        wire: &mut Wire,
        request: &Received,
        right: Answer,
    ) -> io::Result<()> {
        match self {
            Self::Answer(answer) => wire.answer(answer),
            Self::Claims(_) | Self::SessionText(_) => wire.answer(&right),
            Self::EscapeSequences => wire.answer(&with_escape_sequences(right)),
            Self::EchoToken => {
                let message = format!("no such token: {}", credential(request));
                wire.answer(&Answer::json(401, &json!({ "message": message })))
            }
            Self::SlowHead(interval) => {
                let length = right.body.len().to_string();
                let head = right.head(&[("content-length", &length)]);
                send_slowly(wire, &head, *interval)?;
                wire.send(&right.body)
            }
            Self::SlowBody(interval) => {
                let length = right.body.len().to_string();
                wire.send(&right.head(&[("content-length", &length)]))?;
                send_slowly(wire, &right.body, *interval)
            }
            Self::EndlessBody => {
                wire.send(&right.head(&[("transfer-encoding", "chunked")]))?;
                let chunk = [b"10000\r\n", &[b'a'; 0x1_0000][..], b"\r\n"].concat();
                wire.send(b"a\r\n{\"message\"\r\n3\r\n: \"\r\n")?;
                loop {
                    wire.send(&chunk)?;
                }
            }
            Self::HugeBody => {
                let length = (16_u64 << 30).to_string();
                wire.send(&right.head(&[("content-length", &length)]))?;
                loop {
                    wire.send(&[b' '; 0x1_0000])?;
                }
            }
            Self::CutBody => {
                let length = (right.body.len() + 100).to_string();
                wire.send(&right.head(&[("content-length", &length)]))?;
                wire.send(&right.body)?;
                wire.hang_up();
                Ok(())
            }
            Self::NeverAnswer => wire.wait_for_the_end(),
            Self::CloseAtOnce => {
                wire.hang_up();
                Ok(())
            }
            Self::Garbage => {
                wire.send(b"SSH-2.0-OpenSSH_9.9\r\n\x00\x00\x04\xff\xfe\r\n\r\n")?;
                wire.hang_up();
                Ok(())
            }
            Self::Bytes(bytes) => {
                wire.send(bytes)?;
                wire.hang_up();
                Ok(())
            }
            Self::Endless(first, then) => {
                wire.send(first)?;
                loop {
                    wire.send(then)?;
                }
            }
            Self::Drip(first, interval) => {
                wire.send(first)?;
                loop {
                    send_slowly(wire, b" ", *interval)?;
                }
            }
        }
    }
}

fn send_slowly(wire: &mut Wire, bytes: &[u8], interval: Duration) -> io::Result<()> {
    for byte in bytes {
        wire.send(&[*byte])?;
        std::thread::sleep(interval);
    }
    Ok(())
}

/// The token or session in `request`.
fn credential(request: &Received) -> String {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let bearer = request
        .header("authorization")
        .and_then(|value| value.strip_prefix("Bearer "));
    body["token"]
        .as_str()
        .or(bearer)
        .unwrap_or_default()
        .to_owned()
}

fn with_escape_sequences(mut answer: Answer) -> Answer {
    let mut body = serde_json::from_slice(&answer.body).expect("the right answer is JSON");
    add_escape_sequences(&mut body);
    answer.body = body.to_string().into_bytes();
    answer
}

fn add_escape_sequences(value: &mut Value) {
    match value {
        Value::String(text) => {
            // A title, a colour, a cleared screen, a C1 control, a new line, text reversed.
            *text = format!("\u{1b}]0;owned\u{7}\u{1b}[31m\u{1b}[2J\u{9b}0m\r\n\u{202e}{text}");
        }
        Value::Array(values) => values.iter_mut().for_each(add_escape_sequences),
        Value::Object(fields) => {
            let but_the_session = fields.iter_mut().filter(|(name, _)| *name != "token");
            but_the_session.for_each(|(_, value)| add_escape_sequences(value));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
