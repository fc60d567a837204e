//! The recipes of `docs/helpers.md`, line by line, with real clients against servers on loopback.

use std::fs;

use crate::gate::registry::{IMAGE, Registry, SECRET};
use crate::support::clients::sh_ok;
use crate::support::git_server::{GitServer, repository};
use crate::support::steps::{are_installed, unlocked};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/helpers.md"));

/// The lines of the `number`th `sh` block under a heading.
#[track_caller]
fn lines(heading: &str, number: usize) -> Vec<&'static str> {
    let section = PAGE
        .split(&format!("\n## {heading}\n"))
        .nth(1)
        .expect("a heading");
    let section = section.split("\n## ").next().expect("its end");
    let block = section.split("```sh\n").nth(number).expect("a block");
    block
        .split("```")
        .next()
        .expect("its end")
        .lines()
        .collect()
}

#[test]
fn docker_and_skopeo_do_what_the_page_says() {
    if !are_installed(&["docker-registry", "skopeo", "bash", "tar"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let registry = Registry::start(&world);
    let here = |line: &str| line.replace("registry.example", &registry.host);
    let heading = "docker, podman and skopeo";
    let [install, log_in, pull, list, log_out] = lines(heading, 1)[..] else {
        panic!("five lines");
    };
    // docker itself is in the stories of `gate::registry`.
    assert!(log_in.starts_with("docker login") && pull.starts_with("docker pull"));
    assert!(log_out.starts_with("docker logout"));
    sh_ok(&world, &here(install), &[]);
    sh_ok(&world, IMAGE, &[]);
    world.write("password.txt", SECRET);

    let [export, log_in, copy, log_out] = lines(heading, 3)[..] else {
        panic!("four lines");
    };
    let log_in = here(log_in).replace(" login ", " login --tls-verify=false ");
    sh_ok(&world, &format!("{export}\n{log_in}"), &[]);
    assert_eq!(
        sh_ok(&world, list, &[]),
        here("docker  registry.example  sari\n")
    );
    let push = "skopeo --insecure-policy copy --dest-tls-verify=false oci:image:v1 docker://registry.example/team/app:v1";
    sh_ok(&world, &format!("{export}\n{}", here(push)), &[]);
    let copy = here(copy).replace(" copy ", " --insecure-policy copy --src-tls-verify=false ");
    sh_ok(&world, &format!("{export}\n{copy}"), &[]);
    assert!(world.home().join("app/manifest.json").exists());
    sh_ok(&world, &format!("{export}\n{}", here(log_out)), &[]);
    assert_eq!(sh_ok(&world, list, &[]).trim(), "");
    sh_ok(&world, lines(heading, 2)[0], &[]);
    // skopeo has put an empty list of logins there.
    let config = fs::read_to_string(world.home().join(".docker/config.json"));
    assert!(!config.unwrap_or_default().contains("cldkctl"));
}

#[test]
fn git_does_what_the_page_says() {
    if !are_installed(&["git", "bash"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let folder = world.home().join("repositories/team");
    fs::create_dir_all(&folder).expect("a folder");
    repository(&folder, "app");
    let server = GitServer::start(&world.home().join("repositories"), "sari", SECRET);
    let url = server.url();
    let here = |line: &str| {
        let line = line.replace("https://git.example", &url);
        line.replace("git.example", &url)
    };
    let [install, clone, list] = lines("git", 1)[..] else {
        panic!("three lines");
    };
    world.write("token.txt", SECRET);
    sh_ok(&world, &here(install), &[]);
    sh_ok(&world, &here(lines("git", 2)[0]), &[]);
    sh_ok(&world, &here(clone), &[("GIT_TERMINAL_PROMPT", "0")]);
    assert!(world.home().join("app/.git").exists());
    let listed = sh_ok(&world, list, &[]);
    assert!(
        listed.starts_with(&format!("git  {url}  sari  until ")),
        "{listed}"
    );
}

#[test]
fn s3_and_what_is_done_by_hand_is_as_the_page_says() {
    let (_cloudeka, world) = unlocked(&[]);
    world.write("secret.txt", format!("{SECRET}\n"));
    let [add, process] = lines("S3: aws, boto3, rclone, restic, DuckDB", 1)[..] else {
        panic!("two lines");
    };
    sh_ok(&world, add, &[]);
    let json = sh_ok(&world, process, &[]);
    assert!(
        json.contains(SECRET) && json.contains("\"AccessKeyId\":\"ACCESS-KEY-ID\""),
        "{json}"
    );
    assert!(PAGE.contains(&format!("credential_process = {process}\n")));

    let [add, list, show, secret, remove] = lines("By hand", 1)[..] else {
        panic!("five lines");
    };
    let words = add
        .split('#')
        .next()
        .expect("a command")
        .split_whitespace()
        .skip(1);
    let mut terminal = world.cldkctl(words).on_pty();
    terminal.expect("Secret:");
    terminal.send_secret(SECRET);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
    for (line, shown) in [(list, "registry.example"), (show, "sari"), (secret, SECRET)] {
        assert!(sh_ok(&world, line, &[]).contains(shown), "{line}");
    }
    sh_ok(&world, remove, &[]);
    assert!(!sh_ok(&world, list, &[]).contains("registry.example"));
}
