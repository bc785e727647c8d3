//! Tracks: which argument of a result an entry brings.
//!
//! A result is a function of protocol, data, tree, seed and numerics class. A track names the part that an entry
//! brings, and everything that follows from it: the paths that are its own, the stages that it goes through, and what a
//! pass rests on. Gate, pipeline, certificate and verifier read that here and know no list of their own.

use serde::{Deserialize, Serialize};

/// What an entry brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Track {
    /// Loss and model update, as sources that are built into one object.
    Algorithm,
}
