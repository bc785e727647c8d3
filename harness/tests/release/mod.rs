//! Entries that the program under test judges: of its own frozen tree, baseline and protocol.

use std::{fs, path::Path};

use records::{ReleaseDigest, Sha256, canonical, v1::golden::Recording};
use verifier::{
    frozen::FrozenTree,
    golden::{FILES, state},
    tree::Tree,
};

use crate::folder::{OwnRelease, Wish};

/// An entry by its hits of 500 at each scale.
pub fn entry(name: &str, hits: [u64; 3]) -> Wish {
    let hits = [("small", hits[0]), ("medium", hits[1]), ("large", hits[2])];
    Wish { release: release(), ..Wish::new(name, &hits) }
}

/// Writes the golden of this release: what a signer knows.
pub fn record(folder: &Path) {
    let golden = release().golden();
    let record = canonical::to_file(&golden).unwrap();
    let contents: [&[u8]; 3] = [b"", &record, b"golden"];
    let statement = state(Recording { golden, reason: "a test".into(), superseded: vec![] }, contents);
    let statement = canonical::to_file(&statement).unwrap();
    fs::create_dir_all(folder).unwrap();
    for (name, bytes) in FILES.into_iter().zip(contents).chain([("statement.json", &statement[..])]) {
        fs::write(folder.join(name), bytes).unwrap();
    }
}

fn release() -> OwnRelease {
    let manifest = include_str!(concat!(env!("OUT_DIR"), "/frozen.manifest"));
    let frozen = FrozenTree::new(manifest, include_bytes!(concat!(env!("OUT_DIR"), "/frozen.bytes"))).unwrap();
    let manifest = include_str!(concat!(env!("OUT_DIR"), "/kit.manifest"));
    let kit = FrozenTree::new(manifest, include_bytes!(concat!(env!("OUT_DIR"), "/kit.bytes"))).unwrap();
    let files = kit.iter().map(|(path, file)| (path.to_owned(), file.bytes.to_vec())).collect();
    OwnRelease {
        text: include_str!("../../../frozen/protocols/mini.toml").to_owned(),
        model: include_str!("../../../frozen/protocols/models/mini.json").to_owned(),
        frozen: Box::leak(Box::new(frozen)),
        judge: ReleaseDigest(Sha256::of(include_bytes!(concat!(env!("OUT_DIR"), "/release.manifest"))).0),
        baseline: Tree { files }.digest(),
    }
}
