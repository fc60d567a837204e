//! Secrets that are supplied rather than typed: on standard input, or in a file.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::files::{StoreError, input};
use crate::secret::{MAX_PASSPHRASE_BYTES, shown_path};

/// Why a secret could not be read. Holds nothing of what was read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The system refused.
    #[error("cannot read {from}: {source}")]
    Io {
        /// `standard input` or the file.
        from: String,
        /// What the system said.
        source: io::Error,
    },
    /// More than any token or passphrase.
    #[error("{0} is larger than 64 KiB, which is too much for a token or a passphrase")]
    TooLong(String),
    /// Bytes that are no text.
    #[error("{0} is not UTF-8 text")]
    NotText(String),
    /// Text that begins with the byte order mark of UTF-16, as Windows writes it.
    #[error("{0} is UTF-16 text, not UTF-8")]
    Utf16(String),
    /// A folder or a device.
    #[error("{} is neither a file nor a pipe", .0.display())]
    NotAFile(PathBuf),
}

/// What somebody may have typed in place of the name of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// The passphrase that the file holds.
    Passphrase,
    /// A key, which looks like nothing else.
    Key,
}

/// A secret that was read from a file.
pub struct FromFile<T> {
    /// What is in the file, as it is.
    pub content: T,
    /// Whether other users can read the file, too.
    pub others_can_read: bool,
}

/// Reads all of standard input, at most 64 KiB.
///
/// # Errors
/// When there is more, it is no UTF-8, or reading fails.
pub fn read_stdin() -> Result<Zeroizing<String>, SourceError> {
    // Not through `std::io::stdin`, whose buffer is never freed and so never wiped.
    text(&all_of(&mut Stdin, "standard input")?, "standard input")
}

/// All of standard input, at most `limit` bytes; `None` if there is more. Past any buffer, as
/// [`read_stdin`]: it may hold a secret.
///
/// # Errors
/// When reading fails.
pub fn read_stdin_at_most(limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    Stdin.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// Reads a secret from a file or a pipe, such as a shell's `<(command)`.
///
/// # Errors
/// When it holds more than 64 KiB, is no UTF-8, is a folder or device, or reading fails; and
/// when it is a pipe that nobody writes to.
pub fn read_file(path: &Path, holds: Holds) -> Result<FromFile<Zeroizing<String>>, SourceError> {
    let FromFile {
        content,
        others_can_read,
    } = read_bytes(path, holds)?;
    Ok(FromFile {
        content: text(&content, &path.display().to_string())?,
        others_can_read,
    })
}

/// The same for a file that need not be text.
///
/// # Errors
/// As [`read_file`].
pub fn read_bytes(path: &Path, holds: Holds) -> Result<FromFile<Zeroizing<Vec<u8>>>, SourceError> {
    let mut file = input::open(path).map_err(|error| match error {
        StoreError::Io { source, .. } => SourceError::Io {
            from: shown(path, holds),
            source,
        },
        _ => SourceError::NotAFile(path.to_owned()),
    })?;
    Ok(FromFile {
        others_can_read: file.others_can_read(),
        content: all_of(&mut file, &path.display().to_string())?,
    })
}

/// The name of a file in a message. A passphrase that was given in place of the file that holds
/// it is no such name, and is not repeated.
fn shown(path: &Path, holds: Holds) -> String {
    let name = path.to_string_lossy();
    let like_a_file = name.contains('/') || name.contains('.');
    match holds {
        Holds::Passphrase if !like_a_file && !path.exists() => "the file [not shown]".to_owned(),
        _ => match shown_path(path) {
            shown if shown == name => shown.into_owned(),
            shown => format!("the file {shown}"),
        },
    }
}

/// Standard input, past any buffer.
struct Stdin;

impl Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(rustix::stdio::stdin(), buffer)?)
    }
}

fn all_of(from: &mut impl Read, name: &str) -> Result<Zeroizing<Vec<u8>>, SourceError> {
    // One byte more than allowed tells a full text from one that goes on, and the buffer
    // never grows, which would leave a copy behind.
    let mut bytes = Zeroizing::new(vec![0; MAX_PASSPHRASE_BYTES + 1]);
    let mut length = 0;
    while length < bytes.len() {
        match from.read(&mut bytes[length..]) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(source) => {
                return Err(SourceError::Io {
                    from: name.to_owned(),
                    source,
                });
            }
        }
    }
    if length > MAX_PASSPHRASE_BYTES {
        return Err(SourceError::TooLong(name.to_owned()));
    }
    bytes.truncate(length);
    Ok(bytes)
}

fn text(bytes: &[u8], name: &str) -> Result<Zeroizing<String>, SourceError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Zeroizing::new(text.to_owned())),
        Err(_) if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") => {
            Err(SourceError::Utf16(name.to_owned()))
        }
        Err(_) => Err(SourceError::NotText(name.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use super::*;

    #[test]
    fn a_secret_longer_than_any_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        std::fs::write(&path, vec![b'a'; MAX_PASSPHRASE_BYTES]).expect("written");
        assert_eq!(
            all_of(&mut File::open(&path).expect("opened"), "it")
                .expect("read")
                .len(),
            MAX_PASSPHRASE_BYTES
        );
        std::fs::write(&path, vec![b'a'; MAX_PASSPHRASE_BYTES + 1]).expect("written");
        assert!(matches!(
            all_of(&mut File::open(&path).expect("opened"), "it"),
            Err(SourceError::TooLong(_))
        ));
        std::fs::write(&path, b"\xff\xff").expect("written");
        assert!(matches!(
            read_file(&path, Holds::Key),
            Err(SourceError::NotText(_))
        ));
        assert!(matches!(
            read_file(folder.path(), Holds::Key),
            Err(SourceError::NotAFile(_))
        ));
    }
}
