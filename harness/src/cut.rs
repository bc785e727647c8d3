//! Text of strangers, for one line of a screen: escaped, and cut to columns, so that it neither moves the text around
//! it nor wraps onto a line that could pass for one of ours.

use records::{Finding, verdict::escape};
use unicode_width::UnicodeWidthChar as _;

/// Columns of a text that has a line of its own.
pub const LINE: usize = 64;
/// Columns of a word among others.
pub const WORD: usize = 24;
/// Lines of what another program said, and findings of a stage.
pub const MANY: usize = 20;

/// At most so many columns of a text; what was left out is marked with `…`. A mark that is drawn over its
/// neighbour counts as a column, so that piling them up is over-long too.
#[must_use]
pub fn cut(text: &str, columns: usize) -> String {
    let text = escape(text);
    if self::columns(&text) <= columns {
        return text;
    }
    let mut left = columns.saturating_sub(1);
    let fits = |c: &char| {
        let fits = width(*c) <= left;
        left = left.saturating_sub(width(*c));
        fits
    };
    text.chars().take_while(fits).chain(['…']).collect()
}

/// How many columns an escaped text has.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(c: char) -> usize {
    c.width().unwrap_or(1).max(1)
}

/// A stranger's finding, each text of it cut.
#[must_use]
pub fn finding(finding: &Finding) -> Finding {
    let attachment = finding.attachment.as_ref().map(|attachment| {
        let mut lines: Vec<_> = attachment.text.lines().take(MANY).map(|line| cut(line, LINE)).collect();
        if attachment.text.lines().nth(MANY).is_some() {
            lines.push("…".to_owned());
        }
        records::Attachment { text: lines.join("\n"), digest: attachment.digest }
    });
    let [place, expected, found] = [&finding.place, &finding.expected, &finding.found].map(|text| cut(text, LINE));
    Finding { rule: finding.rule, place, expected, found, attachment }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_long_is_marked() {
        assert_eq!(cut("12345", 5), "12345");
        assert_eq!(cut("123456", 5), "1234…");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn columns_are_counted_and_not_characters() {
        assert_eq!(cut("東京", 4), "東京");
        assert_eq!(cut("東京都", 5), "東京…");
        assert_eq!(cut("東京都", 4), "東…");
        // A letter with a pile of accents is as long as the pile.
        assert_eq!(cut(&format!("a{}", "\u{301}".repeat(9)), 5), "a\u{301}\u{301}\u{301}…");
    }

    #[test]
    fn what_is_escaped_counts_as_it_is_shown() {
        assert_eq!(cut("a\nb", 4), "a\\nb");
        assert_eq!(cut("\u{1b}[31m", 6), "\\u{1b…");
    }
}
