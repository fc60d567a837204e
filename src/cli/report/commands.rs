//! The commands that have few errors of their own.

use super::{Report, secrets};
use crate::app::LoginError;
use crate::cli::error::{AuthError, CostError, ExecError, LockError, OutputError, SettingsError};
use crate::cli::exit::Exit;
use crate::cli::mistake::Kind;
use crate::secret::{Pasted, TokenError, shown, shown_path, shown_program};

const LOG_IN: &str = "log in with `cldkctl auth`";
const SEE_HELP: &str = "for more information, try '--help'";

/// There is no login to use.
pub(super) fn login(error: &LoginError) -> Report {
    let (exit, what, hint) = match error {
        LoginError::NoVault(path) => (
            Exit::NotLoggedIn,
            format!("not logged in: there is no vault at {}", shown_path(path)),
            LOG_IN.to_owned(),
        ),
        LoginError::NoNamedVault(path) => (
            Exit::NotLoggedIn,
            format!("not logged in: there is no vault at {}", shown_path(path)),
            "check the path (--vault, CLDKCTL_VAULT or config.toml), which must be that of a file"
                .to_owned(),
        ),
        LoginError::Removed(path) => (
            Exit::NotLoggedIn,
            format!("another command removed the vault {}", path.display()),
            LOG_IN.to_owned(),
        ),
        LoginError::Empty(path) => (
            Exit::NotLoggedIn,
            format!(
                "not logged in: the vault {} has no login in it",
                path.display()
            ),
            LOG_IN.to_owned(),
        ),
        LoginError::NoCurrent(path) => (
            Exit::NotLoggedIn,
            format!("the vault {} has no current context", path.display()),
            "choose one with `cldkctl context use`, or name it with --context".to_owned(),
        ),
        LoginError::NoContext(path, name, like) => (
            Exit::NotLoggedIn,
            format!(
                "the vault {} has no context {}",
                path.display(),
                shown(name.as_str())
            ),
            match like {
                Some(like) => format!("did you mean {like}? `cldkctl context list` shows all"),
                None => "see `cldkctl context list`".to_owned(),
            },
        ),
        LoginError::OtherAddress {
            context,
            verified_at,
            asked,
        } => (
            Exit::NotLoggedIn,
            format!(
                "the token of context {context} was verified at {verified_at} and is not sent to {asked}"
            ),
            format!("log in there with `cldkctl auth --base-url {asked}`"),
        ),
        LoginError::OtherAddressThanVariable { verified_at, asked } => (
            Exit::NotLoggedIn,
            format!("the token in CLDKCTL_TOKEN is for {verified_at} and is not sent to {asked}"),
            "set CLDKCTL_BASE_URL to the address that the token was made for".to_owned(),
        ),
        LoginError::Variable(why) => (
            Exit::Usage,
            format!("CLDKCTL_TOKEN cannot be used: {why}"),
            format!("set it to {}, or unset it to use the vault", alone(*why)),
        ),
    };
    Report::new(exit, what).hint(hint)
}

pub(super) fn auth(error: &AuthError) -> Report {
    match error {
        AuthError::FlagsBeforeCommand => Report::new(
            Exit::Usage,
            "a token and the flags of a login cannot be combined with a sub-command of auth",
        )
        .hint(SEE_HELP),
        AuthError::NoToken(why) => {
            Report::new(Exit::Usage, format!("no token was given, and {why}"))
                .hint("supply it with --token-stdin")
        }
        AuthError::TokenUnread(error) => Report {
            exit: Exit::Usage,
            ..secrets::source(error)
        }
        .hint("pipe the token in, and nothing else"),
        AuthError::NotAToken(why @ (TokenError::Pasted(_) | TokenError::Unseen(_))) => {
            Report::new(Exit::Usage, format!("this is not a token: {why}"))
                .hint(format!("give {}; nothing was sent or written", alone(*why)))
        }
        AuthError::NotAToken(why) => Report::new(Exit::Usage, format!("this is not a token: {why}"))
            .hint("copy the whole token from the portal (profile, API, Token); nothing was sent or written"),
        AuthError::NoSuchCommand(place) => {
            Report::new(Exit::Usage, "there is no such sub-command of auth").hint(match place {
                Some(place) => format!("there is `cldkctl {place}`"),
                None => "`cldkctl auth` itself logs in, and `cldkctl context list` shows the logins"
                    .to_owned(),
            })
        }
        AuthError::NothingToRenew => Report::new(
            Exit::Usage,
            "CLDKCTL_TOKEN is set, and no session is stored for its token",
        )
        .hint("unset it to renew the session of the vault, or print a new one with `cldkctl auth token --session`"),
        AuthError::Misspelt(name) => {
            Report::new(Exit::Usage, "this looks like a mistyped command, so it was not sent as a token")
                .hint(format!("did you mean `cldkctl auth {name}`?"))
        }
        AuthError::RecipientOfExisting(path) => Report::new(
            Exit::Usage,
            format!(
                "--recipient is for a new vault, and {} exists already",
                path.display()
            ),
        )
        .hint("add it with `cldkctl vault recipients add`, and log in without --recipient"),
        AuthError::MadeMeanwhile(path) => Report::new(
            Exit::Failure,
            format!("another login created the vault {} first", path.display()),
        )
        .hint("run `cldkctl auth` again to log in to that vault"),
        AuthError::MadeMeanwhileWithAnother(path) => Report::new(
            Exit::WrongPassphrase,
            format!(
                "another login created the vault {} first, with another passphrase",
                path.display()
            ),
        )
        .hint("run `cldkctl auth` again with that passphrase"),
    }
}

/// What to give in place of what is not a token.
pub(super) fn alone(why: TokenError) -> &'static str {
    let around = match why {
        TokenError::Pasted(around) => around,
        TokenError::Unseen(_) => return "the token without that character",
        _ => return "a whole token",
    };
    match around {
        Pasted::Quotes => "what is inside the quotes or brackets",
        Pasted::Named => "what follows the name and its = or :, without quotes",
        Pasted::Json => "the text of the token's field, without quotes",
        Pasted::Scheme => "what follows that word",
        Pasted::Header => "the token in the header, without the header's name",
        Pasted::Command | Pasted::Address => "the token alone",
        Pasted::Variable => "the value of the variable",
        Pasted::PrivateKey | Pasted::PublicKey | Pasted::Pem | Pasted::Placeholder => {
            "a token from the portal (profile, API, Token)"
        }
        Pasted::Mask | Pasted::CutShort => "the whole token, as it was before it was shown so",
        Pasted::MarkBehind => "the token without it",
    }
}

pub(super) fn cost(error: &CostError) -> Report {
    let (what, hint) = match error {
        CostError::TooCheap(cost) => (
            format!("a vault with a key derivation of {cost} would be too easy to break"),
            "use at least 19MiB with 2 passes, or 46MiB with 1, and 8 KiB for each lane",
        ),
        CostError::TooCostly(cost, most) => (
            format!(
                "a vault with a key derivation of {cost} could not be opened again: at most {most} is allowed"
            ),
            "use less, or raise the limit with --kdf-ceiling here and whenever the vault is opened",
        ),
        CostError::TooLittleMemory => (
            "with so little memory the vault would be too easy to break".to_owned(),
            "use at least 19MiB",
        ),
        CostError::TooMuchMemory => (
            "so much memory is above the ceiling".to_owned(),
            "use less, or raise the limit with --kdf-ceiling here and whenever the vault is opened",
        ),
    };
    Report::new(Exit::Usage, what).hint(hint)
}

pub(super) fn lock(error: &LockError) -> Report {
    match error {
        LockError::Agent(why) => Report::new(Exit::Failure, why.clone())
            .hint("run `cldkctl unlock --keeper agent` to see whether it starts"),
        LockError::StillUnlocked(path, error) => Report::new(
            Exit::Failure,
            format!("the vault {} may still be unlocked: {error}", path.display()),
        )
        .hint("end the process `cldkctl __agent`; a key in the kernel keyring expires when `cldkctl auth status` says"),
        LockError::IdentityNotKept => {
            Report::new(Exit::Usage, "only the key of a passphrase is kept between commands, not an identity")
                .hint("use --identity with each command")
        }
        LockError::LoginsNotTold(path) => Report::new(
            Exit::Failure,
            format!(
                "the vault {} cannot be unlocked for this login alone: nothing here tells your logins apart",
                path.display()
            ),
        )
        .hint("unlock it for all your logins with --scope user"),
    }
}

pub(super) fn exec(error: &ExecError) -> Report {
    let (exit, program, error) = match error {
        ExecError::NotFound(program, error) => (Exit::CommandNotFound, program, error),
        ExecError::NotRun(program, error) => (Exit::CommandNotRun, program, error),
        ExecError::Project => {
            return Report::new(
                Exit::Failure,
                "the default project has a zero byte in it, which no variable can hold",
            )
            .hint("name the project with --default-project");
        }
    };
    let program = shown_program(program);
    Report::new(exit, format!("cannot run {program}: {error}")).hint("check its name and PATH")
}

pub(super) fn declined() -> Report {
    Report::new(Exit::Failure, "nothing was removed").hint("answer y to remove it, or add --yes")
}

pub(super) fn context_exists(name: &str) -> Report {
    Report::new(Exit::Failure, format!("the context {name} exists already"))
        .hint("choose another name, or rename or log out of that context first")
}

pub(super) fn output(error: &OutputError) -> Report {
    match error {
        OutputError::Io(error) => Report::new(
            Exit::Failure,
            format!("cannot write to standard output: {error}"),
        )
        .hint("check where the output goes"),
        OutputError::Form(form, error) => Report::new(
            Exit::Failure,
            format!(
                "cannot write this as {}: {error}",
                format!("{form:?}").to_lowercase()
            ),
        )
        .hint("choose another form with --output"),
    }
}

pub(super) fn settings(error: &SettingsError) -> Report {
    let file = |path: &std::path::Path| format!("cannot use the settings in {}", path.display());
    match error {
        SettingsError::Value { name, why } => {
            Report::new(Exit::Usage, format!("{name} cannot be used: {why}")).hint(SEE_HELP)
        }
        SettingsError::NotText(name) => Report::new(
            Exit::Usage,
            format!("{name} cannot be used: it is not UTF-8 text"),
        )
        .hint("set it again, or unset it"),
        SettingsError::Unreadable(path, error) => {
            Report::new(Exit::Failure, format!("{}: {error}", file(path)))
                .hint("check the file and its permissions")
        }
        SettingsError::NotSafe(path, why) => Report::new(
            Exit::Usage,
            format!("{}: {why}", file(path)),
        )
        .hint("make the file and its folder yours alone with `chown` and `chmod go-w`, or name others with XDG_CONFIG_HOME"),
        SettingsError::NotSettings(path) => {
            Report::new(Exit::Usage, format!("{}: not a settings file", file(path)))
                .hint("move it away")
        }
        SettingsError::NotUtf8(path) => {
            Report::new(Exit::Usage, format!("{}: it is not UTF-8 text", file(path)))
                .hint("write it again as UTF-8")
        }
        SettingsError::Line(path, mistake) => {
            let what = format!("{}: {}", file(path), mistake);
            Report::new(Exit::Usage, what).hint(of_mistake(&mistake.kind))
        }
    }
}

fn of_mistake(kind: &Kind) -> &'static str {
    match kind {
        Kind::Syntax => {
            "write it as `key = \"value\"`, a number without quotes, or a table as `[name]`"
        }
        Kind::Twice => "remove one of them",
        Kind::UnknownKey { .. } => {
            "the keys are the long names of flags; secrets have no place there"
        }
        Kind::Value { .. } | Kind::Unfit { .. } => "change the value, or remove the line",
    }
}
