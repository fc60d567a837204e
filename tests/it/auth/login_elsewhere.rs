//! Logins where stdin is a pipe, and whatever else decides how one goes: arguments, settings,
//! formats and colours.

use crate::support::steps::{
    cloudeka_and_world, contents_of, log_in, logged_in, logged_in_to, type_new_passphrase,
};
use crate::support::{Misbehave, PASSPHRASE, TOKEN, World};

/// Reads the vault with the passphrase on stdin: `args` of the command.
fn with_passphrase<'world>(
    world: &'world World,
    args: &[&str],
) -> crate::support::world::Cldkctl<'world> {
    world
        .cldkctl(args)
        .arg("--passphrase-stdin")
        .stdin(PASSPHRASE)
}

#[test]
fn the_token_comes_from_a_pipe_and_the_passphrase_from_the_terminal() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world
        .cldkctl(["auth", "--token-stdin"])
        .stdin(format!("  {TOKEN}\r\n"))
        .stdout_apart()
        .stderr_apart()
        .on_pty();
    type_new_passphrase(&mut terminal, PASSPHRASE);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    assert_eq!(terminal.stdout(), "Auth success\n");
    assert_eq!(
        terminal.stderr(),
        logged_in_to(&world),
        "no warning, no spinner in a log file"
    );
    assert_eq!(
        terminal.screen(),
        "Press Enter alone to have seven random words chosen for you\r\n\
         New vault passphrase: \r\nRepeat passphrase: \r\n"
    );
    assert!(terminal.echo_is_on());
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    assert_eq!(contents["contexts"][0]["token"], TOKEN, "trimmed");
}

#[test]
fn a_token_as_an_argument_works_and_is_warned_about() {
    let (_cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth", TOKEN]).stderr_apart().on_pty();
    type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    let stderr = terminal.stderr();
    assert!(stderr.contains("warning:"), "{stderr}");
    assert!(
        stderr.contains("other users") && stderr.contains("--token-stdin"),
        "{stderr}"
    );
    assert!(!stderr.contains(TOKEN));
    assert!(!terminal.screen().contains(TOKEN));
    world.assert_no_secret(&[TOKEN, PASSPHRASE]);
}

#[test]
fn the_warning_is_said_even_when_told_to_be_quiet() {
    let (_cloudeka, world) = cloudeka_and_world();
    let output = with_passphrase(&world, &["auth", "-q", TOKEN])
        .run()
        .succeeded();
    assert!(output.stderr.contains("warning:"), "{output}");
    assert_eq!(output.stdout, "Auth success\n");
}

#[test]
fn verbose_tells_each_step_and_no_secret() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave_next(1, Misbehave::unavailable());
    let output = world
        .cldkctl(["auth", "-v", "--token-stdin"])
        .env("CREDENTIALS_DIRECTORY", world.home())
        .stdin(TOKEN);
    world.write("cldkctl.passphrase", PASSPHRASE);
    let output = output.run().succeeded();
    for step in [
        "POST",
        "/core/cldkctl/auth",
        "HTTP 503",
        "HTTP 200",
        "19 MiB",
        "revision 1",
    ] {
        assert!(output.stderr.contains(step), "{step}: {output}");
    }
    let contents = contents_of(&world.vault_path(), PASSPHRASE);
    let session = contents["contexts"][0]["session"]["token"]
        .as_str()
        .expect("a session");
    output.assert_no_secret(&[TOKEN, PASSPHRASE, session]);
}

#[test]
fn no_input_asks_nothing_though_there_is_a_terminal() {
    let (cloudeka, world) = cloudeka_and_world();
    let mut terminal = world.cldkctl(["auth", "--no-input"]).on_pty();
    assert_eq!(terminal.wait(), 2);
    assert!(!terminal.screen().contains("Enter your token"));
    assert!(
        terminal.screen().contains("--token-stdin"),
        "{}",
        terminal.screen()
    );
    assert_eq!(cloudeka.connections(), 0);

    let mut terminal = world
        .cldkctl(["auth", "--no-input", "--token-stdin"])
        .stdin(TOKEN)
        .on_pty();
    assert_eq!(terminal.wait(), 4, "{}", terminal.screen());
    assert!(!terminal.screen().contains("New vault passphrase"));
    assert!(
        terminal.screen().contains("--passphrase-file"),
        "{}",
        terminal.screen()
    );
    assert!(!world.vault_path().exists());

    log_in(&world, TOKEN, &[]);
    let mut terminal = world.cldkctl(["auth", "token", "--no-input"]).on_pty();
    assert_eq!(terminal.wait(), 4);
    assert!(!terminal.screen().contains("Vault passphrase:"));
}

#[test]
fn status_in_every_format_says_the_same() {
    let (cloudeka, world) = logged_in();
    let locked = world
        .cldkctl(["auth", "status", "-o", "json"])
        .run()
        .succeeded();
    let locked: serde_json::Value = serde_json::from_str(&locked.stdout).expect("JSON");
    assert_eq!(
        (&locked["exists"], &locked["locked"]),
        (&true.into(), &true.into())
    );
    assert_eq!(locked["vault"], world.vault_path().to_str().expect("text"));
    assert!(
        locked.get("contexts").is_none(),
        "all of it is encrypted: {locked}"
    );

    let open = with_passphrase(&world, &["auth", "status", "--output", "json"])
        .run()
        .succeeded();
    open.assert_no_secret(&[TOKEN, PASSPHRASE]);
    let open: serde_json::Value = serde_json::from_str(&open.stdout).expect("JSON");
    assert_eq!(open["locked"], true, "for whoever hands over no passphrase");
    assert_eq!(open["contexts"][0]["name"], "default");
    assert_eq!(open["contexts"][0]["current"], true);
    assert_eq!(open["contexts"][0]["base_url"], cloudeka.base_url());
    assert_eq!(open["contexts"][0]["account"]["name"], "Sari Wijaya");

    let yaml = with_passphrase(&world, &["auth", "status", "-o", "yaml"])
        .run()
        .succeeded();
    yaml.assert_no_secret(&[TOKEN, PASSPHRASE]);
    if let Some(read) = as_json(&yaml.stdout) {
        assert_eq!(read, open, "{yaml}");
    }

    let table = with_passphrase(&world, &["auth", "status"])
        .run()
        .succeeded();
    assert!(table.stdout.contains("Sari Wijaya") && table.stdout.contains("default (current)"));
    table.assert_no_secret(&[TOKEN, PASSPHRASE]);
}

#[test]
fn vault_info_in_every_format_says_the_same() {
    let (_cloudeka, world) = logged_in();
    let header = world
        .cldkctl(["vault", "info", "-o", "json"])
        .run()
        .succeeded();
    let header: serde_json::Value = serde_json::from_str(&header.stdout).expect("JSON");
    assert_eq!(header["armored"], false);
    assert_eq!(header["kdf"]["memory_kib"], 19 * 1024);
    assert_eq!(header["opened"], serde_json::Value::Null);

    let open = with_passphrase(&world, &["vault", "info", "-o", "json"])
        .run()
        .succeeded();
    let open: serde_json::Value = serde_json::from_str(&open.stdout).expect("JSON");
    assert_eq!(open["opened"]["revision"], 1);
    assert_eq!(open["opened"]["contexts"][0]["name"], "default");
    let yaml = with_passphrase(&world, &["vault", "info", "-o", "yaml"])
        .run()
        .succeeded();
    if let Some(read) = as_json(&yaml.stdout) {
        assert_eq!(read, open, "{yaml}");
    }

    let path = world.cldkctl(["vault", "path"]).run().succeeded();
    assert_eq!(path.stdout, format!("{}\n", world.vault_path().display()));
}

/// What a YAML document says to a reader that is not ours; skips where there is none.
#[track_caller]
fn as_json(yaml: &str) -> Option<serde_json::Value> {
    // Python takes a time for more than a text; no time is one in JSON.
    let script = "import json, sys, yaml\n\
        resolvers = yaml.SafeLoader.yaml_implicit_resolvers\n\
        for each in resolvers.values(): each[:] = [r for r in each if 'timestamp' not in r[0]]\n\
        print(json.dumps(yaml.safe_load(sys.stdin)))";
    let python = std::process::Command::new("python3")
        .args(["-c", "import yaml"])
        .output();
    if !python.is_ok_and(|output| output.status.success()) {
        crate::support::skip("Python has no yaml (python3-yaml in Debian)");
        return None;
    }
    let json = crate::support::steps::pipe(&["python3", "-c", script], yaml.as_bytes());
    Some(serde_json::from_slice(&json).expect("JSON"))
}

#[test]
fn a_name_that_a_terminal_would_act_on_is_shown_harmlessly() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::EscapeSequences);
    log_in(&world, TOKEN, &[]);
    for format in ["table", "json", "yaml"] {
        let shown = with_passphrase(&world, &["auth", "status", "-o", format])
            .run()
            .succeeded();
        assert!(shown.stdout.contains("Sari Wijaya"), "{shown}");
        let evil = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
        assert!(!shown.stdout.contains(evil), "{format}: {:?}", shown.stdout);
    }
}

#[test]
fn defaults_are_stored_with_the_login_flags_before_environment_before_settings() {
    let (_cloudeka, world) = cloudeka_and_world();
    let settings = std::fs::read_to_string(world.settings_path()).expect("settings");
    let ours = "default-namespace = \"file-ns\"\ndefault-project = \"file-project\"\n\
        default-registry = \"file-registry\"\norganization = \"file-org\"\neditor = \"ed -s\"\n";
    std::fs::write(world.settings_path(), format!("{ours}{settings}")).expect("written");
    with_passphrase(&world, &["auth", TOKEN, "-N", "flag-ns"])
        .env("CLDKCTL_DEFAULT_PROJECT_ID", "env-project")
        .run()
        .succeeded();
    let stored = serde_json::json!({
        "namespace": "flag-ns", "project": "env-project", "registry": "file-registry",
        "organization": "file-org", "editor": "ed -s",
    });
    assert_eq!(
        contents_of(&world.vault_path(), PASSPHRASE)["contexts"][0]["defaults"],
        stored
    );

    let (_cloudeka, world) = cloudeka_and_world();
    with_passphrase(
        &world,
        &[
            "auth", TOKEN, "-P", "p", "-R", "r", "-O", "o", "--editor", "e",
        ],
    )
    .env("CLDKCTL_DEFAULT_PROJECT_ID", "env-project")
    .run()
    .succeeded();
    let stored =
        serde_json::json!({ "project": "p", "registry": "r", "organization": "o", "editor": "e" });
    assert_eq!(
        contents_of(&world.vault_path(), PASSPHRASE)["contexts"][0]["defaults"],
        stored
    );
}

#[test]
fn settings_that_cannot_be_used_are_refused_with_file_and_line() {
    let (cloudeka, world) = cloudeka_and_world();
    let token_in_it = format!("token = \"{TOKEN}\"\n");
    for (settings, line) in [
        ("default-projct = \"x\"\n", "line 1"),
        ("quiet = \n", "line 1"),
        ("\n\nmax-retries = \"many\"\n", "line 3"),
        ("base-url = \"http://example.com\"\n", "line 1"),
        (&*token_in_it, "line 1"),
    ] {
        std::fs::write(world.settings_path(), settings).expect("written");
        let output = with_passphrase(&world, &["auth", TOKEN])
            .run()
            .expect_code(2);
        assert!(
            output.stderr.contains("config.toml") && output.stderr.contains(line),
            "{output}"
        );
        assert!(output.stderr.contains("hint:"), "{output}");
        output.assert_no_secret(&[TOKEN]);
    }
    std::fs::write(world.settings_path(), "").expect("written");
    crate::support::world::set_mode(world.settings_path(), 0o666);
    let output = with_passphrase(&world, &["auth", TOKEN])
        .run()
        .expect_code(2);
    assert!(
        output.stderr.contains("other users can change it"),
        "{output}"
    );
    assert_eq!(cloudeka.connections(), 0);
}

#[test]
fn colour_is_for_terminals_and_for_who_asks() {
    let world = World::new();
    let colour = "\u{1b}[";
    let failing = || world.cldkctl(["auth", "token"]);
    assert!(
        !failing().run().expect_code(3).stderr.contains(colour),
        "not in a log file"
    );
    let always = failing().args(["--color", "always"]).run().expect_code(3);
    assert!(always.stderr.contains(colour), "{always}");
    for (run, coloured) in [
        (failing(), true),
        (failing().env("NO_COLOR", "1"), false),
        (failing().env("NO_COLOR", ""), true),
        (failing().env("TERM", "dumb"), false),
        (failing().args(["--color", "never"]), false),
        (
            failing().args(["--color=always"]).env("NO_COLOR", "1"),
            true,
        ),
    ] {
        let mut terminal = run.on_pty();
        assert_eq!(terminal.wait(), 3);
        assert_eq!(
            terminal.screen().contains(colour),
            coloured,
            "{:?}",
            terminal.screen()
        );
    }
    std::fs::write(world.settings_path(), "color = \"never\"\n").expect("written");
    let mut terminal = failing().on_pty();
    assert_eq!(terminal.wait(), 3);
    assert!(
        !terminal.screen().contains(colour),
        "config.toml counts: {:?}",
        terminal.screen()
    );
}
