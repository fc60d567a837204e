//! A second process that gives the terminal back where this one is killed.
//!
//! SIGKILL, which comes when memory runs out, leaves no time to undo anything, and a key
//! derivation is what the kernel looks for then. The other process is this program again, with
//! nothing in its memory, in a group of its own, so that no key on the terminal reaches it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::termios::{
    LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios, tcflush, tcgetattr,
    tcgetpgrp, tcsetattr,
};

use super::turn::{LOOK, Turn};
use crate::platform;

/// The hidden command that is the second process.
pub const COMMAND: &str = "__terminal";

/// What is off while we ask. Signals keep working. Lines are put together by us and not by the
/// terminal, whose own line is cut at 4,095 bytes without a word (N_TTY), half a token.
pub(super) const SILENCED: LocalModes = LocalModes::ECHO
    .union(LocalModes::ECHONL)
    .union(LocalModes::ICANON);

/// Whether this program knows [`COMMAND`]: another one that uses this library would ask again.
static IS_KNOWN: AtomicBool = AtomicBool::new(false);

/// How long a shell that edits its lines has to set the terminal for that, which is then its own.
const SHELL_FIRST: Duration = Duration::from_millis(200);

/// What is to be turned on again: the local modes, VMIN and VTIME. Then the [`modes`] of the silent
/// terminal. Of zeros when nothing is.
type Record = [u8; 10 + MODES];

const MODES: usize = 32;

/// All modes of a terminal, to tell whether somebody has changed them.
pub(super) fn modes(settings: &Termios) -> [u8; MODES] {
    let mut modes = [0; MODES];
    let all = [
        u64::from(settings.input_modes.bits()),
        u64::from(settings.output_modes.bits()),
        u64::from(settings.control_modes.bits()),
        u64::from(settings.local_modes.bits()),
    ];
    for (place, bits) in modes.chunks_exact_mut(8).zip(all) {
        place.copy_from_slice(&bits.to_le_bytes());
    }
    modes
}

/// From here on a terminal that is silent is given back even if this process is killed. The
/// program has to call [`guard_terminal`] when its first argument is [`COMMAND`].
pub fn outlive_a_kill() {
    IS_KNOWN.store(true, Ordering::Relaxed);
}

/// The second process, until this is dropped.
pub(super) struct Guard {
    wire: UnixStream,
    process: Child,
}

impl Guard {
    /// Starts it; `None` where the system has no process to spare.
    pub(super) fn start(terminal: &File) -> Option<Self> {
        if !IS_KNOWN.load(Ordering::Relaxed) {
            return None;
        }
        let (wire, its) = UnixStream::pair().ok()?;
        let mut command = Command::new(platform::own_program().ok()?);
        command
            .arg0("cldkctl")
            .arg(COMMAND)
            .current_dir("/")
            .env_clear()
            .stdin(OwnedFd::from(its))
            .stdout(terminal.try_clone().ok()?)
            .stderr(Stdio::null())
            .process_group(0);
        // Ctrl-Z would stop it before it is in its own group, where nobody continues it, while this
        // process waits for it to run.
        let process = platform::without_job_control(|| command.spawn()).ok()?;
        Some(Self { wire, process })
    }

    /// Notes what to restore of the settings `before` in place of those that are `silent`, or that
    /// there is nothing any more.
    pub(super) fn note(&self, changed: Option<(&Termios, &Termios)>) {
        let mut record: Record = [0; 10 + MODES];
        if let Some((before, silent)) = changed {
            let off = u64::from((before.local_modes & SILENCED).bits());
            record[..8].copy_from_slice(&off.to_le_bytes());
            record[8] = before.special_codes[SpecialCodeIndex::VMIN];
            record[9] = before.special_codes[SpecialCodeIndex::VTIME];
            record[10..].copy_from_slice(&modes(silent));
        }
        let _ = (&self.wire).write_all(&record);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // The program of `exec` would have a child that it knows nothing of.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Is the second process: waits for the end of the first, whose terminal is standard output.
pub fn guard_terminal() {
    platform::close_inherited_files();
    let (mut last, mut record): (Record, Record) = ([0; 10 + MODES], [0; 10 + MODES]);
    let mut wire = std::io::stdin().lock();
    while wire.read_exact(&mut record).is_ok() {
        last = record;
    }
    let off = u64::from_le_bytes(last[..8].try_into().expect("eight bytes"));
    let off = LocalModes::from_bits_truncate(off.try_into().unwrap_or(0)) & SILENCED;
    if off.is_empty() {
        return;
    }
    std::thread::sleep(SHELL_FIRST);
    let terminal = rustix::stdio::stdout();
    // Another command of ours that asks meanwhile needs the silence. It may have found it so, and
    // then leaves it so.
    let _turn = loop {
        let job = tcgetpgrp(terminal).map_or(0, |job| job.as_raw_pid());
        match Turn::take(job) {
            Some(turn) => break turn,
            None => std::thread::sleep(LOOK),
        }
    };
    // One that somebody has changed meanwhile, as bash and zsh do, is theirs. Their line editors
    // turn the echo off as we do, and other modes besides.
    let Ok(mut settings) = tcgetattr(terminal) else {
        return;
    };
    if modes(&settings) != last[10..] {
        return;
    }
    settings.local_modes |= off;
    settings.special_codes[SpecialCodeIndex::VMIN] = last[8];
    settings.special_codes[SpecialCodeIndex::VTIME] = last[9];
    platform::without_stop(|| {
        // What was typed and answered no question is not for the shell.
        let _ = tcflush(terminal, QueueSelector::IFlush);
        let _ = tcsetattr(terminal, OptionalActions::Now, &settings);
    });
}
