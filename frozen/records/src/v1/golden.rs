//! `golden.json`: the recorded run of the baseline that a machine repeated before it judged.

use serde::{Deserialize, Serialize};

use crate::{Blake3, FrozenDigest, NumericsClass, ProtocolDigest, TreeDigest};

/// A recorded run, in canonical form beside it and beside every statement that rests on it.
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
    /// Why it was recorded.
    pub reason: String,
}
