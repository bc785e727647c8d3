//! What is signed: an in-toto Statement v1 in a DSSE envelope, and its first predicate, the certificate, for
//! failures as well as passes.
//!
//! A certificate's subjects are the submission's tree and every file of the run folder that a verdict rests on.
//! The predicate binds them to what they were judged against. All of it has one canonical form, so that
//! changing any byte of the file is noticed.
//!
//! Which predicates there are, and who may sign each, is a table of the verifier (`verifier::predicate`). A
//! version of a predicate may gain keys and words and never loses one: what loses one is the next version. So a
//! reader that meets a key it does not know has met a newer release, and nothing else.

use serde::{Deserialize, Serialize};

use crate::{
    Blake3, Commitment, DataRoot, Finding, FrozenDigest, LibtorchDigest, NumericsClass, ProtocolDigest, ReleaseDigest,
    RunDigest, SeedDigest, Sha256, TreeDigest, WorkerDigest,
    v1::{evaluation::Score, names::RunName},
    verdict::Reason,
};

/// in-toto's statement type.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// What stands before the name and the version of each predicate of ours: `https://maxclip.dev/certificate/v1`.
pub const PREDICATE_HOME: &str = "https://maxclip.dev/";
/// DSSE's payload type for in-toto.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// The signed text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement<P = Certificate> {
    /// [`STATEMENT_TYPE`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// Of a certificate: `submission` first, then files by path.
    pub subject: Vec<Subject>,
    /// [`PREDICATE_HOME`], the predicate's name, `/v` and its version.
    #[serde(rename = "predicateType")]
    pub predicate_type: String,
    /// What is claimed.
    pub predicate: P,
}

/// A thing that the statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// `submission`, or a path below the certificate's folder.
    pub name: String,
    /// Its digest.
    pub digest: SubjectDigest,
    /// Of a file: how long it is. `submission` is a tree and has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
}

impl Subject {
    /// A file by its path below the certificate's folder.
    #[must_use]
    pub fn file(name: String, digest: Sha256, bytes: u64) -> Self {
        Self { name, digest: SubjectDigest { sha256: digest.bare() }, annotations: Some(Annotations { bytes }) }
    }
}

/// in-toto's annotations of a resource, of which we have one: a reader knows how much to read before it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Annotations {
    /// The file's length in bytes.
    pub bytes: u64,
}

/// in-toto's digest set; exactly one of them here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubjectDigest {
    /// 64 hexadecimal digits: of a file's bytes; of the tree's digest for `submission`.
    pub sha256: String,
}

/// What is claimed about a submission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// PASS, or FAIL with the findings of the stage that failed.
    pub outcome: StatedOutcome,
    /// The competition and its round.
    pub round: StatedRound,
    /// Shown, never judged: what `submission.toml` says.
    pub entry: EntryLabel,
    /// What was handed in.
    pub submission: Submission,
    /// What it was judged against.
    pub against: Against,
    /// What stood around the worker.
    pub containment: Vec<String>,
    /// Stages in their order, up to the one that failed.
    pub stages: Vec<Stage>,
    /// One a training: scale by scale, repeats in order.
    pub runs: Vec<Run>,
}

/// The verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StatedOutcome {
    /// Every stage passed.
    Pass,
    /// A stage failed.
    Fail,
}

/// Where a seed comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatedRound {
    /// The competition's name; of practice it is `maxclip`.
    pub competition: String,
    /// The round's name; of practice it is `practice`.
    pub round: String,
    /// Binds the organizer to a secret, and says nothing about the seeds that follow from it.
    pub commitment: Commitment,
    /// The public beacon.
    pub beacon: String,
}

/// What people call the entry. Hostile text: escaped wherever it is shown.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntryLabel {
    /// The algorithm.
    pub name: String,
    /// The team.
    pub team: String,
    /// Their organization.
    pub organization: String,
    /// Where it is described.
    pub writeup: String,
    /// How to reach them.
    pub contact: String,
}

/// What was handed in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Submission {
    /// SHA-256 of the ZIP, which lies beside the evidence.
    pub archive: Sha256,
    /// The admitted tree; absent where intake failed.
    pub tree: Option<TreeDigest>,
    /// The object of the participant's crate; absent before `build`.
    pub object: Option<WorkerDigest>,
}

/// What a submission was judged against.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Against {
    /// The protocol's name.
    pub protocol: String,
    /// Its identity.
    pub protocol_digest: ProtocolDigest,
    /// The frozen tree.
    pub frozen: FrozenDigest,
    /// The judge: intake, policy and whatever else decides lie outside of the frozen tree.
    pub release: ReleaseDigest,
    /// libtorch's libraries; absent before `golden`.
    pub libtorch: Option<LibtorchDigest>,
    /// rustc's release and commit hash; absent before `build`.
    pub rustc: Option<String>,
    /// Where the bits can be had; absent before `golden`.
    pub class: Option<NumericsClass>,
    /// BLAKE3 of the golden transcript that this machine repeated; absent before `golden`.
    pub golden: Option<Blake3>,
}

/// A stage and its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// `intake`, `diff`, `policy`, `build`, `golden`, `trial`, `train`, `evaluate`, `golden-after`.
    pub name: String,
    /// What came out.
    pub value: StageValue,
    /// One line for people, from the verifier alone.
    pub note: String,
}

/// What a stage came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum StageValue {
    /// It holds.
    Pass,
    /// Every rule that was broken.
    Fail(Vec<Finding>),
    /// This machine could not judge; never in a certificate.
    Inconclusive(Reason),
}

/// One training: its files lie in the folder `<scale>/<repeat>`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// The scale.
    pub scale: String,
    /// Which of the scale's trainings, from 1.
    pub repeat: u32,
    /// Of its seed, which the other entries of the round share and may not know yet.
    pub seed: SeedDigest,
    /// Its `run.json`.
    pub run: RunDigest,
    /// The data.
    pub data: DataRoot,
    /// Steps.
    pub steps: u64,
    /// Lines of the transcript, its header included.
    pub lines: u64,
    /// Merkle root over those lines.
    pub transcript: Blake3,
    /// The last chain hash.
    pub chain: Blake3,
    /// Merkle root of the published checkpoint's tensors.
    pub checkpoint: Blake3,
    /// Tasks in the protocol's order.
    pub scores: Vec<Score>,
    /// Their unweighted mean, to six decimals.
    pub mean: String,
}

impl Run {
    /// Which training this is.
    #[must_use]
    pub fn name(&self) -> RunName<'_> {
        RunName { scale: &self.scale, repeat: self.repeat }
    }
}

/// The envelope, as the file `certificate.json` holds it, in canonical form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// Base64 (standard, padded) of the canonical [`Statement`] without a newline.
    pub payload: String,
    /// [`PAYLOAD_TYPE`].
    #[serde(rename = "payloadType")]
    pub payload_type: String,
    /// One or more.
    pub signatures: Vec<Signature>,
}

/// One signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// `NAME:` and the first 16 hexadecimal digits of SHA-256 over the raw public key: a hint, never trusted.
    pub keyid: String,
    /// Base64 of 64 bytes: ed25519 over DSSE's pre-authentication encoding.
    pub sig: String,
}
