//! "Unattended machines" in `docs/headless.md`: its cron jobs, CI job and systemd units, run as
//! they stand there, without a terminal and with no more in the environment than each would have.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::steps::{are_installed, cloudeka_and_world};
use crate::support::world::set_mode;
use crate::support::{PASSPHRASE, Standin, TOKEN, World, starting};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/headless.md"));
const USUAL_PATH: &str = "/usr/bin:/bin";
const REPORT: &str = "#!/bin/sh\nprintf 'report %s' \"$CLDKCTL_TOKEN\"\n";

/// The fenced blocks of the section that are in `language`.
#[track_caller]
fn blocks(language: &str) -> Vec<&'static str> {
    let rest = PAGE.split("\n## Unattended machines\n").nth(1);
    let section = rest.and_then(|rest| rest.split("\n## ").next());
    let fence = format!("\n```{language}\n");
    section
        .expect("the section")
        .split(fence.as_str())
        .skip(1)
        .map(|rest| rest.split("\n```").next().expect("a block"))
        .collect()
}

/// A machine: a home with the program where `cargo install` puts it, and a vault made by the
/// page's own commands.
struct Machine {
    cloudeka: Standin,
    world: World,
}

impl Machine {
    /// With the vault that only the machine's key opens, or the one that has a passphrase, too.
    fn new(with_passphrase: bool) -> Self {
        let (cloudeka, world) = cloudeka_and_world();
        let home = world.home();
        fs::create_dir_all(home.join(".cargo/bin")).expect("a folder");
        let binary = env!("CARGO_BIN_EXE_cldkctl");
        symlink(binary, home.join(".cargo/bin/cldkctl")).expect("a link");
        world.write("token.txt", TOKEN);
        world.write("pass.txt", PASSPHRASE);
        for name in ["report", "deploy"] {
            let starting = starting();
            set_mode(world.write(name, REPORT), 0o700);
            drop(starting);
        }
        if with_passphrase {
            world
                .cldkctl(["auth", "--token-stdin", "--no-unlock"])
                .args(["--passphrase-file", "pass.txt"])
                .env("XDG_DATA_HOME", home.join(".local/share"))
                .stdin(TOKEN)
                .run()
                .succeeded();
        }
        let machine = Self { cloudeka, world };
        let url = machine.cloudeka.base_url();
        let pass = home.join("pass.txt");
        let mut env = vec![("CLDKCTL_BASE_URL", url.as_str())];
        if with_passphrase {
            env.push(("CLDKCTL_PASSPHRASE_FILE", pass.to_str().expect("text")));
        }
        machine.sh(blocks("sh")[usize::from(with_passphrase)], &env);
        machine
    }

    fn vault(&self) -> PathBuf {
        self.world.home().join(".local/share/cldkctl/vault.age")
    }

    /// Runs a script with `sh -e`, no terminal, and these variables besides `HOME` and `PATH`.
    #[track_caller]
    fn sh(&self, script: &str, env: &[(&str, &str)]) -> String {
        let home = self.world.home();
        let bin = home.join(".cargo/bin");
        let path = format!("{}:{USUAL_PATH}", bin.display());
        self.run(script, &[&[("PATH", path.as_str())], env].concat())
    }

    #[track_caller]
    fn run(&self, script: &str, env: &[(&str, &str)]) -> String {
        let starting = starting();
        let child = Command::new("setsid")
            .args(["--wait", "sh", "-ec", script])
            .current_dir(self.world.home())
            .env_clear()
            .env("HOME", self.world.home())
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("setsid runs");
        drop(starting);
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}\n{said}");
        String::from_utf8(output.stdout).expect("text")
    }
}

/// The machines on which the first and the second command of a pair are to work.
fn machines() -> Option<[Machine; 2]> {
    let there = are_installed(&["age-keygen", "ssh-keygen", "setsid"]);
    there.then(|| [false, true].map(Machine::new))
}

fn reported() -> String {
    format!("report {TOKEN}")
}

#[test]
fn the_cron_jobs_run() {
    let Some([by_key, by_both]) = machines() else {
        return;
    };
    let [jobs] = blocks("crontab")[..] else {
        panic!("one block");
    };
    let commands: Vec<_> = jobs
        .lines()
        .map(|line| line.splitn(6, ' ').nth(5).expect("a command"))
        .collect();
    let [identity, passphrase] = commands[..] else {
        panic!("{commands:?}");
    };
    for (machine, command) in [
        (&by_key, identity),
        (&by_both, identity),
        (&by_both, passphrase),
    ] {
        assert!(!command.contains('%'), "cron makes a newline of it");
        let said = machine.run(command, &[("PATH", USUAL_PATH)]);
        assert_eq!(said, reported(), "{command}");
    }
}

#[test]
fn the_ci_steps_run() {
    let Some([by_key, by_both]) = machines() else {
        return;
    };
    let [job] = blocks("yaml")[..] else {
        panic!("one block");
    };
    let steps: Vec<_> = job.split("- env:\n").skip(1).collect();
    assert_eq!(steps.len(), 2);
    for (machine, step, file) in [
        (&by_key, steps[0], "machine.key"),
        (&by_both, steps[0], "machine.key"),
        (&by_both, steps[1], "pass.txt"),
    ] {
        let (env, script) = step.split_once("  run: |\n").expect("a script");
        let (name, value) = env.trim().split_once(": ").expect("a variable");
        assert_eq!(value, format!("${{{{ secrets.{name} }}}}"));
        let home = machine.world.home();
        fs::copy(machine.vault(), home.join("vault.age")).expect("copied");
        let secret = fs::read_to_string(home.join(file)).expect("a secret");
        let temp = home.join("runner");
        let _ = fs::remove_dir_all(&temp);
        fs::create_dir(&temp).expect("a folder");
        let temp = temp.to_str().expect("text");
        let said = machine.sh(script, &[(name, secret.as_str()), ("RUNNER_TEMP", temp)]);
        assert_eq!(said, reported(), "{step}");
        let written = Path::new(temp).join(file);
        assert_eq!(crate::support::world::mode(written), 0o600);
    }
}

/// As systemd does it: a folder of 0500 with the credential in it, 0400. What is put in place
/// of the unit's own is only where the programs lie.
#[test]
fn the_systemd_units_run() {
    let Some([by_key, by_both]) = machines() else {
        return;
    };
    let units = blocks("ini");
    assert_eq!(units.len(), 2);
    for (number, (machine, unit, file)) in [
        (&by_key, units[0], "machine.key"),
        (&by_both, units[0], "machine.key"),
        (&by_both, units[1], "pass.txt"),
    ]
    .into_iter()
    .enumerate()
    {
        let setting = |name: &str| {
            let line = unit.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("no {name}"))
        };
        let (credential, _) = setting("LoadCredential=").split_once(':').expect("a path");
        let home = machine.world.home();
        let folder = home.join(format!("credentials-{number}"));
        fs::create_dir(&folder).expect("a folder");
        fs::copy(home.join(file), folder.join(credential)).expect("copied");
        set_mode(folder.join(credential), 0o400);
        set_mode(&folder, 0o500);
        let command = setting("ExecStart=")
            .replace("/usr/local/bin/cldkctl", "~/.cargo/bin/cldkctl")
            .replace("/usr/local/bin/report", "~/report");
        let given = folder.to_str().expect("text");
        let env = [("PATH", USUAL_PATH), ("CREDENTIALS_DIRECTORY", given)];
        assert_eq!(machine.run(&command, &env), reported(), "{unit}");
        set_mode(&folder, 0o700);
    }
}
