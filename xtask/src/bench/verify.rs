//! What reading evidence costs as a verifier reads it: seconds and most memory over the size of the files, with
//! `sha256sum` of the same files as the peer.
//!
//! Each reading is a process of its own, so that its peak is its own.

use std::{path::Path, process::Command, time::Instant};

use anyhow::Result;
use records::v1::names;

use crate::shell;

/// MiB of tensors, and steps of a thousand fingerprints.
const SIZES: [(u64, u64); 4] = [(1, 100), (64, 1_000), (512, 4_000), (2_048, 8_000)];
const FILES: [&str; 3] = [names::WEIGHTS, names::TRANSCRIPT, names::FINGERPRINTS];

/// Measures and prints a line a size.
pub fn run(checkout: &Path) -> Result<()> {
    let frozen = checkout.join("frozen");
    let mut build = shell::cargo(&frozen);
    shell::run(build.args(["build", "--release", "--package", "evidence", "--example", "evidence_bench"]))?;
    let program = checkout.join("target/release/examples/evidence_bench");
    let folder = checkout.join("runs/bench/evidence");
    println!("{:>10} {:>9} {:>10} {:>10} {:>7}", "MiB", "seconds", "peak KiB", "sha256sum", "ratio");
    for (mib, steps) in SIZES {
        shell::remove(&folder)?;
        let mut write = Command::new(&program);
        shell::run(write.arg("write").arg(&folder).args([mib.to_string(), steps.to_string()]))?;
        // Once without looking: both readings find the files in the page cache.
        peer(&folder)?;
        let text = shell::output(Command::new(&program).arg("read").arg(&folder))?;
        let [bytes, seconds, peak] = text.split_whitespace().collect::<Vec<_>>()[..] else {
            anyhow::bail!("evidence_bench printed `{text}`");
        };
        let (bytes, seconds): (f64, f64) = (bytes.parse()?, seconds.parse()?);
        let theirs = peer(&folder)?;
        let (mib, ratio) = (bytes / f64::from(1 << 20), seconds / theirs);
        println!("{mib:>10.0} {seconds:>9.2} {peak:>10} {theirs:>10.2} {ratio:>7.2}");
    }
    shell::remove(&folder)
}

/// Seconds that `sha256sum` takes.
fn peer(folder: &Path) -> Result<f64> {
    let start = Instant::now();
    shell::output(Command::new("sha256sum").args(FILES).current_dir(folder))?;
    Ok(start.elapsed().as_secs_f64())
}
