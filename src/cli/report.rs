//! The catalogue: for each error of the use cases its exit code, its sentence and its hint; and
//! the words of each notice and step.
//!
//! A sentence says what happened, and to which file or host. A hint has one thing to do next.
//! `STYLE.md` has the rules for both.

use std::path::Path;

use super::failure::Failure;
use crate::api::{self, CertificateProblem, Event, Kind, Unreachable};
use crate::app::{Error, IdentityKind, Input, MemoryError, Notice, Step, Task};
use crate::cli::exit::Exit;
use crate::files::StoreError;
use crate::prompt::PromptError;
use crate::prompt::identity::IdentityError;
use crate::prompt::passphrase::Weak;
use crate::prompt::source::SourceError;
use crate::vault::{ContentsError, KdfError, PluginError, SealError, stanza::StanzaError};

const LOG_IN: &str = "log in with `cldkctl auth`";
const NAME_IDENTITY: &str = "name one of its identities with --identity; if a passphrase opened it before, it was altered: put a backup in its place";
const NAME_CERTIFICATES: &str = "name a file with a certificate authority in PEM with --ca-cert";
const ALTERED: &str =
    "the same answer comes when the part of the file that holds its key was altered";

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::from(&error)
    }
}

impl From<&Error> for Failure {
    fn from(error: &Error) -> Self {
        use Exit::{Failure as Failed, Locked, NotLoggedIn, Usage, WrongPassphrase};
        let (exit, what, hint) = match error {
            Error::NoVault(path) => (
                NotLoggedIn,
                format!("not logged in: there is no vault at {}", path.display()),
                LOG_IN.to_owned(),
            ),
            Error::NoLogin(path) => (
                NotLoggedIn,
                format!("not logged in: the vault {} has no login in it", path.display()),
                LOG_IN.to_owned(),
            ),
            Error::NoCurrentContext(path) => (
                NotLoggedIn,
                format!("no context of the vault {} is the current one", path.display()),
                "choose one with `cldkctl context use`, or name it with --context".to_owned(),
            ),
            Error::NoContext(path, name) => (
                NotLoggedIn,
                format!("the vault {} has no context {name}", path.display()),
                "see `cldkctl context list`, or log in with `cldkctl auth --context`".to_owned(),
            ),
            Error::OtherAddress { context, verified_at, asked } => (
                NotLoggedIn,
                format!("the context {context} was verified at {verified_at}, and its token goes nowhere else, not to {asked}"),
                format!("log in there with `cldkctl auth --base-url {asked}`"),
            ),
            Error::OtherAddressThanVariable { verified_at, asked } => (
                NotLoggedIn,
                format!("the token in CLDKCTL_TOKEN is for {verified_at}, and goes nowhere else, not to {asked}"),
                "set CLDKCTL_BASE_URL to where the token was made for".to_owned(),
            ),
            Error::TokenVariable(why) => (
                Usage,
                format!("CLDKCTL_TOKEN cannot be used: {why}"),
                "set it to a whole token, or unset it to use the vault".to_owned(),
            ),
            Error::Locked(path, why) => (
                Locked,
                format!("the vault {} is locked, and {why}", path.display()),
                "run `cldkctl unlock` on a terminal, or hand the passphrase over with --passphrase-file or --passphrase-stdin, or an identity with --identity".to_owned(),
            ),
            Error::NeedsIdentity(path) | Error::NoPassphrase(path) => (
                if matches!(error, Error::NeedsIdentity(_)) { Locked } else { WrongPassphrase },
                format!("no passphrase opens the vault {}", path.display()),
                NAME_IDENTITY.to_owned(),
            ),
            Error::WrongKey(path) => (
                WrongPassphrase,
                format!("the passphrase or identity does not open the vault {}", path.display()),
                format!("try again; {ALTERED}"),
            ),
            Error::WrongCachedKey(path) => (
                WrongPassphrase,
                format!("the key that is held for the vault {} does not open it", path.display()),
                format!("forget it with `cldkctl lock`, and try again; {ALTERED}"),
            ),
            Error::Vault(path, error) => return unusable(path, error),
            Error::Unsaved(path, error) => return unsaved(path, error),
            Error::Busy(path) => (
                Failed,
                format!("another cldkctl has been changing the vault {} for 30 seconds", path.display()),
                "see what it waits for, end it, and try again; the vault is as it was".to_owned(),
            ),
            Error::Removed(path) => (
                NotLoggedIn,
                format!("the vault {} was removed meanwhile", path.display()),
                LOG_IN.to_owned(),
            ),
            Error::Store(error) => return store(error),
            Error::Kdf(error) => return kdf(error),
            Error::Prompt(error) => return prompt(error),
            Error::NothingTyped => (
                Usage,
                "no passphrase was typed".to_owned(),
                "try again".to_owned(),
            ),
            Error::Source(error) => return source(error),
            Error::EmptyPassphrase(Input::Stdin) => (
                Usage,
                "the passphrase in standard input is empty".to_owned(),
                "check what is piped in".to_owned(),
            ),
            Error::EmptyPassphrase(Input::File(path)) => (
                Usage,
                format!("the passphrase in {} is empty", path.display()),
                "it should hold the passphrase on one line, and nothing else".to_owned(),
            ),
            Error::Identity(path, kind, error) => return identity(path, *kind, error),
            Error::NoNewPassphrase { path, why, flags } => (
                Locked,
                format!("there is no new passphrase for the vault {}, and {why}", path.display()),
                format!("hand it over with {flags}; nothing was written"),
            ),
            Error::PassphraseLines => (
                Usage,
                "this passphrase has more than one line".to_owned(),
                "take one that can be typed at a prompt; nothing was written".to_owned(),
            ),
            Error::WeakPassphrase(weak) => return too_weak(weak),
            Error::Differ => (
                Usage,
                "the two passphrases differ".to_owned(),
                "start again; nothing was written".to_owned(),
            ),
            Error::NotKept(path, error) => (
                Failed,
                format!("the vault {} cannot be kept unlocked: {error}", path.display()),
                "give the passphrase to each command with --passphrase-file, or use an --identity".to_owned(),
            ),
            Error::Api(error) => return api(error),
            Error::AnswerTooLarge(api::Error::NotSensible { origin, fault }) => (
                Exit::Unreachable,
                format!("{origin} answered too much: {fault}"),
                "ask for less at a time, such as one page of it".to_owned(),
            ),
            Error::AnswerTooLarge(error) => return api(error),
            Error::CaFile(error) => (Usage, error.to_string(), NAME_CERTIFICATES.to_owned()),
            Error::CaRead(path, error) => (
                Usage,
                format!("cannot read {}: {error}", path.display()),
                NAME_CERTIFICATES.to_owned(),
            ),
            Error::CaTooLarge(path) => (
                Usage,
                format!("{} is larger than 4 MiB", path.display()),
                NAME_CERTIFICATES.to_owned(),
            ),
            Error::CaUnusable(path, why) => (
                Usage,
                format!("cannot use {}: {why}", path.display()),
                NAME_CERTIFICATES.to_owned(),
            ),
            Error::Random(error) => (
                Failed,
                format!("the system gives no random bytes: {error}"),
                "nothing was written; try again once the system has started up".to_owned(),
            ),
        };
        Self::new(exit, what).hint(hint)
    }
}

macro_rules! failures_from {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                Error::from(error).into()
            }
        }
    )*};
}

failures_from!(
    StoreError,
    KdfError,
    PromptError,
    SourceError,
    getrandom::Error,
    api::Error,
);

/// The vault cannot be read or opened.
fn unusable(path: &Path, error: &SealError) -> Failure {
    let path_shown = path.display();
    let bad = |hint: &str| {
        Failure::new(
            Exit::BadVault,
            format!("cannot open the vault {path_shown}: {error}"),
        )
        .hint(hint)
    };
    match error {
        SealError::NoMatch => Error::WrongKey(path.to_owned()).into(),
        SealError::Identity(_) => Failure::new(
            Exit::WrongPassphrase,
            format!("cannot open the vault {path_shown}: {error}"),
        )
        .hint("check the identity file that --identity names"),
        SealError::NewerAge
        | SealError::Stanza(StanzaError::Newer)
        | SealError::Contents(ContentsError::Newer(_)) => {
            bad("a newer cldkctl wrote it; install that version")
        }
        SealError::PerhapsNewer => bad(
            "try the passphrase again; if it is the right one, a newer cldkctl wrote the file: install that version",
        ),
        // The vault may be sound, so no advice is given that changes it.
        SealError::Plugin(plugin) => {
            let (exit, hint) = match plugin {
                PluginError::Missing(_) => (
                    Exit::Failure,
                    "install the plugin, or name another identity with --identity",
                ),
                PluginError::Failed { .. } => (
                    Exit::Failure,
                    "check the plugin and its device, or name another identity with --identity",
                ),
                PluginError::Refused(_) => (
                    Exit::WrongPassphrase,
                    "try again, or name another identity with --identity",
                ),
            };
            Failure::new(exit, format!("cannot open the vault {path_shown}: {error}")).hint(hint)
        }
        SealError::TooCostly { .. } => {
            bad("if you trust the file, raise the limit with --kdf-ceiling MEMORY[,PASSES[,LANES]]")
        }
        SealError::NotAge | SealError::Scrypt => {
            bad("it is no vault: check --vault, or move the file away and log in again")
        }
        // Of sealing alone.
        SealError::Recipient | SealError::Seal(_) | SealError::Mixed | SealError::TooMany => {
            unsaved(path, error)
        }
        SealError::Disagrees => bad(
            "it can be read but not saved, which would lock the passphrase out; put a backup in its place",
        ),
        SealError::Mac => bad(
            "put a backup in its place; if a plugin's identity was used, see first whether that opens a backup",
        ),
        SealError::LongHeader
        | SealError::ManyStanzas
        | SealError::Stanza(_)
        | SealError::Damaged(_)
        | SealError::Contents(_) => {
            bad("put a backup in its place, or move it away and log in again")
        }
    }
}

/// The vault cannot be sealed again, and is as it was.
fn unsaved(path: &Path, error: &SealError) -> Failure {
    let path = path.display();
    let (why, hint) = match error {
        SealError::Contents(ContentsError::Damaged(why)) => (
            format!("its contents could not be read again: {why}"),
            "make the change smaller, or take something out, as with `cldkctl auth logout`; ",
        ),
        SealError::Plugin(_) => (
            error.to_string(),
            "each save seals to every recipient: check the plugin and what it needs, or take its recipient out with `cldkctl vault recipients remove`; ",
        ),
        SealError::Mixed | SealError::TooMany => (error.to_string(), "leave a recipient out; "),
        _ => (error.to_string(), ""),
    };
    Failure::new(
        Exit::Failure,
        format!("cannot save the vault {path}: {why}"),
    )
    .hint(format!("{hint}the vault is as it was"))
}

fn store(error: &StoreError) -> Failure {
    let (exit, hint) = match error {
        StoreError::Io { .. } => (
            Exit::Failure,
            "the vault is as it was; check the disk and the permissions",
        ),
        StoreError::Unconfirmed {
            done: "removed", ..
        } => (
            Exit::Failure,
            "it is gone now; check the disk, and look again after the next start of the machine",
        ),
        StoreError::Unconfirmed { .. } => (
            Exit::Failure,
            "what was saved counts from now on; check the disk, and make a backup on another one",
        ),
        StoreError::NotOurs { .. } => (
            Exit::Failure,
            "use a vault of your own with --vault, or have its owner give it to you with chown",
        ),
        StoreError::Unmapped { .. } => (
            Exit::Failure,
            "keep the vault below your home folder, or run cldkctl where that user has an id",
        ),
        StoreError::OpenFolder { .. } => (
            Exit::Failure,
            "take their permission with `chmod go-w`, or use another folder with --vault",
        ),
        StoreError::Exists { .. } => (
            Exit::Failure,
            "take another name, or replace it with --force",
        ),
        StoreError::NotAFile { .. }
        | StoreError::NotAFileOrPipe { .. }
        | StoreError::TooLarge { .. } => (Exit::BadVault, "check --vault, or move it away"),
    };
    Failure::new(exit, error.to_string()).hint(hint)
}

fn kdf(error: &KdfError) -> Failure {
    Failure::new(Exit::Failure, error.to_string())
        .hint("free some memory, or open the vault on a machine that has more")
}

fn prompt(error: &PromptError) -> Failure {
    let exit = match error {
        PromptError::Ended | PromptError::TooLong | PromptError::Characters => Exit::Usage,
        PromptError::NoTerminal | PromptError::Forbidden | PromptError::Io(_) => Exit::Failure,
    };
    Failure::new(exit, error.to_string())
        .hint("type it again, or hand it over on standard input or in a file")
}

fn source(error: &SourceError) -> Failure {
    let exit = match error {
        // Nothing else will be tried, so the vault stays locked.
        SourceError::Io { .. } => Exit::Locked,
        SourceError::TooLong(_) | SourceError::NotText(_) | SourceError::NotAFile(_) => Exit::Usage,
    };
    Failure::new(exit, error.to_string())
        .hint("name a readable file or pipe that holds it and nothing else")
}

fn too_weak(weak: &Weak) -> Failure {
    let mut what = format!(
        "this passphrase is too easy to guess (strength {} of 4)",
        weak.score
    );
    if !weak.advice.is_empty() {
        what = format!("{what}. {}", weak.advice.trim_end_matches('.'));
    }
    Failure::new(Exit::Usage, what).hint(
        "take several words that do not belong together, answer with Enter alone to be given some, \
         or insist with --allow-weak-passphrase; nothing was written",
    )
}

fn identity(path: &Path, kind: IdentityKind, error: &IdentityError) -> Failure {
    let name = path.display();
    let (kind, check) = match kind {
        IdentityKind::Ssh => (
            "SSH key",
            "; `ssh-keygen -y -f` with the file tells whether it is the right one",
        ),
        IdentityKind::Age => ("identity file", ""),
    };
    match error {
        IdentityError::Unanswered(why) if why.is_silence() => Failure::new(
            Exit::Locked,
            format!("the {kind} {name} has a passphrase, and {why}"),
        )
        .hint("run this on a terminal and without --no-input, or name one without a passphrase with --identity"),
        IdentityError::Unanswered(why) => prompt(why),
        IdentityError::WrongPassphrase => Failure::new(
            Exit::WrongPassphrase,
            format!("wrong passphrase for the {kind} {name}"),
        )
        .hint(format!("try again with the passphrase of that {kind}, which is not the vault's{check}")),
        error => Failure::new(
            Exit::WrongPassphrase,
            format!("cannot use the identity file {name}: {error}"),
        )
        .hint("name an age identity file or an SSH private key with --identity"),
    }
}

fn api(error: &api::Error) -> Failure {
    let (exit, hint) = match error.kind() {
        Kind::Usage if matches!(error, api::Error::Proxy { .. }) => (
            Exit::Usage,
            "set it to an address such as http://proxy.example:3128, or unset it to go without",
        ),
        Kind::Unreachable if is_of_an_authority(error) => (
            Exit::Unreachable,
            "the server needs a certificate of its own, which the authority issues for it",
        ),
        Kind::Rejected => (
            Exit::NotLoggedIn,
            "make a new token in the portal (profile, API, Token) and log in with `cldkctl auth`",
        ),
        Kind::Unreachable => (
            Exit::Unreachable,
            "check the network, --base-url and the proxy variables; a private certificate authority goes with --ca-cert",
        ),
        Kind::NotSensible => (
            Exit::Unreachable,
            "check --base-url: this does not answer like the Cloudeka API",
        ),
        Kind::Status => (
            Exit::ApiError,
            "this says nothing about the token; try again later, and check --base-url",
        ),
        Kind::Usage => (Exit::Usage, "for more information, try '--help'"),
        Kind::Setup => (Exit::Failure, "nothing was sent"),
    };
    Failure::new(exit, error.to_string()).hint(hint)
}

/// Whether naming an authority would not help.
fn is_of_an_authority(error: &api::Error) -> bool {
    let problem = Unreachable::Certificate(CertificateProblem::OfAnAuthority);
    matches!(error, api::Error::Unreachable { reason, .. } if *reason == problem)
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Left out with `-q`.
    Note,
    /// Something that the user should change.
    Warning,
}

/// The words of a notice.
#[must_use]
pub fn notice(notice: &Notice<'_>) -> (Level, String) {
    let warning = |text: String| (Level::Warning, text);
    match notice {
        Notice::WaitingForLock(path) => (
            Level::Note,
            format!("Waiting for another cldkctl that is changing {} …", path.display()),
        ),
        Notice::Rekeyed => warning(
            "the passphrase or the cost of the vault was changed since it was unlocked, so it is locked again".to_owned(),
        ),
        Notice::StaysLocked(error) => warning(format!("the vault stays locked: {error}")),
        Notice::MayStayUnlocked(error) => warning(format!("the vault may still be unlocked: {error}")),
        Notice::SharedByLogins => (
            Level::Note,
            "All your logins on this machine share the unlocked vault: they cannot be told apart here".to_owned(),
        ),
        Notice::OlderCopy { path, revision, seen } => warning(format!(
            "the vault {} {}: revision {revision}, where {seen} was seen before; \
             if you put it back yourself, say so with `cldkctl vault verify --accept-older`; \
             if not, `cldkctl vault recipients list` shows who can open it",
            path.display(), older(*revision, *seen)
        )),
        Notice::RollbackUnknown(error) => warning(format!(
            "an older copy of the vault would not be noticed: {error}; {}",
            match error {
                MemoryError::NotSafe(_) => {
                    "take their permission with `chmod go-w`, or set XDG_STATE_HOME to a folder of your own"
                }
                _ => {
                    "make it readable, or start anew from the vault that is there with `cldkctl vault verify --accept-older`"
                }
            }
        )),
        Notice::OthersCanRead(path) => warning(format!(
            "other users can read {}; take that from them with `chmod 600`", path.display()
        )),
        Notice::OthersCanChange(path) => warning(format!(
            "other users can change {}, and so whom to trust; take that from them with `chmod go-w`", path.display()
        )),
        Notice::SessionNotSaved(error) => warning(format!(
            "trouble with keeping the new session: {}", Failure::from(*error).what
        )),
        Notice::ContextIgnored(name) => warning(format!(
            "CLDKCTL_TOKEN is set, so the context {name} is not used; unset it to use the vault"
        )),
        Notice::TooLongForArgon2 => warning(
            "the plain argon2 command takes no passphrase of more than 127 bytes, so it will not help to recover this vault".to_owned(),
        ),
    }
}

/// What to say of a vault that is older than one that was seen.
#[must_use]
pub fn older(revision: u64, seen: u64) -> &'static str {
    if revision < seen {
        "is an older copy"
    } else {
        "was saved from an older copy"
    }
}

/// The words of a step, for `-v`.
#[must_use]
pub fn step(step: &Step<'_>) -> String {
    match step {
        Step::Deriving(cost) => format!("deriving the vault key with Argon2id: {cost}"),
        Step::Saved { path, revision } => format!("saved {}, revision {revision}", path.display()),
        Step::RevisionNotNoted(error) => format!("the revision is not remembered: {error}"),
        Step::Wire(Event::Sending {
            method,
            url,
            attempt,
        }) => {
            format!("{method} {url} (attempt {attempt})")
        }
        Step::Wire(Event::Answered { status }) => format!("HTTP {status}"),
        Step::Wire(Event::Waiting { pause, because }) => {
            format!("{because}; trying again in {:.1} s", pause.as_secs_f32())
        }
    }
}

/// What is shown while something takes its time.
#[must_use]
pub fn task(task: Task) -> &'static str {
    match task {
        Task::Derive => "Deriving the vault key…",
        Task::Verify => "Verifying the token…",
        Task::Renew => "Asking for a new session…",
        Task::Check => "Asking the API…",
        Task::Call => "Waiting for the API…",
        Task::Measure => "Measuring this machine…",
    }
}
