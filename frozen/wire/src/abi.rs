//! How a cell calls an entry that is a shared object: one function, one argument.
//!
//! The object exports [`SYMBOL`] with the C signature [`AnswerFunction`]. It is loaded with `RTLD_NOW | RTLD_LOCAL` after
//! the lock; constructors run inside the load, in the same cell. Its result is the cell's exit code
//! ([`crate::exit`]). Everything it needs lies behind the pointers, everything it says goes there.

/// The function's name.
pub const SYMBOL: &str = "maxclip_answer";

/// What a cell was asked, in C's layout.
///
/// Pointers are to mappings that live as long as the process. `inputs` cannot be written to; `results` are zero.
/// For `declare` and a probe there are neither: null, with length 0.
#[repr(C)]
#[derive(Debug)]
pub struct Ask {
    /// [`crate::message::VERSION`].
    pub version: u64,
    /// A [`crate::message::Question`] in its bytes, [`crate::message::BYTES`] of them.
    pub question: *const u8,
    /// A [`crate::Session`] in its flat form.
    pub session: *const u8,
    /// Its bytes.
    pub session_bytes: usize,
    /// The arena of inputs.
    pub inputs: *const u8,
    /// Its bytes.
    pub inputs_bytes: usize,
    /// The arena of results: one after the other for each lane of a `loss` question.
    pub results: *mut u8,
    /// Its bytes, all lanes together.
    pub results_bytes: usize,
    /// [`crate::words`].
    pub words: *mut u8,
    /// Its bytes.
    pub words_bytes: usize,
}

/// The function that an object exports.
pub type AnswerFunction = unsafe extern "C" fn(*const Ask) -> i32;
