//! A server that fails in passing: what is tried again, how often, and what is not.

use std::time::{Duration, Instant};

use crate::support::failures::auth;
use crate::support::steps::{cloudeka_and_world, contents_of, logged_in_to};
use crate::support::world::Output;
use crate::support::{Misbehave, PASSPHRASE, Standin, TOKEN, World};

/// A login with `--max-retries`, and how often the token was sent.
#[track_caller]
fn log_in(retries: &str, arrange: impl FnOnce(&Standin)) -> (Output, usize, World) {
    let (cloudeka, world) = cloudeka_and_world();
    arrange(&cloudeka);
    let output = auth(&world).0.args(["--max-retries", retries]).run();
    output.assert_no_secret(&[TOKEN]);
    (output, cloudeka.requests().len(), world)
}

#[test]
fn trouble_that_passes_is_not_noticed() {
    for how in [
        Misbehave::unavailable(),
        Misbehave::html(502),
        Misbehave::html(504),
        Misbehave::CloseAtOnce,
        Misbehave::CutBody,
    ] {
        let (output, sent, world) = log_in("3", |cloudeka| cloudeka.misbehave_next(2, how.clone()));
        let output = output.succeeded();
        assert_eq!(
            (&*output.stdout, &*output.stderr),
            ("Auth success\n", &*logged_in_to(&world)),
            "{how:?}"
        );
        assert_eq!(sent, 3, "{how:?}");
        contents_of(&world.vault_path(), PASSPHRASE);
    }
}

#[test]
fn it_is_tried_three_times_more_where_nothing_else_is_said() {
    let (cloudeka, world) = cloudeka_and_world();
    cloudeka.misbehave(Misbehave::unavailable());
    let start = Instant::now();
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    terminal.expect("503");
    assert_eq!(terminal.wait(), 8);
    assert_eq!(cloudeka.requests().len(), 4);
    // 250, 500 and 1,000 ms, each shortened by up to a half.
    assert!(
        start.elapsed() > Duration::from_millis(875),
        "{:?}",
        start.elapsed()
    );
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
}

#[test]
fn max_retries_counts_the_attempts_after_the_first() {
    for (retries, bad, code, sent) in [("0", 1, 8, 1), ("1", 1, 0, 2), ("1", 2, 8, 2)] {
        let (output, received, _) = log_in(retries, |cloudeka| {
            cloudeka.misbehave_next(bad, Misbehave::unavailable())
        });
        output.expect_code(code);
        assert_eq!(received, sent, "--max-retries {retries}");
    }
}

#[test]
fn max_retries_can_be_set_in_config_toml() {
    let (cloudeka, world) = cloudeka_and_world();
    std::fs::write(world.settings_path(), "max-retries = 1\n").expect("written");
    cloudeka.misbehave(Misbehave::unavailable());
    world
        .cldkctl(["auth", "--token-stdin"])
        .stdin(TOKEN)
        .run()
        .expect_code(8);
    assert_eq!(cloudeka.requests().len(), 2);
}

#[test]
fn a_server_that_asks_to_wait_is_given_the_time() {
    let start = Instant::now();
    let (output, sent, _) = log_in("1", |cloudeka| {
        cloudeka.misbehave_next(1, Misbehave::too_many_requests(1))
    });
    output.succeeded();
    assert_eq!(sent, 2);
    assert!(start.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_server_that_asks_for_too_long_is_not_waited_for() {
    let start = Instant::now();
    let (output, sent, _) = log_in("3", |cloudeka| {
        cloudeka.misbehave(Misbehave::too_many_requests(3600))
    });
    let output = output.expect_code(8);
    assert!(output.stderr.contains("3600 seconds"), "{output}");
    assert_eq!(sent, 1);
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[test]
fn what_will_not_change_is_not_tried_again() {
    for (how, code) in [
        (Misbehave::EchoToken, 3),
        (Misbehave::internal_error(), 8),
        (Misbehave::database_error(), 8),
        (Misbehave::broken_json(), 7),
        (Misbehave::Garbage, 7),
        (Misbehave::HugeBody, 7),
    ] {
        let (output, sent, _) = log_in("3", |cloudeka| cloudeka.misbehave(how.clone()));
        output.expect_code(code);
        assert_eq!(sent, 1, "{how:?}");
    }
}

#[test]
fn a_slow_answer_is_waited_for() {
    let (output, sent, _) = log_in("0", |cloudeka| {
        cloudeka.misbehave(Misbehave::SlowHead(Duration::from_millis(10)));
    });
    output.succeeded();
    assert_eq!(sent, 1);
    let (output, _, _) = log_in("0", |cloudeka| {
        cloudeka.misbehave(Misbehave::SlowBody(Duration::from_millis(5)));
    });
    output.succeeded();
}
