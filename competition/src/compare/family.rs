//! Many comparisons at one level: Holm's step-down over both directions of every pair.

use super::LEVEL;

/// A pair of entries and the two-sided probability of its difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TestedPair {
    /// The one with the higher score.
    pub high: usize,
    /// The other one.
    pub low: usize,
    /// Two-sided.
    pub chance: f64,
}

/// Those pairs of `count` entries whose order is called, from the surest on.
///
/// Each pair stands for two one-sided hypotheses, `high <= low` and `low <= high`; the second one has a probability
/// of at least one half and is never rejected, but it counts.
pub fn called(mut pairs: Vec<TestedPair>, count: usize) -> Vec<TestedPair> {
    let directions = count * count.saturating_sub(1);
    pairs.sort_by(|a, b| a.chance.total_cmp(&b.chance).then_with(|| (a.high, a.low).cmp(&(b.high, b.low))));
    let holds = |at: usize, pair: &TestedPair| pair.chance / 2.0 <= LEVEL / (directions - at) as f64;
    let sure = pairs.iter().enumerate().take_while(|(at, pair)| holds(*at, pair)).count();
    pairs.truncate(sure);
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(high: usize, low: usize, chance: f64) -> TestedPair {
        TestedPair { high, low, chance }
    }

    /// Three entries: six directions, so levels of .05/6, .05/5, .05/4 on one side, doubled on two.
    #[test]
    fn each_step_asks_less_than_the_one_before() {
        let steps = [2.0 * LEVEL / 6.0, 2.0 * LEVEL / 5.0, 2.0 * LEVEL / 4.0];
        let pairs = |factors: [f64; 3]| {
            vec![
                pair(2, 1, steps[2] * factors[2]),
                pair(0, 1, steps[0] * factors[0]),
                pair(0, 2, steps[1] * factors[1]),
            ]
        };
        let count = |factors| called(pairs(factors), 3).len();
        assert_eq!(count([0.999; 3]), 3);
        assert_eq!(count([0.999, 0.999, 1.001]), 2);
        // The first one that fails ends it, though the last one would hold.
        assert_eq!(count([0.999, 1.001, 0.999]), 1);
        assert_eq!(count([1.001, 0.9, 0.9]), 0);
        assert_eq!(called(pairs([0.999, 1.1, 0.9]), 3), [pair(0, 1, steps[0] * 0.999)]);
    }

    #[test]
    fn two_entries_are_held_at_the_level_itself() {
        assert_eq!(called(vec![pair(0, 1, LEVEL)], 2).len(), 1);
        assert_eq!(called(vec![pair(0, 1, LEVEL * 1.0001)], 2).len(), 0);
        assert!(called(Vec::new(), 1).is_empty() && called(Vec::new(), 0).is_empty());
    }
}
