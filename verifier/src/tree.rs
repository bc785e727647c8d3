//! The admitted tree: the editable files of a submission, and its digest.

use std::collections::BTreeMap;

use records::{Framed, TreeDigest, v1::language::Language};

/// Where the sources are.
pub const SOURCES: &str = "editable/src/";
/// The algorithm's configuration.
pub const CONFIG: &str = "editable/config.toml";
/// What people call the entry.
pub const SUBMISSION: &str = "editable/submission.toml";

/// The context of [`TreeDigest`].
const CONTEXT: &str = "maxclip submission tree v1";

/// The editable files of a submission, by path from the root: `editable/src/lib.rs`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    /// Paths and contents.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    /// The identity that results and seeds are bound to; see [`TreeDigest`] for its bytes.
    #[must_use]
    pub fn digest(&self) -> TreeDigest {
        let files: Vec<_> = self.files.iter().filter(|(path, _)| *path != SUBMISSION).collect();
        let framed = Framed::new(CONTEXT).list("files", files.into_iter(), |framed, (path, bytes)| {
            framed.text("path", path).bytes("content", bytes)
        });
        TreeDigest(framed.finish().0)
    }

    /// The sources, in order of their paths.
    pub fn sources(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files
            .iter()
            .filter(|(path, _)| path.starts_with(SOURCES))
            .map(|(path, bytes)| (path.as_str(), bytes.as_slice()))
    }

    /// The language that an admitted tree is written in: that of the file that its library starts from.
    #[must_use]
    pub fn language(&self) -> Language {
        Language::ALL.into_iter().find(|language| self.files.contains_key(language.root())).unwrap_or_default()
    }

    /// The text of `config.toml`; empty where there is none or where it is not UTF-8, which policy refuses.
    #[must_use]
    pub fn config(&self) -> &str {
        self.files.get(CONFIG).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        Tree { files: files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect() }
    }

    #[test]
    fn the_digest_is_that_of_another_implementation() {
        // Computed with BLAKE3's own Python binding from the layout that `TreeDigest` states.
        let files =
            [(CONFIG, "a=1"), ("editable/src/lib.rs", "mod loss;\n"), ("editable/src/loss.rs", ""), (SUBMISSION, "x")];
        assert_eq!(
            tree(&files).digest().to_string(),
            "submission:f1bbdd28e8b9a3c75f52e8be653c2c1290fe505c79a5ab1f342090cb58a67570"
        );
    }

    #[test]
    fn a_new_name_of_the_entry_keeps_the_digest() {
        let one = tree(&[(CONFIG, "a=1"), (SUBMISSION, "name = \"a\"")]);
        let two = tree(&[(CONFIG, "a=1"), (SUBMISSION, "name = \"b\"")]);
        assert_eq!(one.digest(), two.digest());
    }

    proptest! {
        #[test]
        fn moving_bytes_between_files_changes_the_digest(a in "[a-z]{0,8}", b in "[a-z]{1,8}") {
            let one = tree(&[("editable/src/a.rs", &a), ("editable/src/b.rs", &b)]);
            let two = tree(&[("editable/src/a.rs", &format!("{a}{}", &b[..1])), ("editable/src/b.rs", &b[1..])]);
            prop_assert_ne!(one.digest(), two.digest());
        }
    }
}
