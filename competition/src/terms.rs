//! What a protocol and its runs say, as [`crate::compare`] takes it.

use records::v1::{evaluation::Score, protocol::Protocol, statement::Run};

use crate::compare::{Results, Scale, Task, Terms};

/// What a protocol's entries have in common; tasks of one root ask about the same items.
#[must_use]
pub fn terms(protocol: &Protocol) -> Terms {
    let scale = |scale: &records::v1::protocol::Scale| Scale { name: scale.name.clone(), spread: scale.spread };
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
    let scale = |scale: &records::v1::protocol::Scale| {
        let repeat = |repeat| {
            let run = left.next()?;
            let asked = run.scale == scale.name && run.repeat == repeat && run.data == scale.root;
            let names = protocol.evaluation.tasks.iter().map(|task| &task.name);
            (asked && run.scores.iter().map(|score| &score.key).eq(names))
                .then(|| run.scores.iter().map(task).collect())
        };
        (1..=scale.seeds).map(repeat).collect::<Option<Vec<_>>>()
    };
    let scales = protocol.scales.iter().map(scale).collect::<Option<Vec<_>>>()?;
    left.next().is_none().then_some(Results(scales))
}

/// A task's score.
#[must_use]
pub fn task(score: &Score) -> Task {
    Task { value: score.value.value(), blocks: score.blocks.iter().map(|block| block.value()).collect() }
}
