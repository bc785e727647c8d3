//! What the server of Rust entries is made of beside [`cell`]: the warm-up of libtorch.

pub mod warm;
