//! HTML's names for characters, as Python's `html.unescape` reads them and as ftfy does.
//!
//! The two differ: Python takes whatever could be meant, `&ampx` among it, as browsers do; ftfy only what
//! ends in a semicolon, and in addition names that somebody wrote in capitals. The names are HTML's list.

use std::borrow::Cow;

use htmlize::ENTITIES;

use super::charmap;

/// The longest name that Python looks for, in characters without `&` and `;`.
const NAME_MAX: usize = 32;

/// The longest that ftfy looks for.
const CLOSED_NAME_MAX: usize = 24;

/// `html.unescape`: every reference, closed by a semicolon or not.
pub fn decode_all(text: &str) -> Cow<'_, str> {
    replace(text, |rest| {
        if let Some(found) = number(rest) {
            return Some(found);
        }
        let stop = |c: char| matches!(c, '\t' | '\n' | '\u{c}' | ' ' | '<' | '&' | '#' | ';');
        let body = &rest[1..];
        let name = body.char_indices().take(NAME_MAX).take_while(|(_, c)| !stop(*c)).map(|(at, c)| at + c.len_utf8());
        let end = 1 + name.last()?;
        let closed = end + usize::from(rest[end..].starts_with(';'));
        // The whole of it, or the longest start of at least two characters.
        let starts = (3..closed).rev().filter(|end| rest.is_char_boundary(*end));
        std::iter::once(closed).chain(starts).find_map(|end| Some((named(&rest[..end])?, end)))
    })
}

/// ftfy's `unescape_html`: only what a semicolon closes.
pub fn decode_closed(text: &str) -> Cow<'_, str> {
    replace(text, |rest| {
        let body = rest[1..].strip_prefix('#').unwrap_or(&rest[1..]);
        let letters = body.bytes().take_while(u8::is_ascii_alphanumeric).count();
        let closed = body[letters..].starts_with(';') && (1..=CLOSED_NAME_MAX).contains(&letters);
        let end = rest.len() - body.len() + letters + 1;
        let reference = closed.then(|| &rest[..end])?;
        if reference.starts_with("&#") {
            let decoded = decode_all(reference);
            return (!decoded.contains(';')).then(|| (decoded.into_owned(), end));
        }
        Some((named(reference).or_else(|| capitals(reference))?, end))
    })
}

/// Replaces what a function finds at an ampersand: the characters meant, and how many bytes they took.
fn replace(text: &str, find: impl Fn(&str) -> Option<(String, usize)>) -> Cow<'_, str> {
    let mut out: Option<String> = None;
    let mut done = 0;
    let mut from = 0;
    while let Some(at) = text[from..].find('&').map(|at| from + at) {
        from = at + 1;
        if let Some((meant, length)) = find(&text[at..]) {
            let out = out.get_or_insert_default();
            out.push_str(&text[done..at]);
            out.push_str(&meant);
            done = at + length;
            from = done;
        }
    }
    match out {
        None => Cow::Borrowed(text),
        Some(out) => Cow::Owned(out + &text[done..]),
    }
}

/// The characters of a name with its `&`, and its semicolon where it has one.
fn named(reference: &str) -> Option<String> {
    let meant = ENTITIES.get(reference.as_bytes())?;
    Some(String::from_utf8_lossy(meant).into_owned())
}

/// The capitals of a name that stands in capitals, where the list has it in small letters alone.
fn capitals(reference: &str) -> Option<String> {
    let small = reference.to_ascii_lowercase();
    let in_capitals = small.to_ascii_uppercase() == reference && decode_all(reference) == reference;
    // Characters that the list names have had their capitals since long before Unicode 13.
    if in_capitals { named(&small).map(|meant| meant.to_uppercase()) } else { None }
}

/// A numeric reference at the start of a text, decimal or hexadecimal, and its length.
fn number(rest: &str) -> Option<(String, usize)> {
    let body = rest.strip_prefix("&#")?;
    let (radix, digits) = match body.strip_prefix(['x', 'X']) {
        Some(digits) => (16, digits),
        None => (10, body),
    };
    let length = digits.bytes().take_while(|byte| char::from(*byte).is_digit(radix)).count();
    if length == 0 {
        return None;
    }
    let grow = |sum: u32, c: char| sum.saturating_mul(radix).saturating_add(c.to_digit(radix).unwrap_or(0));
    let code = digits[..length].chars().fold(0, grow);
    let end = rest.len() - digits.len() + length;
    Some((character(code), end + usize::from(rest[end..].starts_with(';'))))
}

/// What a number stands for: Windows-1252 among the controls, nothing for what is no character.
fn character(code: u32) -> String {
    match code {
        0 => '\u{fffd}'.into(),
        0x0d => '\r'.into(),
        0x80..=0x9f => charmap::windows_1252(code as u8).into(),
        0x01..=0x08 | 0x0b | 0x0e..=0x1f | 0x7f | 0xfdd0..=0xfdef => String::new(),
        code => match char::from_u32(code) {
            None => '\u{fffd}'.into(),
            Some(_) if code & 0xfffe == 0xfffe => String::new(),
            Some(c) => c.into(),
        },
    }
}
