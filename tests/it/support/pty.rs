//! A program on a real pseudo-terminal, which is its controlling terminal, and a person
//! who reads what it prints and types.

use std::io::{Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use pty_process::Size;
use pty_process::blocking::Pty;
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::Pid;
use rustix::termios::{LocalModes, OptionalActions};

/// How long a program may take to print what is expected of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a program may take to end.
const PATIENCE_AT_THE_END: Duration = Duration::from_secs(60);

/// Where the program's streams lead when not to the terminal, which remains its controlling
/// terminal (`/dev/tty`) all the same.
#[derive(Default)]
pub struct Streams {
    /// These bytes, and then the end, on its stdin.
    pub stdin: Option<Vec<u8>>,
    /// Its stdout is a pipe: see [`Session::stdout`].
    pub stdout_apart: bool,
    /// Its stderr is a pipe: see [`Session::stderr`].
    pub stderr_apart: bool,
}

/// A program that runs on a terminal of 40 lines and 120 columns. Killed when dropped.
pub struct Session {
    child: Child,
    /// Gone once it was [closed](Session::hang_up).
    terminal: Option<Arc<Pty>>,
    screen: Arc<Screen>,
    /// How much of the screen was matched by `expect` already.
    seen: usize,
    stdout: Option<JoinHandle<Vec<u8>>>,
    stderr: Option<JoinHandle<Vec<u8>>>,
}

/// What was printed so far, written by the thread that reads the terminal.
#[derive(Default)]
struct Screen {
    printed: Mutex<Printed>,
    grew: Condvar,
}

#[derive(Default)]
struct Printed {
    bytes: Vec<u8>,
    /// The program ended, so that the terminal has nobody to open it again.
    program_ended: bool,
    /// Nobody is to read any more.
    closing: bool,
    /// Nobody reads any more: this is all.
    complete: bool,
}

impl Session {
    /// Starts `command` with all three streams on the terminal.
    #[track_caller]
    pub fn spawn(command: Command) -> Self {
        Self::spawn_with(command, Streams::default())
    }

    /// Starts `command` with some of its streams elsewhere.
    #[track_caller]
    pub fn spawn_with(command: Command, streams: Streams) -> Self {
        let mut command = pty_process::blocking::Command::from(command);
        if streams.stdin.is_some() {
            command = command.stdin(Stdio::piped());
        }
        if streams.stdout_apart {
            command = command.stdout(Stdio::piped());
        }
        if streams.stderr_apart {
            command = command.stderr(Stdio::piped());
        }

        let starting = super::starting();
        let (terminal, its_end) = pty_process::blocking::open().expect("a pseudo-terminal");
        terminal
            .resize(Size::new(40, 120))
            .expect("a terminal has a size");
        let mut child = command.spawn(its_end).expect("the program starts");
        drop(starting);

        if let (Some(pipe), Some(bytes)) = (child.stdin.take(), streams.stdin) {
            feed(pipe, bytes);
        }
        let stdout = child.stdout.take().map(drain);
        let stderr = child.stderr.take().map(drain);
        let terminal = Arc::new(terminal);
        let screen = Arc::new(Screen::default());
        screen.follow(Arc::clone(&terminal));
        Self {
            child,
            terminal: Some(terminal),
            screen,
            seen: 0,
            stdout,
            stderr,
        }
    }

    /// Waits until `text` is printed after what was expected before; gives everything up to
    /// its end. Fails the test after 20 s, or when the program ended without it.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        self.expect_within(PATIENCE, text)
    }

    /// [`expect`](Self::expect) with another time-out.
    #[track_caller]
    pub fn expect_within(&mut self, limit: Duration, text: &str) -> String {
        let deadline = Instant::now() + limit;
        loop {
            self.notice_the_end();
            let printed = self.screen.printed();
            let new = &printed.bytes[self.seen..];
            if let Some(at) = find(new, text.as_bytes()) {
                let end = at + text.len();
                let passage = String::from_utf8_lossy(&new[..end]).into_owned();
                self.seen += end;
                return passage;
            }
            let complete = printed.complete;
            if complete || Instant::now() >= deadline {
                drop(printed);
                let why = if complete {
                    "the program ended"
                } else {
                    "time is up"
                };
                panic!(
                    "expected {text:?}, but {why}. On the screen:\n{}",
                    self.screen()
                );
            }
            // Woken by what is printed; now and then, to see whether the program ended.
            let _ = self
                .screen
                .grew
                .wait_timeout(printed, Duration::from_millis(20));
        }
    }

    /// Types `line` and presses Enter.
    #[track_caller]
    pub fn send_line(&mut self, line: &str) {
        self.send_bytes(format!("{line}\r").as_bytes());
    }

    /// Types `secret` and presses Enter as soon as the terminal no longer shows what is typed;
    /// fails the test if it goes on showing it.
    #[track_caller]
    pub fn send_secret(&mut self, secret: &str) {
        let hidden = super::wait_until(PATIENCE, || !self.echo_is_on());
        assert!(
            hidden,
            "what is typed can be read. On the screen:\n{}",
            self.screen()
        );
        self.send_line(secret);
    }

    /// Types these bytes as they are.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.terminal()
            .write_all(bytes)
            .expect("a terminal takes what is typed");
    }

    /// Presses Ctrl and a letter: `c` interrupts, `d` ends the input, `z` suspends.
    #[track_caller]
    pub fn send_ctrl(&mut self, letter: char) {
        assert!(letter.is_ascii_alphabetic(), "Ctrl and a letter");
        self.send_bytes(&[letter as u8 & 0x1f]);
    }

    /// Whether the terminal shows what is typed.
    pub fn echo_is_on(&self) -> bool {
        let settings = rustix::termios::tcgetattr(self.terminal()).expect("a terminal");
        settings.local_modes.contains(LocalModes::ECHO)
    }

    /// Lets the terminal show what is typed and put lines together, or not, as another program
    /// on it might.
    pub fn set_echo(&self, on: bool) {
        let mut settings = rustix::termios::tcgetattr(self.terminal()).expect("a terminal");
        settings.local_modes.set(LocalModes::ECHO, on);
        settings.local_modes.insert(LocalModes::ICANON);
        rustix::termios::tcsetattr(self.terminal(), OptionalActions::Now, &settings)
            .expect("settings of a terminal");
    }

    /// Ends the process `pid`, a suspended job of the shell that this is.
    #[track_caller]
    pub fn kill_job(&mut self, pid: Pid) {
        // bash and zsh continue it by themselves.
        self.send_line("kill %1; kill -CONT %1");
        let pid = pid.as_raw_pid();
        let lives = || {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
            stat.is_ok_and(|stat| !stat.contains(") Z "))
        };
        let ended = super::wait_until(PATIENCE, || !lives());
        assert!(ended, "it lives on. On the screen:\n{}", self.screen());
        self.send_line("wait; echo it en''ded");
        self.expect("it ended");
        self.expect("ready> ");
    }

    /// Closes the terminal, as a window that is closed and an SSH connection that breaks do:
    /// the program gets SIGHUP, and reads and writes no more there.
    pub fn hang_up(&mut self) {
        self.screen.printed().closing = true;
        super::wait_until(PATIENCE, || self.screen.printed().complete);
        self.terminal = None;
    }

    /// Everything printed so far, control characters and all.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.screen.printed().bytes).into_owned()
    }

    /// The process id of the program.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends the program a signal.
    #[track_caller]
    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal)
            .expect("the program can be signalled");
    }

    /// Waits until the program ended, and reads what it printed to the last byte. Its exit
    /// code, or 128 and the number of the signal that killed it. Fails the test after 60 s.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        let Some(code) = super::wait_for(&mut self.child, PATIENCE_AT_THE_END) else {
            panic!(
                "the program does not end. On the screen:\n{}",
                self.screen()
            );
        };
        self.notice_the_end();
        // Something it left running may hold the terminal open: no reason to wait for that.
        super::wait_until(Duration::from_secs(2), || self.screen.printed().complete);
        code
    }

    fn notice_the_end(&mut self) {
        if self
            .child
            .try_wait()
            .expect("the child can be waited for")
            .is_some()
        {
            self.screen.printed().program_ended = true;
        }
    }

    #[track_caller]
    fn terminal(&self) -> &Pty {
        self.terminal.as_ref().expect("the terminal was closed")
    }

    /// What the program wrote to its stdout, when that was [kept apart](Streams). Waits for
    /// the end of it; empty the second time.
    pub fn stdout(&mut self) -> String {
        collect(self.stdout.take())
    }

    /// What the program wrote to its stderr, when that was [kept apart](Streams). Waits for
    /// the end of it; empty the second time.
    pub fn stderr(&mut self) -> String {
        collect(self.stderr.take())
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // Both fail when it ended long ago, which is fine.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.screen.printed().closing = true;
    }
}

impl Screen {
    fn printed(&self) -> MutexGuard<'_, Printed> {
        self.printed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the terminal until it is to be closed or nobody will open it again.
    ///
    /// While nobody has it open, a read fails with EIO on Linux, and gives nothing elsewhere.
    /// That is the end only when the program ended before: one whose streams lead elsewhere
    /// opens `/dev/tty` when it has a question, and closes it when it has the answer.
    fn follow(self: &Arc<Self>, terminal: Arc<Pty>) {
        let screen = Arc::clone(self);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while !screen.printed().closing {
                let program_ended = screen.printed().program_ended; // before the read
                if !has_something_to_read(&terminal) {
                    continue;
                }
                match (&*terminal).read(&mut buffer) {
                    Ok(read) if read > 0 => {
                        screen.printed().bytes.extend_from_slice(&buffer[..read]);
                        screen.grew.notify_all();
                    }
                    _ if program_ended => break,
                    _ => std::thread::sleep(Duration::from_millis(5)),
                }
            }
            drop(terminal);
            screen.printed().complete = true;
            screen.grew.notify_all();
        });
    }
}

/// Waits a moment for something to read, the end included.
fn has_something_to_read(terminal: &Pty) -> bool {
    let moment = Timespec {
        tv_sec: 0,
        tv_nsec: 20_000_000,
    };
    let mut terminal = [PollFd::new(terminal, PollFlags::IN)];
    rustix::event::poll(&mut terminal, Some(&moment)).is_ok_and(|ready| ready > 0)
}

/// Writes `bytes` to a program that may take its time, or never read them.
pub(super) fn feed(mut pipe: ChildStdin, bytes: Vec<u8>) {
    std::thread::spawn(move || pipe.write_all(&bytes));
}

/// Reads a pipe to its end.
pub(super) fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

fn collect(reader: Option<JoinHandle<Vec<u8>>>) -> String {
    let bytes = reader.map(|reader| reader.join().expect("the reader does not panic"));
    String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned()
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
