//! Names of what lies in an entry's folder, and of what protocols name.

use std::fmt;

/// What lies in an entry's folder beside its runs: no scale is called like one.
pub const TAKEN: [&str; 7] =
    ["certificate.json", "entry", "golden.json", "stages", "statement.json", "trial", "worker"];

/// What a name is made of, for people.
pub const LETTERS: &str = "A-Z, a-z, 0-9, `.`, `_` and `-`, at most 64, that does not start with `.`";

/// Whether a text can stand in a path as it is: [`LETTERS`].
#[must_use]
pub fn is_name(text: &str) -> bool {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b'-');
    !text.is_empty() && text.len() <= 64 && !text.starts_with('.') && text.bytes().all(allowed)
}

/// One training of an entry: a scale and a repeat. Its text, `small/1`, is the run's folder below the entry's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunName<'a> {
    /// The scale.
    pub scale: &'a str,
    /// From 1.
    pub repeat: u32,
}

impl fmt::Display for RunName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.scale, self.repeat)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_stand_in_a_path() {
        for name in ["a", "ViT-B-32", "wds_vtab-caltech101_test", "v1.2", &"x".repeat(64)] {
            assert!(is_name(name), "{name:?}");
        }
        for name in ["", ".", "..", ".a", "a/b", "a\\b", "a b", "é", "a\0", &"x".repeat(65)] {
            assert!(!is_name(name), "{name:?}");
        }
    }

    #[test]
    fn a_runs_folder_is_its_scale_and_repeat() {
        assert_eq!(RunName { scale: "small", repeat: 2 }.to_string(), "small/2");
    }
}
