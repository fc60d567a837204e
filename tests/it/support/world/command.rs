//! One run of the binary: what it is given, where it runs, what came of it.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use super::World;
#[cfg(target_os = "linux")]
use crate::support::memory;
use crate::support::pty::{Session, Streams, drain, feed};
use crate::support::{starting, traces, wait_for};

/// How long a run may take before it fails the test.
const PATIENCE: Duration = Duration::from_secs(60);

/// The binary, about to be run in a [`World`].
#[must_use = "nothing runs before run(), spawn() or on_pty()"]
pub struct Cldkctl<'world> {
    world: &'world World,
    args: Vec<OsString>,
    env: Vec<(OsString, Option<OsString>)>,
    folder: PathBuf,
    stdin: Option<Vec<u8>>,
    stdout_apart: bool,
    stderr_apart: bool,
    patience: Duration,
    uid: Option<u32>,
    wrapper: Vec<OsString>,
    inner_wrapper: Vec<OsString>,
}

/// The binary, running without a terminal. Killed when dropped.
pub struct Running {
    child: Child,
    command: String,
    patience: Duration,
    stdout: Receiver<Vec<u8>>,
    stderr: Receiver<Vec<u8>>,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Output {
    /// The exit code, or 128 and the number of the signal that killed it.
    pub code: i32,
    /// As text: see `stdout_bytes` for one that is none.
    pub stdout: String,
    pub stderr: String,
    pub stdout_bytes: Vec<u8>,
    command: String,
}

impl<'world> Cldkctl<'world> {
    pub(super) fn new(world: &'world World) -> Self {
        Self {
            world,
            args: Vec::new(),
            env: Vec::new(),
            folder: world.home(),
            stdin: None,
            stdout_apart: false,
            stderr_apart: false,
            patience: PATIENCE,
            uid: world.owner,
            wrapper: Vec::new(),
            inner_wrapper: Vec::new(),
        }
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    pub fn arg(self, arg: impl Into<OsString>) -> Self {
        self.args([arg])
    }

    /// Sets a variable, which may be one that the world sets otherwise.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), Some(value.into())));
        self
    }

    /// Takes away a variable that the world sets.
    pub fn env_remove(mut self, name: &str) -> Self {
        self.env.push((name.into(), None));
        self
    }

    /// Runs in this folder rather than at home.
    pub fn current_dir(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = folder.into();
        self
    }

    /// These bytes on stdin, and then the end. Without it: the end at once or, on a terminal,
    /// what is typed.
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(bytes.into());
        self
    }

    /// On a terminal: stdout is a pipe, as in `cldkctl … | less`.
    pub fn stdout_apart(mut self) -> Self {
        self.stdout_apart = true;
        self
    }

    /// On a terminal: stderr is a pipe.
    pub fn stderr_apart(mut self) -> Self {
        self.stderr_apart = true;
        self
    }

    /// How long it may take, instead of 60 s.
    pub fn patience(mut self, limit: Duration) -> Self {
        self.patience = limit;
        self
    }

    /// Runs as this user, of a group of the same number and no others. Root alone may do that:
    /// see [`can_be_someone_else`](crate::support::can_be_someone_else).
    pub fn run_by(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// Runs it as the last argument of this command, such as strace(1).
    pub fn under(mut self, wrapper: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.wrapper = wrapper.into_iter().map(Into::into).collect();
        self
    }

    /// The same, as the user who runs the binary.
    pub fn inside(mut self, wrapper: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.inner_wrapper = wrapper.into_iter().map(Into::into).collect();
        self
    }

    /// Is held before this system call, to be looked at: see [`memory`](crate::support::memory).
    #[cfg(target_os = "linux")]
    pub fn held_at(self, call: &str) -> Self {
        self.under(memory::holding(call))
    }

    /// Runs it to its end without a terminal of any kind.
    #[track_caller]
    pub fn run(self) -> Output {
        self.spawn().wait()
    }

    /// Starts it without a terminal of any kind.
    #[track_caller]
    pub fn spawn(mut self) -> Running {
        let stdin = self.stdin.take();
        let patience = self.patience;
        let mut command = self.command(&without_terminal());
        command.stdin(if stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());

        let starting = starting();
        let mut child = command
            .spawn()
            .unwrap_or_else(|why| panic!("{command:?}: {why}"));
        drop(starting);

        if let (Some(pipe), Some(bytes)) = (child.stdin.take(), stdin) {
            feed(pipe, bytes);
        }
        Running {
            stdout: read(child.stdout.take().expect("a pipe")),
            stderr: read(child.stderr.take().expect("a pipe")),
            child,
            command: format!("{command:?}"),
            patience,
        }
    }

    /// Starts it on a terminal of its own.
    #[track_caller]
    pub fn on_pty(mut self) -> Session {
        let streams = Streams {
            stdin: self.stdin.take(),
            stdout_apart: self.stdout_apart,
            stderr_apart: self.stderr_apart,
        };
        Session::spawn_with(self.command(&[]), streams)
    }

    /// Runs it where a failure would not be the test's: in `Drop`.
    pub(super) fn run_whatever_comes(self) {
        let mut command = self.command(&without_terminal());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Ok(mut child) = command.spawn()
            && wait_for(&mut child, Duration::from_secs(10)).is_none()
        {
            let _ = child.kill();
        }
    }

    /// The whole of it, begun by `wrapper` if there is one.
    fn command(self, wrapper: &[&str]) -> Command {
        let mut words: Vec<OsString> = wrapper.iter().map(Into::into).collect();
        words.extend(self.wrapper);
        match self.uid {
            None => {
                words.extend(self.inner_wrapper);
                words.push(self.world.binary.clone().into());
            }
            Some(uid) => {
                let ids = [format!("--reuid={uid}"), format!("--regid={uid}")];
                words.push("setpriv".into());
                words.extend(ids.map(OsString::from));
                words.extend(["--clear-groups".into(), "--".into()]);
                words.extend(self.inner_wrapper);
                words.push(self.world.binary_for_everyone().into());
            }
        }
        words.extend(self.args);

        let mut command = Command::new(&words[0]);
        command
            .args(&words[1..])
            .current_dir(self.folder)
            .env_clear();
        // What a run needs of the outside: programs, and where coverage is written.
        for name in ["PATH", "LLVM_PROFILE_FILE"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("HOME", self.world.home())
            .env("XDG_DATA_HOME", self.world.data())
            .env("XDG_CONFIG_HOME", self.world.config())
            .env("XDG_RUNTIME_DIR", self.world.runtime())
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm-256color");
        if let Some(url) = &self.world.base_url {
            command.env("CLDKCTL_BASE_URL", url);
        }
        for (name, value) in self.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

impl Running {
    /// The process id of the binary: what wraps it replaced itself.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    #[track_caller]
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal)
            .expect("the program can be signalled");
    }

    /// Waits until it ended and closed its output; fails the test when either takes too long.
    #[track_caller]
    pub fn wait(mut self) -> Output {
        let Some(code) = wait_for(&mut self.child, self.patience) else {
            panic!("does not end: {}", self.command);
        };
        // A pipe that stays open is a bug as well: `$(cldkctl unlock)` would never return.
        let rest = Duration::from_secs(5);
        let [stdout, stderr] = [&self.stdout, &self.stderr].map(|pipe| {
            pipe.recv_timeout(rest).unwrap_or_else(|_| {
                panic!(
                    "ended, but left behind what holds its output open: {}",
                    self.command
                )
            })
        });
        Output {
            code,
            stdout: String::from_utf8_lossy(&stdout).into_owned(),
            stderr: String::from_utf8_lossy(&stderr).into_owned(),
            stdout_bytes: stdout,
            command: self.command.clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when it ended long ago, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Output {
    /// Fails the test unless the exit code is this one.
    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "unexpected exit code\n{self}");
        self
    }

    /// Fails the test unless it succeeded.
    #[track_caller]
    pub fn succeeded(self) -> Self {
        self.expect_code(0)
    }

    /// Fails the test when one of `secrets` was printed, as it is or encoded.
    #[track_caller]
    pub fn assert_no_secret(&self, secrets: &[&str]) {
        for secret in secrets {
            let printed = traces::find(&self.stdout_bytes, secret);
            let told = traces::find(self.stderr.as_bytes(), secret);
            assert_eq!(printed.or(told), None, "{secret:?} was printed\n{self}");
        }
    }
}

/// Everything there is to know when a test fails.
impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
            command,
            ..
        } = self;
        write!(
            f,
            "$ {command}\nexit code: {code}\nstdout: {stdout}\nstderr: {stderr}"
        )
    }
}

/// What to begin a command with so that it has no controlling terminal, and `/dev/tty` does
/// not open. It replaces itself by the command, so that the process id stays the same.
fn without_terminal() -> Vec<&'static str> {
    if cfg!(target_os = "linux") {
        // util-linux. Forks only when it leads a process group, which a new child does not.
        vec!["setsid"]
    } else {
        vec![
            "perl",
            "-e",
            "use POSIX; POSIX::setsid(); exec { $ARGV[0] } @ARGV",
        ]
    }
}

fn read(pipe: impl std::io::Read + Send + 'static) -> Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    let reader = drain(pipe);
    std::thread::spawn(move || reader.join().map(|bytes| sender.send(bytes)));
    receiver
}
