//! What a protocol and its runs say, as [`crate::compare`] takes it.

use records::v1::{
    evaluation::Score,
    protocol::{self, Protocol},
    statement::Run,
};

use crate::compare::{Results, ScaleTerms, TaskScore, Terms};

/// What a protocol's entries have in common; tasks of one root ask about the same items.
#[must_use]
pub fn terms(protocol: &Protocol) -> Terms {
    let scale = |scale: &protocol::Scale| ScaleTerms { name: scale.name.clone(), spread: scale.spread };
    let mut roots = Vec::new();
    let items = protocol.evaluation.tasks.iter().map(|task| {
        roots.iter().position(|root| *root == task.root).unwrap_or_else(|| {
            roots.push(task.root);
            roots.len() - 1
        })
    });
    let items = items.collect();
    Terms { scales: protocol.scales.iter().map(scale).collect(), items }
}

/// The results of an entry's runs; `None` where they are not the trainings, data and tasks that the protocol asks for.
#[must_use]
pub fn results(runs: &[Run], protocol: &Protocol) -> Option<Results> {
    let mut left = runs.iter();
    let scale = |scale: &protocol::Scale| {
        let repeat = |repeat| {
            let run = left.next()?;
            let asked = run.scale == scale.name && run.repeat == repeat && run.data == scale.root;
            let tasks = &protocol.evaluation.tasks;
            let scored = run.scores.iter().zip(tasks).all(|(score, task)| task.is_scored_as(&score.key));
            let answered = run.scores.len() == tasks.len() && scored;
            (asked && answered).then(|| run.scores.iter().map(task).collect())
        };
        (1..=scale.seeds).map(repeat).collect::<Option<Vec<_>>>()
    };
    let scales = protocol.scales.iter().map(scale).collect::<Option<Vec<_>>>()?;
    left.next().is_none().then_some(Results(scales))
}

/// A task's score.
#[must_use]
pub fn task(score: &Score) -> TaskScore {
    TaskScore { value: score.value.value(), blocks: score.blocks.iter().map(|block| block.value()).collect() }
}

#[cfg(test)]
mod tests {
    use records::{
        Blake3, RunDigest, SeedDigest,
        v1::evaluation::{self, Real},
    };

    use super::*;

    const MINI: &str = include_str!("../../frozen/protocols/mini.toml");
    const ZERO: Blake3 = Blake3([0; 32]);

    fn score(key: &str) -> Score {
        let (value, variance, blocks) = (Real::ZERO, Real::ZERO, [Real::ZERO; evaluation::BLOCKS]);
        Score { key: key.to_owned(), value, variance, items: 1, blocks, ties: 0, line: ZERO }
    }

    /// What a protocol asks for, its tasks scored under these keys.
    fn trained(protocol: &Protocol, keys: &[&str]) -> Vec<Run> {
        let run = |(scale, repeat): (&protocol::Scale, u32)| Run {
            scale: scale.name.clone(),
            repeat,
            seed: SeedDigest::of(&[0; 32]),
            run: RunDigest([0; 32]),
            data: scale.root,
            steps: scale.steps,
            lines: scale.steps + 1,
            transcript: ZERO,
            chain: ZERO,
            checkpoint: ZERO,
            scores: keys.iter().map(|key| score(key)).collect(),
            mean: String::new(),
        };
        protocol.runs().map(run).collect()
    }

    #[test]
    fn results_are_of_the_protocols_trainings_and_tasks_in_its_order() {
        let (protocol, _) = Protocol::parse(MINI).unwrap();
        let [a, b] = ["shapes-classification", "shapes-retrieval"];
        let whole = trained(&protocol, &[a, b]);
        let found = results(&whole, &protocol).unwrap();
        let repeats: Vec<_> = found.0.iter().map(Vec::len).collect();
        assert_eq!(repeats, protocol.scales.iter().map(|scale| scale.seeds as usize).collect::<Vec<_>>());
        for keys in [&[a][..], &[b, a], &[a, b, b], &[a, a]] {
            assert_eq!(results(&trained(&protocol, keys), &protocol), None, "{keys:?}");
        }
        assert_eq!(results(&whole[1..], &protocol), None);
        assert_eq!(results(&[&whole[..], &whole[..1]].concat(), &protocol), None);
        let mut swapped = whole;
        swapped.swap(0, 1);
        assert_eq!(results(&swapped, &protocol), None);
    }

    #[test]
    fn a_task_of_datacomps_is_named_by_its_folder_and_scored_under_its_key() {
        let (mut protocol, _) = Protocol::parse(MINI).unwrap();
        protocol.evaluation.tasks[0].name = "wds_imagenet1k_test".to_owned();
        assert!(results(&trained(&protocol, &["imagenet1k", "shapes-retrieval"]), &protocol).is_some());
        assert_eq!(results(&trained(&protocol, &["vtab/dtd", "shapes-retrieval"]), &protocol), None);
    }
}
