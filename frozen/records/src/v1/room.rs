//! What a training writes at most, as the trainer says it of a run that has not begun: `trainer room FOLDER`.
//!
//! An entry's state is declared by its object, which nobody has built yet: what counts is the most that the protocol lets
//! an entry declare, besides the model's own tensors. So it is never too little, and too much by what an entry leaves.

use serde::{Deserialize, Serialize};

/// Bytes of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// What is there before the first step, and what is there once: header, configuration, logs.
    pub start: u64,
    /// A step: its line and its row.
    pub step: u64,
    /// A checkpoint.
    pub checkpoint: u64,
    /// The weights to evaluate.
    pub published: u64,
}

impl Room {
    /// A training of so many steps that stops with so many checkpoints.
    #[must_use]
    pub fn of(&self, steps: u64, checkpoints: u64) -> u64 {
        let steps = self.step.saturating_mul(steps);
        let checkpoints = self.checkpoint.saturating_mul(checkpoints);
        self.start.saturating_add(steps).saturating_add(checkpoints)
    }

    /// A training that goes to its end, with a checkpoint before the first step, each so many steps and at the end.
    #[must_use]
    pub fn whole(&self, steps: u64, checkpoint_every_steps: u64) -> u64 {
        let checkpoints = steps.div_ceil(checkpoint_every_steps.max(1)).saturating_add(1);
        self.of(steps, checkpoints).saturating_add(self.published)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkpoints_stand_at_both_ends_and_between() {
        let room = Room { start: 1, step: 10, checkpoint: 1_000, published: 100_000 };
        assert_eq!(room.whole(96, 48), 1 + 960 + 3_000 + 100_000);
        assert_eq!(room.whole(97, 48), 1 + 970 + 4_000 + 100_000, "the end is no multiple");
        assert_eq!(room.whole(7, 7), 1 + 70 + 2_000 + 100_000);
        assert_eq!(room.of(8, 2), 1 + 80 + 2_000);
        assert_eq!(Room { step: u64::MAX, ..room }.whole(2, 1), u64::MAX, "more than there is, and never less");
    }
}
