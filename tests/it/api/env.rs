//! `eval "$(cldkctl env)"`: what a shell has afterwards.

use std::process::Command;

use crate::support::steps::{are_installed, assert_locked, log_in, logged_in, unlock, unlocked};
use crate::support::{PASSPHRASE, TOKEN, World, output_of};

/// A project that every shell would do something with.
const PROJECT: &str = "it's \"$(touch ran)\" `touch ran` \\n \\\\ ; & * ~ !x\n#two";

/// What `script` prints in this shell, in which `cldkctl` is the binary.
#[track_caller]
fn in_shell(world: &World, shell: &str, script: &str) -> String {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_cldkctl"));
    let path = std::env::var("PATH").expect("a path");
    let path = format!("{}:{path}", binary.parent().expect("a folder").display());
    let mut command = Command::new(shell);
    command
        .args(["-c", script])
        .current_dir(world.home())
        .env_clear()
        .env("PATH", path)
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .env("XDG_CONFIG_HOME", world.config())
        .env("XDG_RUNTIME_DIR", world.runtime());
    let output = output_of(&mut command);
    assert!(output.status.success(), "{shell}: {output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn every_shell_has_the_variables_of_exec_byte_for_byte() {
    let (cloudeka, world) = logged_in();
    log_in(&world, TOKEN, &["--default-project", PROJECT]);
    unlock(&world, &["--scope", "user"]);
    let base_url = cloudeka.base_url();
    let print = "printf '%s|' \"$CLDKCTL_BASE_URL\" \"$CLDKCTL_TOKEN\" \"$CLDKCTL_DEFAULT_PROJECT_ID\"; \
        printenv CLDKCTL_SESSION_TOKEN || true";
    let expected = format!("{base_url}|{TOKEN}|{PROJECT}|");
    for (shell, eval) in [
        ("sh", "eval \"$(cldkctl env)\""),
        ("dash", "set -eu; eval \"$(cldkctl env --shell dash)\""),
        ("bash", "set -eu; eval \"$(cldkctl env --shell bash)\""),
        ("zsh", "eval \"$(cldkctl env --shell zsh)\""),
        ("fish", "cldkctl env --shell fish | source"),
        ("fish", "eval (cldkctl env --shell fish | string collect)"),
    ] {
        if !are_installed(&[shell]) {
            continue;
        }
        // One of another login, which must not go along.
        let set = if shell == "fish" {
            "set -gx A_ a"
        } else {
            "CLDKCTL_SESSION_TOKEN=theirs"
        };
        let export = if shell == "fish" {
            "set -gx CLDKCTL_SESSION_TOKEN theirs"
        } else {
            "export CLDKCTL_SESSION_TOKEN"
        };
        let script = format!("{set}; {export}; {eval}; {print}");
        assert_eq!(
            in_shell(&world, shell, &script),
            expected,
            "{shell}: {eval}"
        );
    }
    assert!(!world.home().join("ran").exists(), "nothing of it was run");
    let with_session = "eval \"$(cldkctl env --session)\"; printenv CLDKCTL_SESSION_TOKEN";
    let session = world
        .cldkctl(["auth", "token", "--session"])
        .run()
        .succeeded();
    assert_eq!(in_shell(&world, "sh", with_session), session.stdout);
}

#[test]
fn on_a_terminal_it_warns_that_the_token_is_shown() {
    let (_cloudeka, world) = unlocked(&[]);
    let mut terminal = world.cldkctl(["env"]).on_pty();
    terminal.expect("this shows the token on the terminal");
    terminal.expect("export CLDKCTL_TOKEN=");
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    let output = world.cldkctl(["env"]).run().succeeded();
    assert_eq!(output.stderr, "", "a program reads it");
}

#[test]
fn where_there_is_no_login_nothing_is_printed_to_evaluate() {
    let (_cloudeka, world) = logged_in();
    assert_locked(&world);
    let output = world.cldkctl(["env"]).run().expect_code(4);
    assert_eq!(output.stdout, "");
    let mut terminal = world.cldkctl(["env"]).stdout_apart().on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    assert_eq!(terminal.wait(), 0);
    assert!(terminal.stdout().contains(TOKEN));
    assert!(!terminal.screen().contains(TOKEN));
    let output = World::new().cldkctl(["env"]).run().expect_code(3);
    assert_eq!(output.stdout, "");
}

#[test]
fn a_project_that_no_variable_can_hold_is_said_to_be_so() {
    let (_cloudeka, world) = unlocked(&[]);
    let settings = std::fs::read_to_string(world.settings_path()).unwrap();
    let settings = format!("default-project = \"a\\u0000b\"\n{settings}");
    std::fs::write(world.settings_path(), settings).unwrap();
    for line in [
        "exec -- touch ran",
        "exec --session -- touch ran",
        "env",
        "env --shell fish",
    ] {
        let output = world.cldkctl(line.split(' ')).run().expect_code(1);
        assert_eq!(output.stdout, "", "{output}");
        assert!(
            output
                .stderr
                .contains("the default project has a zero byte"),
            "{output}"
        );
        assert!(output.stderr.contains("--default-project"), "{output}");
    }
    assert!(!world.home().join("ran").exists());
    let run = world.cldkctl(["exec", "--default-project", "b", "--", "true"]);
    run.run().succeeded();
}
