//! What is said to a person, on stderr, and what is handed to a script, on stdout.

use std::io::{self, IsTerminal, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rustix::io::Errno;
use serde::Serialize;

use super::error::{Error, OutputError};
use super::format::Format;
use super::report::Report;
use crate::interrupt;
use crate::printable::acts_on_a_terminal;
use crate::printable::printable;
use crate::secret::without_secrets;
use crate::vault::Time;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
const HINT: Style = AnsiColor::Cyan.on_default().bold();

/// Says things to a person.
#[derive(Clone, Copy, Debug, Default)]
pub struct Console {
    /// No remarks and no progress; warnings and errors only.
    pub quiet: bool,
    /// Each step, too.
    pub verbose: bool,
}

impl Console {
    /// A remark.
    pub fn note(&self, text: &str) {
        if !self.quiet {
            say(None, text);
        }
    }

    /// A step, of interest with `-v` alone.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            say(None, text);
        }
    }

    /// Something that the user should change.
    pub fn warn(&self, text: &str) {
        say(Some((WARNING, "warning:")), text);
    }

    /// Why the command failed, and what to do.
    pub fn report(&self, report: &Report) {
        say(Some((ERROR, "error:")), &report.what);
        if !report.hint.is_empty() {
            say(Some((HINT, "hint:")), &report.hint);
        }
    }

    /// Shows that something takes its time, on a terminal; gone when dropped.
    #[must_use]
    pub fn spinner(&self, text: &'static str) -> Option<Spinner> {
        if self.quiet || self.verbose || !io::stderr().is_terminal() {
            return None;
        }
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_style(ProgressStyle::default_spinner());
        bar.set_message(text);
        // Before it is first drawn.
        let seen = bar.clone();
        interrupt::note_spinner(Some(Box::new(move || seen.finish_and_clear())));
        // Its ticks are a thread's, and it panics where there is none to be had.
        if thread::Builder::new().spawn(|| ()).is_ok() {
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Some(Spinner(bar))
    }
}

/// A sign of life on the terminal.
pub struct Spinner(ProgressBar);

impl Drop for Spinner {
    fn drop(&mut self) {
        interrupt::note_spinner(None);
        self.0.finish_and_clear();
    }
}

/// A line to say. File names and servers have a part in what is said, and must not move the
/// cursor; and what was typed in the wrong place may be a secret.
#[must_use]
pub fn line(text: &str) -> String {
    format!("{}\n", printable(&without_secrets(text)))
}

/// Says one line.
fn say(label: Option<(Style, &str)>, text: &str) {
    let line = match label {
        Some((style, label)) => format!("{style}{label}{style:#} {}", line(text)),
        None => line(text),
    };
    // Not formatted on the way, which would write each character by itself, between those of
    // other programs. There is nobody to tell when stderr is gone.
    let _ = anstream::stderr().write_all(line.as_bytes());
}

/// Writes `text` and a newline to stdout.
///
/// # Errors
/// When stdout cannot be written, as with a full disk. A reader that has gone away is none.
pub fn print(text: &str) -> Result<(), Error> {
    finish(write_to_stdout([text.as_bytes(), b"\n"]))
}

/// Writes a path and a newline to stdout: byte for byte, but harmless on a terminal.
///
/// # Errors
/// As [`print()`].
pub fn print_path(path: &Path) -> Result<(), Error> {
    if io::stdout().is_terminal() {
        return print(&printable(&path.to_string_lossy()).to_string());
    }
    finish(write_to_stdout([path.as_os_str().as_bytes(), b"\n"]))
}

/// Writes two texts to stdout, one behind the other.
///
/// Past the buffer of the standard library, which would keep a copy of a secret, and past its
/// opinion that what is written to a closed stdout is written.
///
/// # Errors
/// When stdout cannot be written, or its reader has gone away.
pub fn write_to_stdout(parts: [&[u8]; 2]) -> io::Result<()> {
    let mut parts = parts.map(io::IoSlice::new);
    let mut parts = &mut parts[..];
    let stdout = rustix::stdio::stdout();
    while parts.iter().any(|part| !part.is_empty()) {
        match rustix::io::writev(stdout, parts) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(count) => io::IoSlice::advance_slices(&mut parts, count),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Writes a value in the format that was asked for.
///
/// # Errors
/// As [`print()`].
pub fn show<T: Serialize>(
    format: Format,
    value: &T,
    table: impl FnOnce(&T) -> String,
) -> Result<(), Error> {
    let unwritable = |error: &dyn std::fmt::Display| OutputError::Form(format, error.to_string());
    let json = || {
        serde_json::to_string_pretty(value)
            .map(|json| escaped(&json))
            .map_err(|error| unwritable(&error))
    };
    let text = match format {
        Format::Table => table(value),
        Format::Json => json()?,
        Format::Yaml => {
            let yaml = serde_saphyr::to_string(value).map_err(|error| unwritable(&error))?;
            // Only a quoted string could escape it; JSON quotes all, and is YAML as well.
            let unsafe_to_show = yaml.chars().any(|c| c != '\n' && acts_on_a_terminal(c));
            if unsafe_to_show { json()? } else { yaml }
        }
    };
    print(text.trim_end())
}

/// A time as a person reads it, to the minute.
pub fn minute(time: impl Into<Time>) -> String {
    let time = time.into().date_time();
    time.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// JSON that a terminal can show: `serde_json` leaves C1 controls and text that runs backwards
/// as they are, and both are only ever in strings.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && acts_on_a_terminal(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                text.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            text.push(c);
        }
    }
    text
}

/// Lines of `name  value`, the values aligned.
#[must_use]
pub fn table(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    rows.iter()
        .map(|(name, value)| format!("{name:width$}  {value}\n"))
        .collect()
}

/// Tells a reader that has gone away, which is none of our business, from a failure.
///
/// # Errors
/// When stdout cannot be written, as with a full disk.
pub fn finish(written: io::Result<()>) -> Result<(), Error> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(OutputError::Io(error).into())
        }
        _ => Ok(()),
    }
}
