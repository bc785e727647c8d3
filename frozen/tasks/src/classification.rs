//! Zero-shot classification: acc1, acc5, mean_per_class_recall.

use std::collections::BTreeMap;

use crate::{
    features::{Features, dot},
    inputs::{AnswerStanding, Inputs},
    score::{Metrics, ScoreError, same_width},
    scored::ScoredMetric,
};

/// Scores zero-shot classification.
///
/// A label past the last class can never be right and counts as a class of its own: DataComp's CLEVR
/// Distance has one. Classes that no image has do not count in the mean over classes.
///
/// - Shapes: `images` `[N, D]`, `labels` `[N]`, `classes` `[C, D]` with the classes' names as inputs.
/// - Errors: [`ScoreError::Empty`], [`ScoreError::Count`], [`ScoreError::Width`].
pub fn classification(images: &Features, labels: &[u32], classes: &Inputs) -> Result<Metrics, ScoreError> {
    same_width(images.width(), classes.width())?;
    if images.is_empty() || classes.is_empty() {
        return Err(ScoreError::Empty(if images.is_empty() { "images" } else { "classes" }));
    }
    if images.len() != labels.len() {
        let right = format!("{} images", images.len());
        return Err(ScoreError::Count { what: "labels", left: labels.len(), right });
    }
    let standings: Vec<_> = images.rows().zip(labels).map(|(image, &label)| standing(image, label, classes)).collect();
    let ties = standings.iter().flatten().map(|standing| standing.ties).sum();
    let hits = |rank| standings.iter().map(|at| at.is_some_and(|at| at.before < rank)).collect::<Vec<_>>();
    let first = hits(1);
    Ok(Metrics::of([
        ("acc1", Some(share(&first, ties))),
        ("acc5", (classes.len() >= 5).then(|| share(&hits(5), ties))),
        ("mean_per_class_recall", Some(mean_over_classes(&first, labels, ties))),
    ]))
}

fn standing(image: &[f32], label: u32, classes: &Inputs) -> Option<AnswerStanding> {
    let label = usize::try_from(label).ok().filter(|&label| label < classes.len())?;
    Some(classes.standing(label, 0..classes.len(), |class| dot(image, classes.row(class))))
}

/// The share of hits; an item's influence is its hit.
fn share(hits: &[bool], ties: u64) -> ScoredMetric {
    let influences: Vec<_> = hits.iter().map(|&hit| f64::from(u8::from(hit))).collect();
    let value = influences.iter().sum::<f64>() / hits.len() as f64;
    ScoredMetric { value, influences, strata: Vec::new(), ties }
}

/// The mean over classes of each one's share of hits; an item's influence is `N / (S n_s)` a hit.
fn mean_over_classes(hits: &[bool], labels: &[u32], ties: u64) -> ScoredMetric {
    let mut classes = BTreeMap::<u32, (u64, u64)>::new();
    for (&hit, &label) in hits.iter().zip(labels) {
        let (found, images) = classes.entry(label).or_default();
        *found += u64::from(hit);
        *images += 1;
    }
    let recalls: f64 = classes.values().map(|&(found, images)| found as f64 / images as f64).sum();
    let influence = |(&hit, label): (&bool, &u32)| {
        let images = classes.get(label).map_or(1, |&(_, images)| images);
        if hit { hits.len() as f64 / (classes.len() as f64 * images as f64) } else { 0.0 }
    };
    ScoredMetric {
        value: recalls / classes.len() as f64,
        influences: hits.iter().zip(labels).map(influence).collect(),
        strata: labels.to_vec(),
        ties,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{distinct, features, value};

    #[test]
    fn classification_by_hand() {
        // Classes along the axes of the plane and its diagonal; labels 0, 0, 1, 1, and one past the end.
        let classes = distinct(2, &[1.0, 0.0, 0.0, 1.0, 0.7, 0.7]);
        let images = features(2, &[1.0, 0.1, 0.6, 0.6, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0]);
        let metrics = classification(&images, &[0, 0, 1, 1, 3], &classes).unwrap();
        assert_eq!(value(&metrics, "acc1"), 0.4);
        assert_eq!(metrics.0["acc5"], None);
        // Recalls 1/2, 1/2 and 0 of the three labels that occur.
        assert_eq!(value(&metrics, "mean_per_class_recall"), 1.0 / 3.0);
        // The second image is as near to the class that it is not.
        assert_eq!(metrics.0["acc1"].as_ref().unwrap().ties, 1);
    }

    #[test]
    fn the_fifth_of_six_is_a_hit_and_the_sixth_is_not() {
        let classes = distinct(1, &[6.0, 5.0, 4.0, 3.0, 2.0, 1.0]);
        let metrics = classification(&features(1, &[1.0, 1.0]), &[4, 5], &classes).unwrap();
        assert_eq!((value(&metrics, "acc1"), value(&metrics, "acc5")), (0.0, 0.5));
    }

    #[test]
    fn of_two_classes_of_one_name_the_first_is_found() {
        let rows = features(2, &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0]);
        let images = features(2, &[1.0, 0.0, 1.0, 0.0, 0.0, 1.0]);
        let twins = Inputs::new(rows.clone(), ["missile", "other", "missile"]).unwrap();
        let metrics = classification(&images, &[0, 2, 1], &twins).unwrap();
        assert_eq!((value(&metrics, "acc1"), metrics.0["acc1"].as_ref().unwrap().ties), (2.0 / 3.0, 0));
        // Under two names they are two answers, equally good, and neither is found.
        let metrics = classification(&images, &[0, 2, 1], &Inputs::distinct(rows)).unwrap();
        assert_eq!((value(&metrics, "acc1"), metrics.0["acc1"].as_ref().unwrap().ties), (1.0 / 3.0, 2));
    }

    #[test]
    fn twins_share_the_first_ones_features() {
        // The second row differs in its last bit, as a row from another batch may.
        let rows = features(1, &[1.0, f32::from_bits(1f32.to_bits() + 1)]);
        let twins = Inputs::new(rows, ["sunglasses", "sunglasses"]).unwrap();
        let metrics = classification(&features(1, &[1.0, 1.0]), &[0, 1], &twins).unwrap();
        assert_eq!(value(&metrics, "acc1"), 0.5);
    }

    #[test]
    fn constant_features_score_nothing_at_one() {
        let images = features(2, &[0.6, 0.8].repeat(20));
        let labels: Vec<_> = (0..20).map(|at| at % 10).collect();
        let metrics = classification(&images, &labels, &distinct(2, &[0.6, 0.8].repeat(10))).unwrap();
        assert_eq!((value(&metrics, "acc1"), value(&metrics, "acc5")), (0.0, 0.0));
        assert_eq!(metrics.0["acc1"].as_ref().unwrap().ties, 20 * 9);
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let (two, three) = (features(2, &[1.0; 4]), distinct(3, &[1.0; 6]));
        assert_eq!(classification(&two, &[0, 0], &three), Err(ScoreError::Width { image: 2, text: 3 }));
        assert!(matches!(classification(&two, &[0], &distinct(2, &[1.0; 4])), Err(ScoreError::Count { .. })));
        let none = Features::new(2);
        assert_eq!(classification(&none, &[], &distinct(2, &[1.0; 4])), Err(ScoreError::Empty("images")));
        assert_eq!(classification(&two, &[0, 0], &Inputs::distinct(none)), Err(ScoreError::Empty("classes")));
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
        fn the_order_of_distinct_classes_cannot_change_a_score((images, classes, labels) in cases()) {
            let metrics = classification(&of(&images), &labels, &Inputs::distinct(of(&classes))).unwrap();
            let backward: Vec<_> = classes.iter().rev().copied().collect();
            let count = classes.len() as u32;
            let moved: Vec<_> = labels.iter().map(|&l| if l < count { count - 1 - l } else { l }).collect();
            let other = classification(&of(&images), &moved, &Inputs::distinct(of(&backward))).unwrap();
            for name in ["acc1", "acc5"] {
                prop_assert_eq!(&other.0[name], &metrics.0[name]);
            }
            let name = "mean_per_class_recall";
            prop_assert!((value(&other, name) - value(&metrics, name)).abs() < 1e-12);
        }

        #[test]
        fn a_score_is_that_of_the_worst_order_among_ties((images, classes, labels) in cases()) {
            let metrics = classification(&of(&images), &labels, &Inputs::distinct(of(&classes))).unwrap();
            let product = |a: &[i8; 3], b: &[i8; 3]| a.iter().zip(b).map(|(a, b)| i32::from(a * b)).sum::<i32>();
            let hits = images.iter().zip(&labels).filter(|(image, label)| {
                let mut order: Vec<_> = (0..classes.len()).collect();
                order.sort_by_key(|&class| (-product(image, &classes[class]), class == **label as usize));
                order[0] == **label as usize
            });
            prop_assert_eq!(value(&metrics, "acc1"), hits.count() as f64 / images.len() as f64);
        }

        #[test]
        fn among_twins_a_score_is_that_of_the_first((images, classes, labels) in cases()) {
            let labels: Vec<_> = labels.iter().map(|&label| label % classes.len() as u32).collect();
            let twice: Vec<_> = classes.iter().chain(&classes).copied().collect();
            let names = (0..classes.len()).chain(0..classes.len());
            let twice = Inputs::new(of(&twice), names).unwrap();
            let twins = classification(&of(&images), &labels, &twice).unwrap();
            let alone = classification(&of(&images), &labels, &Inputs::distinct(of(&classes))).unwrap();
            prop_assert_eq!(value(&twins, "acc1"), value(&alone, "acc1"));
            // The second ones are never first.
            let second: Vec<_> = labels.iter().map(|&label| label + classes.len() as u32).collect();
            let twins = classification(&of(&images), &second, &twice).unwrap();
            prop_assert_eq!(value(&twins, "acc1"), 0.0);
        }
    }
}
