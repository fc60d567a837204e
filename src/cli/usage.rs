//! Wrong usage, explained without repeating what could be a secret.
//!
//! clap quotes the offending argument. A token or passphrase in the wrong place would end
//! up on the screen, in a log of stderr, or in a bug report. So a word is repeated only if it is
//! [harmless], and stands where nobody would type a secret.
//!
//! [harmless]: crate::secret::is_harmless

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::command_names::near_below;
use super::console::{Console, finish};
use super::report::Report;
use crate::app::similar;
use crate::cli::exit::Exit;
use crate::platform;
use crate::secret::is_harmless;

/// The commands that are about a secret: who types one as an argument types it behind these.
const ABOUT_A_SECRET: [&[&str]; 6] = [
    &["auth"],
    &["auth", "login"],
    &["auth", "token"],
    &["unlock"],
    &["vault", "passphrase"],
    &["credential", "add"],
];

/// Prints help, the version, or what is wrong with the arguments.
pub(super) fn explain(mut error: clap::Error) -> Exit {
    // Nothing reads them any more, and nobody has found out which of them is a secret.
    platform::hide_arguments();
    let exit = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Success,
        _ => Exit::Usage,
    };
    drop_bad_advice(&mut error);
    for kind in [
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidValue,
        ContextKind::InvalidArg,
    ] {
        let Some(ContextValue::String(text)) = error.get(kind) else {
            continue;
        };
        let text = text.clone();
        if is_secret(&error, kind, &text) {
            error.insert(kind, ContextValue::String("[not shown]".to_owned()));
            // "… to pass '…' as a value, use '-- …'" quotes it a second time.
            error.remove(ContextKind::Suggested);
        }
        if let Some(tip) = tip(&error, kind, &text) {
            let tips = ContextValue::StyledStrs(vec![StyledStr::from(tip)]);
            error.insert(ContextKind::Suggested, tips);
        }
    }
    // What is written to a closed stdout counts as written for the standard library.
    let printed = match exit {
        Exit::Success => rustix::io::write(rustix::stdio::stdout(), b"")
            .map_err(Into::into)
            .and_then(|_| error.print()),
        _ => error.print(),
    };
    match finish(printed) {
        Err(error) if exit == Exit::Success => {
            let report = Report::from(&error);
            Console::default().report(&report);
            report.exit
        }
        // There is nobody to tell when stderr is gone.
        _ => exit,
    }
}

/// Whether what clap would quote could be a secret.
fn is_secret(error: &clap::Error, kind: ContextKind, text: &str) -> bool {
    match (kind, error.kind()) {
        // A word as it was typed: of all other errors, this is the argument's definition.
        (ContextKind::InvalidArg, ErrorKind::UnknownArgument) => {
            let first = text.split([' ', '=']).next().unwrap_or(text);
            // `-p`, of which the rest of a word may have been cut off; `--idle`.
            let is_flag =
                text.chars().count() == 2 || first.starts_with("--") && first.len() == text.len();
            if text.starts_with('-') && is_flag {
                return !is_harmless(first);
            }
            let command = command(error);
            command.is_none_or(|command| ABOUT_A_SECRET.iter().any(|it| command == *it))
                || !is_harmless(text)
        }
        (ContextKind::InvalidArg, _) => false,
        // `--passphrase-stdin=…`: behind a flag that takes no value, somebody puts the secret.
        (ContextKind::InvalidValue, ErrorKind::TooManyValues) => true,
        _ => !is_harmless(text),
    }
}

/// Drops advice of clap that leads nowhere: a flag or a command that is not like the one that
/// was typed, and to pass a flag as a value, which could only be taken for a token or a name.
fn drop_bad_advice(error: &mut clap::Error) {
    if let Some(ContextValue::StyledStrs(tips)) = error.get(ContextKind::Suggested)
        && command(error).is_none_or(|command| command != ["exec"])
        && tips
            .iter()
            .any(|tip| tip.to_string().starts_with("to pass "))
    {
        error.remove(ContextKind::Suggested);
    }
    for (typed, suggested) in [
        (ContextKind::InvalidArg, ContextKind::SuggestedArg),
        (
            ContextKind::InvalidSubcommand,
            ContextKind::SuggestedSubcommand,
        ),
    ] {
        let Some(ContextValue::String(text)) = error.get(typed) else {
            continue;
        };
        let near = |names: &[String]| -> Vec<String> {
            let names = names.iter().filter(|name| is_near(text, name));
            names.cloned().collect()
        };
        let near = match error.get(suggested) {
            Some(ContextValue::String(name)) => near(std::slice::from_ref(name)),
            Some(ContextValue::Strings(names)) => near(names),
            _ => continue,
        };
        error.remove(suggested);
        if !near.is_empty() {
            error.insert(suggested, ContextValue::Strings(near));
        }
    }
}

/// Whether a flag or a command was perhaps meant by what was typed: `--passphrase-file` by
/// `--password`.
fn is_near(typed: &str, name: &str) -> bool {
    const BEGINNING: usize = 4;
    let bare = |text: &str| text.trim_start_matches('-').to_owned();
    let (typed, name) = (bare(typed), bare(name));
    let beginning: String = typed.chars().take(BEGINNING).collect();
    similar(&typed, [&*name]).is_some()
        || beginning.chars().count() == BEGINNING && name.starts_with(&beginning)
}

/// What to do about it, where clap itself has no advice.
fn tip(error: &clap::Error, kind: ContextKind, text: &str) -> Option<String> {
    match kind {
        ContextKind::InvalidArg if !text.starts_with('-') && command(error)? == ["exec"] => {
            let program = if is_harmless(text) { text } else { "CMD" };
            Some(format!(
                "write `--` in front of the command to run: `cldkctl exec -- {program} …`"
            ))
        }
        ContextKind::InvalidSubcommand
            if command(error)?.is_empty()
                && error.get(ContextKind::SuggestedSubcommand).is_none() =>
        {
            Some(format!("there is `cldkctl {}`", near_below(text)?))
        }
        _ => None,
    }
}

/// The words of the command that was used wrongly, as clap understood it.
fn command(error: &clap::Error) -> Option<Vec<String>> {
    let ContextValue::StyledStr(usage) = error.get(ContextKind::Usage)? else {
        return None;
    };
    let usage = usage.to_string();
    let words = usage
        .split_whitespace()
        .skip_while(|word| *word != "cldkctl")
        .skip(1);
    let is_name = |word: &&str| word.starts_with(|c: char| c.is_ascii_lowercase());
    Some(words.take_while(is_name).map(ToOwned::to_owned).collect())
}
