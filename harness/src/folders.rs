//! Where everything lies below `--home` (default `runs`).
//!
//! `data/` holds data sets and evaluation tasks by name, `golden/` recorded runs, `build/` the baseline's
//! worker, and a folder an entry `<tree>-<protocol>/` what its certification left behind, with a folder a training
//! `<scale>/<repeat>/` below it.

use std::path::{Path, PathBuf};

use records::{NumericsClass, Sha256, TreeDigest, v1::names::RunName};

/// The home folder.
#[derive(Debug, Clone)]
pub struct Home(pub PathBuf);

impl Home {
    /// Data sets and tasks.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// The recorded run of a protocol and class.
    #[must_use]
    pub fn golden(&self, protocol: &str, class: &NumericsClass) -> PathBuf {
        self.0.join("golden").join(format!("{protocol}-{}", class.stem()))
    }

    /// A worker that is not an entry's: the baseline's, or one of `try`.
    #[must_use]
    pub fn build(&self, tree: &TreeDigest) -> PathBuf {
        self.0.join("build").join(tree.stem())
    }

    /// The folder of a ZIP that the gate refused.
    #[must_use]
    pub fn refused(&self, archive: &Sha256, protocol: &str) -> EntryFolder {
        EntryFolder(self.0.join(format!("{}-{protocol}-refused", archive.stem())))
    }

    /// An entry's folder.
    #[must_use]
    pub fn entry(&self, tree: &TreeDigest, protocol: &str) -> EntryFolder {
        EntryFolder(self.0.join(format!("{}-{protocol}", tree.stem())))
    }
}

/// What a certification left behind.
#[derive(Debug, Clone)]
pub struct EntryFolder(pub PathBuf);

impl EntryFolder {
    /// The worker's build.
    #[must_use]
    pub fn worker(&self) -> PathBuf {
        self.0.join("worker")
    }

    /// A stage's record.
    #[must_use]
    pub fn stage(&self, name: &str) -> PathBuf {
        self.0.join("stages").join(format!("{name}.json"))
    }

    /// A training's run folder.
    #[must_use]
    pub fn run(&self, run: RunName<'_>) -> PathBuf {
        self.0.join(run.to_string())
    }

    /// One variant of a training's trial.
    #[must_use]
    pub fn trial(&self, run: RunName<'_>, variant: &str) -> PathBuf {
        self.0.join("trial").join(run.to_string()).join(variant)
    }

    /// The unsigned statement.
    #[must_use]
    pub fn statement(&self) -> PathBuf {
        self.0.join("statement.json")
    }
}

/// The model's configuration, as the evaluator reads it.
#[must_use]
pub fn model(run: &Path) -> PathBuf {
    run.join("model.json")
}
