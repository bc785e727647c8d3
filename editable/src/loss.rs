//! The loss of each anchor: embeddings and what is remembered of the samples in, `[R]` out.
//!
//! The value is a stand-in whose *gradient* is the estimator of the objective's gradient; the objective itself
//! is reported as a diagnostic. Each lane's estimator covers its own anchors over all columns of the batch,
//! and autograd carries it into both sides, so that the lanes add up to the whole.

use contract::{Batch, Kind, Result, SampleRows, Tensor, schedule};

use crate::{FastClip, TemperatureGradient};

/// An estimate below this has not been followed yet.
const UNSEEN: f64 = 1e-35;

/// The smallest normal f32. Logarithms start here: an estimate underflows where every other pair is more than
/// 103 temperatures away, and the logarithm of zero would end the run.
const SMALLEST: f64 = f32::MIN_POSITIVE as f64;

/// Exponents end here, without a gradient: beyond 88 an f32 overflows, which would end the run. Reached only
/// where another pair is 75 temperatures closer than the anchor's own.
const LARGEST_EXPONENT: f64 = 75.0;

impl FastClip {
    /// The loss of each anchor; sets the anchors' estimates.
    ///
    /// - Shapes: `image_bd`, `text_bd` are `[B, D]`, rows of unit L2 norm; the result is `[R]`.
    /// - Units: those of the temperature times nats.
    pub(crate) fn anchor_losses(&self, batch: &Batch, memory: &mut SampleRows, epoch: u64) -> Result<Tensor> {
        let config = &self.config;
        let (image_bd, text_bd) = (batch.image(), batch.text());
        let (image_rd, text_rd) = (batch.own(image_bd)?, batch.own(text_bd)?);
        let scale = batch.learnable("log_scale")?.exp();
        let tau = scale.reciprocal();
        let slope = match config.temperature_gradient {
            TemperatureGradient::Objective => scale,
            // The same value, and twice its derivative.
            TemperatureGradient::Released => 2.0 * &scale - scale.detach(),
        };

        // How much closer each other text (image) is than the anchor's own.
        let own_r1 = (&image_rd * &text_rd).sum_dim_intlist(1, true, None::<Kind>);
        let g_image_r = mean_exp_of_others(&((image_rd.matmul(&text_bd.tr()) - &own_r1) * &slope), batch);
        let g_text_r = mean_exp_of_others(&((text_rd.matmul(&image_bd.tr()) - &own_r1) * &slope), batch);

        let gamma = self.gamma(epoch);
        let u_image_r = follow(&batch.own(memory.column("u_image")?)?, &g_image_r.detach(), gamma);
        let u_text_r = follow(&batch.own(memory.column("u_text")?)?, &g_text_r.detach(), gamma);
        memory.set("u_image", &u_image_r)?;
        memory.set("u_text", &u_text_r)?;

        // d log(eps + g) = dg / (eps + g), with the estimate in place of this batch's g.
        let eps = config.u_epsilon;
        let ratio_r = 0.5 * (g_image_r / (&u_image_r + eps) + g_text_r / (&u_text_r + eps));
        let objective_r = 0.5 * (log(&(&u_image_r + eps)) + log(&(&u_text_r + eps)));
        if !config.multiply_temperature {
            memory.report("objective", &objective_r)?;
            return Ok(ratio_r);
        }
        memory.report("objective", &(tau.detach() * (objective_r + config.rho)))?;
        // The released code takes log(u) here and not log(eps + u).
        let log_r = 0.5 * (log(&u_image_r) + log(&u_text_r));
        Ok(tau.detach() * ratio_r + tau * (log_r + config.rho))
    }

    /// The share of the newest value in an estimate: 1 in the first epoch, falling to `config.gamma`.
    fn gamma(&self, epoch: u64) -> f64 {
        match epoch {
            0 => 1.0,
            _ => schedule::cosine(epoch, self.config.gamma_decay_epochs, 1.0, self.config.gamma),
        }
    }
}

/// The mean of `exp(exponent)` over all rows of the batch but the anchor's own: `[R, B]` to `[R]`.
fn mean_exp_of_others(exponent_rb: &Tensor, batch: &Batch) -> Tensor {
    let (rows, others) = (batch.rows(), batch.len() as i64 - 1);
    let whole = (Kind::Int64, exponent_rb.device());
    let anchor_r1 = Tensor::arange_start(rows.start as i64, rows.end as i64, whole).unsqueeze(1);
    let is_own_rb = anchor_r1.eq_tensor(&Tensor::arange(others + 1, whole));
    let exp_rb = exponent_rb.clamp_max(LARGEST_EXPONENT).masked_fill(&is_own_rb, f64::NEG_INFINITY).exp();
    exp_rb.sum_dim_intlist(1, false, None::<Kind>) / others as f64
}

/// The new estimates: a moving average, or the value itself where a sample is seen for the first time.
fn follow(old_r: &Tensor, g_r: &Tensor, gamma: f64) -> Tensor {
    let moved_r = (1.0 - gamma) * old_r + gamma * g_r;
    g_r.where_self(&old_r.lt(UNSEEN), &moved_r)
}

/// The logarithm, of what lies below the smallest normal number as if it lay there.
fn log(x: &Tensor) -> Tensor {
    x.clamp_min(SMALLEST).log()
}
