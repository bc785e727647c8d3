//! `outcome.json`: how a training ended. The one file of a run that holds times; no digest covers it.

use serde::{Deserialize, Serialize};

use crate::{Finding, Reason};

/// How a training ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Its end.
    pub outcome: Ending,
    /// Steps that stand in the transcript.
    pub steps: u64,
    /// Rules that were broken, where it failed.
    pub findings: Vec<Finding>,
    /// Why this machine could not go on, where it is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What the last start of the trainer used.
    pub usage: Usage,
}

/// What a start of the trainer used, resumed steps left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Steps that were done.
    pub steps: u64,
    /// Questions that the worker answered.
    pub questions: u64,
    /// CPU microseconds of those answers.
    pub worker_cpu_micros: u64,
    /// CPU microseconds of `loss` alone.
    pub loss_cpu_micros: u64,
    /// CPU microseconds of `update` alone.
    pub update_cpu_micros: u64,
    /// Largest resident set of an answer, in KiB.
    pub worker_max_rss_kib: u64,
    /// CPU microseconds of the trainer, all its threads.
    pub trainer_cpu_micros: u64,
}

/// The ends there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All steps are done and the weights are published.
    Done,
    /// It was asked to stop after a step; it can go on.
    Stopped,
    /// A rule was broken.
    Failed,
    /// This machine could not go on.
    Inconclusive,
}
