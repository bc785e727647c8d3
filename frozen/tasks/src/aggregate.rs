//! Means of main metrics: a protocol's own, and DataComp's five published ones.

use std::collections::BTreeMap;

use records::v1::evaluation::TaskResult;

use crate::list::{DATACOMP, Group, Listed};

/// Rows that no mean can be taken of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AggregateError {
    /// Two rows of one key.
    #[error("two rows have the key `{0}`")]
    Twice(String),
    /// A task without a row.
    #[error("no row has the key `{0}`")]
    Missing(String),
    /// A row that does not agree with itself.
    #[error("`{key}`: {why}")]
    Row {
        /// The row's key.
        key: String,
        /// What does not agree.
        why: String,
    },
}

/// DataComp's published means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DataComp {
    /// ImageNet 1k.
    pub imagenet: f64,
    /// Mean of the six shifted ImageNets.
    pub shifts: f64,
    /// Mean of the thirteen VTAB tasks.
    pub vtab: f64,
    /// Mean of the three retrieval tasks.
    pub retrieval: f64,
    /// Mean of all 38; groups are not averaged again.
    pub average: f64,
}

/// The unweighted mean of the main metrics of these keys, added in this order.
///
/// - Errors: [`AggregateError`]; also where a row's `main_metric` is not the value of its exact fraction.
pub fn mean(results: &[TaskResult], keys: &[&str]) -> Result<f64, AggregateError> {
    let values = values(results)?;
    let sum = keys.iter().try_fold(0.0, |sum, &key| match values.get(key) {
        Some(value) => Ok(sum + value),
        None => Err(AggregateError::Missing(key.to_owned())),
    })?;
    Ok(sum / keys.len().max(1) as f64)
}

/// The published means; all 38 rows that count must be there.
pub fn datacomp(results: &[TaskResult]) -> Result<DataComp, AggregateError> {
    let of = |counts: &dyn Fn(&Listed) -> bool| {
        let keys: Vec<_> = DATACOMP.iter().filter(|task| counts(task)).map(|task| task.key).collect();
        mean(results, &keys)
    };
    let group = |group| of(&move |task: &Listed| task.group == group);
    Ok(DataComp {
        imagenet: group(Group::ImageNet)?,
        shifts: group(Group::Shifts)?,
        vtab: group(Group::Vtab)?,
        retrieval: group(Group::Retrieval)?,
        average: of(&Listed::counts)?,
    })
}

fn values(results: &[TaskResult]) -> Result<BTreeMap<&str, f64>, AggregateError> {
    let mut values = BTreeMap::new();
    for result in results {
        let exact = result.maxclip.main_metric;
        let refuse = |why: String| Err(AggregateError::Row { key: result.key.clone(), why });
        if exact.denominator == 0 || exact.numerator > exact.denominator {
            return refuse(format!("{} of {} is not a share", exact.numerator, exact.denominator));
        }
        let written = result.metrics.get("main_metric").and_then(serde_json::Value::as_f64);
        if written.map(f64::to_bits) != Some(exact.value().to_bits()) {
            return refuse(format!("main_metric is not {}/{}", exact.numerator, exact.denominator));
        }
        if values.insert(result.key.as_str(), exact.value()).is_some() {
            return Err(AggregateError::Twice(result.key.clone()));
        }
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use records::{
        Blake3, DataRoot,
        v1::evaluation::{Exact, Fraction},
    };

    use super::*;

    fn result(key: &str, numerator: u64, denominator: u64) -> TaskResult {
        let main_metric = Fraction { numerator, denominator };
        let maxclip = Exact { main_metric, checkpoint: Blake3([0; 32]), data: DataRoot([0; 32]) };
        let metrics = [("main_metric".to_owned(), main_metric.value().into())].into_iter().collect();
        TaskResult { key: key.to_owned(), dataset: key.to_owned(), metrics, maxclip }
    }

    #[test]
    fn a_protocol_takes_the_plain_mean_of_its_tasks() {
        let rows = [result("a", 1, 2), result("b", 1, 4), result("c", 1, 1)];
        assert_eq!(mean(&rows, &["a", "b"]), Ok(0.375));
        assert_eq!(mean(&rows, &["a", "d"]), Err(AggregateError::Missing("d".to_owned())));
    }

    #[test]
    fn rows_that_lie_are_refused() {
        let mut row = result("a", 1, 2);
        row.metrics.insert("main_metric".to_owned(), 0.6.into());
        assert!(matches!(mean(&[row], &["a"]), Err(AggregateError::Row { .. })));
        assert!(matches!(mean(&[result("a", 3, 2)], &["a"]), Err(AggregateError::Row { .. })));
        assert!(matches!(mean(&[result("a", 0, 0)], &["a"]), Err(AggregateError::Row { .. })));
        let twice = [result("a", 1, 2), result("a", 1, 2)];
        assert_eq!(mean(&twice, &["a"]), Err(AggregateError::Twice("a".to_owned())));
    }

    #[test]
    fn the_average_is_over_38_tasks_and_needs_them_all() {
        // Task number n scores n / 64: exact in binary.
        let mut rows: Vec<_> =
            DATACOMP.iter().enumerate().map(|(at, task)| result(task.key, at as u64 + 1, 64)).collect();
        let means = datacomp(&rows).unwrap();
        assert_eq!(means.imagenet, 12.0 / 64.0);
        assert_eq!(means.shifts, (13 + 14 + 15 + 16 + 17 + 20) as f64 / 64.0 / 6.0);
        assert_eq!(means.retrieval, (31 + 32 + 33) as f64 / 64.0 / 3.0);
        assert_eq!(means.average, (38 * 39 / 2) as f64 / 64.0 / 38.0);
        rows.retain(|row| row.key != "cars");
        assert_eq!(datacomp(&rows), Err(AggregateError::Missing("cars".to_owned())));
    }
}
