//! Names of what lies in an entry's folder and in a run's, and of what protocols name.
//!
//! A program that writes a file and a program that reads it take its name from here.

use std::fmt;

/// What the folder is for ([`super::identity`]): the first file of a folder.
pub const IDENTITY: &str = "identity.json";
/// The programs that `maxclip` starts ([`super::kit`]); lies beside it.
pub const KIT: &str = "kit.json";
/// What an entry's object was made from ([`super::build`]); lies in the build's folder.
pub const BUILD: &str = "build.json";
/// The ZIP as it was handed in.
pub const ARCHIVE: &str = "submission.zip";
/// The golden that the machine repeated ([`super::golden`]).
pub const GOLDEN: &str = "golden.json";
/// What is claimed of it, signed.
pub const SIGNED_GOLDEN: &str = "signed.json";
/// What is claimed, unsigned.
pub const STATEMENT: &str = "statement.json";
/// The same, signed. Nothing beside it is changed any more.
pub const CERTIFICATE: &str = "certificate.json";

/// The resolved run ([`super::run`]).
pub const RUN: &str = "run.json";
/// The model's configuration, as the evaluator reads it.
pub const MODEL: &str = "model.json";
/// What a probe showed of the walls around the worker.
pub const CONTAINMENT: &str = "containment.json";
/// A line a step ([`super::transcript`]).
pub const TRANSCRIPT: &str = "transcript.jsonl";
/// A row a step.
pub const FINGERPRINTS: &str = "fingerprints.bin";
/// A line a task ([`super::evaluation`]).
pub const RESULTS: &str = "eval_results.jsonl";
/// How the trainer ended ([`super::outcome`]).
pub const OUTCOME: &str = "outcome.json";
/// How the evaluator ended ([`super::outcome`]); lies beside [`RESULTS`].
pub const EVALUATION_OUTCOME: &str = "eval_outcome.json";
/// The folder of checkpoints, each named by the steps done before it.
pub const CHECKPOINTS: &str = "checkpoints";
/// The checkpoint to evaluate.
pub const PUBLISHED: &str = "published";

/// A checkpoint's manifest ([`super::checkpoint`]).
pub const MANIFEST: &str = "manifest.json";
/// Its weights, under open_clip's names.
pub const WEIGHTS: &str = "model.safetensors";
/// What the algorithm remembers.
pub const STATE: &str = "state.safetensors";

/// What lies in an entry's folder beside its runs: no scale is called like one.
pub const TAKEN: [&str; 9] = [CERTIFICATE, "entry", GOLDEN, IDENTITY, "stages", STATEMENT, ARCHIVE, "trial", "worker"];

/// What a name is made of, for people.
pub const LETTERS: &str = "A-Z, a-z, 0-9, `.`, `_` and `-`, at most 64, that does not start with `.`";

/// Whether a text can stand in a path as it is: [`LETTERS`].
#[must_use]
pub fn is_name(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    !text.is_empty() && text.len() <= 64 && !text.starts_with('.') && text.bytes().all(allowed)
}

/// One training of an entry: a scale and a repeat. Its text, `small/1`, is the run's folder below the entry's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunName<'a> {
    /// The scale.
    pub scale: &'a str,
    /// From 1.
    pub repeat: u32,
}

impl fmt::Display for RunName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scale, self.repeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_a_path() {
        for name in ["a", "ViT-B-32", "wds_vtab-caltech101_test", "v1.2", &"x".repeat(64)] {
            assert!(is_name(name), "{name:?}");
        }
        for name in ["", ".", "..", ".a", "a/b", "a\\b", "a b", "é", "a\0", &"x".repeat(65)] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_runs_folder_is_its_scale_and_repeat() {
        assert_eq!(RunName { scale: "small", repeat: 2 }.to_string(), "small/2");
    }
}
