//! Entries that the program under test judges: of its own frozen tree, baseline and protocol.

use records::{FrozenDigest, Sha256};
use verifier::{frozen::FrozenTree, tree::Tree};

use crate::folder::{Law, Wish};

/// An entry by its hits of 500 at each scale.
pub fn entry(name: &str, hits: [u64; 3]) -> Wish {
    let hits = [("small", hits[0]), ("medium", hits[1]), ("large", hits[2])];
    Wish { law: law(), ..Wish::new(name, &hits) }
}

fn law() -> Law {
    let manifest = include_str!(concat!(env!("OUT_DIR"), "/kit.manifest"));
    let kit = FrozenTree::new(manifest, include_bytes!(concat!(env!("OUT_DIR"), "/kit.bytes"))).unwrap();
    let files = kit.iter().map(|(path, file)| (path.to_owned(), file.bytes.to_vec())).collect();
    Law {
        text: include_str!("../../../frozen/protocols/mini.toml").to_owned(),
        model: include_str!("../../../frozen/protocols/models/mini.json").to_owned(),
        frozen: FrozenDigest(Sha256::of(include_bytes!(concat!(env!("OUT_DIR"), "/frozen.manifest"))).0),
        baseline: Tree { files }.digest(),
    }
}
