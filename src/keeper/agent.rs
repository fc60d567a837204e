//! The agent as a keeper: talking to it, and starting it.
//!
//! It is this binary run again in the background, on a Unix socket in a private folder. It
//! answers its own user id alone, by peer credentials. All of a user's logins reach the
//! same agent, so here the scope makes no difference; [`Description::shared`] says so.

pub mod server;
pub mod socket;
pub mod wire;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::slice;
use std::time::{Duration, Instant};

use rustix::io::{Errno, FdFlags};
use rustix::net::{self, AddressFamily, SocketAddrUnix, SocketType};

use self::wire::{MAX_REPLY, Reply, Request};
use super::{
    CachedKey, Description, Forgotten, Found, Keeper, KeeperError, Reach, Scope, Slot, Touch,
};
use crate::files::{is_not_there, is_out_of_reach};
use crate::platform::{self, LockedMemory};
use crate::vault::Salt;

/// The hidden command that starts the agent.
pub const COMMAND: &str = "__agent";
/// Its argument in the process that is to be the agent.
pub const SERVE: &str = "--serve";

/// How long a new agent may take until it listens. More than twice as long as one that lost
/// its socket takes to end, [`server::LONGEST_SLEEP`], since that still holds the lock.
const START_PATIENCE: Duration = Duration::from_secs(5);
/// How long an agent may take for a reply.
const REPLY_PATIENCE: Duration = Duration::from_secs(2);

/// The agent as a keeper.
#[derive(Debug, Default)]
pub struct Agent {}

impl Keeper for Agent {
    fn put(&self, slot: &Slot, held: &CachedKey, _scope: Scope) -> Result<(), KeeperError> {
        let path = socket::path().map_err(KeeperError::NoAgent)?;
        let request = Request::Put(slot.clone(), held.duplicate());
        let start = Instant::now();
        // The second time because the one that was running when ours gave way is gone by then.
        let mut starts = [Duration::ZERO, START_PATIENCE / 2].into_iter().peekable();
        loop {
            match ask(&path, &request) {
                Ok(Some(_)) => return Ok(()),
                // None runs, or one is just coming to its end.
                Ok(None) => {}
                Err(error) => return Err(no_answer(&path, &error)),
            }
            if start.elapsed() > START_PATIENCE {
                let why = format!("it does not start listening at {}", path.display());
                return Err(KeeperError::NoAgent(why));
            }
            if starts.next_if(|after| start.elapsed() >= *after).is_some() {
                spawn(&path)?;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn get(&self, slot: &Slot, salt: &Salt, touch: Touch) -> Result<Found, KeeperError> {
        Ok(match held(slot, touch)? {
            Some(held) if held.salt == *salt => Found::Key(held.key),
            Some(_) => Found::Rekeyed,
            None => Found::Nothing,
        })
    }

    fn forget(&self, slot: &Slot, reach: Reach) -> Result<Forgotten, KeeperError> {
        // Also one that was started where XDG_RUNTIME_DIR was another, or none.
        let places = socket::places();
        let (mut forgotten, silent) = forget_at(&places, slot);
        if reach == Reach::Everywhere {
            let listed = socket::listed();
            let elsewhere = listed
                .iter()
                .flatten()
                .filter(|path| !places.contains(path));
            // One that says nothing there is perhaps of another home, and has nothing of ours.
            for path in elsewhere {
                let (found, silent) = forget_at(slice::from_ref(path), slot);
                forgotten.any |= found.any;
                forgotten.unseen |= silent.is_some();
            }
            forgotten.unseen |= listed.is_none();
        }
        silent.map_or(Ok(forgotten), Err)
    }

    fn forget_others(&self, slot: &Slot, _given: Scope) -> Result<Forgotten, KeeperError> {
        // The first place is that of the agent that has just got the new key.
        let (forgotten, silent) = forget_at(socket::places().get(1..).unwrap_or_default(), slot);
        silent.map_or(Ok(forgotten), Err)
    }

    fn name(&self) -> &'static str {
        "agent"
    }

    fn tells_logins_apart(&self) -> bool {
        false
    }

    fn describe(&self, slot: &Slot, salt: &Salt) -> Result<Option<Description>, KeeperError> {
        Ok(held(slot, Touch::Look)?
            .filter(|held| held.salt == *salt)
            .map(|held| Description {
                keeper: self.name(),
                scope: held.scope,
                shared: held.scope == Scope::Session,
                idle_seconds: held.idle.as_secs(),
                remaining_seconds: held.left().unwrap_or_default().as_secs(),
            }))
    }
}

fn held(slot: &Slot, touch: Touch) -> Result<Option<CachedKey>, KeeperError> {
    let path = socket::path().map_err(KeeperError::NoAgent)?;
    match ask(&path, &Request::Get(slot.clone(), touch)) {
        Ok(Some(Reply::CachedKey(held))) => Ok(Some(held)),
        Ok(_) => Ok(None),
        Err(error) => Err(no_answer(&path, &error)),
    }
}

/// Makes the agents at these places forget the key of a vault. And which of them did not answer.
fn forget_at(places: &[PathBuf], slot: &Slot) -> (Forgotten, Option<KeeperError>) {
    let (mut forgotten, mut silent) = (Forgotten::default(), None);
    for path in places {
        match ask(path, &Request::Forget(slot.clone())) {
            Ok(reply) => forgotten.any |= matches!(reply, Some(Reply::Forgotten)),
            Err(error) => silent = Some(KeeperError::Silent(path.clone(), error)),
        }
    }
    (forgotten, silent)
}

fn no_answer(path: &Path, error: &io::Error) -> KeeperError {
    KeeperError::NoAgent(format!("{}: {error}", path.display()))
}

/// Asks the agent; `None` when there is none. One that hangs up is asked again: it made room for
/// others, and has what it had, or is at its end.
fn ask(path: &Path, request: &Request) -> io::Result<Option<Reply>> {
    let start = Instant::now();
    loop {
        match ask_once(path, request) {
            Err(error) if is_hang_up(&error) && start.elapsed() < REPLY_PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            answer => return answer,
        }
    }
}

fn ask_once(path: &Path, request: &Request) -> io::Result<Option<Reply>> {
    let mut stream = match connect(path) {
        Ok(stream) => stream,
        Err(error) if is_absence(&error) || is_out_of_reach(path) => return Ok(None),
        Err(error) => return Err(error),
    };
    // Nobody else can listen in a folder of ours; a second look costs nothing.
    if platform::peer_uid(&stream)? != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other("another user listens on its socket"));
    }
    stream.set_read_timeout(Some(REPLY_PATIENCE))?;
    stream.set_write_timeout(Some(REPLY_PATIENCE))?;
    stream.write_all(&request.to_bytes())?;
    let mut reply = LockedMemory::new(MAX_REPLY + 1);
    let mut received = 0;
    loop {
        match stream.read(&mut reply[received..]) {
            Ok(0) if received == 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => break,
            Ok(count) => received += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let nonsense = || io::Error::new(io::ErrorKind::InvalidData, "its reply is not an agent's");
    Reply::read(&reply[..received])
        .map(Some)
        .ok_or_else(nonsense)
}

/// Connects, which waits for ever by itself where the one who listens accepts nobody and its
/// queue is full, connect(2).
fn connect(path: &Path) -> io::Result<UnixStream> {
    let socket = net::socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&socket, FdFlags::CLOEXEC)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(true)?;
    let address = SocketAddrUnix::new(path)?;
    let start = Instant::now();
    loop {
        match net::connect(&stream, &address) {
            Ok(()) => break,
            Err(Errno::AGAIN) if start.elapsed() < REPLY_PATIENCE => {
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(Errno::AGAIN) => return Err(Errno::TIMEDOUT.into()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// No socket, or nobody behind it. Nor can there be one where a file stands in place of a folder, or
/// where the path is longer than that of a socket.
fn is_absence(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused | io::ErrorKind::InvalidFilename
    ) || is_not_there(error)
}

/// Somebody who was there, and left without a reply.
fn is_hang_up(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset
    )
}

/// Starts an agent in the background, with nothing of ours but where its socket belongs.
///
/// In two steps, so that it is not a child of this process: `exec` is about to make this
/// one another program, which would have a child that it knows nothing of.
fn spawn(socket: &Path) -> Result<(), KeeperError> {
    socket::make_folder(socket).map_err(KeeperError::NoAgent)?;
    let cannot = |error| KeeperError::NoAgent(format!("cannot start it: {error}"));
    let mut command = command().map_err(cannot)?;
    command.env_clear();
    for name in ["HOME", "XDG_RUNTIME_DIR", "XDG_DATA_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    let mut starter = command.spawn().map_err(cannot)?;
    // How it ended does not matter, nor whether that can be known: the socket tells.
    let _ = starter.wait();
    Ok(())
}

/// The second step: starts the agent itself. The process that did this has to end.
///
/// # Errors
/// When it cannot be started.
pub fn start() -> io::Result<()> {
    command()?.arg(SERVE).spawn().map(|_| ())
}

/// This program as the agent, connected to nothing.
fn command() -> io::Result<Command> {
    let mut command = Command::new(platform::own_program()?);
    command
        .arg0("cldkctl")
        .arg(COMMAND)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    Ok(command)
}
