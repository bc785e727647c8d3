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
