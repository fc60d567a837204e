//! A home of its own for one test, and the built binary in it with nothing else around:
//! no variable but those set here, and no terminal unless asked for.

mod command;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

pub use command::{Cldkctl, Output, Running};

use super::{Session, Standin, traces};

/// The weakest derivation that may be chosen: milliseconds instead of a second.
const CHEAP_KDF: &str = "[kdf]\nmemory = \"19MiB\"\niterations = 2\nlanes = 1\n";

/// A temporary home, gone when dropped; what was unlocked in it is locked first.
///
/// ```text
/// ROOT/           0755, so that it is the home's mode that keeps others out
/// ROOT/home/      0700, $HOME
/// ROOT/home/data, config, run   0700, the $XDG_… folders
/// ```
pub struct World {
    root: TempDir,
    binary: PathBuf,
    binary_for_everyone: OnceLock<PathBuf>,
    base_url: Option<String>,
    owner: Option<u32>,
}

impl World {
    /// A world for the binary that cargo built for this integration test.
    #[track_caller]
    pub fn new() -> Self {
        // `option_env!`, for the examples, which cargo does not tell it to.
        let built = option_env!("CARGO_BIN_EXE_cldkctl").map(PathBuf::from);
        // The release build, say, for what depends on how the code was optimised.
        let named = std::env::var_os("CLDKCTL_TESTS_BINARY").map(PathBuf::from);
        let binary = named.or(built);
        Self::with_binary(binary.expect("only in an integration test; else use with_binary"))
    }

    /// A world for this binary. It derives keys cheaply: see
    /// [`without_settings`](Self::without_settings).
    ///
    /// The thread that makes it gets a kernel session keyring of its own, as a login does;
    /// the commands that it starts share that. For others see [`kernel`](super::kernel).
    #[track_caller]
    pub fn with_binary(path: impl AsRef<Path>) -> Self {
        super::as_in_a_shell();
        // Where there are none, there is none to share.
        let _ = super::kernel::has_new_session_keyring();
        let binary = path.as_ref();
        let binary = binary
            .canonicalize()
            .unwrap_or_else(|why| panic!("{binary:?}: {why}"));
        let root = TempDir::with_prefix("cldkctl-").expect("a temporary folder");
        set_mode(root.path(), 0o755);
        let world = Self {
            root,
            binary,
            binary_for_everyone: OnceLock::new(),
            base_url: None,
            owner: None,
        };
        for folder in [world.home(), world.data(), world.config(), world.runtime()] {
            fs::DirBuilder::new()
                .mode(0o700)
                .create(folder)
                .expect("a new folder");
        }
        fs::DirBuilder::new()
            .mode(0o700)
            .create(world.config().join("cldkctl"))
            .expect("another");
        fs::write(world.settings_path(), CHEAP_KDF).expect("settings can be written");
        world
    }

    /// From now on commands go to this stand-in. To trust one with TLS, give them a file:
    /// `--ca-cert` and `world.write("ca.pem", standin.ca_pem())`.
    #[must_use]
    pub fn at(mut self, standin: &Standin) -> Self {
        self.go_to(standin);
        self
    }

    /// [`at`](Self::at), in the middle of a story.
    pub fn go_to(&mut self, standin: &Standin) {
        self.base_url = Some(standin.base_url());
    }

    /// The `HOST:PORT` that commands go to, if they go anywhere.
    pub fn host(&self) -> Option<String> {
        let (_, host) = self.base_url.as_ref()?.split_once("://")?;
        Some(host.to_owned())
    }

    /// Takes away the settings that make deriving a key cheap, so that the defaults hold.
    #[must_use]
    pub fn without_settings(self) -> Self {
        fs::remove_file(self.settings_path()).expect("settings can be removed");
        self
    }

    /// Gives the home to another user, who then runs every command. Root alone may do that:
    /// see [`can_be_someone_else`](super::can_be_someone_else).
    #[must_use]
    pub fn owned_by(mut self, uid: u32) -> Self {
        self.owner = Some(uid);
        let chown = |path: &Path| std::os::unix::fs::lchown(path, Some(uid), Some(uid));
        chown(&self.home()).expect("root may give files away");
        walk(&self.home(), &mut |path, _| {
            chown(path).expect("root may give files away")
        });
        self
    }

    /// The built binary with these arguments, ready to be told more and run.
    pub fn cldkctl<I, S>(&self, args: I) -> Cldkctl<'_>
    where
        I: IntoIterator<Item = S>,
        S: Into<std::ffi::OsString>,
    {
        Cldkctl::new(self).args(args)
    }

    /// An interactive `bash`, `dash` or `zsh` on a terminal, in which `cldkctl` is the binary. It
    /// says `ready> `, and keeps what it ran in [`history`](Self::history), if it keeps that.
    #[track_caller]
    pub fn shell(&self, shell: &str) -> Session {
        let args: &[&str] = match shell {
            "bash" => &["--norc", "--noprofile", "-i"],
            "zsh" => &["-d", "-i"], // none of the system's settings
            _ => &["-i"],
        };
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folder = self.binary.parent().expect("a folder").to_owned();
        let folders = std::iter::once(folder).chain(std::env::split_paths(&path));
        // It takes these from no variable.
        let history = format!("HISTFILE={:?}\nSAVEHIST=1000\n", self.history());
        self.write(".zshrc", history);
        let mut command = std::process::Command::new(shell);
        command
            .args(args)
            .current_dir(self.home())
            .env_clear()
            .env("PATH", std::env::join_paths(folders).expect("folders"))
            .env("HOME", self.home())
            .env("XDG_DATA_HOME", self.data())
            .env("XDG_CONFIG_HOME", self.config())
            .env("XDG_RUNTIME_DIR", self.runtime())
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env("PS1", "ready> ")
            .env("HISTFILE", self.history())
            .envs(self.base_url.as_ref().map(|url| ("CLDKCTL_BASE_URL", url)));
        let mut session = Session::spawn(command);
        session.expect("ready> ");
        session
    }

    /// A command line for a [`shell`](Self::shell) that runs `command`, whose process id is then
    /// in [`started`](Self::started).
    pub fn start(&self, command: &str) -> &'static str {
        self.write("start", format!("echo $$ > pid; exec {command}"));
        "sh start"
    }

    /// The process id of what [`start`](Self::start) started.
    #[track_caller]
    pub fn started(&self) -> rustix::process::Pid {
        let pid = fs::read_to_string(self.home().join("pid")).expect("a process id");
        let pid = pid.trim().parse().expect("a number");
        rustix::process::Pid::from_raw(pid).expect("a process id")
    }

    /// Where [`shell`](Self::shell) keeps its history.
    pub fn history(&self) -> PathBuf {
        self.home().join("history")
    }

    /// The binary that runs here.
    pub fn binary(&self) -> &Path {
        &self.binary
    }

    pub fn home(&self) -> PathBuf {
        self.root.path().join("home")
    }

    /// `$XDG_DATA_HOME`
    pub fn data(&self) -> PathBuf {
        self.home().join("data")
    }

    /// `$XDG_CONFIG_HOME`
    pub fn config(&self) -> PathBuf {
        self.home().join("config")
    }

    /// `$XDG_RUNTIME_DIR`
    pub fn runtime(&self) -> PathBuf {
        self.home().join("run")
    }

    /// Where the vault is, once there is one.
    pub fn vault_path(&self) -> PathBuf {
        self.data().join("cldkctl/vault.age")
    }

    pub fn settings_path(&self) -> PathBuf {
        self.config().join("cldkctl/config.toml")
    }

    /// Where the agent listens, when there is one.
    pub fn agent_socket(&self) -> PathBuf {
        self.runtime().join("cldkctl/agent.sock")
    }

    /// A file in the home with this content and mode 0600; its path.
    #[track_caller]
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        // Made with that mode, rather than readable for a moment.
        let mut file = fs::OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut file, 0o600);
        let mut file = file
            .create(true)
            .write(true)
            .truncate(true)
            .open(&path)
            .expect("a file");
        std::io::Write::write_all(&mut file, content.as_ref()).expect("a file can be written");
        if let Some(uid) = self.owner {
            std::os::unix::fs::chown(&path, Some(uid), Some(uid)).expect("root may give it away");
        }
        path
    }

    /// A vault in its place, as a login would have left it.
    #[track_caller]
    pub fn write_vault(&self, file: impl AsRef<[u8]>) {
        let path = self.vault_path();
        let folder = path.parent().expect("a folder");
        fs::create_dir_all(folder).expect("a folder can be made");
        set_mode(folder, 0o700);
        let written = self.write("vault.age", file);
        fs::rename(written, path).expect("one file system");
    }

    /// Every regular file in the home, hidden ones too, with its bytes.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        files_under(&self.home())
    }

    /// Fails the test when one of `secrets` is in a file of the home, or in the name of one,
    /// as it is or encoded.
    #[track_caller]
    pub fn assert_no_secret(&self, secrets: &[&str]) {
        for (path, bytes) in self.files() {
            for secret in secrets {
                let in_name = traces::find(path.as_os_str().as_encoded_bytes(), secret);
                assert_eq!(in_name, None, "{secret:?} is in the name {path:?}");
                let within = traces::find(&bytes, secret);
                assert_eq!(within, None, "{secret:?} is in {path:?}");
            }
        }
    }

    /// A copy of the binary that every user may run; cargo's may be in a private folder.
    fn binary_for_everyone(&self) -> &Path {
        self.binary_for_everyone.get_or_init(|| {
            let copy = self.root.path().join("cldkctl");
            // A process started meanwhile would hold the copy open for writing: ETXTBSY.
            let _starting = super::starting();
            fs::copy(&self.binary, &copy).expect("the binary can be copied");
            set_mode(&copy, 0o755);
            copy
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        // An agent would outlive the test, and so would a key in the kernel's keyring.
        if self.vault_path().exists() || self.agent_socket().exists() {
            self.cldkctl(["lock"]).run_whatever_comes();
        }
    }
}

/// Every regular file under `folder`, hidden ones too, with its bytes. Follows no links.
#[track_caller]
pub fn files_under(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    walk(folder, &mut |path, kind| {
        if kind.is_file() {
            let bytes = fs::read(path).unwrap_or_else(|why| panic!("{path:?}: {why}"));
            files.insert(path.to_owned(), bytes);
        }
    });
    files
}

/// The permission bits of `path`.
#[track_caller]
pub fn mode(path: impl AsRef<Path>) -> u32 {
    let path = path.as_ref();
    let facts = fs::symlink_metadata(path).unwrap_or_else(|why| panic!("{path:?}: {why}"));
    facts.permissions().mode() & 0o7777
}

/// Sets the permission bits of `path`.
#[track_caller]
pub fn set_mode(path: impl AsRef<Path>, mode: u32) {
    let path = path.as_ref();
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .unwrap_or_else(|why| panic!("{path:?}: {why}"));
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path, fs::FileType)) {
    for entry in fs::read_dir(folder).unwrap_or_else(|why| panic!("{folder:?}: {why}")) {
        let entry = entry.expect("a folder can be listed");
        let kind = entry.file_type().expect("what is listed has a type");
        visit(&entry.path(), kind);
        if kind.is_dir() {
            walk(&entry.path(), visit);
        }
    }
}
