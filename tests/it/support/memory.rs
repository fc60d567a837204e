//! The memory of a running process, and what secrets are in it.
//!
//! A process is held at its very end, when all that it did is done: by strace, which delays
//! the system call that ends it for as long as the test looks. It takes root to look into a
//! process that is not dumpable, ptrace(2).
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::fmt;
use std::fs::{self, File};
use std::ops::Range;
use std::os::unix::fs::FileExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::forms::{Form, WINDOW, forms};
use super::{skip, starting, steps, wait_until};

/// How long a process may take until it is where it is to be held.
const PATIENCE: Duration = Duration::from_secs(60);

/// How strace delays a system call: a minute, in microseconds, or until it is killed.
const DELAY: &str = "delay_enter=60000000";

/// What ends a process by itself.
pub const EXIT: &str = "exit_group";

/// Whether the memory of another process can be searched here; [skips](skip) when not.
#[track_caller]
pub fn can_be_searched() -> bool {
    steps::are_installed(&["strace"]) && can_look_inside()
}

/// Whether memory, arguments and open files of the binary, which is not dumpable, can be read
/// here, proc(5); [skips](skip) when not.
#[track_caller]
pub fn can_look_inside() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skip("only root can look into a process that is not dumpable");
    }
    root
}

/// What to begin a command with so that it is held when any of its threads comes to the
/// `call`, the first one after it was started. The tracer is no parent of the command, so
/// that whoever starts the command starts nothing else.
pub fn holding(call: &str) -> Vec<String> {
    let when = if call == "execve" { ":when=2" } else { "" };
    ["strace", "-DDD", "-f", "-qqq", "-o", "/dev/null"]
        .map(ToOwned::to_owned)
        .into_iter()
        .chain([
            format!("--trace={call}"),
            format!("--inject={call}:{DELAY}{when}"),
            "--".to_owned(),
        ])
        .collect()
}

/// A process that is held before a system call. It goes on when this is dropped.
pub struct Held {
    pid: u32,
    tracer: Option<Child>,
}

/// Waits until a process that was started with [`holding`] is where it is held.
#[track_caller]
pub fn held(pid: u32, call: &str) -> Held {
    wait_for_call(pid, call);
    Held { pid, tracer: None }
}

/// Has a process that runs already held when it comes to the `call`; gives what waits for
/// that.
#[track_caller]
pub fn hold(pid: u32, call: &'static str) -> impl FnOnce() -> Held {
    let starting = starting();
    let tracer = Command::new("strace")
        .args(["-f", "-qqq", "-o", "/dev/null", "-p", &pid.to_string()])
        .arg(format!("--trace={call}"))
        .arg(format!("--inject={call}:{DELAY}"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("strace starts");
    drop(starting);
    let traced = wait_until(PATIENCE, || tracer_of(pid).is_some());
    assert!(traced, "strace does not attach");
    move || {
        wait_for_call(pid, call);
        Held {
            pid,
            tracer: Some(tracer),
        }
    }
}

#[track_caller]
fn wait_for_call(pid: u32, call: &str) {
    let number = match call {
        "exit_group" => libc::SYS_exit_group,
        "execve" => libc::SYS_execve,
        "writev" => libc::SYS_writev,
        call => panic!("{call}: not known here"),
    };
    let number = number.to_string();
    // strace has stopped the thread in which this says so, proc_pid_syscall(5).
    let is_held = || {
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        tasks.flatten().find(|task| {
            let path = task.path();
            let state = fs::read_to_string(path.join("stat")).unwrap_or_default();
            let call = fs::read_to_string(path.join("syscall")).unwrap_or_default();
            state.contains(") t ") && call.split(' ').next() == Some(&number)
        })
    };
    let held = wait_until(PATIENCE, || is_held().is_some());
    assert!(held, "the process does not come to {call}");
}

fn tracer_of(pid: u32) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("TracerPid:"))?;
    line.trim().parse().ok().filter(|tracer| *tracer > 0)
}

impl Held {
    /// All of its memory.
    #[track_caller]
    pub fn memory(&self) -> Memory {
        Memory::of(self.pid)
    }

    /// Lets it go on.
    pub fn release(self) {}
}

impl Drop for Held {
    fn drop(&mut self) {
        // What it traced goes on when the tracer is gone, ptrace(2).
        if let Some(tracer) = &mut self.tracer {
            let _ = tracer.kill();
            let _ = tracer.wait();
        } else if let Some(tracer) = tracer_of(self.pid).and_then(Pid::from_raw) {
            let _ = kill_process(tracer, Signal::KILL);
        }
    }
}

/// What a process has in memory, but for what it has of files and never changed: code.
pub struct Memory {
    regions: Vec<Region>,
}

struct Region {
    /// The line of proc_pid_maps(5).
    line: String,
    start: u64,
    bytes: Vec<u8>,
}

/// Bytes that belong together and are part of a secret.
#[derive(Debug)]
pub struct Trace {
    pub secret: String,
    pub form: &'static str,
    pub length: usize,
    pub address: u64,
    pub place: String,
}

/// What of a process's memory has all these flags, proc_pid_smaps(5).
#[track_caller]
pub fn ranges_with(pid: u32, wanted: &[&str]) -> Vec<Range<u64>> {
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).expect("root may read it");
    let mut ranges = Vec::new();
    let mut range = 0..0;
    for line in smaps.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            let has = |flag: &&str| flags.split_whitespace().any(|other| other == *flag);
            if wanted.iter().all(has) {
                ranges.push(range.clone());
            }
        } else if let Some(found) = line.split(' ').next().and_then(address_range) {
            range = found;
        }
    }
    ranges
}

fn address_range(word: &str) -> Option<Range<u64>> {
    let (start, end) = word.split_once('-')?;
    let number = |text| u64::from_str_radix(text, 16).ok();
    Some(number(start)?..number(end)?)
}

impl Memory {
    /// That of the running process `pid`.
    #[track_caller]
    pub fn of(pid: u32) -> Self {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("root may read it");
        let memory = File::open(format!("/proc/{pid}/mem")).expect("root may read it");
        let mut regions = Vec::new();
        for line in maps.lines() {
            let words: Vec<_> = line.split_whitespace().collect();
            let [range, mode, _, _, inode, ..] = words[..] else {
                panic!("not a line of maps: {line}");
            };
            let of_the_kernel =
                ["[vvar]", "[vdso]", "[vsyscall]"].contains(words.last().expect("five"));
            let as_in_the_file = inode != "0" && !mode.contains('w');
            if !mode.starts_with('r') || of_the_kernel || as_in_the_file {
                continue;
            }
            let Range { start, end } = address_range(range).expect("a range");
            let mut bytes = vec![0; usize::try_from(end - start).expect("it fits")];
            // Another thread may have given it back meanwhile.
            if memory.read_exact_at(&mut bytes, start).is_ok() {
                regions.push(Region {
                    line: line.to_owned(),
                    start,
                    bytes,
                });
            }
        }
        assert!(regions.len() > 3, "hardly a process: {maps}");
        Self { regions }
    }

    /// Every part of 12 bytes or more of these secrets, in any form.
    pub fn find(&self, secrets: &[(&str, &[u8])]) -> Vec<Trace> {
        let mut windows: Windows<'_> = HashMap::new();
        for (name, secret) in secrets {
            for Form {
                name: form,
                bytes,
                window,
            } in forms(secret)
            {
                for whole in bytes.windows(window) {
                    let candidates = windows.entry(whole[..WINDOW].to_vec()).or_default();
                    candidates.push((*name, form, whole.to_vec()));
                }
            }
        }
        let mut begins = vec![false; 1 << 16];
        for window in windows.keys() {
            begins[usize::from(u16::from_le_bytes([window[0], window[1]]))] = true;
        }
        let mut traces = Vec::new();
        for region in &self.regions {
            region.find(&windows, &begins, &mut traces);
        }
        traces
    }
}

/// What is searched for, by how it begins.
type Windows<'a> = HashMap<Vec<u8>, Vec<Candidate<'a>>>;
/// Which secret, in which form, and the bytes.
type Candidate<'a> = (&'a str, &'static str, Vec<u8>);

impl Region {
    fn find(&self, windows: &Windows<'_>, begins: &[bool], traces: &mut Vec<Trace>) {
        const PAGE: usize = 4096;
        const EMPTY: [u8; 64] = [0; 64];
        let mut last: Option<(usize, Trace)> = None;
        // Most pages are empty, and a page is compared at once.
        for (number, page) in self.bytes.chunks(PAGE).enumerate() {
            if *page == [0; PAGE] {
                continue;
            }
            let from = (number * PAGE).saturating_sub(WINDOW - 1);
            let to = ((number + 1) * PAGE + WINDOW - 1).min(self.bytes.len());
            let base = last.as_ref().map_or(0, |(at, _)| at + 1).max(from);
            let mut next = base;
            while next + WINDOW <= to {
                let at = next;
                if self.bytes[at..].starts_with(&EMPTY) {
                    next += EMPTY.len() - WINDOW + 1; // what begins in there ends in there
                    continue;
                }
                next += 1;
                let window = &self.bytes[at..at + WINDOW];
                if !begins[usize::from(u16::from_le_bytes([window[0], window[1]]))] {
                    continue;
                }
                let candidates = windows.get(window).map_or(&[][..], Vec::as_slice);
                let fits = |candidate: &&Candidate<'_>| self.bytes[at..].starts_with(&candidate.2);
                let Some((name, form, whole)) = candidates.iter().find(fits) else {
                    continue;
                };
                match &mut last {
                    Some((before, trace)) if *before + 1 == at && trace.form == *form => {
                        *before = at;
                        trace.length += 1;
                    }
                    _ => {
                        traces.extend(last.take().map(|(_, trace)| trace));
                        let trace = Trace {
                            secret: (*name).to_owned(),
                            form,
                            length: whole.len(),
                            address: self.start + at as u64,
                            place: format!("{:#x} in {}", self.start + at as u64, self.line),
                        };
                        last = Some((at, trace));
                    }
                }
            }
        }
        traces.extend(last.map(|(_, trace)| trace));
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            secret,
            form,
            length,
            place,
            ..
        } = self;
        write!(f, "{length} bytes of the {secret} {form} at {place}")
    }
}
