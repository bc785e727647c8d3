//! A line of JSON on the stdout of the trainer and the evaluator while they work. It is talk: nothing is decided by it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A line of progress.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ProgressLine {
    /// A step of a training.
    Step(StepDone),
    /// Images of an evaluation.
    Task(ImagesDone),
}

/// A step that was done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepDone {
    /// From 0.
    pub step: u64,
    /// How many there are.
    pub steps: u64,
    /// The batch's loss; null where it is not finite.
    pub loss: Option<f32>,
    /// What the algorithm reports.
    pub diagnostics: BTreeMap<String, Option<f32>>,
}

/// Images of a task that were encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagesDone {
    /// DataComp's key.
    pub task: String,
    /// So many.
    pub done: u64,
    /// Of so many.
    pub of: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_by_its_form_what_it_is_about() {
        let step =
            StepDone { step: 3, steps: 9, loss: Some(1.5), diagnostics: BTreeMap::from([("tau".to_owned(), None)]) };
        let task = ImagesDone { task: "imagenet1k".to_owned(), done: 64, of: 500 };
        for (progress, text) in [
            (ProgressLine::Step(step), r#"{"step":3,"steps":9,"loss":1.5,"diagnostics":{"tau":null}}"#),
            (ProgressLine::Task(task), r#"{"task":"imagenet1k","done":64,"of":500}"#),
        ] {
            assert_eq!(serde_json::to_string(&progress).unwrap(), text);
            assert_eq!(serde_json::from_str::<ProgressLine>(text).unwrap(), progress);
        }
    }
}
