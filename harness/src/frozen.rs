//! The frozen tree and the starter kit that this program carries.

use std::sync::LazyLock;

use records::{FrozenDigest, protocol::ProtocolError};
use verifier::{config::Names, frozen::FrozenTree, tree::Tree};

static FROZEN: LazyLock<FrozenTree<'static>> = LazyLock::new(|| {
    let manifest = include_str!(concat!(env!("OUT_DIR"), "/frozen.manifest"));
    open(manifest, include_bytes!(concat!(env!("OUT_DIR"), "/frozen.bytes")))
});

static KIT: LazyLock<FrozenTree<'static>> = LazyLock::new(|| {
    let manifest = include_str!(concat!(env!("OUT_DIR"), "/kit.manifest"));
    open(manifest, include_bytes!(concat!(env!("OUT_DIR"), "/kit.bytes")))
});

#[expect(clippy::expect_used, reason = "the build script wrote both with the function that reads them")]
fn open(manifest: &'static str, contents: &'static [u8]) -> FrozenTree<'static> {
    FrozenTree::new(manifest, contents).expect("the build script's own manifest")
}

/// The tree.
pub fn tree() -> &'static FrozenTree<'static> {
    &FROZEN
}

/// Its identity.
pub fn digest() -> FrozenDigest {
    FROZEN.digest()
}

/// The text of a frozen file.
pub fn text(path: &str) -> Option<String> {
    FROZEN.get(path).and_then(|file| String::from_utf8(file.bytes.to_vec()).ok())
}

/// The names of the protocols.
pub fn protocols() -> Vec<&'static str> {
    let name = |path: &'static str| path.strip_prefix("frozen/protocols/")?.strip_suffix(".toml");
    FROZEN.iter().filter_map(|(path, _)| name(path)).filter(|name| !name.contains('/')).collect()
}

/// The names that tables of a configuration may have.
pub fn names() -> Result<Names, ProtocolError> {
    Ok(Names::of(&FROZEN.protocols()?))
}

/// The starter kit: the baseline's editable files.
pub fn kit() -> Tree {
    let files = KIT.iter().map(|(path, file)| (path.to_owned(), file.bytes.to_vec()));
    Tree { files: files.collect() }
}
