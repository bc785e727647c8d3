//! The three portable stages on the bytes of a ZIP: their verdict depends on those bytes and on this
//! release alone.

use records::{
    Exit, Finding, FrozenDigest, Sha256, TreeDigest, Verdict,
    v1::{
        language::Language,
        protocol::{Protocol, ProtocolError},
        statement::{EntryLabel, Stage, StageValue},
        track::Track,
    },
};
use serde::Serialize;

use crate::{
    config::TableNames,
    diff,
    frozen::FrozenTree,
    intake::{self, ARCHIVE_BYTES_MAX},
    policy,
    tree::{self, Tree},
};

/// What the gate says of a ZIP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Judgement {
    /// SHA-256 of the ZIP; of one that is too large, of no more than was read to know that.
    pub archive: Sha256,
    /// What it was compared with.
    pub frozen: FrozenDigest,
    /// The identity of the admitted tree; absent where a ZIP has no one reading or holds something else.
    pub submission: Option<TreeDigest>,
    /// What `submission.toml` says; absent where intake refused the ZIP or the file is not what it should be.
    ///
    /// Whose a refused ZIP is, is worth knowing too: a failure is certified, and shown under this name.
    pub entry: Option<EntryLabel>,
    /// `intake`, `diff` and `policy`, up to the first that could not be applied.
    pub stages: Vec<Stage>,
    /// The admitted tree itself.
    #[serde(skip)]
    pub tree: Option<Tree>,
}

impl Judgement {
    /// Every finding of every stage, in order.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.stages.iter().flat_map(|stage| match &stage.value {
            StageValue::Fail(findings) => findings.as_slice(),
            StageValue::Pass | StageValue::Inconclusive(_) => &[],
        })
    }

    /// Pass where no stage found anything.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if self.findings().next().is_none() { Exit::Pass } else { Exit::Fail }
    }
}

/// Applies intake, diff and policy to a ZIP, for a protocol of its organizer's where one is given.
///
/// Errors: a protocol that is compiled in does not parse: this release is broken, and no ZIP is at fault.
pub fn judge(zip: &[u8], frozen: &FrozenTree<'_>, protocol: Option<&Protocol>) -> Result<Judgement, ProtocolError> {
    let track = protocol.map_or(Track::Algorithm, |protocol| protocol.track);
    let names = TableNames::of(frozen.protocols()?.iter().chain(protocol));
    let mut judgement = Judgement {
        archive: Sha256::of(zip),
        frozen: frozen.digest(),
        submission: None,
        entry: None,
        stages: Vec::new(),
        tree: None,
    };
    let mut stage = |name: &str, value: StageValue, note: String| {
        judgement.stages.push(Stage { name: name.to_owned(), value, note });
    };
    let admitted = match split(intake::admit(zip)) {
        Ok(admitted) => admitted,
        Err(value) => {
            let found = if zip.len() > ARCHIVE_BYTES_MAX {
                format!("more than {ARCHIVE_BYTES_MAX} bytes")
            } else {
                format!("{} bytes", zip.len())
            };
            stage("intake", value, found);
            return Ok(judgement);
        }
    };
    let note = format!("{}, one way to read them", counted(admitted.entries, "entry", "entries"));
    stage("intake", StageValue::Pass, note);
    judgement.entry = admitted.files.get(tree::SUBMISSION).and_then(|bytes| policy::about(bytes));
    let copies = admitted.files.keys().filter(|path| frozen.get(path).is_some()).count();
    let tree = match split(diff::compare(admitted.files, frozen, track)) {
        Ok(tree) => tree,
        Err(value) => {
            stage(
                "diff",
                value,
                format!("{}, compared with {}", counted(copies, "copy", "copies"), frozen.digest().short()),
            );
            return Ok(judgement);
        }
    };
    stage(
        "diff",
        StageValue::Pass,
        format!("0 of {} frozen files differ from {}", frozen.len(), frozen.digest().short()),
    );
    let bytes: usize = tree.sources().map(|(_, bytes)| bytes.len()).sum();
    let (one, many) = match tree.language() {
        Language::Rust => ("source", "sources"),
        Language::Python => ("Python source", "Python sources"),
    };
    let note = format!("{} of {bytes} bytes", counted(tree.sources().count(), one, many));
    match split(policy::apply(&tree, &names)) {
        Ok(_) => stage("policy", StageValue::Pass, note),
        Err(value) => stage("policy", value, note),
    }
    judgement.submission = Some(tree.digest());
    judgement.tree = Some(tree);
    Ok(judgement)
}

fn split<T>(verdict: Verdict<T>) -> Result<T, StageValue> {
    match verdict {
        Verdict::Pass(value) => Ok(value),
        Verdict::Fail(findings) => Err(StageValue::Fail(findings)),
        Verdict::Inconclusive(reason) => Err(StageValue::Inconclusive(reason)),
    }
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
