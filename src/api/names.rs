//! Asking for the addresses of a host, without being held up by who does not answer.
//!
//! getaddrinfo(3) cannot be called off: with a silent name server it takes as long as
//! resolv.conf(5) says, 90 seconds and more. On a thread of the HTTP client's own, which it
//! waits for at its end, that would make every limit of ours untrue. So each lookup has a
//! thread that nobody waits for. It holds the name of the host and nothing else, and ends
//! with its lookup or the process.

use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The system's resolver.
#[derive(Debug)]
pub(super) struct Names;

impl Resolve for Names {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        // The port is the caller's; 0 stands for it.
        let lookup = Lookup::start(move || Ok((host, 0).to_socket_addrs()?.collect()));
        Box::pin(async move { Ok(Box::new(lookup?.await?.into_iter()) as Addrs) })
    }
}

/// What a thread was sent for.
struct Lookup(Arc<Mutex<Slot>>);

/// What the two sides of a lookup share.
#[derive(Default)]
struct Slot {
    found: Option<io::Result<Vec<SocketAddr>>>,
    waiting: Option<Waker>,
}

impl Lookup {
    fn start(
        find: impl FnOnce() -> io::Result<Vec<SocketAddr>> + Send + 'static,
    ) -> io::Result<Self> {
        let slot = Arc::new(Mutex::new(Slot::default()));
        let theirs = Arc::clone(&slot);
        thread::Builder::new()
            .name("name-lookup".to_owned())
            .spawn(move || {
                let found = find();
                let mut slot = lock(&theirs);
                slot.found = Some(found);
                let waiting = slot.waiting.take();
                drop(slot);
                if let Some(waiting) = waiting {
                    waiting.wake();
                }
            })?;
        Ok(Self(slot))
    }
}

impl Future for Lookup {
    type Output = io::Result<Vec<SocketAddr>>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut slot = lock(&self.0);
        match slot.found.take() {
            Some(found) => Poll::Ready(found),
            None => {
                slot.waiting = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// A waker keeps what it wakes in memory: a request, which the thread is to have no part of.
impl Drop for Lookup {
    fn drop(&mut self) {
        lock(&self.0).waiting = None;
    }
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}
