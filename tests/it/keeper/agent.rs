//! Where the kernel refuses its keyrings, as in most containers, a small process holds the
//! key: what it does, what it keeps from others, and that nothing is left of it.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::kernel::{Refusal, without_keyrings};
use crate::support::steps::{assert_locked, assert_unlocked, logged_in, status, unlock, unlocked};
use crate::support::strace::{can_trace, watched};
use crate::support::world::{mode, set_mode};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, TOKEN, World, can_be_someone_else, wait_until};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit};

/// How long something may take that is to happen at once.
const AT_ONCE: Duration = Duration::from_secs(3);

/// The agent that listens for this world, if one does.
fn agent_of(world: &World) -> Option<Pid> {
    let stream = UnixStream::connect(world.agent_socket()).ok()?;
    Some(rustix::net::sockopt::socket_peercred(&stream).ok()?.pid)
}

#[track_caller]
fn agent(world: &World) -> Pid {
    agent_of(world).expect("an agent listens")
}

fn of(pid: Pid, file: &str) -> String {
    format!("/proc/{}/{file}", pid.as_raw_nonzero())
}

/// Whether it is gone, but perhaps for a parent that has not asked yet how it ended.
fn is_gone(pid: Pid) -> bool {
    fs::read_to_string(of(pid, "stat")).is_ok_and(|stat| stat.contains(") Z "))
        || !Path::new(&of(pid, "")).exists()
}

/// What the agent says to `bytes`; an empty answer is none.
fn say(world: &World, bytes: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(world.agent_socket()).unwrap();
    stream.set_read_timeout(Some(AT_ONCE)).unwrap();
    let mut answer = Vec::new();
    // It may hang up before it has read all of it, or with some of it unread.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read_to_end(&mut answer);
    answer
}

#[test]
fn refused_its_keyrings_in_either_way_the_agent_serves_forgets_and_is_gone() {
    for refusal in [Refusal::NotPermitted, Refusal::NotThere] {
        without_keyrings(refusal, || {
            let (_cloudeka, world) = unlocked(&[]);
            let pid = agent(&world);
            assert_unlocked(&world);
            let held = &status(&world)["unlocked_by"];
            assert_eq!(held["keeper"], "agent", "{refusal:?}");
            assert_eq!(held["shared"], true, "all logins reach the same agent");
            world.assert_no_secret(&[TOKEN, PASSPHRASE]);

            world.cldkctl(["lock"]).run().succeeded();
            assert_locked(&world);
            assert!(wait_until(AT_ONCE, || is_gone(pid)), "it holds nothing");
            assert!(!world.agent_socket().exists());
        });
    }
}

#[test]
fn it_ends_by_itself_when_the_time_is_over() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = unlocked(&["--idle", "2s"]);
        let (start, pid) = (Instant::now(), agent(&world));
        assert!(wait_until(Duration::from_millis(2300), || is_gone(pid)));
        assert!(start.elapsed() > Duration::from_millis(1500), "too early");
        assert_locked(&world);
    });
}

#[test]
fn without_keyrings_the_keyring_cannot_be_insisted_on() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let args = ["unlock", "--passphrase-stdin", "--keeper", "keyring"];
        let output = world.cldkctl(args).stdin(PASSPHRASE).run().expect_code(1);
        assert!(output.stderr.contains("kernel keyring"), "{output}");
        assert!(output.stderr.contains("hint: "), "{output}");
        assert_eq!(agent_of(&world), None);
        assert_locked(&world);
    });
}

#[test]
fn a_locked_vault_asks_once_and_what_it_is_then_exec_for_has_no_child_it_did_not_make() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let script = "sleep 0.2; cat /proc/$$/task/$$/children; echo end of list";
        let mut terminal = world
            .cldkctl(["exec", "--", "sh", "-c", script])
            .stdout_apart()
            .on_pty();
        terminal.expect("Vault passphrase:");
        terminal.send_secret(PASSPHRASE);
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
        let children = terminal.stdout();
        // cat itself is one.
        let count = children.split_whitespace().count() - "end of list".split(' ').count();
        assert_eq!(count, 1, "the agent is a child of the command: {children}");
        assert_unlocked(&world);
    });
}

#[test]
fn it_is_detached_from_everything_its_starter_had() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let mut terminal = world
            .cldkctl(["unlock"])
            .env("CLDKCTL_TOKEN", "cldkctl_not_for_the_agent")
            .env("LD_LIBRARY_PATH", "/secret-of-the-environment")
            .on_pty();
        terminal.expect("Vault passphrase:");
        terminal.send_secret(PASSPHRASE);
        assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
        terminal.hang_up();

        let pid = agent(&world);
        let stat = fs::read_to_string(of(pid, "stat")).unwrap();
        let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        let own = pid.as_raw_nonzero().to_string();
        assert_eq!(fields[3], own, "a session of its own: {stat}");
        assert_eq!(fields[4], "0", "no controlling terminal: {stat}");
        if rustix::process::geteuid().is_root() {
            assert_eq!(fs::read_link(of(pid, "cwd")).unwrap(), Path::new("/"));
            let environ = fs::read(of(pid, "environ")).unwrap();
            let mut names: Vec<_> = environ
                .split(|byte| *byte == 0)
                .filter(|variable| !variable.is_empty())
                .map(|variable| variable.split(|byte| *byte == b'=').next().unwrap())
                .map(|name| String::from_utf8_lossy(name).into_owned())
                .collect();
            names.sort();
            assert_eq!(names, ["HOME", "XDG_DATA_HOME", "XDG_RUNTIME_DIR"]);
            for entry in fs::read_dir(of(pid, "fd")).unwrap() {
                // One that is closed by now was a client's, which came and went.
                let Ok(leads_to) = fs::read_link(entry.unwrap().path()) else {
                    continue;
                };
                let leads_to = leads_to.to_str().unwrap();
                let good = leads_to == "/dev/null"
                    || leads_to.starts_with("socket:")
                    || leads_to.ends_with("/agent.lock");
                assert!(good, "it has {leads_to} open");
            }
        }
        assert_unlocked(&world); // the terminal's end was not its own
    });
}

#[test]
fn no_pipe_of_its_starter_is_kept_from_its_end() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let file = world.write("passphrase", PASSPHRASE);
        let binary = env!("CARGO_BIN_EXE_cldkctl");
        // Nothing but what 5 leads to keeps `cat` waiting.
        let script = "\"$0\" unlock --passphrase-file \"$1\" 5>&1 >/dev/null 2>&1 | timeout 10 cat";
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", script, binary]).arg(file);
        shell.env("XDG_DATA_HOME", world.data());
        shell.env("XDG_CONFIG_HOME", world.config());
        shell.env("XDG_RUNTIME_DIR", world.runtime());
        let start = Instant::now();
        assert!(shell.status().unwrap().success(), "it never ended");
        assert!(start.elapsed() < Duration::from_secs(9));
        assert_unlocked(&world);
    });
}

#[test]
fn nobody_looks_into_it_not_even_its_own_user() {
    if !can_be_someone_else() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let world = world.owned_by(SOMEONE_ELSE);
        unlock(&world, &[]);
        let pid = agent(&world);
        let owner = fs::metadata(of(pid, "mem")).unwrap().uid();
        assert_eq!(owner, 0, "what is not dumpable is not its user's, proc(5)");
        for file in ["mem", "environ", "maps", "fd"] {
            let path = of(pid, file);
            let script = format!("cat {path} >/dev/null || ls {path}/");
            let mut looks = std::process::Command::new("setpriv");
            looks.args(["--reuid=65432", "--regid=65432", "--clear-groups", "--"]);
            let looks = looks.args(["sh", "-c", &script]).output().unwrap();
            assert!(!looks.status.success(), "{path} can be read: {looks:?}");
        }
        let status = fs::read_to_string(of(pid, "status")).unwrap();
        let locked = status.lines().find(|line| line.starts_with("VmLck:"));
        let locked = locked.unwrap().split_whitespace().nth(1).unwrap();
        assert_ne!(locked, "0", "the key can be swapped out");
        let limits = fs::read_to_string(of(pid, "limits")).unwrap();
        let core = limits.lines().find(|line| line.starts_with("Max core"));
        assert_eq!(core.unwrap().split_whitespace().nth(4), Some("0"));
    });
}

#[test]
fn its_folder_and_its_files_are_for_nobody_else() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = unlocked(&[]);
        let folder = world.runtime().join("cldkctl");
        assert_eq!(mode(&folder), 0o700);
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path) & 0o077, 0, "{path:?}");
        }
    });
}

#[test]
fn a_stale_socket_and_a_killed_agent_only_mean_locked() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        fs::create_dir(world.runtime().join("cldkctl")).unwrap();
        set_mode(world.runtime().join("cldkctl"), 0o700);
        drop(UnixListener::bind(world.agent_socket()).unwrap());
        assert_locked(&world);
        unlock(&world, &[]);
        assert_unlocked(&world);

        rustix::process::kill_process(agent(&world), Signal::KILL).unwrap();
        assert!(wait_until(AT_ONCE, || agent_of(&world).is_none()));
        assert!(world.agent_socket().exists(), "as it fell");
        assert_locked(&world);
        world.cldkctl(["lock"]).run().succeeded();
        unlock(&world, &[]);
        assert_unlocked(&world);
    });
}

#[test]
fn many_unlocks_at_the_same_time_end_with_one_agent_that_has_the_key() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let start = || {
            let unlock = world.cldkctl(["unlock", "--passphrase-stdin"]);
            unlock.stdin(PASSPHRASE).spawn()
        };
        let starts: Vec<_> = (0..4).map(|_| start()).collect();
        for running in starts {
            running.wait().succeeded();
        }
        assert_unlocked(&world);
        let runtime = world.runtime();
        let runtime = format!("XDG_RUNTIME_DIR={}", runtime.display());
        let agents = || {
            let of_ours = |pid: &String| {
                let read = |file| fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
                let environ = read("environ");
                read("cmdline").ends_with(b"\0__agent\0--serve\0")
                    && environ
                        .windows(runtime.len())
                        .any(|w| w == runtime.as_bytes())
            };
            let processes = fs::read_dir("/proc").unwrap();
            let names = processes.map(|entry| entry.unwrap().file_name());
            names
                .filter_map(|name| name.into_string().ok())
                .filter(of_ours)
                .count()
        };
        if rustix::process::geteuid().is_root() {
            assert!(wait_until(AT_ONCE, || agents() == 1), "{}", agents());
        }
        world.cldkctl(["lock"]).run().succeeded();
        assert!(wait_until(AT_ONCE, || agents() == 0));
    });
}

#[test]
fn a_client_that_says_nothing_or_only_half_blocks_nobody() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = unlocked(&[]);
        let silent: Vec<_> = (0..8)
            .map(|_| UnixStream::connect(world.agent_socket()).unwrap())
            .collect();
        for mut stream in &silent[..4] {
            stream.write_all(&[1, 1]).unwrap();
        }
        let start = Instant::now();
        assert_unlocked(&world);
        assert!(
            start.elapsed() < Duration::from_millis(800),
            "{:?}",
            start.elapsed()
        );
        for mut stream in &silent {
            stream.set_read_timeout(Some(AT_ONCE)).unwrap();
            let read = stream.read(&mut [0; 8]);
            assert_eq!(read.unwrap(), 0, "hung up on, without an answer");
        }
        drop(silent);
        assert_unlocked(&world);
    });
}

#[test]
fn nonsense_gets_no_answer_and_does_no_harm() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = unlocked(&[]);
        let slot = format!("cldkctl:{}", world.vault_path().display());
        let length = u16::try_from(slot.len()).unwrap().to_le_bytes();
        let right = [&[1, 2, length[0], length[1]], slot.as_bytes()].concat();
        assert_eq!(
            say(&world, &right)[..2],
            [1, 1],
            "what is right is answered"
        );
        for wrong in [
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            vec![0; 4096],
            vec![0xff; 1 << 20],
            vec![1, 1, 0xff, 0xff],
            [&right[..], b"more"].concat(),
            right[..right.len() - 1].to_vec(),
            [&[2], &right[1..]].concat(),
            [&[1, 4], &right[2..]].concat(),
            [&[1, 0], &right[2..], &[0xff; 68]].concat(),
            Vec::new(),
        ] {
            let start: Vec<_> = wrong.iter().take(20).collect();
            assert_eq!(say(&world, &wrong), b"", "{start:?}");
        }
        assert_unlocked(&world);
    });
}

#[test]
fn where_another_holds_its_lock_it_is_started_twice_and_no_more() {
    if !can_trace() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let folder = world.runtime().join("cldkctl");
    fs::create_dir_all(&folder).unwrap();
    set_mode(&folder, 0o700);
    let lock = fs::File::create(folder.join("agent.lock")).unwrap();
    lock.lock().unwrap();
    let args = ["unlock", "--keeper", "agent", "--passphrase-stdin"];
    let (output, calls) = watched(world.cldkctl(args).stdin(PASSPHRASE), &["execve"]);
    let output = output.expect_code(1);
    assert!(output.stderr.contains("it does not start"), "{output}");
    // Itself, and two for each start.
    assert_eq!(calls.len(), 5, "{calls:#?}");
}

#[test]
fn without_a_descriptor_to_spare_it_waits_and_does_not_spin() {
    if !can_be_someone_else() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = unlocked(&[]);
        let pid = agent(&world);
        let most = |current| {
            let before = prlimit(Some(pid), Resource::Nofile, getrlimit(Resource::Nofile));
            let limit = Rlimit {
                current,
                ..before.unwrap()
            };
            prlimit(Some(pid), Resource::Nofile, limit).unwrap();
        };
        // User and system time, in hundredths of a second.
        let spent = || -> u64 {
            let stat = fs::read_to_string(of(pid, "stat")).unwrap();
            let numbers = stat.rsplit_once(')').unwrap().1.split_whitespace();
            let numbers = numbers.skip(11).take(2);
            numbers.map(|number| number.parse::<u64>().unwrap()).sum()
        };
        most(Some(3));
        let waiting = UnixStream::connect(world.agent_socket()).unwrap();
        let before = spent();
        std::thread::sleep(Duration::from_secs(2));
        let spent = spent() - before;
        assert!(spent < 40, "{spent} hundredths of a second in two seconds");
        drop(waiting);
        most(getrlimit(Resource::Nofile).current);
        assert_unlocked(&world);
    });
}

#[test]
fn lock_does_not_claim_that_an_agent_forgot_which_does_not_answer() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = unlocked(&[]);
        let pid = agent(&world);
        rustix::process::kill_process(pid, Signal::STOP).unwrap();
        let output = world.cldkctl(["lock"]).run().expect_code(1);
        assert!(output.stderr.contains("may still be unlocked"), "{output}");
        rustix::process::kill_process(pid, Signal::CONT).unwrap();
        // It does as it was told when it can.
        assert!(wait_until(AT_ONCE, || is_gone(pid)));
        assert_locked(&world);
    });
}

/// What is said of it, and how it is done.
type Way = (&'static str, fn(&World));

/// What may become of the socket under a running agent.
const WAYS_TO_LOSE_A_SOCKET: &[Way] = &[
    // As logind does at the end of the last login.
    ("its folder is made again", |world| {
        fs::remove_dir_all(world.runtime()).unwrap();
        fs::create_dir(world.runtime()).unwrap();
        set_mode(world.runtime(), 0o700);
    }),
    ("the socket is removed", |world| {
        fs::remove_file(world.agent_socket()).unwrap();
    }),
    ("the socket and the lock are removed", |world| {
        fs::remove_dir_all(world.runtime().join("cldkctl")).unwrap();
    }),
    ("another file is there", |world| {
        fs::remove_file(world.agent_socket()).unwrap();
        fs::write(world.agent_socket(), "").unwrap();
    }),
    ("another socket is there", |world| {
        fs::remove_file(world.agent_socket()).unwrap();
        drop(UnixListener::bind(world.agent_socket()).unwrap());
    }),
    ("the folder leads elsewhere", |world| {
        let folder = world.runtime().join("cldkctl");
        fs::rename(&folder, world.home().join("moved")).unwrap();
        let elsewhere = world.home().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        set_mode(&elsewhere, 0o700);
        symlink(&elsewhere, folder).unwrap();
    }),
];

#[test]
fn an_agent_that_lost_its_socket_ends_and_another_takes_its_place() {
    without_keyrings(Refusal::NotPermitted, || {
        for (way, lose) in WAYS_TO_LOSE_A_SOCKET {
            let (_cloudeka, world) = unlocked(&[]);
            let first = agent(&world);
            lose(&world);
            assert_locked(&world);
            // At once, and not only when the first one is gone.
            unlock(&world, &[]);
            let second = agent(&world);
            assert_ne!(first, second, "{way}");
            assert!(wait_until(AT_ONCE, || is_gone(first)), "{way}");
            assert_unlocked(&world); // nor did the first remove what is the second's
            assert_eq!(agent(&world), second, "{way}");
            world.cldkctl(["lock"]).run().succeeded();
            assert!(wait_until(AT_ONCE, || is_gone(second)), "{way}");
        }
    });
}

#[test]
fn without_its_lock_file_it_serves_on() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = unlocked(&[]);
        let pid = agent(&world);
        fs::remove_file(world.runtime().join("cldkctl/agent.lock")).unwrap();
        std::thread::sleep(AT_ONCE);
        assert_unlocked(&world);
        assert_eq!(agent(&world), pid);
        unlock(&world, &[]);
        assert_unlocked(&world);
    });
}

#[test]
fn any_number_of_clients_that_say_nothing_does_not_lock_the_vault() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = unlocked(&[]);
        let silent: Vec<_> = (0..600)
            .map(|_| UnixStream::connect(world.agent_socket()).unwrap())
            .collect();
        let start = Instant::now();
        assert_unlocked(&world);
        assert!(start.elapsed() < AT_ONCE, "{:?}", start.elapsed());
        assert_unlocked(&world);
        drop(silent);
        assert_unlocked(&world);
    });
}
