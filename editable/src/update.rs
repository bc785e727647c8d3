//! The update: AdamW on the model, and on `log_scale` by rules of its own.

use contract::{AdamW, ParameterKind, Parameters, Result, adamw, math, schedule::WarmupCosine};

use crate::FastClip;

/// At and below this temperature `log_scale` learns at a third of its rate.
const TAU_SLOW: f64 = 0.03;

impl FastClip {
    /// One step; `step` counts from 0.
    pub(crate) fn step(&self, parameters: &mut Parameters, step: u64) -> Result<()> {
        let config = &self.config;
        let (lr_peak, lr_floor, warmup_steps) = (config.lr_peak, config.lr_floor, config.warmup_steps);
        let lr = WarmupCosine { peak: lr_peak, floor: lr_floor, warmup_steps, steps: self.steps }.at(step);
        let slowed = tau(parameters)? <= TAU_SLOW;
        let lr_log_scale = if slowed { config.lr_log_scale / 3.0 } else { config.lr_log_scale };

        for parameter in parameters.iter_mut() {
            let (lr, weight_decay) = match parameter.kind() {
                ParameterKind::Learnable => (lr_log_scale, 0.0),
                // Biases, normalisations, the class embedding: what has less than two dimensions.
                _ if parameter.shape().len() < 2 => (lr, 0.0),
                _ => (lr, config.weight_decay),
            };
            let (beta1, beta2, epsilon) = (config.beta1, config.beta2, config.adam_epsilon);
            adamw(parameter, &AdamW { lr, beta1, beta2, epsilon, weight_decay }, step)?;
        }

        let log_scale = parameters.learnable_mut("log_scale")?;
        let clamped = log_scale.value()?.clamp(0.0, -math::ln(config.temperature_min));
        log_scale.set(&clamped)?;
        let tau = tau(parameters)?;
        parameters.report("tau", tau as f32)?;
        parameters.report("lr", lr as f32)
    }
}

/// The temperature as it stands now.
fn tau(parameters: &Parameters) -> Result<f64> {
    Ok(math::exp(-parameters.get("learnables.log_scale")?.value()?.double_value(&[])))
}
