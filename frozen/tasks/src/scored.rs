//! A metric as an estimate over independent items, and the one place that makes a variance and blocks of it.
//!
//! A metric states one *influence* an item: what the value would be if all items were like this one, to
//! first order (a jackknife's pseudo-value). Their mean is the value. For a share of hits it is the hit
//! itself; for a ratio or a mean of ratios it is the linearised one, derived beside each metric.
//!
//! Letters: `N` items, `u_i` the influence of item `i` over `N`, `S` strata, `n_s` the items of one.

use std::collections::BTreeMap;

use records::v1::evaluation::BLOCKS;

/// A metric's value and what each item says of it.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredMetric {
    /// The value.
    pub value: f64,
    /// One an item, in the order of the items' keys; their mean is the value.
    pub influences: Vec<f64>,
    /// The stratum of each item where the metric is a plain mean over strata, each a mean of hits over its
    /// items; empty where the items are one sample.
    pub strata: Vec<u32>,
    /// Equal similarities of different inputs, each counted against the model.
    pub ties: u64,
}

impl ScoredMetric {
    /// Independent items.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.influences.len() as u64
    }

    /// The variance of the value as an estimate: `sum over strata of n_s / (n_s - 1) * sum (u_i - mean_s u)^2`.
    ///
    /// For a share `p` of `N` items this is `p (1 - p) / (N - 1)`, without bias for every `N`; for a mean over `S`
    /// classes it is `1/S^2 * sum p_s (1 - p_s) / (n_s - 1)`. A stratum of one item shows no spread: it counts
    /// with the largest that a mean of hits can have, `1/4 / S^2`, so that a score never seems surer than it is.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let mut strata = BTreeMap::<u32, Vec<f64>>::new();
        for (at, &influence) in self.influences.iter().enumerate() {
            let stratum = self.strata.get(at).copied().unwrap_or(0);
            strata.entry(stratum).or_default().push(influence);
        }
        let largest = 0.25 / (strata.len() * strata.len()) as f64;
        let scale = 1.0 / (self.influences.len() * self.influences.len()) as f64;
        let of_stratum = |parts: &Vec<f64>| if parts.len() == 1 { largest } else { scale * variance_of_sum(parts) };
        strata.values().map(of_stratum).sum()
    }

    /// The parts of the value that items contribute, item `i` in block `i` modulo [`BLOCKS`].
    #[must_use]
    pub fn blocks(&self) -> [f64; BLOCKS] {
        let mut blocks = [0.0; BLOCKS];
        for (at, influence) in self.influences.iter().enumerate() {
            blocks[at % BLOCKS] += influence;
        }
        blocks.map(|sum| sum / self.influences.len() as f64)
    }
}

/// The variance of the sum of independent parts, from their spread: exactly zero where there is none.
fn variance_of_sum(parts: &[f64]) -> f64 {
    let count = parts.len() as f64;
    let from_first = || parts.iter().map(|part| part - parts[0]);
    let mean = from_first().sum::<f64>() / count;
    from_first().map(|part| (part - mean) * (part - mean)).sum::<f64>() * count / (count - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(influences: &[f64], strata: &[u32]) -> ScoredMetric {
        let value = influences.iter().sum::<f64>() / influences.len() as f64;
        ScoredMetric { value, influences: influences.to_vec(), strata: strata.to_vec(), ties: 0 }
    }

    #[test]
    fn one_sample_has_the_variance_of_its_mean() {
        // numpy: np.var(x, ddof=1) / len(x).
        let values = [0.25, 1.0, 0.0, 0.5, 0.75, 1.0, 0.125];
        assert!((scored(&values, &[]).variance() - 0.024_128_401_360_544_22).abs() < 1e-17);
        // 3 hits of 4: .75 * .25 / 3.
        assert_eq!(scored(&[1.0, 1.0, 0.0, 1.0], &[]).variance(), 0.0625);
        assert_eq!(scored(&[1.0; 9], &[]).variance(), 0.0);
    }

    #[test]
    fn strata_vary_on_their_own() {
        // Classes of 4, 2 and 1 items with 3, 1 and 1 hits; influence N / (S n_s) a hit, N = 7, S = 3.
        let hit = |of: f64| 7.0 / (3.0 * of);
        let influences = [hit(4.0), hit(4.0), hit(2.0), 0.0, hit(4.0), 0.0, hit(1.0)];
        let scored = scored(&influences, &[5, 5, 8, 5, 5, 8, 9]);
        assert!((scored.value - 0.75).abs() < 1e-15);
        // (.75 * .25 / 3 + .5 * .5 / 1 + 1/4) / 9
        assert!((scored.variance() - 0.0625).abs() < 1e-16, "{}", scored.variance());
    }

    #[test]
    fn one_item_is_as_uncertain_as_a_share_can_be() {
        assert_eq!(scored(&[1.0], &[]).variance(), 0.25);
        assert_eq!(scored(&[0.0, 2.0], &[3, 4]).variance(), 0.125);
    }

    #[test]
    fn blocks_go_by_index_and_add_up() {
        let influences: Vec<f64> = (0..35).map(f64::from).collect();
        let blocks = scored(&influences, &[]).blocks();
        assert_eq!((blocks[0], blocks[2], blocks[3]), (48.0 / 35.0, 54.0 / 35.0, 22.0 / 35.0));
        assert!((blocks.iter().sum::<f64>() - 17.0).abs() < 1e-12);
    }
}
