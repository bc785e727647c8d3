//! Named tensors as plain numbers: initial weights, and safetensors files.
//!
//! No libtorch here: a checkpoint can be written, read and checked without it.

use std::{borrow::Cow, collections::BTreeMap, path::Path};

use numerics::Seed;
use records::v1::checkpoint::{TensorFile, TensorLeaf};
use safetensors::{Dtype, SafeTensors};

use crate::{
    ModelConfig,
    shapes::{Distribution, TensorShape, shapes},
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
    /// Not a safetensors file, a damaged one, or one that cannot be written.
    #[error("safetensors: {0}")]
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
    let seed = seed.weights();
    shapes(config).into_iter().map(|tensor| (tensor.name.clone(), draw(&tensor, &seed))).collect()
}

fn draw(tensor: &TensorShape, seed: &Seed) -> Values {
    let mut stream = seed.stream(&tensor.name, &[]);
    let mut value = || match tensor.law {
        Distribution::Constant(value) => value,
        Distribution::Normal(deviation) => (deviation * stream.normal()) as f32,
        Distribution::Uniform(bound) => stream.uniform(-bound, bound) as f32,
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

/// A tensor as the library that writes it wants to see it: its bytes are made when they are written.
struct Numbers<'a>(&'a [usize], &'a [f32]);

impl safetensors::View for Numbers<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        self.0
    }

    fn data(&self) -> Cow<'_, [u8]> {
        bytes(self.1).into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.1)
    }
}

/// Writes a safetensors file of 32-bit floats, one tensor after the other; the same tensors give the same bytes.
///
/// - Errors: [`ValuesError::Format`] where a shape and its data disagree, or where it cannot be written.
pub fn write(path: &Path, tensors: &[(String, &[usize], &[f32])]) -> Result<(), ValuesError> {
    let views = tensors.iter().map(|(name, shape, data)| (name.as_str(), Numbers(shape, data)));
    Ok(safetensors::serialize_to_file(views, None, path)?)
}

/// Numbers under the names and shapes that a manifest gives them.
#[must_use]
pub fn named(listed: &TensorFile, numbers: Vec<Vec<f32>>) -> NamedValues {
    let values = |(tensor, data): (&TensorLeaf, Vec<f32>)| {
        let shape = tensor.shape.iter().filter_map(|&length| usize::try_from(length).ok()).collect();
        (tensor.name.clone(), Values { shape, data })
    };
    listed.tensors.iter().zip(numbers).map(values).collect()
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
    use safetensors::tensor::TensorView;

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
                Distribution::Constant(value) => (f64::from(value), 0.0, 1.0),
                Distribution::Normal(deviation) => (0.0, deviation, 3.0),
                Distribution::Uniform(bound) => (0.0, bound / 3f64.sqrt(), 1.8),
            };
            if let Distribution::Uniform(bound) = tensor.law {
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
    fn initial_weights_are_those_of_another_implementation() {
        // Computed in Python: streams with BLAKE3's own binding, logarithm and circle functions with its libm, to f32.
        let values = initial(&ModelConfig::parse(MINI).unwrap(), &Seed([1; 32]));
        let first = |name: &str| values[name].data[..3].iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        assert_eq!(first("visual.proj"), [0xbdfad10d, 0x3d84666b, 0x3de7acc5], "normal");
        assert_eq!(first("visual.conv1.weight"), [0xbd82d85e, 0xbc08bf32, 0xbd3681ec], "uniform");
        assert_eq!(first("token_embedding.weight"), [0xbcbc9fff, 0xbacfbcbd, 0xbc5c7bad], "normal");
        assert_eq!(first("ln_final.weight"), [1f32.to_bits(); 3], "constant");
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
        let numbers = bytes(&values.data);
        let view = TensorView::new(Dtype::F32, values.shape.clone(), &numbers).unwrap();
        let file = safetensors::serialize([("b", view)], None).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, &[("b".into(), &values.shape, &values.data)]).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), file);
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
