//! FastCLIP-v3 with AdamW: a contrastive loss that remembers, for each sample, how hard its batches were.
//!
//! InfoNCE compares a pair with the other pairs of its batch, so it wants large batches. FastCLIP follows the
//! comparison with the *whole data set* instead: each sample has two running estimates `u`, one for each
//! direction, and its gradient is divided by them. With a temperature `tau` that is learned:
//!
//! ```text
//! minimise  tau * mean over i of (log(eps + g_image(i)) + log(eps + g_text(i))) / 2  +  rho * tau
//! g_image(i) = mean over j != i of exp((image_i . text_j - image_i . text_i) / tau)
//! ```
//!
//! What is learned beside the model is `log_scale = log(1 / tau)`, as in CLIP.
//!
//! - [`loss`](Algorithm::loss) stands in `loss.rs`, [`update`](Algorithm::update) in `update.rs`.
//! - Shape letters: `B` pairs in the global batch, `R` anchors of this lane, `D` embedding width.
//! - Source: FastCLIP, arXiv:2407.01445, algorithm 1 and the objective RGCL-g, with the rules of its
//!   released code where paper and code differ; see [`TemperatureGradient`].

mod loss;
mod update;

use contract::{Algorithm, Batch, Parameters, Progress, Result, SampleRows, Setup, State, Tensor, ensure, math};
use serde::Deserialize;

pub use FastClip as Entry;

/// The algorithm.
pub struct FastClip {
    config: Config,
    steps: u64,
}

/// What stands in `config.toml`.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    // The objective.
    /// Weight of the temperature in the objective: larger holds it lower.
    pub rho: f64,
    /// What is added to an estimate before it divides.
    pub u_epsilon: f64,
    /// Share of an estimate's newest value, from `gamma_decay_epochs` on; 1 in the first epoch.
    pub gamma: f64,
    /// Epochs over which that share falls, along half a cosine.
    pub gamma_decay_epochs: u64,
    /// Whether the loss is multiplied by the temperature: true is v3, false is v0.
    pub multiply_temperature: bool,
    /// Which gradient moves the temperature.
    pub temperature_gradient: TemperatureGradient,
    /// The temperature at first.
    pub temperature_initial: f64,
    /// The temperature stays between this and 1.
    pub temperature_min: f64,

    // AdamW.
    /// Learning rate after the warm-up.
    pub lr_peak: f64,
    /// Learning rate that half a cosine ends at.
    pub lr_floor: f64,
    /// Steps over which the learning rate rises.
    pub warmup_steps: u64,
    /// Learning rate of `log_scale`: constant, and a third of it while `tau <= 0.03`.
    pub lr_log_scale: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub adam_epsilon: f64,
    /// Weight decay of matrices and embedding tables.
    pub weight_decay: f64,
}

/// Which gradient moves the temperature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TemperatureGradient {
    /// That of the released code, which counts the exponential term twice. Published values of `rho` were
    /// found with it.
    Released,
    /// That of the objective.
    Objective,
}

impl Algorithm for FastClip {
    type Config = Config;

    fn new(config: Config, setup: &Setup) -> Result<Self> {
        let Config { gamma, temperature_initial, temperature_min, .. } = config;
        ensure!(gamma > 0.0 && gamma <= 1.0, "gamma = {gamma} is not in (0, 1]");
        ensure!(
            0.0 < temperature_min && temperature_min <= temperature_initial && temperature_initial <= 1.0,
            "not 0 < temperature_min = {temperature_min} <= temperature_initial = {temperature_initial} <= 1"
        );
        Ok(Self { config, steps: setup.steps })
    }

    fn declare(&self) -> State {
        State::new()
            .learnable("log_scale", &[], -math::ln(self.config.temperature_initial) as f32)
            .column("u_image", 0.0)
            .column("u_text", 0.0)
            .slot("exp_avg")
            .slot("exp_avg_sq")
            .loss_diagnostic("objective")
            .update_diagnostic("tau")
            .update_diagnostic("lr")
    }

    fn loss(&self, batch: &Batch, memory: &mut SampleRows, progress: &Progress) -> Result<Tensor> {
        self.anchor_losses(batch, memory, progress.epoch())
    }

    fn update(&self, parameters: &mut Parameters, _batch: &Batch, progress: &Progress) -> Result<()> {
        self.step(parameters, progress.step())
    }
}
