//! Room for runs: what a command will write, asked of the trainer before anything is trained, against what is free.
//!
//! The trainer counts a run from its protocol and its model, with the most state that an entry may declare: never too
//! little. What a command keeps beside runs is small (a build, a ZIP, a statement) and left out.

use std::collections::BTreeMap;

use anyhow::Result;
use records::v1::{
    protocol::{Protocol, Scale},
    room::Room,
    run::ResolvedRun,
};

use crate::{folders::Home, kit::Kit, launch, resolve, scratch::Scratch};

/// A task's line of results, at the most; a line of mini's has some 700 bytes.
const RESULT_BYTES: u64 = 8 << 10;
/// Checkpoints that a way of a trial keeps before it drops them: at its start, where it stops and goes on, at its end.
const TRIAL_CHECKPOINTS: u64 = 3;

/// What a run of each scale writes at most.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rooms(BTreeMap<String, Room>);

impl Rooms {
    /// Asks the trainer, of one run of each scale.
    pub fn ask<'a>(kit: &Kit, home: &Home, runs: impl IntoIterator<Item = &'a ResolvedRun>) -> Result<Self> {
        let scratch = Scratch::new(home)?;
        let first: BTreeMap<_, _> = runs.into_iter().map(|run| (run.scale.clone(), run)).collect();
        let mut folders = Vec::new();
        for (scale, run) in &first {
            folders.push(scratch.at(scale));
            resolve::place(run, &scratch.at(scale))?;
        }
        Ok(Self(first.into_keys().zip(launch::rooms(kit, &folders)?).collect()))
    }

    /// That of a scale; another one stands in where it was not asked for, since the model is the same.
    fn of(&self, scale: &Scale) -> Room {
        let of_another = || self.0.values().next().copied();
        let nothing = Room { start: 0, step: 0, checkpoint: 0, published: 0 };
        self.0.get(&scale.name).copied().or_else(of_another).unwrap_or(nothing)
    }

    /// A training to its end, and its scores.
    pub fn run(&self, protocol: &Protocol, scale: &Scale) -> u64 {
        let trained = self.of(scale).whole(scale.steps, protocol.checkpoint.every_steps);
        trained.saturating_add(RESULT_BYTES * protocol.evaluation.tasks.len() as u64)
    }

    /// The golden's run, which stops early.
    pub fn golden(&self, protocol: &Protocol) -> u64 {
        let steps = protocol.golden.steps;
        let checkpoints = steps.div_ceil(protocol.checkpoint.every_steps.max(1)) + 1;
        protocol.scales.first().map_or(0, |scale| self.of(scale).of(steps, checkpoints))
    }

    /// A certification of some trainings: the ways of their trials, which keep their steps and drop their checkpoints;
    /// the trainings; a golden beside them.
    pub fn certification(&self, protocol: &Protocol, trainings: &[&Scale], ways: u64, at_once: u64) -> u64 {
        let sum = |of: &dyn Fn(&Scale) -> u64| trainings.iter().map(|scale| of(scale)).fold(0, u64::saturating_add);
        let kept = sum(&|scale| self.of(scale).of(protocol.trial.steps, 0).saturating_mul(ways));
        let largest = trainings.iter().map(|scale| self.of(scale).checkpoint).max().unwrap_or(0);
        let tried = largest.saturating_mul(TRIAL_CHECKPOINTS * at_once.min(ways * trainings.len() as u64));
        let trained = sum(&|scale| self.run(protocol, scale)).saturating_add(self.golden(protocol));
        kept.saturating_add(tried.max(trained))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocols;

    /// What the trainer foretells of a run of `mini`'s `small`: one wrote 66,870,000 bytes, six of them, their trials and all
    /// that lies beside them 403,790,000.
    fn rooms() -> (Protocol, Rooms) {
        let room = Room { start: 221_372, step: 26_512, checkpoint: 33_780_114, published: 6_687_482 };
        let protocol = protocols::chosen("mini").unwrap().protocol;
        let rooms = protocol.scales.iter().map(|scale| (scale.name.clone(), room)).collect();
        (protocol, Rooms(rooms))
    }

    #[test]
    fn a_certification_of_mini_is_foretold_within_twice_what_it_wrote() {
        let (protocol, rooms) = rooms();
        let run = rooms.run(&protocol, &protocol.scales[0]);
        assert_eq!(run, 221_372 + 96 * 26_512 + 3 * 33_780_114 + 6_687_482 + 2 * RESULT_BYTES);
        assert!((66_870_000..2 * 66_870_000).contains(&run), "{run}");
        let trainings: Vec<_> = protocol.runs().map(|(scale, _)| scale).collect();
        let whole = rooms.certification(&protocol, &trainings, 5, 2);
        assert!((403_790_000..2 * 403_790_000).contains(&whole), "{whole}");
        let one = rooms.certification(&protocol, &trainings[..2], 5, 2);
        assert!(one < whole / 2, "a scale of three takes less than half: {one}");
    }

    #[test]
    fn many_trials_at_once_may_take_more_than_the_trainings() {
        let (protocol, rooms) = rooms();
        let trainings = [&protocol.scales[0]];
        let few = rooms.certification(&protocol, &trainings, 5, 1);
        let many = rooms.certification(&protocol, &trainings, 5, 64);
        assert_eq!(many - rooms.certification(&protocol, &trainings, 5, 5), 0, "no more than there are");
        assert!(many > few, "{many} {few}");
    }
}
