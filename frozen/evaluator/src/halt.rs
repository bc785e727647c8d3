//! Why an evaluation ends without a score.

use std::path::PathBuf;

use clip::{ClipError, ConfigError};
use records::{
    DataRoot, Exit, Finding, FrozenDigest, Reason, Rule, canonical::CanonicalError, file::FileError, verdict::Ending,
};
use shim::ShimError;
use stamp::StampError;
use tasks::{FeatureError, LayoutError, ScoreError};
use tch::TchError;

/// What ends an evaluation early.
#[derive(Debug, thiserror::Error)]
pub enum Halt {
    /// The checkpoint's features cannot be scored: that is the checkpoint's, not the machine's.
    #[error("task `{task}`, {tower} features: {source}")]
    Features {
        /// The task's folder.
        task: String,
        /// `image` or `text`.
        tower: &'static str,
        /// What is wrong with them.
        source: FeatureError,
    },
    /// The checkpoint is not what its manifest says: whoever kept it changed it, not whoever trained it.
    #[error("{place}: {why}")]
    Checkpoint {
        /// The file or tensor.
        place: String,
        /// What differs.
        why: String,
    },
    /// What is judged by another frozen tree than this program's would have scores of neither.
    #[error("this evaluator was built from {own}, it was asked to judge by {asked}")]
    Tree {
        /// This program's.
        own: FrozenDigest,
        /// The caller's.
        asked: FrozenDigest,
    },
    /// A task's data are missing or damaged: nothing can be said about the checkpoint until they are repaired.
    #[error(transparent)]
    Data(#[from] LayoutError),
    /// A task's data are not those that it is scored on.
    #[error("task `{task}` is {expected}, its folder holds {found}")]
    OtherData {
        /// The task's key.
        task: String,
        /// What the protocol names.
        expected: DataRoot,
        /// What was read.
        found: DataRoot,
    },
    /// An image that cannot be decoded.
    #[error("task `{task}`, sample `{key}`: {why}")]
    Image {
        /// The task's folder.
        task: String,
        /// The sample.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something that could not be done.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Something that could not be done; never says anything about a checkpoint.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file that the caller named is not what it should be.
    #[error("{}: {why}", path.display())]
    Usage {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The environment differs from the one that decides bits.
    #[error(
        "libtorch uses its {found} kernels, scores are made with AVX2\n\
         hint: `maxclip` starts the evaluator with ATEN_CPU_CAPABILITY=avx2"
    )]
    Kernels {
        /// libtorch's name for its kernels.
        found: String,
    },
    /// A program that does not say of which frozen tree it is.
    #[error("this evaluator: {0}\nhint: build it again: cargo xtask kit")]
    Stamp(StampError),
    /// The model's configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The model's weights do not fit its configuration, or libtorch.
    #[error(transparent)]
    Clip(#[from] ClipError),
    /// The file system.
    #[error(transparent)]
    File(#[from] FileError),
    /// The manifest.
    #[error("{}: {source}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: CanonicalError,
    },
    /// libtorch's switches.
    #[error(transparent)]
    Shim(#[from] ShimError),
    /// libtorch.
    #[error("libtorch: {0}")]
    Torch(#[from] TchError),
    /// Features that do not fit the task.
    #[error(transparent)]
    Score(#[from] ScoreError),
    /// A result without a JSON form.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// What a signal does to this process.
    #[error("cannot set what a signal does: {0}")]
    Signal(std::io::Error),
}

impl Halt {
    /// What is told to whoever started the evaluation, where something can be said about what was evaluated.
    pub fn ending(&self) -> Option<Ending> {
        let hint = match self {
            Self::Features { task, tower, source } => {
                let place = format!("task `{task}`, {tower} features");
                return Some(Ending::Finding(Finding::new(Rule::NonFinite, place).found(source)));
            }
            Self::Tree { .. } => "evaluate with the programs of that frozen tree: cargo xtask kit in its checkout",
            Self::Checkpoint { .. } => "restore the checkpoint from a copy, or train again",
            Self::Data(_) | Self::Image { .. } | Self::OtherData { .. } => "fetch the task's data again",
            Self::Fault(_) => return None,
        };
        Some(Ending::Reason(Reason { why: self.to_string(), hint: hint.to_owned() }))
    }

    /// The exit code.
    pub fn exit(&self) -> Exit {
        match (self.ending(), self) {
            (Some(Ending::Finding(_)), _) => Exit::Fail,
            (Some(Ending::Reason(_)), _) => Exit::Inconclusive,
            (None, Self::Fault(Fault::Usage { .. } | Fault::Config(_) | Fault::Kernels { .. })) => Exit::Usage,
            (None, _) => Exit::Fault,
        }
    }
}
