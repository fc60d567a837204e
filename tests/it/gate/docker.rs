//! docker's protocol, under the name that docker runs and as `cldkctl helper docker`.

use serde_json::{Value, json};

use crate::support::PASSPHRASE;
use crate::support::World;
use crate::support::clients::docker_helper;
use crate::support::steps::{are_installed, cloudeka_and_world, contents_of, status, unlocked};
use crate::support::world::Output;

const NOT_FOUND: &str = "credentials not found in native keychain\n";
const SECRET: &str = "otter-lantern-77-plum";

#[track_caller]
fn ask(world: &World, action: &str, input: impl Into<Vec<u8>>) -> Output {
    let helper = world.cldkctl(["helper", "docker", action]);
    let output = helper.stdin(input).run();
    assert_eq!(output.stderr, "", "{output}");
    output
}

/// A login, as docker writes it.
fn login(server: &str, username: &str, secret: &str) -> String {
    let [server, username, secret] = [server, username, secret].map(|it| json!(it).to_string());
    format!("{{\"ServerURL\":{server},\"Username\":{username},\"Secret\":{secret}}}")
}

fn revision(world: &World) -> Value {
    contents_of(&world.vault_path(), PASSPHRASE)["revision"].clone()
}

#[test]
fn what_is_stored_is_got_listed_and_erased() {
    if !are_installed(&["bash"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let run = |action: &str, input: &str| docker_helper(&world, action).stdin(input).run();
    let version = run("version", "").succeeded().stdout;
    assert!(
        version.starts_with("docker-credential-cldkctl (cldkctl) "),
        "{version}"
    );
    assert_eq!(run("list", "").succeeded().stdout, "{}\n");
    assert_eq!(
        run("get", "registry.example").expect_code(1).stdout,
        NOT_FOUND
    );

    run("store", &login("https://registry.example", "sari", SECRET)).succeeded();
    let hub = "https://index.docker.io/v1/";
    run("store", &login(hub, "<token>", "identity")).succeeded();
    let got = run("get", "registry.example\n").succeeded().stdout;
    assert_eq!(
        got,
        format!("{}\n", login("registry.example", "sari", SECRET))
    );
    let got: Value = serde_json::from_str(&run("get", hub).succeeded().stdout).expect("JSON");
    assert_eq!(
        got,
        json!({"ServerURL": hub, "Username": "<token>", "Secret": "identity"})
    );
    let list: Value = serde_json::from_str(&run("list", "").succeeded().stdout).expect("JSON");
    assert_eq!(list, json!({"registry.example": "sari", hub: "<token>"}));
    world.assert_no_secret(&[SECRET]);

    run("erase", "http://registry.example").expect_code(1);
    run("erase", "https://registry.example/v2/").succeeded();
    assert_eq!(
        run("get", "registry.example").expect_code(1).stdout,
        NOT_FOUND
    );
    assert_eq!(
        run("erase", "registry.example").expect_code(1).stdout,
        NOT_FOUND
    );
    run("get", hub).succeeded();
}

#[test]
fn no_host_gets_the_credential_of_another() {
    let (_cloudeka, world) = unlocked(&[]);
    let places = [
        "registry.example",
        "registry.example:5000",
        "http://registry.example",
        "registry.example/team",
        "evil.registry.example",
        "registry.example.evil",
        "[::1]:5000",
    ];
    for place in places {
        ask(&world, "store", login(place, "sari", place)).succeeded();
    }
    for place in places {
        let got: Value =
            serde_json::from_str(&ask(&world, "get", place).succeeded().stdout).expect("JSON");
        assert_eq!(got["Secret"], place);
    }
    for other in [
        "registry",
        "registry.example:443/team/app",
        "registry.example:5001",
        "[::2]:5000",
        "example",
        "user@registry.example",
        "registry.example?a=b",
        "registry.example\\@evil",
        "\u{1b}[2J",
        "ftp://registry.example",
    ] {
        let output = ask(&world, "get", other).expect_code(1);
        assert_eq!(output.stdout, NOT_FOUND, "{other}");
    }
    // An erase of a host whose name only begins alike removes nothing.
    for other in [
        "registry.exampl",
        "registry.example/te",
        "egistry.example",
        "registry.example:50",
    ] {
        ask(&world, "erase", other).expect_code(1);
    }
    let list: Value =
        serde_json::from_str(&ask(&world, "list", "").succeeded().stdout).expect("JSON");
    assert_eq!(list.as_object().map(|it| it.len()), Some(places.len()));
}

#[test]
fn a_login_takes_the_place_of_the_one_before_and_is_saved_once() {
    let (_cloudeka, world) = unlocked(&[]);
    ask(&world, "store", login("registry.example", "sari", "one")).succeeded();
    let before = revision(&world);
    ask(
        &world,
        "store",
        login("https://registry.example/", "sari", "one"),
    )
    .succeeded();
    ask(&world, "get", "registry.example").succeeded();
    assert_eq!(revision(&world), before, "nothing changed");
    ask(&world, "store", login("registry.example", "ben", "two")).succeeded();
    let got = ask(&world, "get", "registry.example").succeeded().stdout;
    assert_eq!(
        got,
        format!("{}\n", login("registry.example", "ben", "two"))
    );
    let all = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(all["credentials"].as_array().map(Vec::len), Some(1));
}

#[test]
fn any_secret_that_json_carries_comes_back() {
    let (_cloudeka, world) = unlocked(&[]);
    let largest = "\0".repeat(1 << 20);
    for secret in ["", "a\nb\r\n\0\u{7}\"\\ \u{202e}\u{1f511}", &largest] {
        ask(&world, "store", login("registry.example", "sari", secret)).succeeded();
        let got = ask(&world, "get", "registry.example").succeeded().stdout;
        let got: Value = serde_json::from_str(&got).expect("JSON");
        assert!(got["Secret"] == secret, "{} bytes", secret.len());
    }
}

#[test]
fn what_is_not_the_protocol_is_refused_in_its_own_words() {
    let (_cloudeka, world) = unlocked(&[]);
    let too_long = login("registry.example", "sari", &"a".repeat((1 << 20) + 1));
    for (action, input, words) in [
        ("get", "", "no credentials server URL\n"),
        ("erase", " \n", "no credentials server URL\n"),
        (
            "store",
            r#"{"Username": "sari", "Secret": "x"}"#,
            "no credentials server URL\n",
        ),
        (
            "store",
            r#"{"ServerURL": "registry.example", "Secret": "x"}"#,
            "no credentials username\n",
        ),
        ("store", "not JSON", "this is not JSON"),
        (
            "store",
            r#"{"ServerURL": "registry.example", "Username": "sari"}"#,
            "this is not JSON",
        ),
        ("store", &too_long, "this is not JSON"),
        (
            "store",
            r#"{"ServerURL": "a b", "Username": "sari", "Secret": "x"}"#,
            "the server URL is not",
        ),
        (
            "store",
            r#"{"ServerURL": "a", "Username": "sa\nri", "Secret": "x"}"#,
            "the username is",
        ),
        (
            "frobnicate",
            "",
            "docker-credential-cldkctl: unknown action\n",
        ),
    ] {
        let output = ask(&world, action, input).expect_code(1);
        assert!(
            output.stdout.starts_with(words),
            "{action} {words}\n{output}"
        );
        assert!(
            output.stdout.ends_with('\n') && output.stdout.lines().count() == 1,
            "{output}"
        );
    }
    let mut bytes = login("registry.example", "sari", "x").into_bytes();
    bytes.splice(1..1, *b"\xff");
    ask(&world, "store", bytes).expect_code(1);
    assert_eq!(ask(&world, "list", "").succeeded().stdout, "{}\n");
}

#[test]
fn without_a_vault_nothing_is_found_and_clients_go_on() {
    let (_cloudeka, world) = cloudeka_and_world();
    assert_eq!(
        ask(&world, "get", "registry.example").expect_code(1).stdout,
        NOT_FOUND
    );
    assert_eq!(ask(&world, "list", "").succeeded().stdout, "{}\n");
    assert_eq!(
        ask(&world, "erase", "registry.example")
            .expect_code(1)
            .stdout,
        NOT_FOUND
    );
    let store = world.cldkctl(["helper", "docker", "store"]);
    let output = store
        .stdin(login("registry.example", "sari", SECRET))
        .run()
        .expect_code(3);
    assert_eq!(output.stderr.lines().count(), 1, "{output}");
    output.assert_no_secret(&[SECRET]);
    assert!(!world.vault_path().exists());
}

#[test]
fn forty_logins_at_once_are_all_there() {
    let (_cloudeka, world) = unlocked(&[]);
    let host = |number: usize| format!("registry-{number}.example");
    let running: Vec<_> = (0..40)
        .map(|number| {
            let login = login(&host(number), "sari", &format!("secret-{number}"));
            world
                .cldkctl(["helper", "docker", "store"])
                .stdin(login)
                .spawn()
        })
        .collect();
    for run in running {
        run.wait().succeeded();
    }
    let running: Vec<_> = (0..40)
        .map(|number| {
            world
                .cldkctl(["helper", "docker", "get"])
                .stdin(host(number))
                .spawn()
        })
        .collect();
    for (number, run) in running.into_iter().enumerate() {
        let got: Value = serde_json::from_str(&run.wait().succeeded().stdout).expect("JSON");
        assert_eq!(got["Secret"], format!("secret-{number}"));
    }
    assert_eq!(status(&world)["locked"], false);
}
