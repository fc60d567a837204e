//! What the process tells its caller: the exit codes, which scripts rely on.

/// How a command ended. The numbers are part of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Success = 0,
    /// Any failure that has no number of its own.
    Failure = 1,
    /// Wrong usage: a flag, an argument, a setting, or something typed that cannot be taken.
    Usage = 2,
    /// Not logged in, or the API rejected the token.
    NotLoggedIn = 3,
    /// The vault is locked and nothing could unlock it.
    Locked = 4,
    /// Wrong passphrase or identity.
    WrongPassphrase = 5,
    /// The vault file is damaged, altered, not a vault, or of a newer version.
    BadVault = 6,
    /// The API could not be reached, or did not answer sensibly.
    Unreachable = 7,
    /// The API answered with another error.
    ApiError = 8,
    /// `exec`: the command was found and could not be run, as with env(1).
    CommandNotRun = 126,
    /// `exec`: there is no such command, as with env(1).
    CommandNotFound = 127,
    /// Interrupted, as by Ctrl-C (128 + SIGINT).
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt;

    #[test]
    fn the_numbers_of_a_panic_and_of_ctrl_c_are_those_of_a_command() {
        assert_eq!(interrupt::FAILED, Exit::Failure as i32);
        assert_eq!(interrupt::INTERRUPTED, Exit::Interrupted as i32);
    }
}
