//! Rows of features, and the one product of them that scores rest on.

use multiversion::multiversion;

/// Features that cannot be scored.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FeatureError {
    /// A value that is not a number, or not finite.
    #[error("feature {column} of row {row} is {value}: only finite features can be scored")]
    NotFinite {
        /// Row, from 0.
        row: usize,
        /// Column, from 0.
        column: usize,
        /// The value.
        value: f32,
    },
    /// A row of another width.
    #[error("row {row} has {found} features, expected {expected}")]
    Width {
        /// Row, from 0.
        row: usize,
        /// The width of the set.
        expected: usize,
        /// The width of the row.
        found: usize,
    },
    /// A sum of rows that points nowhere, so that it cannot be normalised.
    #[error("the features of class {class} cancel out: their mean has no direction")]
    NoDirection {
        /// Class, from 0.
        class: usize,
    },
    /// Texts that are not a whole number of templates a class.
    #[error("{rows} texts are not {templates} templates for each class")]
    Templates {
        /// Rows there are.
        rows: usize,
        /// Templates a class.
        templates: usize,
    },
}

/// Rows of finite f32 features of one width, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    width: usize,
    values: Vec<f32>,
}

impl Features {
    /// No rows yet. A width of 0 is taken as 1.
    #[must_use]
    pub fn new(width: usize) -> Self {
        Self { width: width.max(1), values: Vec::new() }
    }

    /// Adds rows that lie one after the other.
    ///
    /// - Errors: [`FeatureError::Width`] where the last row is short; [`FeatureError::NotFinite`].
    pub fn extend(&mut self, rows: &[f32]) -> Result<(), FeatureError> {
        let first = self.len();
        let found = rows.len() % self.width;
        if found != 0 {
            return Err(FeatureError::Width { row: first + rows.len() / self.width, expected: self.width, found });
        }
        if let Some(at) = rows.iter().position(|value| !value.is_finite()) {
            let (row, column) = (first + at / self.width, at % self.width);
            return Err(FeatureError::NotFinite { row, column, value: rows[at] });
        }
        self.values.extend_from_slice(rows);
        Ok(())
    }

    /// Rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Features of a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// The rows in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.width)
    }

    /// One row. Panics where there is none of that index.
    #[must_use]
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.width..(index + 1) * self.width]
    }

    /// The rows in another order: row `i` of the result is row `order[i]`. Panics where there is no such row.
    #[must_use]
    pub fn reordered(&self, order: &[usize]) -> Self {
        Self { width: self.width, values: order.iter().flat_map(|&at| self.row(at)).copied().collect() }
    }

    /// The zero-shot classifier: the mean of each class's text features, of unit length.
    ///
    /// - Shapes: `self` is `[C * templates, D]`, a class's templates one after the other; the result `[C, D]`.
    /// - Errors: [`FeatureError::Templates`], [`FeatureError::NoDirection`].
    /// - Source: CLIP, arXiv:2103.00020, section 3.1.4.
    pub fn classifier(&self, templates: usize) -> Result<Self, FeatureError> {
        if templates == 0 || !self.len().is_multiple_of(templates) {
            return Err(FeatureError::Templates { rows: self.len(), templates });
        }
        let mut classifier = Self::new(self.width);
        for (class, texts) in self.values.chunks_exact(self.width * templates).enumerate() {
            let mut sum = vec![0f64; self.width];
            for text in texts.chunks_exact(self.width) {
                sum.iter_mut().zip(text).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            let length = sum.iter().map(|value| value * value).sum::<f64>().sqrt();
            if length == 0.0 {
                return Err(FeatureError::NoDirection { class });
            }
            let row: Vec<f32> = sum.iter().map(|value| (value / length) as f32).collect();
            classifier.extend(&row)?;
        }
        Ok(classifier)
    }
}

/// The inner product of two rows in f64, over eight sums by index modulo 8, added pairwise.
///
/// Products of f32 are exact in f64, so equal rows score equally wherever they stand. The order of additions is fixed here and is the same on every processor.
#[must_use]
#[multiversion(targets("x86_64+avx2", "x86_64+avx512f"))]
pub fn dot(left: &[f32], right: &[f32]) -> f64 {
    let mut sums = [0f64; 8];
    let (left, left_rest) = left.as_chunks::<8>();
    let (right, right_rest) = right.as_chunks::<8>();
    for (left, right) in left.iter().zip(right) {
        for lane in 0..8 {
            sums[lane] += f64::from(left[lane]) * f64::from(right[lane]);
        }
    }
    for (lane, (left, right)) in left_rest.iter().zip(right_rest).enumerate() {
        sums[lane] += f64::from(*left) * f64::from(*right);
    }
    ((sums[0] + sums[1]) + (sums[2] + sums[3])) + ((sums[4] + sums[5]) + (sums[6] + sums[7]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::features;

    #[test]
    fn what_is_not_finite_is_named() {
        let mut set = features(2, &[1.0, 2.0]);
        let error = set.extend(&[3.0, 4.0, f32::NAN, 5.0]).unwrap_err();
        assert!(matches!(error, FeatureError::NotFinite { row: 2, column: 0, .. }), "{error}");
        assert!(set.extend(&[f32::INFINITY, 0.0]).is_err());
        assert_eq!(set.len(), 1);
    }

    #[test]
    fn a_short_row_is_named() {
        let error = Features::new(3).extend(&[0.0; 7]).unwrap_err();
        assert_eq!(error, FeatureError::Width { row: 2, expected: 3, found: 1 });
    }

    #[test]
    fn a_classifier_is_the_unit_mean_of_its_templates() {
        let texts = features(2, &[1.0, 0.0, 0.0, 1.0, 0.0, -1.0, 0.0, -1.0]);
        let half = 0.5f64.sqrt() as f32;
        assert_eq!(texts.classifier(2).unwrap(), features(2, &[half, half, 0.0, -1.0]));
    }

    #[test]
    fn texts_that_cancel_out_or_do_not_divide_are_refused() {
        let texts = features(2, &[1.0, 0.0, -1.0, 0.0]);
        assert_eq!(texts.classifier(2), Err(FeatureError::NoDirection { class: 0 }));
        assert!(matches!(texts.classifier(3), Err(FeatureError::Templates { rows: 2, templates: 3 })));
        assert!(matches!(texts.classifier(0), Err(FeatureError::Templates { .. })));
    }

    proptest! {
        #[test]
        fn the_product_is_near_the_plain_one(pairs in prop::collection::vec((-1f32..1.0, -1f32..1.0), 0..70)) {
            let (left, right): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let plain: f64 = pairs.iter().map(|&(l, r)| f64::from(l) * f64::from(r)).sum();
            prop_assert!((dot(&left, &right) - plain).abs() < 1e-12);
            prop_assert_eq!(dot(&left, &right).to_bits(), dot(&right, &left).to_bits());
        }
    }
}
