//! `cldkctl credential add`.

use clap::Args;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use zeroize::Zeroizing;

use super::Named;
use crate::app::gate::{self, GateError, Kind};
use crate::cli::error::Error;
use crate::cli::settings::Settings;
use crate::cli::time_span::TimeSpan;
use crate::keeper::Touch;
use crate::platform;
use crate::prompt::source;
use crate::secret::{MAX_SECRET_BYTES, Secret};
use crate::vault::Credential;

/// Store a credential: asks for its secret, which is not shown
///
/// A credential with another secret is replaced with --force only.
#[derive(Args, Debug)]
#[command(after_long_help = examples!(
    "cldkctl credential add git git.example --username sari --secret-stdin < token.txt",
    "cldkctl credential add aws s3.example --username ID --secret-stdin --expires 90d < token.txt"
))]
pub(super) struct AddArgs {
    #[command(flatten)]
    named: Named,
    /// Read the secret from standard input, without its last line end
    #[arg(long)]
    secret_stdin: bool,
    /// Store a session token, too: a second question, or the second line of standard input
    #[arg(long)]
    session_token: bool,
    /// When it expires: a date, a time, or a span from now [default: never]
    #[arg(long, value_name = "DATE")]
    expires: Option<String>,
    /// Replace a credential that has another secret
    #[arg(long)]
    force: bool,
}

impl AddArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        let now = platform::now();
        let kind = Kind::named(&self.named.kind).ok_or(GateError::Kind)?;
        let place = kind.place(&self.named.place).map_err(GateError::Place)?;
        let username = username(kind, self.named.username.as_deref())?;
        let expires_at = match &self.expires {
            Some(text) => Some(end(text, now).map_err(GateError::Expires)?),
            None => None,
        };
        let (secret, second_secret) = match self.secret_stdin {
            true => from_stdin(self.session_token)?,
            false => typed(settings, self.session_token)?,
        };
        if kind == Kind::Git {
            gate::git::check_carried(secret.expose())?;
        }
        let mut new = Credential::new(kind.name(), place, username, secret, now);
        (new.second_secret, new.expires_at) = (second_secret, expires_at.map(Into::into));
        let name = new.name();
        let mut vault = settings.vault.open(Touch::Use)?;
        vault.update(|contents| -> Result<_, Error> {
            let old = contents.credential_like(&new);
            if !self.force && old.is_some_and(|old| !old.has_the_same_secret(&new)) {
                return Err(GateError::Exists(new.name()).into());
            }
            contents.store_credential(new);
            Ok(())
        })?;
        settings.console.note(&format!("Stored {name}"));
        Ok(())
    }
}

fn username(kind: Kind, given: Option<&str>) -> Result<String, GateError> {
    let needed = matches!(kind, Kind::Docker | Kind::Aws);
    let username = given.unwrap_or_default();
    if needed && username.is_empty() {
        return Err(GateError::NoUsername(kind.name()));
    }
    if !Credential::is_username(username) {
        return Err(GateError::Username);
    }
    Ok(username.to_owned())
}

fn typed(settings: &Settings, two: bool) -> Result<(Secret, Option<Secret>), GateError> {
    let ask = |question: &str| {
        let answer = settings.asker.ask_hidden(question);
        let answer = answer.map_err(GateError::NoSecret)?;
        Secret::new(&answer).ok_or(GateError::SecretTooLong)
    };
    let secret = ask("Secret:")?;
    let second = two.then(|| ask("Session token:")).transpose()?;
    Ok((secret, second))
}

fn from_stdin(two: bool) -> Result<(Secret, Option<Secret>), GateError> {
    let limit = 2 * MAX_SECRET_BYTES as u64 + 4;
    let bytes = source::read_stdin_at_most(limit).map_err(GateError::Stdin)?;
    let bytes = Zeroizing::new(bytes.ok_or(GateError::SecretTooLong)?);
    let text = str::from_utf8(&bytes).map_err(|_| GateError::SecretNotText)?;
    let text = without_line_end(text);
    let secret = |text| Secret::new(text).ok_or(GateError::SecretTooLong);
    if !two {
        return Ok((secret(text)?, None));
    }
    let (first, second) = text.split_once('\n').ok_or(GateError::NoSecondSecret)?;
    let first = first.strip_suffix('\r').unwrap_or(first);
    Ok((secret(first)?, Some(secret(second)?)))
}

fn without_line_end(text: &str) -> &str {
    let line = text.strip_suffix("\r\n");
    line.or_else(|| text.strip_suffix('\n')).unwrap_or(text)
}

/// `2027-01-31` (its first moment, in UTC), `2027-01-31T12:00:00Z`, `31/01/2027`, `90d`, `720h`.
fn end(text: &str, now: Timestamp) -> Result<Timestamp, &'static str> {
    let day = |date: Date| TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
    let days = text
        .strip_suffix('d')
        .and_then(|days| days.parse::<u32>().ok());
    let end = if let Some(days) = days {
        now.checked_add(SignedDuration::from_hours(24 * i64::from(days)))
            .ok()
    } else if let Ok(span) = text.parse::<TimeSpan>() {
        now.checked_add(span.0).ok()
    } else if let Ok(time) = text.parse::<Timestamp>() {
        Some(time)
    } else if let Ok(date) = Date::strptime("%d/%m/%Y", text) {
        day(date)
    } else {
        text.parse::<Date>().ok().and_then(day)
    };
    match end {
        None => Err("it is not a date"),
        Some(end) if end <= now => Err("it is over already"),
        Some(end) => Ok(end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_a_date_a_time_or_a_span() {
        let now: Timestamp = "2026-11-25T12:00:00Z".parse().expect("a time");
        for (text, expected) in [
            ("2027-01-31", "2027-01-31T00:00:00Z"),
            ("31/01/2027", "2027-01-31T00:00:00Z"),
            ("2027-01-31T10:00:00Z", "2027-01-31T10:00:00Z"),
            ("2027-01-31T10:00:00+07:00", "2027-01-31T03:00:00Z"),
            ("90d", "2027-02-23T12:00:00Z"),
            ("36h", "2026-11-27T00:00:00Z"),
        ] {
            assert_eq!(end(text, now).expect(text).to_string(), expected, "{text}");
        }
        for text in [
            "",
            "tomorrow",
            "2026-11-25",
            "0d",
            "-1d",
            "2027-02-30",
            "99999999999d",
        ] {
            assert!(end(text, now).is_err(), "{text}");
        }
    }
}
