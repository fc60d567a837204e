//! `completion`: a script for each shell, which that shell accepts.

use std::process::Command;

use crate::support::World;
use crate::support::steps::are_installed;

fn script(world: &World, shell: &str) -> String {
    let output = world.cldkctl(["completion", shell]).run().succeeded();
    assert_eq!(output.stderr, "", "{output}");
    output.stdout
}

#[test]
fn every_shell_gets_one_that_knows_the_commands() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
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
        assert!(
            !script.contains("__agent"),
            "{shell} completes what is hidden"
        );
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
    for shell in ["bash", "zsh", "fish"] {
        if shell != "bash" && Command::new(shell).arg("--version").output().is_err() {
            continue; // bash is everywhere; the others are a bonus
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
fn bash_completes_commands_and_values_with_it() {
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
    assert_eq!(complete(&["cldkctl", "context", "re"]), "rename");
    assert_eq!(complete(&["cldkctl", "__"]), "");
}

#[test]
fn it_needs_no_vault_and_writes_nothing() {
    let world = World::new();
    let before = world.files();
    script(&world, "bash");
    assert_eq!(world.files(), before);
}
