//! A vault that is read as any other, and that a save would break or cannot be saved.

use std::path::PathBuf;

use crate::support::World;
use crate::support::world::Output;

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/");
const PASSPHRASE: &str = "test vectors are no secret";

/// A vector as the vault of a new home.
fn world_with(vector: &str) -> World {
    let world = World::new();
    let file = std::fs::read(format!("{VECTORS}{vector}.age")).expect("a vector");
    world.write_vault(file);
    world
}

fn machine(world: &World) -> PathBuf {
    let key = std::fs::read(format!("{VECTORS}machine.key")).expect("a key");
    world.write("machine.key", key)
}

fn run(world: &World, args: &[&str]) -> Output {
    let command = world.cldkctl(args).arg("--passphrase-stdin");
    command.stdin(PASSPHRASE).run()
}

#[test]
fn the_last_revision_is_read_and_the_next_one_is_not_promised() {
    let world = world_with("good-bounds");
    let before = std::fs::read(world.vault_path()).expect("a vault");
    run(&world, &["auth", "token"]).succeeded();
    for save in [
        &["context", "rename", "b", "c"][..],
        &["context", "use", "b"],
        &["auth", "logout", "--context", "b"],
        &["vault", "tune", "--memory", "19MiB", "--target", "100ms"],
        &[
            "vault",
            "recipients",
            "add",
            "age1h35tyf6zzhtal8wxhj8w5puh9mp6efaghwp00dqst3q5x56w53cquqs0wg",
        ],
    ] {
        let output = run(&world, save).expect_code(1);
        assert!(output.stderr.contains("cannot save the vault"), "{output}");
        assert!(
            output
                .stderr
                .contains("2^53 - 1, is the last that there is"),
            "{output}"
        );
        assert!(
            output.stderr.contains("`cldkctl auth --vault FILE`"),
            "{output}"
        );
        for wrong in ["smaller", "out of range", "logout", "backup"] {
            assert!(!output.stderr.contains(wrong), "{output}");
        }
    }
    assert_eq!(std::fs::read(world.vault_path()).expect("a vault"), before);
    let verified = run(&world, &["vault", "verify"]).succeeded();
    assert!(
        verified.stdout.contains("can be read, and not saved"),
        "{verified}"
    );
    assert!(
        verified.stderr.contains("the last that there is"),
        "{verified}"
    );
}

#[test]
fn a_new_passphrase_mends_a_header_that_differs_from_the_contents() {
    for vector in [
        "good-argon2id-other-salt",
        "good-argon2id-other-recipient",
        "good-argon2id-missing",
    ] {
        let world = world_with(vector);
        let new = world.write("new", "marble teapot orbits quietly");
        let output = run(&world, &["context", "rename", "default", "a"]).expect_code(6);
        assert!(output.stderr.contains("cannot save the vault"), "{output}");
        assert!(
            output.stderr.contains("`cldkctl vault passphrase`"),
            "{output}"
        );
        let change = world.cldkctl([
            "vault",
            "passphrase",
            "--passphrase-stdin",
            "--new-passphrase-file",
        ]);
        change.arg(new).stdin(PASSPHRASE).run().succeeded();
        let verify = world.cldkctl(["vault", "verify", "--passphrase-stdin"]);
        let verified = verify
            .stdin("marble teapot orbits quietly")
            .run()
            .succeeded();
        assert!(verified.stdout.contains("is sound"), "{vector}: {verified}");
    }
    for vector in ["malformed", "twice", "missing", "other", "above-ceiling"] {
        let world = world_with(&format!("kdf-beside-identity-{vector}"));
        let new = world.write("new", "marble teapot orbits quietly");
        let change = world.cldkctl(["vault", "passphrase", "--new-passphrase-file"]);
        let change = change.arg(new).arg("--identity").arg(machine(&world));
        change.run().succeeded();
        let verify = world.cldkctl(["vault", "verify", "--passphrase-stdin"]);
        let verified = verify
            .stdin("marble teapot orbits quietly")
            .run()
            .succeeded();
        assert!(verified.stdout.contains("is sound"), "{vector}: {verified}");
    }
}

#[test]
fn a_newer_stanza_is_not_replaced_by_a_new_passphrase() {
    for vector in ["kdf-v2", "kdf-beside-identity-v2"] {
        let world = world_with(vector);
        let before = std::fs::read(world.vault_path()).expect("a vault");
        let new = world.write("new", "marble teapot orbits quietly");
        let new = new.to_str().expect("text");
        for args in [&["--new-passphrase-file", new][..], &["--remove"]] {
            let change = world.cldkctl(["vault", "passphrase"]).args(args);
            let change = change.arg("--identity").arg(machine(&world));
            let output = change.run().expect_code(6);
            assert!(output.stderr.contains("a newer cldkctl"), "{output}");
            assert!(output.stderr.contains("cannot save the vault"), "{output}");
        }
        let rename = world.cldkctl(["context", "rename", "a", "b", "--identity"]);
        let output = rename.arg(machine(&world)).run().expect_code(6);
        assert!(output.stderr.contains("cannot save the vault"), "{output}");
        assert_eq!(std::fs::read(world.vault_path()).expect("a vault"), before);
    }
}

#[test]
fn a_host_that_cannot_be_called_is_read_and_said_when_it_is_called() {
    let world = world_with("good-hosts");
    let name = |host: &str| {
        let contents = std::fs::read_to_string(format!("{VECTORS}good-hosts.json")).expect("text");
        let contents: serde_json::Value = serde_json::from_str(&contents).expect("JSON");
        let contexts = contents["contexts"].as_array().expect("an array").clone();
        let found = contexts
            .into_iter()
            .find(|it| it["base_url"] == host)
            .expect(host);
        found["name"].as_str().expect("a name").to_owned()
    };
    for host in [
        "https://256.1.1.1",
        "https://1.2.3.4.5",
        "https://xn--a",
        "https://[1.2]",
        "http://127.0.0.08",
    ] {
        let context = name(host);
        run(&world, &["auth", "token", "--context", &context]).succeeded();
        for call in [
            &["auth", "token", "--session"][..],
            &["api", "/core/user/profile"],
        ] {
            let output = run(&world, &[call, &["--context", &context]].concat());
            assert_eq!(output.code, 7, "{host} {output}");
            assert!(
                output.stderr.contains("nothing can be called at the host"),
                "{output}"
            );
            assert!(
                output.stderr.contains("cldkctl auth --base-url"),
                "{output}"
            );
        }
    }
    // A save keeps each of them as it was written.
    let list = |world: &World| {
        run(world, &["context", "list", "-o", "json"])
            .succeeded()
            .stdout
    };
    let before = list(&world);
    run(&world, &["context", "use", "c1"]).succeeded();
    run(&world, &["context", "use", "c0"]).succeeded();
    assert_eq!(list(&world), before);
}
