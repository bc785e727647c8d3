//! Functions of single numbers that give the same bits on every machine.
//!
//! The standard library's `exp`, `ln`, `cos`, `powf` call the system's, which picks other code, and other
//! bits, by processor. Use these for numbers; on tensors use the tensor's own methods.

pub use libm::{cos, exp, expm1, log as ln, log1p as ln_1p, log2, log10, pow, sin, sqrt, tanh};
