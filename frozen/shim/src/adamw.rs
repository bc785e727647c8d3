//! One fused step of AdamW: a single pass over value, gradient and both moments.

use std::ffi::c_int;

use tch::Tensor;
use torch_sys::C_tensor;

use crate::{ShimError, error::check};

unsafe extern "C" {
    fn shim_adamw(
        value: *mut C_tensor,
        gradient: *const C_tensor,
        exp_avg: *mut C_tensor,
        exp_avg_sq: *mut C_tensor,
        step: f64,
        lr: f64,
        beta1: f64,
        beta2: f64,
        weight_decay: f64,
        epsilon: f64,
    ) -> c_int;
}

/// The numbers of one step; none has a default, because libraries disagree on them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamW {
    /// Learning rate of this step.
    pub lr: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment, after bias correction.
    pub epsilon: f64,
    /// Decoupled weight decay: the value shrinks by `lr * weight_decay` of itself.
    pub weight_decay: f64,
}

/// Steps `value` and both moments in place.
///
/// ```text
/// value      <- value * (1 - lr * weight_decay)
/// exp_avg    <- beta1 * exp_avg    + (1 - beta1) * gradient
/// exp_avg_sq <- beta2 * exp_avg_sq + (1 - beta2) * gradient^2
/// value      <- value - lr / (1 - beta1^step) * exp_avg / (sqrt(exp_avg_sq / (1 - beta2^step)) + epsilon)
/// ```
///
/// - Shapes: all four are equal, of one kind (f32 or f64), on the CPU. `step` counts from 1.
/// - Source: decoupled weight decay, arXiv:1711.05101; the arithmetic is libtorch's `_fused_adamw_`.
pub fn adamw_in_place(
    value: &mut Tensor,
    gradient: &Tensor,
    exp_avg: &mut Tensor,
    exp_avg_sq: &mut Tensor,
    step: u64,
    numbers: &AdamW,
) -> Result<(), ShimError> {
    let AdamW { lr, beta1, beta2, epsilon, weight_decay } = *numbers;
    // The kernel trusts what it is given.
    let (shape, kind) = (value.size(), value.f_kind()?);
    for other in [gradient, exp_avg, exp_avg_sq] {
        if other.size() != shape || other.f_kind()? != kind {
            return Err(ShimError::Torch(format!(
                "a step of {:?} {:?} with {:?} {:?}",
                kind,
                shape,
                other.f_kind()?,
                other.size()
            )));
        }
    }
    // SAFETY: four live tensors of one shape and kind; the C++ side catches every exception.
    check(unsafe {
        shim_adamw(
            value.as_mut_ptr(),
            gradient.as_ptr(),
            exp_avg.as_mut_ptr(),
            exp_avg_sq.as_mut_ptr(),
            step as f64,
            lr,
            beta1,
            beta2,
            weight_decay,
            epsilon,
        )
    })
}
