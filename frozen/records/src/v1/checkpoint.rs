//! `checkpoints/<step>/`: `model.safetensors`, `state.safetensors` and this manifest.
//!
//! A tensor's leaf is [`merkle::leaf`] over `name \0 dtype \0 shape (decimal, comma-separated) \0 bytes`
//! (little-endian, row-major); the root is over all leaves, model first, each file's sorted by name.

use serde::{Deserialize, Serialize};

use crate::{Blake3, Sha256, merkle};

/// The form of the manifest.
pub const CHECKPOINT_FORMAT: &str = "maxclip.checkpoint.v1";

/// The longest manifest that is read, in bytes: some 50,000 tensors.
pub const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// `manifest.json` of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`CHECKPOINT_FORMAT`].
    pub format: String,
    /// Steps done before it was written; 0 is the initial state.
    pub step: u64,
    /// The transcript's chain at that step.
    pub chain: Blake3,
    /// `model.safetensors`, then `state.safetensors`.
    pub files: Vec<TensorFile>,
    /// Merkle root over every tensor.
    pub root: Blake3,
}

/// One safetensors file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorFile {
    /// Name inside the checkpoint's folder.
    pub name: String,
    /// Length in bytes.
    pub length: u64,
    /// SHA-256 of the whole file, for `sha256sum -c`.
    pub sha256: Sha256,
    /// Its tensors, sorted by name.
    pub tensors: Vec<TensorLeaf>,
}

/// One tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorLeaf {
    /// Name in the file.
    pub name: String,
    /// `F32` everywhere so far.
    pub dtype: String,
    /// Lengths of the dimensions.
    pub shape: Vec<u64>,
    /// Its leaf.
    pub leaf: Blake3,
}

/// The leaf of a tensor.
#[must_use]
pub fn leaf(name: &str, dtype: &str, shape: &[u64], bytes: &[u8]) -> Blake3 {
    let shape: Vec<_> = shape.iter().map(u64::to_string).collect();
    let head = format!("{name}\0{dtype}\0{}\0", shape.join(","));
    merkle::leaf(&[head.as_bytes(), bytes].concat())
}

impl Manifest {
    /// The root over the leaves that the manifest lists.
    #[must_use]
    pub fn computed_root(&self) -> Blake3 {
        let leaves: Vec<_> = self.files.iter().flat_map(|file| file.tensors.iter().map(|tensor| tensor.leaf)).collect();
        merkle::root(&leaves)
    }
}
