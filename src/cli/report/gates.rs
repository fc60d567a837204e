//! Credentials of other services, and the helpers.

use super::{Report, secrets};
use crate::app::gate::{ConfigFault, GateError, GitFault};
use crate::cli::exit::Exit;

const LIST: &str = "`cldkctl credential list` shows what is stored";

pub(super) fn gate(error: &GateError) -> Report {
    match error {
        GateError::Config(path, fault) => config(path, fault),
        GateError::Stranger(_)
        | GateError::NoFolder
        | GateError::NoHome
        | GateError::Link(..)
        | GateError::NoGit(_)
        | GateError::GitRefused(_)
        | GateError::NothingNamed(_) => install(error),
        GateError::NotFound(..)
        | GateError::Several(..)
        | GateError::NoneOf(_)
        | GateError::SeveralPlaces(_)
        | GateError::Exists(_)
        | GateError::Expired(_) => found(error),
        error => supplied(error),
    }
}

/// What is in the vault, or not.
fn found(error: &GateError) -> Report {
    let (exit, what, hint) = match error {
        GateError::NotFound(kind, place) => (
            Exit::Failure,
            format!("the vault has no {kind} credential for {place}"),
            LIST,
        ),
        GateError::Several(kind, place) => (
            Exit::Usage,
            format!("the vault has {kind} credentials of several users for {place}"),
            "name one of them with --username; `cldkctl credential list` shows them",
        ),
        GateError::NoneOf(kind) => (
            Exit::Failure,
            format!("the vault has no {kind} credential"),
            "add one with `cldkctl credential add`",
        ),
        GateError::SeveralPlaces(kind) => (
            Exit::Usage,
            format!("the vault has several {kind} credentials"),
            "name one with --endpoint or --username; `cldkctl credential list` shows them",
        ),
        GateError::Exists(name) => (
            Exit::Failure,
            format!("the vault has another secret for {name}"),
            "replace it with --force, or remove it first",
        ),
        GateError::Expired(name) => (
            Exit::Failure,
            format!("the credential {name} has expired"),
            "add the new one with `cldkctl credential add --force`",
        ),
        _ => unreachable!("it is told from the others above"),
    };
    Report::new(exit, what).hint(hint)
}

/// What was typed or supplied.
fn supplied(error: &GateError) -> Report {
    let (what, hint) = match error {
        GateError::Place(why) => (
            format!("this is not a place that a credential can belong to: {why}"),
            "give a host, such as registry.example:5000, or a URL, such as https://git.example",
        ),
        GateError::Kind => (
            "there is no such kind of credential".to_owned(),
            "choose docker, git, kube or aws",
        ),
        GateError::NoUsername(kind) => (
            format!("credentials of the kind {kind} have a user name"),
            "name it with --username; an AWS access key has its id there",
        ),
        GateError::Username => {
            let what = "the user name is longer than 2,048 characters or has a control character";
            (what.to_owned(), "give the user name alone")
        }
        GateError::SecretTooLong => (
            "the secret is longer than 1 MiB".to_owned(),
            "pipe in the secret and nothing else",
        ),
        GateError::SecretNotText => (
            "the secret is not UTF-8 text".to_owned(),
            "encode it, such as with base64, if the program that reads it takes that",
        ),
        GateError::SecretNotCarried(kind) => (
            format!("the secret has a line end or a zero byte, which {kind} cannot be given"),
            "store the secret alone, on one line",
        ),
        GateError::NoSecondSecret => (
            "there is no session token on the second line of standard input".to_owned(),
            "pipe in two lines: the secret and the session token",
        ),
        GateError::Expires(why) => (
            format!("--expires cannot be used: {why}"),
            "give a date, such as 2027-01-31, or a time from now, such as 720h",
        ),
        GateError::Stdin(error) => {
            return Report::new(
                Exit::Failure,
                format!("cannot read standard input: {error}"),
            )
            .hint("check what is piped in; nothing was changed");
        }
        GateError::NoSecret(why) if why.is_silence() => (
            format!("no secret was given, and {why}"),
            "supply it with --secret-stdin",
        ),
        GateError::NoSecret(why) => return secrets::prompt(why),
        GateError::Git(fault) => return asked(*fault),
        _ => unreachable!("it is told from these above"),
    };
    Report::new(Exit::Usage, what).hint(hint)
}

fn asked(fault: GitFault) -> Report {
    let why = match fault {
        GitFault::Controls => {
            "it has a zero byte or a carriage return, which could be another line"
        }
        GitFault::NotText => "it is not UTF-8 text",
        GitFault::Line => "a line of it is not of the form name=value",
        GitFault::Missing => "it names no protocol or no host",
        GitFault::Url => "its URL is not one",
        GitFault::TooLong => "it is larger than any credential",
    };
    Report::new(Exit::Failure, format!("refused what git asks: {why}"))
        .hint("check the URL of the remote with `git remote -v`")
}

fn config(path: &std::path::Path, fault: &ConfigFault) -> Report {
    let path = path.display();
    let (why, hint) = match fault {
        ConfigFault::Store(error) => (error.to_string(), "check the file and its folder"),
        ConfigFault::NotOurs(owner) => (
            format!("it belongs to user id {owner}, not to you"),
            "have its owner run `chown`, or name a folder of your own with DOCKER_CONFIG",
        ),
        ConfigFault::ReadOnly => (
            "it is read-only".to_owned(),
            "allow it with `chmod u+w`, or set credHelpers where the file is made",
        ),
        ConfigFault::NotJson(why) => (why.clone(), "mend the file, or move it away"),
        ConfigFault::Shape(why) => ((*why).to_owned(), "mend the file, or move it away"),
        ConfigFault::Twice(name) => (
            format!("it has {name} twice"),
            "remove one of them from the file",
        ),
        ConfigFault::TooLarge => (
            "it is larger than 16 MiB".to_owned(),
            "check that it is the settings of docker",
        ),
    };
    Report::new(Exit::Failure, format!("cannot change {path}: {why}"))
        .hint(format!("{hint}; it is unchanged"))
}

fn install(error: &GateError) -> Report {
    let (exit, what, hint) = match error {
        GateError::NothingNamed(flag) => (
            Exit::Usage,
            "no host was named".to_owned(),
            format!("name one with {flag}, or choose all with --all"),
        ),
        GateError::Stranger(path) => (
            Exit::Failure,
            format!("{} is another program, and is not replaced", path.display()),
            "move it away, or put a folder with the link before it on the PATH".to_owned(),
        ),
        GateError::NoFolder => (
            Exit::Failure,
            "there is no folder on the PATH that the link docker-credential-cldkctl could go to"
                .to_owned(),
            "put ~/.local/bin on the PATH and try again".to_owned(),
        ),
        GateError::NoHome => (
            Exit::Failure,
            "cannot tell where your home folder is, and with it the settings of docker".to_owned(),
            "set HOME or DOCKER_CONFIG".to_owned(),
        ),
        GateError::Link(path, error) => (
            Exit::Failure,
            format!("cannot change the link {}: {error}", path.display()),
            "check the folder and its permissions".to_owned(),
        ),
        GateError::NoGit(error) => (
            Exit::Failure,
            format!("cannot run git: {error}"),
            "install git, or check the PATH".to_owned(),
        ),
        GateError::GitRefused(said) => (
            Exit::Failure,
            format!("git does not change its settings: {said}"),
            "check `git config --global --list`".to_owned(),
        ),
        _ => unreachable!("it is told from the others above"),
    };
    Report::new(exit, what).hint(hint)
}
