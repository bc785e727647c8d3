//! Exit codes with one meaning each, for every program of the project.

use serde::{Deserialize, Serialize};

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// What was asked holds.
    Pass = 0,
    /// A rule was applied and broken.
    Fail = 1,
    /// The command line, or a file that the caller wrote, is wrong.
    Usage = 2,
    /// This machine cannot judge: something that judging needs is not here.
    Inconclusive = 3,
    /// Our own fault: a bug, a full disk, a broken machine. Never says anything about a submission.
    Fault = 70,
    /// SIGINT ended it: what has been done is kept.
    Interrupted = 130,
    /// SIGTERM ended it: what has been done is kept.
    Terminated = 143,
}

impl Exit {
    /// The number that the operating system sees.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// Reads a child's exit code; one that no program of ours gives is a fault.
    #[must_use]
    pub fn from_code(code: i32) -> Self {
        match code {
            0 => Self::Pass,
            1 => Self::Fail,
            2 => Self::Usage,
            3 => Self::Inconclusive,
            130 => Self::Interrupted,
            143 => Self::Terminated,
            _ => Self::Fault,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
