//! What a program may rely on in all of the JSON: one shape for one thing, numbers with units in
//! their names, times to the second, and the same in YAML.

use serde_json::Value;

use crate::support::keys::Key;
use crate::support::steps::{pipe, unlocked};
use crate::support::{PASSPHRASE, Standin, TOKEN, World, skip};

/// Every command that prints data.
const COMMANDS: [&[&str]; 8] = [
    &["auth", "status"],
    &["auth", "status", "--check"],
    &["context", "list"],
    &["context", "show"],
    &["whoami"],
    &["vault", "info"],
    &["vault", "verify"],
    &["vault", "recipients", "list"],
];

/// Two contexts, and a recipient besides the passphrase; unlocked.
fn world() -> (Standin, World) {
    let (cloudeka, world) = unlocked(&[]);
    let login = world.cldkctl(["auth", "--token-stdin", "--context", "work"]);
    let login = login.args(["--default-project", "1234"]).stdin(TOKEN);
    login.run().succeeded();
    let machine = Key::age(&world, "machine.key").recipient;
    let add = ["vault", "recipients", "add", "--label", "machine", &machine];
    world.cldkctl(add).run().succeeded();
    (cloudeka, world)
}

#[track_caller]
fn json(world: &World, command: &[&str]) -> Value {
    let output = world
        .cldkctl(command)
        .args(["-o", "json"])
        .run()
        .succeeded();
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
    serde_json::from_str(&output.stdout).unwrap()
}

/// Calls `each` with the name and the value of every field, at every depth.
fn walk(value: &Value, each: &mut impl FnMut(&str, &Value)) {
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| {
            each(name, value);
            walk(value, each);
        }),
        Value::Array(all) => all.iter().for_each(|value| walk(value, each)),
        _ => {}
    }
}

#[test]
fn a_context_has_one_shape_wherever_it_is_shown() {
    let (_cloudeka, world) = world();
    let list = json(&world, &["context", "list"]);
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(json(&world, &["auth", "status"])["contexts"], list);
    assert_eq!(json(&world, &["vault", "verify"])["contexts"], list);
    assert_eq!(json(&world, &["vault", "info"])["opened"]["contexts"], list);
    assert_eq!(json(&world, &["context", "show", "work"]), list[1]);
    assert_eq!(json(&world, &["context", "show", "default"]), list[0]);
}

#[test]
fn a_recipient_and_a_cost_have_one_shape_wherever_they_are_shown() {
    let (_cloudeka, world) = world();
    let list = json(&world, &["vault", "recipients", "list"]);
    let (info, verify) = (
        json(&world, &["vault", "info"]),
        json(&world, &["vault", "verify"]),
    );
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_eq!(info["opened"]["recipients"], list);
    assert_eq!(verify["recipients"], list);
    let cost = &list[0]["kdf"];
    assert_eq!(cost["memory_kib"], 19456);
    let status = json(&world, &["auth", "status"]);
    for shown in [&info["kdf"], &verify["kdf"], &status["kdf"]] {
        assert_eq!(shown, cost);
    }
    // Where no passphrase opens it, and where there is none: there, and null.
    let key = world.home().join("machine.key");
    let remove = ["vault", "passphrase", "--remove", "--passphrase-stdin"];
    world.cldkctl(remove).stdin(PASSPHRASE).run().succeeded();
    for command in [
        &["auth", "status"][..],
        &["vault", "info"],
        &["vault", "verify"],
    ] {
        let identity = ["--identity", key.to_str().unwrap()];
        let shown = json(&world, &[command, &identity].concat());
        assert_eq!(shown.get("kdf"), Some(&Value::Null), "{command:?}");
    }
    let none = World::new().cldkctl(["auth", "status", "-o", "json"]).run();
    let none: Value = serde_json::from_str(&none.expect_code(3).stdout).unwrap();
    assert_eq!(none.get("kdf"), Some(&Value::Null));
}

#[test]
fn times_are_to_the_second_and_amounts_are_numbers_whose_names_have_the_unit() {
    let time = regex::Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$").unwrap();
    let amount = regex::Regex::new(r"\d ?(KiB|MiB|GiB|bytes|passes|lanes|s|m|h)\b").unwrap();
    let (_cloudeka, world) = world();
    let (mut times, mut amounts) = (0, 0);
    for command in COMMANDS {
        walk(&json(&world, command), &mut |name, value| {
            if name.ends_with("_at") || name == "modified" {
                let text = value.as_str().unwrap();
                assert!(time.is_match(text), "{command:?} {name}: {text}");
                times += 1;
            }
            let has_unit = ["seconds", "kib", "bytes"]
                .iter()
                .any(|unit| name.ends_with(unit));
            if has_unit || ["iterations", "lanes", "revision", "version"].contains(&name) {
                assert!(value.is_u64(), "{command:?} {name}: {value}");
                amounts += 1;
            }
            if let Some(text) = value.as_str().filter(|_| name != "vault") {
                assert!(!amount.is_match(text), "{command:?} {name}: {text}");
            }
        });
    }
    assert!(times > 12 && amounts > 20, "{times} {amounts}");
}

#[test]
fn yaml_says_what_json_says() {
    let script = "import json, sys, yaml\n\
        for key in '0123456789': yaml.SafeLoader.yaml_implicit_resolvers[key] = \
        [(tag, it) for tag, it in yaml.SafeLoader.yaml_implicit_resolvers[key] if 'timestamp' not in tag]\n\
        print(json.dumps(yaml.safe_load(sys.stdin)))";
    let python = std::process::Command::new("python3")
        .args(["-c", "import yaml"])
        .output();
    if !python.is_ok_and(|output| output.status.success()) {
        return skip("Python has no yaml (python3-yaml in Debian)");
    }
    let (_cloudeka, world) = world();
    for command in COMMANDS {
        let yaml = world
            .cldkctl(command)
            .args(["-o", "yaml"])
            .run()
            .succeeded();
        let read = pipe(&["python3", "-c", script], yaml.stdout.as_bytes());
        let mut read: Value = serde_json::from_slice(&read).unwrap();
        let mut expected = json(&world, command);
        // It runs down meanwhile.
        for value in [&mut read, &mut expected] {
            if let Some(left) = value.pointer_mut("/unlocked_by/remaining_seconds") {
                assert!(left.is_u64());
                *left = Value::Null;
            }
        }
        assert_eq!(read, expected, "{yaml}");
    }
}
