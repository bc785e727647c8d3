//! `eval_results.jsonl`: one line a task, with DataComp's keys, so that its tools read ours; and the score
//! that a certificate states of such a line.
//!
//! A score is a value, its variance as an estimate over the task's items, and the parts of it that fixed
//! sixteenths of the items contribute. So whoever holds two certificates, and no item, can pair them: with
//! `d` the difference of two entries in a block, the variance of the difference of their values is
//! `B / (B - 1) * sum (d - mean d)^2` over the `B` = [`BLOCKS`] blocks.
//!
//! `metrics` holds JSON floats; what is stated is a [`Real`].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use serde_json::{Map, Value};

use crate::{Blake3, DataRoot};

/// Parts that a score is stated in.
pub const BLOCKS: usize = 16;

/// How far blocks may be from adding up to their value: sums of doubles, one rounding an item.
const SUM_TOLERANCE: f64 = 1e-9;

/// A finite double, written as text: the shortest decimal without an exponent that reads back to the same
/// bits. Reading refuses every other text, and there is no negative zero, so equal texts, equal numbers and
/// equal bits are one thing.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub struct Real(f64);

impl Real {
    /// Zero.
    pub const ZERO: Self = Self(0.0);

    /// None where the number is infinite or not a number.
    #[must_use]
    pub fn new(value: f64) -> Option<Self> {
        // Adding zero takes a negative zero's sign.
        value.is_finite().then_some(Self(value + 0.0))
    }

    /// The number.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }
}

impl Eq for Real {}

impl fmt::Display for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Real {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Real({})", self.0)
    }
}

impl Serialize for Real {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Real {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let real = text.parse().ok().and_then(Self::new).filter(|real| real.0.to_string() == text);
        real.ok_or_else(|| D::Error::custom(format!("`{text}` is not the shortest decimal text of a finite number")))
    }
}

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
    /// What our lines add: what is stated of the main metric, and what it was computed from.
    pub maxclip: Stated,
}

/// The main metric as an estimate, and what lets someone else compute it again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// As [`Score::value`].
    pub value: Real,
    /// As [`Score::variance`].
    pub variance: Real,
    /// As [`Score::items`].
    pub items: u64,
    /// As [`Score::blocks`].
    pub blocks: [Real; BLOCKS],
    /// As [`Score::ties`].
    pub ties: u64,
    /// Merkle root of the checkpoint that was scored.
    pub checkpoint: Blake3,
    /// Identity of the task's data.
    pub data: DataRoot,
}

/// One task's main metric, as a certificate states it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Score {
    /// The task's key.
    pub key: String,
    /// The main metric, from 0 to 1.
    pub value: Real,
    /// Of the value as an estimate over items: the square of its standard error.
    pub variance: Real,
    /// Independent items: images, or images with their captions.
    pub items: u64,
    /// What the items contribute to the value, item `i` in block `i` modulo [`BLOCKS`]; the blocks add up to the value.
    pub blocks: [Real; BLOCKS],
    /// Equal similarities of different inputs, each counted against the model.
    pub ties: u64,
    /// BLAKE3 of the task's line in `eval_results.jsonl`, newline included: says which line a change is in.
    pub line: Blake3,
}

impl Score {
    /// What a line of `eval_results.jsonl` states, with the line's digest.
    #[must_use]
    pub fn of(result: &TaskResult, line: Blake3) -> Self {
        let Stated { value, variance, items, blocks, ties, .. } = result.maxclip;
        Self { key: result.key.clone(), value, variance, items, blocks, ties, line }
    }

    /// What no evaluation can state, whatever was evaluated: the rule that is broken and what was found.
    #[must_use]
    pub fn impossible(&self) -> Option<(&'static str, String)> {
        let sum: f64 = self.blocks.iter().map(|block| block.value()).sum();
        if !(0.0..=1.0).contains(&self.value.value()) {
            Some(("a value from 0 to 1", self.value.to_string()))
        } else if self.variance < Real::ZERO {
            Some(("a variance of at least 0", self.variance.to_string()))
        } else if self.items == 0 {
            Some(("at least one item", "none".to_owned()))
        } else if !is_near(sum, self.value.value()) {
            Some(("blocks that add up to the value", format!("{sum} for {}", self.value)))
        } else {
            None
        }
    }
}

/// Whether a sum is what it should be but for rounding; what is not a number is near nothing.
fn is_near(sum: f64, value: f64) -> bool {
    (sum - value).abs() <= SUM_TOLERANCE
}

/// The folder of DataComp's task of a key, below a data folder: `wds_vtab-caltech101_test`.
///
/// The prefix `fairness/` is dropped first, other slashes become dashes.
#[must_use]
pub fn folder(key: &str) -> String {
    let stem = key.strip_prefix("fairness/").unwrap_or(key);
    format!("wds_{}_test", stem.replace('/', "-"))
}

/// The unweighted mean of scores, to six decimals, as a certificate states it; empty for no score.
///
/// Added in their order as doubles: IEEE 754 and Rust's exact decimal output make it one text everywhere.
#[must_use]
pub fn mean(scores: &[Score]) -> String {
    if scores.is_empty() {
        return String::new();
    }
    let sum: f64 = scores.iter().map(|score| score.value.value()).sum();
    format!("{:.6}", sum / scores.len() as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::canonical;

    fn score(value: f64) -> Score {
        let blocks = [Real::new(value / 16.0).unwrap(); BLOCKS];
        let (value, variance) = (Real::new(value).unwrap(), Real::new(0.0025).unwrap());
        Score { key: "a".into(), value, variance, items: 100, blocks, ties: 0, line: Blake3([0; 32]) }
    }

    #[test]
    fn a_mean_has_six_decimals() {
        assert_eq!(mean(&[score(1.0 / 3.0), score(2.0 / 3.0)]), "0.500000");
        assert_eq!(mean(&[score(2.0 / 3.0)]), "0.666667");
        assert_eq!(mean(&[]), "");
    }

    #[test]
    fn a_real_is_its_shortest_text() {
        let text = |value: f64| serde_json::to_string(&Real::new(value).unwrap()).unwrap();
        let texts = [(0.1 + 0.2, "0.30000000000000004"), (1.0, "1"), (-0.0, "0"), (1e-7, "0.0000001"), (-2.5, "-2.5")];
        for (value, expected) in texts {
            assert_eq!(text(value), format!("\"{expected}\""));
        }
        assert_eq!((Real::new(f64::NAN), Real::new(f64::INFINITY)), (None, None));
    }

    #[test]
    fn any_other_text_of_a_number_is_refused() {
        for text in ["1.0", "+1", "01", "1e0", "-0", "0.30000000000000005", ".5", "inf", "NaN", "", " 1", "0x1"] {
            let read = serde_json::from_str::<Real>(&format!("\"{text}\""));
            assert!(read.unwrap_err().to_string().contains(text), "{text}");
        }
        assert!(serde_json::from_str::<Real>("0.5").is_err());
    }

    #[test]
    fn a_score_has_sixteen_blocks() {
        let bytes = canonical::to_file(&score(0.5)).unwrap();
        assert_eq!(canonical::from_file::<Score>(&bytes).unwrap(), score(0.5));
        let text = String::from_utf8(bytes).unwrap();
        let short = text.replacen("\"0.03125\",", "", 1);
        assert!(canonical::from_file::<Score>(short.as_bytes()).unwrap_err().to_string().contains("length 15"));
        let long = text.replacen("\"0.03125\",", "\"0.03125\",\"0.03125\",", 1);
        assert!(canonical::from_file::<Score>(long.as_bytes()).is_err());
    }

    #[test]
    fn what_no_evaluation_can_state_is_told() {
        assert_eq!(score(0.0).impossible(), None);
        assert_eq!(score(1.0).impossible(), None);
        fn real(value: f64) -> Real {
            Real::new(value).unwrap()
        }
        type Change = fn(&mut Score);
        let changes: [(Change, &str); 6] = [
            (|score| score.value = real(1.0 + f64::EPSILON), "a value from 0 to 1"),
            (|score| score.value = real(-1e-300), "a value from 0 to 1"),
            (|score| score.variance = real(-1e-300), "a variance of at least 0"),
            (|score| score.items = 0, "at least one item"),
            (|score| score.blocks[3] = real(0.03125 + 2e-9), "blocks that add up to the value"),
            (|score| score.blocks = [real(1e308); BLOCKS], "blocks that add up to the value"),
        ];
        for (change, rule) in changes {
            let mut score = score(0.5);
            change(&mut score);
            assert_eq!(score.impossible().unwrap().0, rule);
        }
        let mut near = score(0.5);
        near.blocks[3] = real(0.03125 + 0.5e-9);
        assert_eq!(near.impossible(), None);
    }

    proptest! {
        #[test]
        fn the_text_of_a_real_is_its_bits(bits: u64) {
            let value = f64::from_bits(bits);
            match Real::new(value) {
                None => prop_assert!(!value.is_finite()),
                Some(real) => {
                    let text = serde_json::to_string(&real).unwrap();
                    let read: Real = serde_json::from_str(&text).unwrap();
                    prop_assert_eq!(read.value().to_bits(), (value + 0.0).to_bits());
                }
            }
        }
    }
}
