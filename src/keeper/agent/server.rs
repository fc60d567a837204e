//! The agent: a process of this binary that holds keys in locked memory, and is gone when
//! it holds none.
//!
//! One thread for all of it, no runtime: it waits for the next request or the next deadline, whichever
//! comes first.

use std::collections::{HashMap, VecDeque};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};

use super::socket;
use super::wire::{MAX_REQUEST, Received, Reply, Request};
use crate::files::has_no_locks;
use crate::interrupt;
use crate::keeper::{CachedKey, Slot, Touch, uptime};
use crate::platform::{self, LockedMemory};

/// How long a client may take for its one request.
const CLIENT_PATIENCE: Duration = Duration::from_secs(1);
/// How long the agent waits for its first key.
const FIRST_KEY_PATIENCE: Duration = Duration::from_secs(10);
/// How long nobody is accepted when the system cannot.
const PAUSE: Duration = Duration::from_millis(50);
/// How long the agent sleeps at most. It may have lost its socket meanwhile; and poll(2) does
/// not count the time that the machine sleeps.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// Connections that are served at the same time; for one more, the oldest has to go.
const MOST_CLIENTS: usize = 32;

/// A key, and when it is forgotten unless it is used.
struct Entry {
    held: CachedKey,
    until: Duration,
}

/// A connection whose request is not whole yet.
struct Client {
    stream: UnixStream,
    request: LockedMemory,
    received: usize,
    until: Duration,
}

/// Runs the agent until it holds no key. Gives up at once when another one runs already.
///
/// # Errors
/// When the socket cannot be made.
pub fn serve() -> Result<(), String> {
    let path = socket::path()?;
    // A session and a group of its own: no terminal, no Ctrl-C, no hang-up of the login's.
    let _ = rustix::process::setsid();
    // As lists of processes show it, which would have the name that it was started by: "exe".
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::set_name(c"cldkctl");
    platform::close_inherited_files();
    // At the end of a login, which ends it with a signal, its keys are wiped as well.
    let told_to_end = interrupt::told_to_end().map_err(|error| error.to_string())?;
    socket::make_folder(&path)?;
    let Some(_lock) = lock(&path).map_err(|error| format!("{}: {error}", path.display()))? else {
        return Ok(());
    };
    let (listener, place) =
        listen(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let result = Agent {
        entries: HashMap::new(),
        clients: VecDeque::new(),
        told_to_end,
    }
    .run(&listener, &place)
    .map_err(|error| format!("{}: {error}", path.display()));
    if place.is_ours() {
        let _ = fs::remove_file(&path);
    }
    result
}

/// Where a socket was made, and which file it is there.
struct Place {
    path: PathBuf,
    file: (u64, u64),
}

impl Place {
    fn of(path: &Path) -> io::Result<Self> {
        let (path, file) = (path.to_owned(), Self::file_at(path)?);
        Ok(Self { path, file })
    }

    /// Whether clients still find the socket there. The folder may have been removed and made
    /// again, as logind does between two logins. While the socket is open, no other file has
    /// its number.
    fn is_ours(&self) -> bool {
        Self::file_at(&self.path).is_ok_and(|file| file == self.file)
    }

    fn file_at(path: &Path) -> io::Result<(u64, u64)> {
        let metadata = fs::symlink_metadata(path)?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

/// The lock that says which agent is the one; `None` when another holds it.
fn lock(socket: &Path) -> io::Result<Option<File>> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits() as i32)
        .open(socket.with_extension("lock"))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(file)),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        // Of two agents the one that made its socket last stays, since the other looks for its own.
        Err(error) if has_no_locks(error) => Ok(Some(file)),
        Err(error) => Err(error.into()),
    }
}

/// Listens on the socket. One that lies there is a dead agent's, since we hold the lock.
fn listen(path: &Path) -> io::Result<(UnixListener, Place)> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    // Nobody else gets as far as this in a folder of ours; it looks better, too.
    fs::set_permissions(path, fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok((listener, Place::of(path)?))
}

struct Agent {
    entries: HashMap<Slot, Entry>,
    clients: VecDeque<Client>,
    /// Can be read from when a signal came.
    told_to_end: UnixStream,
}

impl Agent {
    fn run(mut self, listener: &UnixListener, place: &Place) -> io::Result<()> {
        let mut idle_until = Some(uptime() + FIRST_KEY_PATIENCE);
        // Where nobody can reach it, nobody could lock what it holds.
        while place.is_ours() {
            let now = uptime();
            self.entries.retain(|_, entry| now < entry.until);
            self.clients.retain(|client| now < client.until);
            if !self.entries.is_empty() {
                idle_until = None;
            } else if self.clients.is_empty() && idle_until.is_none_or(|until| until <= now) {
                return Ok(());
            }
            if self.wait(listener, idle_until, now)? {
                return Ok(());
            }
            // A few at a time, so that each is attended to before those behind it push it out.
            for _ in 0..MOST_CLIENTS / 4 {
                match listener.accept() {
                    Ok((stream, _)) => self.admit(stream),
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // Without a descriptor to spare, say, they go on waiting, and the listener
                    // would wake us for them at once.
                    Err(_) => {
                        std::thread::sleep(PAUSE);
                        break;
                    }
                }
            }
            let clients = std::mem::take(&mut self.clients);
            for client in clients {
                self.attend(client);
            }
        }
        Ok(())
    }

    /// Takes a connection of this user's; one that says nothing makes room for it.
    fn admit(&mut self, stream: UnixStream) {
        if let Some(client) = Client::new(stream) {
            if self.clients.len() == MOST_CLIENTS {
                self.clients.pop_front();
            }
            self.clients.push_back(client);
        }
    }

    /// Sleeps until something can be read, or a deadline comes. Whether the agent is to end.
    fn wait(
        &self,
        listener: &UnixListener,
        idle_until: Option<Duration>,
        now: Duration,
    ) -> io::Result<bool> {
        let deadlines = self.entries.values().map(|entry| entry.until);
        let deadlines = deadlines
            .chain(self.clients.iter().map(|client| client.until))
            .chain(idle_until);
        let left = deadlines
            .map(|until| until.saturating_sub(now))
            .fold(LONGEST_SLEEP, Duration::min);
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            // Rounded up to a millisecond, poll(2)'s own unit.
            tv_nsec: i64::from(left.subsec_millis() + 1).min(999) * 1_000_000,
        };
        let mut waited: Vec<PollFd<'_>> = Vec::with_capacity(self.clients.len() + 2);
        waited.push(PollFd::new(&self.told_to_end, PollFlags::IN));
        waited.push(PollFd::new(listener, PollFlags::IN));
        waited.extend(
            self.clients
                .iter()
                .map(|client| PollFd::new(&client.stream, PollFlags::IN)),
        );
        match poll(&mut waited, Some(&timeout)) {
            Ok(_) => Ok(!waited[0].revents().is_empty()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads on, and answers when the request is whole.
    fn attend(&mut self, mut client: Client) {
        match client.read_on() {
            Received::Part => self.clients.push_back(client),
            Received::Nonsense => {}
            Received::Whole(request) => {
                let reply = self.answer(request);
                // It fits into the socket's buffer; a client that is gone misses nothing.
                let _ = client.stream.write_all(&reply.to_bytes());
            }
        }
    }

    fn answer(&mut self, request: Request) -> Reply {
        let now = uptime();
        match request {
            Request::Put(slot, held) => {
                let until = until(&held, now);
                self.entries.insert(slot, Entry { held, until });
                Reply::Nothing
            }
            Request::Get(slot, touch) => {
                let Some(entry) = self
                    .entries
                    .get_mut(&slot)
                    .filter(|entry| now < entry.until)
                else {
                    return Reply::Nothing;
                };
                if touch == Touch::Use {
                    entry.until = until(&entry.held, now);
                }
                Reply::CachedKey(entry.held.duplicate())
            }
            Request::Forget(slot) => match self.entries.remove(&slot) {
                Some(_) => Reply::Forgotten,
                None => Reply::Nothing,
            },
        }
    }
}

/// When a key that is used now is forgotten unless it is used again.
fn until(held: &CachedKey, now: Duration) -> Duration {
    (now + held.idle).min(held.ends)
}

impl Client {
    /// A connection of this user's; `None` for anybody else's.
    fn new(stream: UnixStream) -> Option<Self> {
        let ours = rustix::process::geteuid().as_raw();
        if platform::peer_uid(&stream).ok()? != ours {
            return None;
        }
        stream.set_nonblocking(true).ok()?;
        let request = LockedMemory::new(MAX_REQUEST + 1);
        Some(Self {
            stream,
            request,
            received: 0,
            until: uptime() + CLIENT_PATIENCE,
        })
    }

    fn read_on(&mut self) -> Received {
        loop {
            match self.stream.read(&mut self.request[self.received..]) {
                // Closed, or longer than any request.
                Ok(0) => return Received::Nonsense,
                Ok(count) => self.received += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Received::Part,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Received::Nonsense,
            }
            match Request::read(&self.request[..self.received]) {
                Received::Part => {}
                other => return other,
            }
        }
    }
}
