//! Bytes in, verdict out: what judges a submission and its certificate.
//!
//! Sees no file system, clock, environment or libtorch: what a verdict may depend on comes in as values,
//! so that the same bytes get the same verdict on every machine.

pub mod certificate;
pub mod config;
pub mod conformity;
pub mod diff;
pub mod envelope;
pub mod evidence;
pub mod frozen;
pub mod gate;
pub mod golden;
pub mod intake;
pub mod keys;
pub mod object;
pub mod policy;
pub mod predicate;
pub mod release;
pub mod replay;
pub mod round;
pub mod tree;
mod weighed;
