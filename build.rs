//! Links the program so that it starts fast and is small, where that can be done.
//!
//! - The unwinder of GCC, which Rust's standard library wants, becomes part of the program. The
//!   system would load `libgcc_s.so.1` each time it starts: a tenth of the time of `cldkctl auth
//!   token`. The same code is in `libgcc_eh.a`, which comes with GCC. Where there is no such
//!   archive nothing changes.
//! - The places that hold an address are listed in the packed form (`DT_RELR`), a thirtieth of
//!   the usual one: 370 KB less to keep and to read. The C library's loader knows it since glibc
//!   2.36. Where it is older nothing changes.

use std::env;
use std::path::Path;
use std::process::Command;

const ARCHIVE: &str = "libgcc_eh.a";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if !is_native_gnu_linux() {
        return;
    }
    if linker_finds(ARCHIVE) {
        // "dylib" is where rustc puts shared libraries, and the linker takes the name as it is.
        println!("cargo::rustc-link-lib=dylib:+verbatim={ARCHIVE}");
    }
    if glibc().is_some_and(|version| version >= (2, 36)) {
        // A linker that does not know it says so, and goes on.
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// What is asked below are this machine's linker and library.
fn is_native_gnu_linux() -> bool {
    let is = |name: &str, value: &str| env::var(name).is_ok_and(|it| it == value);
    is("CARGO_CFG_TARGET_OS", "linux")
        && is("CARGO_CFG_TARGET_ENV", "gnu")
        && env::var("HOST") == env::var("TARGET")
        && !env::var("CARGO_CFG_TARGET_FEATURE").is_ok_and(|it| it.contains("crt-static"))
}

fn linker_finds(archive: &str) -> bool {
    let linker = env::var("RUSTC_LINKER").unwrap_or_else(|_| "cc".to_owned());
    let asked = Command::new(linker)
        .arg(format!("-print-file-name={archive}"))
        .output();
    // It answers with the bare name when it finds nothing.
    asked
        .is_ok_and(|answer| Path::new(String::from_utf8_lossy(&answer.stdout).trim()).is_absolute())
}

/// The version of the C library here, which a native program runs on: "glibc 2.36".
fn glibc() -> Option<(u32, u32)> {
    let answer = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let text = String::from_utf8(answer.stdout).ok()?;
    let mut numbers = text
        .trim()
        .strip_prefix("glibc ")?
        .split('.')
        .map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}
