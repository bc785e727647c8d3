//! Named tensors as plain numbers: initial weights, and safetensors files.
//!
//! No libtorch here: a checkpoint can be written, read and checked without it.

use std::collections::BTreeMap;

use numerics::Seed;
use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::{
    ModelConfig,
    shapes::{Law, TensorShape, shapes},
};

/// A tensor of 32-bit floats, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// Lengths of the dimensions.
    pub shape: Vec<usize>,
    /// As many as the product of the lengths.
    pub data: Vec<f32>,
}

/// Tensors by name.
pub type NamedValues = BTreeMap<String, Values>;

/// A safetensors file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ValuesError {
    /// Not a safetensors file, or a damaged one.
    #[error("not a whole safetensors file: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// A number format other than 32-bit floats.
    #[error("tensor `{name}` is {found:?}, expected F32")]
    Dtype {
        /// The tensor.
        name: String,
        /// Its number format.
        found: Dtype,
    },
}

/// The weights that a seed gives: one stream a tensor, so that no tensor's values depend on another's size.
#[must_use]
pub fn initial(config: &ModelConfig, seed: &Seed) -> NamedValues {
    let seed = seed.child("initial weights", &[]);
    shapes(config).into_iter().map(|tensor| (tensor.name.clone(), draw(&tensor, &seed))).collect()
}

fn draw(tensor: &TensorShape, seed: &Seed) -> Values {
    let mut stream = seed.stream(&tensor.name, &[]);
    let mut value = || match tensor.law {
        Law::Constant(value) => value,
        Law::Normal(deviation) => (deviation * stream.normal()) as f32,
        Law::Uniform(bound) => stream.uniform(-bound, bound) as f32,
    };
    Values { shape: tensor.shape.clone(), data: (0..tensor.len()).map(|_| value()).collect() }
}

/// The bytes of values: little-endian.
#[must_use]
pub fn bytes(values: &[f32]) -> Vec<u8> {
    let mut bytes = vec![0; 4 * values.len()];
    for (bytes, value) in bytes.chunks_exact_mut(4).zip(values) {
        bytes.copy_from_slice(&value.to_le_bytes());
    }
    bytes
}

/// A safetensors file of 32-bit floats; the same tensors give the same bytes.
///
/// - Errors: [`ValuesError::Format`] where a shape and its data disagree.
pub fn to_file(tensors: &[(String, Vec<usize>, Vec<u8>)]) -> Result<Vec<u8>, ValuesError> {
    let views = tensors
        .iter()
        .map(|(name, shape, bytes)| Ok((name.as_str(), TensorView::new(Dtype::F32, shape.clone(), bytes)?)))
        .collect::<Result<Vec<_>, safetensors::SafeTensorError>>()?;
    Ok(safetensors::serialize(views, None)?)
}

/// Reads a safetensors file of 32-bit floats.
pub fn from_file(bytes: &[u8]) -> Result<NamedValues, ValuesError> {
    let file = SafeTensors::deserialize(bytes)?;
    file.iter()
        .map(|(name, view)| {
            if view.dtype() != Dtype::F32 {
                return Err(ValuesError::Dtype { name: name.to_owned(), found: view.dtype() });
            }
            let (data, _) = view.data().as_chunks::<4>();
            let data = data.iter().map(|word| f32::from_le_bytes(*word)).collect();
            Ok((name.to_owned(), Values { shape: view.shape().to_vec(), data }))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::MINI;

    #[test]
    fn drawn_values_follow_their_laws() {
        let config = ModelConfig::parse(MINI).unwrap();
        let values = initial(&config, &Seed([1; 32]));
        for tensor in shapes(&config) {
            let data = &values[&tensor.name].data;
            let count = data.len() as f64;
            let mean = data.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
            let variance = data.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / count;
            let (expected_mean, deviation, kurtosis) = match tensor.law {
                Law::Constant(value) => (f64::from(value), 0.0, 1.0),
                Law::Normal(deviation) => (0.0, deviation, 3.0),
                Law::Uniform(bound) => (0.0, bound / 3f64.sqrt(), 1.8),
            };
            if let Law::Uniform(bound) = tensor.law {
                assert!(data.iter().all(|&x| f64::from(x).abs() <= bound * (1.0 + 1e-6)), "{}", tensor.name);
            }
            // Five standard errors of mean and variance.
            let (mean_error, variance_error) =
                (deviation / count.sqrt(), deviation.powi(2) * f64::sqrt((kurtosis - 1.0) / count));
            assert!((mean - expected_mean).abs() <= 5.0 * mean_error, "{}: mean {mean}", tensor.name);
            assert!(
                (variance - deviation.powi(2)).abs() <= 5.0 * variance_error,
                "{}: variance {variance}",
                tensor.name
            );
        }
    }

    #[test]
    fn a_tensor_has_a_stream_of_its_own() {
        let mut config = ModelConfig::parse(MINI).unwrap();
        let before = initial(&config, &Seed([1; 32]));
        config.vision_cfg.layers = 1;
        config.text_cfg.context_length = 8;
        let after = initial(&config, &Seed([1; 32]));
        assert_eq!(before["visual.proj"], after["visual.proj"]);
        assert_ne!(before["visual.proj"], initial(&config, &Seed([2; 32]))["visual.proj"]);
    }

    #[test]
    fn a_file_round_trips_and_a_cut_one_is_refused() {
        let values = Values { shape: vec![2, 1], data: vec![1.5, -0.0] };
        let file = to_file(&[("b".into(), values.shape.clone(), bytes(&values.data))]).unwrap();
        let read = from_file(&file).unwrap();
        assert_eq!(
            read["b"].data.iter().map(|x| x.to_bits()).collect::<Vec<_>>(),
            [1.5f32.to_bits(), (-0.0f32).to_bits()]
        );
        for length in 0..file.len() {
            assert!(from_file(&file[..length]).is_err(), "{length}");
        }
    }
}
