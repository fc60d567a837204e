//! `cldkctl api [METHOD] PATH`: an authenticated call, its answer as it came.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::completion::METHOD;
use super::console;
use super::error::{CallError, Error, Shown};
use super::settings::Settings;
use crate::api::{Answer, Body, Method, Request};
use crate::app::PassphraseSource;
use crate::base_url::BaseUrl;
use crate::files::input;
use crate::interrupt;
use crate::keeper::Touch;
use crate::printable::printable;
use crate::prompt::source;
use crate::secret::shown_path;

/// The largest body that is sent, in bytes.
const MAX_BODY_BYTES: u64 = 64 * 1024 * 1024;

/// Make an authenticated call and print its answer as it came
///
/// An HTTP error prints the answer, too, and exits with 8. The path is one below the base
/// URL that the token was verified at; the token goes nowhere else.
#[derive(Args, Debug)]
#[command(allow_missing_positional = true)]
#[command(after_long_help = examples!(
    "cldkctl api /core/user/profile",
    "cldkctl api POST /core/pods -f name=web",
    "cldkctl api PUT /core/user/projects/1234 --input body.json"
))]
pub struct ApiArgs {
    /// GET, HEAD, POST, PUT, PATCH or DELETE [default: GET, or POST with a body]
    #[arg(value_name = METHOD)]
    method: Option<String>,

    /// The path, such as /core/user/profile
    #[arg(value_name = "PATH")]
    path: String,

    /// Add a text field to the JSON body, or to the query of a GET or HEAD
    #[arg(short, long = "field", value_name = "KEY=VALUE", value_parser = parse_field, conflicts_with = "input")]
    fields: Vec<(String, String)>,

    /// Send this file as the JSON body; - is standard input
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,

    /// Print the status and the headers of the answer first
    #[arg(short, long)]
    include: bool,
}

impl ApiArgs {
    pub(super) fn run(self, settings: &Settings) -> Result<(), Error> {
        interrupt::watch();
        let include = self.include;
        if self
            .input
            .as_ref()
            .is_some_and(|file| file.as_os_str() == "-")
            && settings.vault.unlocker.identity.is_none()
            && settings.vault.unlocker.passphrase == Some(PassphraseSource::Stdin)
        {
            return Err(CallError::StdinTwice.into());
        }
        let request = self.request()?;
        let check = |base_url: &BaseUrl| request.url(base_url).map_err(CallError::Request);
        // Before anything is asked or unlocked: a wrong path needs no token. Nor a session, which
        // is why a long one is tried with the address of the login as well.
        check(&settings.address.of_login())?;
        let mut credential = settings.credentials()?.find(Touch::Use)?;
        check(&credential.base_url)?;
        let client = credential.client()?;
        let answer = credential.call(&client, &request)?;
        settings.asker.finish();
        print(&answer, include)?;
        let origin = credential.base_url.origin().to_string();
        match answer.status {
            _ if answer.refuses_session() => {
                let said = credential.said(&answer);
                Err(CallError::Rejected { origin, said }.into())
            }
            200..=299 => Ok(()),
            status => {
                let shown = match (answer.body.is_empty(), include) {
                    (false, _) => Shown::Body,
                    (true, false) => Shown::Nothing,
                    (true, true) => Shown::Headers,
                };
                Err(CallError::Status {
                    origin,
                    status,
                    said: credential.said(&answer),
                    shown,
                }
                .into())
            }
        }
    }

    fn request(self) -> Result<Request, CallError> {
        let has_body = self.input.is_some() || !self.fields.is_empty();
        let method: Method = match self.method {
            Some(word) => match (word.parse(), self.path.parse::<Method>()) {
                (Ok(method), _) => method,
                (Err(_), Ok(_)) => return Err(CallError::MethodBehind),
                (Err(_), Err(_)) => return Err(CallError::Method(word)),
            },
            None if has_body => Method::Post,
            None => Method::Get,
        };
        let mut request = Request {
            method,
            path: self.path,
            query: Vec::new(),
            body: None,
        };
        if let Some(file) = &self.input {
            request.body = Some(json(read_input(file)?));
        } else if matches!(method, Method::Get | Method::Head) {
            request.query = self.fields;
        } else if has_body {
            let fields: Map<String, Value> = self
                .fields
                .into_iter()
                .map(|(key, value)| (key, Value::from(value)))
                .collect();
            request.body = Some(json(Value::from(fields).to_string().into_bytes()));
        }
        Ok(request)
    }
}

fn json(bytes: Vec<u8>) -> Body {
    Body {
        bytes,
        content_type: "application/json".to_owned(),
    }
}

fn read_input(path: &Path) -> Result<Vec<u8>, CallError> {
    let read = if path.as_os_str() == "-" {
        source::read_stdin_at_most(MAX_BODY_BYTES)
    } else {
        input::open(path)
            .map_err(|error| CallError::Body(error.to_string()))?
            .read_at_most(MAX_BODY_BYTES)
    };
    read.map_err(|error| CallError::Body(format!("cannot read {}: {error}", shown_path(path))))?
        .ok_or_else(|| CallError::BodyTooLarge(path.to_owned()))
}

fn print(answer: &Answer, include: bool) -> Result<(), Error> {
    let mut head = String::new();
    if include {
        head = format!("HTTP {}\n", answer.status);
        for (name, value) in &answer.headers {
            head.push_str(&format!("{name}: {value}\n"));
        }
        head.push('\n');
    }
    // To a file or a pipe byte for byte; a terminal acts on some bytes, and gets none of them.
    if io::stdout().is_terminal() {
        let shown = Zeroizing::new(for_a_terminal(&answer.body));
        console::finish(console::write_to_stdout([
            head.as_bytes(),
            shown.as_bytes(),
        ]))
    } else {
        console::finish(console::write_to_stdout([head.as_bytes(), &answer.body]))
    }
}

/// The body line by line, with what a terminal acts on replaced, and a newline at its end.
fn for_a_terminal(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let mut shown = String::with_capacity(text.len() + 1);
    for part in text.split_inclusive(['\n', '\t']) {
        let (line, end) = part.split_at(part.len() - usize::from(part.ends_with(['\n', '\t'])));
        shown.push_str(&printable(line).to_string());
        shown.push_str(end);
    }
    if !text.ends_with('\n') && !text.is_empty() {
        shown.push('\n');
    }
    shown
}

fn parse_field(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').ok_or("a field is KEY=VALUE")?;
    if key.is_empty() {
        return Err("a field has a name in front of the =");
    }
    Ok((key.to_owned(), value.to_owned()))
}
