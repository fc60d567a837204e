//! The system calls of a run, with strace(1): watched, made to fail, or made its last.
//!
//! The binary is not dumpable, so that no process of the same user may look into it, ptrace(2).
//! Root may.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::path::Path;

use super::steps::are_installed;
use super::world::{Cldkctl, Output};

/// What changes files or folders, or is on the way to it. A `?` lets a name pass that the
/// machine's kernel does not have.
pub const ON_FILES: [&str; 27] = [
    "openat",
    "?open",
    "?creat",
    "write",
    "pwrite64",
    "writev",
    "fsync",
    "fdatasync",
    "?rename",
    "renameat",
    "renameat2",
    "?unlink",
    "unlinkat",
    "?link",
    "linkat",
    "?symlink",
    "symlinkat",
    "?mkdir",
    "mkdirat",
    "ftruncate",
    "fallocate",
    "?chmod",
    "fchmod",
    "fchmodat",
    "flock",
    "close",
    "copy_file_range",
];

/// One system call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Of which thread.
    pub thread: u32,
    /// Which.
    pub name: String,
    /// Arguments and result, as strace shows them.
    pub text: String,
}

/// Whether runs can be traced here; [skips](super::skip) when not.
#[track_caller]
pub fn can_trace() -> bool {
    // Without root, strace sees the calls and not the paths, which it reads from memory.
    if !are_installed(&["strace"]) || !super::memory::can_look_inside() {
        return false;
    }
    let starting = super::starting();
    let traced = std::process::Command::new("strace")
        .args(["-f", "-o", "/dev/null", "true"])
        .output()
        .is_ok_and(|output| output.status.success());
    drop(starting);
    if !traced {
        super::skip("nothing may be traced here");
    }
    traced
}

/// Runs it to its end; `calls` are watched.
#[track_caller]
pub fn watched(run: Cldkctl<'_>, calls: &[&str]) -> (Output, Vec<Call>) {
    traced(run, calls, &[])
}

/// Runs it to its end, where the `number`th call of that name in a thread becomes `what`, such
/// as `error=EIO`; from `number` on if it ends in a `+`. Watches the calls of that name.
#[track_caller]
pub fn tampered(run: Cldkctl<'_>, call: &str, number: &str, what: &str) -> (Output, Vec<Call>) {
    let inject = format!("inject={call}:{what}:when={number}");
    traced(run, &[call], &[inject])
}

/// The same with several calls; each time as `CALL:WHAT:when=NUMBER`. Watches those calls.
#[track_caller]
pub fn tampered_with(run: Cldkctl<'_>, what: &[&str]) -> (Output, Vec<Call>) {
    let calls: Vec<_> = what
        .iter()
        .map(|what| what.split(':').next().expect("a name"))
        .collect();
    let injects: Vec<_> = what.iter().map(|what| format!("inject={what}")).collect();
    traced(run, &calls, &injects)
}

/// Runs it until the `number`th call of that name in a thread. That one is not made any more.
#[track_caller]
pub fn killed(run: Cldkctl<'_>, call: &str, number: usize) -> Output {
    tampered(run, call, &number.to_string(), "signal=KILL").0
}

#[track_caller]
fn traced(run: Cldkctl<'_>, calls: &[&str], injects: &[String]) -> (Output, Vec<Call>) {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let trace = format!("trace={}", calls.join(","));
    let mut wrapper: Vec<OsString> = ["strace", "-f", "-qq", "-y", "-s", "256"]
        .map(OsString::from)
        .to_vec();
    // Stops at these calls alone, which is faster; a signal is not injected then.
    if !injects.iter().any(|inject| inject.contains("signal=")) {
        wrapper.push("--seccomp-bpf".into());
    }
    wrapper.extend(["-o".into(), log.path().into(), "-e".into(), trace.into()]);
    for inject in injects {
        wrapper.extend(["-e".into(), inject.into()]);
    }
    let output = run.under(wrapper).run();
    let calls = parse(log.path());
    (output, calls)
}

/// `PID name(arguments) = result`
fn parse(log: &Path) -> Vec<Call> {
    let log = fs::read(log).expect("strace writes its log");
    let log = String::from_utf8_lossy(&log);
    log.lines()
        .filter_map(|line| {
            let (thread, rest) = line.split_once(' ')?;
            let rest = rest.trim_start();
            // Neither signals and ends nor the second halves of calls that took turns.
            if rest.starts_with(['<', '+', '-']) {
                return None;
            }
            let (name, text) = rest.split_once('(')?;
            Some(Call {
                thread: thread.parse().ok()?,
                name: name.to_owned(),
                text: text.to_owned(),
            })
        })
        .collect()
}

/// The calls after `start`, as name and number, that are `of_interest`: see [`numbers`]. And one more of
/// each name than was seen: threads may make more or fewer of them another time.
#[track_caller]
pub fn points(
    calls: &[Call],
    start: impl Fn(&Call) -> bool,
    of_interest: impl Fn(&Call) -> bool,
) -> BTreeSet<(String, usize)> {
    let start = calls.iter().position(start).expect("it gets that far");
    let mut counts: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    let mut points = BTreeSet::new();
    for (at, call) in calls.iter().enumerate() {
        let count = counts.entry((call.thread, &call.name)).or_default();
        *count += 1;
        if at >= start && of_interest(call) {
            points.insert((call.name.clone(), *count));
        }
    }
    let most = |name: &str| {
        counts
            .iter()
            .filter(|((_, of), _)| *of == name)
            .map(|(_, count)| *count)
            .max()
    };
    let names: BTreeSet<String> = points.iter().map(|(name, _)| name.clone()).collect();
    points.extend(
        names
            .into_iter()
            .filter_map(|name| Some((most(&name)? + 1, name)))
            .map(|(number, name)| (name, number)),
    );
    points
}

/// By name, the numbers of the calls that [`killed`] and [`tampered`] can name: from the first
/// of the main thread after `start`, to the last of any thread. Threads of their own have their
/// own count, strace(1).
#[track_caller]
pub fn numbers(calls: &[Call], start: impl Fn(&Call) -> bool) -> BTreeMap<String, (usize, usize)> {
    let main = calls.first().expect("some calls").thread;
    let start = calls.iter().position(start).expect("it gets that far");
    let mut counts: BTreeMap<(u32, &str), usize> = BTreeMap::new();
    let mut numbers: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (at, call) in calls.iter().enumerate() {
        let count = counts.entry((call.thread, &call.name)).or_default();
        *count += 1;
        let range = numbers.entry(call.name.clone()).or_insert((usize::MAX, 0));
        if call.thread == main && at >= start {
            range.0 = range.0.min(*count);
        }
        range.1 = range.1.max(*count);
    }
    numbers.retain(|_, (first, _)| *first != usize::MAX);
    numbers
}
