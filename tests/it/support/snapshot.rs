//! What is shown, compared with a file of `tests/it/snapshots`.

use std::path::PathBuf;

use regex::Regex;
use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use super::{PASSPHRASE, TOKEN, World};

/// What is different in each run, and what stands for it. The first group stays.
const CHANGING: [(&str, &str); 11] = [
    (
        r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z| UTC)",
        "[TIME]",
    ),
    (r"\b\d{8}T\d{6}\.\d{3}Z", "[TIME]"), // in the name of a file
    // Of the machine: another test's agent that does not answer.
    (
        r"stderr: warning: other logins of yours may still [^\n]*\n",
        "",
    ),
    (r"\b[0-9a-f]{32}\b", "[ID]"),
    // Of the vault, which holds times with as many digits as they take.
    (r#"("?bytes"?: )\d+"#, "$1[NUMBER]"),
    (r"\b\d+ bytes", "[NUMBER] bytes"),
    (r#"("?remaining_seconds"?: )\d+"#, "$1[NUMBER]"),
    (r"(locks in )[0-9hms ]+", "$1[DURATION]"),
    (r"\bage1[a-z0-9]{58}\b", "[RECIPIENT]"),
    // Of `age`, so that readers of its files get used to stanzas that they do not know.
    (r#"\S*-grease["']?"#, "[GREASE]"),
    (r"((?:take|has) \d+ MiB, )\d+ pass(?:es)?", "$1[PASSES]"), // what a machine is tuned to
];

/// Fails the test unless `text` is what the file of that name has.
#[track_caller]
pub fn assert_is(name: &str, text: String) {
    let expected = Data::read_from(&folder().join(name), Some(DataFormat::Text));
    // `raw`: to the letter, with no wildcards.
    Assert::new()
        .action_env("SNAPSHOTS")
        .eq(text, expected.raw());
}

/// Where the files are.
pub fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots"))
}

/// Command lines and what they show, as on a screen.
pub struct Transcript<'world> {
    world: &'world World,
    words: Vec<(&'static str, String)>,
    text: String,
}

impl<'world> Transcript<'world> {
    /// One that knows `$TOKEN` and `$PASSPHRASE`.
    pub fn new(world: &'world World) -> Self {
        let words = [("$TOKEN", TOKEN), ("$PASSPHRASE", PASSPHRASE)];
        Self {
            world,
            words: words.map(|(name, value)| (name, value.to_owned())).into(),
            text: String::new(),
        }
    }

    /// A word of the command lines that stands for something long or secret.
    pub fn word(&mut self, name: &'static str, value: impl Into<String>) {
        self.words.push((name, value.into()));
    }

    /// What the next commands are about.
    pub fn about(&mut self, what: &str) {
        let space = if self.text.is_empty() { "" } else { "\n" };
        self.text.push_str(&format!("{space}## {what}\n"));
    }

    /// Runs `[NAME=VALUE…] cldkctl ARGUMENT… [<<< INPUT]` without a terminal, and notes what it
    /// prints, and the exit code if it is not 0.
    #[track_caller]
    pub fn run(&mut self, line: &str) {
        let (command, input) = match line.split_once(" <<< ") {
            Some((command, input)) => (command, Some(input)),
            None => (line, None),
        };
        let words: Vec<String> = command.split(' ').map(|word| self.meant(word)).collect();
        let name = words.iter().position(|word| word == "cldkctl");
        let (variables, args) = words.split_at(name.expect("a command line of cldkctl"));
        let mut command = self.world.cldkctl(&args[1..]);
        for variable in variables {
            let (name, value) = variable.split_once('=').expect("a variable");
            command = command.env(name, value);
        }
        if let Some(input) = input {
            command = command.stdin(self.meant(input));
        }
        let output = command.run();
        self.text
            .push_str(&format!("\n$ {line}\n{}", output.stdout));
        if !self.text.ends_with('\n') {
            self.text.push_str("[NO NEWLINE]\n");
        }
        self.ended(&output.stderr, output.code);
    }

    /// Notes standard error, and an exit code other than 0.
    fn ended(&mut self, stderr: &str, code: i32) {
        for line in stderr.lines() {
            self.text.push_str(&format!("stderr: {line}\n"));
        }
        if code != 0 {
            self.text.push_str(&format!("exit code: {code}\n"));
        }
    }

    /// [`run`](Self::run) as a table, as JSON and as YAML.
    #[track_caller]
    pub fn run_in_each_format(&mut self, line: &str) {
        for format in ["", " -o json", " -o yaml"] {
            self.run(&format!("{line}{format}"));
        }
    }

    /// What a person sees on a terminal who answers these questions.
    #[track_caller]
    pub fn talk(&mut self, args: &[&str], answers: &[(&str, &str)]) {
        // Apart, or the spinner would be in between.
        let mut terminal = self
            .world
            .cldkctl(args.iter().copied())
            .stderr_apart()
            .on_pty();
        for (question, answer) in answers {
            terminal.expect(question);
            terminal.send_secret(answer);
        }
        let code = terminal.wait();
        let screen = terminal.screen().replace('\r', "");
        let line = args.join(" ");
        self.text.push_str(&format!("\n$ cldkctl {line}\n{screen}"));
        self.ended(&terminal.stderr(), code);
    }

    /// Fails the test unless this is what the file of that name has.
    #[track_caller]
    pub fn assert_is(self, name: &str) {
        let home = self.world.home();
        let mut text = self.text.replace(home.to_str().expect("text"), "[HOME]");
        text = text.replace('\u{1b}', "[ESC]");
        if let Some(host) = self.world.host() {
            text = text.replace(&host, "[HOST]");
        }
        for (word, value) in &self.words {
            text = text.replace(value, word);
        }
        for (changing, constant) in CHANGING {
            let changing = Regex::new(changing).expect("a regular expression");
            text = changing.replace_all(&text, constant).into_owned();
        }
        assert_is(name, text);
    }

    fn meant(&self, text: &str) -> String {
        let words = self.words.iter();
        words.fold(text.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        })
    }
}
