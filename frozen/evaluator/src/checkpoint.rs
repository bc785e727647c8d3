//! A checkpoint, read once: what is scored is what the manifest names, tensor by tensor.

use std::path::Path;

use clip::{NamedValues, values};
use evidence::checkpoint::{read_manifest, read_values};
use records::{
    Blake3, Problem, Reason, Stop,
    file::{self, FileError, Links},
    v1::checkpoint::{MANIFEST, MANIFEST_BYTES_MAX, WEIGHTS},
};

/// A model's weights and the root that names them.
#[derive(Debug)]
pub struct CheckpointWeights {
    /// The weights.
    pub values: NamedValues,
    /// Merkle root over every tensor of the checkpoint.
    pub root: Blake3,
}

impl CheckpointWeights {
    /// Reads `model.safetensors` and holds it to `manifest.json`.
    ///
    /// - Errors: [`Stop::Inconclusive`] at the first tensor that differs: whoever kept the checkpoint changed it, not whoever
    ///   trained it.
    pub fn read(folder: &Path) -> Result<Self, Stop> {
        let path = folder.join(MANIFEST);
        let bytes = file::read_named(&path, MANIFEST_BYTES_MAX)?;
        let (manifest, flaws) =
            read_manifest(&bytes).map_err(|error| Problem::fault(format!("{}: {error}", path.display())))?;
        let changed = |place: &Path, why: String| -> Stop {
            let hint = "restore the checkpoint from a copy, or train again".to_owned();
            Reason { why: format!("{}: {why}", place.display()), hint }.into()
        };
        if let Some(flaw) = flaws.first() {
            return Err(changed(&path, format!("expected {}, found {}", flaw.expected, flaw.found)));
        }
        let listed = manifest.files.iter().find(|file| file.name == WEIGHTS);
        let listed = listed.ok_or_else(|| changed(&path, format!("lists no {WEIGHTS}")))?;
        let path = folder.join(WEIGHTS);
        let (file, size) = file::open_plain(&path, Links::Follow)?;
        if size != listed.length {
            return Err(changed(&path, format!("{size} bytes, expected {}", listed.length)));
        }
        let (numbers, looked) = read_values(file, listed).map_err(FileError::at("read", &path))?;
        match looked.difference(listed) {
            Some(difference) => Err(changed(&path, difference)),
            None => Ok(Self { values: values::named(listed, numbers), root: manifest.root }),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use std::fs;

    use clip::ModelConfig;
    use numerics::Seed;
    use records::{
        Exit, Sha256, canonical,
        v1::checkpoint::{Manifest, TensorFile, TensorLeaf, leaf},
    };

    use super::*;

    /// A model of two layers.
    pub fn config() -> ModelConfig {
        ModelConfig::parse(include_str!("../../protocols/models/mini.json")).unwrap()
    }

    /// Writes a checkpoint of random weights, changed by `edit`.
    pub fn write(folder: &Path, edit: impl Fn(&mut NamedValues)) {
        let mut values = values::initial(&config(), &Seed([5; 32]));
        values.insert("logit_scale".to_owned(), clip::Values { shape: Vec::new(), data: vec![2.5] });
        edit(&mut values);
        let tensors: Vec<_> = values.iter().map(|(name, value)| (name.clone(), &*value.shape, &*value.data)).collect();
        values::write(&folder.join(WEIGHTS), &tensors).unwrap();
        let bytes = fs::read(folder.join(WEIGHTS)).unwrap();
        let leaves = tensors.iter().map(|(name, shape, data)| {
            let shape: Vec<u64> = shape.iter().map(|&length| length as u64).collect();
            let leaf = leaf(name, "F32", &shape, &values::bytes(data));
            TensorLeaf { name: name.clone(), dtype: "F32".to_owned(), leaf, shape }
        });
        let file = TensorFile {
            name: WEIGHTS.to_owned(),
            length: bytes.len() as u64,
            sha256: Sha256::of(&bytes),
            tensors: leaves.collect(),
        };
        let manifest = Manifest::new(3, Blake3([0; 32]), vec![file]);
        fs::write(folder.join(MANIFEST), canonical::to_file(&manifest).unwrap()).unwrap();
    }

    #[test]
    fn a_whole_checkpoint_is_read_and_a_flipped_bit_is_named() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), |_| ());
        let checkpoint = CheckpointWeights::read(folder.path()).unwrap();
        assert_eq!(checkpoint.values["logit_scale"].data, [2.5]);
        let path = folder.path().join(WEIGHTS);
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, &bytes).unwrap();
        let Err(Stop::Inconclusive(reason)) = CheckpointWeights::read(folder.path()) else { panic!("it was changed") };
        assert!(reason.why.contains("tensor `") && reason.hint.contains("a copy"), "{reason:?}");
    }

    #[test]
    fn a_manifest_that_contradicts_itself_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), |_| ());
        let path = folder.path().join(MANIFEST);
        let text = fs::read_to_string(&path).unwrap();
        let at = text.find("\"leaf\":\"b3:").unwrap() + 11;
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        fs::write(&path, format!("{}{digit}{}", &text[..at], &text[at + 1..])).unwrap();
        assert!(matches!(CheckpointWeights::read(folder.path()), Err(Stop::Inconclusive(_))));
        fs::write(&path, format!(" {text}")).unwrap();
        let Err(Stop::Fault(fault)) = CheckpointWeights::read(folder.path()) else { panic!("a fault was expected") };
        assert!(fault.exit == Exit::Fault && fault.what.contains(MANIFEST), "{fault}");
    }
}
