//! skopeo against a registry on loopback: logs in, pushes, pulls and logs out through the vault.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::support::clients::{said, sh, sh_ok};
use crate::support::steps::{are_installed, unlocked};
use crate::support::{World, starting, wait_until};

pub(crate) const SECRET: &str = "otter-lantern-77-plum";
/// `htpasswd -Bbn sari`, with that password.
const HTPASSWD: &str = "sari:$2y$05$iK11N5cGC54wcHUiG.6tteBXxYFRDZtiwW4gY9Tn6LLYcqtO8g.1u\n";

/// An image of one layer with one file, as an OCI layout in `image`.
pub(crate) const IMAGE: &str = r#"
mkdir -p image/blobs/sha256 && echo hello > hello && tar cf layer.tar hello
put() { sum=$(sha256sum < "$1" | cut -d' ' -f1); size=$(stat -c %s "$1"); mv "$1" image/blobs/sha256/$sum; }
put layer.tar; layer=$sum layer_size=$size
printf '{"architecture":"amd64","os":"linux","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' $layer > config.json
put config.json
printf '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:%s","size":%s},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:%s","size":%s}]}' $sum $size $layer $layer_size > manifest.json
put manifest.json
printf '{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%s","size":%s,"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}' $sum $size > image/index.json
echo '{"imageLayoutVersion":"1.0.0"}' > image/oci-layout
"#;

/// A registry that knows one user; ended when dropped.
pub(crate) struct Registry {
    child: Child,
    pub(crate) host: String,
}

impl Registry {
    #[track_caller]
    pub(crate) fn start(world: &World) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").expect("a port");
        let host = port.local_addr().expect("an address").to_string();
        drop(port);
        let logins = world.write("htpasswd", HTPASSWD);
        let data = world.home().join("registry");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: '{host}'}}\n\
             auth: {{htpasswd: {{realm: test, path: {}}}}}\n",
            data.display(),
            logins.display()
        );
        let config = world.write("registry.yml", config);
        let starting = starting();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry runs");
        drop(starting);
        let up = wait_until(Duration::from_secs(20), || {
            TcpStream::connect(&host).is_ok()
        });
        assert!(up, "the registry does not listen");
        Self { child, host }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn skopeo_logs_in_pushes_pulls_and_logs_out() {
    if !are_installed(&["docker-registry", "skopeo", "bash", "tar"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let registry = Registry::start(&world);
    let host = &registry.host;
    sh_ok(
        &world,
        &format!("cldkctl helper install docker --registry {host}"),
        &[],
    );
    sh_ok(&world, IMAGE, &[]);
    let config = world.home().join(".docker/config.json");
    let env = [("REGISTRY_AUTH_FILE", config.to_str().expect("text"))];
    let push = format!(
        "skopeo --insecure-policy copy --dest-tls-verify=false oci:image:v1 docker://{host}/app:v1"
    );
    let pull = format!(
        "rm -rf pulled; skopeo --insecure-policy copy --src-tls-verify=false docker://{host}/app:v1 dir:pulled"
    );
    assert!(
        !sh(&world, &push, &env).status.success(),
        "nobody is logged in"
    );

    let log_in = |password: &str| {
        let line = format!(
            "printf %s {password} | skopeo login --tls-verify=false -u sari --password-stdin {host}"
        );
        sh(&world, &line, &env)
    };
    assert!(!log_in("wrong").status.success());
    let output = log_in(SECRET);
    assert!(output.status.success(), "{}", said(&output));
    let list = sh_ok(&world, "cldkctl credential list docker", &[]);
    assert_eq!(list, format!("docker  {host}  sari\n"));
    sh_ok(&world, &push, &env);
    sh_ok(&world, &pull, &env);
    assert!(world.home().join("pulled/manifest.json").exists());
    world.assert_no_secret(&[SECRET]);

    // Locked, and nobody to ask.
    world.cldkctl(["lock"]).run().succeeded();
    let output = sh(&world, &pull, &env);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("cldkctl unlock"),
        "{}",
        said(&output)
    );
    crate::support::steps::unlock(&world, &[]);
    sh_ok(&world, &pull, &env);

    sh_ok(&world, &format!("skopeo logout {host}"), &env);
    assert!(
        !sh(&world, &pull, &env).status.success(),
        "nobody is logged in any more"
    );
    assert_eq!(sh_ok(&world, "cldkctl credential list", &[]).trim(), "");
}

/// docker's client logs in without a daemon from version 28 on; Debian's is older.
#[test]
fn docker_logs_in_and_out() {
    if !are_installed(&["docker-registry", "bash"]) {
        return;
    }
    let (_cloudeka, world) = unlocked(&[]);
    let major = "docker version -f '{{.Client.Version}}' 2> /dev/null || docker --version | grep -o '[0-9][0-9]*' | head -1";
    let version = String::from_utf8_lossy(&sh(&world, major, &[]).stdout).into_owned();
    let major = version
        .split('.')
        .next()
        .and_then(|it| it.trim().parse().ok());
    if major.is_none_or(|major: u32| major < 28) {
        // Not `skip`: no Debian package has it, and CI has nothing else.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            b"SKIPPED: no docker that logs in without a daemon\n",
        );
        return;
    }
    let registry = Registry::start(&world);
    let host = &registry.host;
    sh_ok(
        &world,
        &format!("cldkctl helper install docker --registry {host}"),
        &[],
    );
    let log_in = format!("printf %s {SECRET} | docker login -u sari --password-stdin {host}");
    let output = sh(&world, &log_in, &[]);
    assert!(output.status.success(), "{}", said(&output));
    // Without the warning that docker gives where the password lies in its file.
    assert!(!said(&output).contains("unencrypted"), "{}", said(&output));
    let list = sh_ok(&world, "cldkctl credential list docker", &[]);
    assert_eq!(list, format!("docker  {host}  sari\n"));
    world.assert_no_secret(&[SECRET]);
    // To use what is stored docker asks its daemon, but us first.
    let again = format!("docker login {host}");
    let output = sh(&world, &again, &[]);
    assert!(
        said(&output).contains("[Username: sari]"),
        "{}",
        said(&output)
    );
    world.cldkctl(["lock"]).run().succeeded();
    let output = sh(&world, &log_in, &[]);
    assert!(!output.status.success());
    assert!(
        said(&output).contains("cldkctl unlock"),
        "{}",
        said(&output)
    );
    crate::support::steps::unlock(&world, &[]);
    let output = sh(&world, &format!("docker logout {host}"), &[]);
    assert!(!said(&output).contains("WARNING"), "{}", said(&output));
    assert_eq!(sh_ok(&world, "cldkctl credential list", &[]).trim(), "");
}
