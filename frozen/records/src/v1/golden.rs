//! Goldens: the recorded run of the baseline that a machine must repeat before it judges.
//!
//! `golden.json` is what was recorded, and lies beside every statement that rests on it. A [`Recording`] is the
//! predicate under which an organizer answers for it. The reason stands there and nowhere else: who records the same
//! run again for another reason changes no certificate.

use serde::{Deserialize, Serialize};

use crate::{Blake3, FrozenDigest, NumericsClass, ProtocolDigest, TreeDigest};

/// What was recorded, in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The protocol's name.
    pub protocol: String,
    /// Its identity.
    pub protocol_digest: ProtocolDigest,
    /// The frozen tree.
    pub frozen: FrozenDigest,
    /// The baseline.
    pub tree: TreeDigest,
    /// Where it was recorded.
    pub class: NumericsClass,
    /// Steps.
    pub steps: u64,
    /// BLAKE3 of the transcript.
    pub transcript: Blake3,
}

impl Golden {
    /// Whether two are for the same baseline, protocol, frozen tree and class: one machine cannot repeat both where they
    /// differ.
    #[must_use]
    pub fn is_for(&self, other: &Self) -> bool {
        let what = |golden: &Self| (golden.protocol_digest, golden.frozen, golden.tree, golden.class);
        what(self) == what(other)
    }
}

/// The predicate: that this run is the one to repeat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recording {
    /// What was recorded.
    pub golden: Golden,
    /// Why.
    pub reason: String,
    /// What stood there before, oldest first.
    pub superseded: Vec<Superseded>,
}

/// A golden that another one took the place of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Superseded {
    /// What was recorded.
    pub golden: Golden,
    /// Why it had been recorded.
    pub reason: String,
    /// Why it was given up.
    pub because: String,
}
