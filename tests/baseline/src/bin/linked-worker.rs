//! The peer of `cargo xtask bench worker`: the worker's server with the baseline linked into it, as entries once were.
//!
//! The same warm-up, fork and lock; what it saves is loading an object in each cell. Never used to judge anything: an
//! entry in the server's own program could run before its lock.

use cell::{fork::exit_now, object, profile, server};
use wire::{
    abi::Ask,
    message::{BYTES, Question, QuestionKind},
};

fn main() {
    worker::warm::warm_up().unwrap_or_else(|error| panic!("{error}"));
    server::serve(&profile::RUST, answer).unwrap_or_else(|error| panic!("{error}"));
    exit_now(0)
}

fn answer(ask: &Ask) -> i32 {
    #[expect(unsafe_code, reason = "a cell's promise about its question")]
    // SAFETY: a question's bytes, mapped for as long as this process lives; and what `entry` asks for is what a cell has.
    unsafe {
        let bytes = std::slice::from_raw_parts(ask.question, BYTES);
        let kind = bytes.try_into().ok().and_then(|bytes| Question::decode(bytes).ok()).map(|question| question.kind);
        match kind {
            Some(QuestionKind::Probe | QuestionKind::ProbeBehind) => object::answer(ask),
            _ => answer::entry::<submission::Entry>(ask),
        }
    }
}
