//! Retrieval in both directions at ranks 1, 5 and 10, and the mean of both at 1.
//!
//! An image counts as found where any of its captions is; a caption where its image is. The independent
//! item is an image with its captions: captions of one image are found or missed together.

use std::collections::BTreeMap;

use crate::{
    features::dot,
    inputs::{AnswerStanding, Inputs},
    score::{Metrics, ScoreError, same_width},
    scored::ScoredMetric,
};

/// The ranks at which retrieval is measured.
const RECALL_AT: [usize; 3] = [1, 5, 10];

/// Scores retrieval.
///
/// - Shapes: `images` `[N, D]` with the images' bytes as inputs, `texts` `[T, D]` with the captions,
///   `image_of_text` `[T]` with the row of each caption's image.
/// - Errors: [`ScoreError::Empty`], [`ScoreError::Count`], [`ScoreError::Width`], [`ScoreError::NoSuchImage`],
///   [`ScoreError::NoCaption`].
pub fn retrieval(images: &Inputs, texts: &Inputs, image_of_text: &[usize]) -> Result<Metrics, ScoreError> {
    same_width(images.width(), texts.width())?;
    if images.is_empty() || texts.is_empty() {
        return Err(ScoreError::Empty(if images.is_empty() { "images" } else { "captions" }));
    }
    if image_of_text.len() != texts.len() {
        let right = format!("{} captions", texts.len());
        return Err(ScoreError::Count { what: "images of captions", left: image_of_text.len(), right });
    }
    let captions = captions_of_images(images.len(), image_of_text)?;
    let of_captions: Vec<_> =
        (0..texts.len()).map(|text| standing_of_image(images, texts, text, image_of_text[text])).collect();
    let of_images: Vec<_> =
        (0..images.len()).map(|image| standing_of_captions(images, texts, image, &captions[image])).collect();
    let mut metrics = BTreeMap::new();
    for rank in RECALL_AT {
        metrics.insert(format!("image_retrieval_recall@{rank}"), Some(image_recall(&of_captions, &captions, rank)));
        metrics.insert(format!("text_retrieval_recall@{rank}"), Some(text_recall(&of_images, rank)));
    }
    let both = [image_recall(&of_captions, &captions, 1), text_recall(&of_images, 1)];
    metrics.insert("mean_recall@1".to_owned(), Some(mean_of_both(&both)));
    Ok(Metrics(metrics))
}

/// Where a caption's image stands among all images.
fn standing_of_image(images: &Inputs, texts: &Inputs, text: usize, own: usize) -> AnswerStanding {
    images.standing(own, 0..images.len(), |image| dot(images.row(image), texts.row(text)))
}

/// Where the best of an image's captions stands among those of other images.
fn standing_of_captions(images: &Inputs, texts: &Inputs, image: usize, own: &[usize]) -> AnswerStanding {
    let similarities: Vec<f64> = (0..texts.len()).map(|text| dot(images.row(image), texts.row(text))).collect();
    let best = own.iter().map(|&at| similarities[at]).fold(f64::NEG_INFINITY, f64::max);
    let mut is_own = vec![false; texts.len()];
    own.iter().for_each(|&at| is_own[at] = true);
    let others = || (0..texts.len()).filter(|&text| !is_own[text]);
    let best_own = own.iter().filter(|&&at| similarities[at] >= best);
    let standings = best_own.map(|&at| texts.standing(at, others(), |text| similarities[text]));
    // Two equally good captions of one image: the one that fewer stand before is found first.
    standings.min().unwrap_or(AnswerStanding { before: texts.len(), ties: 0 })
}

/// The share of captions whose image is among the first.
///
/// A ratio of sums over images, `sum a_i / sum m_i` with `a_i` of the `m_i` captions of image `i` found; its
/// linearised influence is `R + (a_i - R m_i) N / sum m`.
fn image_recall(of_captions: &[AnswerStanding], captions: &[Vec<usize>], rank: usize) -> ScoredMetric {
    let found = |own: &Vec<usize>| own.iter().filter(|&&at| of_captions[at].before < rank).count() as f64;
    let all = of_captions.len() as f64;
    let value = captions.iter().map(found).sum::<f64>() / all;
    let scale = captions.len() as f64 / all;
    let influence = |own: &Vec<usize>| value + (found(own) - value * own.len() as f64) * scale;
    let ties = of_captions.iter().map(|standing| standing.ties).sum();
    ScoredMetric { value, influences: captions.iter().map(influence).collect(), strata: Vec::new(), ties }
}

/// The share of images one of whose captions is among the first.
fn text_recall(of_images: &[AnswerStanding], rank: usize) -> ScoredMetric {
    let influences: Vec<_> = of_images.iter().map(|at| f64::from(u8::from(at.before < rank))).collect();
    let value = influences.iter().sum::<f64>() / of_images.len() as f64;
    let ties = of_images.iter().map(|standing| standing.ties).sum();
    ScoredMetric { value, influences, strata: Vec::new(), ties }
}

fn mean_of_both([left, right]: &[ScoredMetric; 2]) -> ScoredMetric {
    let influences = left.influences.iter().zip(&right.influences).map(|(left, right)| (left + right) / 2.0);
    ScoredMetric {
        value: (left.value + right.value) / 2.0,
        influences: influences.collect(),
        strata: Vec::new(),
        ties: left.ties + right.ties,
    }
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{distinct, features, value};

    #[test]
    fn retrieval_by_hand() {
        // Two images; captions 0 and 1 belong to the first, 2 to the second.
        let images = distinct(2, &[1.0, 0.0, 0.0, 1.0]);
        let texts = distinct(2, &[0.9, 0.1, 0.2, 0.8, 0.1, 0.9]);
        let metrics = retrieval(&images, &texts, &[0, 0, 1]).unwrap();
        assert_eq!(value(&metrics, "image_retrieval_recall@1"), 2.0 / 3.0);
        assert_eq!(value(&metrics, "text_retrieval_recall@1"), 1.0);
        assert_eq!(value(&metrics, "image_retrieval_recall@5"), 1.0);
        assert_eq!(value(&metrics, "mean_recall@1"), (2.0 / 3.0 + 1.0) / 2.0);
        // By hand: N / T = 2/3; 2/3 + (1 - 4/3) * 2/3 = 4/9 and 2/3 + (1 - 2/3) * 2/3 = 8/9; halved with 1.
        let influences = &metrics.0["mean_recall@1"].as_ref().unwrap().influences;
        for (influence, expected) in influences.iter().zip([13.0 / 18.0, 17.0 / 18.0]) {
            assert!((influence - expected).abs() < 1e-15);
        }
    }

    #[test]
    fn a_caption_twice_goes_to_the_first_image() {
        let images = distinct(2, &[1.0, 0.0, 0.0, 1.0]);
        let rows = features(2, &[0.5, 0.6, 0.5, 0.6]);
        // Both captions read the same and are nearer to the second image.
        let texts = Inputs::new(rows.clone(), ["a dog", "a dog"]).unwrap();
        let metrics = retrieval(&images, &texts, &[0, 1]).unwrap();
        let found =
            |metrics: &Metrics| (value(metrics, "image_retrieval_recall@1"), value(metrics, "text_retrieval_recall@1"));
        // The second caption finds its image; each image is asked for a caption, and the first one answers both.
        assert_eq!(found(&metrics), (0.5, 0.5));
        assert_eq!(metrics.0["mean_recall@1"].as_ref().unwrap().ties, 0);
        let metrics = retrieval(&images, &Inputs::distinct(rows), &[0, 1]).unwrap();
        assert_eq!(found(&metrics), (0.5, 0.0));
        assert_eq!(metrics.0["mean_recall@1"].as_ref().unwrap().ties, 2);
    }

    #[test]
    fn an_image_twice_goes_to_the_first() {
        let images = Inputs::new(features(1, &[1.0, 1.0]), ["bytes", "bytes"]).unwrap();
        let texts = distinct(1, &[0.5, 0.6]);
        let metrics = retrieval(&images, &texts, &[0, 1]).unwrap();
        assert_eq!(value(&metrics, "image_retrieval_recall@1"), 0.5);
        assert_eq!(value(&metrics, "text_retrieval_recall@1"), 0.5);
    }

    #[test]
    fn of_two_own_captions_the_one_before_which_fewer_stand_counts() {
        let images = distinct(1, &[1.0, -1.0]);
        let rows = features(1, &[0.5, 0.5, 0.5]);
        // The first image's captions are `a` and `b`, the other's is `b` as well: `a` ties with it, `b` is its twin.
        let texts = Inputs::new(rows, ["a", "b", "b"]).unwrap();
        let metrics = retrieval(&images, &texts, &[0, 0, 1]).unwrap();
        assert_eq!(metrics.0["text_retrieval_recall@1"].as_ref().unwrap().influences, [1.0, 0.0]);
    }

    #[test]
    fn constant_features_score_nothing_at_one() {
        let images = distinct(2, &[0.6, 0.8].repeat(20));
        let metrics = retrieval(&images, &images, &(0..20).collect::<Vec<_>>()).unwrap();
        assert_eq!((value(&metrics, "mean_recall@1"), value(&metrics, "image_retrieval_recall@10")), (0.0, 0.0));
        assert_eq!(metrics.0["mean_recall@1"].as_ref().unwrap().ties, 2 * 20 * 19);
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        let two = distinct(2, &[1.0; 4]);
        assert!(matches!(retrieval(&two, &two, &[0, 2]), Err(ScoreError::NoSuchImage { caption: 1, .. })));
        assert_eq!(retrieval(&two, &two, &[0, 0]), Err(ScoreError::NoCaption { image: 1 }));
        assert!(matches!(retrieval(&two, &two, &[0]), Err(ScoreError::Count { .. })));
        assert!(matches!(retrieval(&two, &distinct(1, &[1.0; 2]), &[0, 1]), Err(ScoreError::Width { .. })));
    }

    proptest! {
        #[test]
        fn retrieval_is_free_of_the_order_of_distinct_captions(
            rows in prop::collection::vec((prop::array::uniform3(-2i8..3), any::<prop::sample::Index>()), 1..30),
            count in 1usize..12,
        ) {
            let count = count.min(rows.len());
            // Every image gets a caption, then each further text goes to some image.
            let owner: Vec<_> = rows.iter().enumerate().map(|(at, (_, own))| if at < count { at } else { own.index(count) }).collect();
            let of = |rows: &[[i8; 3]]| distinct(3, &rows.iter().flatten().map(|&value| f32::from(value)).collect::<Vec<_>>());
            let texts: Vec<_> = rows.iter().map(|(row, _)| *row).collect();
            let images = of(&texts.iter().rev().take(count).copied().collect::<Vec<_>>());
            let metrics = retrieval(&images, &of(&texts), &owner).unwrap();
            let backward: Vec<_> = texts.iter().rev().copied().collect();
            let owner: Vec<_> = owner.into_iter().rev().collect();
            prop_assert_eq!(retrieval(&images, &of(&backward), &owner).unwrap(), metrics);
        }
    }
}
