//! The competition: what results say about each other. Values in, values out; no file, clock or environment.

pub mod board;
pub mod compare;
mod terms;

pub use terms::{results, task, terms};
