//! What Python 3.10 says about characters: lower case, white space, digits, composition.
//!
//! Unicode promises that a character, once assigned, keeps its composition, and nothing of the sort for its
//! case. So composition is a library's, kept away from what Unicode 13 does not know yet, and the rest is
//! looked up in [`tables`](super::tables).

use std::{borrow::Cow, cmp::Ordering};

use unicode_normalization::UnicodeNormalization as _;

use super::tables::{CASED, DIGIT, IGNORABLE, LOWER, UNASSIGNED, WORD};

/// The only letter whose lower case is two characters: a capital I with a dot becomes an i and a dot above.
const DOTTED_I: char = '\u{130}';

/// The capital sigma, whose lower case depends on where in a word it stands.
const SIGMA: char = '\u{3a3}';

/// Below it every text is composed as it stands.
const FIRST_COMBINING: char = '\u{300}';

fn within(ranges: &[(u32, u32)], c: char) -> bool {
    let code = u32::from(c);
    let place = |&(first, last): &(u32, u32)| match () {
        () if code < first => Ordering::Greater,
        () if code > last => Ordering::Less,
        () => Ordering::Equal,
    };
    ranges.binary_search_by(place).is_ok()
}

/// `\s`, and what `str.strip` takes.
pub fn is_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | '\u{1c}'..=' ' | '\u{85}' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}')
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// `\d`.
pub fn is_digit(c: char) -> bool {
    if c.is_ascii() { c.is_ascii_digit() } else { within(DIGIT, c) }
}

/// `\w`.
pub fn is_word(c: char) -> bool {
    within(WORD, c)
}

/// `str.lower`.
pub fn lower(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        match c {
            DOTTED_I => out.push_str("i\u{307}"),
            SIGMA if ends_a_word(&text[..at], &text[at + c.len_utf8()..]) => out.push('\u{3c2}'),
            c => out.push(lower_of(c)),
        }
    }
    out
}

/// The lower case of a character that has one of its own, or the character.
fn lower_of(c: char) -> char {
    let code = u32::from(c);
    let run = LOWER.partition_point(|&(_, last, ..)| last < code);
    match LOWER.get(run) {
        Some(&(first, _, step, delta)) if first <= code && (code - first) % step == 0 => {
            code.checked_add_signed(delta).and_then(char::from_u32).unwrap_or(c)
        }
        _ => c,
    }
}

/// Whether a sigma between two texts is the last letter of a word and not the only one.
fn ends_a_word(before: &str, after: &str) -> bool {
    let cased = |c: Option<char>| c.is_some_and(|c| within(CASED, c));
    let seen = |c: &char| !within(IGNORABLE, *c);
    cased(before.chars().rev().find(seen)) && !cased(after.chars().find(seen))
}

/// `unicodedata.normalize("NFC", text)`.
pub fn compose(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| c < FIRST_COMBINING) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for part in text.split_inclusive(|c| within(UNASSIGNED, c)) {
        let known = part.trim_end_matches(|c| within(UNASSIGNED, c));
        out.extend(known.nfc());
        out.push_str(&part[known.len()..]);
    }
    Cow::Owned(out)
}
