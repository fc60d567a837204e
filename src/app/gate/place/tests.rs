//! What `place.rs` promises.

use super::*;

#[test]
fn a_registry_has_one_spelling() {
    for (place, spellings) in [
        (
            DOCKER_HUB,
            &[
                "https://index.docker.io/v1/",
                "index.docker.io",
                "docker.io",
                "HTTPS://Docker.IO/",
                "registry-1.docker.io",
                "https://registry-1.docker.io:443/v2/",
            ][..],
        ),
        (
            "registry.example",
            &[
                "registry.example",
                " registry.example\n",
                "https://Registry.Example/",
                "https://registry.example:443",
                "registry.example:443",
                "https://registry.example/v1/",
                "registry.example/v2/",
            ],
        ),
        (
            "registry.example:5000",
            &["registry.example:5000", "https://registry.example:5000/"],
        ),
        (
            "http://registry.example",
            &["http://registry.example:80", "HTTP://registry.example/v2"],
        ),
        (
            "registry.example/team/app",
            &[
                "registry.example/team/app",
                "https://registry.example/team/app/",
            ],
        ),
        (
            "[::1]:5000",
            &["[::1]:5000", "https://[0:0:0:0:0:0:0:1]:5000"],
        ),
        ("[2001:db8::1]", &["2001:DB8::1", "[2001:db8:0::1]:443"]),
        (
            "https://index.docker.io/v1/access-token",
            &["https://index.docker.io/v1/access-token"],
        ),
    ] {
        for spelling in spellings {
            let found = Kind::Docker.place(spelling);
            assert_eq!(found.as_deref(), Ok(place), "{spelling}");
        }
        assert_eq!(Kind::Docker.place(place).as_deref(), Ok(place));
    }
}

#[test]
fn different_hosts_stay_different() {
    let places = [
        "registry.example",
        "http://registry.example",
        "registry.example:80",
        "registry.example:5000",
        "registry.example.evil",
        "evil.registry.example",
        "registry.example/team",
        "registry.example/Team",
        "docker.io.evil",
        "docker.io:5000",
        "https://index.docker.io/v1/refresh-token",
    ];
    let mut found: Vec<_> = places.map(|it| Kind::Docker.place(it).expect(it)).to_vec();
    found.sort();
    found.dedup();
    assert_eq!(found.len(), places.len(), "{found:#?}");
}

#[test]
fn what_is_no_place_is_refused_with_its_reason() {
    let long = format!("https://{}", "a".repeat(2048));
    for (text, why) in [
        ("", PlaceError::Empty),
        (" \n", PlaceError::Empty),
        ("https://", PlaceError::Host),
        ("/path", PlaceError::Host),
        (":5000", PlaceError::Host),
        ("sari@registry.example", PlaceError::UserInfo),
        ("https://sari:pass@registry.example/", PlaceError::UserInfo),
        ("registry.example\\@evil", PlaceError::UserInfo),
        ("registry.example\\evil", PlaceError::Characters),
        ("registry.example\nhost=evil", PlaceError::Characters),
        ("registry.exa mple", PlaceError::Characters),
        ("registry.example\0", PlaceError::Characters),
        ("https://registry.example?evil", PlaceError::Query),
        ("https://registry.example#evil", PlaceError::Query),
        ("registry%2eexample", PlaceError::Host),
        ("registry.example:", PlaceError::Port),
        ("registry.example:0", PlaceError::Port),
        ("registry.example:65536", PlaceError::Port),
        ("registry.example:+80", PlaceError::Port),
        ("registry.example:80:80", PlaceError::Port),
        ("[::1", PlaceError::Host),
        ("[::1]5000", PlaceError::Port),
        ("[registry.example]", PlaceError::Host),
        ("1s://registry.example", PlaceError::Scheme),
        ("ftp://registry.example", PlaceError::Scheme),
        (&long, PlaceError::TooLong),
    ] {
        assert_eq!(Kind::Docker.place(text), Err(why), "{text:?}");
    }
}

#[test]
fn a_server_has_one_spelling() {
    for (text, place) in [
        ("git.example", "https://git.example"),
        ("HTTPS://Git.Example:443/Team/", "https://git.example/Team"),
        ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ("ssh://git.example:22", "ssh://git.example:22"),
    ] {
        assert_eq!(Kind::Git.place(text).as_deref(), Ok(place), "{text}");
    }
    assert_eq!(
        Kind::Aws.place("https://s3.example/").as_deref(),
        Ok("https://s3.example")
    );
    assert_eq!(Kind::Aws.place("s3://bucket"), Err(PlaceError::Scheme));
}
