//! What the server of Rust entries is made of beside [`cell`]: the warm-up of libtorch.

// Puts the digest of the frozen tree into every program with this crate; nothing of it runs.
use stamp as _;

pub mod warm;
