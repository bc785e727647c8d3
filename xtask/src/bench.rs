//! Ratios against a peer, measured in the same run on the same machine.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clap::{Parser, ValueEnum};

use crate::{check, shell};

mod index;
mod verify;
mod worker;

const REPEATS: usize = 20;

/// Arguments of `cargo xtask bench`.
#[derive(Parser)]
pub struct Args {
    /// What to measure
    what: What,
}

/// A measurement.
#[derive(Clone, Copy, ValueEnum)]
enum What {
    /// `maxclip check` on the baseline's ZIP, against python's zipfile testing the same ZIP
    Check,
    /// CPU time of a worker's answers on `mini`, against a worker with the entry linked into it
    Worker,
    /// Time and peak memory of `maxclip data index` on 10,000 to 300,000 samples (2 GB of disk for a while)
    Index,
    /// Seconds and most memory of reading evidence over its size, against `sha256sum` of the same files
    Verify,
}

/// Measures.
pub fn run(checkout: &Path, args: &Args) -> Result<()> {
    check::prerequisites()?;
    match args.what {
        What::Check => gate(checkout),
        What::Worker => worker::run(checkout),
        What::Index => index::run(checkout),
        What::Verify => verify::run(checkout),
    }
}

fn gate(checkout: &Path) -> Result<()> {
    let mut build = shell::cargo(checkout);
    shell::run(build.args(["build", "--release", "--package", "maxclip"]))?;
    let program = checkout.join("target/release/maxclip");
    let zip = checkout.join("runs/bench/baseline.zip");
    std::fs::create_dir_all(checkout.join("runs/bench")).context("cannot create runs/bench")?;
    if zip.exists() {
        std::fs::remove_file(&zip).with_context(|| format!("cannot replace {}", zip.display()))?;
    }
    let editable = checkout.join("editable");
    let mut pack = Command::new(&program);
    shell::run(pack.arg("pack").arg(editable).arg("-o").arg(&zip).stdout(Stdio::null()))?;
    // Alternating, so that a machine that slows down slows both.
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..REPEATS {
        ours.push(time(Command::new(&program).arg("check").arg(&zip))?);
        theirs.push(time(Command::new("python3").args(["-m", "zipfile", "-t"]).arg(&zip))?);
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!("maxclip check (release build), baseline ZIP, median of {REPEATS}: {:.1} ms", ours.as_secs_f64() * 1e3);
    println!("python3 -m zipfile -t, same ZIP:                       {:.1} ms", theirs.as_secs_f64() * 1e3);
    println!("ratio: {:.2}", ours.as_secs_f64() / theirs.as_secs_f64());
    Ok(())
}

fn time(command: &mut Command) -> Result<Duration> {
    let start = Instant::now();
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start {}", Path::new(command.get_program()).display()))?;
    if !status.success() {
        bail!("`{}` ended with {status}", shell::line(command));
    }
    Ok(start.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
