//! What happens between a request and its answer, for whoever shows it.

use std::time::Duration;

use jiff::SignedDuration;

use super::error::Error;
use crate::base_url::Origin;

/// Something that happened on the way to an answer, for a spinner or `-v`.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A request is about to be sent.
    Sending {
        /// Its method, in capitals.
        method: &'a str,
        /// Its URL without the query.
        url: &'a str,
        /// Counted from one.
        attempt: u32,
    },
    /// An answer is there, whole.
    Answered {
        /// Its HTTP status.
        status: u16,
    },
    /// This machine's clock and the server's differ by more than a minute.
    ClocksDiffer {
        /// Whose clock the other is.
        origin: &'a Origin,
        /// How far it is ahead; less than zero if this machine's is.
        server_ahead: SignedDuration,
    },
    /// It will be tried again after a pause.
    Waiting {
        /// For how long.
        pause: Duration,
        /// What went wrong.
        because: &'a Error,
    },
}
