//! The stand-in for Cloudeka keeps its word: as the API, and as every broken server it plays.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use crate::support::{Account, Certificate, Misbehave, Standin};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::blocking::{Client, ClientBuilder, Response};
use reqwest::redirect::Policy;
use serde_json::{Value, json};

const TOKEN: &str = "cldkctl_a-token-of-the-portal";
const LOGIN: &str = "/core/cldkctl/auth";
const PROFILE: &str = "/core/user/profile";

fn client() -> ClientBuilder {
    // Fails when it is there already, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let limit = Duration::from_secs(10);
    Client::builder()
        .no_proxy()
        .timeout(limit)
        .redirect(Policy::none())
}

fn log_in(standin: &Standin, token: &str) -> reqwest::Result<Response> {
    let url = standin.base_url() + LOGIN;
    client()
        .build()?
        .post(url)
        .json(&json!({ "token": token }))
        .send()
}

fn session(standin: &Standin) -> String {
    let answer: Value = log_in(standin, TOKEN).unwrap().json().unwrap();
    answer["data"]["token"].as_str().unwrap().to_owned()
}

fn get(standin: &Standin, path: &str, session: &str) -> Response {
    let request = client().build().unwrap().get(standin.base_url() + path);
    request.bearer_auth(session).send().unwrap()
}

fn claims(session: &str) -> String {
    let payload = session.split('.').nth(1).unwrap();
    String::from_utf8(URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

fn seconds_since_1970() -> i64 {
    std::time::UNIX_EPOCH
        .elapsed()
        .unwrap()
        .as_secs()
        .try_into()
        .unwrap()
}

/// A stand-in that knows [`TOKEN`].
fn standin() -> Standin {
    let standin = Standin::start();
    standin.accept_token(TOKEN);
    standin
}

#[test]
fn a_known_token_is_exchanged_for_a_new_session_each_time() {
    let standin = standin();
    let answer: Value = log_in(&standin, TOKEN).unwrap().json().unwrap();
    assert_eq!(answer["data"]["name"], "Sari Wijaya");
    assert_eq!(answer["data"]["role"], "Owner");
    assert_eq!(answer["data"]["organization_id"], "org-7f3a");

    let first = answer["data"]["token"].as_str().unwrap().to_owned();
    assert_eq!(first.split('.').count(), 3);
    let claims: Value = serde_json::from_str(&claims(&first)).unwrap();
    let left = claims["exp"].as_i64().unwrap() - seconds_since_1970();
    assert!((86_390..=86_400).contains(&left), "a day, not {left} s");

    let second = session(&standin);
    assert_ne!(first, second);
    assert_eq!(get(&standin, PROFILE, &first).status(), 200);
    assert_eq!(get(&standin, PROFILE, &second).status(), 200);
}

#[test]
fn each_token_is_that_of_its_account() {
    let standin = standin();
    let budi = Account {
        name: "Budi".into(),
        ..Account::default()
    };
    standin.accept_token_of("cldkctl_of-budi", budi);
    let answer: Value = log_in(&standin, "cldkctl_of-budi").unwrap().json().unwrap();
    let profile = get(&standin, PROFILE, answer["data"]["token"].as_str().unwrap());
    assert_eq!(profile.json::<Value>().unwrap()["data"]["name"], "Budi");
}

#[test]
fn an_unknown_a_revoked_and_a_missing_token_are_refused() {
    let standin = standin();
    let refused = log_in(&standin, "cldkctl_unknown").unwrap();
    assert_eq!(refused.status(), 401);
    assert!(refused.json::<Value>().unwrap()["message"].is_string());

    standin.revoke_token(TOKEN);
    assert_eq!(log_in(&standin, TOKEN).unwrap().status(), 401);

    let nothing = client().build().unwrap().post(standin.base_url() + LOGIN);
    assert_eq!(nothing.body("token").send().unwrap().status(), 400);
}

#[test]
fn without_a_live_session_there_is_nothing_but_a_401() {
    let standin = standin();
    let live = session(&standin);
    assert_eq!(get(&standin, PROFILE, "a.b.c").status(), 401);
    assert_eq!(
        get(&standin, PROFILE, TOKEN).status(),
        401,
        "a token is no session"
    );
    assert_eq!(get(&standin, PROFILE, &live).status(), 200);

    standin.end_sessions();
    assert_eq!(get(&standin, PROFILE, &live).status(), 401);
    assert_eq!(get(&standin, PROFILE, &session(&standin)).status(), 200);
}

#[test]
fn a_session_ends_when_its_life_is_over() {
    let standin = standin();
    standin.session_life(3);
    let short = session(&standin);
    assert_eq!(get(&standin, PROFILE, &short).status(), 200);
    let over = || get(&standin, PROFILE, &short).status() == 401;
    assert!(crate::support::wait_until(Duration::from_secs(20), over));

    standin.session_life(-60);
    let claims: Value = serde_json::from_str(&claims(&session(&standin))).unwrap();
    assert!(claims["exp"].as_i64().unwrap() < seconds_since_1970());
}

#[test]
fn every_known_route_answers_with_what_it_got_and_others_do_not_exist() {
    let standin = standin();
    let session = session(&standin);
    let list: Value = get(&standin, "/core/user/organization/projects/byOrg", &session)
        .json()
        .unwrap();
    assert_eq!(list["data"].as_array().unwrap().len(), 2);

    let path = "/core/kubernetes/pv/project-alpha/disk?namespace=default";
    let request = client().build().unwrap().put(standin.base_url() + path);
    let answer = request
        .bearer_auth(&session)
        .body("not JSON")
        .send()
        .unwrap();
    assert_eq!(
        answer.json::<Value>().unwrap(),
        json!({ "data": {
            "method": "PUT",
            "path": "/core/kubernetes/pv/project-alpha/disk",
            "query": "namespace=default",
            "body": "not JSON",
        }})
    );
    assert_eq!(get(&standin, "/core/user/nothing", &session).status(), 404);
    assert_eq!(
        get(&standin, "/core/kubernetes/pv//disk", &session).status(),
        404
    );
}

#[test]
fn everything_received_is_kept_in_order() {
    let standin = standin();
    assert_eq!((standin.requests().len(), standin.connections()), (0, 0));
    let session = session(&standin);
    get(&standin, "/core/user/profile?x=1", &session);

    let requests = standin.requests();
    assert_eq!(requests.len(), 2);
    assert_eq!(
        (requests[0].method.as_str(), requests[0].path.as_str()),
        ("POST", LOGIN)
    );
    assert_eq!(requests[0].json(), json!({ "token": TOKEN }));
    assert!(requests[0].contains(TOKEN) && !requests[1].contains(TOKEN));
    assert_eq!(
        requests[1].header("Authorization"),
        Some(&*format!("Bearer {session}"))
    );
    assert_eq!(standin.requests_for(PROFILE)[0].query, "x=1");
    assert_eq!(standin.connections(), 2);
}

#[test]
fn a_connection_takes_several_requests_and_a_body_may_come_in_chunks() {
    let standin = standin();
    let client = client().build().unwrap();
    let url = standin.base_url() + LOGIN;
    for _ in 0..3 {
        let body = json!({ "token": TOKEN }).to_string().into_bytes();
        let unsized_body = reqwest::blocking::Body::new(std::io::Cursor::new(body));
        let answer = client.post(&url).body(unsized_body).send().unwrap();
        assert_eq!(answer.status(), 200);
        answer.bytes().unwrap();
    }
    assert_eq!(standin.connections(), 1);
    assert_eq!(
        standin.requests()[2].header("transfer-encoding"),
        Some("chunked")
    );
}

#[test]
fn a_client_that_trusts_the_ca_gets_through_over_tls() {
    let standin = Standin::start_tls();
    standin.accept_token(TOKEN);
    let ca = reqwest::Certificate::from_pem(standin.ca_pem().as_bytes()).unwrap();
    let client = client().tls_certs_only([ca]).build().unwrap();
    for host in [
        standin.base_url(),
        standin.base_url().replace("127.0.0.1", "localhost"),
    ] {
        let request = client.post(host + LOGIN).json(&json!({ "token": TOKEN }));
        let answer: Value = request.send().unwrap().json().unwrap();
        assert_eq!(answer["data"]["name"], "Sari Wijaya");
    }
}

#[test]
fn a_certificate_that_is_not_right_gets_nothing_from_a_client() {
    for (certificate, reason) in [
        (Certificate::OtherName, "NotValidForName"),
        (Certificate::Expired, "Expired"),
        (Certificate::SelfSigned, "UnknownIssuer"),
    ] {
        let standin = Standin::start_tls_with(certificate);
        let ca = reqwest::Certificate::from_pem(standin.ca_pem().as_bytes()).unwrap();
        let client = client().tls_certs_only([ca]).build().unwrap();
        let error = client
            .post(standin.base_url() + LOGIN)
            .body(TOKEN)
            .send()
            .unwrap_err();
        assert!(
            format!("{error:?}").contains(reason),
            "{certificate:?}: {error:?}"
        );
        assert_eq!(standin.requests().len(), 0);
        assert!(standin.connections() > 0);
    }
}

#[test]
fn whoever_does_not_know_the_ca_does_not_trust_it() {
    let standin = Standin::start_tls();
    let error = log_in(&standin, TOKEN).unwrap_err();
    assert!(format!("{error:?}").contains("UnknownIssuer"), "{error:?}");
}

#[test]
fn answers_can_be_of_any_status_and_any_content() {
    let standin = standin();
    for (how, status, body) in [
        (Misbehave::internal_error(), 500, "Internal Server Error"),
        (Misbehave::database_error(), 400, "pq: relation"),
        (Misbehave::html(200), 200, "<h1>"),
        (Misbehave::html(502), 502, "<h1>"),
        (Misbehave::no_session(), 200, r#"{"data":{"name""#),
        (Misbehave::broken_json(), 200, r#"{"data":{"token":"ey"#),
        (Misbehave::too_many_requests(7), 429, "too many"),
        (Misbehave::EchoToken, 401, TOKEN),
    ] {
        standin.misbehave_next(1, how);
        let answer = log_in(&standin, TOKEN).unwrap();
        assert_eq!(answer.status(), status);
        if status == 429 {
            assert_eq!(answer.headers()["retry-after"], "7");
        }
        let text = answer.text().unwrap();
        assert!(text.contains(body), "{text}");
    }
    standin.misbehave(Misbehave::invalid_utf8());
    let bytes = log_in(&standin, TOKEN).unwrap().bytes().unwrap();
    assert!(std::str::from_utf8(&bytes).is_err());
}

#[test]
fn misbehaviour_lasts_as_long_and_reaches_as_far_as_it_is_told() {
    let standin = standin();
    let status = || log_in(&standin, TOKEN).unwrap().status().as_u16();

    standin.misbehave_next(3, Misbehave::unavailable());
    assert_eq!(
        [status(), status(), status(), status()],
        [503, 503, 503, 200]
    );

    let session = session(&standin);
    standin.misbehave_at(PROFILE, Misbehave::internal_error());
    assert_eq!(status(), 200);
    assert_eq!(get(&standin, PROFILE, &session).status(), 500);

    standin.misbehave(Misbehave::html(502));
    standin.misbehave_next(1, Misbehave::unavailable());
    assert_eq!([status(), status(), status()], [503, 502, 502]);
    standin.behave();
    assert_eq!(status(), 200);
}

#[test]
fn a_redirect_leads_where_it_is_told() {
    let (here, elsewhere) = (standin(), Standin::start());
    here.misbehave(Misbehave::redirect(&(elsewhere.base_url() + LOGIN)));
    assert_eq!(log_in(&here, TOKEN).unwrap().status(), 307);
    assert_eq!(elsewhere.connections(), 0);

    let follower = client().redirect(Policy::limited(3)).build().unwrap();
    let request = follower
        .post(here.base_url() + LOGIN)
        .json(&json!({ "token": TOKEN }));
    request.send().unwrap();
    assert!(
        elsewhere.requests()[0].contains(TOKEN),
        "307 repeats the body"
    );
}

#[test]
fn a_session_claims_what_it_is_told_to_and_works_all_the_same() {
    let standin = standin();
    for absurd in [
        r#"{"exp":-1}"#,
        r#"{"exp":1e400}"#,
        r#"{"exp":"soon"}"#,
        "{}",
        "not JSON",
    ] {
        standin.misbehave_next(1, Misbehave::Claims(absurd.into()));
        let session = session(&standin);
        assert_eq!(claims(&session), absurd);
        assert_eq!(get(&standin, PROFILE, &session).status(), 200);
    }
    standin.misbehave_next(1, Misbehave::SessionText("a\r\nX-Injected: b".into()));
    assert_eq!(session(&standin), "a\r\nX-Injected: b");
}

#[test]
fn escape_sequences_are_in_every_text_but_the_session() {
    let standin = standin();
    standin.misbehave(Misbehave::EscapeSequences);
    let answer: Value = log_in(&standin, TOKEN).unwrap().json().unwrap();
    for name in ["name", "email", "role", "organization_id"] {
        assert!(
            answer["data"][name].as_str().unwrap().contains("\u{1b}[2J"),
            "{name}"
        );
    }
    assert!(!answer["data"]["token"].as_str().unwrap().contains('\u{1b}'));
    let refused: Value = log_in(&standin, "cldkctl_unknown").unwrap().json().unwrap();
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("\u{1b}]0;owned")
    );
}

#[test]
fn a_body_without_end_goes_on_until_the_client_has_enough() {
    for how in [Misbehave::EndlessBody, Misbehave::HugeBody] {
        let standin = standin();
        let huge = matches!(how, Misbehave::HugeBody);
        standin.misbehave(how);
        let answer = log_in(&standin, TOKEN).unwrap();
        assert_eq!(answer.content_length(), huge.then_some(16 << 30));
        let mut start = Vec::new();
        answer.take(10 << 20).read_to_end(&mut start).unwrap();
        assert_eq!(start.len(), 10 << 20);
    }
}

#[test]
fn a_cut_body_ends_before_its_length() {
    let standin = standin();
    standin.misbehave(Misbehave::CutBody);
    let answer = log_in(&standin, TOKEN).unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().is_err());
}

#[test]
fn a_slow_answer_arrives_byte_by_byte() {
    let standin = standin();
    let interval = Duration::from_millis(2);
    for how in [Misbehave::SlowHead(interval), Misbehave::SlowBody(interval)] {
        standin.misbehave_next(1, how);
        let start = Instant::now();
        let answer = log_in(&standin, TOKEN).unwrap();
        assert!(answer.json::<Value>().unwrap()["data"]["token"].is_string());
        assert!(start.elapsed() > 90 * interval, "{:?}", start.elapsed());
    }
}

#[test]
fn a_server_that_never_answers_makes_the_client_give_up() {
    let standin = standin();
    standin.misbehave(Misbehave::NeverAnswer);
    let impatient = client()
        .timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    let error = impatient
        .post(standin.base_url() + LOGIN)
        .body("{}")
        .send()
        .unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
    assert_eq!(standin.requests().len(), 1, "it listened, though");
}

#[test]
fn a_closed_connection_and_garbage_are_errors_of_the_connection() {
    let standin = standin();
    for how in [Misbehave::CloseAtOnce, Misbehave::Garbage] {
        standin.misbehave(how);
        let error = log_in(&standin, TOKEN).unwrap_err();
        assert!(error.is_request(), "{error:?}");
    }
}

#[test]
fn a_dropped_stand_in_is_gone_and_so_are_its_connections() {
    let standin = standin();
    standin.misbehave(Misbehave::NeverAnswer);
    let address = standin.base_url().replace("http://", "");
    let mut waiting = TcpStream::connect(&address).unwrap();
    waiting.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert!(crate::support::wait_until(
        Duration::from_secs(5),
        || standin.requests().len() == 1
    ));

    drop(standin);
    waiting
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    assert_eq!(
        waiting.read(&mut [0]).unwrap(),
        0,
        "closed, rather than silent"
    );
    // Another test's may have the port for a while.
    let gone = || TcpStream::connect(&address).is_err();
    assert!(crate::support::wait_until(Duration::from_secs(30), gone));
    assert!(
        TcpStream::connect(crate::support::standin::nobodys_url().replace("http://", "")).is_err()
    );
}
