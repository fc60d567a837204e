//! Whose turn it is to ask, where several commands of one pipeline have a question.

use std::fs::{self, File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::thread;
use std::time::Duration;

use rustix::fs::OFlags;

use crate::platform;

/// How often the terminal is looked at while a person thinks.
pub(crate) const LOOK: Duration = Duration::from_millis(100);

/// The right to ask on the controlling terminal, until it is dropped.
///
/// It is a lock on the terminal's device, for the commands of this job: no other job can be in
/// the foreground meanwhile. `/dev/tty` would not do, which is one file for all terminals. Where
/// the device cannot be found or opened, everybody may ask.
pub(crate) struct Turn {
    /// The lock ends when it is closed.
    _device: Option<File>,
    has_waited: bool,
}

impl Turn {
    /// Waits for those who ask now. One that is stopped is not waited for, nor is a process
    /// that is none of this job, whatever it has locked.
    ///
    /// Ctrl-Z stops all of the job, one shortly before the other. So one counts as stopped that is
    /// stopped at two looks: this process was not stopped between them.
    pub(crate) fn wait() -> Self {
        let device = device();
        let own = platform::process_group(0);
        let mut has_waited = false;
        let mut was_stopped = false;
        while let Some(device) = &device
            && let Ok(Some(holder)) = platform::lock_for_job(device.as_fd(), own.unwrap_or(0))
            && holder > 0
            && platform::process_group(holder) == own
        {
            has_waited = true;
            let stat = platform::stat(&holder.to_string());
            let is_stopped = stat.is_some_and(|stat| stat.starts_with('T'));
            if is_stopped && was_stopped {
                break;
            }
            was_stopped = is_stopped;
            thread::sleep(LOOK);
        }
        Self {
            _device: device,
            has_waited,
        }
    }

    /// Takes the turn of a job, by the id of its process group, if nobody of it asks.
    pub(super) fn take(job: i32) -> Option<Self> {
        let device = device();
        let holder = device
            .as_ref()
            .and_then(|device| platform::lock_for_job(device.as_fd(), job).ok()?);
        holder.is_none().then_some(Self {
            _device: device,
            has_waited: false,
        })
    }

    /// Whether another of ours was asking.
    pub(crate) fn has_waited(&self) -> bool {
        self.has_waited
    }
}

/// Opens the device of the controlling terminal.
fn device() -> Option<File> {
    let stat = platform::stat("self")?;
    // `tty_nr`: bits 8 to 19 are the major number, the others the minor one.
    let number = stat.split(' ').nth(4)?.parse::<i32>().ok()?.cast_unsigned();
    let number = rustix::fs::makedev(number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xfff00);
    let path = ["/dev/pts", "/dev"].into_iter().find_map(|folder| {
        let mut devices = fs::read_dir(folder).ok()?.flatten();
        let is_it = |device: &fs::DirEntry| device.metadata().is_ok_and(|it| it.rdev() == number);
        devices.find(is_it).map(|device| device.path())
    })?;
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlags::NOCTTY | OFlags::NONBLOCK).bits() as i32)
        .open(path)
        .ok()
}
