//! A broken rule is an answer; being unable to judge is an error.

use serde::{Deserialize, Serialize};

use crate::{Blake3, Rule};

/// A rule was applied and answered. Being unable to apply it is an `Err`, never a `Fail`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict<T> {
    /// The rule holds; what was built while checking it.
    Pass(T),
    /// Rules that were broken: all of a stage at once.
    Fail(Vec<Finding>),
    /// This machine cannot judge.
    Inconclusive(Reason),
}

/// Why this machine cannot judge, and what would let it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// What is missing or unknown, as a sentence.
    pub why: String,
    /// What to do about it.
    pub hint: String,
}

/// One rule that was broken. Participants read this text: it must be enough to repair the ZIP.
///
/// Its canonical bytes are part of a verdict, so they come from the ZIP and the verifier alone. Text
/// that participants, libtorch, rustc or the system wrote is an [`Attachment`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finding {
    /// The rule's id.
    pub rule: Rule,
    /// Where: an entry of the ZIP, `file:line:column`, a step and a tensor.
    pub place: String,
    /// What should be there; empty where the rule's own text says it.
    pub expected: String,
    /// What is there.
    pub found: String,
    /// What someone else's program said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attachment: Option<Attachment>,
}

/// Text from outside: escaped, cut to 2 KiB, and never part of what a rule says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    /// Printable text; control characters stand as escapes.
    pub text: String,
    /// BLAKE3 of the whole original.
    pub digest: Blake3,
}

const ATTACHMENT_BYTES: usize = 2048;

impl Attachment {
    /// Escapes and cuts what some program wrote.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut text = escape(&String::from_utf8_lossy(bytes));
        if text.len() > ATTACHMENT_BYTES {
            let end = (0..=ATTACHMENT_BYTES).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            text.truncate(end);
            text.push_str("..");
        }
        Self { text, digest: Blake3::of(bytes) }
    }
}

/// Makes hostile text harmless for a terminal: line breaks and tabs stay, all other control characters
/// and the marks that reorder text (bidirectional controls) become `\u{..}`.
#[must_use]
pub fn escape(text: &str) -> String {
    let reorders =
        |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}');
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        if c == '\n' || c == '\t' || !(c.is_control() || reorders(c)) {
            out.push(c);
        } else {
            out.extend(c.escape_unicode());
        }
        out
    })
}

impl Finding {
    /// A broken rule at a place.
    #[must_use]
    pub fn new(rule: Rule, place: impl Into<String>) -> Self {
        Self { rule, place: escape(&place.into()), expected: String::new(), found: String::new(), attachment: None }
    }

    /// Says what should be there.
    #[must_use]
    pub fn expected(mut self, expected: impl std::fmt::Display) -> Self {
        self.expected = escape(&expected.to_string());
        self
    }

    /// Says what is there.
    #[must_use]
    pub fn found(mut self, found: impl std::fmt::Display) -> Self {
        self.found = escape(&found.to_string());
        self
    }

    /// Adds what another program said.
    #[must_use]
    pub fn attach(mut self, bytes: &[u8]) -> Self {
        self.attachment = Some(Attachment::of(bytes));
        self
    }
}

/// Why a program of ours ended without a result; its last line on stdout, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// A rule was broken.
    Finding(Finding),
    /// This machine cannot judge.
    Reason(Reason),
}

impl<T> Verdict<T> {
    /// Goes on with what passed.
    #[must_use]
    pub fn map<U>(self, with: impl FnOnce(T) -> U) -> Verdict<U> {
        match self {
            Self::Pass(value) => Verdict::Pass(with(value)),
            Self::Fail(findings) => Verdict::Fail(findings),
            Self::Inconclusive(reason) => Verdict::Inconclusive(reason),
        }
    }

    /// `Pass` where there is no finding.
    #[must_use]
    pub fn from_findings(value: T, findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Pass(value) } else { Self::Fail(findings) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_of_both_sets_are_escaped() {
        for c in (0u32..0x20).chain(0x7f..0xa0).filter_map(char::from_u32).filter(|c| !matches!(c, '\n' | '\t')) {
            assert!(!escape(&format!("a{c}b")).contains(c), "{c:?}");
        }
        assert_eq!(escape("\u{1b}[31m"), "\\u{1b}[31m");
        assert_eq!(escape("a\u{202e}b"), "a\\u{202e}b");
    }

    #[test]
    fn an_attachment_is_cut_at_a_character() {
        let long = "é".repeat(3000);
        let attachment = Attachment::of(long.as_bytes());
        assert!(attachment.text.len() <= ATTACHMENT_BYTES + 2);
        assert_eq!(attachment.digest, Blake3::of(long.as_bytes()));
    }
}
