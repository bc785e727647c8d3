//! From an encoded image to the pixels a model is given, bit for bit as Pillow 9.3 and torchvision do it.
//!
//! Pixels are u8 RGB, rows from the top, channels last. What a stranger's file may cost is bounded before
//! memory is taken for it.

mod crop;
mod decode;
mod resample;

pub use crop::{augment, crop_box, draws, resize_crop};
pub use decode::{PIXELS_MAX, PixelError, decode};
pub use resample::{Box, Window, resample};

/// What is subtracted from and what divides a channel's value in [0, 1], in the order R, G, B.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Subtracted.
    pub mean: [f32; 3],
    /// Divided by.
    pub std: [f32; 3],
}

/// The constants of CLIP's own preprocessing.
pub const NORMALISATION: Normalisation =
    Normalisation { mean: [0.481_454_66, 0.457_827_5, 0.408_210_73], std: [0.268_629_54, 0.261_302_6, 0.275_777_1] };

/// A decoded image.
#[derive(Clone, PartialEq, Eq)]
pub struct Image {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// `height * width * 3` values: R, G, B.
    pub pixels: Vec<u8>,
}

impl std::fmt::Debug for Image {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Image {} x {}", self.width, self.height)
    }
}
