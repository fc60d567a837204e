//! The words of every error, to the letter: `tests/it/snapshots/errors.txt`.

use std::io;
use std::path::PathBuf;

use snapbox::data::DataFormat;
use snapbox::{Assert, Data};

use super::Report;
use crate::api::{self, CertificateProblem, Fault, RequestError, RootsError, Unreachable};
use crate::app::gate::{ConfigFault, GateError, GitFault, PlaceError};
use crate::app::{
    CertificatesError, Error as AppError, IdentityKind, Input, KeyError, LoginError, MemoryError,
    NewPassphraseError,
};
use crate::base_url::{BaseUrl, PathError};
use crate::cli::error::{
    AuthError, BackupError, CallError, CostError, Error, ExecError, LockError, OutputError,
    RecipientError, RecoveryKeyError, RestoreError, SettingsError, Shown, VaultError,
};
use crate::cli::format::Format;
use crate::cli::mistake::{Kind, Mistake};
use crate::files::StoreError;
use crate::keeper::{KeeperError, KeepersError};
use crate::prompt::PromptError;
use crate::prompt::identity::IdentityError;
use crate::prompt::passphrase::{Flaw, Weak};
use crate::prompt::source::SourceError;
use crate::secret::{Pasted, TokenError};
use crate::vault::stanza::StanzaError;
use crate::vault::{
    Ceiling, Change, Class, ContentsError, Cost, KdfError, PluginError, PublicRecipientError,
    SealError,
};

fn vault() -> PathBuf {
    PathBuf::from("/home/sari/vault.age")
}

fn file() -> PathBuf {
    PathBuf::from("/home/sari/file")
}

fn denied() -> io::Error {
    io::Error::from_raw_os_error(13)
}

fn store() -> StoreError {
    StoreError::Io {
        action: "write",
        path: vault(),
        source: denied(),
    }
}

fn keepers() -> KeepersError {
    KeepersError(vec![
        KeeperError::NoKeyring("Function not implemented".to_owned()),
        KeeperError::Silent("/run/user/1000/cldkctl/agent.sock".into(), denied()),
    ])
}

fn noon() -> jiff::Timestamp {
    "2026-01-01T12:00:00Z".parse().expect("a time")
}

fn context() -> crate::vault::ContextName {
    "work".parse().expect("a name")
}

fn other_address() -> Box<BaseUrl> {
    Box::new("https://other.example".parse().expect("a URL"))
}

/// One of each kind, and of each that has words of its own below it.
fn errors() -> Vec<Error> {
    let mut all = Vec::new();
    let mut app = |errors: Vec<AppError>| {
        all.extend(errors.into_iter().map(|error| Error::App(Box::new(error))));
    };
    app(logins().into_iter().map(Into::into).collect());
    app(keys()
        .into_iter()
        .chain(identities())
        .map(Into::into)
        .collect());
    app(new_passphrases().into_iter().map(Into::into).collect());
    app(seals().map(|error| AppError::Vault(vault(), error)).into());
    app(unsaved().map(|e| AppError::Unsaved(vault(), e)).into());
    app(stores().into_iter().map(Into::into).collect());
    app(apis().into_iter().map(Into::into).collect());
    app(others());
    all.extend(settings().into_iter().map(Into::into));
    all.extend(logging_in().into_iter().map(Into::into));
    all.extend(calls().into_iter().map(Into::into));
    all.extend(recipients().into_iter().map(Into::into));
    all.extend(backups());
    all.extend(changes());
    all.extend(gates());
    all
}

fn logins() -> Vec<LoginError> {
    vec![
        LoginError::NoVault(vault()),
        LoginError::NoNamedVault(vault()),
        LoginError::Removed(vault()),
        LoginError::Empty(vault()),
        LoginError::NoCurrent(vault()),
        LoginError::NoContext(vault(), context(), None),
        LoginError::NoContext(vault(), "wrok".parse().expect("a name"), Some(context())),
        LoginError::OtherAddress {
            context: context(),
            verified_at: Box::default(),
            asked: other_address(),
        },
        LoginError::OtherAddressThanVariable {
            verified_at: Box::default(),
            asked: other_address(),
        },
        LoginError::Variable(TokenError::Empty),
        LoginError::Variable(Pasted::Quotes.into()),
    ]
}

fn keys() -> Vec<KeyError> {
    vec![
        KeyError::Locked(vault(), PromptError::NoTerminal),
        KeyError::Locked(vault(), PromptError::Forbidden),
        KeyError::NeedsPassphrase(vault(), PromptError::NoTerminal),
        KeyError::NeedsPassphrase(vault(), PromptError::Forbidden),
        KeyError::Locked(vault(), PromptError::Background),
        KeyError::NeedsIdentity(vault()),
        KeyError::NoPassphrase(vault()),
        KeyError::Wrong(vault()),
        KeyError::Flawed {
            vault: vault(),
            input: Input::File(file()),
            flaw: Flaw::ByteOrderMark,
        },
        KeyError::Flawed {
            vault: vault(),
            input: Input::Stdin,
            flaw: Flaw::Blanks,
        },
        KeyError::WrongCached(vault()),
        KeyError::NothingTyped,
        KeyError::Empty(Input::Stdin),
        KeyError::Empty(Input::File(file())),
        KeyError::Identity(
            file(),
            IdentityKind::Ssh,
            IdentityError::Unanswered(PromptError::NoTerminal),
        ),
        KeyError::Identity(file(), IdentityKind::Ssh, IdentityError::WrongPassphrase),
        KeyError::Identity(file(), IdentityKind::Age, IdentityError::WrongPassphrase),
        KeyError::Identity(file(), IdentityKind::Age, IdentityError::NoIdentity),
        KeyError::Misfit {
            vault: vault(),
            file: file(),
            public: vec!["an identity of age-plugin-yubikey".to_owned()],
        },
        KeyError::Misfit {
            vault: vault(),
            file: file(),
            public: ["age1a", "age1b", "age1c", "age1d"]
                .map(String::from)
                .into(),
        },
    ]
}

fn identities() -> impl Iterator<Item = KeyError> {
    [
        IdentityError::NotText,
        IdentityError::Utf16,
        IdentityError::SshNotFirst,
        IdentityError::SshInAge,
        IdentityError::Mistyped,
        IdentityError::Public,
        IdentityError::SealedToRecipients,
        IdentityError::PostQuantum,
        IdentityError::UnsupportedSsh("ssh-dss".to_owned()),
        IdentityError::UnsupportedType("X25519".to_owned()),
        IdentityError::SecurityKey("sk-ssh-ed25519@openssh.com".to_owned()),
        IdentityError::Cipher("3des-cbc".to_owned()),
        IdentityError::EncryptedPkcs8,
        IdentityError::Foreign("PuTTY"),
        IdentityError::Foreign("SSH2"),
        IdentityError::Damaged,
    ]
    .into_iter()
    .map(|error| KeyError::Identity(file(), IdentityKind::Age, error))
}

fn new_passphrases() -> Vec<NewPassphraseError> {
    vec![
        NewPassphraseError::Missing {
            path: vault(),
            why: PromptError::NoTerminal,
            flags: "--passphrase-file or --passphrase-stdin",
        },
        NewPassphraseError::Untypable(Flaw::Lines),
        NewPassphraseError::Untypable(Flaw::Control),
        NewPassphraseError::Untypable(Flaw::Untypable('\u{200f}')),
        NewPassphraseError::Weak(Weak {
            score: 1,
            advice: "Add another word or two.".to_owned(),
        }),
        NewPassphraseError::Differ,
    ]
}

fn seals() -> [SealError; 26] {
    [
        SealError::NotAge,
        SealError::Around,
        SealError::Changed(Change::Utf16, Class::Foreign),
        SealError::Changed(Change::QuotedPrintable, Class::Damaged),
        SealError::Changed(Change::Blanks, Class::Damaged),
        SealError::Changed(Change::BlankLines, Class::Damaged),
        SealError::Changed(Change::Wrapped, Class::Damaged),
        SealError::NewerAge,
        SealError::Scrypt,
        SealError::LongHeader,
        SealError::ManyStanzas,
        SealError::Stanza(StanzaError::Several),
        SealError::Stanza(StanzaError::Newer),
        SealError::Stanza(StanzaError::Malformed),
        SealError::TooCostly {
            wanted: Cost {
                memory_kib: 8 << 20,
                ..Cost::DEFAULT
            },
            ceiling: Ceiling::DEFAULT,
        },
        SealError::Damaged("its payload does not end"),
        SealError::PerhapsNewer,
        SealError::Mac,
        SealError::Contents(ContentsError::Newer("2".to_owned())),
        SealError::Contents(ContentsError::NotAVault),
        SealError::Disagrees,
        SealError::NewerStanza,
        SealError::Plugin(PluginError::Missing("yubikey".to_owned())),
        SealError::Plugin(PluginError::Refused("the PIN is wrong".to_owned())),
        SealError::Plugin(PluginError::Unanswered("yubikey".to_owned())),
        SealError::Plugin(PluginError::Failed {
            name: "yubikey".to_owned(),
            how: "ended early".to_owned(),
        }),
    ]
}

fn unsaved() -> [SealError; 6] {
    [
        SealError::Contents(ContentsError::LastRevision),
        SealError::Contents(ContentsError::Damaged("they are longer than 32 MiB")),
        SealError::Plugin(PluginError::Missing("yubikey".to_owned())),
        SealError::Recipient,
        SealError::Mixed,
        SealError::TooMany,
    ]
}

fn stores() -> Vec<StoreError> {
    let unconfirmed = |done| StoreError::Unconfirmed {
        done,
        path: vault(),
        source: denied(),
    };
    let path = vault();
    vec![
        StoreError::NoHome,
        store(),
        unconfirmed("removed"),
        unconfirmed("replaced"),
        StoreError::NotOurs {
            path: path.clone(),
            owner: 1001,
        },
        StoreError::ReadOnly {
            path: path.clone(),
            why: None,
        },
        StoreError::ReadOnly {
            path: path.clone(),
            why: Some(io::Error::from_raw_os_error(30)),
        },
        StoreError::Unmapped { path: path.clone() },
        StoreError::OpenFolder { path: path.clone() },
        StoreError::OpenFile { path: path.clone() },
        StoreError::NoLocks { path: path.clone() },
        StoreError::Exists { path: path.clone() },
        StoreError::NotAFile { path: path.clone() },
        StoreError::TooLarge { path },
    ]
}

fn apis() -> Vec<api::Error> {
    let origin = || BaseUrl::default().origin();
    let unreachable = |reason| api::Error::Unreachable {
        origin: origin(),
        reason,
    };
    let fault = |fault| api::Error::NotSensible {
        origin: origin(),
        fault,
    };
    vec![
        api::Error::Rejected {
            origin: origin(),
            status: 401,
            said: Some("token expired".to_owned()),
        },
        unreachable(Unreachable::Refused),
        unreachable(Unreachable::NotAName),
        unreachable(Unreachable::Certificate(CertificateProblem::NotTrusted)),
        unreachable(Unreachable::Certificate(CertificateProblem::OfAnAuthority)),
        unreachable(Unreachable::Certificate(
            CertificateProblem::Expired(noon()),
        )),
        unreachable(Unreachable::Certificate(CertificateProblem::NotYetValid(
            noon(),
        ))),
        fault(Fault::Markup),
        fault(Fault::NoSession),
        fault(Fault::SaysFailure(Some("Unauthorized".to_owned()))),
        fault(Fault::Echo),
        fault(Fault::Redirect {
            status: 302,
            to: Some(other_address().origin()),
        }),
        api::Error::Status {
            origin: origin(),
            status: 503,
            said: None,
            retry_after: None,
        },
        api::Error::Roots(RootsError::Empty),
        api::Error::Proxy {
            variable: "HTTPS_PROXY",
        },
        api::Error::Request(RequestError::ContentType),
        api::Error::Request(RequestError::Path(PathError::NoHost)),
        api::Error::Setup("no thread".to_owned()),
    ]
}

fn others() -> Vec<AppError> {
    vec![
        AppError::Busy(vault()),
        AppError::NotKept(vault(), keepers()),
        KdfError::Memory(262_144).into(),
        KdfError::Limit {
            needed_kib: 262_144,
            left_kib: 120_000,
        }
        .into(),
        PromptError::Ended.into(),
        PromptError::TooLong.into(),
        PromptError::Characters.into(),
        PromptError::NotText.into(),
        PromptError::Lines.into(),
        SourceError::TooLong("standard input".to_owned()).into(),
        SourceError::Utf16("/home/sari/file".to_owned()).into(),
        SourceError::Io {
            from: "/home/sari/file".to_owned(),
            source: denied(),
        }
        .into(),
        AppError::AnswerTooLarge(api::Error::NotSensible {
            origin: BaseUrl::default().origin(),
            fault: Fault::TooLarge { limit: 64 << 20 },
        }),
        CertificatesError::TooLarge(file()).into(),
        CertificatesError::Unusable(file(), RootsError::Nothing).into(),
        CertificatesError::Unusable(file(), RootsError::Empty).into(),
        CertificatesError::Unusable(file(), RootsError::Der).into(),
        CertificatesError::Unusable(file(), RootsError::Pkcs12).into(),
        CertificatesError::Unusable(file(), RootsError::Pkcs7 { pem: true }).into(),
        CertificatesError::Unusable(file(), RootsError::Binary).into(),
        CertificatesError::Unusable(file(), RootsError::PrivateKey).into(),
        CertificatesError::Unusable(file(), RootsError::Trusted).into(),
        CertificatesError::Unusable(file(), RootsError::Malformed { number: 2 }).into(),
        CertificatesError::Unusable(file(), RootsError::PassedOver { read: 1, there: 2 }).into(),
        AppError::Random(getrandom::Error::UNSUPPORTED),
    ]
}

fn settings() -> Vec<SettingsError> {
    vec![
        SettingsError::Value {
            name: "CLDKCTL_BASE_URL".to_owned(),
            why: "a base URL begins with https://".to_owned(),
        },
        SettingsError::NotText("CLDKCTL_CONTEXT".to_owned()),
        SettingsError::Unreadable(file(), store()),
        SettingsError::NotSafe(file(), "other users can change it".to_owned()),
        SettingsError::NotSettings(file()),
        SettingsError::NotUtf8(file()),
        in_settings(Kind::Syntax),
        in_settings(Kind::Twice),
        in_settings(Kind::UnknownKey {
            key: "tokn".to_owned(),
            expected: ", expected one of `base-url`, `vault`".to_owned(),
        }),
        in_settings(Kind::Value {
            key: "output".to_owned(),
            takes: "\"table\", \"json\" or \"yaml\"".to_owned(),
        }),
        in_settings(Kind::Unfit {
            key: "base-url".to_owned(),
            why: "a base URL begins with https://".to_owned(),
        }),
    ]
}

fn in_settings(kind: Kind) -> SettingsError {
    SettingsError::Line(file(), Mistake { line: 3, kind })
}

fn logging_in() -> Vec<AuthError> {
    vec![
        AuthError::FlagsBeforeCommand,
        AuthError::NoToken(PromptError::NoTerminal),
        AuthError::NotAToken(TokenError::Empty),
        AuthError::NotAToken(Pasted::Quotes.into()),
        AuthError::NotAToken(Pasted::Named.into()),
        AuthError::NotAToken(Pasted::Json.into()),
        AuthError::NotAToken(Pasted::Scheme.into()),
        AuthError::NotAToken(Pasted::Header.into()),
        AuthError::NotAToken(Pasted::Command.into()),
        AuthError::NotAToken(Pasted::Variable.into()),
        AuthError::NotAToken(Pasted::Address.into()),
        AuthError::NotAToken(Pasted::PrivateKey.into()),
        AuthError::NotAToken(Pasted::PublicKey.into()),
        AuthError::NotAToken(Pasted::Pem.into()),
        AuthError::NotAToken(Pasted::Mask.into()),
        AuthError::NotAToken(Pasted::CutShort.into()),
        AuthError::NotAToken(Pasted::Placeholder.into()),
        AuthError::NotAToken(Pasted::MarkBehind.into()),
        AuthError::NotAToken(TokenError::Unseen('\u{feff}')),
        AuthError::TokenUnread(SourceError::TooLong("standard input".to_owned())),
        AuthError::NoSuchCommand(None),
        AuthError::NoSuchCommand(Some("unlock".to_owned())),
        AuthError::NothingToRenew,
        AuthError::Misspelt("status"),
        AuthError::RecipientOfExisting(vault()),
        AuthError::MadeMeanwhile(vault()),
        AuthError::MadeMeanwhileWithAnother(vault()),
    ]
}

fn calls() -> Vec<CallError> {
    let origin = || "https://ai.cloudeka.id".to_owned();
    let status = |status, shown| CallError::Status {
        origin: origin(),
        status,
        said: (status == 404).then(|| "route not found".to_owned()),
        shown,
    };
    vec![
        CallError::StdinTwice,
        CallError::Method("GTE".to_owned()),
        CallError::MethodBehind,
        CallError::Request(RequestError::TooLong(8192)),
        CallError::Request(RequestError::ContentType),
        CallError::Request(RequestError::Path(PathError::NoHost)),
        CallError::Body("cannot read /home/sari/file".to_owned()),
        CallError::BodyTooLarge(file()),
        CallError::Rejected {
            origin: origin(),
            said: Some("invalid or expired jwt".to_owned()),
        },
        status(404, Shown::Body),
        status(302, Shown::Nothing),
        status(304, Shown::Headers),
    ]
}

fn recipients() -> Vec<RecipientError> {
    let unusable = |error| RecipientError::Unusable("--recipient".to_owned(), error);
    vec![
        unusable(PublicRecipientError::Secret),
        unusable(PublicRecipientError::PostQuantum),
        unusable(PublicRecipientError::RsaSmall),
        unusable(PublicRecipientError::Worthless),
        unusable(PublicRecipientError::UnsupportedSsh),
        unusable(PublicRecipientError::DamagedSsh),
        unusable(PublicRecipientError::Characters),
        unusable(PublicRecipientError::Unknown),
        RecipientError::Plugin(
            "--recipient".to_owned(),
            PluginError::Missing("yubikey".to_owned()),
        ),
        RecipientError::File(SourceError::NotAFile(file())),
        RecipientError::NoneIn(file()),
        RecipientError::Exists("laptop".to_owned()),
        RecipientError::Label,
        RecipientError::LabelTaken,
        RecipientError::NotFound(None),
        RecipientError::NotFound(Some("laptop".to_owned())),
        RecipientError::Ambiguous,
        RecipientError::Last,
        RecipientError::Passphrase,
        RecipientError::PassphraseGone,
    ]
}

fn backups() -> Vec<Error> {
    vec![
        BackupError::Terminal.into(),
        BackupError::NotRead.into(),
        BackupError::ReplacesVault.into(),
        BackupError::NotAFile(file()).into(),
        BackupError::Unwritten(store()).into(),
        BackupError::Unwritten(StoreError::Io {
            action: "write",
            path: file(),
            source: std::io::ErrorKind::NotFound.into(),
        })
        .into(),
        BackupError::Armor("no memory".to_owned()).into(),
        RestoreError::StdinTwice.into(),
        RestoreError::Exists(vault()).into(),
        RestoreError::NoBackup(file()).into(),
        RestoreError::Empty("standard input".to_owned()).into(),
        RestoreError::Unreadable(store()).into(),
        RestoreError::Unusable(file(), SealError::NotAge).into(),
        RestoreError::Unusable(file(), SealError::NewerAge).into(),
        RestoreError::Unusable(file(), SealError::Damaged("its payload does not end")).into(),
        RestoreError::Stdin(denied()).into(),
        RestoreError::Key(KeyError::Wrong(file())).into(),
        RestoreError::Key(KeyError::NoPassphrase(file())).into(),
        RestoreError::Locked(KeyError::NeedsIdentity(file())).into(),
    ]
}

fn changes() -> Vec<Error> {
    let cost = Cost {
        memory_kib: 1024,
        iterations: 1,
        lanes: 1,
    };
    vec![
        CostError::TooCheap(cost).into(),
        CostError::TooCostly(Cost::DEFAULT, cost).into(),
        CostError::TooLittleMemory.into(),
        CostError::TooMuchMemory.into(),
        LockError::Agent("the agent does not start".to_owned()).into(),
        LockError::StillUnlocked(vault(), keepers()).into(),
        LockError::IdentityNotKept.into(),
        LockError::LoginsNotTold(vault()).into(),
        ExecError::NotFound("deploy".to_owned(), io::Error::from_raw_os_error(2)).into(),
        ExecError::NotRun("deploy".to_owned(), denied()).into(),
        ExecError::Project.into(),
        Error::Declined,
        Error::ContextExists("work".to_owned()),
        OutputError::Io(io::Error::from_raw_os_error(28)).into(),
        OutputError::Form(Format::Yaml, "no memory".to_owned()).into(),
        RecoveryKeyError::NoTerminal.into(),
        RecoveryKeyError::Forbidden.into(),
        RecoveryKeyError::Ending.into(),
        RecoveryKeyError::Exists(file()).into(),
        RecoveryKeyError::Unwritten(file(), denied()).into(),
        RecoveryKeyError::Unnamed(file(), denied(), "/home/sari/file.new".into()).into(),
        RecoveryKeyError::Lost(file(), denied()).into(),
        RecoveryKeyError::ShownUnsaved(Box::new(AppError::Store(store()))).into(),
        RecoveryKeyError::Terminal.into(),
        RecoveryKeyError::Nowhere.into(),
        RecoveryKeyError::NotRead.into(),
        RecoveryKeyError::Output(io::Error::from_raw_os_error(28)).into(),
        RecoveryKeyError::WrittenUnsaved(Box::new(AppError::Store(store()))).into(),
        VaultError::NoPassphrase(vault()).into(),
        VaultError::PassphraseAlone(vault()).into(),
        VaultError::NoCost(vault()).into(),
        VaultError::IdentityDerives.into(),
        VaultError::NotAccepted(MemoryError::Garbled(file())).into(),
    ]
}

fn gates() -> Vec<Error> {
    let (kind, place) = ("docker".to_owned(), "registry.example".to_owned());
    let name = || "docker registry.example (sari)".to_owned();
    let config = |fault| GateError::Config("/home/sari/.docker/config.json".into(), fault);
    let link = || PathBuf::from("/home/sari/bin/docker-credential-cldkctl");
    let mut all = vec![
        GateError::Place(PlaceError::UserInfo),
        GateError::Kind,
        GateError::NotFound(kind.clone(), place.clone()),
        GateError::Several(kind, place),
        GateError::NoneOf("aws"),
        GateError::SeveralPlaces("aws"),
        GateError::Exists(name()),
        GateError::Expired(name()),
        GateError::NoUsername("aws"),
        GateError::Username,
        GateError::SecretTooLong,
        GateError::SecretNotText,
        GateError::SecretNotCarried("git"),
        GateError::NoSecondSecret,
        GateError::Expires("it is over already"),
        GateError::Stdin(denied()),
        GateError::NoSecret(PromptError::NoTerminal),
        GateError::NoSecret(PromptError::Ended),
        config(ConfigFault::Store(store())),
        config(ConfigFault::NotOurs(1001)),
        config(ConfigFault::ReadOnly),
        config(ConfigFault::NotJson(
            "it is not JSON at line 1, column 2".to_owned(),
        )),
        config(ConfigFault::Shape("it is not a JSON object")),
        config(ConfigFault::Twice("auths")),
        config(ConfigFault::TooLarge),
        GateError::NoHome,
        GateError::NothingNamed("--registry"),
        GateError::Stranger(link()),
        GateError::NoFolder,
        GateError::Link(link(), denied()),
        GateError::NoGit(io::Error::from_raw_os_error(2)),
        GateError::GitRefused("error: could not lock config file".to_owned()),
    ];
    let git = [
        GitFault::Controls,
        GitFault::NotText,
        GitFault::Line,
        GitFault::Missing,
        GitFault::Url,
        GitFault::TooLong,
    ];
    all.extend(git.map(GateError::Git));
    all.into_iter().map(Into::into).collect()
}

#[test]
fn every_error_is_in_the_file_of_them() {
    let text: String = errors()
        .iter()
        .map(|error| {
            let Report { exit, what, hint } = error.into();
            format!("{}: {what}\n   {hint}\n", exit as u8)
        })
        .collect();
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots/errors.txt");
    let expected = Data::read_from(file.as_ref(), Some(DataFormat::Text));
    Assert::new()
        .action_env("SNAPSHOTS")
        .eq(text, expected.raw());
}

/// A hint that names what stays as it was also names something to do.
#[test]
fn every_error_has_something_to_do_next_and_none_puts_a_vault_at_risk() {
    for error in errors() {
        let Report { what, hint, .. } = Report::from(&error);
        let action = hint.split(';').next().unwrap_or_default();
        assert!(action.len() > 5, "{what}: {hint}");
        assert!(!action.ends_with("unchanged"), "{what}: {hint}");
        assert!(
            !what.ends_with('.') && !hint.ends_with('.'),
            "{what}: {hint}"
        );
        if let Error::App(error) = &error
            && let AppError::Vault(..) | AppError::Unsaved(..) = **error
        {
            assert!(
                !hint.contains("log in again") && !hint.contains(" move it"),
                "{hint}"
            );
        }
    }
}
