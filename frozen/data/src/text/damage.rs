//! Bytes that were UTF-8 once: what may be put back before they are read, and the variants of UTF-8.

use super::charmap::LOST;

/// Inclusive ranges of bytes.
type Bytes = &'static [(u8, u8)];
type Pattern = &'static [Bytes];

const SPACE: Bytes = &[(b' ', b' ')];
const MARK: Bytes = &[(b'?', b'?')];
const GONE: Bytes = &[(LOST, LOST)];
const GONE_OR_MARK: Bytes = &[(LOST, LOST), (b'?', b'?')];
const NEXT: Bytes = &[(0x80, 0xbf)];
const NEXT_OR_GONE: Bytes = &[(LOST, LOST), (0x80, 0xbf)];
const NEXT_OR_LOST: Bytes = &[(LOST, LOST), (b'?', b'?'), (0x80, 0xbf)];
/// A second or third byte beside which a space can have been 0xa0: 0x85 is more often an ellipsis.
const NEXT_BESIDE: Bytes = &[(0x80, 0x84), (0x86, 0x9f), (0xa1, 0xbf)];
const HIGH_HALF: [Bytes; 2] = [&[(0xed, 0xed)], &[(0xa0, 0xaf)]];
const LOW_HALF: [Bytes; 2] = [&[(0xed, 0xed)], &[(0xb0, 0xbf)]];
const OF_3: Bytes = &[(0xe0, 0xef)];
const OF_4: Bytes = &[(0xf0, 0xf4)];

/// UTF-8 in which a 0xa0 has become a space, where the character is a likely one.
const SPACED: &[Pattern] = &[
    &[&[(0xc2, 0xc3), (0xc5, 0xc5), (0xce, 0xce), (0xd0, 0xd0), (0xd9, 0xd9)], SPACE],
    &[&[(0xe2, 0xe3)], SPACE, NEXT_BESIDE],
    &[&[(0xe0, 0xe3)], NEXT_BESIDE, SPACE],
    &[&[(0xf0, 0xf0)], SPACE, NEXT, NEXT],
    &[&[(0xf0, 0xf0)], NEXT, SPACE, NEXT],
    &[&[(0xf0, 0xf0)], NEXT, NEXT, SPACE],
];

/// UTF-8, or its halves of surrogates, in which bytes were lost; at most one of them is a question mark.
const LOSSY: &[Pattern] = &[
    &[&[(0xc2, 0xdf)], GONE],
    &[&[(0xc2, 0xc3)], MARK],
    &[HIGH_HALF[0], HIGH_HALF[1], GONE_OR_MARK, LOW_HALF[0], LOW_HALF[1], NEXT_OR_LOST],
    &[HIGH_HALF[0], HIGH_HALF[1], NEXT_OR_LOST, LOW_HALF[0], LOW_HALF[1], GONE_OR_MARK],
    &[OF_3, GONE_OR_MARK, NEXT_OR_GONE],
    &[OF_3, NEXT_OR_GONE, GONE_OR_MARK],
    &[OF_4, GONE_OR_MARK, NEXT_OR_GONE, NEXT_OR_GONE],
    &[OF_4, NEXT_OR_GONE, GONE_OR_MARK, NEXT_OR_GONE],
    &[OF_4, NEXT_OR_GONE, NEXT_OR_GONE, GONE_OR_MARK],
    &[GONE],
];

/// Endings of Portuguese words that begin with an a and a grave accent: no word ends before them.
const PORTUGUESE: [&[u8]; 4] = [b"quele", b"quela", b"quilo", b"s "];

fn within(set: Bytes, byte: u8) -> bool {
    set.iter().any(|(first, last)| (*first..=*last).contains(&byte))
}

/// How long the first pattern is that applies at the start of some bytes.
fn find(patterns: &[Pattern], bytes: &[u8]) -> Option<usize> {
    let applies = |pattern: &&Pattern| {
        pattern.len() <= bytes.len() && pattern.iter().zip(bytes).all(|(set, byte)| within(set, *byte))
    };
    patterns.iter().find(applies).map(|pattern| pattern.len())
}

/// Writes bytes anew, with what a function makes of those at a place and how many they were.
fn rewrite(bytes: &[u8], mut step: impl FnMut(&[u8], &mut Vec<u8>) -> Option<usize>) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        at += step(&bytes[at..], &mut out).unwrap_or_else(|| {
            out.push(bytes[at]);
            1
        });
    }
    out
}

/// Makes a space a no-break space again, where that is what UTF-8 misses.
pub fn restore_spaces(bytes: Vec<u8>) -> Vec<u8> {
    if !(0..bytes.len()).any(|at| find(SPACED, &bytes[at..]).is_some()) {
        return bytes;
    }
    // An a with a grave accent is mostly a word of its own, which keeps the space behind it.
    let words = rewrite(&bytes, |rest, out| {
        let after = rest.strip_prefix(b"\xc3 ")?;
        let goes_on = after.starts_with(b" ") || PORTUGUESE.iter().any(|ending| after.starts_with(ending));
        (!goes_on).then(|| out.extend(b"\xc3\xa0 "))?;
        Some(2)
    });
    rewrite(&words, |rest, out| {
        let length = find(SPACED, rest)?;
        out.extend(rest[..length].iter().map(|byte| if *byte == b' ' { 0xa0 } else { *byte }));
        Some(length)
    })
}

/// Replaces each sequence of which bytes were lost by U+FFFD.
pub fn mark_lost(bytes: &[u8]) -> Vec<u8> {
    rewrite(bytes, |rest, out| {
        let length = find(LOSSY, rest)?;
        out.extend("\u{fffd}".bytes());
        Some(length)
    })
}

/// Reads UTF-8; where the bytes hint at them, also Java's zero and surrogates that were encoded one by one.
pub fn read(bytes: &[u8]) -> Option<String> {
    if bytes.contains(&0xed) || bytes.contains(&0xc0) { variants(bytes) } else { utf_8(bytes) }
}

fn utf_8(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn variants(bytes: &[u8]) -> Option<String> {
    let mut out = String::new();
    let (mut done, mut at) = (0, 0);
    while at < bytes.len() {
        let Some((c, length)) = variant(&bytes[at..]) else {
            at += 1;
            continue;
        };
        out.push_str(&utf_8(&bytes[done..at])?);
        out.push(c);
        at += length;
        done = at;
    }
    out.push_str(&utf_8(&bytes[done..])?);
    Some(out)
}

/// What UTF-8 proper does not know, at the start of some bytes.
///
/// The reference takes the line feed that ends a text for the byte that ends a sequence; so does this.
fn variant(bytes: &[u8]) -> Option<(char, usize)> {
    match *bytes {
        [0xc0, 0x80, ..] | [0xc0, b'\n'] => Some(('\0', 2)),
        [0xed, a @ 0xa0..=0xaf, b @ 0x80..=0xbf, 0xed, c @ 0xb0..=0xbf, d, ref rest @ ..]
            if within(NEXT, d) || (d == b'\n' && rest.is_empty()) =>
        {
            let part = |byte: u8, mask: u8, shift: u32| u32::from(byte & mask) << shift;
            let code = part(a, 0xf, 16) + part(b, 0x3f, 10) + part(c, 0xf, 6) + part(d, 0x3f, 0) + 0x1_0000;
            char::from_u32(code).map(|c| (c, 6))
        }
        _ => None,
    }
}
