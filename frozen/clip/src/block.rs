//! What both towers are made of: layer norm, linear maps, and pre-norm transformer blocks.
//!
//! Shape letters: `N` rows of a micro-batch, `L` tokens of a row, `W` width of the residual stream.

use std::collections::BTreeMap;

use tch::{TchError, Tensor};

/// Added to a variance before its root: the framework's default, which open_clip keeps.
const NORM_EPSILON: f64 = 1e-5;

/// A tensor that a model needs is not there, or has another shape.
#[derive(Debug, thiserror::Error)]
#[error("tensor `{0}` is missing")]
pub struct Missing(pub String);

/// Tensors by open_clip's names, below a prefix.
pub(crate) struct PrefixedTensors<'a> {
    pub tensors: &'a BTreeMap<String, Tensor>,
    pub prefix: String,
}

impl PrefixedTensors<'_> {
    /// Shares the tensor of a name: what is written to it is seen by who holds it.
    pub fn take(&self, name: &str) -> Result<Tensor, Missing> {
        let name = format!("{}{name}", self.prefix);
        self.tensors.get(&name).map(Tensor::shallow_clone).ok_or(Missing(name))
    }

    pub fn below(&self, prefix: &str) -> Self {
        Self { tensors: self.tensors, prefix: format!("{}{prefix}.", self.prefix) }
    }
}

/// Layer norm over the last dimension.
#[derive(Debug)]
pub(crate) struct Norm {
    weight: Tensor,
    bias: Tensor,
}

impl Norm {
    pub fn take(names: &PrefixedTensors) -> Result<Self, Missing> {
        Ok(Self { weight: names.take("weight")?, bias: names.take("bias")? })
    }

    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_layer_norm(self.weight.size(), Some(&self.weight), Some(&self.bias), NORM_EPSILON, false)
    }
}

/// `x Wᵀ + b`.
#[derive(Debug)]
struct Linear {
    weight: Tensor,
    bias: Tensor,
}

impl Linear {
    fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        x.f_linear(&self.weight, Some(&self.bias))
    }
}

/// How a block differs between models.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Style {
    pub heads: usize,
    pub causal: bool,
    pub quick_gelu: bool,
}

/// A pre-norm block: attention, then a perceptron, each added to the residual stream.
#[derive(Debug)]
pub(crate) struct Block {
    style: Style,
    norm_1: Norm,
    norm_2: Norm,
    in_proj: Linear,
    out_proj: Linear,
    c_fc: Linear,
    c_proj: Linear,
}

impl Block {
    pub fn take(names: &PrefixedTensors, style: Style) -> Result<Self, Missing> {
        let linear = |name: &str| {
            Ok::<_, Missing>(Linear {
                weight: names.take(&format!("{name}weight"))?,
                bias: names.take(&format!("{name}bias"))?,
            })
        };
        Ok(Self {
            style,
            norm_1: Norm::take(&names.below("ln_1"))?,
            norm_2: Norm::take(&names.below("ln_2"))?,
            in_proj: linear("attn.in_proj_")?,
            out_proj: linear("attn.out_proj.")?,
            c_fc: linear("mlp.c_fc.")?,
            c_proj: linear("mlp.c_proj.")?,
        })
    }

    /// - Shapes: `[N, L, W]` to the same.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let x = x.f_add(&self.attention(&self.norm_1.forward(x)?)?)?;
        x.f_add(&self.perceptron(&self.norm_2.forward(&x)?)?)
    }

    /// Scaled dot-product attention without a mask tensor: `is_causal` keeps the fused, deterministic kernels.
    fn attention(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let (n, l, w) = x.size3()?;
        let heads = self.style.heads as i64;
        let joint = self.in_proj.forward(x)?.f_view([n, l, 3, heads, w / heads])?.f_permute([2, 0, 3, 1, 4])?;
        let [q, k, v] = [joint.f_select(0, 0)?, joint.f_select(0, 1)?, joint.f_select(0, 2)?];
        let none = None::<&Tensor>;
        let mixed = Tensor::f_scaled_dot_product_attention(&q, &k, &v, none, 0.0, self.style.causal, None, false)?;
        self.out_proj.forward(&mixed.f_transpose(1, 2)?.f_reshape([n, l, w])?)
    }

    fn perceptron(&self, x: &Tensor) -> Result<Tensor, TchError> {
        let hidden = self.c_fc.forward(x)?;
        let hidden = if self.style.quick_gelu {
            hidden.f_mul(&hidden.f_mul_scalar(1.702)?.f_sigmoid()?)?
        } else {
            hidden.f_gelu("none")?
        };
        self.c_proj.forward(&hidden)
    }
}

/// Rows scaled to unit length; a row of zeros stays one.
pub(crate) fn unit_rows(x: &Tensor) -> Result<Tensor, TchError> {
    let length = x.f_square()?.f_sum_dim_intlist(Some([-1i64].as_slice()), true, None)?.f_sqrt()?;
    x.f_div(&length.f_clamp_min(1e-12)?)
}
