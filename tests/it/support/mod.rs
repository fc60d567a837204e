//! What the tests stand on, and where a newcomer starts reading.
//!
//! - [`World`]: a home of its own for one test, in which the built binary runs.
//! - [`Standin`]: a real HTTP server on loopback that answers as Cloudeka does, or as badly
//!   as it is told to.
//! - [`Session`]: a program on a real terminal, and a person who types.
//! - [`clients`]: docker, git and others that ask the binary for credentials.
//! - [`cargo`](cargo::cargo): for what builds or runs something of this repository itself.
//! - [`keys`]: age, SSH and plugin keys, and stock `age` to open a vault with them.
//! - [`kernel`]: another login, or a kernel that refuses its keyrings.
//! - [`strace`]: the system calls of a run, watched, made to fail, or made its last.
//! - [`saves`]: every command that writes the vault, and what holds whatever becomes of it.
//! - [`shells`]: bash, zsh and fish, and a person who presses TAB.
//! - [`memory`]: what a process has in memory when it ends.
//! - [`snapshot`]: what is shown, compared with a file.
//! - [`steps`]: what many stories begin with, such as a login.
//!
//! A test is then a story:
//!
//! ```ignore
//! let cloudeka = Standin::start();
//! cloudeka.accept_token("cldkctl_abc");
//! let world = World::new().at(&cloudeka);
//!
//! let mut terminal = world.cldkctl(["auth"]).on_pty();
//! terminal.expect("Enter your token:");
//! terminal.send_secret("cldkctl_abc");
//! terminal.expect("New vault passphrase:");
//! terminal.send_secret("correct horse battery staple");
//! terminal.expect("Repeat passphrase:");
//! terminal.send_secret("correct horse battery staple");
//! terminal.expect("Auth success");
//! assert_eq!(terminal.wait(), 0);
//!
//! world.assert_no_secret(&["cldkctl_abc", "correct horse battery staple"]);
//! ```
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]
#![allow(unreachable_pub, reason = "`pub` here means: for the tests")]
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a panic is how a test fails"
)]

pub mod cargo;
pub mod clients;
pub mod failures;
pub mod forms;
pub mod git_server;
pub mod kernel;
pub mod keys;
pub mod memory;
pub mod pty;
pub mod saves;
pub mod secrets;
pub mod shells;
pub mod snapshot;
pub mod standin;
pub mod steps;
pub mod strace;
pub mod traces;
pub mod world;

use std::io::Write as _;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError};
use std::time::{Duration, Instant};

pub use pty::Session;
pub use standin::{Account, Certificate, Misbehave, Received, Standin};
pub use steps::{PASSPHRASE, TOKEN};
pub use world::{Output, World};

/// A user and group id that is nobody's: where the tests need a second person.
pub const SOMEONE_ELSE: u32 = 65_432;

/// Says that the rest of a test is left out here, and why. Return after it.
///
/// # Panics
/// Where everything has to run: when `CLDKCTL_TESTS_NO_SKIP=1`, as CI sets it.
#[track_caller]
pub fn skip(why: &str) {
    // Not eprintln!, which the test harness keeps to itself when the test passes.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    assert!(
        std::env::var_os("CLDKCTL_TESTS_NO_SKIP").is_none_or(|value| value != "1"),
        "CLDKCTL_TESTS_NO_SKIP=1, but this test cannot run: {why}"
    );
}

/// Whether this process may run programs as another user; [skips](skip) when not.
///
/// ```ignore
/// if !support::can_be_someone_else() {
///     return;
/// }
/// ```
#[track_caller]
pub fn can_be_someone_else() -> bool {
    let starting = starting();
    let setpriv = Command::new("setpriv").arg("--version").output().is_ok();
    drop(starting);
    let can = setpriv && rustix::process::geteuid().is_root();
    if !can {
        skip("only root, with setpriv from util-linux, can run a program as another user");
    }
    can
}

/// Waits until `condition` holds, at most `limit`; whether it did.
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + limit;
    while !condition() {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The exit status of `child` as a shell tells it (128 + signal number when one killed it),
/// or `None` when it still runs after `limit`.
fn wait_for(child: &mut Child, limit: Duration) -> Option<i32> {
    use std::os::unix::process::ExitStatusExt as _;
    let mut status = None;
    wait_until(limit, || {
        status = child.try_wait().expect("the child can be waited for");
        status.is_some()
    });
    status.map(|status| {
        status
            .code()
            .or_else(|| status.signal().map(|signal| 128 + signal))
            .expect("an ended process has a code or a signal")
    })
}

/// Runs a command that is not the binary to its end, [started](starting) as the binary is.
#[track_caller]
pub fn output_of(command: &mut Command) -> std::process::Output {
    let starting = starting();
    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn();
    drop(starting);
    let child = child.unwrap_or_else(|why| panic!("{command:?}: {why}"));
    child.wait_with_output().expect("a child can be waited for")
}

/// Makes this process, once, what a shell starts in the foreground, for the sake of what it
/// starts: with the usual umask, and no signal ignored, as `nohup` and `&` in a script have it.
///
/// A signal that was ignored gets a handler that does nothing, which `exec` takes away: so the
/// tests themselves go on ignoring it.
pub fn as_in_a_shell() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
        let ignored = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let ignored = ignored
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"));
        let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        for signal in (1..=31).filter(|signal| ignored.unwrap_or(0) >> (signal - 1) & 1 == 1) {
            // std ignores SIGPIPE and gives it back to what it starts. Some may not be handled.
            if signal != signal_hook::consts::SIGPIPE {
                let _ = signal_hook::flag::register(signal, Arc::default());
            }
        }
    });
}

/// Held while a process is started.
///
/// A terminal is opened first and marked close-on-exec after; a process that another test
/// starts between the two would inherit the terminal, and it would never hang up. Held while
/// a program is written as well: one that a new process still has open cannot be run.
pub fn starting() -> MutexGuard<'static, ()> {
    static STARTING: Mutex<()> = Mutex::new(());
    as_in_a_shell();
    STARTING.lock().unwrap_or_else(PoisonError::into_inner)
}
