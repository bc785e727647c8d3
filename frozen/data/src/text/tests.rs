//! Known answers: those of Python 3.10 and ftfy 6.1.1, as `tests/peers/text.py` prints the digests.

use htmlize::ENTITIES;
use records::Sha256;

use super::{badness, charmap, clean, clues, entities, glyphs, unicode};

fn scalars() -> impl Iterator<Item = char> {
    '\0'..=char::MAX
}

fn digest<const N: usize>(rows: impl Iterator<Item = [String; N]>) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&row.join("\t"));
        text.push('\n');
    }
    Sha256::of(text.as_bytes()).bare()
}

fn bit(holds: bool) -> String {
    u8::from(holds).to_string()
}

#[test]
fn captions_are_cleaned_as_by_ftfy_and_open_clip() {
    let cases = [
        ("", ""),
        ("  A\tPHOTO of\n a CAT ", "a photo of a cat"),
        ("\u{1b}[1;31mRed\u{1b}[0m cat", "red cat"),
        ("\u{1b}[", "["),
        ("\u{1b}[\u{663}mdigits of any script", "digits of any script"),
        ("cafÃ©", "café"),
        ("voilÃ le travail", "voilà le travail"),
        ("Ã quel point", "à quel point"),
        ("â\u{80}\u{9c}quotedâ\u{80}\u{9d} and â€œagainâ€\u{fffd}", "\"quoted\" and \"again\u{fffd}"),
        ("×\u{90}×", "א×"),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚", "привет"),
        ("ÃƒÂ©tÃƒÂ©", "été"),
        ("в‚¬ 5 вЂ” РїСЂРёРІРµС‚", "€ 5 — привет"),
        ("β€™ and β€\u{98}", "' and '"),
        ("‚Äúmac‚Äù roman caf√©", "\"mac\" roman café"),
        ("ÔÇ£dosÔÇØ", "ôç£dosôçø"),
        ("Å›cieÅ¼ka", "ścieżka"),
        ("x &lt; y &amp;lt; z", "x < y < z"),
        ("<b>&amp;amp;</b> &lt;", "<b>&</b> <"),
        ("&lt;\n<b>\n&lt; &AMP;", "< <b> < &"),
        ("P&EACUTE;REZ BUNDESSTRA&SZLIG;E", "pérez bundesstrasse"),
        ("&ampx &notit; &#39; &#128; &#129; &#0; &#xD800; &#59;", "&x ¬it; ' € \u{81} \u{fffd} \u{fffd} ;"),
        ("“quoted” it’s ŉ", "\"quoted\" it's 'n"),
        ("ﬂuﬃeﬆ Ǆ ĳ", "fluffiest dž ij"),
        ("ＬＯＵＤ\u{3000}ＮＯＩＳＥＳ Ｕﾀｰﾝ", "loud noises uターン"),
        ("wide macron ￣", "wide macron \u{304}"),
        ("a\r\nb\rc\u{2028}d\u{85}e", "a b c d…e"),
        ("\u{feff}bom\u{206a} \u{fffc}object\u{7}\u{7f}", "bom object"),
        ("A\u{301} e\u{301} \u{1100}\u{1161}\u{11a8} q\u{323}\u{307}", "á é \u{ac01} q\u{323}\u{307}"),
        ("ΣΊΣΥΦΟΣ Σ Σ. ΑΣ\u{345} ΣΑ", "σίσυφος σ σ. ας\u{345} σα"),
        ("İSTANBUL ẞ K Å", "i\u{307}stanbul ß k å"),
        ("\u{2c2f}\u{10570} are newer than Unicode 13", "\u{2c2f}\u{10570} are newer than unicode 13"),
        ("a\u{1c}\u{a0}\u{3000}\u{2003}b", "a b"),
        ("1ðŸ‘\u{8d} two í\u{a0}½í±\u{8d}", "1\u{1f44d} two \u{1f44d}"),
        ("Ã€\u{80} À\u{80} null", "null"),
        ("œ¦ÀÀ\n", "œ¦àà"),
    ];
    for (text, cleaned) in cases {
        assert_eq!(clean(text), cleaned, "{text:?}");
    }
}

#[test]
fn lower_case_is_that_of_unicode_13_the_final_sigma_included() {
    let rows = scalars().map(|c| {
        let texts = [format!("{c}"), format!("A{c}Σ"), format!("1{c}Σ"), format!("AΣ{c}A"), format!("AΣ{c}1")];
        texts.map(|text| unicode::lower(&text))
    });
    assert_eq!(digest(rows), "6e941552270897c1a372788478432db8096b3d0b6322716e828404c7a5a27401");
}

#[test]
fn white_space_digits_and_words_are_pythons() {
    let rows = scalars().map(|c| [unicode::is_space(c), unicode::is_digit(c), unicode::is_word(c)].map(bit));
    assert_eq!(digest(rows), "35c03a99d351be77f20c3d2e99d3a9575fbc9d3f69ff02ffab32077c261f17d8");
}

#[test]
fn composition_is_that_of_unicode_13() {
    let rows = scalars().map(|c| {
        let texts = [format!("{c}"), format!("a{c}"), format!("{c}\u{301}"), format!("a\u{301}{c}\u{323}")];
        texts.map(|text| unicode::compose(&text).into_owned())
    });
    assert_eq!(digest(rows), "443420f89d16b0bc8a1c9a4dd56258d64ebd9f9dc6dabfb0943a416dd69a1b8e");
}

#[test]
fn forms_and_controls_are_ftfys() {
    let rows = scalars().map(|c| [glyphs::plain(&c.to_string()), bit(glyphs::is_control(c))]);
    assert_eq!(digest(rows), "22615d63bdf6f2fa1a8975bb21a033765f718fd10682000140af428e792ad52e");
}

#[test]
fn kinds_of_characters_are_ftfys() {
    let rows =
        scalars().map(|c| std::array::from_fn::<_, 18, _>(|kind| bit(clues::kinds(c) & clues::TABLE[kind].0 != 0)));
    assert_eq!(digest(rows), "b74d61beaa783af31491c388f8eb277b8933459fe72b9317557dda3a96022363");
}

#[test]
fn encodings_are_pythons() {
    let characters = || scalars().take(0xf900);
    let byte = |charmap: &charmap::Charmap, c: char| {
        charmap.bytes(&c.to_string()).map_or("-".into(), |bytes| bytes[0].to_string())
    };
    let rows = charmap::all().iter().flat_map(|charmap| characters().map(move |c| [byte(charmap, c)]));
    assert_eq!(digest(rows), "181b353bafe090d31f4fcf3d148dda79d40b57cd830379db8f9bf307ffc265a7");
}

#[test]
fn entities_are_pythons_and_ftfys() {
    let mut names: Vec<&str> = ENTITIES.keys().map(|name| std::str::from_utf8(&name[1..]).unwrap()).collect();
    names.sort_unstable();
    let named = names.into_iter().flat_map(|name| {
        let references = [format!("&{name}"), format!("&{name}x"), format!("&{}", name.to_uppercase())];
        references.map(|text| format!("{}\t{}", entities::decode_all(&text), entities::decode_closed(&text)))
    });
    let numbers = (0..0x11_0010).map(|code| entities::decode_all(&format!("&#{code};")).into_owned());
    let rows = named.chain(numbers).map(|row| [row]);
    assert_eq!(digest(rows), "b138380f8e9c4560a7432488c9c6b3a546cdfcebb9710cebdd287df96caede2d");
}

/// Masks are kept in a byte, and a mask has a bit a place.
#[test]
fn no_character_is_left_out_of_the_rules() {
    let bad = scalars().filter(|c| badness::is_bad(&format!("é™{c}"))).count();
    assert_eq!(bad, 133135);
}

/// Each rule alone: one text that it finds, and the same with one character taken away.
#[test]
fn a_sequence_is_bad_where_its_rule_says_so() {
    let bad = [
        "\u{80}",
        "aα¤",
        "é£",
        " À€",
        "é‘²",
        "aÂ“",
        "═Ö",
        "é™x",
        "œ.",
        "Â©",
        "×²",
        "Ø·Ù„",
        "à¹",
        "√©",
        "‚Äî",
        "В¤В",
        "aÃ ",
        "a Ã ",
        "Â ",
    ];
    for text in bad {
        assert!(badness::is_bad(text), "{text:?}");
        let shorter: String = text.chars().take(text.chars().count() - 1).collect();
        assert!(!badness::is_bad(&shorter), "{shorter:?}");
    }
    for text in ["a photo", "café", "5€", "« là »", "ЁЖ", "¡¿qué?", "x Ã"] {
        assert!(!badness::is_bad(text), "{text:?}");
    }
}
