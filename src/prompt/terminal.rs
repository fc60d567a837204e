//! The controlling terminal: questions go there, and hidden answers come from there,
//! whatever stdin and stdout are connected to.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{QueueSelector, tcflush, tcgetwinsize};
use zeroize::Zeroizing;

use crate::interrupt::{self, QuietTerminal, Turn};

/// The longest answer, in bytes; the rest of a longer line is read and dropped, so that it
/// does not end up in the shell.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// The controlling terminal with its echo off.
///
/// The echo stays off from the first question until this is dropped, not only while a
/// question waits: somebody who types or pastes ahead, while the network or the key
/// derivation is slow, must not see their passphrase on the screen.
pub struct Terminal {
    file: File,
    /// A key that was typed ahead, read on the way past line ends.
    ahead: Option<u8>,
    has_waited: bool,
}

/// Why a question got no answer.
#[derive(Debug, thiserror::Error)]
pub enum PromptError {
    /// The process has no controlling terminal.
    #[error("there is no terminal to ask on")]
    NoTerminal,
    /// Asking is forbidden.
    #[error("--no-input forbids asking")]
    Forbidden,
    /// The terminal failed or was closed.
    #[error("cannot read from the terminal: {0}")]
    Io(#[from] io::Error),
    /// Ctrl-D, or the end of the terminal, with nothing typed before: no answer, where an empty
    /// line is one.
    #[error("the input ended before anything was typed")]
    Ended,
    /// More than 64 KiB on one line.
    #[error("the answer is longer than 64 KiB")]
    TooLong,
    /// A control character, or bytes that are no UTF-8.
    #[error("the answer has a control character in it, perhaps an arrow key")]
    Characters,
}

impl PromptError {
    /// Whether there is nobody to ask, rather than no good answer.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::NoTerminal | Self::Forbidden)
    }
}

impl Terminal {
    /// Opens the controlling terminal, tty(4), and turns its echo off.
    ///
    /// # Errors
    /// [`PromptError::NoTerminal`] at once when there is none.
    pub fn open() -> Result<Self, PromptError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/tty")
            .map_err(|_| PromptError::NoTerminal)?;
        interrupt::watch();
        interrupt::wait_for_foreground(&file);
        let turn = Turn::wait();
        let has_waited = turn.has_waited();
        interrupt::quieten(QuietTerminal::new(file.try_clone()?, turn)?)?;
        Ok(Self {
            file,
            ahead: None,
            has_waited,
        })
    }

    /// Whether another command of the same pipeline was asking, so that this one had to wait.
    #[must_use]
    pub fn has_waited(&self) -> bool {
        self.has_waited
    }

    /// Asks, and reads one line without showing it. Backspace, Ctrl-U and Ctrl-W work.
    ///
    /// What was typed ahead is the answer, but for line ends alone: a token that was copied
    /// with CR LF behind it would otherwise answer the next question with nothing.
    ///
    /// # Errors
    /// When the answer is too long, has other control characters, the input ends without one,
    /// or the terminal is gone.
    pub fn ask_hidden(&mut self, question: &str) -> Result<Zeroizing<String>, PromptError> {
        let question = format!("{question} ");
        interrupt::wait_for_foreground(&self.file);
        interrupt::keep_quiet()?;
        self.drop_line_ends()?;
        interrupt::note_question(&question);
        self.file.write_all(question.as_bytes())?;

        let spoilt = Arc::new(Spoilt::default());
        let keys = Keys {
            file: self.file.try_clone()?,
            ahead: self.ahead.take(),
            read: 0,
            spoilt: Arc::clone(&spoilt),
        };
        let config = rpassword::ConfigBuilder::new()
            .input_reader(keys)
            .output_discard()
            .build();
        let answer = rpassword::read_password_with_config(config).map(Zeroizing::new);

        interrupt::note_question("");
        self.file.write_all(b"\n")?;
        let answer = answer?;
        if spoilt.too_long.load(Ordering::Relaxed) {
            return Err(PromptError::TooLong);
        }
        if spoilt.characters.load(Ordering::Relaxed) || answer.contains('\u{fffd}') {
            return Err(PromptError::Characters);
        }
        if answer.is_empty() && spoilt.ended.load(Ordering::Relaxed) {
            return Err(PromptError::Ended);
        }
        Ok(answer)
    }

    fn drop_line_ends(&mut self) -> io::Result<()> {
        while self.ahead.is_none() && is_readable(&self.file, Duration::ZERO)? {
            let mut key = Zeroizing::new([0]);
            match read_key(&self.file, &mut key)? {
                0 => break,
                _ if matches!(key[0], b'\r' | b'\n') => {}
                _ => self.ahead = Some(key[0]),
            }
        }
        Ok(())
    }

    /// Asks, and reads one line that can be seen. What was typed before the question was not
    /// meant for it, and is dropped: the answer may cost somebody something.
    ///
    /// # Errors
    /// When the input ends without an answer, or the terminal is gone.
    pub fn ask_shown(&mut self, question: &str) -> Result<String, PromptError> {
        let question = format!("{question} ");
        interrupt::wait_for_foreground(&self.file);
        interrupt::keep_quiet()?;
        self.ahead = None;
        tcflush(&self.file, QueueSelector::IFlush).map_err(io::Error::from)?;
        interrupt::note_question(&question);
        self.file.write_all(question.as_bytes())?;
        let answer = self.read_shown();
        interrupt::note_question("");
        self.file.write_all(b"\n")?;
        answer
    }

    /// Shows the keys itself: the terminal's echo stays off.
    fn read_shown(&mut self) -> Result<String, PromptError> {
        let mut keys = Keys {
            file: self.file.try_clone()?,
            ahead: None,
            read: 0,
            spoilt: Arc::default(),
        };
        let mut answer = String::new();
        let mut key = [0];
        while keys.read(&mut key)? == 1 {
            match key[0] {
                b'\r' | b'\n' => return Ok(answer),
                // Backspace and delete; Ctrl-U and Ctrl-W take all of it.
                rubout @ (0x08 | 0x15 | 0x17 | 0x7f) => {
                    while answer.pop().is_some() {
                        self.file.write_all(b"\x08 \x08")?;
                        if matches!(rubout, 0x08 | 0x7f) {
                            break;
                        }
                    }
                }
                shown if shown.is_ascii() => {
                    answer.push(char::from(shown));
                    self.file.write_all(&key)?;
                }
                _ => {
                    answer.push('?');
                    self.file.write_all(b"?")?;
                }
            }
        }
        if answer.is_empty() {
            return Err(PromptError::Ended);
        }
        Ok(answer)
    }

    /// Shows a text on the terminal and nowhere else.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn show(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all(text.as_bytes())
    }

    /// Shows why an answer cannot be used, and drops what was typed behind it.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn refuse(&mut self, why: &str) -> io::Result<()> {
        self.ahead = None;
        interrupt::drop_keys();
        self.show(why)
    }

    /// Characters in a line; `None` when the terminal does not say, as a serial one.
    #[must_use]
    pub fn columns(&self) -> Option<usize> {
        let size = tcgetwinsize(&self.file).ok()?;
        (size.ws_col > 0).then_some(usize::from(size.ws_col))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        interrupt::give_terminal_back();
    }
}

/// Waits for a key and reads it; 0 at the end of the terminal. The echo stays off meanwhile,
/// whatever other programs do.
fn read_key(mut file: &File, key: &mut [u8; 1]) -> io::Result<usize> {
    loop {
        let readable = is_readable(file, interrupt::LOOK)?;
        interrupt::wait_for_foreground(file);
        interrupt::keep_quiet()?;
        // Again: it is gone if this process was stopped meanwhile.
        if !readable || !is_readable(file, Duration::ZERO)? {
            continue;
        }
        match file.read(key) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => {
                interrupt::note_key();
                return read;
            }
        }
    }
}

fn is_readable(file: &File, limit: Duration) -> io::Result<bool> {
    let mut waited = [PollFd::new(file, PollFlags::IN)];
    match poll(&mut waited, Some(&interrupt::timespec(limit))) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// What was wrong with the keys of one answer.
#[derive(Default)]
struct Spoilt {
    ended: AtomicBool,
    too_long: AtomicBool,
    characters: AtomicBool,
}

/// Hands keys to `rpassword`, which puts a line together out of them, and notes those that
/// it would drop in silence: a token from which something is missing must not be sent.
struct Keys {
    file: File,
    ahead: Option<u8>,
    read: usize,
    spoilt: Arc<Spoilt>,
}

impl Keys {
    /// Notes that no line end ended the answer; so many bytes are read then.
    fn end(&self) -> usize {
        self.spoilt.ended.store(true, Ordering::Relaxed);
        0
    }
}

impl Read for Keys {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        // One byte at a time: what follows the line belongs to the next question.
        let Some(slot) = buffer.first_mut() else {
            return Ok(0);
        };
        loop {
            let mut byte = Zeroizing::new([0]);
            match self.ahead.take() {
                Some(ahead) => byte[0] = ahead,
                None if read_key(&self.file, &mut byte)? == 0 => return Ok(self.end()),
                None => {}
            }
            self.read += 1;
            *slot = byte[0];
            match byte[0] {
                b'\r' | b'\n' => return Ok(1),
                // Ctrl-D ends the answer, as it does elsewhere.
                0x04 => return Ok(self.end()),
                // Backspace, Ctrl-U, Ctrl-W, delete: `rpassword` acts on them.
                0x08 | 0x15 | 0x17 | 0x7f => {}
                0x00..0x20 => {
                    self.spoilt.characters.store(true, Ordering::Relaxed);
                    continue;
                }
                _ => {}
            }
            if self.read > MAX_ANSWER_BYTES {
                self.spoilt.too_long.store(true, Ordering::Relaxed);
                continue;
            }
            return Ok(1);
        }
    }
}
