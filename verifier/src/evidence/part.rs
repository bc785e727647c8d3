//! Which files of a certificate are looked at, and which may be gone.
//!
//! A part is asked for by the beginning of a path or by a kind; what it leaves out is counted and not judged.
//! Checkpoints may be pruned by one rule, which follows from the certificate alone: of those of a run, in the order
//! of their steps, the first, the last and every fourth stay, so that any quarter of a run can still be done again
//! from what is left. Published weights are never among those that may go.

use std::collections::{BTreeMap, BTreeSet};

use records::v1::{
    names::{CHECKPOINTS, FINGERPRINTS, MANIFEST, RESULTS, STATE, TRANSCRIPT, WEIGHTS},
    statement::Statement,
};

/// Of a run's checkpoints one in so many stays, besides the last.
const KEPT_EVERY: usize = 4;

/// The kinds of files, as they are asked for by name.
pub const KINDS: [&str; 5] = ["source", "run", "transcript", "checkpoints", "evaluation"];

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Every file, none of which may be gone: what is signed.
    Whole,
    /// Every file but those that were pruned by rule.
    Kept,
    /// The files of a kind, or a file, or a folder: `transcript`, `small`, `small/1/published`.
    Only(String),
}

impl Part {
    /// Whether a file belongs to it.
    #[must_use]
    pub fn holds(&self, name: &str) -> bool {
        match self {
            Self::Whole | Self::Kept => true,
            Self::Only(part) => kind(name) == part || name == part || below(name, part),
        }
    }
}

fn below(name: &str, folder: &str) -> bool {
    name.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}

/// The kind of a file by its name: one of [`KINDS`].
#[must_use]
pub fn kind(name: &str) -> &'static str {
    let Some((_, file)) = name.rsplit_once('/') else { return "source" };
    match file {
        TRANSCRIPT | FINGERPRINTS => "transcript",
        MANIFEST | WEIGHTS | STATE => "checkpoints",
        RESULTS => "evaluation",
        _ if name.starts_with("worker/") => "source",
        _ => "run",
    }
}

/// Folders of checkpoints that may be gone, by the rule at the top, in order.
#[must_use]
pub fn prunable(statement: &Statement) -> Vec<String> {
    let mut runs: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let inside = format!("/{CHECKPOINTS}/");
    for subject in &statement.subject {
        let Some((folder, MANIFEST)) = subject.name.rsplit_once('/') else { continue };
        let Some((run, step)) = folder.rsplit_once(&inside) else { continue };
        if !step.is_empty() && step.bytes().all(|digit| digit.is_ascii_digit()) {
            runs.entry(run).or_default().insert(step);
        }
    }
    let mut folders = Vec::new();
    for (run, steps) in runs {
        let mut steps: Vec<_> = steps.into_iter().collect();
        // Numbers of any length: the longer is the larger, leading zeros left out.
        steps.sort_by_key(|step| {
            let digits = step.trim_start_matches('0');
            (digits.len(), digits)
        });
        let last = steps.len() - 1;
        let goes = |(at, _): &(usize, &&str)| *at != last && at % KEPT_EVERY != 0;
        folders.extend(steps.iter().enumerate().filter(goes).map(|(_, step)| format!("{run}{inside}{step}")));
    }
    folders
}

#[cfg(test)]
mod tests {
    use records::{Sha256, v1::statement::Subject};

    use super::*;
    use crate::certificate::tests::failed_at_intake;

    #[test]
    fn a_part_is_a_kind_a_folder_or_a_file() {
        let holds = |part: &str, name: &str| Part::Only(part.to_owned()).holds(name);
        assert!(holds("transcript", "small/1/fingerprints.bin") && !holds("transcript", "small/1/run.json"));
        assert!(
            holds("small", "small/1/run.json") && !holds("small", "smaller/1/run.json") && !holds("sm", "small/1/a")
        );
        assert!(holds("small/1/published", "small/1/published/manifest.json"));
        assert!(holds("submission.zip", "submission.zip") && holds("source", "worker/submission.o"));
        assert!(holds("checkpoints", "small/1/published/model.safetensors"));
        for name in
            ["golden.json", "small/1/model.json", "small/1/eval_results.jsonl", "small/1/checkpoints/96/manifest.json"]
        {
            assert!(KINDS.contains(&kind(name)) && Part::Kept.holds(name), "{name}");
        }
    }

    #[test]
    fn the_first_the_last_and_every_fourth_checkpoint_stay() {
        let prunable = |steps: &[&str]| {
            let mut statement = failed_at_intake();
            let file = |name: String| Subject::file(name, Sha256::of(b""), 0);
            statement
                .subject
                .extend(steps.iter().map(|step| file(format!("small/1/checkpoints/{step}/manifest.json"))));
            statement.subject.push(file("small/1/published/manifest.json".to_owned()));
            statement.subject.push(file("small/1/checkpoints/last/manifest.json".to_owned()));
            prunable(&statement).into_iter().map(|path| path.replace("small/1/checkpoints/", "")).collect::<Vec<_>>()
        };
        assert_eq!(prunable(&["0", "100", "20"]), ["20"]);
        assert_eq!(prunable(&["0", "96"]), Vec::<String>::new());
        assert_eq!(prunable(&["0"]), Vec::<String>::new());
        assert_eq!(prunable(&["000", "010", "020", "030", "040", "050", "060"]), ["010", "020", "030", "050"]);
        assert_eq!(prunable(&["0", "9", "10", "11", "100"]), ["9", "10", "11"]);
    }
}
