//! `cldkctl vault recovery-key --kit -`: the sheet goes to a printer or `gpg`, and the vault has
//! its key only if the sheet went there.

use std::fs;
use std::process::Command;

use crate::support::keys::assert_opens;
use crate::support::steps::{are_installed, contents_of, logged_in};
use crate::support::{PASSPHRASE, World, output_of};

const IDENTITY_LENGTH: usize = 74;

/// The key on a sheet.
#[track_caller]
fn key_on(sheet: &str) -> String {
    let at = sheet.find("AGE-SECRET-KEY-1").expect("a key");
    sheet[at..at + IDENTITY_LENGTH].to_owned()
}

fn recipients(world: &World) -> usize {
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    contents["recipients"].as_array().unwrap().len()
}

/// Runs `$kit`, which writes the sheet to standard output, somewhere in a script of bash. The
/// exit code of it, and what was said.
#[track_caller]
fn in_bash(world: &World, script: &str) -> (i32, String) {
    world.write("passphrase", PASSPHRASE);
    let kit = format!(
        "kit() {{ {:?} vault recovery-key --kit - --passphrase-file passphrase; }}; {script}",
        env!("CARGO_BIN_EXE_cldkctl")
    );
    let mut bash = Command::new("setsid");
    bash.args(["bash", "-c", &format!("set -o pipefail; {kit}")])
        .current_dir(world.home())
        .env("HOME", world.home())
        .env("XDG_DATA_HOME", world.data())
        .env("XDG_CONFIG_HOME", world.config())
        .env("XDG_RUNTIME_DIR", world.runtime())
        .stdin(std::process::Stdio::null());
    let output = output_of(&mut bash);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap_or(-1), said)
}

#[test]
fn a_sheet_goes_to_a_pipe_and_to_a_file_and_nowhere_else() {
    let (_cloudeka, world) = logged_in();
    let passphrase = world.write("passphrase", PASSPHRASE);
    let run = ["vault", "recovery-key", "--kit", "-", "--passphrase-file"];
    let output = world.cldkctl(run).arg(passphrase).run().succeeded();
    let key = key_on(&output.stdout);
    assert!(output.stdout.starts_with("CLDKCTL RECOVERY KEY\n"));
    for text in ["as recovery", "recipients remove recovery"] {
        assert!(output.stderr.contains(text), "{text:?}: {output}");
    }
    assert!(!output.stderr.contains(&key), "{output}");
    world.assert_no_secret(&[&key]);
    assert_opens(&world, &key);

    for (turn, script) in [
        "kit > sheet.txt",
        "kit | cat > sheet.txt",
        // It asks for a passphrase of its own first, say.
        "kit | (sleep 1; cat > sheet.txt)",
        "kit > >(cat > sheet.txt); sleep 1",
    ]
    .into_iter()
    .enumerate()
    {
        let (code, said) = in_bash(&world, script);
        assert_eq!(code, 0, "{script}: {said}");
        let sheet = fs::read_to_string(world.home().join("sheet.txt")).unwrap();
        assert_opens(&world, &key_on(&sheet));
        assert!(sheet.ends_with('\n'));
        assert_eq!(recipients(&world), 3 + turn, "{script}");
    }
}

#[test]
fn a_sheet_that_is_not_written_leaves_the_vault_as_it_was() {
    let (_cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).unwrap();
    for (script, says) in [
        ("kit | true", "stopped early"),
        ("kit | sleep 0.3", "stopped early"),
        ("kit > /dev/full", "standard output"),
        ("(ulimit -f 1; kit > limited.txt)", "standard output"),
        ("kit >&-", "closed"),
        ("kit > /dev/null", "lost"),
        ("kit 1< /dev/null", "lost"),
    ] {
        let (code, said) = in_bash(&world, script);
        assert_eq!(code, 1, "{script}: {said}");
        for text in [says, "\nhint: ", "the vault is unchanged"] {
            assert!(said.contains(text), "{script}, {text:?}: {said}");
        }
        assert_eq!(fs::read(world.vault_path()).unwrap(), before, "{script}");
    }
}

#[test]
fn a_terminal_is_no_place_for_a_sheet() {
    let (_cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).unwrap();
    let mut terminal = world
        .cldkctl(["vault", "recovery-key", "--kit", "-"])
        .on_pty();
    assert_eq!(terminal.wait(), 2, "{}", terminal.screen());
    assert!(!terminal.screen().contains("Vault passphrase"));
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}

#[test]
fn a_sheet_of_a_key_that_the_vault_did_not_get_is_said_to_open_nothing() {
    if !are_installed(&["strace"]) {
        return;
    }
    let (_cloudeka, world) = logged_in();
    let before = fs::read(world.vault_path()).unwrap();
    let passphrase = world.write("passphrase", PASSPHRASE);
    let run = ["vault", "recovery-key", "--kit", "-", "--passphrase-file"];
    // The last step of a save.
    let fault = "inject=rename,renameat,renameat2:error=EIO";
    let strace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", fault];
    let run = world.cldkctl(run).arg(passphrase).under(strace);
    let output = run.run().expect_code(1);
    key_on(&output.stdout);
    let says = "the key on the sheet opens nothing";
    assert!(output.stderr.contains(says), "{output}");
    assert_eq!(fs::read(world.vault_path()).unwrap(), before);
}
