//! Words as a shell reads them: what is printed to be given again.

use std::path::Path;

/// A word of a command line, quoted where a shell would read something else.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// A path as a word of a command line.
pub fn path(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_word_that_was_meant() {
        assert_eq!(quoted("runs/entries/a-1"), "runs/entries/a-1");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("Lakes & ponds"), "'Lakes & ponds'");
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
