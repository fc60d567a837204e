//! Waiting for a file, whatever signals come meanwhile.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;

/// Waits until the file is ready for `what`, closed or broken, poll(2); empty when that takes
/// longer than `limit`.
pub(crate) fn poll(
    file: impl AsFd,
    what: PollFlags,
    limit: Option<Duration>,
) -> io::Result<PollFlags> {
    let end = limit.map(|limit| Instant::now() + limit);
    loop {
        let rest = end.map(|end| timespec(end.saturating_duration_since(Instant::now())));
        let mut waited = [PollFd::new(&file, what)];
        match rustix::event::poll(&mut waited, rest.as_ref()) {
            Ok(_) => return Ok(waited[0].revents()),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

fn timespec(time: Duration) -> Timespec {
    Timespec {
        tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: i64::from(time.subsec_nanos()),
    }
}
