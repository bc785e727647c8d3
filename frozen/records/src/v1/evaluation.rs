//! `eval_results.jsonl`: one line a task, with DataComp's keys, so that its tools read ours.
//!
//! Numbers are JSON floats there; what a certificate states of them is the exact fraction.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// One task's scores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskResult {
    /// DataComp's key: `imagenet1k`, `vtab/caltech101`, `retrieval/..`.
    pub key: String,
    /// The name for people.
    pub dataset: String,
    /// Every metric, `main_metric` among them; null where it is not defined.
    pub metrics: Map<String, Value>,
    /// What our lines add: the exact main metric and what it was computed from.
    pub maxclip: Exact,
}

/// What lets someone else recompute a score, and tell whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exact {
    /// The main metric's value as a fraction, where it is one: hits and trials.
    pub main_metric: Fraction,
    /// Merkle root of the checkpoint that was scored.
    pub checkpoint: crate::Blake3,
    /// Identity of the task's data.
    pub data: crate::DataRoot,
}

/// An exact share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fraction {
    /// Above the line.
    pub numerator: u64,
    /// Below the line; positive.
    pub denominator: u64,
}

impl Fraction {
    /// The nearest double.
    #[must_use]
    pub fn value(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

/// The folder of DataComp's task of a key, below a data folder: `wds_vtab-caltech101_test`.
///
/// The prefix `fairness/` is dropped first, other slashes become dashes.
#[must_use]
pub fn folder(key: &str) -> String {
    let stem = key.strip_prefix("fairness/").unwrap_or(key);
    format!("wds_{}_test", stem.replace('/', "-"))
}

/// The unweighted mean of shares, to six decimals, as a certificate states it; empty for no share.
///
/// Added in their order as doubles: IEEE 754 and Rust's exact decimal output make it one text everywhere.
#[must_use]
pub fn mean(shares: &[Fraction]) -> String {
    if shares.is_empty() {
        return String::new();
    }
    let sum: f64 = shares.iter().map(|share| share.value()).sum();
    format!("{:.6}", sum / shares.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_has_six_decimals() {
        let share = |numerator, denominator| Fraction { numerator, denominator };
        assert_eq!(mean(&[share(1, 3), share(2, 3)]), "0.500000");
        assert_eq!(mean(&[share(2, 3)]), "0.666667");
        assert_eq!(mean(&[]), "");
    }
}
