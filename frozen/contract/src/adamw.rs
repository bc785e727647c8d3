//! One step of AdamW on one parameter.

use crate::{AdamW, Parameter, Result};

/// Takes one AdamW step: sets the value and the slots `exp_avg` and `exp_avg_sq`, which must be declared.
///
/// `step` counts from 0, as [`crate::Progress::step`] does; the bias corrections use `step + 1`.
///
/// ```text
/// value      <- value * (1 - lr * weight_decay)
/// exp_avg    <- beta1 * exp_avg    + (1 - beta1) * gradient
/// exp_avg_sq <- beta2 * exp_avg_sq + (1 - beta2) * gradient^2
/// value      <- value - lr / (1 - beta1^t) * exp_avg / (sqrt(exp_avg_sq / (1 - beta2^t)) + epsilon)
/// ```
///
/// One pass over memory, about four times faster than the same as a chain of tensor operators.
///
/// - Errors: a slot was not declared; in `publish` there is nothing to step.
/// - Source: decoupled weight decay, arXiv:1711.05101.
pub fn adamw(parameter: &mut Parameter, numbers: &AdamW, step: u64) -> Result<()> {
    let (value, gradient, [exp_avg, exp_avg_sq]) = parameter.for_step(["exp_avg", "exp_avg_sq"])?;
    Ok(shim::adamw_in_place(value, gradient, exp_avg, exp_avg_sq, step + 1, numbers)?)
}
