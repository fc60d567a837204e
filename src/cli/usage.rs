//! Wrong usage, explained without repeating what was typed.
//!
//! clap quotes the offending argument. A token or passphrase in the wrong place would end
//! up on the screen, in a log of stderr, or in a bug report.

use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::console::{Console, finish};
use super::report::Report;
use crate::cli::exit::Exit;
use crate::printable::acts_on_a_terminal;

/// Prints help, the version, or what is wrong with the arguments.
pub(super) fn explain(mut error: clap::Error) -> Exit {
    let exit = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Success,
        _ => Exit::Usage,
    };
    for kind in [
        ContextKind::InvalidSubcommand,
        ContextKind::InvalidValue,
        ContextKind::InvalidArg,
    ] {
        let Some(ContextValue::String(text)) = error.get(kind) else {
            continue;
        };
        if !is_known(kind, text) {
            error.insert(kind, ContextValue::String("[not shown]".to_owned()));
            // "… to pass '…' as a value, use '-- …'" quotes it a second time.
            error.remove(ContextKind::Suggested);
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

/// Whether it is a name of ours or looks like a mistyped flag, rather than a value.
fn is_known(kind: ContextKind, text: &str) -> bool {
    let is_flag = |text: &str| {
        text.strip_prefix("--").is_some_and(|name| {
            name.len() <= 20
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
        })
    };
    let is_placeholder = |text: &str| text.starts_with('<') || text.starts_with('[');
    let (first, rest) = text.split_once([' ', '=']).unwrap_or((text, "<"));
    kind == ContextKind::InvalidArg
        && !text.chars().any(acts_on_a_terminal)
        && (is_placeholder(text) || is_flag(first) && is_placeholder(rest))
}
