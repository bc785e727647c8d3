//! An entry: what the gate admitted, and what a build and a run take from it.

use std::{collections::BTreeMap, path::Path};

use anyhow::Result;
use records::{
    Exit, Reason, Stop, TreeDigest,
    v1::{language::Language, protocol::Protocol, statement},
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
    ///
    /// Errors: the entry is of a language that the gate judges and that this release cannot build. That says nothing
    /// about the entry.
    pub fn sources(&self) -> Result<BTreeMap<String, Vec<u8>>, Stop> {
        let language = self.tree.language();
        if language != Language::Rust {
            let why = format!("this release builds Rust entries; this one is written in {}", language.name());
            let hint = "`maxclip check` holds it to the rules as it is; a later release builds it".to_owned();
            return Err(Reason { why, hint }.into());
        }
        let source =
            |(name, bytes): (&str, &[u8])| (name.trim_start_matches(archive::EDITABLE).to_owned(), bytes.to_vec());
        Ok(self.tree.sources().map(source).collect())
    }
}

/// Judges a ZIP, for a protocol where one is named.
pub fn gate(zip: &[u8], protocol: Option<&Protocol>) -> Result<Judgement> {
    Ok(gate::judge(zip, frozen::tree(), protocol)?)
}

#[cfg(test)]
mod tests {
    use verifier::tree::{CONFIG, SUBMISSION};

    use super::*;

    #[test]
    fn a_python_entry_passes_the_gate_and_is_not_built() {
        let baseline = Entry::baseline().unwrap();
        assert!(baseline.sources().unwrap().contains_key("src/lib.rs"));
        let submission = "name = \"a\"\nteam = \"b\"\norganization = \"\"\nwriteup = \"\"\ncontact = \"\"\n";
        let files = [
            (Language::Python.root(), "import torch\n".to_owned()),
            (CONFIG, String::new()),
            (SUBMISSION, format!("{submission}language = \"python\"\n")),
        ];
        let files: BTreeMap<_, _> = files.map(|(path, text)| (path.to_owned(), text.into_bytes())).into();
        let judgement = gate(&archive::zip(&files).unwrap(), None).unwrap();
        let entry = Entry::admitted(&judgement).unwrap();
        let stop = entry.sources().unwrap_err();
        assert_eq!(stop.exit(), Exit::Inconclusive);
        assert!(stop.to_string().contains("this release builds Rust entries; this one is written in Python"), "{stop}");
    }
}
