//! `checkpoints/<step>/`: `model.safetensors`, `state.safetensors` and this manifest.
//!
//! A tensor's leaf is [`Framed`] in the context [`LEAF`]: text `name`, text `dtype`, list `shape` of numbers
//! `length`, bytes `values` (little-endian, row-major); the root is [`merkle::root`] over all leaves, model first,
//! each file's sorted by name.

use serde::{Deserialize, Serialize};

pub use super::names::{MANIFEST, STATE, WEIGHTS};
#[cfg(doc)]
use crate::merkle;
use crate::{
    Blake3, Framed, Sha256,
    framed::{LengthError, Streamed},
    merkle::Peaks,
};

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

/// The context of leaves.
pub const LEAF: &str = "maxclip checkpoint leaf v1";

/// A leaf on its way: a tensor's bytes come piece by piece, so that no tensor has to be held whole.
#[derive(Debug, Clone)]
pub struct Leaf(Streamed);

impl Leaf {
    /// Starts the leaf of a tensor of so many bytes.
    #[must_use]
    pub fn new(name: &str, dtype: &str, shape: &[u64], bytes: u64) -> Self {
        Self(described(name, dtype, shape).streamed("values", bytes))
    }

    /// Appends the next bytes.
    pub fn piece(&mut self, piece: &[u8]) {
        self.0.piece(piece);
    }

    /// The leaf.
    ///
    /// - Errors: the pieces were not as long together as was said at the start.
    pub fn finish(self) -> Result<Blake3, LengthError> {
        self.0.close().map(Framed::finish)
    }
}

/// The leaf of a tensor that is in memory.
#[must_use]
pub fn leaf(name: &str, dtype: &str, shape: &[u64], bytes: &[u8]) -> Blake3 {
    described(name, dtype, shape).bytes("values", bytes).finish()
}

fn described(name: &str, dtype: &str, shape: &[u64]) -> Framed {
    let framed = Framed::new(LEAF).text("name", name).text("dtype", dtype);
    framed.list("shape", shape.iter(), |framed, length| framed.u64("length", *length))
}

impl TensorLeaf {
    /// How many bytes the tensor has; `None` where its dtype is not known or its size absurd.
    #[must_use]
    pub fn bytes(&self) -> Option<u64> {
        let elements = self.shape.iter().try_fold(1u64, |product, length| product.checked_mul(*length))?;
        (self.dtype == "F32").then(|| elements.checked_mul(4))?
    }
}

impl Manifest {
    /// A manifest of this form, with the root over what it lists.
    #[must_use]
    pub fn new(step: u64, chain: Blake3, files: Vec<TensorFile>) -> Self {
        let mut manifest = Self { format: CHECKPOINT_FORMAT.to_owned(), step, chain, files, root: Blake3([0; 32]) };
        manifest.root = manifest.computed_root();
        manifest
    }

    /// The root over the leaves that the manifest lists.
    #[must_use]
    pub fn computed_root(&self) -> Blake3 {
        self.files.iter().flat_map(|file| file.tensors.iter().map(|tensor| tensor.leaf)).collect::<Peaks>().root()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values of a tensor of shape [2, 3].
    fn values() -> Vec<u8> {
        [1.0f32, -2.0, 0.5, 3.25, -0.0, 100.0].iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    #[test]
    fn a_leaf_is_that_of_another_implementation_whole_and_in_pieces() {
        let expected = "b3:67710bb3ab592ab2e53cfa074a775f4622b76f21baef3662087bc0b5e4d8e339";
        let bytes = values();
        assert_eq!(leaf("visual.proj", "F32", &[2, 3], &bytes).to_string(), expected);
        let mut pieces = Leaf::new("visual.proj", "F32", &[2, 3], 24);
        bytes.chunks(5).for_each(|piece| pieces.piece(piece));
        assert_eq!(pieces.finish().unwrap().to_string(), expected);
        assert_eq!(
            leaf("logit_scale", "F32", &[], &bytes[..4]).to_string(),
            "b3:ff37226014fd7f2d652552b5e66b822756afb77b19d5dfc735545154d4c35193"
        );
        assert!(Leaf::new("visual.proj", "F32", &[2, 3], 24).finish().is_err());
    }

    #[test]
    fn the_root_is_that_of_another_implementation() {
        let tensor = |name: &str| TensorLeaf {
            name: name.to_owned(),
            dtype: "F32".to_owned(),
            shape: vec![2, 3],
            leaf: leaf(name, "F32", &[2, 3], &values()),
        };
        let file = |name: &str, tensors: &[&str]| TensorFile {
            name: name.to_owned(),
            length: 0,
            sha256: Sha256([0; 32]),
            tensors: tensors.iter().map(|name| tensor(name)).collect(),
        };
        let files = vec![file("model.safetensors", &["a", "b"]), file("state.safetensors", &["m/a"])];
        let manifest = Manifest::new(1, Blake3([0; 32]), files);
        assert_eq!(manifest.root, manifest.computed_root());
        assert_eq!(manifest.root.to_string(), "b3:62fbb967f5a243c9ea7a36f30e4632c6bc3a79c522f0355fe140ea63ff63b25c");
    }

    #[test]
    fn a_size_is_stated_or_refused() {
        let tensor = |dtype: &str, shape: &[u64]| TensorLeaf {
            name: String::new(),
            dtype: dtype.to_owned(),
            shape: shape.to_vec(),
            leaf: Blake3([0; 32]),
        };
        assert_eq!(tensor("F32", &[]).bytes(), Some(4));
        assert_eq!(tensor("F32", &[3, 0]).bytes(), Some(0));
        assert_eq!(tensor("F32", &[1 << 61]).bytes(), Some(1 << 63));
        for (dtype, shape) in [("BF16", &[1u64] as &[u64]), ("F32", &[1 << 62]), ("F32", &[1 << 32, 1 << 32])] {
            assert_eq!(tensor(dtype, shape).bytes(), None);
        }
    }
}
