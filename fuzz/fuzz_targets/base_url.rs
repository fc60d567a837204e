//! Base URLs, and the paths below them: a URL, and a path on the line after it.
#![no_main]

use cldkctl::base_url::BaseUrl;
use cldkctl_fuzz::{assert_harmless, lines, text};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [url, path] = lines(input);
    let (Some(url), Some(path)) = (text(url), text(path)) else {
        return;
    };
    match BaseUrl::parse(url) {
        Ok(base) => {
            let shown = base.to_string();
            assert_harmless(&shown);
            assert!(
                shown.starts_with("https://") || base.is_loopback(),
                "{shown}"
            );
            assert_eq!(
                BaseUrl::parse(&shown).as_ref(),
                Ok(&base),
                "what is shown is read as the same"
            );
            assert!(
                shown.is_ascii() && shown.len() <= 2048,
                "as vault-format.md has it: {shown}"
            );
            assert!(
                !shown.contains("@")
                    || shown
                        .split('/')
                        .nth(2)
                        .is_some_and(|host| !host.contains('@'))
            );
            for path in [path, "/", "/core/user/profile?x=1"] {
                if let Ok(joined) = base.join(path) {
                    assert!(
                        joined.as_str().starts_with(&format!("{shown}/")),
                        "{joined}"
                    );
                    assert_eq!(
                        joined.origin().ascii_serialization(),
                        base.origin().to_string()
                    );
                    assert!(joined.username().is_empty() && joined.password().is_none());
                }
            }
        }
        Err(error) => assert_harmless(&error.to_string()),
    }
});
