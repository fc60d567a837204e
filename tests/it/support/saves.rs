//! Every command that writes the vault or what belongs to it, a place where each can be run
//! over and over, and what holds there whatever became of the command.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::keys::Key;
use super::steps::{PASSPHRASE, TOKEN, cloudeka_and_world, contents_of, log_in};
use super::world::{Cldkctl, Output, files_under};
use super::{Standin, World, traces};

/// Another passphrase that is not easy to guess.
pub const NEW_PASSPHRASE: &str = "walnut drifts past copper lanterns";

/// The secret of a credential of another service.
pub const CREDENTIAL: &str = "otter-lantern-77-plum";

/// A command that writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Save {
    FirstLogin,
    SecondLogin,
    Session,
    Logout,
    LogoutAll,
    ContextUse,
    ContextRename,
    Passphrase,
    Tune,
    RecipientsAdd,
    RecipientsRemove,
    RecoveryKey,
    Restore,
    RestoreForce,
    RestoreMerge,
    Backup,
    BackupForce,
    AcceptOlder,
    CredentialAdd,
}

impl Save {
    pub const ALL: [Self; 19] = [
        Self::FirstLogin,
        Self::SecondLogin,
        Self::Session,
        Self::Logout,
        Self::LogoutAll,
        Self::ContextUse,
        Self::ContextRename,
        Self::Passphrase,
        Self::Tune,
        Self::RecipientsAdd,
        Self::RecipientsRemove,
        Self::RecoveryKey,
        Self::Restore,
        Self::RestoreForce,
        Self::RestoreMerge,
        Self::Backup,
        Self::BackupForce,
        Self::AcceptOlder,
        Self::CredentialAdd,
    ];
}

/// Where one of them is run: a stand-in whose sessions are always due, and a home with
///
/// - a vault of revision 5, with the contexts `default` and `second`, that opens with
///   [`PASSPHRASE`] and with the identity `machine`, besides one labelled `spare`;
/// - `copies/copy.age`, a backup of its revision 4, where there was a context `third`, too.
pub struct Place {
    pub save: Save,
    pub world: World,
    _cloudeka: Standin,
    machine: Key,
    other: Key,
    before: Files,
    state_before: Option<Value>,
}

/// Folders, as `None`, and files.
type Files = BTreeMap<PathBuf, Option<Vec<u8>>>;

impl Place {
    #[track_caller]
    pub fn of(save: Save) -> Self {
        let (cloudeka, world) = cloudeka_and_world();
        // A session is due a minute before its end.
        cloudeka.session_life(55);
        fs::create_dir(world.home().join("copies")).expect("a folder");
        world.write("run/cldkctl.passphrase", PASSPHRASE);
        world.write("run/new-passphrase", NEW_PASSPHRASE);
        let [machine, spare, other] =
            ["machine", "spare", "other"].map(|name| Key::age(&world, &format!("run/{name}")));
        let mut place = Self {
            save,
            world,
            _cloudeka: cloudeka,
            machine,
            other,
            before: Files::new(),
            state_before: None,
        };
        if save != Save::FirstLogin {
            log_in(&place.world, TOKEN, &[]);
            let add = ["vault", "recipients", "add", &place.machine.recipient];
            let add = place.by_passphrase(&add).args(["--label", "machine"]);
            add.run().succeeded();
            let add = ["vault", "recipients", "add", &spare.recipient];
            place.quick(&[&add[..], &["--label", "spare"]].concat());
            place.quick(&["context", "rename", "default", "third"]);
            place.quick(&["vault", "backup", "copies/copy.age"]);
            place.quick(&["auth", "logout", "--context", "third"]);
            for name in ["default", "second"] {
                let auth = ["auth", "--token-stdin", "--no-unlock", "--context", name];
                place.by_machine(&auth).stdin(TOKEN).run().succeeded();
            }
        }
        place.arrange();
        place.before = snapshot(&place.kept());
        place.state_before = place.state();
        place
    }

    /// What one of the commands needs besides.
    fn arrange(&self) {
        let folder = self.world.data().join("cldkctl");
        match self.save {
            // So that the folders have to be made, too.
            Save::Restore => fs::remove_dir_all(&folder).expect("removed"),
            Save::AcceptOlder => {
                let copy = fs::read(self.copy()).expect("a copy");
                fs::write(self.world.vault_path(), copy).expect("written");
            }
            Save::LogoutAll => {
                // As if it had been replaced once.
                let copy = folder.join("vault.age.replaced-20260101T000000.000Z");
                fs::copy(self.copy(), copy).expect("copied");
            }
            _ => {}
        }
    }

    /// The command.
    pub fn command(&self) -> Cldkctl<'_> {
        let kept = |args: &[&str]| self.by_machine(args);
        match self.save {
            Save::FirstLogin => self
                .by_passphrase(&["auth", "--token-stdin", "--no-unlock"])
                .stdin(TOKEN),
            Save::SecondLogin => kept(&["auth", "--token-stdin", "--no-unlock"]).stdin(TOKEN),
            Save::Session => kept(&["auth", "token", "--session"]),
            Save::Logout => kept(&["auth", "logout"]),
            Save::LogoutAll => self.world.cldkctl(["auth", "logout", "--all"]),
            Save::ContextUse => kept(&["context", "use", "default"]),
            Save::ContextRename => kept(&["context", "rename", "default", "work"]),
            Save::Passphrase => self
                .by_passphrase(&["vault", "passphrase", "--new-passphrase-file"])
                .arg(self.world.runtime().join("new-passphrase")),
            Save::Tune => {
                // No more passes than there have to be, of which each run would do a dozen.
                let tune = ["vault", "tune", "--target", "100ms", "--memory", "19MiB"];
                let run = self.by_passphrase(&tune);
                run.args(["--kdf-ceiling", "19MiB,2"])
            }
            Save::RecipientsAdd => kept(&["vault", "recipients", "add", &self.other.recipient]),
            Save::RecipientsRemove => {
                self.by_passphrase(&["vault", "recipients", "remove", "spare"])
            }
            Save::RecoveryKey => kept(&["vault", "recovery-key", "--kit", "copies/sheet.txt"]),
            Save::Restore => kept(&["vault", "restore", "copies/copy.age"]),
            Save::RestoreForce => kept(&["vault", "restore", "copies/copy.age", "--force"]),
            Save::RestoreMerge => kept(&["vault", "restore", "copies/copy.age", "--merge"]),
            Save::Backup => kept(&["vault", "backup", "copies/new.age"]),
            Save::BackupForce => kept(&["vault", "backup", "copies/copy.age", "--force"]),
            Save::AcceptOlder => kept(&["vault", "verify", "--accept-older"]),
            Save::CredentialAdd => kept(&["credential", "add", "git", "git.example"])
                .arg("--secret-stdin")
                .stdin(CREDENTIAL),
        }
    }

    /// Everything as it was before the command.
    #[track_caller]
    pub fn reset(&self) {
        for folder in self.kept() {
            if folder.exists() {
                fs::remove_dir_all(&folder).expect("removed");
            }
        }
        for (path, bytes) in &self.before {
            match bytes {
                Some(bytes) => {
                    let name = path.strip_prefix(self.world.home()).expect("at home");
                    self.world.write(name.to_str().expect("text"), bytes);
                }
                None => fs::DirBuilder::new()
                    .mode(0o700)
                    .recursive(true)
                    .create(path)
                    .expect("a folder"),
            }
        }
    }

    /// What is in the vault; `None` where there is none. Fails the test when it does not open.
    #[track_caller]
    fn contents(&self) -> Option<Value> {
        let file = match fs::read(self.world.vault_path()) {
            Ok(file) => file,
            Err(why) if why.kind() == std::io::ErrorKind::NotFound => return None,
            Err(why) => panic!("{why}"),
        };
        Some(match self.save {
            Save::FirstLogin => contents_of(&self.world.vault_path(), PASSPHRASE),
            _ => {
                let identity = fs::read_to_string(&self.machine.identity).expect("a key");
                let identity: age::x25519::Identity = identity.parse().expect("an identity");
                let contents = age::decrypt(&identity, &file)
                    .unwrap_or_else(|why| panic!("{:?}: the vault is lost: {why}", self.save));
                serde_json::from_slice(&contents).expect("JSON")
            }
        })
    }

    /// The same, as far as it does not differ from run to run.
    #[track_caller]
    pub fn state(&self) -> Option<Value> {
        let contents = self.contents()?;
        let list = |name: &str, of: &str| -> Vec<Value> {
            let list = contents[name].as_array().expect("a list").iter();
            list.map(|entry| entry[of].clone()).collect()
        };
        Some(json!({
            "revision": contents["revision"],
            "current_context": contents["current_context"],
            "contexts": list("contexts", "name"),
            "tokens": list("contexts", "token"),
            "recipients": list("recipients", "label"),
            "credential": contents["credentials"][0]["secret"],
        }))
    }

    /// What was in it before the command.
    pub fn state_before(&self) -> &Option<Value> {
        &self.state_before
    }

    /// What a run that nothing came in the way of leaves behind.
    #[track_caller]
    pub fn state_after(&self) -> Option<Value> {
        self.reset();
        self.command().run().succeeded();
        self.state()
    }

    /// Fails the test unless everything is as before or as after: the vault, what is beside it,
    /// and the copies. Says whether the vault is the new one.
    #[track_caller]
    pub fn assert_old_or_new(&self, after: &Option<Value>, when: &str) -> bool {
        let state = self.state();
        let is_old = state == self.state_before;
        assert!(is_old || state == *after, "{when}: {state:#?}");
        let vault = self.world.vault_path();
        let found = snapshot(&self.kept());
        let old_vault = self.before.get(&vault).cloned().flatten();
        if is_old {
            let now = found.get(&vault).cloned().flatten();
            assert_eq!(now, old_vault, "{when}: the same to the byte");
        }
        for (path, bytes) in &found {
            let (Some(bytes), name) = (bytes, name_of(path)) else {
                continue;
            };
            if name.ends_with(".tmp") || path == &vault {
                continue;
            }
            let old = self.before.get(path).and_then(Option::as_ref);
            let whole = match name {
                // A backup, or a vault that was replaced: one of the two that there were.
                name if name.ends_with(".age") || name.contains(".replaced-") => {
                    Some(bytes) == old || Some(bytes) == old_vault.as_ref()
                }
                // Its end is its last line.
                "sheet.txt" => bytes.ends_with(b"\n") && bytes.len() > 500,
                "vault.age.lock" => bytes.is_empty(),
                _ => String::from_utf8_lossy(bytes)
                    .trim_end()
                    .parse::<u64>()
                    .is_ok(),
            };
            assert!(whole, "{when}: {path:?} is half of something");
        }
        for (path, bytes) in &self.before {
            // A vault that is gone is what `logout --all` is for.
            if bytes.is_some() && path != &vault {
                assert!(found.contains_key(path), "{when}: {path:?} is gone");
            }
        }
        self.assert_sealed(when);
        if self.save == Save::RecoveryKey && !is_old {
            self.assert_on_a_sheet(when);
        }
        !is_old
    }

    /// Fails the test unless there is a sheet of the recovery key that the vault has.
    #[track_caller]
    fn assert_on_a_sheet(&self, when: &str) {
        let contents = self.contents().expect("a vault");
        let mut entries = contents["recipients"].as_array().expect("a list").iter();
        let entry = entries.find(|entry| entry["label"] == "recovery");
        let recipient = entry.expect("a recovery key")["recipient"].as_str();
        let recipient = recipient.expect("text");
        let on_a_sheet = files_under(&self.world.home().join("copies"))
            .into_values()
            .any(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                text.contains(recipient) && text.contains("AGE-SECRET-KEY-1")
            });
        assert!(on_a_sheet, "{when}: nobody has the recovery key");
    }

    /// Fails the test when a secret can be read in what was written. A recovery key on its
    /// sheet is meant to be.
    #[track_caller]
    pub fn assert_sealed(&self, when: &str) {
        for folder in self.kept().iter().filter(|folder| folder.exists()) {
            for (path, bytes) in files_under(folder) {
                for secret in [TOKEN, PASSPHRASE, NEW_PASSPHRASE, CREDENTIAL] {
                    let found = traces::find(&bytes, secret);
                    assert_eq!(found, None, "{when}: {secret:?} is in {path:?}");
                }
                let sheet = name_of(&path).starts_with(".cldkctl-recovery-")
                    || name_of(&path) == "sheet.txt";
                let key = traces::find(&bytes, "AGE-SECRET-KEY-1");
                assert!(sheet || key.is_none(), "{when}: a key is in {path:?}");
            }
        }
    }

    /// Fails the test unless the next commands work, with nothing repaired by hand, and the one
    /// that saves leaves no temporary file behind. Says whether somebody is alarmed about an
    /// older copy.
    #[track_caller]
    pub fn assert_goes_on(&self, when: &str) -> bool {
        let mut alarmed = false;
        if self.world.vault_path().exists() {
            let output = self.by_either(&["vault", "verify"]).run();
            assert_eq!(output.code, 0, "{when}\n{output}");
            assert_eq!(output.stderr, "", "{when}\n{output}");
            alarmed = output.stdout.contains("older copy");
            let add = ["vault", "recipients", "add", &self.other.recipient];
            let output = self.by_either(&add).args(["--label", "next"]).run();
            // Where that very recipient was added already, another command saves.
            if output.code != 0 && self.save == Save::RecipientsAdd {
                let rename = ["context", "rename", "default", "next"];
                let output = self.by_either(&rename).run();
                assert_eq!(output.code, 0, "{when}\n{output}");
            } else {
                assert_eq!(output.code, 0, "{when}\n{output}");
            }
        } else {
            let auth = ["auth", "--token-stdin", "--no-unlock"];
            let output = self.by_passphrase(&auth).stdin(TOKEN).run();
            assert_eq!(output.code, 0, "{when}\n{output}");
        }
        if matches!(self.save, Save::Backup | Save::BackupForce) {
            let output = self.command().arg("--force").run();
            let output = match self.save {
                Save::BackupForce => self.command().run(),
                _ => output,
            };
            assert_eq!(output.code, 0, "{when}\n{output}");
        }
        self.assert_no_temporary_files(when);
        alarmed
    }

    /// Fails the test when there is one, other than a sheet with a recovery key, which may be
    /// the only one.
    #[track_caller]
    pub fn assert_no_temporary_files(&self, when: &str) {
        let found = snapshot(&self.kept());
        let left: Vec<_> = found
            .keys()
            .filter(|path| name_of(path).ends_with(".tmp"))
            .filter(|path| !name_of(path).starts_with(".cldkctl-recovery-"))
            .collect();
        assert!(left.is_empty(), "{when}: {left:?}");
    }

    /// Whether a system call is about a file or folder that is written.
    pub fn is_about_what_is_kept(&self, text: &str) -> bool {
        let about = |folder: PathBuf| text.contains(folder.to_str().expect("text"));
        self.kept().into_iter().any(about) || text.contains("\"copies/")
    }

    /// The folders that the commands write to.
    pub fn kept(&self) -> [PathBuf; 3] {
        [
            self.world.data().join("cldkctl"),
            self.world.home().join(".local"),
            self.world.home().join("copies"),
        ]
    }

    /// The backup that was made before.
    pub fn copy(&self) -> PathBuf {
        self.world.home().join("copies/copy.age")
    }

    #[track_caller]
    fn quick(&self, args: &[&str]) -> Output {
        self.by_machine(args).run().succeeded()
    }

    /// Opens what there is, of whichever login.
    fn by_either(&self, args: &[&str]) -> Cldkctl<'_> {
        match self.save {
            Save::FirstLogin => self.by_passphrase(args),
            _ => self.by_machine(args),
        }
    }

    fn by_machine(&self, args: &[&str]) -> Cldkctl<'_> {
        let run = self.world.cldkctl(args.iter().copied());
        run.arg("--identity").arg(&self.machine.identity)
    }

    fn by_passphrase(&self, args: &[&str]) -> Cldkctl<'_> {
        let run = self.world.cldkctl(args.iter().copied());
        run.env("CREDENTIALS_DIRECTORY", self.world.runtime())
    }
}

#[track_caller]
fn snapshot(folders: &[PathBuf]) -> Files {
    let mut files = Files::new();
    for folder in folders.iter().filter(|folder| folder.exists()) {
        files.insert(folder.clone(), None);
        for (path, bytes) in files_under(folder) {
            let between = path.ancestors().skip(1);
            for above in between.take_while(|above| above != folder) {
                files.insert(above.to_owned(), None);
            }
            files.insert(path, Some(bytes));
        }
    }
    files
}

fn name_of(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or("")
}
