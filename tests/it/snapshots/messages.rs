//! What commands that change something say when they succeed.

use super::{LOGIN, OPENED, OTHER_PASSPHRASE, OTHER_TOKEN, new_world, transcript};
use crate::support::{PASSPHRASE, TOKEN};

#[test]
fn login_and_logout() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.about("a new vault");
    shown.run(LOGIN);
    shown.about("another login");
    shown.run("cldkctl auth --token-stdin <<< $TOKEN");
    shown.run("cldkctl auth $TOKEN");
    shown.run("cldkctl auth --token-stdin <<< $OTHER_TOKEN");
    shown.run("cldkctl auth --token-stdin --context default <<< $OTHER_TOKEN");
    shown.run("CLDKCTL_TOKEN=$TOKEN cldkctl auth --token-stdin <<< $TOKEN");
    shown.run("CLDKCTL_CONTEXT=work cldkctl auth --token-stdin <<< $TOKEN");
    shown.run("cldkctl auth --token-stdin -q <<< $TOKEN");
    shown.run("cldkctl auth --token-stdin -v <<< $TOKEN");
    shown.run("cldkctl auth --color always $TOKEN");
    shown.about("a vault without a passphrase");
    shown.run("cldkctl auth --vault machine.age --token-stdin --recipient $AGE <<< $TOKEN");
    shown.about("a session");
    shown.run("cldkctl auth refresh");
    shown.run("cldkctl auth login --token-stdin <<< $TOKEN");
    shown.about("logout");
    shown.run("cldkctl context delete sari-wijaya");
    shown.run("cldkctl auth logout --context budi-santoso");
    shown.run("cldkctl auth logout");
    shown.run("cldkctl logout --all");
    shown.run("cldkctl auth logout --all");
    shown.assert_is("login.txt");
}

#[test]
fn prompts_on_a_terminal() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    let new = [
        ("Enter your token:", "two words"),
        ("Enter your token:", TOKEN),
        ("New vault passphrase:", "password1"),
        ("New vault passphrase:", PASSPHRASE),
        ("Repeat passphrase:", OTHER_PASSPHRASE),
        ("New vault passphrase:", PASSPHRASE),
        ("Repeat passphrase:", PASSPHRASE),
    ];
    shown.talk(&["auth", "--no-unlock"], &new);
    let second = [OTHER_PASSPHRASE, PASSPHRASE].map(|answer| ("Vault passphrase:", answer));
    shown.talk(&["unlock"], &second);
    let other = [("Enter your token:", OTHER_TOKEN), ("[y/N]", "n")];
    shown.talk(&["auth"], &other);
    let change = [
        ("Vault passphrase:", PASSPHRASE),
        ("New vault passphrase:", OTHER_PASSPHRASE),
        ("Repeat passphrase:", OTHER_PASSPHRASE),
    ];
    shown.talk(&["vault", "passphrase"], &change);
    shown.assert_is("prompts.txt");
}

#[test]
fn unlock_and_lock() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.run(LOGIN);
    shown.run("cldkctl lock");
    shown.run("cldkctl lock");
    shown.run("cldkctl unlock --passphrase-file passphrase");
    shown.run(
        "cldkctl unlock --passphrase-file passphrase --idle 90s --lifetime 1h30m --scope user",
    );
    shown.assert_is("unlock.txt");
}

#[test]
fn backup_and_restore() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.run(LOGIN);
    shown.run("cldkctl vault backup backup.age");
    shown.run("cldkctl auth --token-stdin --context budi <<< $OTHER_TOKEN");
    shown.run("cldkctl vault backup --armor both.age");
    shown.run("cldkctl auth --token-stdin --context default --default-project project-beta <<< $OTHER_TOKEN");
    shown.about("merge");
    shown.run("cldkctl vault restore backup.age --merge");
    shown.run("cldkctl auth logout --context budi");
    shown.run("cldkctl vault restore both.age --merge");
    shown.about("replace");
    shown.run("cldkctl vault restore backup.age --force");
    shown.run("cldkctl vault restore both.age --force");
    shown.about("nothing there");
    shown.run("cldkctl auth logout --all");
    shown.run(&format!("cldkctl vault restore backup.age {OPENED}"));
    shown.assert_is("backup-and-restore.txt");
}

#[test]
fn passphrase_and_cost() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    let passphrase = |from: &str| {
        format!("cldkctl vault passphrase {from} --new-passphrase-file new-passphrase")
    };
    shown.about("a first one, and none");
    shown.run("cldkctl auth --vault machine.age --token-stdin --recipient $AGE <<< $TOKEN");
    let machine = "--vault machine.age --identity machine.key";
    shown.run(&passphrase(machine));
    shown.run(&format!("cldkctl vault passphrase {machine} --remove"));
    shown.about("another one, and another cost");
    shown.run(LOGIN);
    shown.run(&passphrase(OPENED));
    let tune = "cldkctl vault tune --passphrase-file new-passphrase --target 100ms";
    shown.run(&format!("{tune} --memory 46MiB"));
    shown.run(&format!("{tune} --memory 19MiB"));
    shown.assert_is("passphrase.txt");
}

#[test]
fn what_goes_to_other_programs() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.run(LOGIN);
    shown.run("cldkctl auth token");
    shown.run("cldkctl exec -- printenv CLDKCTL_TOKEN CLDKCTL_BASE_URL");
    shown.run("cldkctl env");
    shown.run("cldkctl env --shell fish");
    shown.run("cldkctl api /core/user/profile");
    shown.run("cldkctl api POST /core/user/profile -f name=Sari");
    shown.assert_is("other-programs.txt");
}
