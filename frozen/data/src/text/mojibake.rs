//! Undoes mojibake: a text in UTF-8 that somebody read in another encoding, once or several times.

use std::borrow::Cow;

use super::{
    badness::is_bad,
    charmap::{self, Charmap},
    clues::{FIRST_OF_2, FIRST_OF_3, FIRST_OF_4, Kinds, NEXT, NEXT_STRICT, kinds},
    damage,
};

/// ftfy's `fix_encoding`: one reading after another is undone until nothing changes.
pub fn undo(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    while let Some(fixed) = step(&text).filter(|fixed| *fixed != text) {
        text = Cow::Owned(fixed);
    }
    text
}

/// Undoes one reading, where there is one to undo.
fn step(text: &str) -> Option<String> {
    if text.is_ascii() || !is_bad(text) {
        return None;
    }
    if let Some(read) = charmap::all().iter().find_map(|charmap| reread(charmap, charmap.bytes(text)?)) {
        return Some(read);
    }
    if let Some(fixed) = embedded(text).filter(|fixed| fixed != text) {
        return Some(fixed);
    }
    // What of Latin-1 is a control was meant as Windows-1252, in a text of other characters, too.
    text.contains(charmap::is_control).then(|| text.chars().map(charmap::without_control).collect())
}

/// Reads the bytes of an encoding as UTF-8, after putting back what may have been lost on the way.
fn reread(charmap: &Charmap, bytes: Vec<u8>) -> Option<String> {
    let bytes = damage::restore_spaces(bytes);
    if charmap.lossy { damage::read(&damage::mark_lost(&bytes)) } else { damage::read(&bytes) }
}

/// Undoes what looks like UTF-8 within a text that as a whole is not; none where nothing looks so.
fn embedded(text: &str) -> Option<String> {
    let characters: Vec<(usize, Kinds)> = text.char_indices().map(|(at, c)| (at, kinds(c))).collect();
    let place = |number: usize| characters.get(number).map_or(text.len(), |(at, _)| *at);
    let mut out: Option<String> = None;
    let (mut done, mut at) = (0, 0);
    while at < characters.len() {
        // In the middle of a larger garble a few characters would only make it worse.
        let within = at > 0 && characters[at - 1].1 & NEXT_STRICT != 0;
        let end = if within { at } else { sequences(&characters, at) };
        if end == at {
            at += 1;
            continue;
        }
        let part = &text[place(at)..place(end)];
        if part.len() < text.len() && is_bad(part) {
            let out = out.get_or_insert_default();
            out.push_str(&text[place(done)..place(at)]);
            out.push_str(&undo(part));
            done = end;
        }
        at = end;
    }
    out.map(|out| out + &text[place(done)..])
}

/// Where the sequences of UTF-8 end that follow each other from a place on.
fn sequences(characters: &[(usize, Kinds)], from: usize) -> usize {
    let mut at = from;
    while let Some((_, first)) = characters.get(at) {
        let more = match first {
            first if first & FIRST_OF_2 != 0 => 1,
            first if first & FIRST_OF_3 != 0 => 2,
            first if first & FIRST_OF_4 != 0 => 3,
            _ => break,
        };
        match characters.get(at + 1..=at + more) {
            Some(next) if next.iter().all(|(_, kinds)| kinds & NEXT != 0) => at += more + 1,
            _ => break,
        }
    }
    at
}
