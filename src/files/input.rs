//! Files that a person names, opened so that nothing in their place makes a command wait for
//! ever or act on a device: a regular file, or a pipe such as a shell's `<(command)`.

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;

use super::error::{StoreError, io_error};
use super::safety::is_mounted_read_only;
use crate::interrupt;

/// How long a pipe may be without anybody who writes to it. A person in another window needs
/// some seconds; a writer that is there already may take its time.
const WRITER_PATIENCE: Duration = Duration::from_secs(10);

/// A file or a pipe, open for reading.
#[derive(Debug)]
pub struct Input {
    file: File,
    metadata: Metadata,
    /// A pipe that nobody is known to have written to yet: until when.
    unwritten: Option<Instant>,
}

/// Opens a file or a pipe.
///
/// # Errors
/// When it cannot be opened, or is a folder, a device or a socket.
pub fn open(path: &Path) -> Result<Input, StoreError> {
    let not_a_file = || StoreError::NotAFileOrPipe {
        path: path.to_owned(),
    };
    let unreadable = |error: io::Error| match Errno::from_io_error(&error) {
        // A socket cannot be opened at all, open(2).
        Some(Errno::NXIO) => not_a_file(),
        _ => io_error("read", path)(error),
    };
    // Not to wait for a pipe's other end, nor to take a terminal for our own.
    let file = OpenOptions::new()
        .read(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32)
        .open(path)
        .map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let unwritten = match FileType::from_raw_mode(metadata.mode()) {
        FileType::RegularFile => None,
        FileType::Fifo => Some(Instant::now() + WRITER_PATIENCE),
        _ => return Err(not_a_file()),
    };
    Ok(Input {
        file,
        metadata,
        unwritten,
    })
}

impl Input {
    /// Whether other users can read the file, its owner if that is another one among them. That of
    /// a container's secret is not to be changed, so nothing is said of it.
    #[must_use]
    pub fn others_can_read(&self) -> bool {
        self.others_can(0o044) && !is_mounted_read_only(&self.file)
    }

    /// Whether other users can change the file, its owner if that is another one among them.
    #[must_use]
    pub fn others_can_change(&self) -> bool {
        self.others_can(0o022)
    }

    fn others_can(&self, bits: u32) -> bool {
        let owner = self.metadata.uid();
        let strange = owner != rustix::process::geteuid().as_raw() && owner != 0;
        self.metadata.is_file() && (strange || self.metadata.mode() & bits != 0)
    }

    /// All of it, at most `limit` bytes; `None` if there is more.
    ///
    /// # Errors
    /// When reading fails, or nobody writes to a pipe.
    pub fn read_at_most(&mut self, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        self.take(limit + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= limit).then_some(bytes))
    }

    /// Waits until there is something to read, or the last writer is gone; says whether
    /// either came before `until`.
    fn wait(&self, until: Option<Instant>) -> io::Result<bool> {
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        Ok(!interrupt::poll(&self.file, PollFlags::IN, left)?.is_empty())
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match (rustix::io::read(&self.file, &mut *buffer), self.unwritten) {
                // Not the end: nobody has opened the other end yet, pipe(7).
                (Ok(0), Some(until)) => {
                    if !self.wait(Some(until))? {
                        let what = "it is a pipe, and nobody writes to it";
                        return Err(io::Error::new(io::ErrorKind::TimedOut, what));
                    }
                    self.unwritten = None;
                }
                (Ok(count), _) => {
                    self.unwritten = None;
                    return Ok(count);
                }
                (Err(Errno::AGAIN), _) => {
                    self.unwritten = None;
                    self.wait(None)?;
                }
                (Err(Errno::INTR), _) => {}
                (Err(error), _) => return Err(error.into()),
            }
        }
    }
}
