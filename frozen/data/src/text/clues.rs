//! Kinds of characters by what they do in mojibake. A character can be of several.
//!
//! Some 400 characters occur where UTF-8 is read in one of the encodings of [`charmap`](super::charmap). Which
//! of them is common, which is nearly never written on purpose, and which byte of UTF-8 it may have been, are
//! ftfy 6.1.1's findings; the tables here say the same, sorted and as ranges. A digest in the tests holds
//! them to ftfy's.

use std::sync::LazyLock;

use super::unicode;

/// A set of kinds, a bit each.
pub type Kinds = u32;

/// Controls of Latin-1.
pub const C1: Kinds = 1;
/// Hardly ever written on purpose.
pub const BAD: Kinds = 1 << 1;
/// Currencies.
pub const CURRENCY: Kinds = 1 << 2;
/// Marks that open something.
pub const OPENING: Kinds = 1 << 3;
/// Marks that close something.
pub const CLOSING: Kinds = 1 << 4;
/// Signs beside numbers.
pub const NUMERIC: Kinds = 1 << 5;
/// Letters of which faces are made.
pub const FACE: Kinds = 1 << 6;
/// Capitals with accents.
pub const UPPER_ACCENTED: Kinds = 1 << 7;
/// Small letters with accents.
pub const LOWER_ACCENTED: Kinds = 1 << 8;
/// Other capitals, Greek and Cyrillic ones most of all.
pub const UPPER_COMMON: Kinds = 1 << 9;
/// Other small letters.
pub const LOWER_COMMON: Kinds = 1 << 10;
/// Lines and blocks of which boxes are drawn.
pub const BOX: Kinds = 1 << 11;
/// Found everywhere.
pub const COMMON: Kinds = 1 << 12;
/// First byte of two in UTF-8.
pub const FIRST_OF_2: Kinds = 1 << 13;
/// First byte of three.
pub const FIRST_OF_3: Kinds = 1 << 14;
/// First byte of four.
pub const FIRST_OF_4: Kinds = 1 << 15;
/// A byte that is not the first, or a space where one was lost.
pub const NEXT: Kinds = 1 << 16;
/// Of these, what does not stand for itself beside mojibake.
pub const NEXT_STRICT: Kinds = 1 << 17;
/// `a` to `z`.
pub const SMALL: Kinds = 1 << 18;
/// `A` to `Z`.
pub const CAPITAL: Kinds = 1 << 19;
/// Neither.
pub const NOT_LATIN: Kinds = 1 << 20;
/// White space.
pub const SPACE: Kinds = 1 << 21;
/// Letters, digits, numbers, the underscore.
pub const WORD: Kinds = 1 << 22;
/// Anything but the end of a line.
pub const IN_LINE: Kinds = 1 << 23;

type Ranges = &'static [(char, char)];

/// Kinds and their characters.
#[rustfmt::skip]
pub const TABLE: [(Kinds, Ranges); 18] = [
    (C1, &[('\u{80}', '\u{9f}')]),
    (BAD, &[
        ('¤', '¤'), ('¦', '¨'), ('ª', 'ª'), ('¬', '¬'), ('¯', '¯'), ('¶', '¶'), ('¸', '¸'), ('º', 'º'), ('ƒ', 'ƒ'),
        ('ˆ', '\u{2c7}'), ('˘', '˘'), ('˛', '˜'), ('†', '‡'), ('‰', '‰'), ('⌐', '⌐'), ('◊', '◊'),
        ('\u{fffd}', '\u{fffd}'),
    ]),
    (CURRENCY, &[('¢', '£'), ('¥', '¥'), ('₧', '₧'), ('€', '€')]),
    (OPENING, &[
        ('¡', '¡'), ('©', '©'), ('«', '«'), ('¿', '¿'), ('΄', '΅'), ('‘', '‘'), ('‚', '‚'), ('“', '“'), ('„', '„'),
        ('•', '•'), ('‹', '‹'), ('\u{f8ff}', '\u{f8ff}'),
    ]),
    (CLOSING, &[('®', '®'), ('»', '»'), ('˝', '˝'), ('”', '”'), ('›', '›'), ('™', '™')]),
    (NUMERIC, &[
        ('±', '³'), ('µ', 'µ'), ('¹', '¹'), ('¼', '¾'), ('×', '×'), ('÷', '÷'), ('⁄', '⁄'), ('№', '№'), ('∂', '∂'),
        ('∆', '∆'), ('∏', '∏'), ('∑', '∑'), ('√', '√'), ('∞', '∞'), ('∩', '∩'), ('∫', '∫'), ('≈', '≈'), ('≠', '≡'),
        ('≤', '≥'),
    ]),
    (FACE, &[('°', '°'), ('Ò', 'Ö'), ('Ù', 'Ü'), ('ò', 'ö'), ('ø', 'ü'), ('Ő', 'Ő')]),
    (UPPER_ACCENTED, &[
        ('À', 'Ñ'), ('Ø', 'Ø'), ('Ü', 'Ý'), ('Ă', 'Ă'), ('Ą', 'Ą'), ('Ć', 'Ć'), ('Č', 'Č'), ('Ď', 'Ď'), ('Đ', 'Đ'),
        ('Ę', 'Ę'), ('Ě', 'Ě'), ('Ğ', 'Ğ'), ('İ', 'İ'), ('Ĺ', 'Ĺ'), ('Ľ', 'Ľ'), ('Ł', 'Ł'), ('Ń', 'Ń'), ('Ň', 'Ň'),
        ('Œ', 'Œ'), ('Ř', 'Ř'), ('Ś', 'Ś'), ('Ş', 'Ş'), ('Š', 'Š'), ('Ţ', 'Ţ'), ('Ť', 'Ť'), ('Ů', 'Ů'), ('Ű', 'Ű'),
        ('Ÿ', 'Ź'), ('Ż', 'Ż'), ('Ž', 'Ž'), ('Ґ', 'Ґ'),
    ]),
    (LOWER_ACCENTED, &[
        ('ß', 'ñ'), ('ü', 'ü'), ('ă', 'ă'), ('ą', 'ą'), ('ć', 'ć'), ('č', 'č'), ('ď', 'ď'), ('đ', 'đ'), ('ę', 'ę'),
        ('ě', 'ě'), ('ğ', 'ğ'), ('ĺ', 'ĺ'), ('ľ', 'ľ'), ('ł', 'ł'), ('œ', 'œ'), ('ŕ', 'ŕ'), ('ś', 'ś'), ('ş', 'ş'),
        ('š', 'š'), ('ť', 'ť'), ('ź', 'ź'), ('ż', 'ż'), ('ž', 'ž'), ('ґ', 'ґ'), ('ﬁ', 'ﬂ'),
    ]),
    (UPPER_COMMON, &[('Þ', 'Þ'), ('Ά', 'Ά'), ('Έ', 'Ί'), ('Ό', 'Ό'), ('Ύ', 'Ώ'), ('Α', 'Ϋ'), ('Ё', 'Я')]),
    (LOWER_COMMON, &[('ά', 'ω'), ('а', 'џ')]),
    (BOX, &[
        ('│', '│'), ('┌', '┌'), ('┐', '┐'), ('┘', '┘'), ('├', '├'), ('┤', '┤'), ('┬', '┬'), ('┼', '┼'), ('═', '╬'),
        ('▀', '▀'), ('▄', '▄'), ('█', '█'), ('▌', '▌'), ('▐', '▓'),
    ]),
    (COMMON, &[
        ('\u{a0}', '\u{a0}'), ('\u{ad}', '\u{ad}'), ('´', '´'), ('·', '·'), ('–', '―'), ('’', '’'), ('…', '…'),
    ]),
    (FIRST_OF_2, &[
        ('Â', 'ß'), ('Ă', 'Ă'), ('Ć', 'Ć'), ('Č', 'Č'), ('Ď', 'Ď'), ('Đ', 'Đ'), ('Ę', 'Ę'), ('Ě', 'Ě'), ('Ğ', 'Ğ'),
        ('İ', 'İ'), ('Ĺ', 'Ĺ'), ('Ń', 'Ń'), ('Ň', 'Ň'), ('Ő', 'Ő'), ('Ř', 'Ř'), ('Ş', 'Ş'), ('Ţ', 'Ţ'), ('Ů', 'Ů'),
        ('Ű', 'Ű'), ('Β', 'Ρ'), ('Σ', 'ί'), ('В', 'Я'),
    ]),
    (FIRST_OF_3, &[
        ('à', 'ï'), ('ă', 'ă'), ('ć', 'ć'), ('č', 'č'), ('ď', 'ď'), ('ę', 'ę'), ('ě', 'ě'), ('ĺ', 'ĺ'), ('ŕ', 'ŕ'),
        ('ΰ', 'ο'), ('а', 'п'),
    ]),
    (FIRST_OF_4, &[('ð', 'ð'), ('ó', 'ó'), ('đ', 'đ'), ('ğ', 'ğ'), ('π', 'π'), ('σ', 'σ'), ('р', 'р'), ('у', 'у')]),
    (NEXT, &[
        (' ', ' '), ('\u{80}', '¿'), ('Ą', 'ą'), ('Ľ', 'ľ'), ('Ł', 'ł'), ('Œ', 'œ'), ('Ś', 'ś'), ('Ş', 'š'),
        ('Ť', 'ť'), ('Ÿ', 'ž'), ('ƒ', 'ƒ'), ('ˆ', '\u{2c7}'), ('˘', '˘'), ('˛', '˝'), ('΄', 'Ά'), ('Έ', 'Ί'),
        ('Ό', 'Ό'), ('Ύ', 'Ώ'), ('Ё', 'Ќ'), ('Ў', 'Џ'), ('ё', 'ќ'), ('ў', 'џ'), ('Ґ', 'ґ'), ('–', '―'), ('‘', '‚'),
        ('“', '„'), ('†', '•'), ('…', '…'), ('‰', '‰'), ('‹', '›'), ('€', '€'), ('№', '№'), ('™', '™'),
    ]),
    (NEXT_STRICT, &[
        ('\u{80}', '¿'), ('Ą', 'ą'), ('Ľ', 'ľ'), ('Ł', 'ł'), ('Œ', 'œ'), ('Ś', 'ś'), ('Ş', 'š'), ('Ť', 'ť'),
        ('Ÿ', 'ž'), ('ƒ', 'ƒ'), ('ˆ', '\u{2c7}'), ('˘', '˘'), ('˛', '˝'), ('΄', 'Ά'), ('Έ', 'Ί'), ('Ό', 'Ό'),
        ('Ύ', 'Ώ'), ('Ё', 'Ќ'), ('Ў', 'Џ'), ('ё', 'ќ'), ('ў', 'џ'), ('Ґ', 'ґ'), ('†', '•'), ('‰', '‰'), ('‹', '›'),
        ('€', '€'), ('№', '№'), ('™', '™'),
    ]),
];

/// Kinds of the characters of the first plane.
static FIRST_PLANE: LazyLock<Vec<Kinds>> = LazyLock::new(|| {
    let mut kinds: Vec<Kinds> = (0..0x1_0000).map(|code| char::from_u32(code).map_or(0, by_rule)).collect();
    for (kind, ranges) in TABLE {
        ranges.iter().flat_map(|(first, last)| *first..=*last).for_each(|c| kinds[c as usize] |= kind);
    }
    kinds
});

/// The kinds of a character.
pub fn kinds(c: char) -> Kinds {
    FIRST_PLANE.get(c as usize).copied().unwrap_or_else(|| by_rule(c))
}

/// The kinds that are no table of this module.
fn by_rule(c: char) -> Kinds {
    let when = |holds: bool, kind: Kinds| if holds { kind } else { 0 };
    when(c.is_ascii_lowercase(), SMALL)
        | when(c.is_ascii_uppercase(), CAPITAL)
        | when(!c.is_ascii_alphabetic(), NOT_LATIN)
        | when(unicode::is_space(c), SPACE)
        | when(unicode::is_word(c), WORD)
        | when(c != '\n', IN_LINE)
}
