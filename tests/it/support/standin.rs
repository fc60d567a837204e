//! The stand-in for Cloudeka: a real HTTP/1.1 server on loopback, with or without TLS.
//!
//! It knows the tokens it was told of, exchanges them for sessions, answers the routes of
//! `cloudeka-routes.tsv` to whoever holds a live session, and keeps everything it received,
//! so that a test can prove what was and what was not sent. [`Misbehave`] makes it a server
//! as the world has them.
//!
//! One thread a connection; everything ends when it is dropped.

mod account;
mod api;
mod misbehave;
mod tls;
mod wire;

use std::collections::HashMap;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

pub use account::Account;
pub use api::http_date;
pub use misbehave::Misbehave;
pub use tls::Certificate;
pub use wire::{Answer, Received};

use api::Api;
use tls::Tls;
use wire::Wire;

/// A running stand-in. Shuts down when dropped.
///
/// ```ignore
/// let cloudeka = Standin::start();
/// cloudeka.accept_token("cldkctl_abc");
/// cloudeka.misbehave_next(2, Misbehave::unavailable());
/// ```
pub struct Standin {
    address: SocketAddr,
    tls: Option<Tls>,
    state: Arc<State>,
    doorman: Option<JoinHandle<()>>,
}

/// What the threads share.
#[derive(Default)]
struct State {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    api: Api,
    rules: Vec<Rule>,
    received: Vec<Received>,
    connected: u64,
    open: HashMap<u64, TcpStream>,
    closing: bool,
}

/// When to misbehave, and how.
struct Rule {
    path: Option<String>,
    left: Option<u32>,
    how: Misbehave,
}

impl Standin {
    /// Starts one that speaks plain HTTP.
    #[track_caller]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts one that speaks HTTPS, with a good certificate of a CA of its own.
    #[track_caller]
    pub fn start_tls() -> Self {
        Self::start_tls_with(Certificate::Good)
    }

    /// Starts one that speaks HTTPS and has this kind of certificate.
    #[track_caller]
    pub fn start_tls_with(certificate: Certificate) -> Self {
        Self::start_with(Some(Tls::new(certificate)))
    }

    fn start_with(tls: Option<Tls>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
        let address = listener.local_addr().expect("a bound port");
        let state = Arc::new(State::default());
        let doorman = std::thread::spawn({
            let state = Arc::clone(&state);
            let tls = tls.clone();
            move || accept(&listener, &state, tls.as_ref())
        });
        Self {
            address,
            tls,
            state,
            doorman: Some(doorman),
        }
    }

    /// Where it listens: `http://127.0.0.1:PORT`, or `https://…`.
    pub fn base_url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The certificate, in PEM, of the CA that a client has to trust.
    ///
    /// # Panics
    /// When it speaks plain HTTP.
    #[track_caller]
    pub fn ca_pem(&self) -> &str {
        &self.tls.as_ref().expect("only start_tls makes a CA").ca_pem
    }

    /// Knows `token` from now on, as that of [`Account::default`].
    pub fn accept_token(&self, token: &str) {
        self.accept_token_of(token, Account::default());
    }

    /// Knows `token` from now on, as that of `account`.
    pub fn accept_token_of(&self, token: &str, account: Account) {
        self.state.lock().api.accept_token(token, account);
    }

    /// No longer knows `token`. The sessions made of it live on: see
    /// [`end_sessions`](Self::end_sessions).
    pub fn revoke_token(&self, token: &str) {
        self.state.lock().api.revoke_token(token);
    }

    /// Ends every session there is: whoever uses one gets a 401.
    pub fn end_sessions(&self) {
        self.state.lock().api.end_sessions();
    }

    /// How long new sessions live, in seconds; 24 hours when not told. Less than one makes
    /// sessions that are over before they begin.
    pub fn session_life(&self, seconds: i64) {
        self.state.lock().api.session_life = seconds;
    }

    /// Shows a clock from now on, so many seconds ahead of this machine's, in the `Date` of its
    /// answers and the claims of its sessions. It has none when not told.
    pub fn clock_ahead(&self, seconds: i64) {
        self.state.lock().api.clock = Some(seconds);
    }

    /// Misbehaves at every request, until [`behave`](Self::behave).
    pub fn misbehave(&self, how: Misbehave) {
        self.state.lock().rules.push(Rule {
            path: None,
            left: None,
            how,
        });
    }

    /// Misbehaves at the next `times` requests, and then does what was told before.
    pub fn misbehave_next(&self, times: u32, how: Misbehave) {
        self.state.lock().rules.push(Rule {
            path: None,
            left: Some(times),
            how,
        });
    }

    /// Misbehaves at every request for `path` (without its query), until
    /// [`behave`](Self::behave).
    pub fn misbehave_at(&self, path: &str, how: Misbehave) {
        self.state.lock().rules.push(Rule {
            path: Some(path.to_owned()),
            left: None,
            how,
        });
    }

    /// Answers properly again. An answer that is under way stays as bad as it is.
    pub fn behave(&self) {
        self.state.lock().rules.clear();
    }

    /// Every request received so far, in order.
    pub fn requests(&self) -> Vec<Received> {
        self.state.lock().received.clone()
    }

    /// The requests received for `path`, whatever their query.
    pub fn requests_for(&self, path: &str) -> Vec<Received> {
        self.requests()
            .into_iter()
            .filter(|request| request.path == path)
            .collect()
    }

    /// How many connections were made, with or without a request, or even a TLS handshake,
    /// on them.
    pub fn connections(&self) -> u64 {
        self.state.lock().connected
    }
}

impl Drop for Standin {
    fn drop(&mut self) {
        {
            let mut inner = self.state.lock();
            inner.closing = true;
            for stream in inner.open.values() {
                // One that the client closed meanwhile cannot be shut down, nor needs to be.
                let _ = stream.shutdown(Shutdown::Both);
            }
        }
        // `accept` looks at `closing` at the next connection: this one.
        let _ = TcpStream::connect(self.address);
        if let Some(doorman) = self.doorman.take() {
            let _ = doorman.join();
        }
    }
}

/// A URL on loopback where nothing listens.
#[track_caller]
pub fn nobodys_url() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port on loopback");
    format!("http://{}", listener.local_addr().expect("a bound port"))
}

impl State {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// How to misbehave at a request for `path`: as was told last.
    fn misbehaviour(&mut self, path: &str) -> Option<Misbehave> {
        self.rules.retain(|rule| rule.left != Some(0));
        let applies = |rule: &&mut Rule| rule.path.as_deref().is_none_or(|only| only == path);
        let rule = self.rules.iter_mut().rev().find(applies)?;
        rule.left = rule.left.map(|left| left - 1);
        Some(rule.how.clone())
    }
}

/// Takes connections until the stand-in is dropped.
fn accept(listener: &TcpListener, state: &Arc<State>, tls: Option<&Tls>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else { continue };
        let mut inner = state.lock();
        if inner.closing {
            return;
        }
        inner.connected += 1;
        let number = inner.connected;
        let Ok(handle) = stream.try_clone() else {
            continue;
        };
        inner.open.insert(number, handle);
        drop(inner);

        let state = Arc::clone(state);
        let tls = tls.cloned();
        std::thread::spawn(move || {
            // An error here is a client that went away, or that does not trust us.
            let _ = serve(stream, &state, tls.as_ref());
            state.lock().open.remove(&number);
        });
    }
}

/// Answers the requests of one connection.
fn serve(stream: TcpStream, state: &State, tls: Option<&Tls>) -> std::io::Result<()> {
    stream.set_nodelay(true)?; // bytes sent one by one arrive one by one
    let mut wire = match tls {
        None => Wire::new(stream),
        Some(tls) => Wire::new(tls.accept(stream)?),
    };
    while let Some(request) = wire.read_request()? {
        let (how, answer) = {
            let mut inner = state.lock();
            inner.received.push(request.clone());
            let how = inner.misbehaviour(&request.path);
            let answer = match &how {
                Some(Misbehave::Claims(claims)) => inner.api.answer_with_claims(&request, claims),
                Some(Misbehave::SessionText(text)) => inner.api.answer_with_session(&request, text),
                _ => inner.api.answer(&request),
            };
            (how, answer)
        };
        match how {
            None => wire.answer(&answer)?,
            Some(how) => how.answer(&mut wire, &request, answer)?,
        }
        let asked_to_close = request
            .header("connection")
            .is_some_and(|value| value == "close");
        if asked_to_close || wire.is_closed() {
            break;
        }
    }
    wire.close()
}
