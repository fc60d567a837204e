//! What people and scripts are shown, to the letter: the files in `tests/it/snapshots`.
//!
//! After a change of what is shown, write the files anew, and read the difference as a user would:
//!
//! ```text
//! SNAPSHOTS=overwrite cargo test --test it -- snapshots::
//! git diff tests/it/snapshots
//! ```
//!
//! What differs from run to run has a name in brackets there: see `support/snapshot.rs`. The words of
//! every error are in `errors.txt`, which the unit test beside the catalogue, `src/cli/report`, writes.

mod data;
mod messages;

use std::fs;

use clap::{Command, CommandFactory as _};
use cldkctl::cli::Cli;

use crate::support::keys::Key;
use crate::support::snapshot::{self, Transcript};
use crate::support::steps::cloudeka_and_world;
use crate::support::{Account, PASSPHRASE, Standin, World};

const OTHER_TOKEN: &str = "cldkctl_snapshot_5f6e7d8c9b0a";
const OTHER_PASSPHRASE: &str = "gravel lantern seldom ferry";
const SSH: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIQUV5rCO+hELnaG8Jo/mTZnUdNtLcGbKRmZUsKw17HF sari@laptop";
const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQDFKY2ap1R13wtCimbTobonsdamWxj+4g40kW8NRAlYRPmjYlEL6ZX+JjfZEGhtTewSGjnYK8ukP7pBnkUWOdil4UkUnUiu9y2xRyN2i6cxq+F/uRneDVb8CEDI9EtG07GZ7gyYknldyjH+0emL8ZBLHPOPi6vw/jrICkS8S+YERw6t81WInIK/+clbp78TGwTondtMKJzuRT5RB+XC4sbaktBjMA3katodKd9BzIi65dsNDlLFgM1HxhuPMRsXKKzi0XrkK0B3EFacN4C0lz2MFtPUlJ/Qus5q6fKaRtPq2DtON20pGi5gIzh/VLVKYAbyGjv/a73x+gbAc4xlGYrt";

/// A world without a login whose keeper is the agent, which is there on every machine, with a
/// stand-in that knows [`TOKEN`] and, as another account's, [`OTHER_TOKEN`].
fn new_world() -> (Standin, World) {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.accept_token_of(
        OTHER_TOKEN,
        Account {
            name: "Budi Santoso".into(),
            email: "budi@example.com".into(),
            role: "Member".into(),
            organization_id: "org-91c0".into(),
        },
    );
    let settings = fs::read_to_string(world.settings_path()).unwrap();
    fs::write(
        world.settings_path(),
        format!("keeper = \"agent\"\n{settings}"),
    )
    .unwrap();
    world.write("passphrase", PASSPHRASE);
    world.write("new-passphrase", OTHER_PASSPHRASE);
    (cloudeka, world)
}

fn transcript(world: &World) -> Transcript<'_> {
    let mut shown = Transcript::new(world);
    shown.word("$OTHER_TOKEN", OTHER_TOKEN);
    shown.word("$OTHER_PASSPHRASE", OTHER_PASSPHRASE);
    shown.word("$AGE", Key::age(world, "machine.key").recipient);
    shown.word("$SSH", SSH);
    shown.word("$RSA", RSA);
    shown
}

/// Makes a vault, or joins it.
const LOGIN: &str = "cldkctl auth --token-stdin --passphrase-file passphrase <<< $TOKEN";
/// Opens the vault, also while it is locked.
const OPENED: &str = "--passphrase-file passphrase";

/// Every command that there is, `cldkctl` itself first, and whether it has none below it.
fn commands() -> Vec<(Vec<String>, bool)> {
    fn walk(command: &Command, path: &[String], all: &mut Vec<(Vec<String>, bool)>) {
        all.push((path.to_vec(), !command.has_subcommands()));
        for below in command.get_subcommands() {
            walk(below, &[path, &[below.get_name().to_owned()]].concat(), all);
        }
    }
    let mut all = Vec::new();
    walk(&Cli::command(), &[], &mut all);
    all
}

/// The help of every command. The options that all have are shown once.
fn help(flag: &str) -> String {
    const GLOBAL: &str = "Global options:\n";
    let world = World::new();
    let mut all = String::new();
    let mut shown_once = None;
    for (path, _) in commands() {
        let run = world.cldkctl(&path).arg(flag).run().succeeded();
        assert_eq!(run.stderr, "", "{run}");
        let mut text = run.stdout;
        let (own, rest) = text.split_once(GLOBAL).expect("global options");
        let (options, end) = rest.split_at(rest.find("\nExamples:").unwrap_or(rest.len()));
        // The columns are as wide as the command's own options need.
        let words: Vec<_> = options.split_whitespace().map(ToOwned::to_owned).collect();
        match &shown_once {
            None => shown_once = Some(words),
            Some(once) if *once == words => {
                text = format!("{own}{GLOBAL}  as of cldkctl itself\n{end}");
            }
            Some(_) => {}
        }
        let line = [&["cldkctl".to_owned()], &path[..], &[flag.to_owned()]].concat();
        all.push_str(&format!("$ {}\n{text}\n", line.join(" ")));
    }
    all
}

#[test]
fn the_help_of_every_command() {
    snapshot::assert_is("help.txt", help("--help"));
}

#[test]
fn the_short_help_of_every_command() {
    snapshot::assert_is("help-short.txt", help("-h"));
}

#[test]
fn help_is_the_same_however_it_is_asked_for() {
    let world = World::new();
    for (path, has_none_below) in commands() {
        let asked = world.cldkctl(&path).arg("--help").run().succeeded();
        let other = world.cldkctl(["help"]).args(&path).run().succeeded();
        assert_eq!(asked.stdout, other.stdout);
        if !has_none_below && path != ["auth"] {
            let alone = world.cldkctl(&path).run().expect_code(2);
            let short = world.cldkctl(&path).arg("-h").run().succeeded();
            assert_eq!(alone.stderr, short.stdout, "{path:?}");
        }
    }
}

/// Completions are in `completion.rs`: each shell reads its own there.
#[test]
fn every_command_is_in_one_of_the_files() {
    let files = fs::read_dir(snapshot::folder()).unwrap();
    let paths = files.map(|file| file.unwrap().path());
    let texts = paths
        .filter(|path| path.extension().is_some_and(|it| it == "txt"))
        .map(|path| fs::read_to_string(path).unwrap());
    let run: Vec<String> = texts
        .flat_map(|text| text.lines().map(ToOwned::to_owned).collect::<Vec<_>>())
        .filter(|line| {
            line.starts_with("$ ") && !line.ends_with(" -h") && !line.ends_with(" --help")
        })
        .collect();
    for (path, has_none_below) in commands() {
        let command = format!("cldkctl {}", path.join(" "));
        let shown = run.iter().any(|line| line.contains(&command));
        assert!(
            shown || !has_none_below || path == ["completion"],
            "{command}"
        );
    }
}
