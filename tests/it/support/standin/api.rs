//! What Cloudeka does when nothing is wrong: tokens, sessions, routes.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Account, Answer, Received};

/// Name, method and path of every route the original tool knows, tab-separated.
const ROUTES: &str = include_str!("cloudeka-routes.tsv");

/// The one route that needs no session.
const LOGIN: &str = "/core/cldkctl/auth";

pub(super) struct Api {
    tokens: HashMap<String, Account>,
    sessions: HashMap<String, LiveSession>,
    pub(super) session_life: i64,
    /// How many seconds its clock is ahead, where it shows one.
    pub(super) clock: Option<i64>,
}

struct LiveSession {
    account: Account,
    /// Seconds since 1970.
    ends: i64,
}

impl Default for Api {
    fn default() -> Self {
        Self {
            tokens: HashMap::new(),
            sessions: HashMap::new(),
            session_life: 24 * 60 * 60,
            clock: None,
        }
    }
}

impl Api {
    pub(super) fn accept_token(&mut self, token: &str, account: Account) {
        self.tokens.insert(token.to_owned(), account);
    }

    pub(super) fn revoke_token(&mut self, token: &str) {
        self.tokens.remove(token);
    }

    pub(super) fn end_sessions(&mut self) {
        self.sessions.clear();
    }

    /// The answer to `request`.
    pub(super) fn answer(&mut self, request: &Received) -> Answer {
        let issued = self.now();
        let claims = json!({ "iat": issued, "exp": issued + self.session_life });
        self.answer_with_claims(request, &claims.to_string())
    }

    /// The answer to `request`; a session made for it claims exactly this, JSON or not.
    pub(super) fn answer_with_claims(&mut self, request: &Received, claims: &str) -> Answer {
        self.answer_with_session(request, &jwt(claims))
    }

    /// The answer to `request`; a session made for it is exactly this text.
    pub(super) fn answer_with_session(&mut self, request: &Received, session: &str) -> Answer {
        let answer = self.undated(request, session);
        match self.clock {
            Some(ahead) => answer.with("date", &http_date(ahead)),
            None => answer,
        }
    }

    fn undated(&mut self, request: &Received, session: &str) -> Answer {
        if request.path == LOGIN {
            return self.log_in(request, session);
        }
        let Some(live) = self.session_of(request) else {
            return unauthorized("invalid or expired jwt");
        };
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/core/user/profile") => ok(&live.account.facts()),
            ("GET", "/core/user/organization/projects/byOrg") => ok(&json!([
                { "project_id": "project-alpha", "project_name": "Alpha", "type": "project" },
                { "project_id": "project-beta", "project_name": "Beta", "type": "project" },
            ])),
            _ if is_a_route(request) => ok(&echo(request)),
            _ => Answer::json(404, &json!({ "message": "route not found" })),
        }
    }

    fn log_in(&mut self, request: &Received, session: &str) -> Answer {
        if request.method != "POST" {
            return Answer::json(405, &json!({ "message": "method not allowed" }));
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let Some(token) = body["token"].as_str() else {
            return Answer::json(400, &json!({ "message": "token is required" }));
        };
        let Some(account) = self.tokens.get(token) else {
            return unauthorized("token not found or expired");
        };
        let mut facts = account.facts();
        facts["token"] = session.into();
        let live = LiveSession {
            account: account.clone(),
            ends: self.now() + self.session_life,
        };
        self.sessions.insert(session.to_owned(), live);
        ok(&facts)
    }

    fn now(&self) -> i64 {
        now() + self.clock.unwrap_or(0)
    }

    fn session_of(&self, request: &Received) -> Option<&LiveSession> {
        let session = request.header("authorization")?.strip_prefix("Bearer ")?;
        self.sessions
            .get(session)
            .filter(|live| self.now() < live.ends)
    }
}

impl Account {
    fn facts(&self) -> Value {
        json!({
            "name": self.name,
            "email": self.email,
            "role": self.role,
            "organization_id": self.organization_id,
        })
    }
}

fn ok(data: &Value) -> Answer {
    Answer::json(200, &json!({ "data": data }))
}

fn unauthorized(message: &str) -> Answer {
    Answer::json(401, &json!({ "message": message }))
}

/// What was received, sent back.
fn echo(request: &Received) -> Value {
    let body = serde_json::from_slice(&request.body)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(&request.body)));
    json!({
        "method": request.method,
        "path": request.path,
        "query": request.query,
        "body": body,
    })
}

fn is_a_route(request: &Received) -> bool {
    ROUTES.lines().any(|line| {
        let mut columns = line.split('\t').skip(1);
        columns.next() == Some(&request.method)
            && columns
                .next()
                .is_some_and(|pattern| is_of_pattern(&request.path, pattern))
    })
}

/// Whether `path` is of `pattern`, in which `:name` stands for any one segment.
fn is_of_pattern(path: &str, pattern: &str) -> bool {
    path.split('/').count() == pattern.split('/').count()
        && path
            .split('/')
            .zip(pattern.split('/'))
            .all(|(segment, pattern)| {
                segment == pattern || (pattern.starts_with(':') && !segment.is_empty())
            })
}

/// A text of the shape of a JSON Web Token (RFC 7519), with a signature that nobody checks
/// and that makes each one different.
fn jwt(claims: &str) -> String {
    let mut signature = [0; 32];
    getrandom::fill(&mut signature).expect("random bytes");
    let encode = |part: &[u8]| URL_SAFE_NO_PAD.encode(part);
    let header = encode(br#"{"alg":"HS256","typ":"JWT"}"#);
    format!(
        "{header}.{}.{}",
        encode(claims.as_bytes()),
        encode(&signature)
    )
}

/// The value of a `Date` header, this many seconds from now.
pub fn http_date(from_now: i64) -> String {
    let time = jiff::Timestamp::from_second(now() + from_now).expect("a time");
    time.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("later than 1970");
    i64::try_from(since.as_secs()).expect("earlier than the end of time")
}
