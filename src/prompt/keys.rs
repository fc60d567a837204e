//! The keys of one answer: bytes of a terminal, put together to characters, with what a paste has
//! around it taken away.

use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::PollFlags;
use zeroize::Zeroizing;

use super::error::PromptError;
use crate::interrupt;

/// The longest answer, in bytes; the rest of a longer line is read and dropped, so that it
/// does not end up in the shell.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// What a paste begins and ends with, behind the escape character, where a terminal tells it from
/// typing (bracketed paste, DEC mode 2004 of xterm).
const PASTE_BEGINS: &[u8] = b"[200~";
const PASTE_ENDS: &[u8] = b"[201~";

/// The longest escape sequence that a key sends; what is longer is none.
const LONGEST_SEQUENCE: usize = 32;

/// How long the end of a paste may take behind a line end.
const PATIENCE: Duration = Duration::from_millis(500);

/// A key, or several that make one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// A character, typed or pasted.
    Text(char),
    /// Backspace, delete, Ctrl-U or Ctrl-W.
    Rubout(u8),
    Enter,
    /// One that no answer has.
    Refused,
    /// Ctrl-D, or the end of the terminal.
    End,
}

/// What was wrong with the keys of one answer.
#[derive(Default)]
pub(super) struct Spoilt {
    ended: AtomicBool,
    too_long: AtomicBool,
    control: AtomicBool,
    not_text: AtomicBool,
    lines: AtomicBool,
}

impl Spoilt {
    fn clear(&self) {
        let Self {
            ended,
            too_long,
            control,
            not_text,
            lines,
        } = self;
        for flag in [ended, too_long, control, not_text, lines] {
            flag.store(false, Ordering::Relaxed);
        }
    }

    /// Why the answer, which may be empty, cannot be used.
    pub(super) fn check(&self, is_empty: bool) -> Result<(), PromptError> {
        let is = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        Err(match self {
            spoilt if is(&spoilt.too_long) => PromptError::TooLong,
            spoilt if is(&spoilt.lines) => PromptError::Lines,
            spoilt if is(&spoilt.not_text) => PromptError::NotText,
            spoilt if is(&spoilt.control) => PromptError::Characters,
            spoilt if is_empty && is(&spoilt.ended) => PromptError::Ended,
            _ => return Ok(()),
        })
    }
}

/// Reads the keys of one answer, and notes those that it drops: a token from which something is
/// missing must not be sent.
pub(super) struct Keys {
    file: File,
    /// A byte that was read and belongs to the next key.
    ahead: Option<u8>,
    read: usize,
    in_paste: bool,
    spoilt: Arc<Spoilt>,
    /// What [`Read`] has yet to give of a character.
    rest: Zeroizing<Vec<u8>>,
}

impl Keys {
    /// The keys of this terminal, behind the one that was read `ahead`.
    pub(super) fn new(file: File, ahead: Option<u8>) -> Self {
        Self {
            file,
            ahead,
            read: 0,
            in_paste: false,
            spoilt: Arc::default(),
            rest: Zeroizing::new(Vec::with_capacity(4)),
        }
    }

    /// What is wrong with the keys so far.
    pub(super) fn spoilt(&self) -> Arc<Spoilt> {
        Arc::clone(&self.spoilt)
    }

    /// Waits for the next key.
    pub(super) fn next(&mut self) -> io::Result<Key> {
        loop {
            let Some(byte) = self.byte()? else {
                return Ok(self.end());
            };
            match byte {
                b'\r' | b'\n' if !self.in_paste || self.paste_ends()? => return Ok(Key::Enter),
                b'\r' | b'\n' => return Ok(refuse(&self.spoilt.lines)),
                0x1b if self.is_paste_bound()? => {}
                // Ctrl-D ends the answer, as it does elsewhere.
                0x04 if !self.in_paste => return Ok(self.end()),
                // Ctrl-U begins the answer anew.
                0x15 if !self.in_paste => {
                    self.read = 0;
                    self.spoilt.clear();
                    return Ok(Key::Rubout(byte));
                }
                0x08 | 0x17 | 0x7f if !self.in_paste => return Ok(Key::Rubout(byte)),
                0x00..0x20 | 0x7f => return Ok(refuse(&self.spoilt.control)),
                _ => {
                    let text = self.character(byte)?;
                    if self.read <= MAX_ANSWER_BYTES {
                        return Ok(text.map_or_else(|| refuse(&self.spoilt.not_text), Key::Text));
                    }
                    refuse(&self.spoilt.too_long);
                }
            }
        }
    }

    fn end(&self) -> Key {
        self.spoilt.ended.store(true, Ordering::Relaxed);
        Key::End
    }

    /// One byte, since what follows the line belongs to the next question; `None` at the end of
    /// the terminal.
    fn byte(&mut self) -> io::Result<Option<u8>> {
        if let Some(ahead) = self.ahead.take() {
            return Ok(Some(ahead));
        }
        let mut byte = Zeroizing::new([0]);
        let count = read_key(&self.file, &mut byte)?;
        self.read += count;
        Ok((count > 0).then_some(byte[0]))
    }

    /// The next byte, if it is one `of` these; another one is left for later.
    fn byte_of(&mut self, of: impl Fn(u8) -> bool) -> io::Result<Option<u8>> {
        match self.byte()? {
            Some(byte) if of(byte) => Ok(Some(byte)),
            other => {
                self.ahead = other;
                Ok(None)
            }
        }
    }

    /// The character that begins with this byte; `None` if that is not UTF-8 (RFC 3629).
    fn character(&mut self, first: u8) -> io::Result<Option<char>> {
        let more = match first {
            0x00..0x80 => 0,
            0xc2..0xe0 => 1,
            0xe0..0xf0 => 2,
            0xf0..0xf5 => 3,
            _ => return Ok(None),
        };
        let mut bytes = Zeroizing::new([first, 0, 0, 0]);
        for at in 1..=more {
            match self.byte_of(|byte| (0x80..0xc0).contains(&byte))? {
                Some(byte) => bytes[at] = byte,
                None => return Ok(None),
            }
        }
        let text = std::str::from_utf8(&bytes[..=more]);
        Ok(text.ok().and_then(|text| text.chars().next()))
    }

    /// Whether an escape character begins a bound of a paste, rather than a key that is no text.
    fn is_paste_bound(&mut self) -> io::Result<bool> {
        let sequence = self.sequence()?;
        let is_bound = [PASTE_BEGINS, PASTE_ENDS].contains(&&*sequence);
        if is_bound {
            self.in_paste = sequence == PASTE_BEGINS;
        }
        Ok(is_bound)
    }

    /// A control sequence behind its escape character (ECMA-48, section 5.4), as an arrow key
    /// sends one; empty where none follows.
    fn sequence(&mut self) -> io::Result<Vec<u8>> {
        let mut sequence = Vec::with_capacity(LONGEST_SEQUENCE);
        // `O` and one more is what some keys send, xterm's F1 among them.
        let Some(first) = self.byte_of(|byte| matches!(byte, b'[' | b'O'))? else {
            return Ok(sequence);
        };
        sequence.push(first);
        while sequence.len() < LONGEST_SEQUENCE
            && let Some(byte) = self.byte_of(|byte| (0x20..0x7f).contains(&byte))?
        {
            sequence.push(byte);
            if byte >= 0x40 {
                break;
            }
        }
        Ok(sequence)
    }

    /// Whether a line end was the last of a paste, and so ends the answer. One that nothing
    /// follows for a while does so, too: Enter must do something.
    fn paste_ends(&mut self) -> io::Result<bool> {
        loop {
            if self.ahead.is_none() && !is_readable(&self.file, PATIENCE)? {
                return Ok(true);
            }
            match self.byte()? {
                Some(b'\r' | b'\n') => {}
                Some(0x1b) => return Ok(self.is_paste_bound()? && !self.in_paste),
                other => {
                    self.ahead = other;
                    return Ok(other.is_none());
                }
            }
        }
    }
}

/// For `rpassword`, which puts a line together out of them.
impl Read for Keys {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(slot) = buffer.first_mut() else {
            return Ok(0);
        };
        while self.rest.is_empty() {
            match self.next()? {
                Key::Refused => {}
                Key::End => return Ok(0),
                Key::Enter => self.rest.push(b'\n'),
                Key::Rubout(byte) => self.rest.push(byte),
                Key::Text(text) => {
                    let mut bytes = Zeroizing::new([0; 4]);
                    let bytes = text.encode_utf8(&mut *bytes).as_bytes();
                    self.rest.extend(bytes.iter().rev());
                }
            }
        }
        *slot = self.rest.pop().expect("a key has a byte");
        Ok(1)
    }
}

fn refuse(why: &AtomicBool) -> Key {
    why.store(true, Ordering::Relaxed);
    Key::Refused
}

/// Waits for a key and reads it; 0 at the end of the terminal. The echo stays off meanwhile,
/// whatever other programs do.
pub(super) fn read_key(mut file: &File, key: &mut [u8; 1]) -> io::Result<usize> {
    loop {
        let readable = is_readable(file, interrupt::LOOK)?;
        if !interrupt::wait_for_foreground(file) {
            return Err(rustix::io::Errno::IO.into());
        }
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

/// Whether there is something to read before the time is over, the end of the terminal included.
pub(super) fn is_readable(file: &File, limit: Duration) -> io::Result<bool> {
    Ok(!interrupt::poll(file, PollFlags::IN, Some(limit))?.is_empty())
}
