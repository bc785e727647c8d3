//! The fingerprint of a tensor: a fault detector in one pass, fused with the copy and the finite check.
//!
//! `F = Σ (2i + 1) · word_i  mod 2^64` over the little-endian 32-bit words. `2i + 1` is odd, so any change
//! within a word changes F, and so does any swap of two different words. It is linear and can be forged:
//! identity is only ever claimed from BLAKE3. What linearity gives is a place: a single flipped bit `b` of
//! word `i` changes F by `±(2i + 1) · 2^b`, which names both (see [`locate_flip`]).

use multiversion::multiversion;

/// The fingerprint of values.
#[must_use]
pub fn fingerprint(values: &[f32]) -> u64 {
    fold(values)
}

/// What a pass over values found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The fingerprint.
    pub fingerprint: u64,
    /// Whether every value is finite.
    pub finite: bool,
}

/// Copies `from` to `to`, fingerprints and checks what was copied.
///
/// Panics where the lengths differ.
#[must_use]
pub fn copy(from: &[f32], to: &mut [f32]) -> Pass {
    assert_eq!(from.len(), to.len(), "lengths of a copy");
    // Blocks stay in the first-level cache between the copy and the pass over it.
    const BLOCK: usize = 4096;
    let mut pass = Pass { fingerprint: 0, finite: true };
    for (index, (from, to)) in from.chunks(BLOCK).zip(to.chunks_mut(BLOCK)).enumerate() {
        to.copy_from_slice(from);
        pass.fingerprint = pass.fingerprint.wrapping_add(fold_from(to, (index * BLOCK) as u64));
        pass.finite &= all_finite(to);
    }
    pass
}

/// A fingerprint on its way: values come piece by piece.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunningFingerprint {
    values: u64,
    sum: u64,
}

impl RunningFingerprint {
    /// Appends values.
    pub fn add(&mut self, values: &[f32]) {
        self.sum = self.sum.wrapping_add(fold_from(values, self.values));
        self.values += values.len() as u64;
    }

    /// Appends little-endian values; bytes after the last whole one are left out.
    pub fn add_bytes(&mut self, bytes: &[u8]) {
        // As many as stay in the first-level cache.
        let mut block = [0.0; 2048];
        let (words, _) = bytes.as_chunks::<4>();
        for words in words.chunks(block.len()) {
            for (value, word) in block.iter_mut().zip(words) {
                *value = f32::from_le_bytes(*word);
            }
            self.add(&block[..words.len()]);
        }
    }

    /// The fingerprint of all values so far.
    #[must_use]
    pub fn value(&self) -> u64 {
        self.sum
    }
}

/// The first value that is not finite.
#[must_use]
pub fn first_non_finite(values: &[f32]) -> Option<usize> {
    values.iter().position(|value| !value.is_finite())
}

/// The element and bit whose flip explains two fingerprints of `length` values, where exactly one does.
#[must_use]
pub fn locate_flip(before: u64, after: u64, length: usize) -> Option<(usize, u32)> {
    let difference = after.wrapping_sub(before);
    let candidates = [difference, difference.wrapping_neg()].into_iter().filter_map(|magnitude| {
        let bit = magnitude.trailing_zeros();
        let weight = magnitude.checked_shr(bit)?;
        let element = usize::try_from(weight / 2).ok()?;
        (weight % 2 == 1 && bit < 32 && element < length).then_some((element, bit))
    });
    let mut candidates: Vec<_> = candidates.collect();
    candidates.dedup();
    (candidates.len() == 1).then(|| candidates[0])
}

fn fold(values: &[f32]) -> u64 {
    fold_from(values, 0)
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512bw+avx512vl", "x86_64+avx2"))]
fn fold_from(values: &[f32], first: u64) -> u64 {
    let mut weight = 2 * first + 1;
    let mut sum = 0u64;
    for value in values {
        sum = sum.wrapping_add(weight.wrapping_mul(u64::from(value.to_bits())));
        weight = weight.wrapping_add(2);
    }
    sum
}

#[multiversion(targets("x86_64+avx512f+avx512dq+avx512bw+avx512vl", "x86_64+avx2"))]
fn all_finite(values: &[f32]) -> bool {
    // An exponent of all ones is an infinity or not a number; no early return, so that it vectorises.
    values.iter().fold(true, |finite, value| finite & (value.to_bits() & 0x7f80_0000 != 0x7f80_0000))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(values: &[f32]) -> u64 {
        values
            .iter()
            .enumerate()
            .map(|(i, v)| (2 * i as u64 + 1).wrapping_mul(u64::from(v.to_bits())))
            .fold(0, u64::wrapping_add)
    }

    #[test]
    fn it_is_that_of_another_implementation() {
        // Computed in Python's integers from the formula at the top.
        let bits = [0x3f800000, 0xc0000000, 0x3f000000, 0x40500000, 0xffffffff, 0x80000000];
        assert_eq!(fingerprint(&bits.map(f32::from_bits)), 0x13fcaffff7);
        assert_eq!(fingerprint(&[f32::from_bits(1), f32::from_bits(1)]), 4);
    }

    proptest! {
        #[test]
        fn it_is_the_formula_whole_copied_and_in_pieces(bits in proptest::collection::vec(any::<u32>(), 0..9000), cut in 1usize..5000) {
            let values: Vec<f32> = bits.iter().map(|&b| f32::from_bits(b)).collect();
            let mut copied = vec![0.0; values.len()];
            let pass = copy(&values, &mut copied);
            prop_assert_eq!(pass.fingerprint, plain(&values));
            prop_assert_eq!(fingerprint(&values), plain(&values));
            let bytes: Vec<u8> = bits.iter().flat_map(|bits| bits.to_le_bytes()).collect();
            let mut running = RunningFingerprint::default();
            bytes.chunks(4 * cut).for_each(|piece| running.add_bytes(piece));
            prop_assert_eq!(running.value(), plain(&values));
            prop_assert_eq!(pass.finite, first_non_finite(&values).is_none());
            prop_assert!(copied.iter().zip(&values).all(|(a, b)| a.to_bits() == b.to_bits()));
        }

        #[test]
        fn one_flipped_bit_is_located(bits in proptest::collection::vec(any::<u32>(), 1..5000), at: usize, bit in 0u32..32) {
            let mut values: Vec<f32> = bits.iter().map(|&b| f32::from_bits(b)).collect();
            let before = fingerprint(&values);
            let at = at % values.len();
            values[at] = f32::from_bits(values[at].to_bits() ^ 1 << bit);
            prop_assert_eq!(locate_flip(before, fingerprint(&values), values.len()), Some((at, bit)));
        }

        #[test]
        fn a_swap_of_two_words_is_noticed(mut bits in proptest::collection::vec(any::<u32>(), 2..100), a: usize, b: usize) {
            let (a, b) = (a % bits.len(), b % bits.len());
            prop_assume!(bits[a] != bits[b]);
            let before: Vec<f32> = bits.iter().map(|&b| f32::from_bits(b)).collect();
            bits.swap(a, b);
            let after: Vec<f32> = bits.iter().map(|&b| f32::from_bits(b)).collect();
            prop_assert_ne!(fingerprint(&before), fingerprint(&after));
        }
    }
}
