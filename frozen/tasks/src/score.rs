//! The metrics of a task, and the line that states them.

use std::collections::BTreeMap;

use records::{
    Blake3, DataRoot,
    v1::evaluation::{BLOCKS, Real, Stated, TaskResult},
};
use serde_json::{Map, Value};

use crate::{layout::About, scored::ScoredMetric};

/// Features that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoreError {
    /// Nothing to score.
    #[error("no {0} to score")]
    Empty(&'static str),
    /// Two things that must be equally many.
    #[error("{left} {what} for {right}")]
    Count {
        /// What was counted.
        what: &'static str,
        /// How many of it.
        left: usize,
        /// What it should match, with its number.
        right: String,
    },
    /// The two towers differ in width.
    #[error("image features have width {image}, text features {text}")]
    Width {
        /// Width of the images' features.
        image: usize,
        /// Width of the texts' features.
        text: usize,
    },
    /// A caption of an image that is not there.
    #[error("caption {caption} belongs to image {image}, and there are {images}")]
    NoSuchImage {
        /// Caption, from 0.
        caption: usize,
        /// The image it names.
        image: usize,
        /// Images there are.
        images: usize,
    },
    /// An image without a caption.
    #[error("image {image} has no caption")]
    NoCaption {
        /// Image, from 0.
        image: usize,
    },
    /// The task's main metric is not one of those computed.
    #[error("the main metric `{0}` is not defined here")]
    MainMetric(String),
    /// A metric that is not a finite number.
    #[error("the main metric `{0}` is not a finite number")]
    NotFinite(String),
}

/// Every metric of a task by its name; none where it is not defined.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics(pub BTreeMap<String, Option<ScoredMetric>>);

impl Metrics {
    pub(crate) fn of<const N: usize>(metrics: [(&str, Option<ScoredMetric>); N]) -> Self {
        Self(metrics.into_iter().map(|(name, scored)| (name.to_owned(), scored)).collect())
    }

    /// The line of `eval_results.jsonl`.
    ///
    /// - Errors: [`ScoreError::MainMetric`] where the task's main metric is not one of those computed,
    ///   [`ScoreError::NotFinite`].
    pub fn result(&self, about: &About, checkpoint: Blake3, data: DataRoot) -> Result<TaskResult, ScoreError> {
        let main = self.0.get(&about.main_metric).and_then(Option::as_ref);
        let main = main.ok_or_else(|| ScoreError::MainMetric(about.main_metric.clone()))?;
        let real = |value| Real::new(value).ok_or_else(|| ScoreError::NotFinite(about.main_metric.clone()));
        let mut blocks = [Real::ZERO; BLOCKS];
        for (block, value) in blocks.iter_mut().zip(main.blocks()) {
            *block = real(value)?;
        }
        let number = |scored: &Option<ScoredMetric>| scored.as_ref().map_or(Value::Null, |scored| scored.value.into());
        let mut metrics: BTreeMap<_, _> = self.0.iter().map(|(name, scored)| (name.clone(), number(scored))).collect();
        metrics.insert("main_metric".to_owned(), main.value.into());
        // In sorted order: whether a map of `serde_json` sorts is a feature that any crate can switch.
        let metrics: Map<_, _> = metrics.into_iter().collect();
        let (value, variance) = (real(main.value)?, real(main.variance())?);
        Ok(TaskResult {
            key: about.key.clone(),
            dataset: about.name.clone(),
            metrics,
            maxclip: Stated { value, variance, items: main.items(), blocks, ties: main.ties, checkpoint, data },
        })
    }
}

pub(crate) fn same_width(image: usize, text: usize) -> Result<(), ScoreError> {
    if image == text { Ok(()) } else { Err(ScoreError::Width { image, text }) }
}
