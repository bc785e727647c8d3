//! `run.json`: the resolved run. Everything that may change a bit of the result, and nothing else.
//!
//! No time, host, path or process count: those stand in the certificate, where they cannot reach the
//! transcript's chain, which starts from this file's digest.

use serde::{Deserialize, Serialize};

use crate::{
    DataRoot, FrozenDigest, NumericsClass, ProtocolDigest, RunDigest, SeedDigest, TreeDigest, canonical,
    canonical::CanonicalError, v1::names::RunName,
};

/// The form of this file.
pub const RUN_FORMAT: &str = "maxclip.run.v1";

/// One training, with nothing left to decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResolvedRun {
    /// [`RUN_FORMAT`].
    pub format: String,
    /// The protocol's TOML file, whole.
    pub protocol: String,
    /// SHA-256 of that text.
    pub protocol_digest: ProtocolDigest,
    /// The model's configuration file (open_clip's JSON), whole.
    pub model: String,
    /// Which `[[scale]]` of the protocol.
    pub scale: String,
    /// Which of the scale's trainings, from 1.
    pub repeat: u32,
    /// The data set's identity.
    pub data: DataRoot,
    /// What the frozen tree was.
    pub frozen: FrozenDigest,
    /// What was admitted.
    pub tree: TreeDigest,
    /// The algorithm's configuration for this scale: a flat JSON object as text.
    pub config: String,
    /// 64 hexadecimal digits: initial weights, order, augmentation and the worker's streams derive from it.
    ///
    /// The same for every entry of a round, so this file is for nobody who may still hand one in.
    pub seed: String,
    /// Where these bits can be had.
    pub class: NumericsClass,
}

/// The frozen tree that a `run.json` was resolved for, read before anything else of it: another tree's file may have
/// another form.
#[must_use]
pub fn frozen(bytes: &[u8]) -> Option<FrozenDigest> {
    #[derive(Deserialize)]
    struct Of {
        frozen: FrozenDigest,
    }
    serde_json::from_slice::<Of>(bytes).ok().map(|of| of.frozen)
}

impl ResolvedRun {
    /// The identity that the transcript's chain starts from.
    pub fn digest(&self) -> Result<RunDigest, CanonicalError> {
        Ok(RunDigest(crate::Blake3::of(&canonical::to_file(self)?).0))
    }

    /// Which training this is.
    #[must_use]
    pub fn name(&self) -> RunName<'_> {
        RunName { scale: &self.scale, repeat: self.repeat }
    }

    /// What a certificate shows of the seed.
    pub fn seed_digest(&self) -> Result<SeedDigest, hex::FromHexError> {
        Ok(SeedDigest::of(&self.seed_bytes()?))
    }

    /// The seed's bytes.
    pub fn seed_bytes(&self) -> Result<[u8; 32], hex::FromHexError> {
        let mut seed = [0; 32];
        hex::decode_to_slice(&self.seed, &mut seed)?;
        Ok(seed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_frozen_tree_is_read_from_a_file_of_another_form() {
        let digest = FrozenDigest([5; 32]);
        let text = format!(r#"{{"format":"maxclip.run.v9","frozen":"{digest}","more":[1]}}"#);
        assert_eq!(frozen(text.as_bytes()), Some(digest));
        for bytes in [&b""[..], b"{}", br#"{"frozen":"run:00"}"#] {
            assert_eq!(frozen(bytes), None);
        }
    }

    #[test]
    fn a_runs_digest_is_that_of_another_implementation() {
        let run = ResolvedRun {
            format: RUN_FORMAT.to_owned(),
            protocol: "name = \"mini\"\n".to_owned(),
            protocol_digest: ProtocolDigest([1; 32]),
            model: "{\"embed_dim\": 64}\n".to_owned(),
            scale: "small".to_owned(),
            repeat: 2,
            data: DataRoot([2; 32]),
            frozen: FrozenDigest([3; 32]),
            tree: TreeDigest([4; 32]),
            config: "{\"tau\":\"é\"}".to_owned(),
            seed: "05".repeat(32),
            class: NumericsClass([6; 32]),
        };
        // Written with Python's JSON (sorted keys, no blanks, a newline), hashed with BLAKE3's own binding.
        assert_eq!(
            run.digest().unwrap().to_string(),
            "run:01f8adc8ee62ca16c9725109e7726cba5cc92577fba7ef78a7d7318d6bed2beb"
        );
        assert_eq!(run.seed_bytes().unwrap(), [5; 32]);
    }
}
