//! Which samples make up the batch of a step: a function of step and seed, without memory.
//!
//! Epoch e visits a keyed pseudo-random permutation of the ranks [0, N), over blocks of `block_samples`
//! neighbouring ranks, which stay together and in order; the last block, which may be shorter, is put in at
//! a random place. An epoch has floor(N / B) steps and what is left over is not visited in it, so no batch
//! holds a sample twice.

use std::ops::Range;

use numerics::{Permutation, Seed};

/// The order of a run.
#[derive(Debug, Clone)]
pub struct SampleOrder {
    samples: u64,
    batch: u64,
    block: u64,
    seed: Seed,
}

/// Numbers that make no order.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Fewer samples than a batch takes.
    #[error("the data set holds {samples} samples, fewer than one batch of {batch}")]
    TooFew {
        /// Samples of the data set.
        samples: u64,
        /// Samples of a batch.
        batch: u64,
    },
    /// An empty batch or block.
    #[error("batch and block need at least one sample")]
    Zero,
}

impl SampleOrder {
    /// The order of `samples` ranks in batches of `batch`, in the run of a seed.
    pub fn new(samples: u64, batch: u64, block_samples: u64, run: &Seed) -> Result<Self, OrderError> {
        if batch == 0 || block_samples == 0 {
            return Err(OrderError::Zero);
        }
        if samples < batch {
            return Err(OrderError::TooFew { samples, batch });
        }
        Ok(Self { samples, batch, block: block_samples, seed: run.order() })
    }

    /// Whole batches in an epoch.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        self.samples / self.batch
    }

    /// The epoch that a step belongs to; both count from 0.
    #[must_use]
    pub fn epoch(&self, step: u64) -> u64 {
        step / self.steps_per_epoch()
    }

    /// The ranks of a step's batch, in their order.
    #[must_use]
    pub fn batch(&self, step: u64) -> Vec<u64> {
        self.part(step, 0..self.batch)
    }

    /// The ranks of some places of a step's batch: of a lane or a micro-batch.
    #[must_use]
    pub fn part(&self, step: u64, places: Range<u64>) -> Vec<u64> {
        let epoch = EpochOrder::new(self, self.epoch(step));
        let first = step % self.steps_per_epoch() * self.batch;
        places.map(|place| epoch.rank(first + place)).collect()
    }
}

/// One epoch's permutation of ranks.
struct EpochOrder {
    blocks: Permutation,
    block: u64,
    /// Ranks that whole blocks cover; those past it are the short block.
    covered: u64,
    /// Where the short block is visited.
    short: Range<u64>,
}

impl EpochOrder {
    fn new(order: &SampleOrder, epoch: u64) -> Self {
        let blocks = order.samples / order.block;
        let covered = blocks * order.block;
        let start = order.seed.stream("order.short-block", &[epoch]).below(blocks + 1) * order.block;
        Self {
            blocks: Permutation::new(blocks, &order.seed, "order.blocks", &[epoch]),
            block: order.block,
            covered,
            short: start..start + (order.samples - covered),
        }
    }

    fn rank(&self, position: u64) -> u64 {
        if self.short.contains(&position) {
            return self.covered + (position - self.short.start);
        }
        let position =
            if position < self.short.start { position } else { position - (self.short.end - self.short.start) };
        self.blocks.apply(position / self.block) * self.block + position % self.block
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_sample_is_seen_twice_in_an_epoch(samples in 1u64..400, batch in 1u64..50, block in 1u64..60, epoch in 0u64..5, key: u8) {
            prop_assume!(samples >= batch);
            let order = SampleOrder::new(samples, batch, block, &Seed([key; 32])).unwrap();
            let steps = order.steps_per_epoch();
            let mut seen: Vec<u64> = (epoch * steps..(epoch + 1) * steps).flat_map(|step| order.batch(step)).collect();
            prop_assert_eq!(seen.len() as u64, steps * batch);
            seen.sort_unstable();
            seen.dedup();
            prop_assert_eq!(seen.len() as u64, steps * batch);
            prop_assert!(seen.iter().all(|rank| *rank < samples));
        }

        #[test]
        fn ranks_of_a_block_are_neighbours(blocks in 1u64..40, block in 1u64..20, tail in 0u64..20, key: u8) {
            let samples = blocks * block + tail % block;
            let order = SampleOrder::new(samples, 1, block, &Seed([key; 32])).unwrap();
            let ranks: Vec<u64> = (0..samples).flat_map(|step| order.batch(step)).collect();
            let jumps = ranks.windows(2).filter(|pair| pair[1] != pair[0] + 1).count() as u64;
            prop_assert!(jumps < samples.div_ceil(block));
        }

        #[test]
        fn a_lane_is_a_part_of_its_batch(step in 0u64..100, lane in 0u64..8) {
            let order = SampleOrder::new(1000, 64, 4, &Seed([1; 32])).unwrap();
            let rows = lane as usize * 8..lane as usize * 8 + 8;
            prop_assert_eq!(order.part(step, lane * 8..lane * 8 + 8), &order.batch(step)[rows]);
        }
    }

    #[test]
    fn batches_are_those_of_another_implementation() {
        // Computed in Python from the text at the top, streams and permutation with BLAKE3's own binding. 70 samples in
        // blocks of 4: the short block of two lies at a drawn place.
        let order = SampleOrder::new(70, 8, 4, &Seed([5; 32])).unwrap();
        assert_eq!(order.batch(0), [32, 33, 34, 35, 48, 49, 50, 51]);
        assert_eq!(order.batch(7), [6, 7, 16, 17, 18, 19, 0, 1]);
        assert_eq!(order.batch(8), [28, 29, 30, 31, 0, 1, 2, 3], "the second epoch");
        let short = (0..8).flat_map(|step| order.batch(step)).position(|rank| rank == 68);
        assert_eq!(short, Some(52));
    }

    #[test]
    fn epochs_and_seeds_differ() {
        let order = |key| SampleOrder::new(1000, 100, 1, &Seed([key; 32])).unwrap();
        assert_ne!(order(1).batch(0), order(1).batch(10));
        assert_ne!(order(1).batch(0), order(2).batch(0));
        assert_eq!((order(1).epoch(9), order(1).epoch(10)), (0, 1));
    }

    #[test]
    fn every_sample_gets_its_turn_where_an_epoch_drops_some() {
        // 70 samples, batches of 64: six are dropped an epoch; none may be dropped for ever.
        let order = SampleOrder::new(70, 64, 16, &Seed([5; 32])).unwrap();
        let mut seen: Vec<u64> = (0..40).flat_map(|step| order.batch(step)).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 70);
    }

    #[test]
    fn fewer_samples_than_a_batch_are_refused() {
        assert!(matches!(SampleOrder::new(63, 64, 1, &Seed([0; 32])), Err(OrderError::TooFew { .. })));
        assert!(matches!(SampleOrder::new(63, 0, 1, &Seed([0; 32])), Err(OrderError::Zero)));
    }
}
