//! The mean Jaccard index of choices, WinoGAViL's main metric.

use crate::{score::ScoreError, scored::ScoredMetric};

/// What was chosen of some candidates, and what should have been.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// For each candidate, whether it was chosen.
    pub chosen: Vec<bool>,
    /// For each candidate, whether it belongs to the cue.
    pub right: Vec<bool>,
}

impl Choice {
    /// Candidates that are chosen and right, of those that are either.
    fn index(&self) -> f64 {
        let count = |of: fn(bool, bool) -> bool| {
            self.chosen.iter().zip(&self.right).filter(|&(&chosen, &right)| of(chosen, right)).count() as f64
        };
        count(|chosen, right| chosen && right) / count(|chosen, right| chosen || right)
    }
}

/// The mean over choices; the independent item is a choice, its influence its own index.
///
/// - Shapes: a choice's two lists are equally long, and at least one candidate is right. `ties` are those of the similarities that were chosen by.
/// - Errors: [`ScoreError::Empty`], [`ScoreError::Count`].
pub fn mean_jaccard(choices: &[Choice], ties: u64) -> Result<ScoredMetric, ScoreError> {
    if choices.is_empty() {
        return Err(ScoreError::Empty("choices"));
    }
    if let Some(odd) = choices.iter().find(|choice| choice.chosen.len() != choice.right.len()) {
        let right = format!("{} candidates", odd.right.len());
        return Err(ScoreError::Count { what: "answers", left: odd.chosen.len(), right });
    }
    if choices.iter().any(|choice| !choice.right.contains(&true)) {
        return Err(ScoreError::Empty("right candidates"));
    }
    let influences: Vec<f64> = choices.iter().map(Choice::index).collect();
    let value = influences.iter().sum::<f64>() / choices.len() as f64;
    Ok(ScoredMetric { value, influences, strata: Vec::new(), ties })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(chosen: &[u8], right: &[u8]) -> Choice {
        let marks = |list: &[u8]| list.iter().map(|&mark| mark == 1).collect();
        Choice { chosen: marks(chosen), right: marks(right) }
    }

    #[test]
    fn the_mean_and_its_variance_are_those_of_another_implementation() {
        let choices = [
            choice(&[1, 1, 0, 0, 0], &[1, 0, 1, 0, 0]),
            choice(&[0, 1, 1], &[0, 1, 1]),
            choice(&[1, 0, 0, 0], &[0, 1, 0, 0]),
        ];
        let scored = mean_jaccard(&choices, 1).unwrap();
        // sklearn: jaccard_score of each; numpy: np.var(ddof=1) / 3.
        assert_eq!(scored.influences, [1.0 / 3.0, 1.0, 0.0]);
        assert!((scored.value - 0.444_444_444_444_444_4).abs() < 1e-15);
        assert!((scored.variance() - 0.086_419_753_086_419_76).abs() < 1e-15);
        assert_eq!(scored.ties, 1);
    }

    #[test]
    fn a_choice_has_an_answer_and_as_many_of_it_as_candidates() {
        assert_eq!(mean_jaccard(&[], 0), Err(ScoreError::Empty("choices")));
        assert_eq!(mean_jaccard(&[choice(&[1], &[0])], 0), Err(ScoreError::Empty("right candidates")));
        assert!(matches!(mean_jaccard(&[choice(&[1], &[1, 0])], 0), Err(ScoreError::Count { left: 1, .. })));
    }
}
