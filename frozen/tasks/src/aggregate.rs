//! Means of scores: over all tasks of a run, and DataComp's published ones where all their tasks are there.

use records::v1::evaluation::Score;

use crate::list::{DATACOMP, TaskGroup};

/// The unweighted mean of some scores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Aggregate {
    /// `mean` of all tasks; `ImageNet`, `ImageNet shifts`, `VTAB`, `retrieval` as DataComp publishes them.
    pub name: &'static str,
    /// The mean, added in the tasks' order.
    pub value: f64,
    /// Its variance as an estimate over items: tasks share none.
    pub variance: f64,
}

/// The mean of all tasks, then each of DataComp's groups whose tasks are all among them; nothing of no score.
///
/// Over DataComp's 38 tasks the mean of all is its average: groups are not averaged again.
#[must_use]
pub fn aggregates(scores: &[Score]) -> Vec<Aggregate> {
    let groups = [
        ("ImageNet", TaskGroup::ImageNet),
        ("ImageNet shifts", TaskGroup::Shifts),
        ("VTAB", TaskGroup::Vtab),
        ("retrieval", TaskGroup::Retrieval),
    ];
    let of_group = |(name, group): (&'static str, TaskGroup)| {
        let keys = DATACOMP.iter().filter(|task| task.group == group).map(|task| task.key);
        let members = keys.map(|key| scores.iter().find(|score| score.key == key)).collect::<Option<Vec<_>>>()?;
        mean(name, &members)
    };
    let all: Vec<_> = scores.iter().collect();
    mean("mean", &all).into_iter().chain(groups.into_iter().filter_map(of_group)).collect()
}

fn mean(name: &'static str, scores: &[&Score]) -> Option<Aggregate> {
    let count = scores.len() as f64;
    let sum = |of: fn(&Score) -> f64| scores.iter().map(|score| of(score)).sum::<f64>();
    let value = sum(|score| score.value.value()) / count;
    let variance = sum(|score| score.variance.value()) / (count * count);
    (!scores.is_empty()).then_some(Aggregate { name, value, variance })
}

#[cfg(test)]
mod tests {
    use records::{
        Blake3,
        v1::evaluation::{BLOCKS, Real},
    };

    use super::*;

    fn score(key: &str, value: f64, variance: f64) -> Score {
        let real = |value| Real::new(value).unwrap();
        Score {
            key: key.to_owned(),
            value: real(value),
            variance: real(variance),
            items: 64,
            blocks: [real(value / 16.0); BLOCKS],
            ties: 0,
            line: Blake3([0; 32]),
        }
    }

    fn names(scores: &[Score]) -> Vec<&'static str> {
        aggregates(scores).iter().map(|aggregate| aggregate.name).collect()
    }

    #[test]
    fn a_protocol_takes_the_plain_mean_of_its_tasks() {
        let scores = [score("a", 0.5, 0.0625), score("b", 0.25, 0.1875)];
        assert_eq!(aggregates(&scores), [Aggregate { name: "mean", value: 0.375, variance: 0.0625 }]);
        assert_eq!(aggregates(&[]), []);
    }

    #[test]
    fn imagenet_stands_beside_the_mean_where_it_is() {
        let scores = [score("a", 0.5, 0.0), score("imagenet1k", 0.25, 0.125)];
        assert_eq!(aggregates(&scores)[1], Aggregate { name: "ImageNet", value: 0.25, variance: 0.125 });
    }

    #[test]
    fn a_group_needs_all_its_tasks_and_the_average_is_over_38() {
        // Task number n scores n / 64: exact in binary.
        let counted = DATACOMP.iter().filter(|task| task.counts()).enumerate();
        let mut scores: Vec<_> = counted.map(|(at, task)| score(task.key, (at + 1) as f64 / 64.0, 0.0)).collect();
        let means: Vec<_> = aggregates(&scores).iter().map(|aggregate| aggregate.value).collect();
        let shifts = (13 + 14 + 15 + 16 + 17 + 20) as f64 / 64.0 / 6.0;
        let vtab = (1 + 3 + 4 + 5 + 7 + 8 + 18 + 21 + 22 + 24 + 26 + 29 + 30) as f64 / 64.0 / 13.0;
        let expected =
            [(38 * 39 / 2) as f64 / 64.0 / 38.0, 12.0 / 64.0, shifts, vtab, (31 + 32 + 33) as f64 / 64.0 / 3.0];
        assert_eq!(means, expected);
        scores.retain(|score| score.key != "vtab/dtd");
        assert_eq!(names(&scores), ["mean", "ImageNet", "ImageNet shifts", "retrieval"]);
    }
}
