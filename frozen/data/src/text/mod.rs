//! Captions as open_clip cleans them before it tokenises: repaired as ftfy 6.1.1 repairs them, entities
//! decoded twice as Python does, white space to single spaces, lower case.
//!
//! What a caption becomes decides which tokens a model sees, so every table here is pinned: characters are
//! those of Unicode 13, the version of Python 3.10 in which the reference runs, and none of the standard
//! library's own tables, which change with the compiler, is asked. `cargo xtask peers` holds the result to
//! ftfy's, digests in the tests hold the tables to Python's.
//!
//! - [`clean`]: the whole of it.
//! - `repair`: ftfy's `fix_text` in its default configuration, step after step until nothing changes.
//! - `mojibake`, `charmap`, `damage`: texts that were decoded with the wrong encoding, found and undone.
//! - `badness`, `clues`: which sequences of characters look as if they were.
//! - `entities`, `glyphs`, `unicode`: HTML, forms of characters, and what Python knows about them.

mod badness;
mod charmap;
mod clues;
mod damage;
mod entities;
mod glyphs;
mod mojibake;
mod repair;
mod tables;
mod unicode;

#[cfg(test)]
mod tests;

/// Bytes of a text that are looked at: far more than any context holds, and a bound on hostile captions.
const TEXT_BYTES_MAX: usize = 1 << 16;

/// open_clip's cleaning of a caption.
#[must_use]
pub fn clean(text: &str) -> String {
    let fixed = repair::repair(&text[..text.floor_char_boundary(TEXT_BYTES_MAX)]);
    let once = entities::decode_all(&fixed);
    let twice = entities::decode_all(&once);
    let words: Vec<_> = twice.split(unicode::is_space).filter(|word| !word.is_empty()).collect();
    unicode::lower(&words.join(" "))
}
