//! The numerics class: the digest of a battery of computations, equal where training gives equal bits.
//!
//! What is tried is what training uses: operators of the model, of losses and of updates, forward and
//! backward, in sizes that take the different paths of their kernels, and a small model as a whole. Inputs
//! come from a fixed seed through `libm`, so they are the same everywhere.

use clip::{Clip, ModelConfig};
use numerics::{Seed, Stream};
use records::{Blake3, NumericsClass, Stop};
use shim::AdamW;
use tch::{Kind, TchError, Tensor};

const SEED: Seed = Seed(*b"maxclip numerics class battery 1");

/// A model that takes every path of the towers.
const MODEL: &str = r#"{"embed_dim": 24,
    "vision_cfg": {"image_size": 24, "layers": 2, "width": 48, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 64, "width": 40, "heads": 2, "layers": 2}}"#;

/// The class of this machine, under the switches and the environment of this process.
pub fn class() -> Result<NumericsClass, Stop> {
    let mut battery = Battery { hasher: blake3::Hasher::new() };
    battery.products()?;
    battery.floats()?;
    battery.layers()?;
    battery.reductions()?;
    battery.update()?;
    battery.model()?;
    Ok(NumericsClass(*battery.hasher.finalize().as_bytes()))
}

struct Battery {
    hasher: blake3::Hasher,
}

fn normals(shape: &[i64], stream: &mut Stream) -> Result<Tensor, TchError> {
    let values: Vec<f32> = (0..shape.iter().product::<i64>()).map(|_| stream.normal() as f32).collect();
    Tensor::f_from_slice(&values)?.f_reshape(shape)
}

impl Battery {
    /// Adds a computation: its result, and the gradient of a weighted sum of it for every input.
    fn probe(
        &mut self,
        name: &str,
        shapes: &[&[i64]],
        compute: impl Fn(&[Tensor]) -> Result<Tensor, TchError>,
    ) -> Result<(), Stop> {
        let mut stream = SEED.stream(name, &[]);
        let inputs = shapes.iter().map(|shape| normals(shape, &mut stream)?.f_set_requires_grad(true));
        let inputs = inputs.collect::<Result<Vec<_>, TchError>>()?;
        let result = compute(&inputs)?;
        let weights = normals(&result.size(), &mut stream)?;
        let scalar = result.f_mul(&weights)?.f_sum(Kind::Float)?;
        let gradients = Tensor::f_run_backward(&[scalar], &inputs, false, false)?;
        self.hasher.update(Blake3::of(name.as_bytes()).0.as_slice());
        self.add(&result)?;
        gradients.iter().try_for_each(|gradient| self.add(gradient))
    }

    fn add(&mut self, tensor: &Tensor) -> Result<(), Stop> {
        let tensor = tensor.f_detach()?.f_contiguous()?;
        self.hasher.update(&clip::values::bytes(shim::values(&tensor)?));
        Ok(())
    }

    /// Products of matrices: odd sizes, long inner dimensions, a batch of them, transposed operands.
    fn products(&mut self) -> Result<(), Stop> {
        for (m, k, n) in [(64, 64, 64), (17, 129, 33), (3, 1000, 5), (256, 96, 31), (1, 512, 257)] {
            let name = format!("matmul {m} {k} {n}");
            self.probe(&name, &[&[m, k], &[k, n]], |x| x[0].f_matmul(&x[1]))?;
            self.probe(&format!("{name} linear"), &[&[m, k], &[n, k], &[n]], |x| x[0].f_linear(&x[1], Some(&x[2])))?;
            self.probe(&format!("{name} transposed"), &[&[k, m], &[k, n]], |x| {
                x[0].f_transpose(0, 1)?.f_matmul(&x[1])
            })?;
        }
        self.probe("bmm", &[&[6, 19, 40], &[6, 40, 23]], |x| x[0].f_matmul(&x[1]))
    }

    /// Float functions over whole vectors and their tails.
    fn floats(&mut self) -> Result<(), Stop> {
        type Function = fn(&Tensor) -> Result<Tensor, TchError>;
        let functions: [(&str, Function); 14] = [
            ("exp", |x| x.f_exp()),
            ("log", |x| x.f_abs()?.f_add_scalar(1e-3)?.f_log()),
            ("log1p", |x| x.f_abs()?.f_log1p()),
            ("expm1", |x| x.f_expm1()),
            ("sqrt", |x| x.f_abs()?.f_add_scalar(1e-3)?.f_sqrt()),
            ("rsqrt", |x| x.f_abs()?.f_add_scalar(1e-3)?.f_rsqrt()),
            ("tanh", |x| x.f_tanh()),
            ("sigmoid", |x| x.f_sigmoid()),
            ("softplus", |x| x.f_softplus()),
            ("log_sigmoid", |x| x.f_log_sigmoid()),
            ("erf", |x| x.f_erf()),
            ("sin", |x| x.f_sin()?.f_mul(&x.f_cos()?)),
            ("pow", |x| x.f_abs()?.f_add_scalar(0.1)?.f_pow_tensor_scalar(1.7)),
            ("gelu", |x| x.f_gelu("none")),
        ];
        for (name, function) in functions {
            self.probe(name, &[&[1037]], |x| function(&x[0]))?;
        }
        Ok(())
    }

    /// Layers of the towers.
    fn layers(&mut self) -> Result<(), Stop> {
        for width in [64, 100, 768] {
            self.probe(&format!("layer norm {width}"), &[&[9, width], &[width], &[width]], |x| {
                x[0].f_layer_norm([width], Some(&x[1]), Some(&x[2]), 1e-5, false)
            })?;
        }
        for (causal, length, head) in [(false, 17, 32), (true, 16, 32), (false, 50, 64), (true, 77, 64)] {
            let shape = [2, 3, length, head];
            self.probe(&format!("attention {causal} {length} {head}"), &[&shape, &shape, &shape], |x| {
                Tensor::f_scaled_dot_product_attention(&x[0], &x[1], &x[2], None::<&Tensor>, 0.0, causal, None, false)
            })?;
        }
        self.probe("embedding", &[&[29, 40]], |x| {
            let rows = Tensor::f_from_slice(&[3i64, 3, 0, 28, 7, 3, 11, 28])?;
            Tensor::f_embedding(&x[0], &rows, -1, false, false)
        })
    }

    /// Sums, softmaxes and what losses are made of.
    fn reductions(&mut self) -> Result<(), Stop> {
        for (rows, columns) in [(7, 64), (64, 64), (33, 1030)] {
            let shape: &[i64] = &[rows, columns];
            self.probe(&format!("log softmax {rows} {columns}"), &[shape], |x| x[0].f_log_softmax(1, Kind::Float))?;
            self.probe(&format!("softmax {rows} {columns}"), &[shape], |x| x[0].f_softmax(0, Kind::Float))?;
            self.probe(&format!("logsumexp {rows} {columns}"), &[shape], |x| x[0].f_logsumexp([1i64], false))?;
            self.probe(&format!("sum {rows} {columns}"), &[shape], |x| x[0].f_sum(Kind::Float))?;
            self.probe(&format!("mean {rows} {columns}"), &[shape], |x| {
                x[0].f_mean_dim([0i64].as_slice(), false, Kind::Float)
            })?;
            self.probe(&format!("norm {rows} {columns}"), &[shape], |x| {
                x[0].f_div(&x[0].f_square()?.f_sum_dim_intlist([1i64].as_slice(), true, Kind::Float)?.f_sqrt()?)
            })?;
        }
        self.probe("cumsum", &[&[5, 300]], |x| x[0].f_cumsum(1, Kind::Float))
    }

    /// The fused optimizer step.
    fn update(&mut self) -> Result<(), Stop> {
        let mut stream = SEED.stream("adamw", &[]);
        let mut draw = || normals(&[1037], &mut stream);
        let (mut value, gradient, mut first, second) = (draw()?, draw()?, draw()?, draw()?);
        let mut second = second.f_square()?;
        let numbers = AdamW { lr: 1e-3, beta1: 0.9, beta2: 0.98, epsilon: 1e-6, weight_decay: 0.2 };
        shim::adamw_in_place(&mut value, &gradient, &mut first, &mut second, 7, &numbers)?;
        [value, first, second].iter().try_for_each(|tensor| self.add(tensor))
    }

    /// A small model, both towers, forward and backward.
    fn model(&mut self) -> Result<(), Stop> {
        let config = ModelConfig::parse(MODEL)?;
        let mut model = Clip::initialise(&config, &SEED)?;
        for tensor in model.parameters_mut().values_mut() {
            *tensor = tensor.f_set_requires_grad(true)?;
        }
        let mut stream = SEED.stream("model", &[]);
        let images = normals(&[5, 3, 24, 24], &mut stream)?;
        let tokens: Vec<i64> = (0..5 * 16).map(|at| if at % 16 == 15 { 63 } else { stream.below(63) as i64 }).collect();
        let image = model.encode_image(&images)?;
        let text = model.encode_text(&Tensor::f_from_slice(&tokens)?.f_reshape([5, 16])?)?;
        self.add(&image)?;
        self.add(&text)?;
        let logits = image.f_matmul(&text.f_transpose(0, 1)?)?.f_mul_scalar(14.3)?;
        let loss = logits.f_log_softmax(1, Kind::Float)?.f_diagonal(0, 0, 1)?.f_sum(Kind::Float)?;
        let parameters: Vec<_> = model.parameters().values().collect();
        let gradients = Tensor::f_run_backward(&[loss], &parameters, false, false)?;
        gradients.iter().try_for_each(|gradient| self.add(gradient))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_class_is_repeatable_and_notices_a_changed_bit() {
        shim::one_thread().unwrap();
        assert_eq!(class().unwrap(), class().unwrap());
        let digest = |values: &[f32]| {
            let mut battery = Battery { hasher: blake3::Hasher::new() };
            battery.add(&Tensor::from_slice(values)).unwrap();
            battery.hasher.finalize()
        };
        assert_ne!(digest(&[1.0, 2.0]), digest(&[1.0, f32::from_bits(2f32.to_bits() + 1)]));
    }
}
