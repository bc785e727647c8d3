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
    /// Lines of printable text; every other control character stands as an escape.
    pub text: String,
    /// BLAKE3 of the whole original.
    pub digest: Blake3,
}

const ATTACHMENT_BYTES: usize = 2048;

impl Attachment {
    /// Escapes and cuts what some program wrote.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut text = text.split('\n').map(escape).collect::<Vec<_>>().join("\n");
        if text.len() > ATTACHMENT_BYTES {
            let end = (0..=ATTACHMENT_BYTES).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
            text.truncate(end);
            text.push_str("..");
        }
        Self { text, digest: Blake3::of(bytes) }
    }
}

/// Makes hostile text harmless on one line of a terminal: whatever [`moves`] becomes `\n`, `\t` or `\u{..}`.
///
/// Escaping twice changes nothing.
#[must_use]
pub fn escape(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
        match c {
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if moves(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
        out
    })
}

/// Whether a character does something to the text around it: controls of both sets, separators of lines and
/// paragraphs, marks that reorder (bidirectional controls), and those that are there and not seen.
#[must_use]
pub fn moves(c: char) -> bool {
    let hidden = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    c.is_control() || hidden
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
    fn whatever_moves_text_is_escaped_and_nothing_else() {
        for c in (0..=0x10_ffff).filter_map(char::from_u32) {
            let escaped = escape(&format!("a{c}b"));
            assert!(!escaped.chars().any(moves), "{c:?}");
            assert_eq!(escape(&escaped), escaped);
        }
        assert_eq!(escape("\u{1b}[31m\n\t\u{85}"), "\\u{1b}[31m\\n\\t\\u{85}");
        assert_eq!(escape("a\u{202e}b\u{2028}c"), "a\\u{202e}b\\u{2028}c");
        let honest = "naïve Ω 東京 한국어 עברית नमस्ते 👩\u{200d}🔬 \\n";
        assert_eq!(escape(honest), honest);
    }

    #[test]
    fn a_finding_is_one_line_and_an_attachment_keeps_its_lines() {
        let finding = Finding::new(Rule::Diverged, "a\nb").expected("c\nd").found("e\nf").attach(b"g\nh\x1b\x07");
        assert_eq!((finding.place, finding.expected, finding.found), ("a\\nb".into(), "c\\nd".into(), "e\\nf".into()));
        assert_eq!(finding.attachment.unwrap().text, "g\nh\\u{1b}\\u{7}");
    }

    #[test]
    fn an_attachment_is_cut_at_a_character() {
        let long = "é".repeat(3000);
        let attachment = Attachment::of(long.as_bytes());
        assert!(attachment.text.len() <= ATTACHMENT_BYTES + 2);
        assert_eq!(attachment.digest, Blake3::of(long.as_bytes()));
    }
}
