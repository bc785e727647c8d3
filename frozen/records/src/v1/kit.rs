//! `kit.json`: the programs and compiled libraries that submissions are built and judged with.
//!
//! `cargo xtask kit` writes it beside `maxclip`, which reads it. A path that is not absolute starts at the file's own
//! folder, so that a checkout that is copied with what was built in it has a kit of its own.

use serde::{Deserialize, Serialize};

use crate::{FrozenDigest, Sha256};

/// The form of this file.
pub const KIT_FORMAT: &str = "maxclip.kit.v1";

/// Everything that was built from one frozen tree, and what it was built with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitFile {
    /// [`KIT_FORMAT`].
    pub format: String,
    /// The frozen tree.
    pub frozen: FrozenDigest,
    /// What is started or loaded; each holds a stamp of the frozen tree.
    pub programs: Programs,
    /// What an entry's object is made with.
    pub build: Build,
    /// The folder of libtorch's shared libraries.
    pub libtorch: String,
    /// The checkout that all of it was built from.
    pub checkout: String,
}

/// What is started or loaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Programs {
    /// Trains.
    pub trainer: KitPart,
    /// Scores a checkpoint.
    pub evaluator: KitPart,
    /// The server of Rust entries.
    pub worker: KitPart,
    /// `libprobe.so`: what shows what holds a cell.
    pub probe: KitPart,
}

/// What an entry's object is made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Build {
    /// The compiler itself, not rustup's proxy.
    pub rustc: KitPart,
    /// `libcontract-*.rlib`.
    pub contract: KitPart,
    /// `libserde-*.rlib`, the one that the contract was built with.
    pub serde: KitPart,
    /// `libanswer-*.rlib`: the frozen half of an entry's object.
    pub answer: KitPart,
    /// `frozen/answer/src/entry.rs`: the crate around both halves.
    pub main: KitPart,
    /// The folder of everything that the libraries depend on.
    pub dependencies: String,
}

/// A file of the kit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KitPart {
    /// Where it lies.
    pub path: String,
    /// Its content when the kit was written.
    pub sha256: Sha256,
}

impl Programs {
    /// All of them, by the word for each.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &KitPart); 4] {
        let Self { trainer, evaluator, worker, probe } = self;
        [("trainer", trainer), ("evaluator", evaluator), ("worker", worker), ("probe", probe)]
    }
}

impl Build {
    /// All files, by the word for each.
    #[must_use]
    pub fn parts(&self) -> [(&'static str, &KitPart); 5] {
        let Self { rustc, contract, serde, answer, main, dependencies: _ } = self;
        [("rustc", rustc), ("contract", contract), ("serde", serde), ("answer", answer), ("main", main)]
    }
}
