//! Whether a text looks like mojibake: sequences of characters that are next to never meant.
//!
//! The rules are ftfy 6.1.1's, as data: a rule is a sequence of sets of characters, by kind and by name.
//! What they say in words: an accented letter stands beside a currency, a fraction, a box or a mark that no
//! language puts there; or two to five characters of one encoding are what another one makes of UTF-8.

use std::{collections::BTreeMap, sync::LazyLock};

use super::clues::{
    BAD, BOX, C1, CAPITAL, CLOSING, COMMON, CURRENCY, FACE, IN_LINE, Kinds, LOWER_ACCENTED, LOWER_COMMON, NOT_LATIN,
    NUMERIC, OPENING, SMALL, SPACE, UPPER_ACCENTED, UPPER_COMMON, WORD, kinds,
};

/// Characters of these kinds, and these.
type Set = (Kinds, &'static str);
type Rule = &'static [Set];

const ACCENTED: Kinds = LOWER_ACCENTED | UPPER_ACCENTED;
const MARK: Kinds = OPENING | CLOSING;
const UNUSUAL: Kinds = ACCENTED | BOX | MARK | CURRENCY | NUMERIC;

const fn of(kinds: Kinds) -> Set {
    (kinds, "")
}

const fn one(characters: &'static str) -> Set {
    (0, characters)
}

/// What follows an Arabic letter's first byte.
const ARABIC: Set = (COMMON | CURRENCY | BAD | NUMERIC | OPENING, "ŸŠ®°µ»");

const RULES: &[Rule] = &[
    &[of(C1)],
    &[of(BAD | UNUSUAL), of(BAD)],
    &[of(SMALL | CAPITAL), of(LOWER_COMMON | UPPER_COMMON), of(BAD)],
    &[of(BAD), of(UNUSUAL)],
    &[of(LOWER_ACCENTED | LOWER_COMMON | BOX | CLOSING | CURRENCY | NUMERIC), of(UPPER_ACCENTED)],
    &[of(BOX | CLOSING | CURRENCY | NUMERIC), of(LOWER_ACCENTED)],
    &[of(LOWER_ACCENTED | BOX | CLOSING), of(CURRENCY)],
    &[of(SPACE), of(UPPER_ACCENTED), of(CURRENCY)],
    &[of(UPPER_ACCENTED | BOX), of(NUMERIC)],
    &[of(ACCENTED | BOX | CURRENCY | CLOSING), of(OPENING), of(NUMERIC)],
    &[of(ACCENTED | CURRENCY | NUMERIC | BOX), of(CLOSING), of(OPENING)],
    &[of(CURRENCY | NUMERIC | BOX), of(OPENING)],
    &[of(SMALL), of(UPPER_ACCENTED), of(OPENING | CURRENCY)],
    &[of(BOX), of(FACE)],
    &[of(ACCENTED | CURRENCY | NUMERIC | MARK), of(BOX)],
    &[of(BOX), of(CLOSING)],
    &[of(ACCENTED), of(CLOSING), of(WORD)],
    &[one("Œœ"), of(NOT_LATIN)],
    // Windows-1252: two characters.
    &[one("ÂÃÎÐ"), (MARK, "€Šš¢£Ÿž\u{a0}\u{ad}®©°·»–—´")],
    &[one("×"), one("²³")],
    &[one("Ã"), one("\u{a0}¡")],
    // Windows-1252: Arabic, two letters at once, since what follows the first byte is common.
    &[one("ØÙ"), ARABIC, one("ØÙ"), ARABIC],
    // Windows-1252: scripts of South Asia.
    &[one("à"), one("²µ¹¼½¾")],
    // Mac OS Roman.
    &[one("√"), one("±∂†≠®™´≤≥¥µø")],
    &[one("≈"), one("°¢")],
    &[one("‚"), one("Ä"), one("ìîïòôúùû†°¢π")],
    &[one("‚"), one("âó"), one("àä°ê")],
    // Windows-1251: punctuation from U+2000 on; Latin-1 and Cyrillic; what was encoded twice.
    &[one("в"), one("Ђ")],
    &[one("ВГРС"), (C1 | BAD | MARK | CURRENCY, "°µ"), one("ВГРС")],
    &[one("Г"), one("ў"), one("В"), one("Ђ"), one("В"), of(IN_LINE), (SMALL | CAPITAL, " ")],
    // A capital A with a hat or a tilde at the end of a word, where a no-break space followed it.
    &[of(SMALL), one("ÃÂ"), one(" ")],
    &[of(SMALL), of(SPACE), one("ÃÂ"), one(" ")],
    &[(SMALL | CLOSING, ".,?!"), one("Â"), (MARK, " ")],
    // Windows-1253: punctuation from U+2000 on; Latin-1 and Greek.
    &[one("β"), one("€"), one("™\u{a0}Ά\u{ad}®°")],
    &[one("ΒΓΞΟ"), (C1 | BAD | MARK | CURRENCY, "°"), one("ΒΓΞΟ")],
];

/// The same capitals at the very start.
const AT_THE_START: [&str; 2] = ["Ã ", "Â "];

/// All rules at once, a bit each place of each rule: a text is walked once, and the bits that stand say which
/// beginnings of which rules end at a character (the shift-and method).
struct Rules {
    /// The kind of mask of each character of the first plane.
    masks_of: Vec<u8>,
    masks: Vec<u128>,
    first: u128,
    last: u128,
}

static ALL: LazyLock<Rules> = LazyLock::new(Rules::new);

impl Rules {
    fn new() -> Self {
        let (mut places, mut first, mut last) = (Vec::new(), 0, 0);
        for rule in RULES {
            first |= 1 << places.len();
            places.extend(*rule);
            last |= 1 << (places.len() - 1);
        }
        let mut named: BTreeMap<char, u128> = BTreeMap::new();
        for (place, (_, characters)) in places.iter().enumerate() {
            characters.chars().for_each(|c| *named.entry(c).or_default() |= 1 << place);
        }
        let by_kind = |c: char| {
            let own = kinds(c);
            places.iter().enumerate().filter(|(_, (kinds, _))| kinds & own != 0).fold(0, |mask, (at, _)| mask | 1 << at)
        };
        let (mut masks_of, mut masks) = (Vec::new(), Vec::new());
        for code in 0..=0xffff {
            let mask: u128 = char::from_u32(code).map_or(0, |c| by_kind(c) | named.get(&c).copied().unwrap_or(0));
            let number = masks.iter().position(|own| *own == mask).unwrap_or_else(|| {
                masks.push(mask);
                masks.len() - 1
            });
            masks_of.push(number as u8);
        }
        Self { masks_of, masks, first, last }
    }

    fn mask(&self, c: char) -> u128 {
        // Beyond the first plane a character differs from a letter of a script without mojibake in nothing, or
        // else in not being of a word.
        let like = match c as usize {
            code if code < self.masks_of.len() => code,
            _ if kinds(c) & WORD != 0 => LETTER,
            _ => SIGN,
        };
        self.masks[usize::from(self.masks_of[like])]
    }
}

/// A Chinese character, which stands for all letters that no rule knows.
const LETTER: usize = 0x4e00;
/// A snowman, which stands for all signs that no rule knows.
const SIGN: usize = 0x2603;

/// Whether a text looks like mojibake anywhere.
pub fn is_bad(text: &str) -> bool {
    let rules = &*ALL;
    let mut standing = 0;
    AT_THE_START.iter().any(|start| text.starts_with(start))
        || text.chars().any(|c| {
            standing = (standing << 1 | rules.first) & rules.mask(c);
            standing & rules.last != 0
        })
}
