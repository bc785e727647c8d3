//! Languages: in what an entry is written.
//!
//! An entry says it once, in `submission.toml`, and its sources are all of that language. The endings of their names, the
//! file that a library starts from and what a source may import are read here: gate and packing keep no list of their own,
//! and that of the importer in Python is held to this one by a test.

use serde::{Deserialize, Serialize};

/// What an entry is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// Compiled into an object. What an entry is written in that names no language.
    #[default]
    Rust,
    /// Interpreted, with torch.
    Python,
}

/// The modules that a Python source may import from: what an answer takes, and nothing that reaches outside it.
///
/// `__future__` is none that holds anything: with it a source says how its own annotations are read.
pub const PYTHON_MODULES: [&str; 10] = [
    "__future__",
    "collections",
    "contract",
    "dataclasses",
    "enum",
    "functools",
    "itertools",
    "math",
    "torch",
    "typing",
];

impl Language {
    /// Every language of this release.
    pub const ALL: [Self; 2] = [Self::Rust, Self::Python];

    /// The word of `submission.toml`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
        }
    }

    /// The language of that word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.word() == word)
    }

    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::Python => "Python",
        }
    }

    /// How the name of a source ends.
    #[must_use]
    pub fn ending(self) -> &'static str {
        match self {
            Self::Rust => ".rs",
            Self::Python => ".py",
        }
    }

    /// The source that the library starts from, by its path in a submission.
    #[must_use]
    pub fn root(self) -> &'static str {
        match self {
            Self::Rust => "editable/src/lib.rs",
            Self::Python => "editable/src/lib.py",
        }
    }

    /// The language of a source, by how its path ends.
    #[must_use]
    pub fn of(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| path.ends_with(language.ending()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_is_called_by_one_word_and_known_by_its_sources() {
        for language in Language::ALL {
            assert_eq!(serde_json::to_value(language).unwrap(), language.word());
            assert_eq!(Language::named(language.word()), Some(language));
            assert_eq!(Language::of(language.root()), Some(language));
        }
        assert_eq!((Language::named("Python"), Language::of("editable/src/lib.pyc")), (None, None));
        assert_eq!(Language::default(), Language::Rust);
    }

    #[test]
    fn the_modules_are_in_order_and_stand_once() {
        assert!(PYTHON_MODULES.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_importer_in_python_allows_the_same_modules() {
        let importer = include_str!("../../../contract-python/contract/entries.py");
        let list = importer.lines().find_map(|line| line.strip_prefix("ALLOWED = (")?.strip_suffix(')')).unwrap();
        let mut allowed: Vec<_> = list.split(", ").map(|word| word.trim_matches('"')).collect();
        // Python has it in every source, and the importer lets it through without naming it to anybody.
        assert!(importer.contains("root not in ALLOWED and root != \"__future__\""));
        allowed.push("__future__");
        allowed.sort_unstable();
        assert_eq!(allowed, PYTHON_MODULES);
    }
}
