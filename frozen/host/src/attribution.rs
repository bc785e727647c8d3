//! Whose fault it is that there is no answer, and which rule was broken.
//!
//! What dies, stalls or runs out while an answer is outstanding is the worker's. The child's own words decide
//! nothing to its advantage: an answer needs exit code 0 *and* the word for it, and every other claim only
//! chooses the text of a failure.
//!
//! Time: a child is ended at three times the protocol's CPU limit. Twice so is `Fail`; an answer that came,
//! twice, between the limit and three times the limit is `Inconclusive`, because that depends on the machine.

use libc::{
    SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGKILL, SIGSEGV, SIGSYS, SIGTERM, SIGXCPU, WEXITSTATUS, WIFEXITED, WTERMSIG,
};
use records::{Finding, Rule, protocol::WorkerLimits};
use wire::{
    Place,
    message::Report,
    process::calls,
    words::{Kind, Said},
};

use crate::talk::{LastWords, without_addresses};

/// What a question came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is an answer.
    Answered,
    /// There is one, past the limit of CPU time.
    Late,
    /// Ended for time: to be asked once more.
    TooSlow(Finding),
    /// It stood still while it had used its CPU time: the machine may be at fault.
    Starved,
    /// A rule was broken.
    Failed(Finding),
}

/// A question's end, as it is judged.
pub(crate) struct Case<'a> {
    pub(crate) place: &'a str,
    pub(crate) report: &'a Report,
    pub(crate) said: Said<'a>,
    pub(crate) last_words: &'a LastWords,
    pub(crate) limits: &'a WorkerLimits,
    /// The inputs' places, to name one that was written to.
    pub(crate) inputs: &'a [Place],
}

/// What libtorch, Rust and C++ say when memory is refused.
const NO_MEMORY: [&str; 4] =
    ["memory allocation of ", "can't allocate memory", "std::bad_alloc", "Cannot allocate memory"];

impl Case<'_> {
    /// Judges how a child ended.
    pub(crate) fn judge(&self) -> Outcome {
        let limit = u64::from(self.limits.cpu_seconds) * 1_000_000;
        if self.report.stalled {
            // On a crowded machine a busy child gets little: only one that hardly computed stands still.
            return if self.report.cpu_micros < limit / 4 {
                Outcome::Failed(self.finding(Rule::TooSlow, "it stands still: no answer, and no CPU time used"))
            } else {
                Outcome::Starved
            };
        }
        let status = self.report.status;
        if !WIFEXITED(status) {
            return self.signalled(WTERMSIG(status));
        }
        match WEXITSTATUS(status) {
            0 => match self.said.kind {
                Kind::Done | Kind::Declaration if self.said.number == u64::from(self.report.sequence) => {
                    if self.report.cpu_micros > limit { Outcome::Late } else { Outcome::Answered }
                }
                _ => self.fail(Rule::Protocol, "it ended the process instead of answering"),
            },
            101 => self.fail(self.memory_or(Rule::Panicked), "a panic"),
            code @ 129..=192 => self.signalled(code - 128),
            code => self.told(code),
        }
    }

    /// A child that said why.
    fn told(&self, code: i32) -> Outcome {
        match self.said.kind {
            Kind::Config => self.fail(Rule::ConfigKey, "the configuration does not fit the algorithm's `Config`"),
            Kind::Refused => self.fail(self.memory_or(Rule::Refused), "an error"),
            Kind::Shape => self.fail(Rule::WrongShape, "a tensor of another shape"),
            Kind::TooLong => {
                let found = format!("a declaration of {} bytes", self.said.number);
                self.fail(Rule::Declaration, &found)
            }
            _ => self.fail(Rule::Protocol, &format!("exit code {code}")),
        }
    }

    fn signalled(&self, signal: i32) -> Outcome {
        match (signal, self.said.kind) {
            (SIGSYS, Kind::Call) => self.fail(Rule::ForbiddenCall, &call(self.said.number)),
            (SIGSYS, _) => self.fail(Rule::ForbiddenCall, "a system call (SIGSYS)"),
            (SIGSEGV | SIGBUS, Kind::WroteInput) => self.fail(Rule::Signalled, &self.written_input()),
            (SIGSEGV, Kind::Clock) => self.fail(Rule::ForbiddenCall, "reading the clock (`rdtsc`)"),
            (SIGSEGV, Kind::Stack) => self.fail(Rule::Signalled, "the stack ran out (SIGSEGV)"),
            (SIGSEGV | SIGBUS, Kind::Fault) => {
                self.fail(Rule::Signalled, &format!("memory that is not its own ({})", name(signal)))
            }
            (SIGXCPU, _) => Outcome::TooSlow(self.too_slow()),
            (SIGKILL, _) if self.report.cpu_micros >= 1_000_000 * u64::from(self.limits.cpu_seconds) => {
                Outcome::TooSlow(self.too_slow())
            }
            (SIGABRT, _) => self.fail(self.memory_or(Rule::Signalled), name(signal)),
            _ => self.fail(Rule::Signalled, name(signal)),
        }
    }

    fn too_slow(&self) -> Finding {
        let expected = format!("an answer in {} s of CPU time", self.limits.cpu_seconds);
        self.finding(Rule::TooSlow, "none after three times that, twice").expected(expected)
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

    fn fail(&self, rule: Rule, found: &str) -> Outcome {
        Outcome::Failed(self.finding(rule, found))
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
            Kind::Config | Kind::Refused | Kind::Shape | Kind::Panicked if !text.is_empty() => text,
            _ => self.last_words.bytes(),
        };
        if text.is_empty() { finding } else { finding.attach(&text) }
    }
}

/// The name of a refused call, and who in the standard library makes it.
fn call(number: u64) -> String {
    let name = calls::name(number).unwrap_or("unknown");
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
        SIGKILL => "SIGKILL",
        SIGTERM => "SIGTERM",
        _ => "another signal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: WorkerLimits = WorkerLimits { cpu_seconds: 2, memory_mib: 100 };

    fn judge(status: i32, cpu_micros: u64, kind: Kind, number: u64, words: &str) -> Outcome {
        let report = Report { sequence: 5, status, cpu_micros, ..Report::default() };
        let mut last_words = LastWords::default();
        last_words.add(words.as_bytes());
        let inputs = [Place { name: "image".into(), shape: vec![4], offset: 512 }];
        let said = Said { kind, number, text: b"" };
        let (place, last_words) = ("step 1", &last_words);
        Case { place, report: &report, said, last_words, limits: &LIMITS, inputs: &inputs }.judge()
    }

    fn rule(outcome: &Outcome) -> Option<(Rule, &str)> {
        match outcome {
            Outcome::Failed(finding) | Outcome::TooSlow(finding) => Some((finding.rule, &finding.found)),
            _ => None,
        }
    }

    #[test]
    fn an_answer_needs_exit_code_and_word_of_this_question() {
        assert_eq!(judge(0, 9, Kind::Done, 5, ""), Outcome::Answered);
        assert_eq!(judge(0, 2_000_001, Kind::Done, 5, ""), Outcome::Late);
        for (status, kind, number) in
            [(0, Kind::Done, 4), (0, Kind::Nothing, 5), (1 << 8, Kind::Done, 5), (70 << 8, Kind::Lock, 0)]
        {
            assert_eq!(rule(&judge(status, 9, kind, number, "")).unwrap().0, Rule::Protocol);
        }
    }

    #[test]
    fn each_end_has_its_rule() {
        for (status, kind, number, words, expected, found) in [
            (159 << 8, Kind::Call, 41, "", Rule::ForbiddenCall, "`socket` (41)"),
            (SIGSYS, Kind::Nothing, 0, "", Rule::ForbiddenCall, "a system call (SIGSYS)"),
            (
                139 << 8,
                Kind::WroteInput,
                516,
                "",
                Rule::Signalled,
                "a write to the input `image`, which is read-only (SIGSEGV)",
            ),
            (139 << 8, Kind::Clock, 0, "", Rule::ForbiddenCall, "reading the clock (`rdtsc`)"),
            (101 << 8, Kind::Panicked, 0, "", Rule::Panicked, "a panic"),
            (SIGABRT, Kind::Nothing, 0, "memory allocation of 9 bytes failed", Rule::OutOfMemory, "SIGABRT"),
            (SIGABRT, Kind::Nothing, 0, "", Rule::Signalled, "SIGABRT"),
            (SIGKILL, Kind::Nothing, 0, "", Rule::Signalled, "SIGKILL"),
            (1 << 8, Kind::Config, 0, "", Rule::ConfigKey, "the configuration does not fit the algorithm's `Config`"),
        ] {
            assert_eq!(rule(&judge(status, 9, kind, number, words)), Some((expected, found)));
        }
    }

    #[test]
    fn time_is_judged_by_the_cpu_and_not_by_the_wall() {
        assert!(matches!(judge(SIGXCPU, 6_000_000, Kind::Nothing, 0, ""), Outcome::TooSlow(_)));
        let stalled = |cpu_micros| {
            let report = Report { sequence: 5, status: SIGKILL, cpu_micros, stalled: true, ..Report::default() };
            let said = Said { kind: Kind::Nothing, number: 0, text: b"" };
            let last_words = &LastWords::default();
            Case { place: "", report: &report, said, last_words, limits: &LIMITS, inputs: &[] }.judge()
        };
        assert_eq!(rule(&stalled(10)).unwrap().0, Rule::TooSlow);
        assert_eq!(stalled(600_000), Outcome::Starved);
        assert_eq!(stalled(3_000_000), Outcome::Starved);
    }
}
