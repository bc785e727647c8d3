//! Random numbers that every machine draws alike.

use numerics::Stream;
use tch::Tensor;

use crate::Result;

/// A stream of random numbers; see [`crate::Progress::random`].
///
/// libtorch's own generators are seeded from the same source before each question, so `Tensor::rand` repeats
/// as well; this one also agrees between machines whose libtorch differs.
pub struct Random {
    stream: Stream,
}

impl Random {
    pub(crate) fn new(stream: Stream) -> Self {
        Self { stream }
    }

    /// A number in [0, 1).
    pub fn unit(&mut self) -> f64 {
        self.stream.unit()
    }

    /// A whole number in 0..bound; 0 where the bound is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.stream.below(bound)
    }

    /// A tensor of numbers in [0, 1), f32, multiples of 2^-24.
    pub fn uniform(&mut self, shape: &[usize]) -> Result<Tensor> {
        self.fill(shape, |stream| (stream.word() >> 40) as f32 / (1u32 << 24) as f32)
    }

    /// A tensor of standard normal numbers, f32.
    pub fn normal(&mut self, shape: &[usize]) -> Result<Tensor> {
        self.fill(shape, |stream| stream.normal() as f32)
    }

    /// A random order of 0..count, i64.
    pub fn permutation(&mut self, count: usize) -> Result<Tensor> {
        let mut order: Vec<i64> = (0..count as i64).collect();
        // Fisher and Yates.
        for last in (1..count).rev() {
            order.swap(last, self.stream.below(last as u64 + 1) as usize);
        }
        Ok(Tensor::f_from_slice(&order)?)
    }

    fn fill(&mut self, shape: &[usize], mut draw: impl FnMut(&mut Stream) -> f32) -> Result<Tensor> {
        let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw(&mut self.stream)).collect();
        let shape: Vec<i64> = shape.iter().map(|&length| length as i64).collect();
        Ok(Tensor::f_from_slice(&values)?.f_view(&shape[..])?)
    }
}
