//! InfoNCE with AdamW: the training of CLIP, as open_clip does it.
//!
//! Each image is to find its text among the texts of the batch, and each text its image: two cross-entropies
//! over cosine similarities, divided by a temperature that is learned as `log_scale = log(1 / tau)`.
//!
//! - Shape letters: `B` pairs in the global batch, `R` anchors of this lane, `D` embedding width.
//! - Source: CLIP, arXiv:2103.00020, figure 3; settings as in open_clip's training.

mod loss;
mod update;

use contract::{Algorithm, Batch, Parameters, Progress, Result, SampleRows, Setup, State, Tensor, ensure, math};
use serde::Deserialize;

pub use OpenClip as Entry;

/// The algorithm.
pub struct OpenClip {
    config: Config,
    steps: u64,
}

/// What stands in `config.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// The temperature at first.
    pub temperature_initial: f64,
    /// The temperature stays between this and 1.
    pub temperature_min: f64,
    /// Learning rate after the warm-up, of everything.
    pub lr_peak: f64,
    /// Learning rate that half a cosine ends at.
    pub lr_floor: f64,
    /// Steps over which the learning rate rises.
    pub warmup_steps: u64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub adam_epsilon: f64,
    /// Weight decay of matrices and embedding tables.
    pub weight_decay: f64,
}

impl Algorithm for OpenClip {
    type Config = Config;

    fn new(config: Config, setup: &Setup) -> Result<Self> {
        let Config { temperature_initial, temperature_min, .. } = config;
        ensure!(
            0.0 < temperature_min && temperature_min <= temperature_initial && temperature_initial <= 1.0,
            "not 0 < temperature_min = {temperature_min} <= temperature_initial = {temperature_initial} <= 1"
        );
        Ok(Self { config, steps: setup.steps })
    }

    fn declare(&self) -> State {
        State::new()
            .learnable("log_scale", &[], -math::ln(self.config.temperature_initial) as f32)
            .slot("exp_avg")
            .slot("exp_avg_sq")
            .update_diagnostic("tau")
            .update_diagnostic("lr")
    }

    fn loss(&self, batch: &Batch, _memory: &mut SampleRows, _progress: &Progress) -> Result<Tensor> {
        loss::anchor_losses(batch)
    }

    fn update(&self, parameters: &mut Parameters, _batch: &Batch, progress: &Progress) -> Result<()> {
        self.step(parameters, progress.step())
    }
}
