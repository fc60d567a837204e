//! Which context a login goes to. A login of another account is not replaced unasked.

use crate::app::account::{is_another, may_replace, name, slug, whose};
use crate::cli::error::Error;
use crate::cli::removal::is_yes;
use crate::cli::settings::Settings;
use crate::vault::{Contents, Context, ContextName, Defaults};

/// What may become of another account's login whose context a new login would take.
pub(super) enum Consent {
    /// It stays.
    Keep,
    /// It stays: somebody was asked.
    Declined,
    /// It may be replaced: `--context` named it, and there was nobody to ask.
    Named,
    /// This one may be replaced: somebody was asked.
    Replace(Box<Context>),
}

/// What was done with a login.
pub(super) struct Placed {
    name: ContextName,
    /// The context that another account had, whose it was, and whether it was replaced.
    other: Option<(ContextName, String, bool)>,
}

/// The context of a login where nothing else names one.
pub(super) fn default_name() -> ContextName {
    "default".parse().expect("a good name")
}

/// Asks what to do if another account's login is in the way. Not under the vault's lock: a person
/// may take their time.
pub(super) fn agree(
    settings: &Settings,
    contents: &Contents,
    login: &Context,
) -> Result<Consent, Error> {
    let Some(old) = in_the_way(settings, contents, login) else {
        return Ok(Consent::Keep);
    };
    let question = format!(
        "The context {} is logged in as {}, and this token belongs to {}. \
         Replace that login? If not, this one becomes the context {}. [y/N]",
        old.name,
        whose(old, login),
        whose(login, old),
        beside(contents, login),
    );
    match settings.asker.ask_shown(&question) {
        Ok(answer) if is_yes(&answer) => Ok(Consent::Replace(Box::new(old.clone()))),
        Ok(_) => Ok(Consent::Declined),
        // A variable or the settings name a context for all commands. They are no word on this login.
        Err(error) if error.is_silence() && settings.context_is_a_flag => Ok(Consent::Named),
        Err(error) if error.is_silence() => Ok(Consent::Keep),
        Err(error) => Err(error.into()),
    }
}

/// Puts a login into the vault, as that is by now, and makes its context the current one.
pub(super) fn put(
    settings: &Settings,
    contents: &mut Contents,
    mut login: Context,
    consent: &Consent,
) -> Placed {
    let mut other = None;
    if let Some(old) = in_the_way(settings, contents, &login) {
        let replace = match consent {
            Consent::Keep | Consent::Declined => false,
            Consent::Named => true,
            Consent::Replace(asked) => asked.name == old.name && !is_another(asked, old),
        };
        // Who just said so need not be told.
        if !matches!(consent, Consent::Declined) {
            other = Some((old.name.clone(), whose(old, &login), replace));
        }
        if replace {
            login.name = old.name.clone();
            // Those of another account: its projects and organization.
            if let Some(old) = contents.context_mut(&login.name) {
                old.defaults = Defaults::default();
            }
        } else {
            login.name = beside(contents, &login);
        }
    } else {
        login.name = target(settings, contents, &login);
    }
    let name = login.name.clone();
    contents.log_in(login);
    Placed { name, other }
}

impl Placed {
    /// The first login of a new vault.
    pub(super) fn first(name: ContextName) -> Self {
        Self { name, other: None }
    }

    /// Says what was done. `who` is [`introduction`].
    pub(super) fn tell(&self, settings: &Settings, who: &str) {
        let console = settings.console;
        console.note(&format!("{who}, context {}", self.name));
        match &self.other {
            Some((name, whose, true)) => console.warn(&format!(
                "this replaced the login as {whose} in the context {name}"
            )),
            Some((name, whose, false)) => {
                console.warn(&format!(
                    "the context {name} stays logged in as {whose}; to replace that login, add --context {name}"
                ));
            }
            None => {}
        }
        if let Some(name) = &settings.context
            && !settings.context_is_a_flag
            && *name != self.name
        {
            console.warn(&format!(
                "CLDKCTL_CONTEXT or config.toml names the context {name}, so other commands use that one"
            ));
        }
    }
}

/// `Logged in to HOST as NAME`, or without a name that is not known.
pub(super) fn introduction(login: &Context) -> String {
    let origin = login.base_url.origin();
    let host = origin.authority();
    match name(&login.account) {
        Some(name) => format!("Logged in to {host} as {name}"),
        None => format!("Logged in to {host}"),
    }
}

/// The other account's login that is in the context where this one goes.
fn in_the_way<'a>(
    settings: &Settings,
    contents: &'a Contents,
    login: &Context,
) -> Option<&'a Context> {
    let old = contents.context(&target(settings, contents, login))?;
    (!may_replace(old, login)).then_some(old)
}

/// The context that was asked for, or else that of the same account, or else another one of the
/// same address, or else a free name.
fn target(settings: &Settings, contents: &Contents, login: &Context) -> ContextName {
    if let Some(name) = &settings.context {
        return name.clone();
    }
    let current = contents
        .current_context
        .as_ref()
        .and_then(|name| contents.context(name));
    let here = || {
        current
            .into_iter()
            .chain(&contents.contexts)
            .filter(|context| context.base_url == login.base_url)
    };
    if let Some(context) = here()
        .find(|context| may_replace(context, login))
        .or_else(|| here().next())
    {
        return context.name.clone();
    }
    if contents.context(&default_name()).is_none() {
        return default_name();
    }
    free_name(contents, &host(login))
}

/// A context that takes this login and loses no other: that of the same account, or a new one
/// named after it.
fn beside(contents: &Contents, login: &Context) -> ContextName {
    let own = contents
        .contexts
        .iter()
        .find(|context| may_replace(context, login));
    match own {
        Some(context) => context.name.clone(),
        None => free_name(
            contents,
            &slug(&login.account).unwrap_or_else(|| host(login)),
        ),
    }
}

fn host(login: &Context) -> String {
    let origin = login.base_url.origin();
    let allowed = origin.authority().chars().filter(|c| !"[]".contains(*c));
    allowed.take(48).collect()
}

/// `wanted`, or else with a number behind it.
fn free_name(contents: &Contents, wanted: &str) -> ContextName {
    // A host may begin with what no context's name does.
    let wanted = wanted.parse::<ContextName>().map_or("login", |_| wanted);
    (1..)
        .map(|number| match number {
            1 => wanted.to_owned(),
            number => format!("{wanted}-{number}"),
        })
        .filter_map(|name| name.parse::<ContextName>().ok())
        .find(|name| contents.context(name).is_none())
        .expect("a name that is free")
}
