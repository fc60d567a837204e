//! A clock that is set to any year: nothing fails for it, and what is written is read again.

use std::path::PathBuf;
use std::process::Command;

use crate::support::steps::{are_installed, auth, cloudeka_and_world};
use crate::support::world::Cldkctl;
use crate::support::{PASSPHRASE, Standin, TOKEN, World};

/// Answers `clock_gettime` in place of the system, which takes no such time itself.
const CLOCK: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
int clock_gettime(clockid_t clock, struct timespec *time) {
    int result = syscall(SYS_clock_gettime, clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec = atoll(getenv("TEST_CLOCK"));
    return result;
}
"#;

/// Seconds since 1970: the years 11000 and 292 billion, the last second of 9999, 1970 itself,
/// and before 1970, the year 1 and the first that can be calculated with.
const CLOCKS: [&str; 7] = [
    "284996188800",
    "9223372036854775807",
    "253402300799",
    "0",
    "-284996188",
    "-62135596801",
    "-1000000000000",
];

/// The library that sets the clock; `None`, said, where it cannot be made.
#[track_caller]
fn wild_clock(world: &World) -> Option<PathBuf> {
    if !are_installed(&["cc"]) {
        return None;
    }
    let source = world.write("clock.c", CLOCK);
    let library = source.with_extension("so");
    let mut cc = Command::new("cc");
    cc.args(["-shared", "-fPIC", "-o"])
        .arg(&library)
        .arg(source);
    assert!(cc.status().expect("cc runs").success());
    Some(library)
}

#[test]
fn a_clock_in_any_year_is_no_bug_of_cldkctl() {
    for clock in CLOCKS {
        let (_cloudeka, world) = cloudeka_and_world();
        let Some(library) = wild_clock(&world) else {
            return;
        };
        let at = |command: Cldkctl<'_>| {
            let command = command.env("LD_PRELOAD", &library).env("TEST_CLOCK", clock);
            let output = command.run();
            assert!(!output.stderr.contains("a bug"), "{clock}: {output}");
            output
        };
        at(auth(&world)).succeeded();
        let backup = world.home().join("backup.age");
        let kit = world.home().join("kit.txt");
        let shown = at(world.cldkctl(["context", "list", "-o", "json"])).succeeded();
        assert!(shown.stdout.contains("verified_at"), "{shown}");
        at(world.cldkctl(["auth", "token", "--session"])).succeeded();
        at(world.cldkctl(["auth", "status", "--check"])).succeeded();
        at(world.cldkctl(["vault", "info"])).succeeded();
        let add = ["credential", "add", "docker", "registry.example"];
        let add = world.cldkctl(add).args(["--username", "sari"]);
        at(add.arg("--secret-stdin").stdin("secret")).succeeded();
        at(world.cldkctl(["credential", "list"])).succeeded();
        let get = world.cldkctl(["helper", "docker", "get"]);
        at(get.stdin("registry.example")).succeeded();
        at(world.cldkctl(["vault", "backup"]).arg(&backup)).succeeded();
        let owner = |command: Cldkctl<'_>| at(command.arg("--passphrase-stdin").stdin(PASSPHRASE));
        owner(world.cldkctl(["vault", "restore", "--force"]).arg(&backup)).succeeded();
        owner(world.cldkctl(["vault", "recovery-key", "--kit"]).arg(&kit)).succeeded();
        owner(world.cldkctl(["unlock"])).succeeded();

        // And when the clock is right again, all of it is there.
        let verify = world.cldkctl(["vault", "verify", "--passphrase-stdin"]);
        let output = verify.stdin(PASSPHRASE).run().succeeded();
        assert!(output.stdout.contains("is sound"), "{clock}: {output}");
        let token = world.cldkctl(["auth", "token", "--passphrase-stdin"]);
        let output = token.stdin(PASSPHRASE).run().succeeded();
        assert_eq!(output.stdout, format!("{TOKEN}\n"), "{clock}");
    }
}

#[test]
fn a_certificate_is_judged_by_such_a_clock_and_nothing_panics() {
    for clock in CLOCKS {
        let cloudeka = Standin::start_tls();
        cloudeka.accept_token(TOKEN);
        let world = World::new().at(&cloudeka);
        let Some(library) = wild_clock(&world) else {
            return;
        };
        let ca = world.write("ca.pem", cloudeka.ca_pem());
        let output = auth(&world)
            .args(["--max-retries", "0", "--ca-cert"])
            .arg(ca)
            .env("LD_PRELOAD", &library)
            .env("TEST_CLOCK", clock)
            .run()
            .expect_code(7);
        assert!(!output.stderr.contains("a bug"), "{clock}: {output}");
        assert!(output.stderr.contains("certificate"), "{clock}: {output}");
    }
}

#[test]
fn a_time_at_the_very_end_of_9999_is_kept_by_a_save() {
    let world = World::new();
    let vector = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors/good-times.age");
    world.write_vault(std::fs::read(vector).expect("a vector"));
    let run = |args: &[&str]| {
        let command = world.cldkctl(args).arg("--passphrase-stdin");
        command
            .stdin("test vectors are no secret")
            .run()
            .succeeded()
    };
    run(&["context", "rename", "c4", "never"]);
    let shown = run(&["context", "show", "never", "-o", "json"]);
    assert!(
        shown
            .stdout
            .contains(r#""verified_at": "9999-12-31T23:59:59Z""#),
        "{shown}"
    );
    assert!(
        shown
            .stdout
            .contains(r#""session_expires_at": "9999-12-31T23:59:59Z""#),
        "{shown}"
    );
    let shown = run(&["context", "show", "never"]);
    assert!(shown.stdout.contains("9999-12-31 23:59 UTC"), "{shown}");
}
