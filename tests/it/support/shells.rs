//! Shells with our completions loaded, and a person who presses TAB.

use std::fs;
use std::process::Command;

use super::{Output, Session, World, skip, starting};

/// The shells whose scripts ask the binary.
pub const SHELLS: [&str; 3] = ["bash", "zsh", "fish"];

/// The key that has the shell say where it is: Ctrl-X, Ctrl-A.
const SAY: &[u8] = b"\x18\x01";

/// What a person sees after TAB: the list that the shell shows, and behind it, as `<line>`, the
/// line as it is by then. Fish is asked instead, and says what it would list.
pub struct Shells<'world> {
    world: &'world World,
    running: Vec<(&'static str, Option<Session>)>,
}

impl<'world> Shells<'world> {
    /// Those that are installed. Says which are not.
    pub fn start(world: &'world World) -> Self {
        let there = SHELLS.into_iter().filter(|shell| {
            let starting = starting();
            let there = Command::new(shell).arg("--version").output().is_ok();
            drop(starting);
            if !there {
                skip(&format!("{shell} is not installed"));
            }
            there
        });
        let running = there.map(|shell| (shell, start(world, shell))).collect();
        Self { world, running }
    }

    /// The name of each shell, and what it shows when a person types `line` and presses TAB.
    pub fn press_tab(&mut self, line: &str) -> Vec<(&'static str, String)> {
        let world = self.world;
        let shells = self.running.iter_mut();
        let shown = shells.map(|(shell, session)| match session {
            Some(session) => {
                // Ctrl-U empties the line. Twice TAB, for a bash that first completes what all share.
                session.send_bytes(b"\x15");
                session.send_bytes(SAY);
                session.expect("<>");
                session.send_bytes(&[line.as_bytes(), b"\t", SAY].concat());
                let shown = session.expect(">\r\n");
                (*shell, shown)
            }
            None => (*shell, ask_fish(world, line).stdout),
        });
        shown.collect()
    }

    /// Each shell offers all of `words` after `line`.
    #[track_caller]
    pub fn assert_offer(&mut self, line: &str, words: &[&str]) {
        for (shell, shown) in self.press_tab(line) {
            for word in words {
                assert!(
                    shown.contains(word),
                    "{shell}: {line}TAB: no {word}:\n{shown}"
                );
            }
        }
    }

    /// No shell offers one of `words` after `line`.
    #[track_caller]
    pub fn assert_do_not_offer(&mut self, line: &str, words: &[&str]) {
        for (shell, shown) in self.press_tab(line) {
            for word in words {
                assert!(
                    !shown.contains(word),
                    "{shell}: {line}TAB: {word}:\n{shown}"
                );
            }
        }
    }

    /// After TAB, and where the shell has a line to show, it is `completed`.
    #[track_caller]
    pub fn assert_complete(&mut self, line: &str, completed: &str) {
        let word = completed.rsplit(' ').next().unwrap_or_default();
        for (shell, shown) in self.press_tab(line) {
            let done = match shell {
                "fish" => shown
                    .lines()
                    .any(|offered| offered.split('\t').next() == Some(word)),
                _ => shown.contains(&format!("<{completed}")),
            };
            assert!(done, "{shell}: {line}TAB is not {completed}:\n{shown}");
        }
    }
}

/// An interactive shell that has read its script; `None` for fish, which can be asked.
fn start(world: &World, shell: &str) -> Option<Session> {
    let script = world.write(
        &format!("script.{shell}"),
        world
            .cldkctl(["completion", shell])
            .run()
            .succeeded()
            .stdout,
    );
    let script = script.display();
    let mut session = match shell {
        "bash" => {
            let loaded = fs::exists("/usr/share/bash-completion/bash_completion").unwrap_or(false);
            let loads = if loaded {
                ". /usr/share/bash-completion/bash_completion\n"
            } else {
                ""
            };
            let settings = world.write(
                "bashrc",
                format!(
                    "{loads}. {script}\nPS1='> '\n\
                     bind 'set show-all-if-ambiguous on' 'set completion-query-items 0' \
                     'set page-completions off' 'set enable-bracketed-paste off'\n\
                     say() {{ echo \"<$READLINE_LINE>\"; }}\nbind -x '\"\\C-x\\C-a\": say'\n\
                     echo ready\n"
                ),
            );
            let start = format!("exec bash --rcfile {} -i", settings.display());
            world
                .cldkctl([""; 0])
                .under(["bash", "-c", &start])
                .on_pty()
        }
        "zsh" => {
            let settings = world.write(
                ".zshrc",
                format!(
                    "autoload -Uz compinit; compinit -u -D\n. {script}\nPS1='> '\n\
                     setopt list_ambiguous no_beep; zle_bracketed_paste=()\nLISTMAX=0\n\
                     zstyle ':completion:*' list-prompt ''\n\
                     say() {{ print; print -r -- \"<$BUFFER>\"; zle reset-prompt }}\n\
                     zle -N say; bindkey '^X^A' say\nbindkey -e '^U' kill-whole-line\nbindkey '^I' complete-word\n\
                     zmodload zsh/complist\nbindkey '^X^A' say\necho ready\n"
                ),
            );
            let folder = settings.parent().expect("a folder").display().to_string();
            let start = "exec zsh -d -i";
            let shell = world.cldkctl([""; 0]).under(["sh", "-c", start]);
            shell.env("ZDOTDIR", folder).env("TERM", "dumb").on_pty()
        }
        _ => return None,
    };
    session.expect("ready");
    Some(session)
}

/// What fish would offer after `line`.
fn ask_fish(world: &World, line: &str) -> Output {
    let script = "$argv[1] completion fish | source; complete -C $argv[2]";
    let fish = world
        .cldkctl([line])
        .under(["fish", "--no-config", "-c", script]);
    let output = fish.run().succeeded();
    assert_eq!(output.stderr, "", "{output}");
    output
}
