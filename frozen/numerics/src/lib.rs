//! What decides bits outside libtorch: seeds, random streams, permutations, fingerprints, float functions.
//!
//! Everything is a pure function of its arguments, on every machine. Float functions come from crate
//! `libm`: the standard library's call the system's, which picks other code (and other bits) by CPU.

pub mod fingerprint;
pub mod permutation;
pub mod pin;
pub mod round;
pub mod stream;

pub use fingerprint::fingerprint;
pub use permutation::Permutation;
pub use stream::{Seed, Stream};
