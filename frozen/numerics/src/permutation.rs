//! A keyed pseudo-random permutation of [0, n): O(1) memory and access, so an order of 100 million samples
//! is a function and not a file.
//!
//! A Feistel network of eight rounds over the smallest even number of bits that holds `n`, walked until it
//! lands inside (format-preserving encryption by cycle walking, Black and Rogaway 2002). The domain is less
//! than four times `n`, so four rounds of walking are expected at the most.

use crate::Seed;

const ROUNDS: usize = 8;

/// A permutation of `0..n`.
#[derive(Clone, Debug)]
pub struct Permutation {
    n: u64,
    half_bits: u32,
    keys: [u64; ROUNDS],
}

impl Permutation {
    /// The permutation of `0..n` that a seed, a purpose and numbers name.
    #[must_use]
    pub fn new(n: u64, seed: &Seed, purpose: &str, numbers: &[u64]) -> Self {
        let bits = u64::BITS - n.saturating_sub(1).leading_zeros();
        let mut stream = seed.stream(purpose, numbers);
        Self { n, half_bits: bits.div_ceil(2).max(1), keys: std::array::from_fn(|_| stream.word()) }
    }

    /// Where `index` goes. Panics where `index` is not below `n`.
    #[must_use]
    pub fn apply(&self, index: u64) -> u64 {
        assert!(index < self.n, "{index} is not below {}", self.n);
        let mut value = self.encrypt(index);
        while value >= self.n {
            value = self.encrypt(value);
        }
        value
    }

    fn encrypt(&self, value: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (value >> self.half_bits, value & mask);
        for key in self.keys {
            (left, right) = (right, left ^ (mix(right ^ key) & mask));
        }
        left << self.half_bits | right
    }
}

/// The finalizer of splitmix64 (Steele, Lea and Flood 2014).
fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_rank_is_visited_once(n in 1u64..3000, key: u64) {
            let permutation = Permutation::new(n, &Seed([3; 32]), "test", &[key]);
            let mut seen: Vec<u64> = (0..n).map(|index| permutation.apply(index)).collect();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..n).collect::<Vec<_>>());
        }
    }

    #[test]
    fn places_are_those_of_another_implementation() {
        // Computed in Python from the network above, keys from BLAKE3's own binding.
        let permutation = Permutation::new(1000, &Seed([3; 32]), "test", &[4]);
        let places: Vec<u64> = (0..8).map(|index| permutation.apply(index)).collect();
        assert_eq!(places, [331, 283, 245, 172, 148, 778, 918, 677]);
        assert_eq!(mix(1), 0x5692161d100b05e5);
    }

    #[test]
    fn neighbours_are_parted() {
        let permutation = Permutation::new(10_000, &Seed([3; 32]), "test", &[]);
        let close = (1..10_000u64).filter(|&i| permutation.apply(i).abs_diff(permutation.apply(i - 1)) < 100).count();
        // 200 expected of a random permutation; six standard deviations.
        assert!(close < 290, "{close}");
    }
}
