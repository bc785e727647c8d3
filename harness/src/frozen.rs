//! The frozen tree and the starter kit that this program carries.

use std::sync::LazyLock;

use records::{FrozenDigest, ReleaseDigest, Sha256, v1::protocol::ProtocolError};
use verifier::{config::TableNames, frozen::FrozenTree, release::Release, tree::Tree};

static FROZEN: LazyLock<FrozenTree<'static>> = LazyLock::new(|| {
    let manifest = include_str!(concat!(env!("OUT_DIR"), "/frozen.manifest"));
    open(manifest, include_bytes!(concat!(env!("OUT_DIR"), "/frozen.bytes")))
});

static KIT: LazyLock<FrozenTree<'static>> = LazyLock::new(|| {
    let manifest = include_str!(concat!(env!("OUT_DIR"), "/kit.manifest"));
    open(manifest, include_bytes!(concat!(env!("OUT_DIR"), "/kit.bytes")))
});

#[expect(clippy::expect_used, reason = "the build script wrote both with the function that reads them")]
/// Reads what the build script wrote.
pub fn open(manifest: &'static str, contents: &'static [u8]) -> FrozenTree<'static> {
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
pub fn names() -> Result<TableNames, ProtocolError> {
    Ok(TableNames::of(&FROZEN.protocols()?))
}

/// The starter kit: the baseline's editable files.
pub fn kit() -> Tree {
    let files = KIT.iter().map(|(path, file)| (path.to_owned(), file.bytes.to_vec()));
    Tree { files: files.collect() }
}

/// What this program holds statements to, where the caller names no protocols of an organizer's own.
pub fn release() -> Result<Release<'static>, ProtocolError> {
    Release::of(judge(), &FROZEN, kit().digest())
}

/// What judges, besides the frozen tree: the verifier and this program, as they were compiled.
pub fn judge() -> ReleaseDigest {
    ReleaseDigest(Sha256::of(include_bytes!(concat!(env!("OUT_DIR"), "/release.manifest"))).0)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, env};

    use git2::{Repository, StatusOptions, TreeWalkMode, TreeWalkResult};
    use records::{Sha256, Verdict, v1::track::Track};

    use super::*;

    /// The frozen files of HEAD by path, out of the object database: neither the work tree, a filter of
    /// git's nor a replaced object can change what is read.
    fn committed(repository: &Repository) -> BTreeMap<String, Vec<u8>> {
        let tree = repository.head().unwrap().peel_to_tree().unwrap();
        let mut files = BTreeMap::new();
        tree.walk(TreeWalkMode::PreOrder, |folder, entry| {
            let path = format!("{folder}{}", entry.name().unwrap());
            if entry.kind() == Some(git2::ObjectType::Blob)
                && (path.starts_with("frozen/") || path == "editable/Cargo.toml")
            {
                assert_eq!(entry.filemode(), 0o100_644, "{path} is a link or has an exec bit");
                files.insert(path, repository.find_blob(entry.id()).unwrap().content().to_vec());
            }
            TreeWalkResult::Ok
        })
        .unwrap();
        files
    }

    /// What differs from HEAD in the work tree, new files included.
    fn changed(repository: &Repository) -> Vec<String> {
        let mut options = StatusOptions::new();
        options.include_untracked(true).recurse_untracked_dirs(true).disable_pathspec_match(true);
        for path in manifest::FROZEN {
            options.pathspec(path);
        }
        let statuses = repository.statuses(Some(&mut options)).unwrap();
        statuses.iter().map(|status| status.path().unwrap().to_owned()).collect()
    }

    #[test]
    fn the_compiled_tree_is_the_committed_one() {
        // Tests run in their package's folder.
        let repository = Repository::discover(env::current_dir().unwrap()).unwrap();
        let (committed, changed) = (committed(&repository), changed(&repository));
        let carried: BTreeMap<_, _> = tree().iter().collect();
        let untouched = |path: &str| !changed.iter().any(|other| other == path);
        for (path, bytes) in committed.iter().filter(|(path, _)| untouched(path)) {
            let file = carried.get(path.as_str()).unwrap_or_else(|| panic!("{path} is not compiled in"));
            assert!(file.bytes == bytes, "{path} differs from the commit");
            assert_eq!(file.digest, Sha256::of(bytes), "{path}");
        }
        for path in carried.keys().filter(|path| untouched(path)) {
            assert!(committed.contains_key(*path), "{path} is compiled in and not committed");
        }
        if changed.is_empty() {
            assert_eq!(digest().to_string(), manifest::digest(&manifest::pack(&committed).0));
        }
    }

    #[test]
    fn every_protocol_parses_and_no_scale_is_named_like_one() {
        let parsed = tree().protocols().unwrap();
        assert_eq!(parsed.len(), protocols().len());
        for protocol in &parsed {
            assert!(parsed.iter().all(|other| other.scale(&protocol.name).is_none()), "{}", protocol.name);
            for scale in &protocol.scales {
                assert!(
                    matches!(
                        verifier::config::resolve(kit().config(), &protocol.name, &scale.name, &names().unwrap()),
                        Verdict::Pass(_)
                    ),
                    "{} {}",
                    protocol.name,
                    scale.name
                );
            }
        }
    }

    #[test]
    fn the_baseline_and_the_second_entry_pass_policy() {
        let second = tree().iter().filter_map(|(path, file)| {
            let path = format!("editable/{}", path.strip_prefix("frozen/algorithms/openclip/")?);
            Track::Algorithm.is_editable(&path).then(|| (path, file.bytes.to_vec()))
        });
        for tree in [kit(), Tree { files: second.collect() }] {
            let verdict = verifier::policy::apply(&tree, &names().unwrap());
            assert!(matches!(verdict, Verdict::Pass(_)), "{verdict:#?}");
        }
    }
}
