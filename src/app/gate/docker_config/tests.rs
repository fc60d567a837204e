//! What `docker_config.rs` promises.

use super::*;

const CONFIG: &str = "{\n\t\"auths\": {\n\t\t\"https://index.docker.io/v1/\": {\n\t\t\t\"auth\": \"c2FyaTpodW50ZXI6Mg==\",\n\t\t\t\"email\": \"s@x\"\n\t\t},\n\t\t\"other.example\": {\"auth\": \"YmVuOngK\", \"identitytoken\": \"t0ken\"},\n\t\t\"broken.example\": {\"auth\": \"%%\"},\n\t\t\"empty.example\": {}\n\t},\n\t\"credHelpers\": {\n\t\t\"mine.example\": \"pass\"\n\t},\n\t\"HttpHeaders\": {\"User-Agent\": \"}\"}\n}\n";

fn config() -> DockerConfig {
    DockerConfig::parse(CONFIG.as_bytes()).expect("settings")
}

#[test]
fn settings_are_as_before_once_nobody_asks_us_any_more() {
    let hosts = ["a.example", "mine.example"].map(str::to_owned);
    for all in [false, true] {
        let mut changed = config();
        let before = changed.ask_us(&hosts, all);
        assert_eq!(before.len(), 1, "{before:?}");
        assert_eq!(before[0].helper, "pass");
        assert!(changed.asks_us());
        let value: serde_json::Value = serde_json::from_str(changed.text()).expect("JSON");
        assert_eq!(value["credHelpers"]["mine.example"], "cldkctl");
        assert_eq!(value["HttpHeaders"]["User-Agent"], "}");
        changed.ask_others(Some(&config()), &[]);
        assert_eq!(changed.text(), CONFIG);
    }
    for text in [
        "",
        " \n",
        "{}",
        "{\"credsStore\": \"pass\"}",
        "{\"credHelpers\":{}}",
    ] {
        let old = DockerConfig::parse(text.as_bytes()).expect("settings");
        let mut changed = old.clone();
        changed.ask_us(&hosts, true);
        assert!(changed.asks_us(), "{}", changed.text());
        changed.ask_others(Some(&old), &[]);
        assert!(changed.says_the_same(&old), "{}", changed.text());
    }
}

#[test]
fn passwords_are_found_where_we_are_asked_and_can_be_forgotten() {
    let mut changed = config();
    assert!(changed.passwords().is_empty());
    changed.ask_us(&names_of("docker.io").expect("a registry"), false);
    let found = changed.passwords();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].username, "sari");
    assert_eq!(found[0].secret.expose(), "hunter:2");
    changed.ask_us(&[], true);
    let found = changed.passwords();
    assert_eq!(found.len(), 2);
    assert_eq!(found[1].username, "<token>");
    assert_eq!(found[1].secret.expose(), "t0ken");
    for one in &found {
        changed.forget_password(&one.server);
    }
    assert!(changed.passwords().is_empty());
    let value: serde_json::Value = serde_json::from_str(changed.text()).expect("JSON");
    let logins = &value["auths"];
    assert_eq!(logins[DOCKER_HUB], serde_json::json!({"email": "s@x"}));
    assert_eq!(logins["other.example"], serde_json::json!({}));
    assert_eq!(logins["broken.example"]["auth"], "%%");
}

#[test]
fn what_docker_does_not_write_is_refused() {
    for text in [
        "{",
        "[]",
        "null",
        "{\"auths\": []}",
        "{\"credHelpers\": \"pass\"}",
        "{\"credsStore\": \"a\", \"CREDSSTORE\": \"b\"}",
        "{} {}",
        "\u{feff}{}",
    ] {
        assert!(DockerConfig::parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(DockerConfig::parse(b"{\"a\": \"\xff\"}").is_err());
}
