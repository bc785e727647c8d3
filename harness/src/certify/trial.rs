//! The trial: the first steps of each real run, done several ways; all must be equal, bit for bit.
//!
//! Same model, data, seed and `Progress`, so nothing tells an algorithm that it is on trial. What is
//! different each time must not matter: a second process, a worker started again after every step, a stop
//! and a resume from a checkpoint, graphs computed again.

use std::fs;

use anyhow::Context as _;
use records::{Blake3, Finding, Stop, v1::names};

use super::{Certification, Scaled};
use crate::{
    compile,
    launch::{self, TrainingJob},
    progress::LiveProgress,
    resolve,
    stop::stop,
    together::Together,
    traces,
};

/// The ways, the first of which the others are compared with.
pub const VARIANTS: [&str; 5] = ["plain", "again", "restarted", "resumed", "recomputed"];

/// Runs the trial of every training; gives the digest of each plain prefix.
pub fn run(job: &Certification<'_>, scales: &[Scaled<'_>], bar: &LiveProgress) -> Result<Vec<Blake3>, Stop> {
    let pairs: Vec<_> = scales.iter().flat_map(|scale| VARIANTS.map(|variant| (scale, variant))).collect();
    job.all(&pairs, |(scale, variant), together| {
        one(job, scale, variant, together, bar).map_err(|stop| stop.within(&format!("{}, trial", scale.run.name())))
    })
    .map_err(once_each)?;
    let (mut starts, mut findings) = (Vec::new(), Vec::new());
    for scale in scales {
        match equal(job, scale) {
            Ok(start) => starts.push(start),
            Err(Stop::Fail(more)) => findings.extend(more),
            Err(stop) => return Err(stop),
        }
    }
    if findings.is_empty() { Ok(starts) } else { Err(Stop::Fail(findings)) }
}

/// The ways of a trial break a rule alike: said once.
fn once_each(stop: Stop) -> Stop {
    let Stop::Fail(findings) = stop else { return stop };
    let mut different: Vec<Finding> = Vec::new();
    for finding in findings {
        if !different.contains(&finding) {
            different.push(finding);
        }
    }
    Stop::Fail(different)
}

/// Steps that the whole trial does, for a progress bar.
pub fn steps(job: &Certification<'_>, scales: &[Scaled<'_>]) -> u64 {
    job.pinned.protocol.trial.steps * (scales.len() * VARIANTS.len()) as u64
}

fn one(
    job: &Certification<'_>,
    scale: &Scaled<'_>,
    variant: &str,
    together: &Together,
    bar: &LiveProgress,
) -> Result<(), Stop> {
    let steps = job.pinned.protocol.trial.steps;
    let folder = job.folder.trial(scale.run.name(), variant);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display())).map_err(stop)?;
    }
    resolve::place(&scale.run, &folder).map_err(stop)?;
    let training = TrainingJob {
        folder: folder.clone(),
        data: job.home.data().join(&scale.scale.data),
        entry: compile::shared_object(&job.folder.worker()),
        until: Some(steps),
        restart_worker_every: (variant == "restarted").then_some(1),
        recompute: variant == "recomputed",
        beside: job.jobs,
    };
    if variant == "resumed" {
        let half = TrainingJob { until: Some(steps.div_ceil(2)), ..training.clone() };
        launch::train(job.kit, &half, together, |_| bar.add(1))?;
    }
    launch::train(job.kit, &training, together, |_| bar.add(1))?;
    let checkpoints = folder.join(names::CHECKPOINTS);
    fs::remove_dir_all(&checkpoints).with_context(|| format!("cannot drop {}", checkpoints.display())).map_err(stop)?;
    Ok(())
}

fn equal(job: &Certification<'_>, scale: &Scaled<'_>) -> Result<Blake3, Stop> {
    let steps = job.pinned.protocol.trial.steps;
    let folder = |variant| job.folder.trial(scale.run.name(), variant);
    let plain = folder(VARIANTS[0]);
    for variant in &VARIANTS[1..] {
        let findings = traces::parting(&plain, &folder(variant), steps).map_err(stop)?;
        if !findings.is_empty() {
            let named = |mut finding: Finding| {
                finding.place = format!("{}, trial {variant}: {}", scale.run.name(), finding.place);
                finding
            };
            return Err(Stop::Fail(findings.into_iter().map(named).collect()));
        }
    }
    traces::start(&plain, steps).map_err(stop)
}
