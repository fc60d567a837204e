//! Another user of the machine gets nothing of an unlocked vault: not from the kernel, not
//! from the agent, not from a process that waits.
#![cfg(target_os = "linux")]

use std::fs;
use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::chown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::support::kernel::{
    Refusal, acting_as, has_keyrings, in_a_login_named, in_another_login, in_the_shared_login,
    live_keys, without_keyrings,
};
use crate::support::steps::{are_installed, assert_unlocked, logged_in, status, unlock, unlocked};
use crate::support::world::set_mode;
use crate::support::{
    PASSPHRASE, SOMEONE_ELSE, TOKEN, World, can_be_someone_else, output_of, traces,
};

/// One who owns the vault, neither root nor [`SOMEONE_ELSE`].
const OWNER: u32 = 65_433;

/// What a program of somebody else prints, with its exit code. In the same session keyring,
/// if the caller is not in another: so it is with what `sudo -u` starts.
fn as_someone_else(program: &[&str]) -> (String, Option<i32>) {
    let mut command = Command::new("setpriv");
    let ids = [SOMEONE_ELSE; 2].map(|id| id.to_string());
    command.args([
        "--reuid",
        &ids[0],
        "--regid",
        &ids[1],
        "--clear-groups",
        "--",
    ]);
    let output = output_of(command.args(program));
    let printed = [output.stdout, output.stderr].concat();
    (
        String::from_utf8_lossy(&printed).into_owned(),
        output.status.code(),
    )
}

/// The ids of the keys for the vault of `world`, as the kernel lists them to who may see them.
fn keys_of(world: &World) -> Vec<String> {
    let keys = live_keys(&world.vault_path()).into_iter();
    let ours = keys.filter(|line| line.contains(" user "));
    ours.map(|line| format!("0x{}", &line[..8])).collect()
}

/// Opens every folder down to the vault to everybody, so that only the kernel is left to
/// keep others out.
fn open_wide(world: &World) {
    for folder in [world.home(), world.data(), world.config(), world.runtime()] {
        set_mode(&folder, 0o755);
        if folder.join("cldkctl").exists() {
            set_mode(folder.join("cldkctl"), 0o755);
        }
    }
    set_mode(world.vault_path(), 0o644);
}

#[test]
fn the_kernel_gives_the_key_to_no_other_user_in_either_scope() {
    if !can_be_someone_else() || !has_keyrings() || !are_installed(&["keyctl"]) {
        return;
    }
    for scope in ["session", "user"] {
        let (_cloudeka, world) = logged_in();
        let world = world.owned_by(OWNER);
        unlock(&world, &["--scope", scope]);
        assert_unlocked(&world);
        let keys = acting_as(OWNER, || keys_of(&world));
        assert_eq!(keys.len(), 1, "{scope}: {keys:?}");
        let tries = || {
            for operation in ["print", "read", "pipe", "revoke", "invalidate", "clear"] {
                let (said, code) = as_someone_else(&["keyctl", operation, &keys[0]]);
                assert_ne!(code, Some(0), "{scope}: {operation}: {said}");
            }
            for operation in [
                ["setperm", "0x3f3f3f3f"],
                ["timeout", "99999"],
                ["chown", "65432"],
            ] {
                let [operation, value] = operation;
                let (said, code) = as_someone_else(&["keyctl", operation, &keys[0], value]);
                assert_ne!(code, Some(0), "{scope}: {operation}: {said}");
            }
            let (said, code) = as_someone_else(&["keyctl", "link", &keys[0], "@s"]);
            assert_ne!(code, Some(0), "{scope}: link: {said}");
            let (listed, _) = as_someone_else(&["cat", "/proc/keys"]);
            // Those of other tests, which run as this user, are none of ours.
            let path = world.vault_path();
            assert!(
                !listed.contains(path.to_str().unwrap()),
                "{scope}: {listed}"
            );
        };
        in_another_login(tries);
        // In this very login, as `sudo -u` leaves it where there is no pam_keyinit.
        tries();
        // And with the owner's user keyring in it, as pam_keyinit makes it.
        acting_as(OWNER, || {
            let link = output_of(Command::new("keyctl").args(["link", "@u", "@s"]));
            assert!(link.status.success(), "{link:?}");
        });
        tries();
        assert_unlocked(&world);
    }
}

/// Serial numbers, as keyctl(1) takes them, and names of the keyrings that this user may see.
fn keyrings() -> Vec<(String, String)> {
    let keys = fs::read_to_string("/proc/keys").expect("the kernel lists keys");
    keys.lines()
        .filter_map(|line| {
            let (_, name) = line.split_once(" keyring ")?;
            let name = name.trim().rsplit_once(':').map_or(name, |(name, _)| name);
            Some((format!("0x{}", &line[..8]), name.trim().to_owned()))
        })
        .collect()
}

#[test]
fn the_owner_in_another_login_does_not_get_the_key_of_a_session_either() {
    if !has_keyrings() || !are_installed(&["keyctl", "unshare"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let keys = keys_of(&world);
    assert_eq!(keys.len(), 1, "{keys:?}");
    let key = keys[0].as_str();
    let slot = format!("cldkctl:{}", world.vault_path().display());
    let session = output_of(Command::new("keyctl").args(["rdescribe", "@s"]));
    assert!(session.status.success(), "{session:?}");
    let rings = keyrings();

    // Whatever is tried first, the vault stays locked there, and nothing prints the key.
    let held = output_of(Command::new("keyctl").args(["pipe", key])).stdout;
    assert_eq!(held.len(), 68, "its possessor reads it");
    let try_and_use = |script: &str, code: i32| {
        let wrapper = ["sh", "-c", &format!("{script}\nexec \"$0\" auth token")];
        let output = world.cldkctl::<_, &str>([]).under(wrapper).run();
        assert_eq!(output.code, code, "{script}: {output}");
        assert!(!contains(&output.stdout_bytes, &held), "{script}: {output}");
    };
    try_and_use("true", 0);

    let mut ways = vec![
        format!("keyctl pipe {key}"),
        format!("keyctl link {key} @s"),
        format!("keyctl link {key} @u; keyctl link @u @s"),
        format!("keyctl setperm {key} 0x3f3f3f3f; keyctl pipe {key}"),
        format!("keyctl chown {key} 0; keyctl chgrp {key} 0; keyctl pipe {key}"),
        format!("keyctl timeout {key} 99999"),
        format!("keyctl update {key} nonsense"),
        format!("keyctl instantiate {key} nonsense @s; keyctl negate {key} 1 @s"),
        format!("keyctl reject {key} 1 rejected @s"),
        format!("keyctl revoke {key}"),
        format!("keyctl request user '{slot}' @s"),
        format!("keyctl request2 user '{slot}' nothing @s"),
        format!("keyctl add encrypted stolen 'new user:{slot} 32' @s"),
        "keyctl get_persistent @s".to_owned(),
        "keyctl new_session".to_owned(),
        format!("unshare --user --map-root-user keyctl pipe {key}"),
        format!("unshare --user --map-root-user keyctl link {key} @s"),
    ];
    assert!(!rings.is_empty(), "there is that of this session");
    let without_rings = ways.len();
    for (ring, _) in &rings {
        ways.push(format!("keyctl list {ring}"));
        ways.push(format!("keyctl link {ring} @s"));
        ways.push(format!(
            "keyctl setperm {ring} 0x3f3f3f3f; keyctl link {ring} @s"
        ));
        ways.push(format!("keyctl search {ring} user '{slot}' @s"));
        ways.push(format!("keyctl search {ring} keyring '{slot}' @s"));
        ways.push(format!("keyctl move {key} {ring} @s"));
    }
    for way in &ways {
        in_another_login(|| try_and_use(way, 4));
    }
    in_the_shared_login(|| {
        ways.iter()
            .take(without_rings)
            .for_each(|way| try_and_use(way, 4))
    });
    // And joined by the name of each keyring that can be seen, and by that of the vault.
    let names = rings.iter().map(|(_, name)| name.as_str());
    // Those are the kernel's, which nobody joins.
    let names = names.filter(|name| !name.starts_with('.'));
    for name in names.chain([slot.as_str(), "_ses"]) {
        in_a_login_named(name, || try_and_use("true", 4));
    }
    assert_unlocked(&world);
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_session_that_other_logins_may_join_is_said_to_be_shared() {
    if !has_keyrings() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    // The kernel lets its owner link this one from anywhere, keyctl_join_session_keyring(3).
    in_a_login_named(&format!("named-{}", std::process::id()), || {
        unlock(&world, &[]);
        assert_unlocked(&world);
        assert_eq!(status(&world)["unlocked_by"]["shared"], true);
    });
}

#[test]
fn our_own_program_run_by_another_user_finds_nothing() {
    if !can_be_someone_else() || !has_keyrings() {
        return;
    }
    for scope in ["session", "user"] {
        let (_cloudeka, world) = logged_in();
        let world = world.owned_by(OWNER);
        unlock(&world, &["--scope", scope]);
        // As if the vault were theirs, so that nothing but the keeper says no.
        let vault = world.vault_path();
        let give = |uid| {
            // And all that leads to it.
            for path in vault
                .ancestors()
                .take_while(|path| path.starts_with(world.home()))
            {
                chown(path, Some(uid), Some(uid)).unwrap();
            }
        };
        open_wide(&world);
        give(SOMEONE_ELSE);
        let run = |args: &[&str]| {
            let run = world.cldkctl(args).run_by(SOMEONE_ELSE);
            run.env("XDG_CONFIG_HOME", "/nowhere").run()
        };
        let tries = || {
            let output = run(&["auth", "token"]).expect_code(4);
            output.assert_no_secret(&[TOKEN]);
            let output = run(&["lock"]).succeeded();
            assert!(output.stderr.contains("was not unlocked"), "{output}");
        };
        in_another_login(tries);
        // Nor in the session keyring that `sudo -u` takes along.
        run(&["auth", "token"]).expect_code(4);
        give(OWNER);
        set_mode(world.vault_path(), 0o600);
        assert_unlocked(&world);
    }
}

#[test]
fn the_agent_hangs_up_on_another_user_without_a_word() {
    if !can_be_someone_else() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let world = world.owned_by(OWNER);
        unlock(&world, &[]);
        open_wide(&world);
        set_mode(world.agent_socket(), 0o777);
        let slot = format!("cldkctl:{}", world.vault_path().display());
        let length = u16::try_from(slot.len()).unwrap().to_le_bytes();
        let ask = |operation| {
            let mut stream = UnixStream::connect(world.agent_socket()).expect("it can be reached");
            stream
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            let request = [&[1, operation, length[0], length[1]], slot.as_bytes()].concat();
            let mut answer = Vec::new();
            let _ = stream.write_all(&request); // it may have hung up by now
            let ended = stream.read_to_end(&mut answer);
            let reset = |error: &Error| error.kind() == ErrorKind::ConnectionReset;
            assert!(ended.as_ref().map_or_else(reset, |_| true), "{ended:?}");
            answer
        };
        for operation in [1, 2, 3] {
            let answer = acting_as(SOMEONE_ELSE, || ask(operation));
            assert_eq!(answer, b"", "operation {operation}");
        }
        // The same is answered to its own user: it was no nonsense.
        assert_eq!(acting_as(OWNER, || ask(2))[..2], [1, 1]);
        set_mode(world.vault_path(), 0o600);
        assert_unlocked(&world); // nor did they lock it
    });
}

#[test]
fn an_agent_of_another_user_is_not_believed() {
    if !can_be_someone_else() {
        return;
    }
    without_keyrings(Refusal::NotPermitted, || {
        let (_cloudeka, world) = logged_in();
        let folder = world.runtime().join("cldkctl");
        fs::create_dir(&folder).unwrap();
        set_mode(world.home(), 0o755);
        set_mode(world.runtime(), 0o755);
        set_mode(&folder, 0o777);
        let listener = acting_as(SOMEONE_ELSE, || UnixListener::bind(world.agent_socket()));
        let heard = std::thread::spawn(move || {
            let mut heard = Vec::new();
            let (mut stream, _) = listener.expect("they may listen there").accept().unwrap();
            stream.read_to_end(&mut heard).unwrap();
            heard
        });

        let unlock = world.cldkctl(["unlock", "--passphrase-stdin"]);
        let output = unlock.stdin(PASSPHRASE).run().expect_code(1);
        assert!(output.stderr.contains("agent"), "{output}");
        assert_eq!(heard.join().unwrap(), b"", "the key was handed to them");
    });
}

#[test]
fn a_command_that_waits_at_a_prompt_shows_nothing_in_proc() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let world = world.owned_by(OWNER);
    let mut terminal = world.cldkctl(["auth", "token"]).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_bytes(&PASSPHRASE.as_bytes()[..12]); // typed in part
    let pid = terminal.pid();
    for file in [
        "environ", "mem", "maps", "fd", "fdinfo", "cwd", "exe", "stack", "io",
    ] {
        let path = format!("/proc/{pid}/{file}");
        let script = format!("cat {path} || ls {path}/ || readlink {path}");
        let (said, code) = as_someone_else(&["sh", "-c", &script]);
        assert_ne!(code, Some(0), "{path}: {said}");
    }
    let (cmdline, _) = as_someone_else(&["cat", &format!("/proc/{pid}/cmdline")]);
    assert_eq!(traces::find(cmdline.as_bytes(), PASSPHRASE), None);
    assert!(
        Path::new(&format!("/proc/{pid}")).exists(),
        "it still waits"
    );
    terminal.send_secret(&PASSPHRASE[12..]);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
}
