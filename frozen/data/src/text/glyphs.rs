//! Forms of characters that stand for plainer ones, and characters that nobody meant to write.

use unicode_normalization::UnicodeNormalization as _;

use super::{charmap, unicode};

/// One character for one: the rules that look at no neighbour but a line feed after a carriage return.
///
/// In the order in which they follow each other: controls of Latin-1 are taken for Windows-1252, ligatures and
/// digraphs of Latin letters are taken apart, wide and narrow forms become the usual ones, curly quotes
/// straight ones, and every end of a line a line feed.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut returned = false;
    for c in text.chars() {
        let c = charmap::without_control(c);
        match c {
            '\n' if returned => {}
            '\r' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\u{2bc}' | '\u{2018}'..='\u{201b}' => out.push('\''),
            '\u{201c}'..='\u{201f}' => out.push('"'),
            '\u{3000}' => out.push(' '),
            '\u{ff01}'..='\u{ffef}' => out.extend(std::iter::once(c).nfkc()),
            c => match letters(c) {
                Some(letters) => out.push_str(letters),
                None => out.push(c),
            },
        }
        returned = c == '\r';
    }
    out
}

/// The letters of a ligature, or of two letters that an old encoding had as one. The apostrophe of the Afrikaans
/// one, a curly quote, is straight already.
fn letters(c: char) -> Option<&'static str> {
    Some(match c {
        'Ĳ' => "IJ",
        'ĳ' => "ij",
        'ŉ' => "'n",
        'Ǆ' => "DŽ",
        'ǅ' => "Dž",
        'ǆ' => "dž",
        'Ǉ' => "LJ",
        'ǈ' => "Lj",
        'ǉ' => "lj",
        'Ǌ' => "NJ",
        'ǋ' => "Nj",
        'ǌ' => "nj",
        'Ǳ' => "DZ",
        'ǲ' => "Dz",
        'ǳ' => "dz",
        'ﬀ' => "ff",
        'ﬁ' => "fi",
        'ﬂ' => "fl",
        'ﬃ' => "ffi",
        'ﬄ' => "ffl",
        'ﬅ' => "ſt",
        'ﬆ' => "st",
        _ => return None,
    })
}

/// Removes escape sequences of terminals: escape, `[`, digits and semicolons, one Latin letter.
pub fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let after = rest[at + 2..].trim_start_matches(|c| c == ';' || unicode::is_digit(c));
        let ended = after.starts_with(|c: char| c.is_ascii_alphabetic());
        out.push_str(if ended { &rest[..at] } else { &rest[..at + 2] });
        rest = if ended { &after[1..] } else { &rest[at + 2..] };
    }
    out.push_str(rest);
    out
}

/// Whether a character controls something that no text has any more: ASCII's controls but for white space,
/// Arabic's deprecated ones, annotations, the object replacement and the byte order mark.
pub fn is_control(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}')
        || matches!(c, '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
}
