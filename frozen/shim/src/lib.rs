//! What tch lacks: libtorch's determinism switches, one fused AdamW step, tensors over foreign memory.
//!
//! With the mappings of `wire` this is the only crate that may hold `unsafe`. The C++ stands in `shim.cpp`
//! and decides nothing; each module here states what must hold and gives a safe function.

#![expect(unsafe_code, reason = "calls into C++, and tensors over memory that the caller owns")]

mod adamw;
mod error;
mod memory;
mod signal;
mod switches;

pub use adamw::{AdamW, adamw_in_place};
pub use error::{ShimError, plain_errors, without_backtrace};
pub use memory::{values, values_mut, view, view_mut};
pub use signal::{end_with_parent, ignore_file_size_signal};
pub use switches::{Fill, Switches, cpu_capability, one_thread, pin, read};
