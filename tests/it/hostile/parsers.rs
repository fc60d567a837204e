//! What is written is read as the same, and what others say does no harm: for every parser, over
//! made-up inputs. The fuzz targets have the same properties, and search for inputs by themselves.

use std::path::{Path, PathBuf};
use std::time::Duration;

use age_core::format::Stanza;
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use cldkctl::api::{Answer, Login, session};
use cldkctl::base_url::BaseUrl;
use cldkctl::cli::config::Config;
use cldkctl::cli::size::Size;
use cldkctl::cli::time_span::{TimeSpan, in_words};
use cldkctl::keeper::agent::wire::{MAX_REQUEST, Received, Reply, Request};
use cldkctl::keeper::{CachedKey, Scope, Slot, Touch};
use cldkctl::printable::printable;
use cldkctl::prompt::{Asker, identity};
use cldkctl::qr::{Qr, Resilience};
use cldkctl::secret::{Key, Passphrase, Token};
use cldkctl::vault::{ContextName, Cost, Kdf, PublicRecipient, Salt, Sealed, armor, stanza};
use jiff::{SignedDuration, Timestamp};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use zeroize::Zeroizing;

/// The same cases at each run: the fuzz targets are what searches for new ones.
fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 256,
        rng_seed: RngSeed::Fixed(5),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn kdf() -> impl Strategy<Value = Kdf> {
    ("[A-Za-z0-9+/]{21}[AQgw]", 1u32..=64, 1u32.., 8u32 * 64..).prop_map(
        |(salt, lanes, iterations, memory_kib)| Kdf {
            salt: Salt::parse(&salt).unwrap(),
            cost: Cost {
                memory_kib,
                iterations,
                lanes,
            },
        },
    )
}

fn held() -> impl Strategy<Value = CachedKey> {
    (
        kdf(),
        any::<[u8; 32]>(),
        any::<bool>(),
        any::<u32>(),
        any::<u64>(),
    )
        .prop_map(|(kdf, key, user, idle, ends)| CachedKey {
            salt: kdf.salt,
            key: Key::copied_from(&key),
            scope: if user { Scope::User } else { Scope::Session },
            idle: Duration::from_secs(idle.into()),
            ends: Duration::from_millis(ends),
        })
}

/// What a terminal would act on, beside what Unicode calls a control character.
fn is_harmful(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    Answer {
        status,
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: Zeroizing::new(body.as_bytes().to_vec()),
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn a_stanza_is_read_as_it_was_written(kdf in kdf()) {
        prop_assert_eq!(stanza::find(&[stanza::write(&kdf)]), Ok(Some(kdf)));
    }

    #[test]
    fn a_stanza_has_one_spelling(args in vec("v1|v2|[0-9]{1,11}|[A-Za-z0-9+/]{21}[AQgw]|\\PC*", 0..7), body in any::<bool>()) {
        let given = Stanza { tag: stanza::TAG.to_owned(), args, body: if body { vec![0] } else { vec![] } };
        if let Ok(Some(kdf)) = stanza::find(std::slice::from_ref(&given)) {
            let written = stanza::write(&kdf);
            prop_assert_eq!((written.args, written.body), (given.args, given.body));
        }
    }

    #[test]
    fn armor_is_another_form_of_the_same_file(rest in vec(any::<u8>(), 0..300)) {
        let file = [b"age-encryption.org/v1\n-> X x\n\n--- AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n0123456789abcdef".as_slice(), &rest].concat();
        let sealed = Sealed::parse(&armor(&file).unwrap()).unwrap();
        prop_assert_eq!(sealed.bytes(), file);
        prop_assert!(sealed.is_armored());
    }

    #[test]
    fn a_name_is_what_was_typed(text in "[A-Za-z0-9._@:-]{0,70}|\\PC{0,9}") {
        match text.parse::<ContextName>() {
            Ok(name) => prop_assert_eq!(name.to_string(), text),
            Err(_) => prop_assert!(text.is_empty() || text.len() > 64 || text.starts_with('-') || text.contains(|c: char| !c.is_ascii_alphanumeric() && !"._-@:".contains(c))),
        }
    }

    #[test]
    fn a_token_is_what_was_typed_without_the_blanks_around_it(token in "[!-~]{1,200}", before in "[ \t\n]{0,3}", after in "[ \t\r\n]{0,3}") {
        let parsed = Token::parse(&format!("{before}{token}{after}")).unwrap();
        prop_assert_eq!(parsed.expose(), token);
        prop_assert_eq!(format!("{:?}", parsed), "[redacted]");
    }

    #[test]
    fn a_base_url_that_is_shown_is_read_as_the_same(
        text in "(https?|HTTPS)://([a-z0-9_!$é.-]{1,12}|\\[::1\\]|127\\.0\\.0\\.1|LocalHost)(:[0-9]{1,6})?(/[\\PC]{0,5}){0,3}",
        path in "/[\\PC]{0,12}",
    ) {
        if let Ok(base) = BaseUrl::parse(&text) {
            let shown = base.to_string();
            let again = BaseUrl::parse(&shown);
            prop_assert_eq!(again.as_ref(), Ok(&base));
            prop_assert!(shown.starts_with("https://") || base.is_loopback(), "{}", shown);
            prop_assert!(shown.is_ascii() && !shown.ends_with('/'));
            // What a vault has been given, it also takes.
            prop_assert_eq!(serde_json::from_value::<BaseUrl>(serde_json::to_value(&base).unwrap()).unwrap(), base.clone());
            if let Ok(url) = base.join(&path) {
                prop_assert_eq!(url.origin().ascii_serialization(), base.origin().to_string());
                let below = format!("{shown}/");
                prop_assert!(url.as_str().starts_with(&below), "{}", url);
            }
        }
    }

    #[test]
    fn a_period_is_read_in_seconds_as_in_larger_units(seconds in 1u32..) {
        let period = TimeSpan(Duration::from_secs(seconds.into()));
        prop_assert_eq!(format!("{seconds}s").parse(), Ok(period));
        let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
        prop_assert_eq!(format!("{hours}h {minutes}m {}s", seconds % 60).parse(), Ok(period));
        prop_assert!(in_words(seconds.into()).parse::<TimeSpan>().is_ok_and(|shown| shown.0 <= period.0));
    }

    #[test]
    fn a_size_is_read_in_every_unit(kib in any::<u32>()) {
        prop_assert_eq!(format!("{kib}KiB").parse(), Ok(Size(kib)));
        let mib = kib / 1024;
        prop_assert_eq!(format!("{mib} mib").parse(), Ok(Size(mib * 1024)));
        let beyond = format!("{}KiB", u64::from(kib) + (1 << 32)).parse::<Size>();
        prop_assert!(beyond.is_err());
    }

    #[test]
    fn settings_are_read_as_they_were_written(
        context in "[A-Za-z0-9._@:][A-Za-z0-9._@:-]{0,20}",
        vault in "[^/\\p{C}~][^\\p{C}]{0,20}",
        retries in any::<u32>(),
        idle in 1u32..,
        kib in any::<u32>(),
    ) {
        let quoted = serde_json::to_string(&vault).unwrap();
        let text = format!("context = \"{context}\"\nvault = {quoted}\nmax-retries = {retries}\n[unlock]\nidle = \"{idle}s\"\n[kdf]\nmemory = \"{kib}KiB\"\n");
        let config = Config::parse(&text, Path::new("/etc/cldkctl")).unwrap();
        prop_assert_eq!(config.context.map(String::from), Some(context));
        prop_assert_eq!(config.vault, Some(PathBuf::from("/etc/cldkctl").join(vault)));
        prop_assert_eq!(config.max_retries, Some(retries));
        prop_assert_eq!(config.unlock.idle, Some(TimeSpan(Duration::from_secs(idle.into()))));
        prop_assert_eq!(config.kdf.memory, Some(Size(kib)));
    }

    #[test]
    fn what_is_wrong_with_settings_is_said_on_one_harmless_line(text in "(([a-z-]{1,12}|vault|[\\PC\u{1b}\u{202e}]{0,4}) ?=? ?[\\PC\u{7}]{0,8}\n){0,4}") {
        if let Err(what) = Config::parse(&text, Path::new("/")) {
            prop_assert!(!what.to_string().contains(is_harmful), "{:?}", what);
        }
    }

    #[test]
    fn a_request_to_the_agent_is_read_when_it_is_whole(held in held(), slot in "\\PC{0,50}", kind in 0..4u8, cut in any::<prop::sample::Index>()) {
        let slot = Slot::received(&slot).unwrap();
        let request = match kind {
            0 => Request::Put(slot, held),
            1 => Request::Get(slot, Touch::Use),
            2 => Request::Get(slot, Touch::Look),
            _ => Request::Forget(slot),
        };
        let bytes = request.to_bytes();
        prop_assert!(bytes.len() <= MAX_REQUEST);
        let Received::Whole(read) = Request::read(&bytes) else {
            return Err(TestCaseError::fail("it is whole"));
        };
        prop_assert_eq!(&read.to_bytes()[..], &bytes[..]);
        prop_assert!(matches!(Request::read(&bytes[..cut.index(bytes.len())]), Received::Part));
        prop_assert!(matches!(Request::read(&[&bytes[..], b"\0"].concat()), Received::Nonsense));
    }

    #[test]
    fn a_reply_of_the_agent_is_read_as_it_was_written(held in held(), cut in any::<prop::sample::Index>()) {
        for reply in [Reply::Nothing, Reply::Forgotten, Reply::CachedKey(held)] {
            let bytes = reply.to_bytes();
            prop_assert_eq!(&Reply::read(&bytes).unwrap().to_bytes()[..], &bytes[..]);
            prop_assert!(Reply::read(&bytes[..cut.index(bytes.len())]).is_none());
        }
    }

    #[test]
    fn a_session_ends_when_it_says_and_after_thirty_days_at_most(now in -62_135_596_800i64..200_000_000_000, exp in any::<i64>(), claims in "\\PC{0,40}") {
        let now = Timestamp::from_second(now).unwrap();
        let ends = |claims: &str| {
            let jwt = format!("e30.{}.c2ln", BASE64_URL_SAFE_NO_PAD.encode(claims));
            session(Token::parse(&jwt).unwrap(), now).expires_at.timestamp().duration_since(now)
        };
        let month = SignedDuration::from_hours(30 * 24);
        prop_assert!(ends(&claims) <= month);
        let claimed = ends(&format!("{{\"exp\":{exp}}}"));
        prop_assert!(claimed <= month);
        let hour = now.as_second() + 3600;
        prop_assert_eq!(ends(&format!("{{\"exp\":{hour}}}")), SignedDuration::from_hours(1));
    }

    #[test]
    fn no_answer_makes_an_error_show_the_token(
        token in "[!-~]{16,60}",
        before in "\\PC{0,20}",
        after in "[\\PC\u{1b}\u{9b}\u{202e}\n]{0,20}",
        status in 300u16..600,
        upper in any::<bool>(),
    ) {
        // A secret that looks like what stands in its place is no secret.
        prop_assume!(!"[redacted]".contains(&token[..1]) && !token.contains("redacted"));
        let echo = if upper { token.to_ascii_uppercase() } else { token.clone() };
        let said = format!("{before}{echo}{after}");
        let json = serde_json::json!({"message": said, "error": [echo, {"detail": said}]}).to_string();
        let location = format!("https://{echo}.example/{echo}");
        for body in [&said, &json] {
            let answer = answer(status, &[("location", &location), ("content-type", "text/plain")], body);
            let error = Login::from_answer(&BaseUrl::default(), &answer, &Token::parse(&token).unwrap(), Timestamp::UNIX_EPOCH).unwrap_err().to_string();
            let (lower, secret) = (error.to_ascii_lowercase(), token.to_ascii_lowercase());
            for part in secret.as_bytes().windows(16) {
                prop_assert!(!lower.as_bytes().windows(16).any(|shown| shown == part), "{}", error);
            }
            prop_assert!(!error.contains(is_harmful), "{:?}", error);
        }
    }

    #[test]
    fn nothing_that_a_terminal_acts_on_is_printable(text in "[\\PC\\p{C}]{0,40}") {
        let shown = printable(&text).to_string();
        prop_assert!(!shown.contains(is_harmful), "{:?}", shown);
        prop_assert_eq!(shown.chars().count(), text.chars().count());
        if !text.contains(|c: char| !c.is_ascii_graphic()) {
            prop_assert_eq!(shown, text);
        }
    }

    #[test]
    fn a_passphrase_is_normalised_once_and_for_all(text in "\\PC{0,30}") {
        let once = Passphrase::new(&text);
        let again = Passphrase::new(&format!("{}\r\n", once.expose()));
        prop_assert_eq!(once.expose(), again.expose());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, ..cases() })]

    #[test]
    fn a_key_is_read_from_its_file_and_from_its_qr_code(bytes in any::<[u8; 32]>()) {
        let prefix = bech32::Hrp::parse("age-secret-key-").unwrap();
        let text = bech32::encode_upper::<bech32::Bech32>(prefix, &bytes).unwrap();
        let key: age::x25519::Identity = text.parse().unwrap();
        prop_assert_eq!(identity::parse(format!("# made now\r\n\n{text}\n"), "key.txt", &Asker::new(false)).unwrap().len(), 1);
        let public = key.to_public().to_string();
        prop_assert_eq!(public.parse::<PublicRecipient>().unwrap().to_string(), public);

        let code = Qr::of(&text, Resilience::Paper).unwrap();
        // Two modules to a character, each drawn as one pixel here; a reader takes that.
        let lines: Vec<Vec<char>> = code.in_text().lines().map(|line| line.chars().collect()).collect();
        let dark = |x: usize, y: usize| match lines[y / 2][x] {
            '█' => true,
            '▀' => y.is_multiple_of(2),
            '▄' => !y.is_multiple_of(2),
            _ => false,
        };
        let width = code.width();
        let scale = 4;
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width * scale, width * scale, |x, y| {
            if dark(x / scale, y / scale) { 0 } else { 255 }
        });
        let grids = image.detect_grids();
        prop_assert_eq!(grids.len(), 1);
        prop_assert_eq!(grids[0].decode().unwrap().1, text);
    }
}
