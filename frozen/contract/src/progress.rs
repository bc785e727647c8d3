//! Where a run stands, and the random numbers that belong there.

use std::cell::Cell;

use numerics::Seed;
use wire::session::Setup;

use crate::Random;

/// Where the run stands, as every machine that repeats it will say.
#[derive(Debug)]
pub struct Progress {
    step: u64,
    epoch: u64,
    steps: u64,
    epochs: u64,
    steps_per_epoch: u64,
    seed: Seed,
    opened: Cell<u64>,
}

impl Progress {
    pub(crate) fn new(seed: Seed, step: u64, epoch: u64, setup: &Setup) -> Self {
        let Setup { steps, epochs, steps_per_epoch, .. } = *setup;
        Self { step, epoch, steps, epochs, steps_per_epoch, seed, opened: Cell::new(0) }
    }

    /// Steps that lie behind: 0 at the first.
    #[must_use]
    pub fn step(&self) -> u64 {
        self.step
    }

    /// Steps of the whole run.
    #[must_use]
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// Passes over the data that lie behind: 0 during the first.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// Passes over the data in the whole run; the last one may be cut.
    #[must_use]
    pub fn epochs(&self) -> u64 {
        self.epochs
    }

    /// Steps of a whole pass over the data.
    #[must_use]
    pub fn steps_per_epoch(&self) -> u64 {
        self.steps_per_epoch
    }

    /// Opens a stream of random numbers: the first, second .. of this question.
    ///
    /// A stream depends on the run's seed, the question, the step, the lane and how many were opened before
    /// in this question; on nothing else. Two lanes draw different numbers.
    pub fn random(&self) -> Random {
        let count = self.opened.get();
        self.opened.set(count + 1);
        Random::new(self.seed.stream("random", &[count]))
    }
}

#[cfg(test)]
mod tests {
    use tch::Kind;

    use super::*;

    fn progress(key: u64) -> Progress {
        let setup = Setup {
            batch: 8,
            lane_rows: 1,
            width: 4,
            samples: 80,
            steps: 25,
            epochs: 3,
            steps_per_epoch: 10,
            parameters: Vec::new(),
        };
        Progress::new(Seed([3; 32]).child("loss", &[key]), 12, 1, &setup)
    }

    #[test]
    fn streams_repeat_and_differ() {
        let draw = |random: &mut Random| (random.unit(), random.below(1 << 40));
        let (a, b) = (progress(0), progress(0));
        let (first, second) = (draw(&mut a.random()), draw(&mut a.random()));
        assert_eq!(first, draw(&mut b.random()));
        assert_eq!(second, draw(&mut b.random()));
        assert_ne!(first, second);
        assert_ne!(first, draw(&mut progress(1).random()));
        assert_eq!((a.step(), a.steps(), a.epoch(), a.epochs(), a.steps_per_epoch()), (12, 25, 1, 3, 10));
    }

    #[test]
    fn streams_are_those_of_another_implementation() {
        // Computed with BLAKE3's own Python binding: `random` and how many were opened before, below the question's seed.
        let progress = progress(0);
        let draws = [progress.random().unit(), progress.random().unit()];
        assert_eq!(draws.map(f64::to_bits), [0x3fc51ab6ac43d414, 0x3fd71ac232b638d0]);
    }

    #[test]
    fn tensors_have_the_shape_and_the_law() {
        let mut random = progress(0).random();
        let normal = random.normal(&[100, 50]).unwrap();
        assert_eq!((normal.size(), normal.kind()), (vec![100, 50], Kind::Float));
        // Four standard errors.
        assert!(normal.mean(Kind::Double).double_value(&[]).abs() < 0.06);
        let uniform = random.uniform(&[5000]).unwrap();
        assert!((uniform.mean(Kind::Double).double_value(&[]) - 0.5).abs() < 0.02);
        assert!(uniform.max().double_value(&[]) < 1.0 && uniform.min().double_value(&[]) >= 0.0);
        let order = random.permutation(100).unwrap();
        assert_ne!(Vec::<i64>::try_from(&order).unwrap(), (0..100).collect::<Vec<_>>());
        assert_eq!(Vec::<i64>::try_from(order.sort(0, false).0).unwrap(), (0..100).collect::<Vec<_>>());
        assert_eq!(random.uniform(&[]).unwrap().size(), [0i64; 0]);
    }
}
