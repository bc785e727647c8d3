//! The update: AdamW on everything, with one learning rate.

use contract::{AdamW, Parameters, Result, adamw, math, schedule::WarmupCosine};

use crate::OpenClip;

impl OpenClip {
    /// One step; `step` counts from 0.
    pub(crate) fn step(&self, parameters: &mut Parameters, step: u64) -> Result<()> {
        let config = &self.config;
        let (lr_peak, lr_floor, warmup_steps) = (config.lr_peak, config.lr_floor, config.warmup_steps);
        let lr = WarmupCosine { peak: lr_peak, floor: lr_floor, warmup_steps, steps: self.steps }.at(step);

        for parameter in parameters.iter_mut() {
            // Biases, normalisations, the class embedding and `log_scale` have less than two dimensions.
            let weight_decay = if parameter.shape().len() < 2 { 0.0 } else { config.weight_decay };
            let (beta1, beta2, epsilon) = (config.beta1, config.beta2, config.adam_epsilon);
            adamw(parameter, &AdamW { lr, beta1, beta2, epsilon, weight_decay }, step)?;
        }

        let log_scale = parameters.learnable_mut("log_scale")?;
        let clamped = log_scale.value()?.clamp(0.0, -math::ln(config.temperature_min));
        log_scale.set(&clamped)?;
        parameters.report("tau", math::exp(-clamped.double_value(&[])) as f32)?;
        parameters.report("lr", lr as f32)
    }
}
