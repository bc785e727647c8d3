//! What it costs to load an entry in each cell: the baseline's questions on `mini`, asked of the real worker and of a
//! peer with the entry linked into its server.
//!
//! The real trainer asks; what a question costs is the kernel's own count of the cell's CPU time. The variants take
//! turns, so that a machine that slows down slows all of them.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, Result};
use records::{
    canonical, file,
    v1::{
        names,
        outcome::{Outcome, Trained},
        protocol::Protocol,
        run::ResolvedRun,
    },
};

use crate::{kit, setup, shell};

const ROUNDS: usize = 5;
const STEPS: u64 = 12;
const LANES: f64 = 8.0;

/// A worker and how many lanes one of its cells answers.
struct Variant {
    name: &'static str,
    server: &'static str,
    lanes: u32,
}

const VARIANTS: [Variant; 3] = [
    Variant { name: "linked, a cell a lane (the peer)", server: "linked-worker", lanes: 1 },
    Variant { name: "loaded, a cell a lane", server: "worker", lanes: 1 },
    Variant { name: "loaded, eight lanes in a cell", server: "worker", lanes: 8 },
];

/// Measures and prints medians and ratios.
pub fn run(checkout: &Path) -> Result<()> {
    let machine = setup::run(checkout)?;
    let kit = kit::build(&machine)?;
    let programs = kit.maxclip.parent().context("`maxclip` lies in no folder")?;
    let home = checkout.join("runs/bench-worker");
    shell::remove(&home)?;
    let mut record = Command::new(&kit.maxclip);
    record.args(["golden", "record", "--protocol", "mini", "--reason", "bench", "--home"]).arg(&home);
    shell::run(record.stdout(Stdio::null()))?;
    let run: ResolvedRun = canonical::from_file(&file::read(&only(&home.join("golden"), names::RUN)?)?)?;
    // As `maxclip` builds entries, not as cargo does.
    let entry = only(&home.join("build"), "libentry.so")?;
    let mut costs = VARIANTS.map(|_| (Vec::new(), Vec::new()));
    for _ in 0..ROUNDS {
        for (variant, (loss, update)) in VARIANTS.iter().zip(&mut costs) {
            let trained = train(variant, &run, &home, programs, &machine, &entry)?;
            loss.push(trained.usage.loss_cpu_micros as f64 / (STEPS as f64 * LANES));
            update.push(trained.usage.update_cpu_micros as f64 / STEPS as f64);
        }
    }
    let medians = costs.map(|(loss, update)| (median(loss), median(update)));
    println!("CPU time of an answer, baseline on mini, median of {ROUNDS} trainings of {STEPS} steps:");
    println!("{:<34} {:>12} {:>7} {:>12} {:>7}", "", "loss, a lane", "ratio", "update", "ratio");
    for (variant, (loss, update)) in VARIANTS.iter().zip(medians) {
        let (peer_loss, peer_update) = medians[0];
        let ratios = (loss / peer_loss, update / peer_update);
        println!("{:<34} {loss:>9.0} us {:>7.2} {update:>9.0} us {:>7.2}", variant.name, ratios.0, ratios.1);
    }
    Ok(())
}

/// The file of this name in a folder's only folder.
fn only(folder: &Path, name: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let paths = entries.map(|entry| Ok(entry?.path().join(name))).collect::<Result<Vec<PathBuf>>>()?;
    let path = paths.into_iter().find(|path| path.is_file());
    path.with_context(|| format!("no `{name}` in {}", folder.display()))
}

/// Trains the first steps with a variant, in a folder of its own.
fn train(
    variant: &Variant,
    run: &ResolvedRun,
    home: &Path,
    programs: &Path,
    machine: &setup::Machine,
    entry: &Path,
) -> Result<Trained> {
    let folder = home.join("run");
    shell::remove(&folder)?;
    let lanes = format!("cell_lanes_max = {}\n", variant.lanes);
    let protocol = run.protocol.replace("cell_lanes_max = 8\n", &lanes);
    let (parsed, digest) = Protocol::parse(&protocol)?;
    let run = ResolvedRun { protocol_digest: digest, protocol, ..run.clone() };
    file::write(&folder.join(names::RUN), &canonical::to_file(&run)?)?;
    let scale = parsed.scale(&run.scale).context("the run's scale is not its protocol's")?;
    let mut trainer = Command::new(programs.join("trainer"));
    trainer.env_clear().envs(numerics::pin::ENVIRONMENT.iter().copied()).env("LD_LIBRARY_PATH", &machine.libraries);
    trainer.arg("train").arg(&folder).arg("--data").arg(home.join("data").join(&scale.data));
    trainer.arg("--worker").arg(programs.join(variant.server)).arg("--libraries").arg(&machine.libraries);
    trainer.arg("--entry").arg(entry).arg("--probe").arg(programs.join("libprobe.so"));
    trainer.args(["--until", &STEPS.to_string(), "--threads", "1"]);
    shell::run(trainer.stdout(Stdio::null()).stderr(Stdio::null()))?;
    let path = folder.join(names::OUTCOME);
    let outcome: Outcome =
        canonical::from_file(&file::read(&path)?).with_context(|| format!("{} is damaged", path.display()))?;
    outcome.training.context("the trainer says nothing of what it did")
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
