//! Tracks: which argument of a result an entry brings.
//!
//! A result is a function of protocol, data, tree, seed and numerics class. A track names the part that an entry
//! brings, and everything that follows from it: the paths that are its own, the stages that it goes through, what is
//! built, and what a pass rests on. Gate, pipeline, certificate and verifier read that here and keep no list of their
//! own. ARCHITECTURE.md says where another track would begin.

use serde::{Deserialize, Serialize};

use super::{language::Language, names};

/// What an entry brings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Track {
    /// Loss and model update, as sources that are built into one object.
    Algorithm,
}

/// What an algorithm's pass rests on, and what comes before it.
const ALGORITHM_STAGES: [&str; 9] =
    ["intake", "diff", "policy", "build", "golden", "trial", "train", "evaluate", "golden-after"];

impl Track {
    /// Every track of this release.
    pub const ALL: [Self; 1] = [Self::Algorithm];

    /// The word of a protocol.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Algorithm => "algorithm",
        }
    }

    /// What is open to an entry, for people.
    #[must_use]
    pub fn open(self) -> &'static str {
        match self {
            Self::Algorithm => "the loss computation and the model update, with their configuration",
        }
    }

    /// Whether a path of a submission is one that participants own.
    #[must_use]
    pub fn is_editable(self, path: &str) -> bool {
        match self {
            Self::Algorithm => {
                let source = path.starts_with("editable/src/") && Language::of(path).is_some();
                source || path == "editable/config.toml" || path == "editable/submission.toml"
            }
        }
    }

    /// The stages in their order; an entry that passes has passed all of them.
    #[must_use]
    pub fn stages(self) -> &'static [&'static str] {
        match self {
            Self::Algorithm => &ALGORITHM_STAGES,
        }
    }

    /// What `build` makes of an entry, below its folder.
    #[must_use]
    pub const fn built(self) -> &'static str {
        match self {
            Self::Algorithm => "worker/submission.o",
        }
    }

    /// The files of a training that a pass rests on, checkpoints left out.
    #[must_use]
    pub fn run_files(self) -> &'static [&'static str] {
        match self {
            Self::Algorithm => {
                &[names::RUN, names::MODEL, names::CONTAINMENT, names::TRANSCRIPT, names::FINGERPRINTS, names::RESULTS]
            }
        }
    }

    /// What must stand around every worker of an entry that passes, by the word before a wall's `:`.
    ///
    /// What follows the `:` is measured and differs between machines: `landlock:7` is the kernel's version of it,
    /// `seccomp:25` how many forbidden things were tried from inside and all refused.
    #[must_use]
    pub fn walls(self) -> &'static [&'static str] {
        match self {
            Self::Algorithm => &["seccomp", "no-new-privs"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_is_called_by_the_word_of_its_protocols() {
        for track in Track::ALL {
            assert_eq!(serde_json::to_value(track).unwrap(), track.word());
        }
    }

    #[test]
    fn only_sources_and_two_files_of_an_algorithm_are_open() {
        let track = Track::Algorithm;
        for path in ["editable/config.toml", "editable/submission.toml"] {
            assert!(track.is_editable(path), "{path}");
        }
        for language in Language::ALL {
            let nested = format!("editable/src/loss/global{}", language.ending());
            let outside = format!("editable/build{}", language.ending());
            assert!(track.is_editable(language.root()) && track.is_editable(&nested), "{nested}");
            assert!(!track.is_editable(&outside), "{outside}");
        }
        for path in
            ["editable/src/data.bin", "editable/Cargo.toml", "editable/pyproject.toml", "src/lib.py", "editable/src"]
        {
            assert!(!track.is_editable(path), "{path}");
        }
    }
}
