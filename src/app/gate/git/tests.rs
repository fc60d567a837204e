//! What `git.rs` promises.

use super::*;

fn vault(places: &[&str]) -> Contents {
    let mut contents = Contents::new().expect("an id");
    for place in places {
        let secret = Secret::new(place).expect("short");
        let now = Timestamp::UNIX_EPOCH;
        let credential = Credential::new("git", (*place).into(), "sari".into(), secret, now);
        contents.store_credential(credential);
    }
    contents
}

fn found(contents: &Contents, asked: &str) -> Option<String> {
    let request = Request::parse(asked.as_bytes()).expect("a request");
    let found = request
        .find(contents, crate::platform::now())
        .expect("a question");
    found.map(|it| it.place.clone())
}

#[test]
fn a_credential_is_for_its_server_and_what_lies_below_its_path() {
    let all = vault(&[
        "https://git.example",
        "https://git.example/team",
        "https://git.example/team/app.git",
        "http://git.example:8080",
    ]);
    for (asked, place) in [
        (
            "protocol=https\nhost=git.example\n\n",
            Some("https://git.example"),
        ),
        (
            "protocol=HTTPS\nhost=Git.Example:443\n",
            Some("https://git.example"),
        ),
        ("url=https://git.example/\n", Some("https://git.example")),
        (
            "protocol=https\nhost=git.example\npath=team/app.git\n",
            Some("https://git.example/team/app.git"),
        ),
        (
            "protocol=https\nhost=git.example\npath=team/other.git",
            Some("https://git.example/team"),
        ),
        (
            "protocol=https\nhost=git.example\npath=teams/app.git",
            Some("https://git.example"),
        ),
        (
            "protocol=https\nhost=git.example\npath=team/../secret",
            Some("https://git.example"),
        ),
        (
            "protocol=https\nhost=git.example\npath=team/%2E./secret",
            Some("https://git.example"),
        ),
        (
            "protocol=http\nhost=git.example:8080\n",
            Some("http://git.example:8080"),
        ),
        ("protocol=http\nhost=git.example\n", None),
        ("protocol=https\nhost=git.example:8443\n", None),
        ("protocol=https\nhost=git.example.evil\n", None),
        ("protocol=https\nhost=evil.git.example\n", None),
        ("protocol=https\nhost=git.example\nusername=ben\n", None),
        (
            "protocol=https\nhost=git.example\n\nhost=evil\n",
            Some("https://git.example"),
        ),
        ("protocol=cert\nhost=\npath=/key.pem\n", None),
    ] {
        assert_eq!(found(&all, asked).as_deref(), place, "{asked}");
    }
    let below = vault(&["https://git.example/team"]);
    assert_eq!(found(&below, "protocol=https\nhost=git.example\n"), None);
}

#[test]
fn what_could_be_read_as_another_line_is_refused() {
    for (bytes, fault) in [
        (
            &b"protocol=https\nhost=git.example\r\nhost=evil\n"[..],
            GitFault::Controls,
        ),
        (b"protocol=https\0\nhost=git.example\n", GitFault::Controls),
        (
            b"url=https://git.example%0ahost=evil/\n",
            GitFault::Controls,
        ),
        (b"url=https://git.example/%0d\n", GitFault::Controls),
        (b"url=https://git.example/%zz\n", GitFault::Url),
        (b"url=git.example\n", GitFault::Url),
        (b"host\n", GitFault::Line),
        (b"host=\xff\n", GitFault::NotText),
    ] {
        assert_eq!(Request::parse(bytes).expect_err("refused"), fault);
    }
    for asked in [
        "protocol=https\n",
        "host=git.example\n",
        "\n",
        "protocol=\nhost=git.example\n",
        "protocol=https\nhost=git.example/team\n",
        "protocol=https\nhost=sari@git.example\n",
    ] {
        let request = Request::parse(asked.as_bytes()).expect("lines");
        assert!(
            request.find(&vault(&[]), crate::platform::now()).is_err(),
            "{asked}"
        );
    }
}
