//! Where the system has no thread to spare, as with a limit of processes that is reached:
//! what needs none works, and the rest says so.

use std::sync::{Mutex, PoisonError};

use crate::support::steps::type_new_passphrase;
use crate::support::world::Cldkctl;
use crate::support::{PASSPHRASE, SOMEONE_ELSE, Standin, TOKEN, World};

/// A user of these tests alone, and one test at a time: what else a user runs counts as well.
const USER: u32 = SOMEONE_ELSE + 100;
static ALONE: Mutex<()> = Mutex::new(());

const NONE: [&str; 3] = ["prlimit", "--nproc=1", "--"];

/// Root may have as many as it likes; so somebody else, logged in.
fn someone_logged_in() -> Option<(Standin, World)> {
    if !crate::support::can_be_someone_else() {
        return None;
    }
    let cloudeka = Standin::start();
    cloudeka.accept_token(TOKEN);
    let world = World::new().at(&cloudeka).owned_by(USER);
    let mut terminal = world.cldkctl(["auth"]).on_pty();
    terminal.expect("Enter your token:");
    terminal.send_secret(TOKEN);
    type_new_passphrase(&mut terminal, PASSPHRASE);
    terminal.expect("Auth success");
    assert_eq!(terminal.wait(), 0);
    Some((cloudeka, world))
}

fn without_threads(run: Cldkctl<'_>) -> Cldkctl<'_> {
    run.under(NONE)
}

#[test]
fn what_needs_no_thread_works() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((_cloudeka, world)) = someone_logged_in() else {
        return;
    };
    let output = without_threads(world.cldkctl(["auth", "token"])).run();
    assert_eq!(output.succeeded().stdout, format!("{TOKEN}\n"));

    // The question, the spinner and the derivation would each like one.
    world.cldkctl(["lock"]).run().succeeded();
    let mut terminal = without_threads(world.cldkctl(["auth", "token"])).on_pty();
    terminal.expect("Vault passphrase:");
    terminal.send_secret(PASSPHRASE);
    terminal.expect(TOKEN);
    assert_eq!(terminal.wait(), 0, "{}", terminal.screen());
}

#[test]
fn what_talks_to_the_api_says_that_it_cannot() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let Some((cloudeka, world)) = someone_logged_in() else {
        return;
    };
    let before = (cloudeka.requests().len(), world.files());
    for args in [
        &["api", "/core/user/profile"][..],
        &["auth", "status", "--check"],
        &["auth", "--token-stdin"],
    ] {
        let run = world.cldkctl(args).stdin(TOKEN);
        let output = without_threads(run).run().expect_code(1);
        let said = "the HTTP client cannot be set up: Resource temporarily unavailable";
        assert!(output.stderr.contains(said), "{output}");
    }
    assert!(before == (cloudeka.requests().len(), world.files()));
}
