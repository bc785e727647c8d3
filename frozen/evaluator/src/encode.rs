//! Pixels and texts in, features out: one batch size throughout, so that a row's bits do not depend on how
//! many rows came with it.
//!
//! Shape letters: `N` rows of a batch, `S` pixels along a side, `L` tokens of a row, `D` embedding width.

use clip::{Clip, ModelConfig, NamedValues};
use data::{Tokenizer, pixels::NORMALISATION};
use records::Stop;
use tasks::{FeatureError, Features};
use tch::{Kind, TchError, Tensor};

/// A model and what it needs around it.
pub struct Encoder {
    model: Clip,
    tokenizer: Tokenizer,
    batch: usize,
}

/// Features that came out of a model, or what is wrong with them.
pub type Encoded = Result<Result<(), FeatureError>, Stop>;

impl Encoder {
    /// Builds the model; `batch` rows go through it at once.
    pub fn new(config: &ModelConfig, values: NamedValues, batch: usize) -> Result<Self, Stop> {
        Ok(Self { model: Clip::from_values(config, values)?, tokenizer: Tokenizer::new(), batch })
    }

    /// Rows that go through the model at once.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Pixels along a side of an image.
    pub fn side(&self) -> usize {
        self.model.config().vision_cfg.image_size
    }

    /// No features yet, of the model's width.
    pub fn features(&self) -> Features {
        Features::new(self.model.config().embed_dim)
    }

    /// Encodes at most a batch of images and adds their features.
    ///
    /// - Shapes: `pixels` `[N, S, S, 3]`, u8.
    pub fn images(&self, pixels: &[u8], features: &mut Features) -> Encoded {
        let side = self.side();
        let rows = pixels.len() / (side * side * 3);
        let mut padded = pixels.to_vec();
        padded.resize(self.batch * side * side * 3, 0);
        let shape = [self.batch as i64, side as i64, side as i64, 3];
        let pixels = Tensor::f_from_data_size(&padded, &shape, Kind::Uint8)?;
        let encoded = tch::no_grad(|| self.model.encode_image(&normalise(&pixels)?).map_err(Stop::from))?;
        add(&encoded, rows, features)
    }

    /// Encodes at most a batch of texts and adds their features.
    ///
    /// The rows are as long as the longest of them, rounded up: what follows a text's end cannot reach it.
    pub fn texts(&self, texts: &[String], features: &mut Features) -> Encoded {
        let config = self.model.config();
        let context = config.text_cfg.context_length;
        let tokens: Vec<Vec<u32>> = texts.iter().map(|text| self.tokenizer.encode(text, context)).collect();
        let used = |row: &Vec<u32>| row.iter().rposition(|&token| token != 0).map_or(1, |at| at + 1);
        let length = config.text_length(tokens.iter().map(used).max().unwrap_or(1));
        let mut ids: Vec<i64> =
            tokens.iter().flat_map(|row| row[..length].iter().map(|&token| i64::from(token))).collect();
        ids.resize(self.batch * length, 0);
        let ids = Tensor::f_from_slice(&ids)?.f_reshape([self.batch as i64, length as i64])?;
        let encoded = tch::no_grad(|| self.model.encode_text(&ids).map_err(Stop::from))?;
        add(&encoded, texts.len(), features)
    }
}

/// - Shapes: `[N, S, S, 3]` u8 to `[N, 3, S, S]` f32.
fn normalise(pixels: &Tensor) -> Result<Tensor, TchError> {
    let channel = |values: [f32; 3]| Tensor::f_from_slice(&values)?.f_reshape([1, 3, 1, 1]);
    let pixels = pixels.f_permute([0, 3, 1, 2])?.f_contiguous()?.f_to_kind(Kind::Float)?;
    pixels.f_div_scalar(255.0)?.f_sub(&channel(NORMALISATION.mean)?)?.f_div(&channel(NORMALISATION.std)?)
}

fn add(encoded: &Tensor, rows: usize, features: &mut Features) -> Encoded {
    let encoded = encoded.f_narrow(0, 0, rows as i64)?.f_contiguous()?;
    let mut values = vec![0f32; encoded.numel()];
    encoded.f_copy_data(&mut values, encoded.numel())?;
    Ok(features.extend(&values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::tests::config;

    fn encoder(batch: usize) -> Encoder {
        let values = clip::values::initial(&config(), &numerics::Seed([3; 32]));
        Encoder::new(&config(), values, batch).unwrap()
    }

    fn image(at: u8) -> Vec<u8> {
        (0..32 * 32 * 3).map(|i| (i % 251) as u8 ^ at).collect()
    }

    #[test]
    fn a_row_does_not_depend_on_how_many_came_with_it() {
        let encoder = encoder(4);
        let (mut one, mut three) = (encoder.features(), encoder.features());
        encoder.images(&image(1), &mut one).unwrap().unwrap();
        encoder.images(&[image(1), image(2), image(3)].concat(), &mut three).unwrap().unwrap();
        assert_eq!((one.len(), three.len()), (1, 3));
        assert_eq!(one.row(0), three.row(0));
        assert_ne!(three.row(0), three.row(1));
    }

    #[test]
    fn features_have_unit_length() {
        let encoder = encoder(2);
        let mut features = encoder.features();
        encoder.images(&image(9), &mut features).unwrap().unwrap();
        encoder.texts(&["a red circle".to_owned(), String::new()], &mut features).unwrap().unwrap();
        for row in features.rows() {
            assert!((tasks::features::dot(row, row) - 1.0).abs() < 1e-6);
        }
        assert_ne!(features.row(1), features.row(2));
    }

    #[test]
    fn a_text_has_the_same_features_beside_a_longer_one_up_to_rounding() {
        let encoder = encoder(2);
        let (mut alone, mut beside) = (encoder.features(), encoder.features());
        let short = "a cat".to_owned();
        encoder.texts(std::slice::from_ref(&short), &mut alone).unwrap().unwrap();
        let long = "a very long sentence about one more small green triangle here".to_owned();
        encoder.texts(&[short, long], &mut beside).unwrap().unwrap();
        let difference = alone.row(0).iter().zip(beside.row(0)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference < 1e-5, "{difference}");
    }
}
