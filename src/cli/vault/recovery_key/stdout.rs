//! A sheet on standard output, for a printer or `gpg`: written once, and known to have been taken
//! as far as that can be known.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fs::{FileType, Stat, fstat, fsync, stat};
use rustix::io::{Errno, ioctl_fionread};

use crate::cli::console;
use crate::cli::error::RecoveryKeyError;
use crate::interrupt;

/// How long a program at the other end of a pipe may take to read the sheet. One that asks a
/// question first takes longer, and has it all the same.
const READER_PATIENCE: Duration = Duration::from_secs(5);

/// Standard output, as a place for a sheet.
pub(super) struct Stdout {
    kind: FileType,
}

impl Stdout {
    /// # Errors
    /// When it is a terminal, where the key is better shown without a sheet, or leads nowhere.
    pub(super) fn new() -> Result<Self, RecoveryKeyError> {
        if io::stdout().is_terminal() {
            return Err(RecoveryKeyError::Terminal);
        }
        let out = fstat(rustix::stdio::stdout()).map_err(unwritten)?;
        // It is also what stands in for an output that `>&-` closed.
        let is_null = |null: Stat| null.st_rdev == out.st_rdev;
        let kind = FileType::from_raw_mode(out.st_mode);
        if kind == FileType::CharacterDevice && stat("/dev/null").is_ok_and(is_null) {
            return Err(RecoveryKeyError::Nowhere);
        }
        Ok(Self { kind })
    }

    /// Writes the sheet, and waits until it is on the disk or was read.
    ///
    /// # Errors
    /// When it cannot be written, or the program that reads it is gone.
    pub(super) fn write(&self, sheet: &str) -> Result<(), RecoveryKeyError> {
        console::write_to_stdout([sheet.as_bytes(), b""]).map_err(written_in_vain)?;
        match self.kind {
            FileType::RegularFile => fsync(rustix::stdio::stdout()).map_err(unwritten),
            FileType::Fifo => wait_for_reader(rustix::stdio::stdout()),
            _ => Ok(()),
        }
    }
}

/// Waits until nothing is left in the pipe. What a program did not read before it ended is lost.
fn wait_for_reader(pipe: impl AsFd) -> Result<(), RecoveryKeyError> {
    let until = Instant::now() + READER_PATIENCE;
    loop {
        // In this order: once nobody is there to read, what is left stays.
        let state = interrupt::poll(&pipe, PollFlags::empty(), Some(Duration::ZERO));
        let is_gone = state.is_ok_and(|state| state.contains(PollFlags::ERR));
        let unread = ioctl_fionread(&pipe).unwrap_or(0);
        if unread == 0 || Instant::now() >= until {
            return Ok(());
        }
        if is_gone {
            return Err(RecoveryKeyError::NotRead);
        }
        thread::sleep(Duration::from_millis(10));
    }
}

fn written_in_vain(error: io::Error) -> RecoveryKeyError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => RecoveryKeyError::NotRead,
        _ => RecoveryKeyError::Output(error),
    }
}

fn unwritten(error: Errno) -> RecoveryKeyError {
    RecoveryKeyError::Output(error.into())
}
