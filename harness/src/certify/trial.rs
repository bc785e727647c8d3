//! The trial: the first steps of each real run, done several ways; all must be equal, bit for bit.
//!
//! Same model, data, seed and `Progress`, so nothing tells an algorithm that it is on trial. What is
//! different each time must not matter: a second process, a worker started again after every step, a stop
//! and a resume from a checkpoint, graphs computed again.

use std::fs;

use anyhow::Context as _;
use records::{Blake3, Finding, v1::names};

use super::{Certification, Scaled};
use crate::{
    compile,
    halt::{Halt, Went, settle},
    launch::{self, Training},
    progress::Progress,
    resolve,
    together::Together,
    traces,
};

/// The ways, the first of which the others are compared with.
pub const VARIANTS: [&str; 5] = ["plain", "again", "restarted", "resumed", "recomputed"];

/// Runs the trial of every training; gives the digest of each plain prefix.
pub fn run(job: &Certification<'_>, scales: &[Scaled<'_>], bar: &Progress) -> Went<Vec<Blake3>> {
    let pairs: Vec<_> = scales.iter().flat_map(|scale| VARIANTS.map(|variant| (scale, variant))).collect();
    job.all(&pairs, |(scale, variant), together| {
        one(job, scale, variant, together, bar).map_err(|halt| halt.within(&format!("{}, trial", scale.run.name())))
    })
    .map_err(once_each)?;
    let (mut starts, mut findings) = (Vec::new(), Vec::new());
    for scale in scales {
        match equal(job, scale) {
            Ok(start) => starts.push(start),
            Err(Halt::Fail(more)) => findings.extend(more),
            Err(halt) => return Err(halt),
        }
    }
    if findings.is_empty() { Ok(starts) } else { Err(Halt::Fail(findings)) }
}

/// The ways of a trial break a rule alike: said once.
fn once_each(halt: Halt) -> Halt {
    let Halt::Fail(findings) = halt else { return halt };
    let mut different: Vec<Finding> = Vec::new();
    for finding in findings {
        if !different.contains(&finding) {
            different.push(finding);
        }
    }
    Halt::Fail(different)
}

/// Steps that the whole trial does, for a progress bar.
pub fn steps(job: &Certification<'_>) -> u64 {
    job.law.protocol.trial.steps * (job.law.protocol.runs().count() * VARIANTS.len()) as u64
}

fn one(job: &Certification<'_>, scale: &Scaled<'_>, variant: &str, together: &Together, bar: &Progress) -> Went<()> {
    let steps = job.law.protocol.trial.steps;
    let folder = job.folder.trial(scale.run.name(), variant);
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    resolve::place(&scale.run, &folder)?;
    let training = Training {
        folder: folder.clone(),
        data: job.home.data().join(&scale.scale.data),
        entry: compile::object(&job.folder.worker()),
        until: Some(steps),
        restart_worker_every: (variant == "restarted").then_some(1),
        recompute: variant == "recomputed",
        beside: job.jobs,
    };
    if variant == "resumed" {
        let half = Training { until: Some(steps.div_ceil(2)), ..training.clone() };
        settle(launch::train(job.kit, &half, together, |_| bar.add(1))?)?;
    }
    settle(launch::train(job.kit, &training, together, |_| bar.add(1))?)?;
    let checkpoints = folder.join(names::CHECKPOINTS);
    fs::remove_dir_all(&checkpoints).with_context(|| format!("cannot drop {}", checkpoints.display()))?;
    Ok(())
}

fn equal(job: &Certification<'_>, scale: &Scaled<'_>) -> Went<Blake3> {
    let steps = job.law.protocol.trial.steps;
    let folder = |variant| job.folder.trial(scale.run.name(), variant);
    let plain = folder(VARIANTS[0]);
    for variant in &VARIANTS[1..] {
        let findings = traces::parting(&plain, &folder(variant), steps)?;
        if !findings.is_empty() {
            let named = |mut finding: Finding| {
                finding.place = format!("{}, trial {variant}: {}", scale.run.name(), finding.place);
                finding
            };
            return Err(Halt::Fail(findings.into_iter().map(named).collect()));
        }
    }
    Ok(traces::start(&plain, steps)?)
}
