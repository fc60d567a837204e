//! `cldkctl helper install docker`.

use std::path::PathBuf;

use clap::Args;

use crate::app::gate::docker_config::{Before, ConfigFile, DockerConfig, Plain, names_of};
use crate::app::gate::{GateError, Kind, link};
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::files::user_folders;
use crate::keeper::Touch;
use crate::platform;
use crate::vault::Credential;

/// Have docker, podman and skopeo ask cldkctl for the passwords of these registries
///
/// Puts the link docker-credential-cldkctl on the PATH, and sets credHelpers, or credsStore with
/// --all, in the config.json of docker. The rest of that file stays as it is, and a copy of it is
/// kept beside it. Passwords in the file can move into the vault.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl helper install docker --registry registry.example",
    "cldkctl helper install docker --all",
    "cldkctl helper install docker --undo"
))]
pub(super) struct DockerArgs {
    /// A registry, such as registry.example:5000; may be given several times
    #[arg(long, alias = "host", value_name = "HOST")]
    registry: Vec<String>,
    /// Every registry that has no helper of its own
    #[arg(long)]
    all: bool,
    /// Move passwords of these registries from the file into the vault without asking
    #[arg(long = "move", conflicts_with = "undo")]
    moves: bool,
    /// Have docker ask as it did before: of these registries, or of all
    #[arg(long, conflicts_with = "all")]
    undo: bool,
}

impl DockerArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let mut servers = Vec::new();
        for registry in &self.registry {
            servers.extend(names_of(registry).map_err(GateError::Place)?);
        }
        let file = ConfigFile::read(&config_path()?)?;
        let old = file.config()?;
        if self.undo {
            return undo(settings, &file, &old, &servers);
        }
        if servers.is_empty() && !self.all {
            return Err(GateError::NothingNamed("--registry").into());
        }
        let link = link::install()?;
        settings
            .console
            .note(&format!("The link is {}", link.display()));
        let mut new = old.clone();
        let before = new.ask_us(&servers, self.all);
        // What is in the copy stays there: no password that moves.
        let mut copy = match (old.asks_us(), file.before()) {
            (true, Some(copy)) => copy,
            _ => old.clone(),
        };
        for server in self.move_passwords(settings, &file, &new)? {
            new.forget_password(&server);
            copy.forget_password(&server);
        }
        if new.text() == old.text() {
            settings.console.note("docker asks cldkctl already");
            return Ok(());
        }
        if file.exists() {
            file.keep(&copy)?;
        }
        file.write(&new)?;
        self.tell(settings, &file, &servers, &before);
        Ok(())
    }

    fn tell(&self, settings: &Settings, file: &ConfigFile, servers: &[String], before: &[Before]) {
        let path = file.path().display();
        let mut what = servers.join(", ");
        if self.all {
            what = "every registry that has no helper of its own".to_owned();
        }
        let console = &settings.console;
        console.note(&format!("docker asks cldkctl, as {path} says: {what}"));
        for Before { server, helper } in before {
            let server = server.as_deref().unwrap_or("every registry");
            console.note(&format!(
                "No longer asked, until --undo: {helper} for {server}"
            ));
        }
    }

    /// Moves passwords from the settings into the vault, if that is wanted; of which servers.
    fn move_passwords(
        &self,
        settings: &Settings,
        file: &ConfigFile,
        config: &DockerConfig,
    ) -> Result<Vec<String>, Error> {
        let found = config.passwords();
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let path = file.path().display();
        let names: Vec<&str> = found.iter().map(|it| it.server.as_str()).collect();
        let question = format!(
            "Move the passwords in {path} into the vault, and out of that file ({})? [y/N]",
            names.join(", ")
        );
        if !self.moves && !agrees(settings, &question) {
            settings.console.warn(&format!(
                "passwords lie in {path}, in base64: {}; move them into the vault with --move",
                names.join(", ")
            ));
            return Ok(Vec::new());
        }
        move_into_vault(settings, found)
    }
}

fn agrees(settings: &Settings, question: &str) -> bool {
    let question = crate::printable::printable(question).to_string();
    let answer = settings.asker.ask_shown(&question).unwrap_or_default();
    matches!(answer.trim(), "y" | "Y" | "yes")
}

/// Stores the passwords; of which servers they are in the vault by now. Another secret that is
/// there stays, and so does the one in the file.
fn move_into_vault(settings: &Settings, found: Vec<Plain>) -> Result<Vec<String>, Error> {
    let now = platform::now();
    let mut vault = settings.vault.open(Touch::Use)?;
    let (moved, others) = vault.update(|contents| -> Result<_, Error> {
        let (mut moved, mut others) = (Vec::new(), Vec::new());
        for Plain {
            server,
            username,
            secret,
        } in &found
        {
            let Ok(place) = Kind::Docker.place(server) else {
                others.push(server.clone());
                continue;
            };
            let kind = Kind::Docker.name();
            let new = Credential::new(kind, place, username.clone(), secret.clone(), now);
            let is_other = |it: &Credential| {
                it.kind == kind && it.place == new.place && !it.has_the_same_secret(&new)
            };
            if contents.credentials.iter().any(is_other) {
                others.push(server.clone());
                continue;
            }
            contents.store_credential(new);
            moved.push(server.clone());
        }
        Ok((moved, others))
    })?;
    if !moved.is_empty() {
        let moved = moved.join(", ");
        settings
            .console
            .note(&format!("Moved into the vault: {moved}"));
    }
    if !others.is_empty() {
        settings.console.warn(&format!(
            "the vault has another password for these, so theirs stay in the file: {}; \
             log in there with `docker login`",
            others.join(", ")
        ));
    }
    Ok(moved)
}

fn undo(
    settings: &Settings,
    file: &ConfigFile,
    old: &DockerConfig,
    servers: &[String],
) -> Result<(), Error> {
    let copy = file.before();
    let mut new = old.clone();
    new.ask_others(copy.as_ref(), servers);
    let console = &settings.console;
    let path = file.path().display();
    if new.text() == old.text() {
        console.note(&format!("docker does not ask cldkctl, as {path} says"));
    } else if copy.is_none() && new.is_empty() {
        file.remove()?;
        console.note(&format!("docker asks as before: {path} is gone, as it was"));
    } else {
        match &copy {
            // With the layout that it had.
            Some(copy) if copy.says_the_same(&new) => file.write(copy)?,
            _ => file.write(&new)?,
        }
        console.note(&format!("docker asks as before, as {path} says"));
    }
    if !new.asks_us() {
        file.discard_copy();
        for link in link::remove()? {
            console.note(&format!("Removed the link {}", link.display()));
        }
    }
    console.note("What is in the vault stays there: see `cldkctl credential list docker`");
    Ok(())
}

/// Where docker has its settings.
fn config_path() -> Result<PathBuf, Error> {
    let named = std::env::var_os("DOCKER_CONFIG").filter(|it| !it.is_empty());
    let folder = match named {
        Some(folder) => PathBuf::from(folder),
        None => {
            let home = user_folders::home().ok_or(GateError::NoHome)?;
            home.join(".docker")
        }
    };
    Ok(folder.join("config.json"))
}
