//! Links the unwinder of GCC into the program, where that can be done.
//!
//! Rust's standard library wants it, and would have the system load `libgcc_s.so.1` each time
//! the program starts: a tenth of the time of `cldkctl auth token`. The same code is in
//! `libgcc_eh.a`, which comes with GCC. Where there is no such archive nothing changes.

use std::env;
use std::path::Path;
use std::process::Command;

const ARCHIVE: &str = "libgcc_eh.a";

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    if is_native_gnu_linux() && linker_finds(ARCHIVE) {
        // "dylib" is where rustc puts shared libraries, and the linker takes the name as it is.
        println!("cargo::rustc-link-lib=dylib:+verbatim={ARCHIVE}");
    }
}

/// What is asked below is this machine's linker.
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
