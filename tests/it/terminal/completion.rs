//! `completion`: a script for each shell, which that shell accepts, and what a person gets from it
//! who presses TAB.

use std::process::Command;

use std::fs;
use std::time::Duration;

use crate::support::shells::{SHELLS, Shells};
use crate::support::steps::{are_installed, assert_locked, assert_unlocked, unlock, unlocked};
use crate::support::{PASSPHRASE, Standin, TOKEN, World, wait_until};

fn script(world: &World, shell: &str) -> String {
    let output = world.cldkctl(["completion", shell]).run().succeeded();
    assert_eq!(output.stderr, "", "{output}");
    output.stdout
}

#[test]
fn shells_that_do_not_ask_get_a_script_that_knows_the_commands() {
    let world = World::new();
    for shell in ["elvish", "powershell"] {
        let script = script(&world, shell);
        for word in [
            "unlock",
            "lock",
            "exec",
            "context",
            "scope",
            "passphrase-file",
        ] {
            assert!(script.contains(word), "{shell} knows nothing of {word}");
        }
        for hidden in ["__agent", "__complete"] {
            assert!(!script.contains(hidden), "{shell} completes what is hidden");
        }
    }
    world
        .cldkctl(["completion", "cmd.exe"])
        .run()
        .expect_code(2);
    world.cldkctl(["completion"]).run().expect_code(2);
}

#[test]
fn the_shells_that_are_here_accept_theirs() {
    let world = World::new();
    for shell in SHELLS {
        if !are_installed(&[shell]) {
            continue;
        }
        let file = world.write(shell, script(&world, shell));
        let output = Command::new(shell)
            .arg("-n")
            .arg(file)
            .output()
            .expect("a shell");
        assert!(
            output.status.success() && output.stderr.is_empty(),
            "{shell}: {output:?}"
        );
    }
}

#[test]
fn zsh_completes_where_its_own_completion_was_not_started() {
    if !are_installed(&["zsh"]) {
        return;
    }
    let world = World::new();
    let file = world.write("zsh", script(&world, "zsh"));
    let load = format!(". {}; print -r -- \"$_comps[cldkctl]\"", file.display());
    let output = Command::new("zsh")
        .args(["-f", "-c", &load])
        .env("HOME", world.home())
        .env_remove("ZDOTDIR")
        .output()
        .expect("a shell");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said, "");
    assert_eq!(output.stdout, b"_cldkctl\n");
}

/// Three contexts and three recipients, unlocked, in a home with files.
fn with_names() -> (Standin, World) {
    let (cloudeka, world) = unlocked(&[]);
    for context in ["work", "work:eu@home"] {
        let login = world.cldkctl(["auth", "--token-stdin", "--context", context]);
        login.stdin(TOKEN).run().succeeded();
    }
    const KEYS: [(&str, &str); 3] = [
        (
            "age1yt3tfqlfrwdwx0z0ynwplcr6qxcxfaqycuprpmy89nr83ltx74tqdpszlw",
            "sari@laptop",
        ),
        (
            "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg",
            "her old laptop",
        ),
        (
            "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z",
            "",
        ),
    ];
    for (key, label) in KEYS {
        let add = world.cldkctl(["vault", "recipients", "add", key]);
        let label: &[&str] = if label.is_empty() {
            &[]
        } else {
            &["--label", label]
        };
        add.args(label.iter().copied()).run().succeeded();
    }
    world.write("local-file", "");
    world.write("local copy", "");
    (cloudeka, world)
}

/// What a script is told after these words. Nothing is ever said besides.
#[track_caller]
fn offered(world: &World, words: &[&str]) -> Vec<String> {
    let asked = ["cldkctl"].iter().chain(words);
    let asked: String = asked.map(|word| format!("{word}\0")).collect();
    let output = world.cldkctl(["__complete"]).stdin(asked).run().succeeded();
    assert_eq!(output.stderr, "", "{output}");
    output.assert_no_secret(&[TOKEN, PASSPHRASE]);
    let lines = output.stdout.lines().skip(1);
    lines
        .map(|line| line.split('\t').next().unwrap().to_owned())
        .collect()
}

#[test]
fn contexts_complete_in_every_shell_and_files_do_not() {
    let (_cloudeka, world) = with_names();
    let mut shells = Shells::start(&world);
    for line in [
        "cldkctl context use ",
        "cldkctl context show ",
        "cldkctl context rename ",
        "cldkctl context delete ",
        "cldkctl auth token --context ",
        "cldkctl --context ",
        "cldkctl -q exec --session --context ",
    ] {
        shells.assert_offer(line, &["default", "work"]);
        shells.assert_do_not_offer(line, &["local", "script"]);
    }
    shells.assert_complete("cldkctl context use d", "cldkctl context use default");
    shells.assert_complete("cldkctl --context=d", "cldkctl --context=default");
    shells.assert_complete(
        "cldkctl context use work:e",
        "cldkctl context use work:eu@home",
    );
    shells.assert_complete(
        "cldkctl context use work:eu@h",
        "cldkctl context use work:eu@home",
    );
    shells.assert_do_not_offer("cldkctl context rename work ", &["default", "local"]);
    shells.assert_do_not_offer("cldkctl context use loc", &["local"]);
}

#[test]
fn recipients_complete_in_every_shell() {
    let (_cloudeka, world) = with_names();
    let mut shells = Shells::start(&world);
    let remove = "cldkctl vault recipients remove ";
    shells.assert_offer(remove, &["sari@laptop", "age1lvyvwaw", "laptop"]);
    shells.assert_do_not_offer(remove, &["local", "passphrase"]);
    shells.assert_complete(&format!("{remove}sa"), &format!("{remove}sari@laptop"));
    shells.assert_complete(&format!("{remove}sari@l"), &format!("{remove}sari@laptop"));
    // Each shell quotes what it puts in.
    for (shell, shown) in shells.press_tab(&format!("{remove}her")) {
        let expected = match shell {
            "fish" => "her old laptop\n",
            _ => r"her\ old\ laptop",
        };
        assert!(shown.contains(expected), "{shell}: {shown}");
    }
    for (shell, shown) in shells.press_tab(&format!("{remove}'her o")) {
        assert!(shown.contains("her old laptop"), "{shell}: {shown}");
    }
}

#[test]
fn values_of_flags_complete_in_every_form() {
    let world = World::new();
    let mut shells = Shells::start(&world);
    for line in [
        "cldkctl auth status -o ",
        "cldkctl auth status --output ",
        "cldkctl auth status --output=",
        "cldkctl -o ",
        "cldkctl --output=",
        "cldkctl -o",
        "cldkctl auth status -qo",
        "cldkctl -o=",
    ] {
        shells.assert_offer(line, &["table", "json", "yaml"]);
    }
    shells.assert_complete(
        "cldkctl context list --output=j",
        "cldkctl context list --output=json",
    );
    shells.assert_complete(
        "cldkctl context list --output j",
        "cldkctl context list --output json",
    );
    shells.assert_complete("cldkctl context list -oj", "cldkctl context list -ojson");
    shells.assert_complete("cldkctl unlock --scope u", "cldkctl unlock --scope user");
    shells.assert_offer("cldkctl unlock --scope ", &["session", "user"]);
    shells.assert_offer("cldkctl lock --keeper ", &["auto", "keyring", "agent"]);
    shells.assert_offer("cldkctl --color=", &["auto", "always", "never"]);
    shells.assert_offer("cldkctl completion ", &["bash", "fish", "zsh"]);
}

#[test]
fn commands_come_before_flags() {
    let world = World::new();
    let words = offered(&world, &[""]);
    let flags = words.iter().position(|word| word.starts_with('-')).unwrap();
    assert_eq!(words[0], "auth");
    for (at, word) in words.iter().enumerate() {
        assert_eq!(word.starts_with('-'), at >= flags, "{words:?}");
    }
    let words = offered(&world, &["unlock", ""]);
    assert_eq!(words[..3], ["--idle", "--lifetime", "--scope"]);
    let mut shells = Shells::start(&world);
    for (shell, shown) in shells.press_tab("cldkctl ") {
        // Bash lists in columns.
        let [command, flag] = ["auth", "--"].map(|word| shown.find(word).unwrap());
        assert!(command < flag, "{shell}: {shown}");
    }
    shells.assert_complete("cldkctl unl", "cldkctl unlock");
    shells.assert_complete("cldkctl context ren", "cldkctl context rename");
    shells.assert_complete("cldkctl logi", "cldkctl login");
    shells.assert_complete("cldkctl context rem", "cldkctl context remove");
    shells.assert_complete("cldkctl unlock --li", "cldkctl unlock --lifetime");
    shells.assert_complete("cldkctl help vault ver", "cldkctl help vault verify");
    shells.assert_do_not_offer("cldkctl __", &["__agent", "__complete "]);
    shells.assert_do_not_offer("cldkctl help ", &["--vault"]);
}

#[test]
fn files_complete_where_a_file_is_meant_and_nowhere_else() {
    let (_cloudeka, world) = with_names();
    let mut shells = Shells::start(&world);
    for start in [
        "cldkctl vault restore ",
        "cldkctl --vault ",
        "cldkctl auth --passphrase-file ",
        "cldkctl --vault=",
    ] {
        shells.assert_complete(&format!("{start}local-"), &format!("{start}local-file"));
    }
    for (shell, shown) in shells.press_tab("cldkctl vault restore local\\ ") {
        let expected = if shell == "fish" {
            "local copy"
        } else {
            r"local\ copy"
        };
        assert!(shown.contains(expected), "{shell}: {shown}");
    }
    for line in [
        "cldkctl api loc",
        "cldkctl api GET loc",
        "cldkctl auth loc",
        "cldkctl loc",
        "cldkctl unlock --idle loc",
        "cldkctl api -f loc",
        "cldkctl vault recipients add loc",
        "cldkctl --base-url=loc",
    ] {
        shells.assert_do_not_offer(line, &["local-file", "local copy"]);
    }
    shells.assert_offer("cldkctl api ", &["GET", "DELETE"]);
    shells.assert_complete("cldkctl api PO", "cldkctl api POST");
    shells.assert_do_not_offer("cldkctl api /et", &["/etc"]);
    shells.assert_do_not_offer("cldkctl api GET /et", &["/etc"]);
}

#[test]
fn what_exec_runs_completes_as_it_does_alone() {
    let world = World::new();
    world.write("local-file", "");
    let mut shells = Shells::start(&world);
    shells.assert_complete("cldkctl exec -- whoam", "cldkctl exec -- whoami");
    shells.assert_complete(
        "cldkctl exec -- cat local-",
        "cldkctl exec -- cat local-file",
    );
    assert_eq!(offered(&world, &["exec", ""])[0], "--");
}

#[test]
fn a_locked_vault_offers_no_names_and_asks_for_nothing() {
    let (_cloudeka, world) = with_names();
    world.cldkctl(["lock"]).run().succeeded();
    let passphrase = world.write("passphrase", PASSPHRASE);
    let before = world.files();
    assert_eq!(offered(&world, &["context", "use", ""]), [""; 0]);
    assert_eq!(offered(&world, &["--context", ""]), [""; 0]);
    assert_eq!(
        offered(&world, &["vault", "recipients", "remove", "x"]),
        [""; 0]
    );
    // Neither with something that would open it, and takes a second.
    let supplied = [
        "--passphrase-file",
        passphrase.to_str().unwrap(),
        "--context",
        "",
    ];
    assert_eq!(offered(&world, &supplied), [""; 0]);
    assert_eq!(world.files(), before);
    let mut shells = Shells::start(&world);
    for (shell, shown) in shells.press_tab("cldkctl context use d") {
        assert!(
            !shown.contains("passphrase") && !shown.contains("error"),
            "{shell}: {shown}"
        );
    }
    assert_locked(&world);
}

#[test]
fn looking_for_names_keeps_no_vault_unlocked() {
    let (_cloudeka, world) = with_names();
    unlock(&world, &["--idle", "2s"]);
    assert_eq!(offered(&world, &["--context", ""]).len(), 3);
    let ended = wait_until(Duration::from_secs(20), || {
        offered(&world, &["--context", ""]).is_empty()
    });
    assert!(ended, "asking for names starts the idle time again");
    assert_locked(&world);
}

#[test]
fn names_come_from_the_vault_and_the_keeper_that_the_line_names() {
    let (_cloudeka, world) = with_names();
    fs::rename(world.vault_path(), world.home().join("other.age")).unwrap();
    let other = world.home().join("other.age");
    let unlock = world.cldkctl(["unlock", "--passphrase-stdin", "--vault"]);
    unlock.arg(&other).stdin(PASSPHRASE).run().succeeded();
    assert_eq!(offered(&world, &["--context", ""]), [""; 0]);
    let path = other.to_str().unwrap();
    for vault in [
        &["--vault", path][..],
        &[&format!("--vault={path}")],
        &["--vault", "~/other.age"],
    ] {
        let words = [vault, &["context", "use", ""]].concat();
        assert_eq!(offered(&world, &words).len(), 3, "{words:?}");
        let words = [&["context", "use"], vault, &[""]].concat();
        assert_eq!(offered(&world, &words).len(), 3, "{words:?}");
    }
}

#[test]
fn nothing_that_is_wrong_is_said_while_a_word_is_completed() {
    let (_cloudeka, world) = with_names();
    assert_unlocked(&world);
    let names = ["--context", ""];
    assert_eq!(offered(&world, &names).len(), 3);
    let settings = fs::read(world.settings_path()).unwrap();
    fs::write(world.settings_path(), "nonsense").unwrap();
    assert_eq!(offered(&world, &names), [""; 0]);
    fs::write(world.settings_path(), settings).unwrap();
    fs::write(world.vault_path(), "damaged").unwrap();
    assert_eq!(offered(&world, &names), [""; 0]);
    fs::remove_file(world.vault_path()).unwrap();
    assert_eq!(offered(&world, &names), [""; 0]);
    for words in [
        &[][..],
        &["--no-such-flag", "nor-such-command", ""],
        &["auth", TOKEN, ""],
        &["api", "-f", "key=value", "--", "--", "-x"],
        &["-"],
        &["--"],
        &["-\u{fffd}"],
        &["--output=x", "--=", "="],
    ] {
        offered(&world, words);
    }
    for asked in [
        &b""[..],
        b"\0",
        b"\0\0\0",
        b"\xff\0-\xff\0--vault=\xff\0",
        &[b'a'; 300_000],
    ] {
        let output = world.cldkctl(["__complete"]).stdin(asked).run().succeeded();
        assert_eq!(output.stderr, "", "{output}");
    }
}

#[test]
fn a_token_on_the_line_reaches_no_other_programs_arguments() {
    if !are_installed(&["strace", "bash"]) {
        return;
    }
    let world = World::new();
    let file = world.write("script", script(&world, "bash"));
    let line = format!(
        ". {}; COMP_WORDS=(cldkctl auth {TOKEN} --out) COMP_CWORD=3; \
         _cldkctl cldkctl --out {TOKEN}; echo \"${{COMPREPLY[@]}}\"",
        file.display()
    );
    let strace = ["strace", "-f", "-s", "4096", "-e", "trace=execve", "-o"];
    let trace = world.home().join("trace");
    let watch = strace
        .map(Into::into)
        .into_iter()
        .chain([trace.clone().into_os_string()]);
    let bash = ["bash", "--norc", "-c", &line].map(Into::into);
    let output = world
        .cldkctl([""; 0])
        .under(watch.chain(bash))
        .run()
        .succeeded();
    assert_eq!(output.stdout, "--output\n", "{output}");
    let trace = fs::read_to_string(trace).unwrap();
    let runs: Vec<_> = trace
        .lines()
        .filter(|line| line.contains("__complete"))
        .collect();
    assert_eq!(runs.len(), 1, "{trace}");
    assert!(!runs[0].contains(TOKEN), "{runs:?}");
}

#[test]
fn bash_without_the_line_completes_as_well() {
    if !are_installed(&["bash"]) {
        return;
    }
    let world = World::new();
    let file = world.write("script", script(&world, "bash"));
    let complete = |words: &[&str]| {
        let line = "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
            _cldkctl cldkctl \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; \
            echo \"${COMPREPLY[@]}\"";
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", line, "bash"])
            .arg(&file)
            .args(words);
        let output = bash.output().expect("bash starts");
        assert!(output.stderr.is_empty(), "{words:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    };
    assert_eq!(complete(&["cldkctl", "unl"]), "unlock");
    assert_eq!(complete(&["cldkctl", "unlock", "--scope", "u"]), "user");
    assert_eq!(
        complete(&["cldkctl", "unlock", "--scope", "=", "u"]),
        "user"
    );
    assert_eq!(
        complete(&["cldkctl", "unlock", "--scope=u"]),
        "--scope=user"
    );
    assert_eq!(complete(&["cldkctl", "--output", "="]), "table json yaml");
    let both = complete(&["cldkctl", "context", "re"]);
    assert_eq!(both, "rename remove");
    assert_eq!(complete(&["cldkctl", "__"]), "");
}

#[test]
fn it_needs_no_vault_and_writes_nothing() {
    let world = World::new();
    let before = world.files();
    for shell in SHELLS {
        script(&world, shell);
    }
    assert_eq!(world.files(), before);
}
