//! Whose fault it is that there is no answer, and which rule was broken.
//!
//! What a locked cell can bring about is the entry's, and nothing that it can bring about looks like anything else
//! ([`wire::exit`]). The cell's own words decide nothing to its advantage: an answer needs exit code 0 *and* the word
//! for it, and every other claim only chooses the text of a failure.
//!
//! What only the kernel or somebody outside can do is asked again: a limit of CPU time that was reached twice fails;
//! a cell that was killed from outside, a lock that was not to be had, an answer between the limit and three times the
//! limit are the machine's, and twice so it cannot judge ([`wire::limits`]).

use libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTERM, SIGTRAP, WEXITSTATUS, WIFEXITED, WTERMSIG};
use records::{Finding, Rule, v1::protocol::WorkerLimits};
use wire::{
    TensorPlace, exit,
    limits::cpu_seconds,
    message::Report,
    words::{Said, SaidKind},
};

use crate::talk::{LastWords, without_addresses};

/// Whose a question's end is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Attribution {
    /// There is an answer.
    Answered,
    /// A rule was broken.
    Failed(Finding),
    /// To be asked again, and judged when it comes to the same twice.
    Again(Doubt),
}

/// What one time does not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// There is an answer, past the limit of CPU time.
    Late,
    /// Ended at its limit of CPU time.
    TooSlow,
    /// Ended by the clock on the wall, having used next to no CPU time.
    Stalled,
    /// Ended by the clock on the wall, before its limit of CPU time but at work.
    Starved,
    /// Killed by somebody outside: the machine's memory, an operator.
    Killed,
    /// The server itself is gone.
    Lost,
    /// It could not be locked.
    Unlocked,
}

/// A question's end, as it is judged.
pub(crate) struct Case<'a> {
    pub(crate) place: &'a str,
    pub(crate) report: &'a Report,
    /// The question's step, which an answer repeats.
    pub(crate) step: u64,
    pub(crate) said: Said<'a>,
    pub(crate) last_words: &'a LastWords,
    pub(crate) limits: &'a WorkerLimits,
    /// Lanes that it answers.
    pub(crate) lanes: u32,
    /// The inputs' places, to name one that was written to.
    pub(crate) inputs: &'a [TensorPlace],
}

/// CPU time, in microseconds, that a cell uses before it can stand still: its fork, lock and load.
const IDLE_MICROS: u64 = 100_000;

/// What libtorch, Rust and C++ say when memory is refused.
const NO_MEMORY: [&str; 4] =
    ["memory allocation of ", "can't allocate memory", "std::bad_alloc", "Cannot allocate memory"];

impl Case<'_> {
    /// Judges how a cell ended.
    pub(crate) fn judge(&self) -> Attribution {
        if self.report.stalled {
            let worked = self.report.cpu_micros > IDLE_MICROS;
            return Attribution::Again(if worked { Doubt::Starved } else { Doubt::Stalled });
        }
        let status = self.report.status;
        if !WIFEXITED(status) {
            return self.signalled(WTERMSIG(status));
        }
        match WEXITSTATUS(status) {
            exit::ANSWERED => match self.said.kind {
                SaidKind::Done | SaidKind::Declaration if self.said.number == self.step => {
                    let limit = u64::from(self.limits.cpu_seconds) * u64::from(self.lanes.max(1)) * 1_000_000;
                    if self.report.cpu_micros > limit { Attribution::Again(Doubt::Late) } else { Attribution::Answered }
                }
                _ => self.fail(Rule::Protocol, "it ended the process instead of answering"),
            },
            exit::PANICKED => self.fail(self.memory_or(Rule::Panicked), "a panic"),
            exit::SAID => self.told(),
            code => self.fail(Rule::Protocol, &format!("exit code {code}")),
        }
    }

    /// A cell that said why.
    fn told(&self) -> Attribution {
        let number = self.said.number;
        match self.said.kind {
            SaidKind::Config => self.fail(Rule::ConfigKey, "the configuration does not fit the algorithm's `Config`"),
            SaidKind::Refused => self.fail(self.memory_or(Rule::Refused), "an error"),
            SaidKind::Shape => self.fail(Rule::WrongShape, "a tensor of another shape"),
            SaidKind::TooLong => self.fail(Rule::Declaration, &format!("a declaration of {number} bytes")),
            SaidKind::Load => self.fail(self.memory_or(Rule::Loads), "the loader refuses the object"),
            SaidKind::Call => self.fail(Rule::ForbiddenCall, &call(number)),
            SaidKind::Waits => {
                self.fail(Rule::ForbiddenCall, "`futex` (202): a wait for a thread that cannot be there")
            }
            SaidKind::Clock => self.fail(Rule::ForbiddenCall, "reading the clock"),
            SaidKind::WroteInput => self.fail(Rule::Signalled, &self.written_input()),
            SaidKind::Stack => self.fail(Rule::Signalled, "the stack ran out (SIGSEGV)"),
            SaidKind::Fault => self.fail(Rule::Signalled, "memory that is not its own (SIGSEGV)"),
            SaidKind::Raised => self.fail(self.memory_or(Rule::Signalled), name(i32::try_from(number).unwrap_or(0))),
            SaidKind::Nothing | SaidKind::Done | SaidKind::Declaration | SaidKind::Panicked | SaidKind::Lock => {
                self.fail(Rule::Protocol, "it ended the process instead of answering")
            }
        }
    }

    /// What the kernel or somebody outside did: a locked cell can raise no signal, but it can run into some.
    fn signalled(&self, signal: i32) -> Attribution {
        match signal {
            exit::UNLOCKED_SIGNAL => Attribution::Again(Doubt::Unlocked),
            exit::TIME_SIGNAL => Attribution::Again(Doubt::TooSlow),
            exit::OUTSIDE_SIGNAL if self.report.cpu_micros >= 1_000_000 * cpu_seconds(self.limits, self.lanes) => {
                Attribution::Again(Doubt::TooSlow)
            }
            exit::OUTSIDE_SIGNAL => Attribution::Again(Doubt::Killed),
            SIGSYS => self.fail(Rule::ForbiddenCall, "a system call (SIGSYS)"),
            signal => self.fail(Rule::Signalled, name(signal)),
        }
    }

    /// `Rule::OutOfMemory` where the text of a refused allocation was written.
    fn memory_or(&self, rule: Rule) -> Rule {
        let said = String::from_utf8_lossy(self.said.text);
        let told = NO_MEMORY.iter().any(|text| said.contains(text) || self.last_words.contains(text));
        if told { Rule::OutOfMemory } else { rule }
    }

    fn written_input(&self) -> String {
        let at = usize::try_from(self.said.number).unwrap_or(usize::MAX);
        let input = self.inputs.iter().find(|place| (place.offset..place.end()).contains(&at));
        let input = input.map_or("inputs", |place| &place.name);
        format!("a write to the input `{input}`, which is read-only (SIGSEGV)")
    }

    fn fail(&self, rule: Rule, found: &str) -> Attribution {
        Attribution::Failed(self.finding(rule, found))
    }

    fn finding(&self, rule: Rule, found: &str) -> Finding {
        let finding = Finding::new(rule, self.place).found(found);
        let finding = match rule {
            Rule::OutOfMemory => {
                finding.expected(format!("at most {} MiB beyond the idle worker's", self.limits.memory_mib))
            }
            _ => finding,
        };
        let text = without_addresses(self.said.text);
        let text = match self.said.kind {
            SaidKind::Config | SaidKind::Refused | SaidKind::Shape | SaidKind::Panicked | SaidKind::Load
                if !text.is_empty() =>
            {
                text
            }
            _ => self.last_words.bytes(),
        };
        if text.is_empty() { finding } else { finding.attach(&text) }
    }
}

/// It reached its limit of CPU time twice.
pub(crate) fn too_slow(place: &str, limits: &WorkerLimits, lanes: u32) -> Finding {
    let expected = format!("an answer in {} s of CPU time", limits.cpu_seconds * lanes.max(1));
    Finding::new(Rule::TooSlow, place).found("none after three times that, twice").expected(expected)
}

/// It stood still twice, while a reference cell answered.
pub(crate) fn stands_still(place: &str, limits: &WorkerLimits, lanes: u32) -> Finding {
    let seconds = wire::limits::wall_seconds(cpu_seconds(limits, lanes));
    let found = format!("none in {seconds} s by the clock, twice, while a reference cell answered beside it");
    Finding::new(Rule::TooSlow, place).found(found).expected("an answer")
}

/// The name of a refused call, and who in the standard library makes it.
fn call(number: u64) -> String {
    let name = cell::calls::name(number).unwrap_or("unknown");
    let who = match name {
        "getrandom" => ": `HashMap` and `HashSet` ask for it",
        "clone" | "clone3" | "fork" | "vfork" | "execve" => ": a thread or a process",
        "open" | "openat" | "openat2" => ": a file, or libtorch's random numbers outside `progress.random()`",
        "rt_sigaction" | "mprotect" => ": the C library's first step to a thread, or a signal handler",
        "clock_gettime" => ": the clock",
        _ => "",
    };
    format!("`{name}` ({number}){who}")
}

fn name(signal: i32) -> &'static str {
    match signal {
        SIGABRT => "SIGABRT",
        SIGSEGV => "SIGSEGV",
        SIGBUS => "SIGBUS",
        SIGILL => "SIGILL",
        SIGFPE => "SIGFPE",
        libc::SIGKILL => "SIGKILL",
        SIGTERM => "SIGTERM",
        SIGTRAP => "SIGTRAP",
        _ => "another signal",
    }
}

#[cfg(test)]
mod tests {
    use libc::{SIGKILL, SIGUSR2, SIGXCPU};

    use super::*;

    const LIMITS: WorkerLimits = WorkerLimits { cpu_seconds: 2, memory_mib: 100, cell_lanes_max: 1 };

    fn judge(status: i32, cpu_micros: u64, kind: SaidKind, number: u64, words: &str) -> Attribution {
        let report = Report { sequence: 5, status, cpu_micros, ..Report::default() };
        judge_report(&report, kind, number, words, 1)
    }

    fn judge_report(report: &Report, kind: SaidKind, number: u64, words: &str, lanes: u32) -> Attribution {
        let mut last_words = LastWords::default();
        last_words.add(words.as_bytes());
        let inputs = [TensorPlace { name: "image".into(), shape: vec![4], offset: 512 }];
        let said = Said { kind, number, text: b"" };
        let (place, last_words) = ("step 1", &last_words);
        Case { place, report, step: 5, said, last_words, limits: &LIMITS, lanes, inputs: &inputs }.judge()
    }

    fn rule(attribution: &Attribution) -> Option<(Rule, &str)> {
        if let Attribution::Failed(finding) = attribution { Some((finding.rule, &finding.found)) } else { None }
    }

    #[test]
    fn an_answer_needs_exit_code_and_word_of_this_question() {
        assert_eq!(judge(0, 9, SaidKind::Done, 5, ""), Attribution::Answered);
        assert_eq!(judge(0, 2_000_001, SaidKind::Done, 5, ""), Attribution::Again(Doubt::Late));
        let report = Report { sequence: 5, cpu_micros: 3_000_000, ..Report::default() };
        assert_eq!(judge_report(&report, SaidKind::Done, 5, "", 2), Attribution::Answered);
        for (status, kind, number) in [
            (0, SaidKind::Done, 4),
            (0, SaidKind::Nothing, 5),
            (1 << 8, SaidKind::Done, 5),
            (70 << 8, SaidKind::Lock, 0),
        ] {
            assert_eq!(rule(&judge(status, 9, kind, number, "")).unwrap().0, Rule::Protocol);
        }
    }

    #[test]
    fn each_end_has_its_rule() {
        let written = "a write to the input `image`, which is read-only (SIGSEGV)";
        for (kind, number, words, expected, found) in [
            (SaidKind::Call, 41, "", Rule::ForbiddenCall, "`socket` (41)"),
            (SaidKind::WroteInput, 516, "", Rule::Signalled, written),
            (SaidKind::Clock, 0, "", Rule::ForbiddenCall, "reading the clock"),
            (SaidKind::Waits, 202, "", Rule::ForbiddenCall, "`futex` (202): a wait for a thread that cannot be there"),
            (SaidKind::Load, 0, "", Rule::Loads, "the loader refuses the object"),
            (SaidKind::Raised, 6, "memory allocation of 9 bytes failed", Rule::OutOfMemory, "SIGABRT"),
            (SaidKind::Raised, 6, "", Rule::Signalled, "SIGABRT"),
            (SaidKind::Config, 0, "", Rule::ConfigKey, "the configuration does not fit the algorithm's `Config`"),
        ] {
            assert_eq!(rule(&judge(exit::SAID << 8, 9, kind, number, words)), Some((expected, found)));
        }
        assert_eq!(rule(&judge(101 << 8, 9, SaidKind::Panicked, 0, "")), Some((Rule::Panicked, "a panic")));
        assert_eq!(rule(&judge(SIGSYS, 9, SaidKind::Nothing, 0, "")).unwrap().0, Rule::ForbiddenCall);
        assert_eq!(rule(&judge(SIGILL, 9, SaidKind::Nothing, 0, "")), Some((Rule::Signalled, "SIGILL")));
    }

    /// `exit_group(152)` once looked like SIGXCPU, and 137 like SIGKILL.
    #[test]
    fn no_exit_code_poses_as_a_signal_or_as_our_own_failure() {
        for code in 2..256 {
            for kind in SaidKind::ALL {
                let attribution = judge(code << 8, u64::MAX / 2, kind, 0, "");
                assert!(matches!(attribution, Attribution::Failed(_)), "{code} {kind:?}: {attribution:?}");
            }
        }
    }

    #[test]
    fn what_a_cell_cannot_do_to_itself_is_asked_again() {
        let doubt = |status, cpu| match judge(status, cpu, SaidKind::Nothing, 0, "") {
            Attribution::Again(doubt) => doubt,
            other => panic!("{other:?}"),
        };
        assert_eq!(doubt(SIGXCPU, 6_000_000), Doubt::TooSlow);
        assert_eq!(doubt(SIGKILL, 6_000_000), Doubt::TooSlow);
        assert_eq!(doubt(SIGKILL, 5_999_999), Doubt::Killed);
        assert_eq!(doubt(SIGUSR2, 0), Doubt::Unlocked);
        let report = Report { sequence: 5, status: SIGKILL, stalled: true, ..Report::default() };
        assert_eq!(judge_report(&report, SaidKind::Done, 5, "", 1), Attribution::Again(Doubt::Stalled));
        let starved = Report { cpu_micros: 1_800_000, ..report };
        assert_eq!(judge_report(&starved, SaidKind::Done, 5, "", 1), Attribution::Again(Doubt::Starved));
    }
}
