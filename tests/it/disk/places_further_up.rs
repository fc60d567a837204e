//! A folder further up that another user controls: they can put another in place of all that lies
//! below it, also one that is ours.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::kernel::acting_as;
use crate::support::steps::{are_installed, cloudeka_and_world};
use crate::support::world::{Output, files_under, set_mode};
use crate::support::{
    PASSPHRASE, SOMEONE_ELSE, Standin, TOKEN, World, can_be_someone_else, output_of, skip,
};

/// Who owns the vault: neither root nor [`SOMEONE_ELSE`].
const OWNER: u32 = 65_433;

/// A home of [`OWNER`], and a folder of somebody else's beside it in which all may make things.
fn beside_theirs() -> (Standin, World, PathBuf) {
    let (cloudeka, world) = cloudeka_and_world();
    let theirs = world.home().with_file_name("theirs");
    fs::create_dir(&theirs).unwrap();
    chown(&theirs, Some(SOMEONE_ELSE), Some(SOMEONE_ELSE)).unwrap();
    set_mode(&theirs, 0o1777);
    let world = world.owned_by(OWNER);
    world.write("passphrase", PASSPHRASE);
    (cloudeka, world, theirs)
}

/// A folder that the owner made, with what is in it.
fn of_owner(path: &Path) -> PathBuf {
    acting_as(OWNER, || fs::create_dir_all(path).unwrap());
    path.to_owned()
}

fn log_in(world: &World, name: &str, value: &Path) -> Output {
    let args = ["auth", "--token-stdin", "--no-unlock", "--passphrase-file"];
    let run = world.cldkctl(args).arg(world.home().join("passphrase"));
    run.stdin(TOKEN).env(name, value).run()
}

#[test]
fn no_settings_are_taken_from_there() {
    if !can_be_someone_else() {
        return;
    }
    let (cloudeka, world, theirs) = beside_theirs();
    let evil = Standin::start();
    evil.accept_token(TOKEN);
    // What the owner has checked out somewhere, and never meant for their settings.
    let checkout = of_owner(&world.home().join("checkout"));
    let settings = world.write(
        "checkout/config.toml",
        format!("base-url = \"{}\"\n", evil.base_url()),
    );
    chown(&settings, Some(OWNER), Some(OWNER)).unwrap();
    let config = theirs.join("config");
    acting_as(SOMEONE_ELSE, || {
        fs::create_dir(&config).unwrap();
        symlink(&checkout, config.join("cldkctl")).unwrap();
    });
    let run = world.cldkctl(["auth", "--token-stdin"]).stdin(TOKEN);
    let run = run.env_remove("CLDKCTL_BASE_URL");
    let output = run.env("XDG_CONFIG_HOME", &config).run().expect_code(2);
    assert!(
        output.stderr.contains("belongs to user id 65432"),
        "{output}"
    );
    assert_eq!((evil.connections(), cloudeka.connections()), (0, 0));
}

#[test]
fn no_vault_is_made_or_used_there() {
    if !can_be_someone_else() {
        return;
    }
    let (cloudeka, world, theirs) = beside_theirs();
    let data = of_owner(&theirs.join("data"));
    let output = log_in(&world, "XDG_DATA_HOME", &data).expect_code(1);
    let said = format!("{} belongs to user id {SOMEONE_ELSE}", theirs.display());
    assert!(output.stderr.contains(&said), "{output}");
    assert_eq!(files_under(&theirs).len(), 0, "no trace");
    assert_eq!(cloudeka.requests().len(), 0, "nothing was sent");

    // Nor through a link of ours that leads there.
    log_in(&world, "XDG_DATA_HOME", &world.data()).succeeded();
    let through = world.home().join("through");
    fs::rename(world.vault_path(), data.join("vault.age")).unwrap();
    acting_as(OWNER, || symlink(&data, &through).unwrap());
    for vault in [data.join("vault.age"), through.join("vault.age")] {
        let run = world.cldkctl(["auth", "token", "--passphrase-file"]);
        let run = run.arg(world.home().join("passphrase"));
        let output = run.arg("--vault").arg(&vault).run().expect_code(1);
        assert!(output.stderr.contains(&said), "{output}");
    }
}

#[test]
fn nothing_is_remembered_or_tidied_there() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world, theirs) = beside_theirs();
    let documents = of_owner(&world.home().join("documents"));
    let draft = world.write("documents/.notes.draft.tmp", "a draft");
    chown(&draft, Some(OWNER), Some(OWNER)).unwrap();
    let state = theirs.join("state");
    acting_as(SOMEONE_ELSE, || {
        fs::create_dir_all(state.join("cldkctl")).unwrap();
        symlink(&documents, state.join("cldkctl/revisions")).unwrap();
    });
    log_in(&world, "XDG_STATE_HOME", &state).succeeded();
    let output = log_in(&world, "XDG_STATE_HOME", &state).succeeded();
    assert!(
        output.stderr.contains("belongs to user id 65432"),
        "{output}"
    );
    let run = world.cldkctl(["auth", "logout", "--all"]);
    run.env("XDG_STATE_HOME", &state).run().succeeded();
    let left: Vec<_> = files_under(&documents).into_keys().collect();
    assert_eq!(left, [draft]);
}

/// As they are where users have a group of their own and a umask of 002, and in `/tmp`.
#[test]
fn folders_that_nobody_else_can_change_are_no_obstacle() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world, _) = beside_theirs();
    let sticky = world.home().with_file_name("sticky");
    fs::create_dir(&sticky).unwrap();
    set_mode(&sticky, 0o1777);
    let of_group = of_owner(&sticky.join("of-group"));
    set_mode(&of_group, 0o775);
    let data = of_owner(&of_group.join("data"));
    log_in(&world, "XDG_DATA_HOME", &data).succeeded();

    // But where the group is another one, or the folder is open to all.
    chown(&of_group, None, Some(SOMEONE_ELSE)).unwrap();
    log_in(&world, "XDG_DATA_HOME", &data).expect_code(1);
    chown(&of_group, None, Some(OWNER)).unwrap();
    set_mode(&of_group, 0o757);
    let output = log_in(&world, "XDG_DATA_HOME", &data).expect_code(1);
    let said = format!("other users can replace files in {}", of_group.display());
    assert!(output.stderr.contains(&said), "{output}");
    set_mode(&of_group, 0o1757);
    log_in(&world, "XDG_DATA_HOME", &data).succeeded();
}

/// User namespaces in which not every user has an id: root there is [`OWNER`], or it is nobody.
const NAMESPACES: [&[&str]; 2] = [
    &["unshare", "--user", "--map-root-user", "--"],
    &["unshare", "--user", "--"],
];

#[track_caller]
fn can_have_namespaces() -> bool {
    if !can_be_someone_else() || !are_installed(&["unshare"]) {
        return false;
    }
    let made = acting_as(OWNER, || {
        let mut unshare = Command::new("unshare");
        output_of(unshare.args(["--user", "true"])).status.success()
    });
    if !made {
        skip("users may not make user namespaces here");
    }
    made
}

#[test]
fn in_a_namespace_a_folder_of_nobody_is_no_way_to_a_vault() {
    if !can_have_namespaces() {
        return;
    }
    let (_cloudeka, world, theirs) = beside_theirs();
    log_in(&world, "XDG_DATA_HOME", &world.data()).succeeded();
    let data = of_owner(&theirs.join("data"));
    fs::copy(world.vault_path(), data.join("vault.age")).unwrap();
    chown(data.join("vault.age"), Some(OWNER), Some(OWNER)).unwrap();
    let through = world.home().join("through");
    acting_as(OWNER, || symlink(&data, &through).unwrap());
    for namespace in NAMESPACES {
        let token = |vault: &Path| {
            let run = world.cldkctl(["auth", "token", "--passphrase-file"]);
            let run = run.arg(world.home().join("passphrase"));
            run.arg("--vault").arg(vault).inside(namespace).run()
        };
        // The folders that lead home are root's, who has no id here either.
        let output = token(&world.vault_path()).succeeded();
        assert_eq!(output.stdout, format!("{TOKEN}\n"), "{output}");
        assert_eq!(output.stderr, "", "{output}");
        for vault in [data.join("vault.age"), through.join("vault.age")] {
            let output = token(&vault).expect_code(1);
            let said = "belongs to a user who has no id in this user namespace";
            assert!(output.stderr.contains(said), "{namespace:?}: {output}");
            assert!(output.stderr.contains("hint: "), "{output}");
        }
    }
}

#[test]
fn in_a_namespace_without_an_id_of_its_own_a_file_of_somebody_else_is_not_taken_for_ours() {
    if !can_have_namespaces() {
        return;
    }
    let (_cloudeka, world, _) = beside_theirs();
    log_in(&world, "XDG_DATA_HOME", &world.data()).succeeded();
    let token = || {
        let run = world.cldkctl(["auth", "token", "--passphrase-file"]);
        let run = run.arg(world.home().join("passphrase"));
        run.inside(NAMESPACES[1]).run()
    };
    set_mode(world.vault_path(), 0o644);
    token().succeeded();
    chown(world.vault_path(), Some(SOMEONE_ELSE), None).unwrap();
    let output = token().expect_code(1);
    assert!(output.stderr.contains("belongs to "), "{output}");
}

/// As in images whose program runs as `nobody`.
#[test]
fn nobody_has_a_vault_like_anybody_else() {
    if !can_be_someone_else() {
        return;
    }
    let (_cloudeka, world) = cloudeka_and_world();
    world.write("passphrase", PASSPHRASE);
    let world = world.owned_by(65_534);
    log_in(&world, "XDG_DATA_HOME", &world.data()).succeeded();
    log_in(&world, "XDG_DATA_HOME", &world.data()).succeeded();
}
