//! The frozen tree as a manifest and its bytes: what every entry runs against, and what a ZIP's copies
//! are compared with.
//!
//! The harness compiles both in, as `frozen/manifest` writes them; nothing here reads a file.

use std::{borrow::Cow, collections::BTreeMap};

use records::{
    FrozenDigest, Sha256,
    v1::{protocol::Protocol, protocol::ProtocolError},
};

/// A manifest that does not describe its bytes: the build of this program is broken.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the compiled-in manifest is broken at line {line}: {why}")]
pub struct FrozenError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: &'static str,
}

/// One frozen file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrozenFile<'a> {
    /// SHA-256 of the content.
    pub digest: Sha256,
    /// The content.
    pub bytes: &'a [u8],
}

/// The frozen files by path, and their digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrozenTree<'a> {
    files: BTreeMap<&'a str, FrozenFile<'a>>,
    digest: FrozenDigest,
}

impl<'a> FrozenTree<'a> {
    /// Reads a manifest over the concatenated contents of its files, in its order.
    ///
    /// The contents are taken at the manifest's word (hashing them is a test's work, not every start's).
    pub fn new(manifest: &'a str, contents: &'a [u8]) -> Result<Self, FrozenError> {
        let mut files = BTreeMap::new();
        let (mut at, mut last) = (0usize, "");
        for (index, line) in manifest.lines().enumerate() {
            let error = |why| FrozenError { line: index + 1, why };
            let (digest, rest) = line.split_once("  ").ok_or(error("no digest"))?;
            let (length, path) = rest.split_once("  ").ok_or(error("no length"))?;
            let digest = format!("sha256:{digest}").parse().map_err(|_| error("not a digest"))?;
            let length: usize = length.parse().map_err(|_| error("not a length"))?;
            let end = at.checked_add(length).ok_or(error("a length past the end"))?;
            let bytes = contents.get(at..end).ok_or(error("a length past the end"))?;
            if path <= last {
                return Err(error("not sorted by path"));
            }
            (at, last) = (end, path);
            files.insert(path, FrozenFile { digest, bytes });
        }
        let digest = FrozenDigest(Sha256::of(manifest.as_bytes()).0);
        Ok(Self { files, digest })
    }

    /// The identity that certificates bind to.
    #[must_use]
    pub fn digest(&self) -> FrozenDigest {
        self.digest
    }

    /// A file by its path from the root of the checkout: `frozen/protocols/mini.toml`.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<FrozenFile<'a>> {
        self.files.get(path).copied()
    }

    /// All files in order.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, FrozenFile<'a>)> + '_ {
        self.files.iter().map(|(path, file)| (*path, *file))
    }

    /// How many files there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Every protocol, parsed, in order of their file names.
    pub fn protocols(&self) -> Result<Vec<Protocol>, ProtocolError> {
        self.protocol_texts().map(|text| Ok(Protocol::parse(&text)?.0)).collect()
    }

    /// The text of each `frozen/protocols/*.toml`, in order of their file names.
    pub fn protocol_texts(&self) -> impl Iterator<Item = Cow<'a, str>> + '_ {
        let is_protocol = |path: &str| {
            path.strip_prefix("frozen/protocols/").is_some_and(|name| name.ends_with(".toml") && !name.contains('/'))
        };
        self.iter().filter(move |(path, _)| is_protocol(path)).map(|(_, file)| String::from_utf8_lossy(file.bytes))
    }
}

#[cfg(test)]
mod tests {
    use manifest::pack;

    use super::*;

    #[test]
    fn what_was_packed_is_read_back() {
        let files = BTreeMap::from([("a/b".to_owned(), b"one".to_vec()), ("a/c".to_owned(), Vec::new())]);
        let (manifest, contents) = pack(&files);
        let tree = FrozenTree::new(&manifest, &contents).unwrap();
        assert_eq!(tree.len(), 2);
        assert_eq!(tree.get("a/b").unwrap().bytes, b"one");
        assert_eq!(tree.get("a/b").unwrap().digest, Sha256::of(b"one"));
        assert_eq!(tree.digest().to_string(), manifest::digest(&manifest));
    }

    #[test]
    fn a_broken_manifest_is_named_by_its_line() {
        let files = BTreeMap::from([("a".to_owned(), b"one".to_vec()), ("b".to_owned(), b"two".to_vec())]);
        let (manifest, contents) = pack(&files);
        assert_eq!(FrozenTree::new(&manifest, &contents[..5]).unwrap_err().line, 2);
        let swapped: Vec<_> = manifest.lines().rev().collect();
        assert_eq!(FrozenTree::new(&swapped.join("\n"), &contents).unwrap_err().why, "not sorted by path");
        assert_eq!(FrozenTree::new("nonsense\n", b"").unwrap_err().why, "no digest");
    }
}
