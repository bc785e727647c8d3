//! Every kind of worker passes the suite.

use std::{path::Path, process::Command};

#[test]
fn the_rust_worker_conforms() {
    let built = flows::programs();
    let mut suite = Command::new(env!("CARGO_BIN_EXE_conformance"));
    suite.arg("--worker").arg(built.join("worker")).arg("--entry").arg(built.join("libattacker.so"));
    suite.arg("--probe").arg(built.join("libprobe.so"));
    suite.arg("--libraries").arg(Path::new(env!("LIBTORCH")).join("lib"));
    let output = suite.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.ends_with("23 passed, 0 failed\n"), "{text}");
}

/// A suite that cannot fail holds nobody: a program that is no worker does not pass.
#[test]
fn another_program_does_not() {
    let built = flows::programs();
    let mut suite = Command::new(env!("CARGO_BIN_EXE_conformance"));
    suite.arg("--worker").arg("/bin/true").arg("--entry").arg(built.join("libattacker.so"));
    suite.arg("--probe").arg(built.join("libprobe.so")).arg("--libraries").arg("/lib");
    let output = suite.output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).ends_with("0 passed, 23 failed\n"));
}
