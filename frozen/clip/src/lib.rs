//! The CLIP model: open_clip's configuration, tensor names and initialisation laws; any plain ViT, in f32.
//!
//! Pixels and tokens go in, unit embeddings come out. It knows nothing of losses, updates, data or files
//! other than safetensors. One computation per operator: no autocast, no dropout, no mask tensor.
//!
//! Sources: CLIP, arXiv:2103.00020; open_clip's model configurations and state dictionaries.

mod block;
pub mod config;
pub mod shapes;
mod towers;
pub mod values;

use std::{collections::BTreeMap, path::Path};

pub use config::{ConfigError, ModelConfig};
use numerics::Seed;
use records::file::{self, FileError};
pub use shapes::{LOGIT_SCALE, LOGIT_SCALE_INITIAL, TOKEN_EMBEDDING, TensorShape, shapes};
use tch::{TchError, Tensor};
pub use values::{NamedValues, Values, ValuesError};

use crate::{
    block::{Missing, PrefixedTensors},
    towers::{Text, Vision},
};

/// A model that cannot be built or run.
#[derive(Debug, thiserror::Error)]
pub enum ClipError {
    /// The file system.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file's content.
    #[error("{place}: {source}")]
    Values {
        /// The file.
        place: String,
        /// What is wrong with it.
        source: ValuesError,
    },
    /// A tensor that the configuration asks for is not there.
    #[error("{0}; does the model configuration belong to these weights?")]
    Missing(String),
    /// A tensor that the configuration does not know, or of another shape.
    #[error("tensor `{name}` has shape {found:?}, the model configuration asks for {expected}")]
    Shape {
        /// Its name.
        name: String,
        /// Its shape.
        found: Vec<i64>,
        /// The expected shape, or that there is none.
        expected: String,
    },
    /// libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
}

impl From<Missing> for ClipError {
    fn from(missing: Missing) -> Self {
        Self::Missing(missing.to_string())
    }
}

/// A model with its weights.
#[derive(Debug)]
pub struct Clip {
    config: ModelConfig,
    parameters: BTreeMap<String, Tensor>,
    log_scale: f32,
    token_embedding: Tensor,
    vision: Vision,
    text: Text,
}

impl Clip {
    /// Draws a model's initial weights; see [`values::initial`].
    pub fn initialise(config: &ModelConfig, seed: &Seed) -> Result<Self, ClipError> {
        Self::from_values(config, values::initial(config, seed))
    }

    /// Reads a checkpoint with open_clip's names, `logit_scale` among them.
    pub fn load(config: &ModelConfig, path: &Path) -> Result<Self, ClipError> {
        let place = || path.display().to_string();
        let values =
            values::from_file(&file::read(path)?).map_err(|source| ClipError::Values { place: place(), source })?;
        if !values.contains_key(LOGIT_SCALE) {
            return Err(ClipError::Missing(format!("{}: tensor `{LOGIT_SCALE}` is missing", place())));
        }
        Self::from_values(config, values)
    }

    /// Builds a model of values; `logit_scale` may be among them.
    pub fn from_values(config: &ModelConfig, mut values: NamedValues) -> Result<Self, ClipError> {
        let log_scale = values.remove(LOGIT_SCALE).and_then(|values| values.data.first().copied());
        let tensors = values.into_iter().map(|(name, values)| {
            let shape: Vec<i64> = values.shape.iter().map(|&length| length as i64).collect();
            Ok((name, Tensor::f_from_slice(&values.data)?.f_reshape(shape)?))
        });
        let mut model = Self::build(config, tensors.collect::<Result<_, TchError>>()?)?;
        model.log_scale = log_scale.unwrap_or(LOGIT_SCALE_INITIAL);
        Ok(model)
    }

    /// Builds a model of tensors, of any kind of float; the model shares them.
    pub fn build(config: &ModelConfig, parameters: BTreeMap<String, Tensor>) -> Result<Self, ClipError> {
        check_shapes(config, &parameters)?;
        Ok(Self::assemble(config, parameters)?)
    }

    /// Builds a model of tensors whose shapes are known to be right.
    fn assemble(config: &ModelConfig, parameters: BTreeMap<String, Tensor>) -> Result<Self, Missing> {
        let names = PrefixedTensors { tensors: &parameters, prefix: String::new() };
        Ok(Self {
            vision: Vision::take(config, &names)?,
            text: Text::take(config, &names)?,
            token_embedding: names.take(TOKEN_EMBEDDING)?,
            config: config.clone(),
            parameters,
            log_scale: LOGIT_SCALE_INITIAL,
        })
    }

    /// The same parameters behind other handles, for another thread.
    pub fn share(&self) -> Result<Self, ClipError> {
        let parameters = self.parameters.iter().map(|(name, tensor)| (name.clone(), tensor.shallow_clone()));
        Ok(Self { log_scale: self.log_scale, ..Self::assemble(&self.config, parameters.collect())? })
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &ModelConfig {
        &self.config
    }

    /// The parameters, sorted by name, without `logit_scale`.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<String, Tensor> {
        &self.parameters
    }

    /// The parameters, to write values into.
    pub fn parameters_mut(&mut self) -> &mut BTreeMap<String, Tensor> {
        &mut self.parameters
    }

    /// `logit_scale` of the checkpoint, or ln(1 / 0.07).
    #[must_use]
    pub fn log_scale(&self) -> f32 {
        self.log_scale
    }

    /// The embeddings of images.
    ///
    /// - Shapes: `images` `[N, 3, H, W]`, normalised; the result is `[N, D]`, rows of unit L2 norm.
    pub fn encode_image(&self, images: &Tensor) -> Result<Tensor, ClipError> {
        Ok(self.vision.forward(images)?)
    }

    /// The embeddings of texts.
    ///
    /// - Shapes: `tokens` `[N, L]`, i64, zero-padded, `L` at most the context; the result is `[N, D]`, unit rows.
    pub fn encode_text(&self, tokens: &Tensor) -> Result<Tensor, ClipError> {
        self.encode_text_with(&self.token_embedding, tokens)
    }

    /// As [`Clip::encode_text`], over a table that holds the rows of the token embedding that are used.
    ///
    /// Training renumbers a batch's tokens in their order, so that a gradient is as long as what was
    /// used and not as the vocabulary. The embeddings are the same, bit for bit.
    pub fn encode_text_with(&self, table: &Tensor, tokens: &Tensor) -> Result<Tensor, ClipError> {
        Ok(self.text.forward(table, tokens)?)
    }
}

fn check_shapes(config: &ModelConfig, parameters: &BTreeMap<String, Tensor>) -> Result<(), ClipError> {
    let shapes: BTreeMap<_, _> = shapes(config).into_iter().map(|tensor| (tensor.name, tensor.shape)).collect();
    if let Some(name) = shapes.keys().find(|name| !parameters.contains_key(*name)) {
        return Err(Missing(name.clone()).into());
    }
    for (name, tensor) in parameters {
        let found = tensor.size();
        let expected = shapes.get(name).map(|shape| shape.iter().map(|&length| length as i64).collect::<Vec<_>>());
        if expected.as_ref() != Some(&found) {
            let expected = expected.map_or("no such tensor".to_owned(), |shape| format!("{shape:?}"));
            return Err(ClipError::Shape { name: name.clone(), found, expected });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
