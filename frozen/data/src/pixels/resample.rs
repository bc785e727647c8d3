//! Bicubic resampling with 22-bit integer coefficients, as Pillow does it: rows first, then columns.
//!
//! A coefficient is a double rounded to a multiple of 2^-22; each pass sums in integers and rounds to u8.
//! Pillow 13 changed the order of the passes for some shapes; this is the order of 9.3 to 12.
//! Only the window of the result that is asked for is computed: a picture of one row and a million columns
//! costs no more than its own pixels.
//!
//! Source: the cubic kernel of Keys (1981) with a = -1/2, stretched by the scale when shrinking.

use super::Image;

const BITS: u32 = 22;

/// The part of an image that is resampled: whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Box {
    /// First column.
    pub left: u32,
    /// First row.
    pub top: u32,
    /// Columns; at least 1.
    pub width: u32,
    /// Rows; at least 1.
    pub height: u32,
}

/// One axis of the result: its whole length and the part of it that is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// What the box becomes along this axis, in pixels.
    pub whole: u64,
    /// The first that is wanted.
    pub start: u64,
    /// How many are wanted.
    pub length: u32,
}

/// Resamples a box of an image to `columns.whole` by `rows.whole` pixels and gives the window of it.
///
/// The box must lie within the image and the window within the result.
#[must_use]
pub fn resample(image: &Image, area: Box, columns: Window, rows: Window) -> Image {
    let across = kernels(area.width, columns);
    let down = kernels(area.height, rows);
    let same_height = u64::from(area.height) == rows.whole;
    let (first, last) = if same_height {
        (rows.start as usize, rows.start as usize + rows.length as usize)
    } else {
        let last = down.iter().map(|kernel| kernel.first + kernel.weights.len()).max();
        (down.first().map_or(0, |kernel| kernel.first), last.unwrap_or(0))
    };
    let mut narrow = Vec::with_capacity((last - first) * across.len() * 3);
    for row in first..last {
        let start = ((area.top as usize + row) * image.width as usize + area.left as usize) * 3;
        let source = &image.pixels[start..start + area.width as usize * 3];
        if u64::from(area.width) == columns.whole {
            let from = columns.start as usize * 3;
            narrow.extend_from_slice(&source[from..from + columns.length as usize * 3]);
        } else {
            across.iter().for_each(|kernel| narrow.extend(kernel.pixel(source)));
        }
    }
    let stride = across.len() * 3;
    if same_height {
        return Image { width: columns.length, height: rows.length, pixels: narrow };
    }
    let mut pixels = Vec::with_capacity(down.len() * stride);
    let mut sums = vec![0i32; stride];
    for kernel in &down {
        sums.fill(1 << (BITS - 1));
        for (row, weight) in narrow.chunks_exact(stride).skip(kernel.first - first).zip(&kernel.weights) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += i32::from(*value) * weight);
        }
        pixels.extend(sums.iter().map(|sum| round(*sum)));
    }
    Image { width: columns.length, height: rows.length, pixels }
}

fn round(sum: i32) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// The weights of one output pixel, and where they start.
struct Kernel {
    first: usize,
    weights: Vec<i32>,
}

impl Kernel {
    fn pixel(&self, row: &[u8]) -> [u8; 3] {
        let mut sums = [1i32 << (BITS - 1); 3];
        for (pixel, weight) in row[self.first * 3..].chunks_exact(3).zip(&self.weights) {
            for channel in 0..3 {
                sums[channel] += i32::from(pixel[channel]) * weight;
            }
        }
        sums.map(round)
    }
}

/// The kernels of a window, in its order. The operations and their order decide bits.
fn kernels(length: u32, window: Window) -> Vec<Kernel> {
    let scale = f64::from(length) / window.whole as f64;
    let stretch = scale.max(1.0);
    let support = 2.0 * stretch;
    let shrink = 1.0 / stretch;
    (window.start..window.start + u64::from(window.length))
        .map(|at| {
            let centre = (at as f64 + 0.5) * scale;
            // Casts cut towards zero and negative values to zero.
            let first = (centre - support + 0.5) as usize;
            let end = ((centre + support + 0.5) as usize).min(length as usize);
            let raw: Vec<f64> =
                (0..end - first).map(|offset| cubic(((offset + first) as f64 - centre + 0.5) * shrink)).collect();
            let total = raw.iter().fold(0.0, |sum, weight| sum + weight);
            let norm = |weight: f64| if total == 0.0 { weight } else { weight / total };
            Kernel { first, weights: raw.into_iter().map(|weight| fixed(norm(weight))).collect() }
        })
        .collect()
}

/// To a multiple of 2^-22, half away from zero.
fn fixed(weight: f64) -> i32 {
    let half = if weight < 0.0 { -0.5 } else { 0.5 };
    (half + weight * f64::from(1 << BITS)) as i32
}

fn cubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn noise(width: u32, height: u32, key: u64) -> Image {
        let mut stream = numerics::Seed([9; 32]).stream("noise", &[key]);
        let pixels = (0..width * height * 3).map(|_| stream.below(256) as u8).collect();
        Image { width, height, pixels }
    }

    fn all(length: u32) -> Window {
        Window { whole: u64::from(length), start: 0, length }
    }

    #[test]
    fn a_flat_image_stays_flat() {
        let image = Image { width: 37, height: 21, pixels: vec![201; 37 * 21 * 3] };
        let area = Box { left: 0, top: 0, width: 37, height: 21 };
        for (width, height) in [(1, 1), (8, 8), (37, 21), (64, 100)] {
            assert!(resample(&image, area, all(width), all(height)).pixels.iter().all(|value| *value == 201));
        }
    }

    proptest! {
        #[test]
        fn a_window_is_a_part_of_the_whole(
            width in 1u32..40, height in 1u32..40, to_width in 1u32..40, to_height in 1u32..40,
            left: u32, top: u32, key: u64,
        ) {
            let image = noise(width, height, key);
            let area = Box { left: 0, top: 0, width, height };
            let whole = resample(&image, area, all(to_width), all(to_height));
            let (left, top) = (left % to_width, top % to_height);
            let columns = Window { whole: to_width.into(), start: left.into(), length: to_width - left };
            let rows = Window { whole: to_height.into(), start: top.into(), length: to_height - top };
            let part = resample(&image, area, columns, rows);
            for row in 0..part.height {
                let from = (((top + row) * to_width + left) * 3) as usize;
                let own = (row * part.width * 3) as usize;
                let length = part.width as usize * 3;
                prop_assert_eq!(&part.pixels[own..own + length], &whole.pixels[from..from + length]);
            }
        }

        #[test]
        fn the_same_size_is_the_same_image(width in 1u32..30, height in 1u32..30, key: u64) {
            let image = noise(width, height, key);
            let area = Box { left: 0, top: 0, width, height };
            prop_assert_eq!(resample(&image, area, all(width), all(height)), image);
        }
    }
}
