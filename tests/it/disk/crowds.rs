//! Many commands at once on one vault: no change is lost, no reader sees half of one, nobody
//! waits for ever.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use crate::support::kernel::{Refusal, without_keyrings};
use crate::support::steps::{assert_locked, cloudeka_and_world, contents_of, logged_in, unlock};
use crate::support::world::{Cldkctl, Output, Running};
use crate::support::{PASSPHRASE, Standin, TOKEN, World};
use serde_json::Value;

const FORTY: usize = 40;
/// Forty at a time are slow on a small machine, and none of them hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Starts all of them, and waits for all of them.
fn all(runs: Vec<Cldkctl<'_>>) -> Vec<Output> {
    let running: Vec<Running> = runs
        .into_iter()
        .map(|run| run.patience(PATIENCE).spawn())
        .collect();
    running.into_iter().map(Running::wait).collect()
}

fn name(number: usize) -> String {
    format!("context-{number:02}")
}

/// A token of the crowd's own for each context, so that none can be taken for another.
fn token(number: usize) -> String {
    format!("{TOKEN}-{number:02}")
}

fn accept_tokens(cloudeka: &Standin) {
    for number in 0..FORTY {
        cloudeka.accept_token(&token(number));
    }
}

fn auth<'world>(world: &'world World, number: usize, passphrase: &str) -> Cldkctl<'world> {
    let file = world.write(&format!("passphrase-{number}"), passphrase);
    let run = world.cldkctl(["auth", "--token-stdin", "--context"]);
    let run = run.arg(name(number)).arg("--passphrase-file").arg(file);
    run.stdin(token(number))
}

/// The names and tokens of the contexts.
fn contexts(contents: &Value) -> BTreeSet<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let contexts = contents["contexts"].as_array().unwrap();
    contexts
        .iter()
        .map(|context| (text(&context["name"]), text(&context["token"])))
        .collect()
}

/// The vault's folder holds the vault and its lock, and nothing that somebody forgot.
#[track_caller]
fn assert_tidy(world: &World) {
    let folder = fs::read_dir(world.data().join("cldkctl")).unwrap();
    let names: BTreeSet<_> = folder.map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(
        names,
        BTreeSet::from(["vault.age".into(), "vault.age.lock".into()])
    );
}

/// Nobody is told of an older copy: there was none.
#[track_caller]
fn assert_no_alarm(outputs: &[Output]) {
    for output in outputs {
        assert!(!output.stderr.contains("older copy"), "{output}");
        assert!(!output.stderr.contains("bug"), "{output}");
    }
}

/// By each keeper.
fn on_both_keepers(story: impl Fn() + Send + Sync) {
    story();
    without_keyrings(Refusal::NotPermitted, story);
}

#[test]
fn forty_first_logins_make_one_vault_with_all_of_them() {
    let (cloudeka, world) = cloudeka_and_world();
    accept_tokens(&cloudeka);
    let outputs = all((0..FORTY).map(|n| auth(&world, n, PASSPHRASE)).collect());
    assert_no_alarm(&outputs);
    for output in outputs {
        assert_eq!(output.succeeded().stdout, "Auth success\n");
    }
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let expected: BTreeSet<_> = (0..FORTY).map(|n| (name(n), token(n))).collect();
    assert_eq!(contexts(&contents), expected);
    assert_eq!(contents["revision"], FORTY, "each save is counted once");
    assert_tidy(&world);
}

#[test]
fn first_logins_with_passphrases_of_their_own_leave_the_vault_of_one() {
    let (cloudeka, world) = cloudeka_and_world();
    accept_tokens(&cloudeka);
    let passphrase = |n: usize| format!("{PASSPHRASE} {n}");
    let outputs = all((0..12).map(|n| auth(&world, n, &passphrase(n))).collect());
    assert_no_alarm(&outputs);
    let mut winners = Vec::new();
    for (n, output) in outputs.into_iter().enumerate() {
        if output.stdout == "Auth success\n" {
            output.succeeded();
            winners.push(n);
        } else {
            let output = output.expect_code(5);
            assert!(output.stderr.contains("passphrase"), "{output}");
            assert!(output.stderr.contains("hint: "), "{output}");
        }
    }
    let [winner] = winners[..] else {
        panic!("one vault has one passphrase, and {winners:?} say that it is theirs")
    };
    let contents = contents_of(&world.vault_path(), &passphrase(winner));
    assert_eq!(
        contexts(&contents),
        BTreeSet::from([(name(winner), token(winner))])
    );
    assert_tidy(&world);
}

#[test]
fn writers_and_readers_of_all_kinds_lose_nothing() {
    on_both_keepers(|| {
        let (cloudeka, world) = logged_in();
        accept_tokens(&cloudeka);
        for n in 0..8 {
            auth(&world, n, PASSPHRASE).run().succeeded();
        }
        unlock(&world, &[]);
        // The sessions are over, so that whoever wants one has to renew it.
        cloudeka.end_sessions();
        let before = contents_of(&world.vault_path(), PASSPHRASE)["revision"]
            .as_u64()
            .unwrap();
        let backup = |n: usize| world.home().join(format!("backup-{n}.age"));

        let mut runs = Vec::new();
        for n in 0..8 {
            runs.push(auth(&world, 10 + n, PASSPHRASE));
            runs.push(world.cldkctl(["context", "rename", &name(n), &format!("renamed-{n}")]));
            runs.push(world.cldkctl(["api", "/core/user/profile", "--context", "default"]));
            runs.push(world.cldkctl(["auth", "token", "--context", "default"]));
            runs.push(world.cldkctl(["vault", "backup"]).arg(backup(n)));
            runs.push(world.cldkctl(["context", "list", "-o", "json"]));
        }
        assert!(runs.len() > FORTY);
        let outputs = all(runs);
        assert_no_alarm(&outputs);
        for output in &outputs {
            assert_eq!(output.code, 0, "{output}");
        }
        for reader in outputs.iter().skip(3).step_by(6) {
            assert_eq!(reader.stdout, format!("{TOKEN}\n"));
        }

        let contents = contents_of(&world.vault_path(), PASSPHRASE);
        let mut expected = BTreeSet::from([("default".to_owned(), TOKEN.to_owned())]);
        for n in 0..8 {
            expected.insert((format!("renamed-{n}"), token(n)));
            expected.insert((name(10 + n), token(10 + n)));
        }
        assert_eq!(contexts(&contents), expected);
        // Sixteen changes, and at least one session that was renewed: no save counts for two.
        let saves = contents["revision"].as_u64().unwrap() - before;
        assert!((17..=24).contains(&saves), "{saves} saves");
        // Each backup is one of the vaults that there were in between.
        for n in 0..8 {
            let revision = contents_of(&backup(n), PASSPHRASE)["revision"]
                .as_u64()
                .unwrap();
            assert!((before..=before + saves).contains(&revision), "{revision}");
        }
        assert_tidy(&world);
        world.cldkctl(["vault", "verify"]).run().succeeded();
        world.cldkctl(["lock"]).run().succeeded();
    });
}

#[test]
fn of_many_changes_of_the_passphrase_one_is_the_vaults() {
    on_both_keepers(|| {
        let (_cloudeka, world) = logged_in();
        unlock(&world, &[]);
        let passphrase = |n: usize| format!("{PASSPHRASE} {n}");
        let old = world.write("old", PASSPHRASE);
        let mut runs = Vec::new();
        for n in 0..8 {
            let new = world.write(&format!("new-{n}"), passphrase(n));
            let change = world
                .cldkctl(["vault", "passphrase", "--passphrase-file"])
                .arg(&old);
            runs.push(change.arg("--new-passphrase-file").arg(new));
            runs.push(world.cldkctl(["auth", "token"]));
        }
        let outputs = all(runs);
        assert_no_alarm(&outputs);
        let mut winners = Vec::new();
        for (n, pair) in outputs.chunks(2).enumerate() {
            match pair[0].code {
                0 => winners.push(n),
                code => assert_eq!(code, 5, "{}", pair[0]),
            }
            // The key that was held opens it no more: locked, or found out in between.
            match pair[1].code {
                0 => assert_eq!(pair[1].stdout, format!("{TOKEN}\n")),
                code => assert!(matches!(code, 4 | 5), "{}", pair[1]),
            }
        }
        let [winner] = winners[..] else {
            panic!("{winners:?} changed the same passphrase")
        };
        let contents = contents_of(&world.vault_path(), &passphrase(winner));
        assert_eq!(contents["contexts"][0]["token"], TOKEN);
        assert_tidy(&world);
        world.cldkctl(["lock"]).run().succeeded();
    });
}

#[test]
fn unlocking_and_locking_at_once_ends_with_the_last_word() {
    on_both_keepers(|| {
        let (_cloudeka, world) = logged_in();
        let file = world.write("passphrase", PASSPHRASE);
        let mut runs = Vec::new();
        for _ in 0..14 {
            runs.push(world.cldkctl(["unlock", "--passphrase-file"]).arg(&file));
            runs.push(world.cldkctl(["lock"]));
            runs.push(world.cldkctl(["auth", "token"]));
        }
        for (n, output) in all(runs).iter().enumerate() {
            match (n % 3, output.code) {
                (2, 0) => assert_eq!(output.stdout, format!("{TOKEN}\n")),
                (2, code) => assert_eq!(code, 4, "{output}"),
                (_, code) => assert_eq!(code, 0, "{output}"),
            }
        }
        unlock(&world, &[]);
        let token = world.cldkctl(["auth", "token"]).run().succeeded();
        assert_eq!(token.stdout, format!("{TOKEN}\n"));
        world.cldkctl(["lock"]).run().succeeded();
        assert_locked(&world);
    });
}
