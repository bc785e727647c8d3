//! The single-byte encodings that mojibake comes from: which bytes a text was, had it been read in one.
//!
//! The Windows encodings are taken as browsers take them: a byte without a character stands for itself. And
//! in these byte 0x1a stands for U+FFFD, a character that an earlier program could not read, so that
//! [`damage`](super::damage) can look for what it may have been.

use std::sync::LazyLock;

/// A single-byte encoding: ASCII below, its own characters above.
pub struct Charmap {
    /// Whether 0x1a stands for what was lost.
    pub lossy: bool,
    /// Characters that are not ASCII, with their bytes, by character.
    bytes: Vec<(char, u8)>,
}

/// The byte that stands for a character that was lost.
pub const LOST: u8 = 0x1a;

/// 0x80 to 0x9f in Windows-1252.
const CONTROLS_1252: &str = "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}Ž\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}žŸ";

/// The controls of Latin-1, 0x80 to 0x9f.
const CONTROLS: &str = "\u{80}\u{81}\u{82}\u{83}\u{84}\u{85}\u{86}\u{87}\u{88}\u{89}\u{8a}\u{8b}\u{8c}\u{8d}\u{8e}\u{8f}\
                        \u{90}\u{91}\u{92}\u{93}\u{94}\u{95}\u{96}\u{97}\u{98}\u{99}\u{9a}\u{9b}\u{9c}\u{9d}\u{9e}\u{9f}";

/// 0xa0 to 0xff in Latin-1 and Windows-1252.
const LATIN_1: &str =
    "\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÐÑÒÓÔÕÖ×ØÙÚÛÜÝÞßàáâãäåæçèéêëìíîïðñòóôõö÷øùúûüýþÿ";

/// Whether 0x1a is a lost character, then the characters of 0x80 to 0xff. In the order in which they are tried.
const CHARMAPS: [(bool, [&str; 2]); 9] = [
    (false, [CONTROLS, LATIN_1]),
    (true, [CONTROLS_1252, LATIN_1]),
    // Windows-1251, Cyrillic.
    (
        true,
        [
            "ЂЃ‚ѓ„…†‡€‰Љ‹ЊЌЋЏђ‘’“”•–—\u{98}™љ›њќћџ",
            "\u{a0}ЎўЈ¤Ґ¦§Ё©Є«¬\u{ad}®Ї°±Ііґµ¶·ё№є»јЅѕїАБВГДЕЖЗИЙКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯабвгдежзийклмнопрстуфхцчшщъыьэюя",
        ],
    ),
    // Windows-1250, Central European.
    (
        true,
        [
            "€\u{81}‚\u{83}„…†‡\u{88}‰Š‹ŚŤŽŹ\u{90}‘’“”•–—\u{98}™š›śťžź",
            "\u{a0}ˇ˘Ł¤Ą¦§¨©Ş«¬\u{ad}®Ż°±˛ł´µ¶·¸ąş»Ľ˝ľżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙",
        ],
    ),
    // Windows-1253, Greek.
    (
        true,
        [
            "€\u{81}‚ƒ„…†‡\u{88}‰\u{8a}‹\u{8c}\u{8d}\u{8e}\u{8f}\u{90}‘’“”•–—\u{98}™\u{9a}›\u{9c}\u{9d}\u{9e}\u{9f}",
            "\u{a0}΅Ά£¤¥¦§¨©ª«¬\u{ad}®―°±²³΄µ¶·ΈΉΊ»Ό½ΎΏΐΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡÒΣΤΥΦΧΨΩΪΫάέήίΰαβγδεζηθικλμνξοπρςστυφχψωϊϋόύώÿ",
        ],
    ),
    // Windows-1254, Turkish.
    (
        true,
        [
            "€\u{81}‚ƒ„…†‡ˆ‰Š‹Œ\u{8d}\u{8e}\u{8f}\u{90}‘’“”•–—˜™š›œ\u{9d}\u{9e}Ÿ",
            "\u{a0}¡¢£¤¥¦§¨©ª«¬\u{ad}®¯°±²³´µ¶·¸¹º»¼½¾¿ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏĞÑÒÓÔÕÖ×ØÙÚÛÜİŞßàáâãäåæçèéêëìíîïğñòóôõö÷øùúûüışÿ",
        ],
    ),
    // ISO 8859-2, Central European.
    (
        false,
        [
            CONTROLS,
            "\u{a0}Ą˘Ł¤ĽŚ§¨ŠŞŤŹ\u{ad}ŽŻ°ą˛ł´ľśˇ¸šşťź˝žżŔÁÂĂÄĹĆÇČÉĘËĚÍÎĎĐŃŇÓÔŐÖ×ŘŮÚŰÜÝŢßŕáâăäĺćçčéęëěíîďđńňóôőö÷řůúűüýţ˙",
        ],
    ),
    // Mac OS Roman.
    (
        false,
        [
            "ÄÅÇÉÑÖÜáàâäãåçéèêëíìîïñóòôöõúùûü",
            "†°¢£§•¶ß®©™´¨≠ÆØ∞±≤≥¥µ∂∑∏π∫ªºΩæø¿¡¬√ƒ≈∆«»…\u{a0}ÀÃÕŒœ–—“”‘’÷◊ÿŸ⁄€‹›ﬁﬂ‡·‚„‰ÂÊÁËÈÍÎÏÌÓÔ\u{f8ff}ÒÚÛÙıˆ˜¯˘˙˚¸˝˛ˇ",
        ],
    ),
    // Code page 437, the first PC's.
    (
        false,
        [
            "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒ",
            "áíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}",
        ],
    ),
];

static ALL: LazyLock<Vec<Charmap>> = LazyLock::new(|| CHARMAPS.map(Charmap::new).into());

/// The encodings, in the order in which they are tried. The first is Latin-1.
pub fn all() -> &'static [Charmap] {
    &ALL
}

impl Charmap {
    fn new((lossy, parts): (bool, [&str; 2])) -> Self {
        let mut bytes: Vec<_> = parts.iter().flat_map(|part| part.chars()).zip(0x80..=0xff).collect();
        if lossy {
            bytes.push(('\u{fffd}', LOST));
        }
        bytes.sort_unstable();
        Self { lossy, bytes }
    }

    /// The bytes that read as a text in this encoding, where there are such.
    pub fn bytes(&self, text: &str) -> Option<Vec<u8>> {
        text.chars().map(|c| self.byte(c)).collect()
    }

    fn byte(&self, c: char) -> Option<u8> {
        if c.is_ascii() {
            return Some(c as u8).filter(|byte| !self.lossy || *byte != LOST);
        }
        let at = self.bytes.binary_search_by_key(&c, |(own, _)| *own).ok()?;
        Some(self.bytes[at].1)
    }
}

/// A byte of Windows-1252; one that it does not define stands for itself.
pub fn windows_1252(byte: u8) -> char {
    match byte {
        0x80..=0x9f => CONTROLS_1252.chars().nth(usize::from(byte - 0x80)).unwrap_or(char::from(byte)),
        byte => char::from(byte),
    }
}

/// Whether a character is a control of Latin-1.
pub fn is_control(c: char) -> bool {
    ('\u{80}'..='\u{9f}').contains(&c)
}

/// What Windows-1252 has in the place of a control of Latin-1; other characters as they are.
pub fn without_control(c: char) -> char {
    if is_control(c) { windows_1252(u32::from(c) as u8) } else { c }
}
