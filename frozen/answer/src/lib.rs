//! The frozen half of an answer: what lies in an entry's object around the participant's algorithm.
//!
//! [`export!`] makes a shared object an entry: it defines the one function that a cell calls ([`wire::abi`]). That
//! function reads the question and the session, and puts the question to the algorithm ([`question`]). Everything here
//! runs in a locked cell, beside code that may do as it likes with it: nothing outside trusts it for more than that
//! honest entries are asked what they should be.
#![expect(unsafe_code, reason = "the function that a cell calls gets pointers")]

pub mod question;

use std::{
    panic::{self, AssertUnwindSafe},
    slice,
    sync::atomic::{AtomicPtr, Ordering},
};

use contract::Algorithm;
pub use wire::abi::Ask;
use wire::{
    Session, exit,
    message::{self, Question, VERSION},
    words::{self, SaidKind},
};

use crate::question::Memory;

/// Makes the crate that calls it an entry, with an [`Algorithm`].
#[macro_export]
macro_rules! export {
    ($algorithm:ty) => {
        /// Answers one question.
        ///
        /// # Safety
        ///
        /// As `answer::entry`.
        #[expect(unsafe_code, reason = "the name that a cell looks for")]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn maxclip_answer(ask: *const $crate::Ask) -> i32 {
            // SAFETY: the cell's promise, passed on.
            unsafe { $crate::entry::<$algorithm>(ask) }
        }
    };
}

/// Where words go; this object's own copy of the address.
static WORDS: AtomicPtr<u8> = AtomicPtr::new(std::ptr::null_mut());

/// Answers the question behind the pointer with an algorithm; gives the cell's exit code.
///
/// # Safety
///
/// `ask` is what [`Ask`] describes, and this is the only call in this process.
pub unsafe fn entry<A: Algorithm>(ask: *const Ask) -> i32 {
    // SAFETY: the caller's promise: mappings that nobody else has, alive until the process ends.
    let (ask, question, session, memory) = unsafe {
        let ask = &*ask;
        let memory = Memory {
            inputs: bytes(ask.inputs, ask.inputs_bytes),
            results: if ask.results.is_null() {
                &mut []
            } else {
                slice::from_raw_parts_mut(ask.results, ask.results_bytes)
            },
        };
        (ask, bytes(ask.question, message::BYTES), bytes(ask.session, ask.session_bytes), memory)
    };
    WORDS.store(ask.words, Ordering::Relaxed);
    panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        eprintln!("{text}");
        say(SaidKind::Panicked, 0, text.as_bytes());
    }));
    let question = question.try_into().map_err(|_| "a message of another size".to_owned());
    let question = question.and_then(|bytes| Question::decode(bytes).map_err(|error| error.to_string()));
    match (question, Session::decode(session)) {
        (Ok(question), Ok(session)) if ask.version == u64::from(VERSION) => {
            let answer = || question::answer::<A>(&question, &session, memory);
            panic::catch_unwind(AssertUnwindSafe(answer)).unwrap_or(exit::PANICKED)
        }
        (question, session) => {
            let why = question.err().or(session.err().map(|error| error.to_string()));
            let why = why.unwrap_or_else(|| format!("an object of wire version {VERSION}, asked in {}", ask.version));
            say(SaidKind::Load, 0, why.as_bytes());
            exit::SAID
        }
    }
}

/// Says something about the answer.
pub(crate) fn say(kind: SaidKind, number: u64, text: &[u8]) {
    let words = WORDS.load(Ordering::Relaxed);
    if !words.is_null() {
        // SAFETY: the cell mapped this many bytes for good, and this process has one thread.
        words::write(unsafe { slice::from_raw_parts_mut(words, words::BYTES) }, kind, number, text);
    }
}

/// # Safety
///
/// Null, or a mapping of so many bytes that lives as long as the process and that nobody writes to.
unsafe fn bytes(start: *const u8, length: usize) -> &'static [u8] {
    // SAFETY: the caller's promise.
    if start.is_null() { &[] } else { unsafe { slice::from_raw_parts(start, length) } }
}
