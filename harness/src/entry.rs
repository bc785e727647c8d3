//! An entry: what the gate admitted, and what a build and a run take from it.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use records::{
    Exit, Stop, TreeDigest,
    v1::{protocol::Protocol, statement},
};
use verifier::{
    config::TableNames,
    gate::{self, Judgement},
    tree::Tree,
};

use crate::{archive, frozen, stop::stop};

/// An admitted tree with what it means.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The editable files.
    pub tree: Tree,
    /// Their identity.
    pub digest: TreeDigest,
    /// `submission.toml`.
    pub about: statement::EntryLabel,
    /// `config.toml`.
    pub config: String,
}

impl Entry {
    /// The entry of a judgement that passed.
    #[must_use]
    pub fn admitted(judgement: &Judgement) -> Option<Self> {
        if judgement.exit() != Exit::Pass {
            return None;
        }
        let (tree, about) = (judgement.tree.clone()?, judgement.entry.clone()?);
        Some(Self { digest: tree.digest(), config: tree.config().to_owned(), about, tree })
    }

    /// The baseline: the starter kit as it is compiled into this program.
    pub fn baseline() -> Result<Self, Stop> {
        Self::judge(frozen::kit(), &frozen::names()?)
    }

    /// A folder that holds `src/`, `config.toml` and `submission.toml`, judged like the ZIP of it.
    pub fn folder(folder: &Path, names: &TableNames) -> Result<Self, Stop> {
        Self::judge(Tree { files: archive::read_folder(folder).map_err(stop)?.files }, names)
    }

    fn judge(tree: Tree, names: &TableNames) -> Result<Self, Stop> {
        let about = verifier::policy::apply(&tree, names).into_result()?;
        Ok(Self { digest: tree.digest(), config: tree.config().to_owned(), about, tree })
    }

    /// What rustc is given: `src/..` and nothing else.
    #[must_use]
    pub fn sources(&self) -> BTreeMap<String, Vec<u8>> {
        let source =
            |(name, bytes): (&str, &[u8])| (name.trim_start_matches(archive::EDITABLE).to_owned(), bytes.to_vec());
        self.tree.sources().map(source).collect()
    }
}

/// Judges a ZIP, for a protocol where one is named.
pub fn gate(zip: &[u8], protocol: Option<&Protocol>) -> Result<Judgement> {
    Ok(gate::judge(zip, frozen::tree(), protocol)?)
}
