//! A global batch before it meets the model: pixels as bytes, tokens renumbered, cut into micro-batches.
//!
//! Shape letters: `B` pairs in the global batch, `N` rows of a micro-batch, `S` pixels along a side,
//! `L` tokens of a row, `V` tokens that the batch uses.

use std::{collections::BTreeSet, ops::Range};

use clip::ModelConfig;
use data::pixels::NORMALISATION;
use tch::{Kind, TchError, Tensor};

/// The samples of a step, decoded.
#[derive(Debug, Clone, PartialEq)]
pub struct DecodedBatch {
    /// From 0.
    pub step: u64,
    /// From 0.
    pub epoch: u64,
    /// Ranks in the data set, in batch order.
    pub ids: Vec<u64>,
    /// `[B, S, S, 3]`, as decoded and cropped.
    pub pixels: Vec<u8>,
    /// A row a caption, zero-padded to the context.
    pub tokens: Vec<Vec<u32>>,
}

/// What goes through the model at once.
pub struct Micro {
    /// `[N, 3, S, S]`, f32, normalised.
    pub images: Tensor,
    /// `[N, L]`, i64: places in [`Vocabulary::ids`].
    pub tokens: Tensor,
}

/// The tokens that a batch uses, ascending: renumbering keeps their order, so the end token stays the largest.
pub struct Vocabulary {
    /// Ids of the tokenizer.
    pub ids: Vec<i64>,
}

impl Vocabulary {
    /// The tokens of a batch, padding included.
    pub fn of(batch: &DecodedBatch) -> Self {
        let ids: BTreeSet<i64> = batch.tokens.iter().flatten().map(|&id| i64::from(id)).collect();
        Self { ids: ids.into_iter().collect() }
    }

    fn place(&self, id: u32) -> i64 {
        // Every token of the batch is in the list.
        self.ids.binary_search(&i64::from(id)).map_or(0, |place| place as i64)
    }
}

impl DecodedBatch {
    /// Cuts a micro-batch; its text is as long as its longest caption, rounded up.
    pub fn micro(&self, rows: Range<usize>, config: &ModelConfig, vocabulary: &Vocabulary) -> Result<Micro, TchError> {
        let side = config.vision_cfg.image_size;
        let image = side * side * 3;
        let shape = [rows.len() as i64, side as i64, side as i64, 3];
        let pixels = Tensor::f_from_data_size(&self.pixels[rows.start * image..rows.end * image], &shape, Kind::Uint8)?;
        let captions = &self.tokens[rows.clone()];
        let length = config.text_length(captions.iter().map(|row| text_length(row)).max().unwrap_or(0));
        let places: Vec<i64> =
            captions.iter().flat_map(|row| row[..length].iter().map(|&id| vocabulary.place(id))).collect();
        let tokens = Tensor::f_from_slice(&places)?.f_reshape([rows.len() as i64, length as i64])?;
        Ok(Micro { images: normalise(&pixels)?, tokens })
    }
}

/// Tokens up to the end token, which has the largest id; the first one where it is repeated.
fn text_length(row: &[u32]) -> usize {
    let largest = row.iter().max();
    row.iter().position(|id| Some(id) == largest).map_or(0, |at| at + 1)
}

/// - Shapes: `[N, S, S, 3]` bytes to `[N, 3, S, S]` f32.
fn normalise(pixels: &Tensor) -> Result<Tensor, TchError> {
    let channel = |values: [f32; 3]| Tensor::f_from_slice(&values)?.f_reshape([1, 3, 1, 1]);
    let pixels = pixels.f_permute([0, 3, 1, 2])?.f_contiguous()?.f_to_kind(Kind::Float)?;
    pixels.f_div_scalar(255.0)?.f_sub(&channel(NORMALISATION.mean)?)?.f_div(&channel(NORMALISATION.std)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> ModelConfig {
        ModelConfig::parse(include_str!("../../protocols/models/mini.json")).unwrap()
    }

    fn batch() -> DecodedBatch {
        let row = |ids: &[u32]| ids.iter().copied().chain(std::iter::repeat_n(0, 16 - ids.len())).collect::<Vec<_>>();
        let pixels = (0..2 * 32 * 32 * 3).map(|i| (i % 251) as u8).collect();
        let tokens = vec![row(&[49406, 320, 49407]), row(&[49406, 1, 2, 3, 4, 5, 6, 7, 49407])];
        DecodedBatch { step: 0, epoch: 0, ids: vec![4, 2], pixels, tokens }
    }

    #[test]
    fn text_is_as_long_as_the_micro_batch_needs() {
        let (batch, config) = (batch(), config());
        let vocabulary = Vocabulary::of(&batch);
        assert_eq!(vocabulary.ids, [0, 1, 2, 3, 4, 5, 6, 7, 320, 49406, 49407]);
        let lengths = [0..1, 1..2, 0..2].map(|rows| batch.micro(rows, &config, &vocabulary).unwrap().tokens.size()[1]);
        assert_eq!(lengths, [8, 16, 16]);
        let tokens =
            Vec::<i64>::try_from(batch.micro(0..1, &config, &vocabulary).unwrap().tokens.reshape([-1])).unwrap();
        assert_eq!(tokens, [9, 8, 10, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn pixels_are_normalised_by_channel() {
        let (batch, config) = (batch(), config());
        let images = batch.micro(1..2, &config, &Vocabulary::of(&batch)).unwrap().images;
        assert_eq!(images.size(), [1, 3, 32, 32]);
        let byte = f64::from(batch.pixels[32 * 32 * 3 + (5 * 32 + 7) * 3 + 2]);
        let expected = (byte / 255.0 - f64::from(NORMALISATION.mean[2])) / f64::from(NORMALISATION.std[2]);
        assert!((images.double_value(&[0, 2, 5, 7]) - expected).abs() < 1e-6);
    }
}
