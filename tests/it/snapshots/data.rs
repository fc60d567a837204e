//! Each command that has data: as a table, as JSON and as YAML.

use std::fs;

use super::{LOGIN, OPENED, new_world, transcript};
use crate::support::kernel::has_keyrings;
use crate::support::{Misbehave, TOKEN, skip};

#[test]
fn auth_status() {
    let (cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    let status = "cldkctl auth status";
    shown.about("no vault");
    shown.run_in_each_format(status);
    shown.about("no vault, but a token in the environment");
    shown.run_in_each_format("CLDKCTL_TOKEN=$TOKEN cldkctl auth status --check");
    world
        .cldkctl(["auth", "--token-stdin", "--no-unlock"])
        .args([
            "--default-project",
            "project-alpha",
            "--passphrase-file",
            "passphrase",
        ])
        .stdin(TOKEN)
        .run()
        .succeeded();
    shown.about("a locked vault");
    shown.run_in_each_format(status);
    shown.run("cldkctl auth status --check");
    shown.run("cldkctl auth status --check -o json");
    shown.about("an unlocked vault");
    shown.run("cldkctl unlock --passphrase-stdin <<< $PASSPHRASE");
    shown.run_in_each_format(status);
    shown.about("an unlocked vault, for all logins, and a token in the environment");
    shown.run("cldkctl unlock --scope user --idle 90s --lifetime 1h30m --passphrase-stdin <<< $PASSPHRASE");
    shown.run("CLDKCTL_TOKEN=$TOKEN cldkctl auth status");
    shown.run("CLDKCTL_TOKEN=$TOKEN cldkctl auth status -o json");
    shown.about("an unlocked vault, and the API");
    shown.run_in_each_format("cldkctl auth status --check");
    cloudeka.misbehave(Misbehave::html(200));
    shown.run("cldkctl auth status --check --max-retries 0");
    cloudeka.behave();
    cloudeka.revoke_token(TOKEN);
    shown.run("cldkctl auth status --check");
    shown.run("cldkctl auth status --check -o json");
    shown.about("no login in the vault");
    shown.run("cldkctl auth logout");
    shown.run(status);
    shown.run("cldkctl auth status -o json");
    shown.assert_is("auth-status.txt");
}

#[test]
fn auth_status_with_the_kernel_keyring() {
    if !has_keyrings() {
        return skip("the kernel has no keyrings for us");
    }
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.run(LOGIN);
    shown.run("cldkctl unlock --keeper keyring --passphrase-stdin <<< $PASSPHRASE");
    shown.run_in_each_format("cldkctl auth status --keeper keyring");
    shown.assert_is("auth-status-keyring.txt");
}

#[test]
fn context() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.run(LOGIN);
    shown.run("cldkctl auth --token-stdin --context budi --default-namespace web --default-project project-alpha --default-registry images --organization org-91c0 --editor nano <<< $OTHER_TOKEN");
    shown.run_in_each_format("cldkctl context list");
    shown.run_in_each_format("cldkctl context show");
    shown.run("cldkctl context show default");
    shown.run_in_each_format("cldkctl whoami");
    shown.run("cldkctl context current");
    shown.run("cldkctl context use default");
    shown.run("cldkctl context rename budi staging");
    shown.run("cldkctl context list");
    shown.assert_is("context.txt");
}

#[test]
fn vault_info() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.run(&LOGIN.replace("auth", "auth --no-unlock"));
    shown.run("cldkctl vault path");
    shown.about("locked");
    shown.run_in_each_format("cldkctl vault info");
    shown.about("opened");
    shown.run_in_each_format(&format!("cldkctl vault info {OPENED}"));
    shown.about("for recipients alone, and armored");
    shown.run("cldkctl auth --vault machine.age --token-stdin --recipient $AGE <<< $TOKEN");
    shown.run("cldkctl vault info --vault machine.age");
    shown.run("cldkctl vault info --vault machine.age -o json");
    shown.run(&format!(
        "cldkctl vault backup armored.age --armor {OPENED}"
    ));
    shown.run("cldkctl vault info --vault armored.age");
    shown.assert_is("vault-info.txt");
}

#[test]
fn vault_verify() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.run(LOGIN);
    shown.run_in_each_format("cldkctl vault verify");
    shown.about("an older copy");
    let old = fs::read(world.vault_path()).unwrap();
    shown.run("cldkctl vault recipients add $SSH");
    shown.run("cldkctl vault verify");
    fs::write(world.vault_path(), old).unwrap();
    shown.run_in_each_format("cldkctl vault verify");
    shown.run("cldkctl context list");
    shown.run("cldkctl vault verify --accept-older");
    shown.assert_is("vault-verify.txt");
}

#[test]
fn vault_recipients() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.run(LOGIN);
    shown.about("add");
    shown.run("cldkctl vault recipients add $SSH");
    shown.run("cldkctl vault recipients add $AGE --label machine");
    shown.run("cldkctl vault recipients add $RSA");
    shown.run("cldkctl vault recovery-key --kit sheet.txt");
    shown.run("cldkctl vault recovery-key --kit other.svg");
    shown.about("list");
    shown.run_in_each_format("cldkctl vault recipients list");
    shown.run("cldkctl vault verify");
    shown.about("an identity opens the vault");
    shown.run("cldkctl auth --token-stdin --identity machine.key <<< $TOKEN");
    shown.run("cldkctl vault recipients remove sari@laptop --identity machine.key");
    shown.about("remove");
    shown.run(&format!("cldkctl vault recipients remove $RSA {OPENED}"));
    shown.run(&format!(
        "cldkctl vault recipients remove recovery {OPENED}"
    ));
    shown.run(&format!("cldkctl vault passphrase --remove {OPENED}"));
    shown.run_in_each_format("cldkctl vault recipients list --identity machine.key");
    shown.assert_is("vault-recipients.txt");
}

#[test]
fn credentials() {
    let (_cloudeka, world) = new_world();
    let mut shown = transcript(&world);
    shown.word("$SECRET", "otter-lantern-77-plum");
    shown.run(LOGIN);
    shown.about("no credential");
    shown.run_in_each_format("cldkctl credential list");
    shown.run("cldkctl credential show docker registry.example");
    shown.about("two of them");
    for add in [
        "docker HTTPS://Registry.Example/v2/ --username sari",
        "aws s3.example --username AKIA1 --expires 2999-01-31",
    ] {
        shown.run(&format!(
            "cldkctl credential add {add} --secret-stdin <<< $SECRET"
        ));
    }
    shown.run_in_each_format("cldkctl credential list");
    shown.run_in_each_format("cldkctl credential show aws https://s3.example");
    shown.about("what programs are told");
    for command in [
        "cldkctl helper docker list",
        "cldkctl helper docker get <<< other.example",
        "cldkctl helper git get <<< url=https://git.example",
        "cldkctl helper aws --endpoint http://s3.example",
        "cldkctl helper install docker",
        "cldkctl helper install git",
        "cldkctl credential remove docker registry.example",
        "cldkctl lock",
        "cldkctl helper docker get <<< registry.example",
        "cldkctl helper git get <<< url=https://git.example",
        "cldkctl helper aws",
    ] {
        shown.run(command);
    }
    shown.assert_is("credentials.txt");
}
