//! HTTP/1.1 as bytes: reading requests strictly enough, and writing answers, good and bad.

use std::io::{self, ErrorKind, Read, Write};

use serde_json::Value;

/// The longest head or body of a request that is read.
const MOST: usize = 64 * 1024 * 1024;

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    /// Without the query, and not decoded.
    pub path: String,
    /// What follows the `?`, not decoded; empty when nothing does.
    pub query: String,
    /// In order, names as they were sent.
    pub headers: Vec<(String, String)>,
    /// The request line and the headers as they were sent.
    pub head: String,
    pub body: Vec<u8>,
}

impl Received {
    /// The value of the first header of this name, in whatever case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers
            .find(|(its, _)| its.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a body of JSON")
    }

    /// Whether `text` is anywhere in it: path, query, headers or body.
    pub fn contains(&self, text: &str) -> bool {
        self.head.contains(text) || String::from_utf8_lossy(&self.body).contains(text)
    }
}

/// An answer to be sent.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        Self {
            status,
            headers: Vec::new(),
            body,
        }
        .with("content-type", content_type)
    }

    pub fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json; charset=utf-8", body.to_string())
    }

    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The status line and the headers, with these among them.
    pub(super) fn head(&self, more: &[(&str, &str)]) -> Vec<u8> {
        let own = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in own.chain(more.iter().copied()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// A connection, plain or TLS.
pub(super) trait Stream: Read + Write + Send {
    /// Says goodbye as the protocol wants it.
    fn close(&mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Stream for std::net::TcpStream {}

/// One connection: requests in, answers out.
pub(super) struct Wire {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
    closed: bool,
}

impl Wire {
    pub(super) fn new(stream: impl Stream + 'static) -> Self {
        Self {
            stream: Box::new(stream),
            unread: Vec::new(),
            closed: false,
        }
    }

    /// The next request, or `None` when the client is done.
    pub(super) fn read_request(&mut self) -> io::Result<Option<Received>> {
        let mut request = loop {
            if let Some((request, length)) = parse_head(&self.unread)? {
                self.unread.drain(..length);
                break request;
            }
            if self.read_more()? == 0 {
                return Ok(None);
            }
        };
        request.body = if request.header("transfer-encoding").is_some() {
            self.read_chunks()?
        } else {
            let length = request.header("content-length").unwrap_or("0");
            self.read_exactly(length.parse().map_err(malformed)?)?
        };
        Ok(Some(request))
    }

    /// Sends a proper answer.
    pub(super) fn answer(&mut self, answer: &Answer) -> io::Result<()> {
        let length = answer.body.len().to_string();
        let head = answer.head(&[("content-length", &length)]);
        self.send(&[head, answer.body.clone()].concat())
    }

    /// Sends these bytes, whatever they are.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)?;
        self.stream.flush()
    }

    /// Ends the connection after this answer, without a goodbye.
    pub(super) fn hang_up(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Says goodbye, unless the connection is to end without.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if self.closed {
            Ok(())
        } else {
            self.stream.close()
        }
    }

    /// Reads and forgets until the client goes away.
    pub(super) fn wait_for_the_end(&mut self) -> io::Result<()> {
        while self.read_more()? > 0 {
            self.unread.clear();
        }
        Ok(())
    }

    fn read_more(&mut self) -> io::Result<usize> {
        if self.unread.len() > MOST {
            return Err(malformed("a request of more than 64 MiB"));
        }
        let mut buffer = [0; 16 * 1024];
        let read = self.stream.read(&mut buffer)?;
        self.unread.extend_from_slice(&buffer[..read]);
        Ok(read)
    }

    fn need_more(&mut self) -> io::Result<()> {
        if self.read_more()? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    fn read_exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.unread.len() < length {
            self.need_more()?;
        }
        Ok(self.unread.drain(..length).collect())
    }

    /// A chunked body (RFC 9112 section 7.1); trailers are not expected.
    fn read_chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let size = loop {
                let parsed = httparse::parse_chunk_size(&self.unread);
                match parsed.map_err(|_| malformed("a chunk without its size"))? {
                    httparse::Status::Partial => self.need_more()?,
                    httparse::Status::Complete((line, size)) => {
                        self.unread.drain(..line);
                        break usize::try_from(size).map_err(malformed)?;
                    }
                }
            };
            let mut chunk = self.read_exactly(size.saturating_add("\r\n".len()))?;
            chunk.truncate(size);
            if chunk.is_empty() {
                return Ok(body);
            }
            body.append(&mut chunk);
        }
    }
}

/// The request that `bytes` begin with and the length of its head, when all of it is there.
fn parse_head(bytes: &[u8]) -> io::Result<Option<(Received, usize)>> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut request = httparse::Request::new(&mut headers);
    let httparse::Status::Complete(length) = request.parse(bytes).map_err(malformed)? else {
        return Ok(None);
    };
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let received = Received {
        method: request.method.unwrap_or_default().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: request
            .headers
            .iter()
            .map(|h| (h.name.to_owned(), text(h.value)))
            .collect(),
        head: text(&bytes[..length]),
        body: Vec::new(),
    };
    Ok(Some((received, length)))
}

fn malformed(why: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, why)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        307 => "Temporary Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}
