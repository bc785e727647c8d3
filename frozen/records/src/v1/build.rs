//! `build.json`: what an entry's object was made from, and what it is made of.
//!
//! Written into the folder of a build when everything in it is there; read before the same is built again.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Blake3, Sha256, WorkerDigest};

/// An entry's object and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// Digest of the participant's object file.
    pub object: WorkerDigest,
    /// Digest of the shared object that cells load; a claim about this machine only.
    pub entry: Sha256,
    /// What the shared object is made of, as far as the courtesy looks.
    pub form: ObjectForm,
    /// rustc's release and commit.
    pub rustc: String,
    /// Digest of everything that went in: a build with the same one need not be done again.
    pub inputs: Blake3,
}

/// The part of an object that can act by itself when it is loaded.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectForm {
    /// Libraries that it asks for.
    pub needed: BTreeSet<String>,
    /// Symbols that others can see and use in place of their own.
    pub exports: BTreeSet<String>,
    /// Functions that the loader calls: entries of `.init_array` and `.preinit_array`.
    pub constructors: u64,
    /// What no object may have, in words.
    pub faults: BTreeSet<String>,
}
