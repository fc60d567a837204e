//! The controlling terminal: questions go there, and hidden answers come from there,
//! whatever stdin and stdout are connected to.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::time::Duration;

use rustix::termios::{QueueSelector, tcflush, tcgetwinsize};
use zeroize::Zeroizing;

use super::error::PromptError;
use super::keys::{Key, Keys, is_readable, read_key};
use crate::interrupt::{self, QuietTerminal, Turn};
use crate::printable::printable;

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
        if !interrupt::wait_for_foreground(&file) {
            return Err(PromptError::Background);
        }
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
        if !interrupt::wait_for_foreground(&self.file) {
            return Err(PromptError::Background);
        }
        interrupt::keep_quiet()?;
        self.drop_line_ends()?;
        interrupt::note_question(&question);
        self.file.write_all(question.as_bytes())?;

        let keys = Keys::new(self.file.try_clone()?, self.ahead.take());
        let spoilt = keys.spoilt();
        let config = rpassword::ConfigBuilder::new()
            .input_reader(keys)
            .output_discard()
            .build();
        let answer = rpassword::read_password_with_config(config).map(Zeroizing::new);

        interrupt::note_question("");
        self.file.write_all(b"\n")?;
        let answer = answer.map_err(|error| self.lost(error))?;
        spoilt.check(answer.is_empty())?;
        Ok(answer)
    }

    /// Why the terminal gives nothing any more.
    fn lost(&self, error: io::Error) -> PromptError {
        match interrupt::wait_for_foreground(&self.file) {
            true => PromptError::Io(error),
            false => PromptError::Background,
        }
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
        if !interrupt::wait_for_foreground(&self.file) {
            return Err(PromptError::Background);
        }
        interrupt::keep_quiet()?;
        self.ahead = None;
        tcflush(&self.file, QueueSelector::IFlush).map_err(io::Error::from)?;
        interrupt::note_question(&question);
        self.file.write_all(question.as_bytes())?;
        let answer = self.read_shown().map_err(|error| match error {
            PromptError::Io(error) => self.lost(error),
            error => error,
        });
        interrupt::note_question("");
        self.file.write_all(b"\n")?;
        answer
    }

    /// Shows the keys itself: the terminal's echo stays off.
    fn read_shown(&mut self) -> Result<String, PromptError> {
        let mut keys = Keys::new(self.file.try_clone()?, None);
        let mut answer = String::new();
        loop {
            match keys.next()? {
                Key::Enter => return Ok(answer),
                Key::End => break,
                // Ctrl-U and Ctrl-W take all of it.
                Key::Rubout(key) => {
                    while answer.pop().is_some() {
                        self.file.write_all(b"\x08 \x08")?;
                        if matches!(key, 0x08 | 0x7f) {
                            break;
                        }
                    }
                }
                // So that the answer is what can be seen.
                Key::Refused => {
                    answer.push('?');
                    self.file.write_all(b"?")?;
                }
                Key::Text(text) => {
                    answer.push(text);
                    let shown = printable(text.encode_utf8(&mut [0; 4])).to_string();
                    self.file.write_all(shown.as_bytes())?;
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
