//! Which part of an image a model sees: torchvision's `Resize` and `CenterCrop` for evaluation, its
//! `RandomResizedCrop` for training.

use numerics::{Seed, Stream};
use records::v1::protocol::Augmentation;

use super::{Box, Image, Window, resample};

/// How often a random box may fall outside the image before the centre is taken.
const TRIES: usize = 10;

/// The image for evaluation: its shortest side becomes `size`, then the centre is cut out.
///
/// The long side is cut towards zero, the margin rounded half to even, as torchvision does both.
/// The result has `size * size * 3` values, R, G, B, rows from the top.
#[must_use]
pub fn resize_crop(image: &Image, size: u32) -> Vec<u8> {
    let (width, height) = (u64::from(image.width), u64::from(image.height));
    let (short, long) = (width.min(height), width.max(height));
    // Python divides two exact integers: one rounding, as here.
    let long_to = (u64::from(size) * long) as f64 / short as f64;
    let (whole_width, whole_height) = match width <= height {
        true => (u64::from(size), long_to as u64),
        false => (long_to as u64, u64::from(size)),
    };
    let window = |whole: u64| {
        let margin = ((whole - u64::from(size)) as f64 / 2.0).round_ties_even();
        Window { whole, start: margin as u64, length: size }
    };
    let area = Box { left: 0, top: 0, width: image.width, height: image.height };
    resample(image, area, window(whole_width), window(whole_height)).pixels
}

/// The image for training: a random box, resampled to `size` by `size`.
///
/// The result has `size * size * 3` values, R, G, B, rows from the top.
#[must_use]
pub fn augment(image: &Image, size: u32, law: &Augmentation, stream: &mut Stream) -> Vec<u8> {
    let area = crop_box(image.width, image.height, law, stream);
    let window = Window { whole: u64::from(size), start: 0, length: size };
    resample(image, area, window, window).pixels
}

/// What the box of a sample in an epoch is drawn from, in the run of a seed.
#[must_use]
pub fn draws(run: &Seed, epoch: u64, rank: u64) -> Stream {
    run.augmentation().stream("sample", &[epoch, rank])
}

/// Draws the box of `RandomResizedCrop`: area uniform in `scale`, aspect ratio uniform in the logarithm of
/// `ratio`, place uniform; after ten boxes that do not fit, the largest centred one with a lawful ratio.
///
/// The law is torchvision's; the numbers come from `stream`.
#[must_use]
pub fn crop_box(width: u32, height: u32, law: &Augmentation, stream: &mut Stream) -> Box {
    let (whole_width, whole_height) = (f64::from(width), f64::from(height));
    let ratio_log = law.ratio.map(libm::log);
    for _ in 0..TRIES {
        let area = whole_width * whole_height * stream.uniform(law.scale[0], law.scale[1]);
        let ratio = libm::exp(stream.uniform(ratio_log[0], ratio_log[1]));
        let own_width = (area * ratio).sqrt().round_ties_even();
        let own_height = (area / ratio).sqrt().round_ties_even();
        if (1.0..=whole_width).contains(&own_width) && (1.0..=whole_height).contains(&own_height) {
            let (own_width, own_height) = (own_width as u32, own_height as u32);
            let top = stream.below(u64::from(height - own_height) + 1) as u32;
            let left = stream.below(u64::from(width - own_width) + 1) as u32;
            return Box { left, top, width: own_width, height: own_height };
        }
    }
    let ratio = whole_width / whole_height;
    let side = |value: f64, limit: u32| (value.round_ties_even() as u32).clamp(1, limit);
    let (own_width, own_height) = if ratio < law.ratio[0] {
        (width, side(whole_width / law.ratio[0], height))
    } else if ratio > law.ratio[1] {
        (side(whole_height * law.ratio[1], width), height)
    } else {
        (width, height)
    };
    Box { left: (width - own_width) / 2, top: (height - own_height) / 2, width: own_width, height: own_height }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LAW: Augmentation = Augmentation { scale: [0.9, 1.0], ratio: [0.75, 4.0 / 3.0] };

    proptest! {
        #[test]
        fn a_box_lies_within_the_image(width in 1u32..2000, height in 1u32..2000, key: u64) {
            let area = crop_box(width, height, &LAW, &mut Seed([1; 32]).stream("crop", &[key]));
            prop_assert!(area.width >= 1 && area.height >= 1);
            prop_assert!(area.left + area.width <= width && area.top + area.height <= height);
        }

        #[test]
        fn a_result_has_the_asked_size(width in 1u32..50, height in 1u32..50, size in 1u32..40, key: u64) {
            let image = Image { width, height, pixels: vec![7; (width * height * 3) as usize] };
            let mut stream = Seed([1; 32]).stream("crop", &[key]);
            let expected = vec![7; (size * size * 3) as usize];
            prop_assert!(resize_crop(&image, size) == expected);
            prop_assert!(augment(&image, size, &LAW, &mut stream) == expected);
        }
    }

    #[test]
    fn boxes_are_those_of_another_implementation() {
        // Computed in Python from torchvision's law, streams with BLAKE3's own binding.
        let expected = [(33, 1, 461, 374), (5, 3, 493, 370), (17, 3, 478, 366), (13, 2, 480, 373)];
        for ((epoch, rank), (left, top, width, height)) in
            [(0, 0), (0, 1), (1, 0), (3, 70_000)].into_iter().zip(expected)
        {
            let area = crop_box(500, 375, &LAW, &mut draws(&Seed([9; 32]), epoch, rank));
            assert_eq!((area.left, area.top, area.width, area.height), (left, top, width, height), "{epoch} {rank}");
        }
    }

    #[test]
    fn a_ribbon_costs_no_more_than_its_own_pixels() {
        let image = Image { width: 1_000_000, height: 1, pixels: vec![9; 3_000_000] };
        assert_eq!(resize_crop(&image, 224), vec![9; 224 * 224 * 3]);
        let area = crop_box(1_000_000, 1, &LAW, &mut Seed([1; 32]).stream("crop", &[]));
        assert_eq!((area.width, area.height), (1, 1));
    }

    #[test]
    fn area_and_ratio_follow_the_law() {
        let wide = Augmentation { scale: [0.2, 0.6], ratio: [0.75, 4.0 / 3.0] };
        let mut stream = Seed([2; 32]).stream("crop", &[]);
        let boxes: Vec<_> = (0..4000).map(|_| crop_box(1000, 1000, &wide, &mut stream)).collect();
        let mean = |value: fn(&Box) -> f64| boxes.iter().map(value).sum::<f64>() / boxes.len() as f64;
        // Four standard errors of the uniform laws.
        assert!((mean(|area| f64::from(area.width) * f64::from(area.height) / 1e6) - 0.4).abs() < 0.0075);
        assert!(mean(|area| libm::log(f64::from(area.width) / f64::from(area.height))).abs() < 0.011);
    }
}
