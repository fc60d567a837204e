//! Name servers that are no better than the servers of `hostile/servers.rs`.
#![cfg(target_os = "linux")]

use std::net::{Ipv4Addr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use crate::support::steps::are_installed;
use crate::support::{TOKEN, World};

/// What to begin a command with so that it has the `resolv.conf` of its folder for the
/// system's.
const LOOKING_UP: [&str; 6] = [
    "unshare",
    "--mount",
    "sh",
    "-c",
    "mount --bind resolv.conf /etc/resolv.conf && exec \"$@\"",
    "sh",
];

#[test]
fn a_name_server_that_says_nothing_is_left() {
    let Some(silent) = name_server() else {
        return;
    };
    let address = silent.local_addr().expect("a bound port").ip();
    let world = World::new();
    let wait = format!("nameserver {address}\noptions timeout:30 attempts:3\n");
    world.write("resolv.conf", wait);
    let run = world.cldkctl(["api", "/core/user/profile", "--max-retries", "0"]);
    let run = run.env("CLDKCTL_TOKEN", TOKEN).under(LOOKING_UP);
    let run = run.env("CLDKCTL_BASE_URL", "https://cloudeka.example");
    let output = run.patience(Duration::from_secs(20)).run().expect_code(7);
    let why = "timed out while connecting";
    assert!(output.stderr.contains(why), "{output}");
    silent.set_nonblocking(true).expect("a socket");
    assert!(silent.recv(&mut [0; 512]).is_ok(), "it was never asked");
}

/// A port for names, of an address of this machine that nobody else has; unless that, or to
/// have a command ask there, cannot be done here.
fn name_server() -> Option<UdpSocket> {
    if !are_installed(&["unshare", "mount"]) {
        return None;
    }
    let [.., high, low] = std::process::id().to_be_bytes();
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 53, high, low), 53));
    let mount = [
        "--mount",
        "mount",
        "--bind",
        "/etc/hosts",
        "/etc/resolv.conf",
    ];
    let mounted = crate::support::output_of(Command::new("unshare").args(mount));
    if let (Ok(socket), true) = (socket, mounted.status.success()) {
        return Some(socket);
    }
    crate::support::skip("only root can have a port for names and a resolv.conf of its own");
    None
}
