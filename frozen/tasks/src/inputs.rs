//! Rows of features with what was put in for them, so that identical inputs are told from equal features.
//!
//! A model may give equal features to different inputs (a constant one does so for all), and rows of one
//! input that went through in two batches may differ in their last bits. So what is identical is decided by
//! the inputs: a class's name, a caption's text, an image's bytes. Identical inputs share one row, the first.

use std::collections::BTreeMap;

use crate::{features::Features, score::ScoreError};

/// Features and, for each row, the first row of the same input.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs {
    features: Features,
    first: Vec<usize>,
}

impl Inputs {
    /// Rows and their inputs, in one order.
    ///
    /// - Errors: [`ScoreError::Count`] where they are not equally many.
    pub fn new<K: Ord>(features: Features, inputs: impl IntoIterator<Item = K>) -> Result<Self, ScoreError> {
        let mut seen = BTreeMap::new();
        let first: Vec<usize> =
            inputs.into_iter().enumerate().map(|(at, input)| *seen.entry(input).or_insert(at)).collect();
        if first.len() == features.len() {
            return Ok(Self { features, first });
        }
        let right = format!("{} rows of features", features.len());
        Err(ScoreError::Count { what: "inputs", left: first.len(), right })
    }

    /// Rows of which no two are of one input.
    #[must_use]
    pub fn distinct(features: Features) -> Self {
        let first = (0..features.len()).collect();
        Self { features, first }
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.first.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// Features of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.features.width()
    }

    /// The features of an input: those of its first row. Panics where there is no row of that index.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        self.features.row(self.first[index])
    }

    /// Whether two rows are of one input. Panics where there is no row of an index.
    #[must_use]
    pub fn same(&self, left: usize, right: usize) -> bool {
        self.first[left] == self.first[right]
    }

    /// Where `own` stands among rivals, by the similarity of each row to what was asked.
    ///
    /// Rivals that are more similar stand before it; so do equally similar ones of other inputs, which are
    /// its ties. Of rows of its own input, which are always equally similar, those before it do.
    pub(crate) fn standing(
        &self,
        own: usize,
        rivals: impl Iterator<Item = usize>,
        similarity: impl Fn(usize) -> f64,
    ) -> AnswerStanding {
        let threshold = similarity(own);
        let mut standing = AnswerStanding { before: 0, ties: 0 };
        for rival in rivals.filter(|&rival| rival != own) {
            if self.same(rival, own) {
                standing.before += usize::from(rival < own);
                continue;
            }
            let similarity = similarity(rival);
            standing.before += usize::from(similarity >= threshold);
            standing.ties += u64::from(similarity == threshold);
        }
        standing
    }
}

/// How many stand before an answer, and how many of them are only equal to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AnswerStanding {
    pub before: usize,
    pub ties: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::features;

    fn inputs(values: &[f32], names: &[&str]) -> Inputs {
        Inputs::new(features(1, values), names).unwrap()
    }

    #[test]
    fn an_input_has_one_row_of_features() {
        let inputs = inputs(&[1.0, 2.0, 3.0, 4.0], &["a", "b", "a", "b"]);
        assert_eq!((0..4).map(|at| inputs.row(at)[0]).collect::<Vec<_>>(), [1.0, 2.0, 1.0, 2.0]);
        assert!(inputs.same(1, 3) && !inputs.same(0, 1));
    }

    #[test]
    fn as_many_inputs_as_rows() {
        let error = Inputs::new(features(1, &[1.0, 2.0]), ["a"]).unwrap_err();
        assert_eq!(error.to_string(), "1 inputs for 2 rows of features");
    }

    #[test]
    fn a_tie_stands_before_and_a_twin_stands_by_its_index() {
        let inputs = inputs(&[5.0, 5.0, 5.0, 7.0, 3.0], &["twin", "other", "twin", "best", "last"]);
        let standing = |own| {
            let standing = inputs.standing(own, 0..5, |at| f64::from(inputs.row(at)[0]));
            (standing.before, standing.ties)
        };
        assert_eq!([0, 1, 2, 3, 4].map(standing), [(2, 1), (3, 2), (3, 1), (0, 0), (4, 0)]);
    }
}
