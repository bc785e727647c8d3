//! What holds a cell here, as a cell showed it: the frozen probe tries each thing of [`wire::probe`].
//!
//! The filter is required: one attempt that gets through, and this machine cannot judge. What stands behind the filter
//! is stated where it stood.

use records::{Reason, Stop};
use wire::{
    exit,
    message::{Question, QuestionKind},
    probe::{self, BEHIND, Expected, FILTERED, LANDLOCK, ProbeAttempt},
    words,
};

use crate::{HostError, process::Process, talk::without_addresses};

/// CPU seconds and MiB of a probe.
const SECONDS: u32 = 10;
const MEMORY_MIB: u32 = 256;

/// Tries everything; gives the words of a certificate.
pub(crate) fn show(process: &mut Process) -> Result<Vec<String>, Stop> {
    let mut refused = 0;
    for (number, attempt) in FILTERED.iter().enumerate() {
        if let Some(why) = try_one(process, QuestionKind::Probe, number)? {
            let hint = "nothing can be judged here; `maxclip doctor` says what this machine offers".to_owned();
            return Err(Reason { why, hint }.into());
        }
        refused += usize::from(attempt.expected != Expected::Answer);
    }
    let mut shown = vec![format!("{}:{refused}", probe::FILTER)];
    for (number, attempt) in BEHIND.iter().enumerate() {
        if try_one(process, QuestionKind::ProbeBehind, number)?.is_none() {
            shown.push(match attempt.name {
                LANDLOCK => format!("{LANDLOCK}:{}", process.landlock()),
                name => name.to_owned(),
            });
        }
    }
    Ok(shown)
}

/// Whether an honest cell answers now: what tells a machine that stands still from an entry that does.
pub(crate) fn answers(process: &mut Process) -> Result<bool, HostError> {
    Ok(try_one(process, QuestionKind::Probe, 0)?.is_none())
}

/// One attempt; a sentence where something else came of it than should.
fn try_one(process: &mut Process, kind: QuestionKind, number: usize) -> Result<Option<String>, HostError> {
    let list = if kind == QuestionKind::Probe { FILTERED } else { BEHIND };
    let ProbeAttempt { name, expected } = list[number];
    let question = Question {
        sequence: process.next(),
        cpu_seconds: SECONDS,
        memory_mib: MEMORY_MIB,
        probe: number as u32,
        ..Question::of(kind)
    };
    let reply = process.ask(&question)?;
    let Some(report) = reply.report else {
        return Ok(Some(format!("the worker's server ended while a probe tried to {name}")));
    };
    let (status, said) = (report.status, process.said());
    let code = libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status));
    let answered = code == Some(exit::ANSWERED) && said.kind == words::SaidKind::Done && said.number == question.step;
    let call = || cell::calls::name(said.number);
    let as_expected = match expected {
        Expected::Answer => answered,
        Expected::Call(expected) => {
            code == Some(exit::SAID) && said.kind == words::SaidKind::Call && call() == Some(expected)
        }
        Expected::Clock => code == Some(exit::SAID) && said.kind == words::SaidKind::Clock,
        Expected::Killed => libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS,
    };
    if as_expected {
        return Ok(None);
    }
    let text = records::verdict::escape(&String::from_utf8_lossy(&without_addresses(said.text)));
    Ok(Some(match (expected, said.kind) {
        (Expected::Answer, words::SaidKind::Call) => {
            format!("a cell on this machine needs the call `{}` to {name}", call().unwrap_or("unknown"))
        }
        (Expected::Answer, kind) => format!("a cell on this machine does not {name}: {kind:?} {text}"),
        (_, kind) => format!("a cell on this machine can {name}: wait status {status:#x}, {kind:?} {text}"),
    }))
}
