//! libtorch's exceptions as errors: the message alone, which is the same on every machine and in every run.

use std::ffi::{CStr, c_char, c_int};

use tch::TchError;

unsafe extern "C" {
    fn shim_error() -> *const c_char;
    fn shim_plain_errors() -> c_int;
}

/// libtorch refused, or a switch did not take.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShimError {
    /// A C++ exception's message.
    #[error("libtorch: {0}")]
    Torch(String),
    /// A switch reads otherwise than it was set.
    #[error("libtorch's `{name}` reads {found} after it was set to {expected}")]
    Switch {
        /// The field of [`crate::Switches`].
        name: &'static str,
        /// What was set.
        expected: i64,
        /// What stands there.
        found: i64,
    },
    /// A tensor whose memory cannot be lent as a slice.
    #[error("a contiguous f32 tensor on the CPU is needed, this one is {found}")]
    NotPlain {
        /// Kind, device and layout.
        found: String,
    },
    /// A shape that asks for another number of values than the memory holds.
    #[error("a tensor of shape {shape:?} over {length} values")]
    Length {
        /// The shape.
        shape: Vec<i64>,
        /// Values in the memory.
        length: usize,
    },
}

impl From<TchError> for ShimError {
    fn from(error: TchError) -> Self {
        match error {
            TchError::Torch(message) => Self::Torch(without_backtrace(&message).to_owned()),
            other => Self::Torch(other.to_string()),
        }
    }
}

/// Cuts the backtrace off a C++ exception's text: its addresses and paths differ from machine to machine.
#[must_use]
pub fn without_backtrace(message: &str) -> &str {
    let end = message.find("\nException raised from ").unwrap_or(message.len());
    message[..end].trim_end()
}

/// Lets C++ exceptions carry no stack for the rest of this process.
///
/// Walking a stack opens files and writes addresses: inside a locked worker the first would end the
/// process, and neither belongs in anybody's last words.
pub fn plain_errors() -> Result<(), ShimError> {
    // SAFETY: no arguments; the C++ side catches every exception.
    check(unsafe { shim_plain_errors() })
}

/// Turns the status of a C++ function into a result.
pub(crate) fn check(status: c_int) -> Result<(), ShimError> {
    if status == 0 {
        return Ok(());
    }
    // SAFETY: a thread-local C string that stays valid until the next call of this thread.
    let message = unsafe { CStr::from_ptr(shim_error()) };
    Err(ShimError::Torch(without_backtrace(&message.to_string_lossy()).to_owned()))
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;

    #[test]
    fn an_exception_is_its_message_alone() {
        plain_errors().unwrap();
        let a = Tensor::zeros([2, 3], (Kind::Float, tch::Device::Cpu));
        let raw = a.f_matmul(&a).unwrap_err();
        assert!(!format!("{raw}").contains("0x"), "{raw}");
        let error = ShimError::from(raw).to_string();
        assert!(error.contains("2x3") && !error.contains("Exception raised") && !error.contains('/'), "{error}");
    }

    #[test]
    fn a_backtrace_is_cut() {
        assert_eq!(without_backtrace("bad shape\nException raised from f at /x/y.cpp:3 (0x7f)\nframe"), "bad shape");
        assert_eq!(without_backtrace("bad shape"), "bad shape");
    }
}
