//! Whatever the API answers to a login: a line of status, media type, `Location`, `Retry-After`
//! and `Date` each, then the body.
#![no_main]

use cldkctl::api::{Answer, Login};
use cldkctl::base_url::BaseUrl;
use cldkctl::printable::printable;
use cldkctl::secret::Token;
use cldkctl_fuzz::{assert_harmless, lines};
use libfuzzer_sys::fuzz_target;
use zeroize::Zeroizing;

const TOKEN: &str = "cldkctl_0123456789ABCDEFabcdefghijkl";

fuzz_target!(|input: &[u8]| {
    let [status, content_type, location, retry_after, date, body] = lines(input);
    let header =
        |name: &str, value: &[u8]| (name.to_owned(), String::from_utf8_lossy(value).into_owned());
    let answer = Answer {
        status: String::from_utf8_lossy(status).parse().unwrap_or(200),
        headers: vec![
            header("content-type", content_type),
            header("location", location),
            header("retry-after", retry_after),
            header("date", date),
        ],
        body: Zeroizing::new(body.to_vec()),
    };
    let token = Token::parse(TOKEN).expect("a token");
    let now = jiff::Timestamp::UNIX_EPOCH;
    match Login::from_answer(&BaseUrl::default(), &answer, &token, now) {
        Ok(login) => {
            let longest = login.at + jiff::SignedDuration::from_hours(30 * 24);
            assert!(login.session.expires_at.timestamp() <= longest);
            assert!(login.account.len() <= 64);
            assert!(!format!("{login:?}").contains(TOKEN));
            for (name, value) in &login.account {
                assert!(!name.contains(TOKEN) && !value.to_string().contains(TOKEN));
                assert_harmless(&printable(&value.to_string()).to_string());
            }
        }
        Err(error) => {
            let said = error.to_string();
            assert_harmless(&said);
            // Sixteen characters of it in a row are enough to know it by.
            let said = said.to_ascii_lowercase();
            let token = TOKEN.to_ascii_lowercase();
            assert!(
                !token
                    .as_bytes()
                    .windows(16)
                    .any(|part| said.as_bytes().windows(16).any(|shown| shown == part)),
                "{said}"
            );
        }
    }
});
