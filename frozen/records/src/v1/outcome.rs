//! How a trainer or an evaluator ended: `outcome.json` and `eval_outcome.json` beside what it wrote.
//!
//! A fault leaves no such file: what could not be done says nothing about what is judged. No digest covers one.

use serde::{Deserialize, Serialize};

use crate::{Finding, Reason, Stop};

/// How a program ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Its end.
    pub outcome: Ending,
    /// Rules that were broken, where it failed.
    pub findings: Vec<Finding>,
    /// Why this machine could not go on, where it is inconclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// What a trainer did; an evaluator has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub training: Option<Trained>,
}

/// The ends there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// Everything is done and its results are there.
    Done,
    /// A training was asked to stop after a step; it can go on.
    Stopped,
    /// A rule was broken.
    Failed,
    /// This machine could not go on.
    Inconclusive,
}

/// What a trainer did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trained {
    /// Steps that stand in the transcript.
    pub steps: u64,
    /// What the last start of the trainer used.
    pub usage: TrainerUsage,
}

/// What a start of the trainer used, resumed steps left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainerUsage {
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

impl Outcome {
    /// What is written of an end; nothing of a fault.
    #[must_use]
    pub fn of(ended: &Result<Ending, Stop>, training: Option<Trained>) -> Option<Self> {
        let (outcome, findings, reason) = match ended {
            Ok(ending) => (*ending, Vec::new(), None),
            Err(Stop::Fail(findings)) => (Ending::Failed, findings.clone(), None),
            Err(Stop::Inconclusive(reason)) => (Ending::Inconclusive, Vec::new(), Some(reason.clone())),
            Err(Stop::Fault(_)) => return None,
        };
        Some(Self { outcome, findings, reason, training })
    }

    /// Why it ended before its time; nothing where it did what it was asked for, or where the file contradicts itself.
    #[must_use]
    pub fn stop(&self) -> Option<Stop> {
        match (self.outcome, &self.reason) {
            (Ending::Failed, None) if !self.findings.is_empty() => Some(Stop::Fail(self.findings.clone())),
            (Ending::Inconclusive, Some(reason)) => Some(Stop::Inconclusive(reason.clone())),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Problem, Rule, canonical};

    #[test]
    fn what_is_written_of_an_end_reads_as_the_same_end() {
        let reason = Reason { why: "no data".to_owned(), hint: "fetch them".to_owned() };
        let finding = Finding::new(Rule::NonFinite, "task `a`, image features");
        for stop in [Stop::from(reason), Stop::from(finding)] {
            let text = stop.to_string();
            let outcome = Outcome::of(&Err(stop), None).unwrap();
            let bytes = canonical::to_file(&outcome).unwrap();
            let read: Outcome = canonical::from_file(&bytes).unwrap();
            assert_eq!(read, outcome);
            assert_eq!(read.stop().unwrap().to_string(), text);
        }
        assert!(Outcome::of(&Ok(Ending::Done), None).unwrap().stop().is_none());
        assert_eq!(Outcome::of(&Err(Problem::fault("a bug").into()), None), None);
    }
}
