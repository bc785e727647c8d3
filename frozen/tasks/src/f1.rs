//! Macro F1 over the classes that occur, iWildCam's main metric.

use std::collections::BTreeMap;

use crate::{score::ScoreError, scored::ScoredMetric};

/// What was counted of a class that occurs.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    /// Images that are and were called this.
    both: u64,
    /// Images that are this, and images that were called this.
    either: u64,
}

impl Counts {
    fn f1(self) -> f64 {
        2.0 * self.both as f64 / self.either as f64
    }
}

/// The mean of F1 over the classes that some label names: `F_k = 2 t_k / (n_k + m_k)` with `t_k` images that are and
/// were called `k`, `n_k` that are, `m_k` that were. What is called a class that no label names counts where it
/// is missed.
///
/// An item's linearised influence is `F + N / S * sum_k (2 [is and called k] - F_k ([is k] + [called k])) / (n_k + m_k)`:
/// the derivative of each ratio of means, of which only the item's own two classes are not zero.
///
/// - Shapes: `labels`, `called` `[N]`. `ties` are those of the similarities that the calls were made by.
/// - Errors: [`ScoreError::Empty`], [`ScoreError::Count`].
pub fn macro_f1(labels: &[u32], called: &[u32], ties: u64) -> Result<ScoredMetric, ScoreError> {
    if labels.is_empty() {
        return Err(ScoreError::Empty("images"));
    }
    if labels.len() != called.len() {
        let right = format!("{} images", labels.len());
        return Err(ScoreError::Count { what: "calls", left: called.len(), right });
    }
    let mut classes: BTreeMap<u32, Counts> = labels.iter().map(|&label| (label, Counts::default())).collect();
    for (label, called) in labels.iter().zip(called) {
        for class in [label, called] {
            if let Some(counts) = classes.get_mut(class) {
                counts.either += 1;
            }
        }
        if let Some(counts) = classes.get_mut(label) {
            counts.both += u64::from(label == called);
        }
    }
    let value = classes.values().map(|counts| counts.f1()).sum::<f64>() / classes.len() as f64;
    let scale = labels.len() as f64 / classes.len() as f64;
    let part = |class: &u32, hits: f64, times: f64| {
        classes.get(class).map_or(0.0, |counts| (2.0 * hits - counts.f1() * times) / counts.either as f64)
    };
    let influence = |(label, called): (&u32, &u32)| {
        let parts =
            if label == called { part(label, 1.0, 2.0) } else { part(label, 0.0, 1.0) + part(called, 0.0, 1.0) };
        value + scale * parts
    };
    Ok(ScoredMetric { value, influences: labels.iter().zip(called).map(influence).collect(), strata: Vec::new(), ties })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_and_influences_are_those_of_another_implementation() {
        let labels = [0, 0, 0, 1, 1, 2, 2, 2, 2, 5];
        let called = [0, 0, 1, 1, 3, 2, 2, 0, 2, 2];
        let scored = macro_f1(&labels, &called, 3).unwrap();
        // sklearn: f1_score(labels, called, labels=np.unique(labels), average="macro", zero_division=0).
        assert!((scored.value - 0.479_166_666_666_666_63).abs() < 1e-15, "{}", scored.value);
        // numpy: N times the central difference of F1 in the weight of each item, and F1.
        let expected = [
            0.756_944_444,
            0.756_944_444,
            -0.111_111_111,
            1.104_166_666,
            0.166_666_667,
            0.635_416_667,
            0.635_416_667,
            -0.032_986_111,
            0.635_416_667,
            0.244_791_667,
        ];
        for (influence, expected) in scored.influences.iter().zip(expected) {
            assert!((influence - expected).abs() < 2e-9, "{influence} {expected}");
        }
        assert!((scored.influences.iter().sum::<f64>() / 10.0 - scored.value).abs() < 1e-15);
        assert!((scored.variance() - 0.015_350_048_746).abs() < 1e-9, "{}", scored.variance());
        assert_eq!((scored.items(), scored.ties), (10, 3));
    }

    #[test]
    fn perfect_calls_leave_no_doubt_and_lists_must_fit() {
        let perfect = macro_f1(&[4, 4, 7], &[4, 4, 7], 0).unwrap();
        assert_eq!((perfect.value, perfect.variance()), (1.0, 0.0));
        assert_eq!(macro_f1(&[], &[], 0), Err(ScoreError::Empty("images")));
        assert!(matches!(macro_f1(&[1], &[1, 2], 0), Err(ScoreError::Count { left: 2, .. })));
    }
}
