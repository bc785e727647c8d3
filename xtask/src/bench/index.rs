//! Time and memory of `maxclip data index`: samples of one small picture, so that what is measured is the index
//! and not the decoder. Memory should not grow with them.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::shell;

/// Samples of the data sets that are indexed.
const SIZES: [u64; 3] = [10_000, 100_000, 300_000];

/// Between two looks at how much memory a process took.
const LOOK: Duration = Duration::from_millis(10);

/// Measures.
pub fn run(checkout: &Path) -> Result<()> {
    shell::run(shell::cargo(checkout).args(["build", "--release", "--package", "maxclip"]))?;
    let frozen = checkout.join("frozen");
    shell::run(shell::cargo(&frozen).args(["build", "--release", "--package", "data", "--example", "data_peer"]))?;
    let target = checkout.join("target/release");
    let folder = checkout.join("runs/bench/index");
    println!("{:>9}  {:>9}  {:>10}  {:>12}  {:>13}", "samples", "seconds", "a second", "peak MiB", "open peak MiB");
    for samples in SIZES {
        shell::remove(&folder)?;
        shell::run(Command::new(target.join("examples/data_peer")).arg("many").arg(&folder).arg(samples.to_string()))?;
        let maxclip = |act: &[&str]| {
            let mut command = Command::new(target.join("maxclip"));
            command.args(act).arg(&folder).stdout(Stdio::null());
            command
        };
        let (time, peak) = measure(&mut maxclip(&["data", "index"]))?;
        let (_, open) = measure(maxclip(&["data", "nested"]).arg(&folder))?;
        let rate = samples as f64 / time.as_secs_f64();
        println!("{samples:>9}  {:>9.2}  {rate:>10.0}  {peak:>12.1}  {open:>13.1}", time.as_secs_f64());
    }
    shell::remove(&folder)
}

/// Runs a command; gives its time and the most memory that it took, in MiB.
fn measure(command: &mut Command) -> Result<(Duration, f64)> {
    let line = shell::line(command);
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start `{line}`"))?;
    let mut peak = 0;
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot wait for `{line}`"))? {
            if !status.success() {
                bail!("`{line}` ended with {status}");
            }
            return Ok((start.elapsed(), peak as f64 / 1024.0));
        }
        // The system's own high-water mark; gone with the process, so the last one seen counts.
        let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let mark =
            status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse().ok());
        peak = mark.unwrap_or(0).max(peak);
        thread::sleep(LOOK);
    }
}
