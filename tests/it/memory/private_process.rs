//! What others on the machine see of a running command: nothing that is secret.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use crate::support::kernel::{Refusal, without_keyrings};
use crate::support::memory::can_look_inside;
use crate::support::steps::{are_installed, cloudeka_and_world, logged_in, unlock};
use crate::support::strace::{can_trace, tampered};
use crate::support::{Misbehave, SOMEONE_ELSE, TOKEN, World, can_be_someone_else, wait_until};

#[test]
fn its_memory_is_neither_dumped_nor_read_by_its_own_user() {
    if !can_be_someone_else() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    let world = world.owned_by(SOMEONE_ELSE);
    cloudeka.misbehave(Misbehave::NeverAnswer);
    let running = world
        .cldkctl(["auth", "--token-stdin"])
        .stdin(TOKEN)
        .spawn();
    assert!(wait_until(Duration::from_secs(20), || !cloudeka
        .requests()
        .is_empty()));

    let proc = |name: &str| format!("/proc/{}/{name}", running.pid());
    let owner = fs::metadata(proc("mem")).expect("it runs").uid();
    assert_eq!(
        owner, 0,
        "the kernel takes what is not dumpable from its user, proc(5)"
    );
    let limits = fs::read_to_string(proc("limits")).expect("it runs");
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"));
    assert_eq!(
        core.expect("a limit").split_whitespace().nth(4),
        Some("0"),
        "{core:?}"
    );
    for name in ["cmdline", "environ"] {
        let bytes = fs::read(proc(name)).expect("it runs");
        assert_eq!(crate::support::traces::find(&bytes, TOKEN), None, "{name}");
    }
}

/// Reading memory and environment of the process, and attaching to it, by its own user.
#[track_caller]
fn attacks_by_its_user(pid: u32) -> Vec<(&'static str, bool)> {
    let attacks = [
        ("environ", "cat /proc/PID/environ | grep -q ."),
        (
            "mem",
            "a=$(head -n 1 /proc/PID/maps | cut -d - -f 1) && [ -n \"$a\" ] && \
                 dd if=/proc/PID/mem bs=4096 count=1 skip=$((0x$a / 4096)) | grep -q .",
        ),
        ("fd", "ls /proc/PID/fd | grep -q ."),
        (
            "ptrace",
            "timeout -s KILL 1 strace -qq -p PID 2>&1; [ $? = 137 ]",
        ),
        (
            "gdb",
            "gdb -nx -batch -iex 'set auto-load off' -p PID 2>&1 | grep -q '^Detaching\\|^\\[Inferior'",
        ),
    ];
    let run = |(name, script): (&'static str, &str)| {
        let ids = [
            format!("--reuid={SOMEONE_ELSE}"),
            format!("--regid={SOMEONE_ELSE}"),
        ];
        let output = Command::new("setpriv")
            .args(ids)
            .args(["--clear-groups", "--", "sh", "-c"])
            .arg(script.replace("PID", &pid.to_string()))
            .output()
            .expect("setpriv starts");
        (name, output.status.success())
    };
    attacks.map(run).to_vec()
}

#[test]
fn its_own_user_cannot_look_into_it_nor_attach_to_it() {
    if !can_be_someone_else() || !are_installed(&["strace", "gdb"]) {
        return;
    }
    let shell = World::with_binary("/bin/sleep").owned_by(SOMEONE_ELSE);
    let any = shell.cldkctl(["60"]).spawn();
    wait_until(Duration::from_secs(5), || {
        fs::read_to_string(format!("/proc/{}/comm", any.pid())).is_ok_and(|name| name == "sleep\n")
    });
    let works = |(_, works): &(&str, bool)| *works;
    let tried = attacks_by_its_user(any.pid());
    assert!(
        tried.iter().all(works),
        "they work on any process: {tried:?}"
    );

    let (cloudeka, world) = logged_in();
    let world = world.owned_by(SOMEONE_ELSE);
    without_keyrings(Refusal::NotPermitted, || {
        unlock(&world, &[]);
        let agent = UnixStream::connect(world.agent_socket()).expect("an agent listens");
        let agent = rustix::net::sockopt::socket_peercred(&agent)
            .expect("connected")
            .pid;
        cloudeka.misbehave(Misbehave::NeverAnswer);
        let before = cloudeka.requests().len();
        let running = world.cldkctl(["api", "/core/user/profile"]).spawn();
        let waits = || cloudeka.requests().len() > before;
        assert!(wait_until(Duration::from_secs(20), waits));
        for pid in [running.pid(), agent.as_raw_nonzero().get().unsigned_abs()] {
            let tried = attacks_by_its_user(pid);
            assert!(!tried.iter().any(works), "{tried:?}");
            let limits = fs::read_to_string(format!("/proc/{pid}/limits")).expect("it runs");
            let core = limits
                .lines()
                .find(|line| line.starts_with("Max core file size"));
            let core: Vec<_> = core.expect("a limit").split_whitespace().collect();
            assert_eq!(core[4], "0", "{limits}");
        }
    });
}

#[test]
fn where_the_system_refuses_to_make_it_private_it_says_so() {
    if !can_trace() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let status = || world.cldkctl(["auth", "status"]);
    let says = "warning: other programs that you run can read the memory of this one";
    assert!(!status().run().succeeded().stderr.contains(says));
    let (output, _) = tampered(status(), "prctl", "1+", "error=EPERM");
    assert!(output.succeeded().stderr.contains(says));
}

#[test]
fn no_file_is_left_open_for_what_it_starts_nor_a_secret_put_in_one() {
    if !can_look_inside() {
        return;
    }
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::NeverAnswer);
    let running = world
        .cldkctl(["auth", "--token-stdin"])
        .stdin(TOKEN)
        .spawn();
    assert!(wait_until(Duration::from_secs(20), || !cloudeka
        .requests()
        .is_empty()));
    for entry in fs::read_dir(format!("/proc/{}/fd", running.pid())).expect("it runs") {
        let target = fs::read_link(entry.expect("an entry").path()).expect("a link");
        let target = target.to_string_lossy().into_owned();
        let is_a_file = target.starts_with('/') && !target.starts_with("/dev/");
        assert!(
            !is_a_file,
            "{target} is open while the network is waited for"
        );
    }
    assert!(!world.data().join("cldkctl").exists());
}
