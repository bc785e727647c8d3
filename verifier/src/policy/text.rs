//! The text of a source as its language reads it, and places in it.
//!
//! Rust's compiler drops a byte order mark, turns CRLF into LF and drops a first line that looks like one for a
//! shell before it cuts tokens. What it would drop or read otherwise than people do is refused here, so that
//! what is judged is what is compiled. Python reads CRLF as LF too.
//! Source: the Rust reference, chapter "Input format".

use std::borrow::Cow;

/// What is wrong at a byte of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub at: usize,
    pub expected: Cow<'static, str>,
    pub found: String,
}

impl Fault {
    pub(super) fn new(at: usize, expected: impl Into<Cow<'static, str>>, found: impl Into<String>) -> Self {
        Self { at, expected: expected.into(), found: found.into() }
    }
}

/// The text up to the first byte that is not UTF-8, with lines that end as the compiler's do, and what is
/// wrong with it before a token is cut. `first` says what the language would read otherwise in its first bytes.
pub(super) fn read(bytes: &[u8], first: fn(&str) -> Option<Fault>) -> (String, Option<Fault>) {
    let (valid, odd) = match str::from_utf8(bytes) {
        Ok(text) => (text, None),
        Err(error) => {
            let (valid, rest) = bytes.split_at(error.valid_up_to());
            (str::from_utf8(valid).unwrap_or_default(), rest.first())
        }
    };
    let text = valid.replace("\r\n", "\n");
    let encoding = || odd.map(|byte| Fault::new(text.len(), "UTF-8", format!("the byte {byte:#04x}")));
    let fault = byte_order_mark(&text).or_else(|| first(&text)).or_else(|| control(&text)).or_else(encoding);
    (text, fault)
}

/// The line and column of a byte, both from 1; columns are characters.
pub(super) fn position(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..text.floor_char_boundary(at)];
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
    (line, column)
}

fn byte_order_mark(text: &str) -> Option<Fault> {
    text.starts_with('\u{feff}').then(|| Fault::new(0, "a file without a byte order mark", "U+FEFF"))
}

/// What a shell would read in the first bytes of Rust.
///
/// Stricter than the compiler, which also takes `#!`, space and then `[` for an attribute.
pub(super) fn first_line(text: &str) -> Option<Fault> {
    let shell = text.starts_with("#!") && !text.starts_with("#![");
    shell.then(|| Fault::new(0, "no line for a shell: the compiler would drop it unread", "`#!`"))
}

fn control(text: &str) -> Option<Fault> {
    let (at, odd) = text.char_indices().find(|&(_, c)| is_hidden(c))?;
    let found = format!("U+{:04X}", u32::from(odd));
    Some(Fault::new(at, "no control character, and none that hides or reorders text", found))
}

/// A control character other than tab and line feed, or one that is not seen or turns what is seen around.
fn is_hidden(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let unseen = matches!(c,
        '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{feff}'
        | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    turns || unseen || (c.is_control() && !matches!(c, '\n' | '\t'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_the_compiler_reads_them() {
        assert_eq!(read(b"a\r\nb\n", first_line), ("a\nb\n".to_owned(), None));
        assert_eq!(read(b"a\r\r\nb", first_line).1.unwrap().found, "U+000D");
    }

    #[test]
    fn a_place_counts_characters() {
        let text = "a\n/* \u{3c4} */ b";
        assert_eq!(position(text, text.len() - 1), (2, 9));
        assert_eq!(position(text, 6), (2, 4));
        assert_eq!(position("", 0), (1, 1));
    }

    #[test]
    fn what_is_not_utf_8_is_placed_after_what_is() {
        let (text, fault) = read(b"ab\r\nc\xff", first_line);
        let fault = fault.unwrap();
        assert_eq!((position(&text, fault.at), fault.found.as_str()), ((2, 2), "the byte 0xff"));
    }
}
