//! An age plugin is a program of somebody else. One that is missing, dies or talks nonsense is
//! named, and is never taken for a damaged vault; the other identities of a file work on.

use std::ffi::OsString;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use age::secrecy::SecretString;

use crate::support::keys::{Key, plugin_path};
use crate::support::steps::logged_in;
use crate::support::world::{Output, set_mode};
use crate::support::{PASSPHRASE, Standin, TOKEN, World};

const PLUGIN: &str = "age-plugin-cldktest";
/// Reads what it is told, as a plugin does before it answers.
const LISTEN: &str =
    "while read -r line; do case $line in '-> done'*) read -r line; break;; esac; done";
const DONE: &str = "printf -- '-> done\\n\\n'; cat >/dev/null";
/// Programs that are no good as a plugin, by what they do.
const BAD: [(&str, &str); 9] = [
    ("exits at once", "#!/bin/sh\nexit 0\n"),
    ("fails at once", "#!/bin/sh\nexit 1\n"),
    ("is killed", "#!/bin/sh\nkill -9 $$\n"),
    ("prints garbage", "#!/bin/sh\necho hello; cat >/dev/null\n"),
    (
        "prints bytes",
        "#!/bin/sh\nprintf '\\377\\376\\n'; cat >/dev/null\n",
    ),
    (
        "hangs up in its answer",
        "#!/bin/sh\nLISTEN\nprintf -- '-> msg\\n'\n",
    ),
    ("is no program", "nothing that a kernel knows\0\n"),
    ("has no interpreter", "#!/nonexistent/sh\n"),
    (
        "has trouble of its own",
        "#!/bin/sh\nLISTEN\nprintf -- '-> error internal\\nb29wcw\\n'; read -r line; read -r line\nDONE\n",
    ),
];

/// A plugin that answers with this file key.
fn file_key(body: &str) -> String {
    format!(
        "#!/bin/sh\nLISTEN\nprintf -- '-> file-key 0\\n{body}\\n'; read -r line; read -r line\nDONE\n"
    )
}

/// A vault with a key of the test's plugin, and what its identity file is called.
struct Story {
    _cloudeka: Standin,
    world: World,
    token: Key,
}

impl Story {
    fn new() -> Self {
        let (cloudeka, world) = logged_in();
        let token = Key::plugin(&world, "token.key", false);
        let story = Self {
            _cloudeka: cloudeka,
            world,
            token,
        };
        let add = ["vault", "recipients", "add", &story.token.recipient];
        story.by_passphrase(&add, plugin_path()).succeeded();
        story
    }

    /// The `PATH` with this in place of the plugin.
    fn with_plugin(&self, program: &str) -> OsString {
        let folder = self.world.home().join("plugins");
        fs::create_dir_all(&folder).unwrap();
        let program = program.replace("LISTEN", LISTEN).replace("DONE", DONE);
        // A name of its own, so that no child of another thread has it open for writing.
        let path = folder.join(PLUGIN);
        let _ = fs::remove_file(&path);
        fs::write(&path, program).unwrap();
        set_mode(&path, 0o755);
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
        std::env::join_paths(folders).unwrap()
    }

    fn by_identity(&self, args: &[&str], identity: &str, path: OsString) -> Output {
        let command = self.world.cldkctl(args).args(["--identity", identity]);
        command.env("PATH", path).run()
    }

    fn by_passphrase(&self, args: &[&str], path: OsString) -> Output {
        let file = self.world.write("passphrase", PASSPHRASE);
        let command = self.world.cldkctl(args).arg("--passphrase-file").arg(file);
        command.env("PATH", path).run()
    }

    /// An identity file with these lines.
    fn identities(&self, of: &[&Key]) -> String {
        let lines: Vec<String> = of
            .iter()
            .map(|key| fs::read_to_string(&key.identity).unwrap() + "\n")
            .collect();
        self.write_identities("several.key", lines.concat())
    }

    fn write_identities(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.world.write(name, content);
        set_mode(&path, 0o600);
        path.to_str().unwrap().to_owned()
    }
}

/// It names the plugin, and nothing in it makes anybody give up the vault.
#[track_caller]
fn assert_blames_the_plugin(what: &str, output: &Output) {
    let said = &output.stderr;
    assert!(said.contains(PLUGIN), "{what}: {output}");
    assert!(said.contains("\nhint: "), "{what}: {output}");
    assert_eq!(said.trim_end().lines().count(), 2, "{what}: {output}");
    for text in [
        "damaged",
        "altered",
        "log in again",
        " move it",
        "backup",
        "\u{fffd}",
        "\u{2068}",
    ] {
        assert!(!said.contains(text), "{text:?}, {what}: {output}");
    }
}

#[test]
fn one_that_dies_or_talks_nonsense_is_named_and_the_vault_is_not_called_damaged() {
    let story = Story::new();
    let before = fs::read(story.world.vault_path()).unwrap();
    for (what, program) in BAD {
        let path = story.with_plugin(program);
        for args in [
            &["auth", "token"][..],
            &["vault", "verify"],
            &["vault", "info"],
        ] {
            let output = story
                .by_identity(args, "token.key", path.clone())
                .expect_code(1);
            assert_blames_the_plugin(what, &output);
        }
    }
    assert_eq!(fs::read(story.world.vault_path()).unwrap(), before);
    let output = story.by_identity(&["auth", "token"], "token.key", plugin_path());
    assert_eq!(output.succeeded().stdout, format!("{TOKEN}\n"));
}

#[test]
fn one_that_does_so_when_the_vault_is_saved_is_named_and_the_vault_is_as_it_was() {
    let story = Story::new();
    let before = fs::read(story.world.vault_path()).unwrap();
    let rename = ["context", "rename", "default", "new"];
    let taken = "#!/bin/sh\nLISTEN\nprintf -- '-> recipient-stanza 0 cldkctl-argon2id v1\\n\\n'; read -r l; read -r l\nDONE\n";
    for (what, program) in BAD.into_iter().chain([("takes our stanza", taken)]) {
        let path = story.with_plugin(program);
        let output = story.by_passphrase(&rename, path).expect_code(1);
        assert_blames_the_plugin(what, &output);
        assert!(
            output.stderr.contains("the vault is unchanged"),
            "{what}: {output}"
        );
    }
    assert_eq!(fs::read(story.world.vault_path()).unwrap(), before);
}

#[test]
fn one_that_refuses_its_identity_is_quoted() {
    let story = Story::new();
    let path = story.with_plugin(
        "#!/bin/sh\nLISTEN\nprintf -- '-> error identity 0\\nbm8gdG9rZW4\\n'; read -r line; read -r line\nDONE\n",
    );
    let output = story
        .by_identity(&["auth", "token"], "token.key", path)
        .expect_code(5);
    assert!(output.stderr.contains("no token"), "{output}");
    assert_blames_the_plugin("refuses", &output);
}

#[test]
fn one_that_answers_that_nothing_fits_is_a_wrong_identity() {
    let story = Story::new();
    let path = story.with_plugin("#!/bin/sh\nLISTEN\nDONE\n");
    let output = story
        .by_identity(&["auth", "token"], "token.key", path)
        .expect_code(5);
    assert!(!output.stderr.contains("log in again"), "{output}");
    // The real one, with a key of its own that the vault does not know.
    Key::plugin(&story.world, "other.key", false);
    story
        .by_identity(&["auth", "token"], "other.key", plugin_path())
        .expect_code(5);
}

#[test]
fn a_key_of_its_that_fits_nothing_gives_no_advice_to_give_the_vault_up() {
    let story = Story::new();
    // Too short for a key.
    let path = story.with_plugin(&file_key("AAAA"));
    let output = story
        .by_identity(&["auth", "token"], "token.key", path)
        .expect_code(1);
    assert_blames_the_plugin("a short key", &output);
    // A key, but not of this file: an altered header gives the same, so it is 6.
    let path = story.with_plugin(&file_key("AAAAAAAAAAAAAAAAAAAAAA"));
    let output = story
        .by_identity(&["auth", "token"], "token.key", path)
        .expect_code(6);
    assert!(output.stderr.contains("plugin"), "{output}");
    assert!(!output.stderr.contains("log in again"), "{output}");
}

#[test]
fn one_that_is_missing_or_bad_leaves_the_other_identities_of_a_file_working() {
    let story = Story::new();
    let machine = Key::age(&story.world, "machine.key");
    let add = ["vault", "recipients", "add", &machine.recipient];
    story.by_passphrase(&add, plugin_path()).succeeded();
    let no_plugin = std::env::var_os("PATH").unwrap();

    let output = story.by_identity(&["auth", "token"], "token.key", no_plugin.clone());
    assert_blames_the_plugin("missing", &output.expect_code(1));
    for order in [[&story.token, &machine], [&machine, &story.token]] {
        let file = story.identities(&order);
        let open = |what: &str, path| {
            let output = story.by_identity(&["auth", "token"], &file, path);
            assert_eq!(output.succeeded().stdout, format!("{TOKEN}\n"), "{what}");
        };
        open("missing", no_plugin.clone());
        open("good", plugin_path());
        for (what, program) in BAD {
            open(what, story.with_plugin(program));
        }
        let wrong = file_key("AAAAAAAAAAAAAAAAAAAAAA");
        open("gives a wrong key", story.with_plugin(&wrong));
    }
}

#[test]
fn one_that_hangs_is_ended_with_ctrl_c() {
    let story = Story::new();
    let path = story.with_plugin("#!/bin/sh\nLISTEN\ntouch \"$HOME/waiting\"; exec sleep 1000\n");
    let waiting = story.world.home().join("waiting");
    for (by_identity, args) in [
        (true, &["auth", "token"][..]),
        (true, &["vault", "verify"]),
        (false, &["context", "rename", "default", "new"]),
    ] {
        let _ = fs::remove_file(&waiting);
        let command = story.world.cldkctl(args).env("PATH", path.clone());
        let command = if by_identity {
            command.args(["--identity", "token.key"])
        } else {
            let file = story.world.write("passphrase", PASSPHRASE);
            command.arg("--passphrase-file").arg(file)
        };
        let mut terminal = command.on_pty();
        assert!(crate::support::wait_until(Duration::from_secs(30), || {
            waiting.exists()
        }));
        terminal.send_ctrl('c');
        let code = terminal.wait();
        assert!(
            [130, 128 + 2].contains(&code),
            "{code}: {}",
            terminal.screen()
        );
    }
}

/// An identity file that `age -p` made.
fn protected(lines: &str, passphrase: &str) -> Vec<u8> {
    let mut recipient = age::scrypt::Recipient::new(SecretString::from(passphrase));
    recipient.set_work_factor(4);
    let recipients = std::iter::once(&recipient as &dyn age::Recipient);
    let encryptor = age::Encryptor::with_recipients(recipients).unwrap();
    let mut file = Vec::new();
    let armored = age::armor::ArmoredWriter::wrap_output(&mut file, age::armor::Format::AsciiArmor);
    let mut writer = encryptor.wrap_output(armored.unwrap()).unwrap();
    writer.write_all(lines.as_bytes()).unwrap();
    writer
        .finish()
        .and_then(age::armor::ArmoredWriter::finish)
        .unwrap();
    file
}

#[test]
fn an_identity_file_with_a_passphrase_is_asked_for_once_and_its_faults_are_its_own() {
    let story = Story::new();
    let machine = Key::age(&story.world, "machine.key");
    let add = ["vault", "recipients", "add", &machine.recipient];
    story.by_passphrase(&add, plugin_path()).succeeded();
    // Its first identity needs a plugin that is not there.
    let lines = [&story.token, &machine].map(|key| fs::read_to_string(&key.identity).unwrap());
    let whole = protected(&lines.join("\n"), "of the file");
    let name: PathBuf = story.write_identities("protected.key", &whole).into();
    let ask = |args: &[&str], passphrase: &str, tries: usize| {
        let command = story.world.cldkctl(args).arg("--identity").arg(&name);
        let command = command.env("PATH", std::env::var_os("PATH").unwrap());
        let mut terminal = command.on_pty();
        for _ in 0..tries {
            terminal.expect("protected.key:");
            terminal.send_secret(passphrase);
        }
        let code = terminal.wait();
        let screen = terminal.screen();
        assert_eq!(screen.matches("Passphrase for").count(), tries, "{screen}");
        assert!(
            !screen.contains('\u{fffd}') && !screen.contains(passphrase),
            "{screen}"
        );
        (code, screen)
    };
    let (code, screen) = ask(&["auth", "token"], "of the file", 1);
    assert!(code == 0 && screen.contains(TOKEN), "{screen}");
    let (code, screen) = ask(&["auth", "token"], "another one", 3);
    assert!(code == 5 && screen.contains("wrong passphrase"), "{screen}");
    assert!(!screen.contains("altered"), "{screen}");

    // Nobody to ask.
    let output = story.by_identity(&["auth", "token"], "protected.key", plugin_path());
    let output = output.expect_code(4);
    assert!(
        output.stderr.contains("protected.key has a passphrase"),
        "{output}"
    );

    // What is wrong with it is not wrong with the vault.
    let nonsense = protected("no identity\n", "of the file");
    let cut = protected(&lines.join("\n").repeat(100), "of the file");
    let text = String::from_utf8(cut).unwrap();
    let cut: Vec<&str> = text.lines().collect();
    let end = cut.len() - 1;
    let cut = [&cut[..end - 20], &cut[end..]].concat().join("\n");
    for (what, file) in [("nonsense", nonsense), ("cut", cut.into_bytes())] {
        fs::write(&name, file).unwrap();
        let (code, screen) = ask(&["auth", "token"], "of the file", 1);
        assert!(
            code == 5 && screen.contains("identity file"),
            "{what}: {screen}"
        );
        assert!(!screen.contains("backup"), "{what}: {screen}");
    }
}

/// A name and a yes are no secrets: who types them sees them, and may paste them.
#[test]
fn what_one_asks_that_is_no_secret_is_shown_as_it_is_typed() {
    let story = Story::new();
    let path = story.with_plugin(
        "#!/bin/sh\nLISTEN\n\
         printf -- '-> confirm eWVz bm8\\nVXNlIGl0Pw\\n'; read -r said; read -r line\n\
         printf -- '-> request-public\\nTmFtZQ\\n'; read -r line; read -r name\n\
         echo \"$said $name\" >> \"$HOME/said\"\nDONE\n",
    );
    let pasted = |text: &str| format!("\x1b[200~{text}\x1b[201~");
    for (yes, name) in [
        ("y\r".to_owned(), "Zo\u{eb}\r".to_owned()),
        (pasted("yes\n"), format!("{}\r", pasted("Zo\u{eb}"))),
    ] {
        let run = story
            .world
            .cldkctl(["auth", "token", "--identity", "token.key"]);
        let mut terminal = run.env("PATH", path.clone()).on_pty();
        terminal.expect("Use it? [yes/no] ");
        terminal.send_bytes(yes.as_bytes());
        terminal.expect("Name: ");
        terminal.send_bytes(name.as_bytes());
        terminal.expect("Zo\u{eb}\r\n");
        assert_ne!(terminal.wait(), 0);
    }
    let said = fs::read_to_string(story.world.home().join("said")).unwrap();
    assert_eq!(said, "-> ok yes Wm/Dqw\n-> ok yes Wm/Dqw\n");
}
