//! Metrics as counts: every value is an exact share, with the hits above the line and the trials below.
//!
//! A tie counts against the model: what a true answer only equals stands before it. So constant features
//! score nothing, and no order of classes, images or captions can change a score.

use std::collections::BTreeMap;

use records::{
    Blake3, DataRoot,
    v1::evaluation::{Exact, Fraction, TaskResult},
};
use serde_json::{Map, Value};

use crate::{
    features::{Features, dot},
    layout::About,
};

/// The ranks at which retrieval is measured.
const RECALL_AT: [usize; 3] = [1, 5, 10];

/// The largest integer that canonical JSON holds.
const LARGEST: u128 = (1 << 53) - 1;

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
}

/// Every metric of a task by name; none where it is not defined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// The metrics with DataComp's names.
    pub metrics: BTreeMap<String, Option<Fraction>>,
}

/// Scores zero-shot classification: acc1, acc5, mean_per_class_recall.
///
/// A label past the last class can never be right and counts as a class of its own: DataComp's CLEVR
/// Distance has one. Classes that no image has do not count in the mean over classes.
///
/// - Shapes: `images` `[N, D]`, `labels` `[N]`, `classifier` `[C, D]`.
/// - Errors: [`ScoreError::Empty`], [`ScoreError::Count`], [`ScoreError::Width`].
pub fn classification(images: &Features, labels: &[u32], classifier: &Features) -> Result<Score, ScoreError> {
    same_width(images, classifier)?;
    if images.is_empty() || classifier.is_empty() {
        return Err(ScoreError::Empty(if images.is_empty() { "images" } else { "classes" }));
    }
    if images.len() != labels.len() {
        let right = format!("{} images", images.len());
        return Err(ScoreError::Count { what: "labels", left: labels.len(), right });
    }
    let (mut first, mut fifth) = (0, 0);
    let mut classes = BTreeMap::<u32, (u64, u64)>::new();
    for (image, &label) in images.rows().zip(labels) {
        let rank = rank_of_class(image, label, classifier);
        let hit = u64::from(rank == Some(0));
        first += hit;
        fifth += u64::from(rank.is_some_and(|rank| rank < 5));
        let (hits, trials) = classes.entry(label).or_default();
        *hits += hit;
        *trials += 1;
    }
    let share = |numerator| Fraction { numerator, denominator: images.len() as u64 };
    let shares: Vec<_> =
        classes.values().map(|&(numerator, denominator)| Fraction { numerator, denominator }).collect();
    Ok(Score::of([
        ("acc1", Some(share(first))),
        ("acc5", (classifier.len() >= 5).then(|| share(fifth))),
        ("mean_per_class_recall", Some(mean_of_shares(&shares))),
    ]))
}

/// Scores retrieval in both directions at ranks 1, 5 and 10, and the mean of both at 1.
///
/// An image counts as found where any of its captions is; a caption where its image is.
///
/// - Shapes: `images` `[N, D]`, `texts` `[T, D]`, `image_of_text` `[T]` with the row of each caption's image.
/// - Errors: as [`classification`], [`ScoreError::NoSuchImage`], [`ScoreError::NoCaption`].
pub fn retrieval(images: &Features, texts: &Features, image_of_text: &[usize]) -> Result<Score, ScoreError> {
    same_width(images, texts)?;
    if images.is_empty() || texts.is_empty() {
        return Err(ScoreError::Empty(if images.is_empty() { "images" } else { "captions" }));
    }
    if image_of_text.len() != texts.len() {
        let right = format!("{} captions", texts.len());
        return Err(ScoreError::Count { what: "images of captions", left: image_of_text.len(), right });
    }
    let captions = captions_of_images(images.len(), image_of_text)?;
    // Found at each of the ranks: image of a caption, caption of an image.
    let (mut image_hits, mut text_hits) = ([0u64; 3], [0u64; 3]);
    for (text, &own) in texts.rows().zip(image_of_text) {
        let threshold = dot(images.row(own), text);
        let rank = images.rows().enumerate().filter(|&(at, row)| at != own && dot(row, text) >= threshold).count();
        count(rank, &mut image_hits);
    }
    let mut scores = vec![0f64; texts.len()];
    for (image, own) in images.rows().zip(&captions) {
        scores.iter_mut().zip(texts.rows()).for_each(|(score, text)| *score = dot(image, text));
        let best = own.iter().map(|&at| scores[at]).fold(f64::NEG_INFINITY, f64::max);
        let own_before = own.iter().filter(|&&at| scores[at] >= best).count();
        count(scores.iter().filter(|&&score| score >= best).count() - own_before, &mut text_hits);
    }
    let share = |numerator, rows: usize| Fraction { numerator, denominator: rows as u64 };
    let mut metrics = BTreeMap::new();
    for (at, rank) in RECALL_AT.into_iter().enumerate() {
        metrics.insert(format!("image_retrieval_recall@{rank}"), Some(share(image_hits[at], texts.len())));
        metrics.insert(format!("text_retrieval_recall@{rank}"), Some(share(text_hits[at], images.len())));
    }
    let both = [share(image_hits[0], texts.len()), share(text_hits[0], images.len())];
    metrics.insert("mean_recall@1".to_owned(), Some(mean_of_shares(&both)));
    Ok(Score { metrics })
}

fn count(rank: usize, hits: &mut [u64; 3]) {
    hits.iter_mut().zip(RECALL_AT).for_each(|(hits, at)| *hits += u64::from(rank < at));
}

fn same_width(images: &Features, texts: &Features) -> Result<(), ScoreError> {
    if images.width() == texts.width() {
        return Ok(());
    }
    Err(ScoreError::Width { image: images.width(), text: texts.width() })
}

fn rank_of_class(image: &[f32], label: u32, classifier: &Features) -> Option<usize> {
    let label = usize::try_from(label).ok().filter(|&label| label < classifier.len())?;
    let threshold = dot(image, classifier.row(label));
    Some(classifier.rows().enumerate().filter(|&(at, class)| at != label && dot(image, class) >= threshold).count())
}

fn captions_of_images(images: usize, image_of_text: &[usize]) -> Result<Vec<Vec<usize>>, ScoreError> {
    let mut captions = vec![Vec::new(); images];
    for (caption, &image) in image_of_text.iter().enumerate() {
        captions.get_mut(image).ok_or(ScoreError::NoSuchImage { caption, image, images })?.push(caption);
    }
    match captions.iter().position(Vec::is_empty) {
        Some(image) => Err(ScoreError::NoCaption { image }),
        None => Ok(captions),
    }
}

/// The mean of shares as one fraction: over the smallest common denominator where canonical JSON can hold
/// it, and else the nearest multiple of 2^-52 to the mean in f64, added in the order given.
#[must_use]
pub fn mean_of_shares(shares: &[Fraction]) -> Fraction {
    exact_mean(shares).unwrap_or_else(|| {
        let mean = shares.iter().map(|share| share.value()).sum::<f64>() / shares.len() as f64;
        let denominator = 1u64 << 52;
        Fraction { numerator: (mean * denominator as f64).round() as u64, denominator }
    })
}

fn exact_mean(shares: &[Fraction]) -> Option<Fraction> {
    let fits = |value: u128| (value > 0 && value <= LARGEST).then_some(value);
    let common = shares.iter().try_fold(1u128, |common, share| {
        let other = u128::from(share.denominator);
        fits(common / greatest_common_divisor(common, other) * other)
    })?;
    let numerator: u128 =
        shares.iter().map(|share| u128::from(share.numerator) * (common / u128::from(share.denominator))).sum();
    let denominator = fits(common * shares.len() as u128)?;
    Some(Fraction { numerator: u64::try_from(numerator).ok()?, denominator: u64::try_from(denominator).ok()? })
}

fn greatest_common_divisor(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

impl Score {
    fn of<const N: usize>(metrics: [(&str, Option<Fraction>); N]) -> Self {
        Self { metrics: metrics.into_iter().map(|(name, value)| (name.to_owned(), value)).collect() }
    }

    /// The line of `eval_results.jsonl`.
    ///
    /// - Errors: [`ScoreError::MainMetric`] where the task's main metric is not one of those computed.
    pub fn result(&self, about: &About, checkpoint: Blake3, data: DataRoot) -> Result<TaskResult, ScoreError> {
        let main = self.metrics.get(&about.main_metric).copied().flatten();
        let main_metric = main.ok_or_else(|| ScoreError::MainMetric(about.main_metric.clone()))?;
        let number = |share: &Option<Fraction>| share.map_or(Value::Null, |share| share.value().into());
        let mut metrics: BTreeMap<_, _> =
            self.metrics.iter().map(|(name, share)| (name.clone(), number(share))).collect();
        metrics.insert("main_metric".to_owned(), main_metric.value().into());
        // In sorted order: whether a map of `serde_json` sorts is a feature that any crate can switch.
        let metrics: Map<_, _> = metrics.into_iter().collect();
        Ok(TaskResult {
            key: about.key.clone(),
            dataset: about.name.clone(),
            metrics,
            maxclip: Exact { main_metric, checkpoint, data },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn features(width: usize, rows: &[f32]) -> Features {
        let mut features = Features::new(width);
        features.extend(rows).unwrap();
        features
    }

    fn share(score: &Score, name: &str) -> (u64, u64) {
        let share = score.metrics[name].unwrap();
        (share.numerator, share.denominator)
    }

    #[test]
    fn classification_by_hand() {
        // Classes along the axes of the plane and its diagonal; labels 0, 0, 1, 1, and one past the end.
        let classes = features(2, &[1.0, 0.0, 0.0, 1.0, 0.7, 0.7]);
        let images = features(2, &[1.0, 0.1, 0.6, 0.6, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
        let score = classification(&images, &[0, 0, 1, 1, 3], &classes).unwrap();
        assert_eq!(share(&score, "acc1"), (2, 5));
        assert_eq!(score.metrics["acc5"], None);
        // Recalls 1/2, 1/2 and 0 of the three labels that occur.
        assert_eq!(share(&score, "mean_per_class_recall"), (2, 6));
    }

    #[test]
    fn the_fifth_of_six_is_a_hit_and_the_sixth_is_not() {
        let classes = features(1, &[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
        let score = classification(&features(1, &[1.0, 1.0]), &[4, 5], &classes).unwrap();
        assert_eq!((share(&score, "acc1"), share(&score, "acc5")), ((0, 2), (1, 2)));
    }

    #[test]
    fn two_classes_of_one_name_are_a_tie_and_both_lose() {
        let classes = features(2, &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        let images = features(2, &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        let score = classification(&images, &[0, 2, 1], &classes).unwrap();
        assert_eq!(share(&score, "acc1"), (1, 3));
    }

    #[test]
    fn retrieval_by_hand() {
        // Two images; captions 0 and 1 belong to the first, 2 to the second.
        let images = features(2, &[1.0, 0.0, 0.0, 1.0]);
        let texts = features(2, &[0.9, 0.1, 0.2, 0.8, 0.1, 0.9]);
        let score = retrieval(&images, &texts, &[0, 0, 1]).unwrap();
        assert_eq!(share(&score, "image_retrieval_recall@1"), (2, 3));
        assert_eq!(share(&score, "text_retrieval_recall@1"), (2, 2));
        assert_eq!(share(&score, "image_retrieval_recall@5"), (3, 3));
        // (2/3 + 1) / 2
        assert_eq!(share(&score, "mean_recall@1"), (10, 12));
    }

    #[test]
    fn constant_features_score_nothing_at_one() {
        let images = features(2, &[0.6, 0.8].repeat(20));
        let classes = features(2, &[0.6, 0.8].repeat(10));
        let labels: Vec<_> = (0..20).map(|at| at % 10).collect();
        let score = classification(&images, &labels, &classes).unwrap();
        assert_eq!((share(&score, "acc1"), share(&score, "acc5")), ((0, 20), (0, 20)));
        let score = retrieval(&images, &images, &(0..20).collect::<Vec<_>>()).unwrap();
        assert_eq!((share(&score, "mean_recall@1"), share(&score, "image_retrieval_recall@10")), ((0, 40), (0, 20)));
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let (two, three) = (features(2, &[1.0; 4]), features(3, &[1.0; 6]));
        assert_eq!(classification(&two, &[0, 0], &three), Err(ScoreError::Width { image: 2, text: 3 }));
        assert!(matches!(classification(&two, &[0], &two), Err(ScoreError::Count { .. })));
        assert_eq!(classification(&Features::new(2), &[], &two), Err(ScoreError::Empty("images")));
        assert!(matches!(retrieval(&two, &two, &[0, 2]), Err(ScoreError::NoSuchImage { caption: 1, .. })));
        assert_eq!(retrieval(&two, &two, &[0, 0]), Err(ScoreError::NoCaption { image: 1 }));
    }

    #[test]
    fn a_mean_past_json_is_the_nearest_that_fits() {
        let shares: Vec<_> = (0..40u64).map(|at| Fraction { numerator: at, denominator: 1009 + at }).collect();
        let mean = mean_of_shares(&shares);
        assert_eq!(mean.denominator, 1 << 52);
        let float = shares.iter().map(|share| share.value()).sum::<f64>() / 40.0;
        assert!((mean.value() - float).abs() < 1e-15);
    }

    /// N images, C classes of width 3 with few distinct values, so that ties happen, and labels.
    fn cases() -> impl Strategy<Value = (Vec<[i8; 3]>, Vec<[i8; 3]>, Vec<u32>)> {
        let row = || prop::array::uniform3(-2i8..3);
        (prop::collection::vec((row(), 0u32..9), 1..30), prop::collection::vec(row(), 1..9)).prop_map(
            |(images, classes)| {
                let (images, labels) = images.into_iter().unzip();
                (images, classes, labels)
            },
        )
    }

    fn of(rows: &[[i8; 3]]) -> Features {
        features(3, &rows.iter().flatten().map(|&value| f32::from(value)).collect::<Vec<_>>())
    }

    proptest! {
        #[test]
        fn the_order_of_images_and_classes_cannot_change_a_score((images, classes, labels) in cases()) {
            let score = classification(&of(&images), &labels, &of(&classes)).unwrap();
            let backward = |rows: &[[i8; 3]]| of(&rows.iter().rev().copied().collect::<Vec<_>>());
            let count = classes.len() as u32;
            let moved: Vec<_> = labels.iter().rev().map(|&l| if l < count { count - 1 - l } else { l }).collect();
            prop_assert_eq!(classification(&backward(&images), &moved, &backward(&classes)).unwrap(), score);
        }

        #[test]
        fn a_score_is_that_of_the_worst_order_among_ties((images, classes, labels) in cases()) {
            let score = classification(&of(&images), &labels, &of(&classes)).unwrap();
            let product = |a: &[i8; 3], b: &[i8; 3]| a.iter().zip(b).map(|(a, b)| i32::from(a * b)).sum::<i32>();
            let hits = images.iter().zip(&labels).filter(|(image, label)| {
                let mut order: Vec<_> = (0..classes.len()).collect();
                order.sort_by_key(|&class| (-product(image, &classes[class]), class == **label as usize));
                order[0] == **label as usize
            });
            prop_assert_eq!(share(&score, "acc1"), (hits.count() as u64, images.len() as u64));
        }

        #[test]
        fn retrieval_is_free_of_the_order_of_captions((images, texts, _) in cases(), owners in prop::collection::vec(any::<prop::sample::Index>(), 9)) {
            // Every image gets a caption, then each text goes to some image.
            let all: Vec<_> = images.iter().chain(&texts).copied().collect();
            let owner: Vec<_> = (0..images.len()).chain(texts.iter().zip(&owners).map(|(_, at)| at.index(images.len()))).collect();
            let score = retrieval(&of(&images), &of(&all), &owner).unwrap();
            let backward: Vec<_> = all.iter().rev().copied().collect();
            let owner: Vec<_> = owner.into_iter().rev().collect();
            prop_assert_eq!(retrieval(&of(&images), &of(&backward), &owner).unwrap(), score);
        }

        #[test]
        fn a_mean_of_shares_is_their_mean(shares in prop::collection::vec((0u64..50, 1u64..50), 1..20)) {
            let shares: Vec<_> = shares.into_iter().map(|(n, d)| Fraction { numerator: n.min(d), denominator: d }).collect();
            let float = shares.iter().map(|share| share.value()).sum::<f64>() / shares.len() as f64;
            let mean = mean_of_shares(&shares);
            prop_assert!((mean.value() - float).abs() < 1e-14);
            prop_assert!(u128::from(mean.denominator) <= LARGEST && mean.numerator <= mean.denominator);
        }
    }
}
