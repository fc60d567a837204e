//! What a `credential_process` prints, as the AWS SDKs and tools read it:
//! docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html.

use jiff::Timestamp;
use serde::Serialize;
use zeroize::Zeroizing;

use super::error::GateError;
use super::place::Kind;
use crate::secret::Secret;
use crate::vault::{Contents, Credential};

/// The credential for an endpoint and a user; either may be left out if there is no choice.
///
/// # Errors
/// When there is none, there are several, or it is over.
pub fn find<'a>(
    contents: &'a Contents,
    endpoint: Option<&str>,
    username: Option<&str>,
    now: Timestamp,
) -> Result<&'a Credential, GateError> {
    let kind = Kind::Aws.name();
    let found = match endpoint {
        Some(endpoint) => {
            let place = Kind::Aws.place(endpoint).map_err(GateError::Place)?;
            super::named(contents, kind, &place, username)?
        }
        None => {
            let mut all = contents
                .credentials_of(kind)
                .filter(|it| username.is_none_or(|name| it.username == name));
            match (all.next(), all.next()) {
                (Some(one), None) => one,
                (None, _) => return Err(GateError::NoneOf(kind)),
                (Some(_), Some(_)) => return Err(GateError::SeveralPlaces(kind)),
            }
        }
    };
    match found.has_expired(now) {
        true => Err(GateError::Expired(found.name())),
        false => Ok(found),
    }
}

/// The answer.
#[must_use]
pub fn answer(credential: &Credential) -> Zeroizing<Vec<u8>> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Answer<'a> {
        version: u8,
        access_key_id: &'a str,
        secret_access_key: &'a Secret,
        #[serde(skip_serializing_if = "Option::is_none")]
        session_token: Option<&'a Secret>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expiration: Option<String>,
    }
    let answer = Answer {
        version: 1,
        access_key_id: &credential.username,
        secret_access_key: &credential.secret,
        session_token: credential.second_secret.as_ref(),
        // To the second: not every reader takes a fraction.
        expiration: (credential.expires_at)
            .map(|end| end.date_time().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
    };
    Zeroizing::new(serde_json::to_vec(&answer).expect("text is JSON"))
}
