//! Keepers that lie: a key in the kernel's keyring that is not ours, or not the right one, an
//! agent with a wrong key, and one that never answers. What is wrong opens nothing, and says so.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::support::kernel::{Refusal, has_keyrings, live_keys, without_keyrings};
use crate::support::steps::{
    are_installed, assert_locked, assert_unlocked, logged_in, unlock, unlocked,
};
use crate::support::{PASSPHRASE, SOMEONE_ELSE, TOKEN, World, can_be_someone_else, wait_until};

/// The slot of the vault in a keeper.
fn slot(world: &World) -> String {
    format!("cldkctl:{}", world.vault_path().display())
}

/// The id of our key, as the kernel lists it.
fn key_of(world: &World) -> String {
    let mut keys = live_keys(&world.vault_path()).into_iter();
    let ours = keys.find(|line| line.contains(" user ")).expect("a key");
    format!("0x{}", &ours[..8])
}

/// `keyctl` with these arguments and this on stdin; as another user in this very session,
/// where `sudo -u` leaves them without `pam_keyinit`.
fn keyctl(uid: Option<u32>, args: &[&str], stdin: &[u8]) -> std::process::Output {
    let mut command = Command::new("setpriv");
    if let Some(uid) = uid {
        command.args([
            format!("--reuid={uid}"),
            format!("--regid={uid}"),
            "--clear-groups".into(),
        ]);
    }
    command.args(["--", "keyctl"]).args(args);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let starting = crate::support::starting();
    let mut child = command.spawn().unwrap();
    drop(starting);
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    child.wait_with_output().unwrap()
}

/// What holds where the key that is held is a wrong one.
#[track_caller]
fn assert_told(world: &World) {
    let before = world.files();
    for args in [
        &["auth", "token"][..],
        &["auth", "status"],
        &["context", "list"],
        &["auth", "logout"],
        &["api", "/core/user/profile"],
    ] {
        let output = world.cldkctl(args.iter().copied()).run().expect_code(5);
        assert!(output.stderr.contains("the cached key"), "{output}");
        assert!(output.stderr.contains("cldkctl lock"), "{output}");
        output.assert_no_secret(&[TOKEN, PASSPHRASE]);
    }
    assert_eq!(world.files(), before);
    // What is handed over comes first, and is not disturbed.
    let token = world
        .cldkctl(["auth", "token", "--passphrase-stdin"])
        .stdin(PASSPHRASE);
    assert_eq!(token.run().succeeded().stdout, format!("{TOKEN}\n"));
    // As the advice goes.
    world.cldkctl(["lock"]).run().succeeded();
    assert_locked(world);
    unlock(world, &[]);
    assert_unlocked(world);
}

/// Puts this into the key, as a process of its session and its user may.
fn tamper(key: &str, held: &[u8]) -> bool {
    keyctl(None, &["setperm", key, "0x3f3f0000"], b"")
        .status
        .success()
        && keyctl(None, &["pupdate", key], held).status.success()
}

#[test]
fn a_key_in_the_keyring_that_was_tampered_with_is_told() {
    if !has_keyrings() || !are_installed(&["keyctl", "setpriv"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&["--keeper", "keyring"]);
    let key = key_of(&world);
    let mut held = keyctl(None, &["pipe", &key], b"").stdout;
    assert_eq!(held.len(), 68);
    *held.last_mut().unwrap() ^= 1;
    assert!(tamper(&key, &held));
    assert_told(&world);

    // Of another form it is none at all.
    for nonsense in [&b"x"[..], &[0; 68], &[1; 4096]] {
        let key = key_of(&world);
        assert!(tamper(&key, nonsense));
        assert_locked(&world);
        unlock(&world, &[]);
        assert_unlocked(&world);
    }
}

#[test]
fn a_key_that_another_user_put_into_the_session_is_not_believed() {
    if !can_be_someone_else() || !has_keyrings() || !are_installed(&["keyctl"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&["--keeper", "keyring"]);
    let held = keyctl(None, &["pipe", &key_of(&world)], b"").stdout;
    let theirs = |ring: &str| {
        keyctl(
            Some(SOMEONE_ELSE),
            &["padd", "user", &slot(&world), ring],
            &held,
        )
    };
    // Ours is not theirs to write to.
    assert!(!theirs("@s").status.success());
    assert_unlocked(&world);

    // Nor do any number of theirs further down hide ours, or keep it from being forgotten.
    for number in 0..12 {
        let name = format!("cover-{number}");
        let ring = keyctl(Some(SOMEONE_ELSE), &["newring", &name, "@s"], b"");
        let ring = String::from_utf8_lossy(&ring.stdout).trim().to_owned();
        let theirs = theirs(&ring);
        assert!(theirs.status.success(), "{theirs:?}");
    }
    assert_unlocked(&world);
    assert_eq!(keys_of_owner(&world, 0), 1);
    world.cldkctl(["lock"]).run().succeeded();
    // The kernel collects what was invalidated a moment later.
    let gone = || keys_of_owner(&world, 0) == 0;
    assert!(wait_until(Duration::from_secs(3), gone));
    assert_locked(&world);

    // The right bytes, in the right place: whose they are is what counts.
    let theirs = theirs("@s");
    assert!(theirs.status.success(), "{theirs:?}");
    let id = String::from_utf8_lossy(&theirs.stdout).trim().to_owned();
    keyctl(Some(SOMEONE_ELSE), &["setperm", &id, "0x3f3f3f3f"], b"");
    let user = keyctl(None, &["pipe", &id], b"");
    assert_eq!(user.stdout, held, "it can be read, and yet is not used");
    assert_locked(&world);
    unlock(&world, &["--keeper", "keyring"]);
    assert_unlocked(&world); // ours takes its place
}

/// How many keys for the vault belong to this user.
fn keys_of_owner(world: &World, uid: u32) -> usize {
    let is_theirs = |line: &&String| {
        let owner = line
            .split_whitespace()
            .nth(5)
            .and_then(|text| text.parse().ok());
        line.contains(" user ") && owner == Some(uid)
    };
    live_keys(&world.vault_path())
        .iter()
        .filter(is_theirs)
        .count()
}

/// Talks to the agent, as a program of the same user may.
fn say(world: &World, operation: u8, held: &[u8]) -> Vec<u8> {
    let slot = slot(world);
    let length = u16::try_from(slot.len()).unwrap().to_le_bytes();
    let mut stream = UnixStream::connect(world.agent_socket()).unwrap();
    let request = [&[1, operation, length[0], length[1]], slot.as_bytes(), held].concat();
    stream.write_all(&request).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    answer
}

#[test]
fn a_wrong_key_in_the_agent_is_told() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = unlocked(&[]);
        let answer = say(&world, 2, &[]);
        assert_eq!((answer.len(), &answer[..2]), (70, &[1, 1][..]));
        let mut held = answer[2..].to_vec();
        *held.last_mut().unwrap() ^= 1;
        assert_eq!(say(&world, 0, &held), [1, 0]);
        assert_told(&world);
    });
}

#[test]
fn an_agent_that_talks_nonsense_or_nothing_holds_nobody_up() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let folder = world.runtime().join("cldkctl");
        fs::create_dir(&folder).unwrap();
        crate::support::world::set_mode(&folder, 0o700);
        let endless = vec![1; 1 << 20];
        for answer in [
            &b""[..],
            b"\x01",
            b"\x01\x01",
            b"HTTP/1.1 200 OK\r\n\r\n",
            &[0; 70],
            &endless,
        ] {
            let _ = fs::remove_file(world.agent_socket());
            let listener = UnixListener::bind(world.agent_socket()).unwrap();
            let answer = answer.to_vec();
            std::thread::spawn(move || {
                for mut client in listener.incoming().flatten() {
                    let _ = client.write_all(&answer);
                }
            });
            assert_locked(&world);
            let token = world
                .cldkctl(["auth", "token", "--passphrase-stdin"])
                .stdin(PASSPHRASE);
            token.run().succeeded();
            // It may be one that is as busy as can be, and have the key.
            let lock = world.cldkctl(["lock"]).run().expect_code(1);
            assert!(lock.stderr.contains("may still be unlocked"), "{lock}");
        }
        fs::remove_file(world.agent_socket()).unwrap();
    });
}

#[test]
fn an_agent_that_hangs_up_to_make_room_is_asked_again() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let folder = world.runtime().join("cldkctl");
        fs::create_dir(&folder).unwrap();
        crate::support::world::set_mode(&folder, 0o700);
        let listener = UnixListener::bind(world.agent_socket()).unwrap();
        let path = world.vault_path().to_str().unwrap().to_owned();
        // `lock` in other tests reaches this agent, too; what they ask is not counted.
        let next = move || loop {
            let (client, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let flags = rustix::net::RecvFlags::PEEK;
            let length = rustix::net::recv(&client, &mut request[..], flags);
            let length = length.map_or(0, |(_, length)| length);
            if String::from_utf8_lossy(&request[..length]).contains(&path) {
                return client;
            }
        };
        let busy = std::thread::spawn(move || {
            let read = |client: &mut UnixStream| client.read(&mut [0; 1024]).unwrap();
            drop(next());
            read(&mut next());
            drop(next());
            let mut client = next();
            read(&mut client);
            client.write_all(&[1, 2]).unwrap();
        });
        let lock = world.cldkctl(["lock"]).run().succeeded();
        assert!(lock.stderr.starts_with("Locked the vault"), "{lock}");
        busy.join().unwrap();
        fs::remove_file(world.agent_socket()).unwrap();
    });
}

#[test]
fn an_agent_that_accepts_nobody_holds_nobody_up() {
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let folder = world.runtime().join("cldkctl");
        fs::create_dir(&folder).unwrap();
        crate::support::world::set_mode(&folder, 0o700);
        // With room for one in its queue, and somebody in it.
        let socket = rustix::net::socket(
            rustix::net::AddressFamily::UNIX,
            rustix::net::SocketType::STREAM,
            None,
        )
        .unwrap();
        let address = rustix::net::SocketAddrUnix::new(world.agent_socket()).unwrap();
        rustix::net::bind(&socket, &address).unwrap();
        rustix::net::listen(&socket, 0).unwrap();
        let _first = UnixStream::connect(world.agent_socket()).unwrap();
        for (args, code) in [
            (&["auth", "token"][..], 4),
            (&["auth", "status"], 0),
            (&["auth", "token", "--passphrase-stdin"], 0),
            (&["unlock", "--passphrase-stdin"], 1),
            (&["lock"], 1),
        ] {
            let run = world.cldkctl(args.iter().copied()).stdin(PASSPHRASE);
            run.patience(Duration::from_secs(15))
                .run()
                .expect_code(code);
        }
        fs::remove_file(world.agent_socket()).unwrap();
    });
}
