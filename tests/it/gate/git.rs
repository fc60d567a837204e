//! git's protocol, by itself and with git against a server on loopback.

use serde_json::Value;

use crate::support::clients::{said, sh, sh_ok};
use crate::support::git_server::{GitServer, repository};
use crate::support::steps::{are_installed, cloudeka_and_world, contents_of, unlocked};
use crate::support::world::Output;
use crate::support::{PASSPHRASE, World};

const SECRET: &str = "otter-lantern-77-plum";

#[track_caller]
fn ask(world: &World, action: &str, input: impl Into<Vec<u8>>) -> Output {
    world.cldkctl(["helper", "git", action]).stdin(input).run()
}

fn stored(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)["credentials"].clone()
}

#[test]
fn what_is_stored_is_got_and_erased_and_nothing_else_is_said() {
    let (_cloudeka, world) = unlocked(&[]);
    let host = "capability[]=authtype\ncapability[]=state\nprotocol=https\nhost=git.example\nwwwauth[]=Basic realm=\"x\"\n";
    let quiet = |action: &str, input: &str| {
        let output = ask(&world, action, input).succeeded();
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("", ""),
            "{output}"
        );
    };
    quiet("get", host);
    let login = format!(
        "{host}username=sari\npassword={SECRET}\npassword_expiry_utc=4102444800\noauth_refresh_token=again\n\n"
    );
    quiet("store", &login);
    let got = ask(&world, "get", host).succeeded();
    assert_eq!(
        got.stdout,
        format!(
            "username=sari\npassword={SECRET}\npassword_expiry_utc=4102444800\noauth_refresh_token=again\n"
        )
    );
    let revision = contents_of(&world.vault_path(), PASSPHRASE)["revision"].clone();
    quiet("store", &login);
    let after = contents_of(&world.vault_path(), PASSPHRASE)["revision"].clone();
    assert_eq!(
        after, revision,
        "git stores after each use; nothing changed"
    );

    quiet("get", "protocol=https\nhost=git.example\nusername=ben\n");
    quiet("get", "protocol=http\nhost=git.example\n");
    quiet("get", "protocol=https\nhost=git.example.evil\n");
    quiet("frobnicate", host);
    quiet("frobnicate", "not the protocol\0");
    // Another password, another user or another path is another credential.
    quiet(
        "erase",
        "protocol=https\nhost=git.example\nusername=sari\npassword=old\n",
    );
    quiet("erase", "protocol=https\nhost=git.example\nusername=ben\n");
    quiet(
        "erase",
        "protocol=https\nhost=git.example\npath=team/app.git\n",
    );
    quiet("erase", "protocol=https\nhost=git.exampl\n");
    assert_eq!(stored(&world).as_array().map(Vec::len), Some(1));
    quiet(
        "erase",
        &format!("url=https://sari@git.example/\npassword={SECRET}\n"),
    );
    assert_eq!(stored(&world), Value::Null);
    // A login without a password in it, as of other kinds of authentication, is not for us.
    quiet("store", &format!("{host}authtype=Bearer\ncredential=abc\n"));
    quiet(
        "store",
        "protocol=cert\nhost=\npath=/key.pem\nusername=\npassword=x\n",
    );
    assert_eq!(stored(&world), Value::Null);
}

#[test]
fn a_password_that_has_expired_is_not_given() {
    let (_cloudeka, world) = unlocked(&[]);
    let host = "protocol=https\nhost=git.example\n";
    let login = format!("{host}username=sari\npassword={SECRET}\npassword_expiry_utc=1000000000\n");
    ask(&world, "store", login.as_str()).succeeded();
    assert_eq!(ask(&world, "get", host).succeeded().stdout, "");
    // What renews it is.
    ask(
        &world,
        "store",
        format!("{login}oauth_refresh_token=again\n"),
    )
    .succeeded();
    assert_eq!(
        ask(&world, "get", host).succeeded().stdout,
        "username=sari\npassword_expiry_utc=1000000000\noauth_refresh_token=again\n"
    );
}

#[test]
fn a_path_belongs_to_the_credential_where_git_names_one() {
    let (_cloudeka, world) = unlocked(&[]);
    for (path, secret) in [("", "host"), ("/team", "team"), ("/team/app.git", "app")] {
        let place = format!("https://git.example{path}");
        let add = [
            "credential",
            "add",
            "git",
            &place,
            "--username",
            "sari",
            "--secret-stdin",
        ];
        world.cldkctl(add).stdin(secret).run().succeeded();
    }
    for (path, secret) in [
        ("", "host"),
        ("team/app.git", "app"),
        ("team/other.git", "team"),
        ("teams/other.git", "host"),
        ("team/../other.git", "host"),
    ] {
        let asked = format!("protocol=https\nhost=git.example\npath={path}\n");
        let got = ask(&world, "get", asked).succeeded().stdout;
        assert_eq!(got, format!("username=sari\npassword={secret}\n"), "{path}");
    }
    let before = stored(&world);
    let used =
        "protocol=https\nhost=git.example\npath=team/other.git\nusername=sari\npassword=team\n";
    ask(&world, "store", used).succeeded();
    assert_eq!(stored(&world), before, "the one above serves it");
}

#[test]
fn what_could_be_another_line_or_host_is_refused_and_not_repeated() {
    let (_cloudeka, world) = unlocked(&[]);
    for input in [
        &b"protocol=https\nhost=git.example\rhost=evil\npassword=otter-lantern-77-plum\n"[..],
        b"protocol=https\r\nhost=git.example\r\n",
        b"protocol=https\nhost=git.example\0evil\n",
        b"url=https://git.example%0ahost=evil\n",
        b"protocol=https\nhost=git.example/evil\n",
        b"protocol=https\nhost=git.example#evil\n",
        b"protocol=https\nhost=evil@git.example\n",
        b"protocol=https\nhost=git.exam ple\n",
        b"protocol=https\n",
        b"host=git.example\n",
        b"no equals sign\n",
        b"host=\xff\n",
    ] {
        for action in ["get", "store", "erase"] {
            let output = ask(&world, action, input);
            assert!(output.code == 1 || output.code == 2, "{output}");
            assert_eq!(
                (output.stdout.as_str(), output.stderr.lines().count()),
                ("", 1),
                "{output}"
            );
            output.assert_no_secret(&[SECRET]);
            assert!(!output.stderr.contains("evil"), "{output}");
        }
    }
    assert_eq!(stored(&world), Value::Null);
}

#[test]
fn without_a_vault_git_goes_on() {
    let (_cloudeka, world) = cloudeka_and_world();
    for action in ["get", "erase"] {
        let output = ask(&world, action, "protocol=https\nhost=git.example\n").succeeded();
        assert_eq!(output.stdout + &output.stderr, "");
    }
}

#[test]
fn git_clones_and_pushes_with_the_vault_and_forgets_a_rotated_password() {
    if !are_installed(&["git", "bash"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let folder = world.home().join("repositories");
    std::fs::create_dir(&folder).expect("a folder");
    repository(&folder, "app");
    let server = GitServer::start(&folder, "sari", SECRET);
    let url = server.url();
    world.write(
        ".gitconfig",
        "[user]\n\tname = Sari\n\temail = sari@example.com\n",
    );
    sh_ok(
        &world,
        &format!("cldkctl helper install git --host {url}"),
        &[],
    );
    let add = [
        "credential",
        "add",
        "git",
        &url,
        "--username",
        "sari",
        "--secret-stdin",
    ];
    world.cldkctl(add).stdin(SECRET).run().succeeded();

    let quiet = [("GIT_TERMINAL_PROMPT", "0")];
    sh_ok(&world, &format!("git clone -q {url}/app.git"), &quiet);
    assert!(server.seen().contains(&format!("sari:{SECRET}")));
    let push = "cd app && git commit -q --allow-empty -m next && git push -q origin main";
    sh_ok(&world, push, &quiet);

    // The new one is not there yet: git is refused, and has us forget the old one.
    server.rotate("sari", "new-walnut-42");
    let output = sh(&world, "cd app && git fetch", &quiet);
    assert!(!output.status.success(), "{}", said(&output));
    assert_eq!(stored(&world), Value::Null);
    world.cldkctl(add).stdin("new-walnut-42").run().succeeded();
    sh_ok(&world, "cd app && git fetch", &quiet);

    // Locked, and nobody to ask: git says why, and goes on to ask by itself.
    world.cldkctl(["lock"]).run().succeeded();
    let output = sh(&world, "cd app && git fetch", &quiet);
    assert!(
        said(&output).contains("cldkctl unlock"),
        "{}",
        said(&output)
    );
    assert!(!output.status.success());
    world.assert_no_secret(&[SECRET, "new-walnut-42"]);
}
