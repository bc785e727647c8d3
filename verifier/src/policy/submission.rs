//! `submission.toml`: what people call the entry. Shown, never judged, and hostile wherever it is shown.
//!
//! On a board a name stands beside others, so that it has to be seen, to keep to its line, and not to pass for
//! another one. Any script is welcome; what is refused is a word of letters from two that are not written
//! together, as Unicode's TR39 has it ("highly restrictive": one script, or Latin within Chinese, Japanese or
//! Korean). A name that is wholly of one script may still look like one of another: that is left to readers.

use records::{
    Finding, Rule,
    v1::{language::Language, statement::EntryLabel},
};
use unicode_normalization::{UnicodeNormalization as _, is_nfc};
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory as _};
use unicode_security::{
    GeneralSecurityProfile as _, general_security_profile::IdentifierType, mixed_script::AugmentedScriptSet, skeleton,
};

use crate::tree;

/// Bytes of the file.
pub const SUBMISSION_BYTES_MAX: usize = 4 << 10;
/// Characters of a name, a team or an organization.
pub const NAME_CHARACTERS_MAX: usize = 64;
/// Characters of a contact.
pub const CONTACT_CHARACTERS_MAX: usize = 128;
/// Characters of the link to a writeup.
pub const WRITEUP_CHARACTERS_MAX: usize = 200;
/// Marks on one letter: Vietnamese and Hebrew need two where no composed letter has them.
const MARKS_MAX: usize = 2;

/// The key of what the entry is written in, which may be left out.
const LANGUAGE: &str = "language";

/// The file, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Submission {
    /// What people call the entry.
    pub label: EntryLabel,
    /// What it says that it is written in.
    pub language: Language,
}

/// The keys of texts, their limits, and whether they may be empty.
const KEYS: [(&str, usize, bool); 5] = [
    ("name", NAME_CHARACTERS_MAX, false),
    ("team", NAME_CHARACTERS_MAX, false),
    ("organization", NAME_CHARACTERS_MAX, true),
    ("writeup", WRITEUP_CHARACTERS_MAX, true),
    ("contact", CONTACT_CHARACTERS_MAX, true),
];

/// Reads the file, or says everything wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Submission, Vec<Finding>> {
    let whole = |expected: String, found: String| {
        vec![Finding::new(Rule::Submission, tree::SUBMISSION).expected(expected).found(found)]
    };
    if bytes.len() > SUBMISSION_BYTES_MAX {
        return Err(whole(format!("at most {SUBMISSION_BYTES_MAX} bytes"), format!("{} bytes", bytes.len())));
    }
    let text = str::from_utf8(bytes).map_err(|_| whole("UTF-8".to_owned(), "other bytes".to_owned()))?;
    let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
        whole("TOML".to_owned(), error.message().lines().next().unwrap_or("an error").to_owned())
    })?;
    let known = |key: &str| key == LANGUAGE || KEYS.iter().any(|(name, ..)| *name == key);
    let mut findings: Vec<_> = table
        .keys()
        .filter(|key| !known(key))
        .map(|key| fault("keys name, team, organization, writeup, contact and language", format!("`{}`", cut(key))))
        .collect();
    let mut values = KEYS.map(|_| String::new());
    for ((key, limit, empty), value) in KEYS.iter().zip(&mut values) {
        match table.get(*key) {
            Some(toml::Value::String(text)) => {
                findings.extend(text_faults(key, text, *limit, *empty));
                value.clone_from(text);
            }
            Some(_) => findings.push(fault(&format!("`{key}` as a text"), "another type".to_owned())),
            None => findings.push(fault(&format!("`{key}`"), "no such key".to_owned())),
        }
    }
    let language = language(&table).map_err(|finding| findings.push(*finding)).unwrap_or_default();
    if !findings.is_empty() {
        return Err(findings);
    }
    let [name, team, organization, writeup, contact] = values;
    Ok(Submission { label: EntryLabel { name, team, organization, writeup, contact }, language })
}

fn language(table: &toml::Table) -> Result<Language, Box<Finding>> {
    let Some(value) = table.get(LANGUAGE) else { return Ok(Language::default()) };
    value.as_str().and_then(Language::named).ok_or_else(|| {
        let words = Language::ALL.map(|language| format!("\"{}\"", language.word())).join(" or ");
        let found = value.as_str().map_or("another type".to_owned(), |word| format!("`{}`", cut(word)));
        Box::new(fault(&format!("`{LANGUAGE}` as {words}, or no such key"), found))
    })
}

fn text_faults(key: &str, text: &str, limit: usize, may_be_empty: bool) -> Option<Finding> {
    let length = text.chars().count();
    if length > limit {
        return Some(fault(&format!("`{key}` of at most {limit} characters"), format!("{length}")));
    }
    if text.is_empty() {
        return (!may_be_empty).then(|| fault(&format!("`{key}` with a text"), "an empty one".to_owned()));
    }
    if let Some(odd) = text.chars().find(|&c| !is_printable(c)) {
        let expected = format!("`{key}` of printable characters, accents in one piece with their letters");
        return Some(fault(&expected, format!("U+{:04X}", u32::from(odd))));
    }
    if text.trim() != text {
        return Some(fault(&format!("`{key}` without space at its ends"), "space".to_owned()));
    }
    if key == "writeup" {
        return (!is_link(text)).then(|| fault("`writeup` as a link that starts with https://, or empty", cut(text)));
    }
    let (expected, found) = form_fault(text).or_else(|| look_alike(text))?;
    Some(fault(&format!("`{key}` {expected}"), found))
}

fn is_link(text: &str) -> bool {
    text.strip_prefix("https://").is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric())
            && rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>\\`{}|^".contains(&b))
    })
}

/// Seen, and of no effect on what stands around it: neither control, nor separator but the plain space, nor
/// unassigned or of private use, nor ignored by what draws it, nor blank, nor around other characters.
fn is_printable(c: char) -> bool {
    let group = c.general_category_group();
    let drawn = !matches!(group, GeneralCategoryGroup::Other | GeneralCategoryGroup::Separator);
    let ignored = c.identifier_type() == Some(IdentifierType::Default_Ignorable);
    // A pattern of braille without dots; what stands in place of an object, and of broken text.
    let blank = matches!(c, '\u{2800}' | '\u{fffc}' | '\u{fffd}');
    c == ' ' || (drawn && !ignored && !blank && c.general_category() != GeneralCategory::EnclosingMark)
}

fn is_mark(c: char) -> bool {
    c.general_category_group() == GeneralCategoryGroup::Mark
}

/// What is wrong with how a text is put together: expected, found.
fn form_fault(text: &str) -> Option<(&'static str, String)> {
    if !is_nfc(text) {
        return Some(("in Unicode's form NFC, accents in one piece with their letters", "another form".to_owned()));
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Some(("with a letter or a digit", "none".to_owned()));
    }
    let mut marks = 0;
    for c in text.chars() {
        marks = if is_mark(c) { marks + 1 } else { 0 };
        if marks > MARKS_MAX {
            return Some(("with at most two marks on a letter", "three".to_owned()));
        }
    }
    text.starts_with(is_mark).then(|| ("that starts with no mark", "one that joins what stands before it".to_owned()))
}

/// Letters that pass for others: expected, found.
fn look_alike(text: &str) -> Option<(&'static str, String)> {
    let styled = |c: &char| c.is_alphabetic() && !c.is_ascii() && c.nfkc().all(|plain| plain.is_ascii());
    if let Some(c) = text.chars().find(styled) {
        return Some(("of plain letters", format!("U+{:04X}, a variant of `{}`", u32::from(c), c.nfkc())));
    }
    let expected = "whose words are each of one script, or of Latin within Chinese, Japanese or Korean";
    let mut words = text.split(|c: char| !c.is_alphanumeric() && !is_mark(c));
    if let Some(word) = words.clone().find(|word| is_mixed(word)) {
        return Some((expected, format!("`{word}`")));
    }
    let latin = text.chars().any(|c| c.is_ascii_alphabetic());
    let passes = |word: &&str| {
        let letters = word.chars().filter(|c| c.is_alphabetic()).count();
        letters > 1 && !word.chars().any(|c| c.is_ascii_alphabetic()) && skeleton(word).all(|c| c.is_ascii())
    };
    let word = words.find(|word| latin && passes(word))?;
    Some(("without words that look like Latin ones beside Latin ones", format!("`{word}`")))
}

/// Whether a word is of scripts that are not written together.
fn is_mixed(word: &str) -> bool {
    let (mut all, mut beside_latin) = (AugmentedScriptSet::default(), AugmentedScriptSet::default());
    for c in word.chars() {
        let scripts = AugmentedScriptSet::for_char(c);
        all.intersect_with(scripts);
        let mut latin = AugmentedScriptSet::for_char('a');
        latin.intersect_with(scripts);
        if latin.is_empty() {
            beside_latin.intersect_with(scripts);
        }
    }
    all.is_empty() && !(beside_latin.jpan || beside_latin.hanb || beside_latin.kore)
}

fn fault(expected: &str, found: String) -> Finding {
    Finding::new(Rule::Submission, tree::SUBMISSION).expected(expected).found(found)
}

fn cut(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"Sharp\"\nteam = \"Café 7\"\norganization = \"\"\nwriteup = \"https://arxiv.org/abs/1\"\ncontact = \"a@b.c\"\n";

    #[test]
    fn a_good_file_is_read() {
        let read = parse(GOOD.as_bytes()).unwrap();
        assert_eq!((read.label.name.as_str(), read.label.team.as_str()), ("Sharp", "Café 7"));
        assert_eq!(read.language, Language::Rust, "what it says that says nothing");
        for language in Language::ALL {
            let text = format!("{GOOD}language = \"{}\"\n", language.word());
            assert_eq!(parse(text.as_bytes()).unwrap().language, language);
        }
    }

    fn faults(name: &str) -> Vec<Finding> {
        let text = toml::to_string(&toml::Table::from_iter([("name".to_owned(), name.into())])).unwrap();
        parse(GOOD.replace("name = \"Sharp\"\n", &text).as_bytes()).err().unwrap_or_default()
    }

    #[test]
    fn honest_names_of_any_script_pass() {
        for name in [
            "Sharp",
            "FastCLIP-v3",
            "Größe 2",
            "Ångström",
            "Nguyễn Ế",
            "İstanbul ığdır",
            "CLIP²",
            "α-CLIP",
            "Ω 7",
            "Ακαδημία Αθηνών",
            "Московский университет",
            "СОР",
            "Київ",
            "עברית שלום",
            "שָׁלוֹם",
            "مرحبا",
            "हिन्दी क्लिप",
            "ไทยที่นี่",
            "தமிழ்",
            "ქართული",
            "Հայերեն",
            "東京大学CLIP",
            "ビジョンAI研究所",
            "ひらがなとカタカナ",
            "한국어 CLIP모델",
            "北京 CLIP 团队",
            "🚀 CLIP",
            "C++ & co. (v2)",
            "l'équipe",
            "中文",
        ] {
            assert_eq!(faults(name), [], "{name}");
        }
    }

    #[test]
    fn names_that_are_blank_stacked_or_pass_for_others_are_one_finding() {
        let zalgo = format!("Sh{}arp", "\u{35c}\u{317}\u{323}");
        for name in [
            // Blank to look at.
            " ",
            "\u{a0}",
            "\u{3000}",
            "\u{2800}",
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{ffa0}",
            "\u{200b}",
            "\u{2060}",
            "\u{feff}",
            "\u{ad}",
            "\u{34f}",
            "\u{fe0f}",
            "\u{17b4}",
            "a\u{2800}b",
            "a\u{3164}b",
            "...",
            "\u{e0041}a",
            // Stacks, and marks without a letter.
            &zalgo,
            "a\u{332}\u{333}\u{347}",
            "e\u{301}",
            "\u{301}a",
            "a\u{20dd}",
            "\u{212b}",
            // Nobody knows how they look.
            "a\u{378}",
            "a\u{e000}",
            "a\u{10fffd}",
            "a\u{fffd}",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200d}b",
            "a\u{85}b",
            "a\u{2028}b",
            // OpenCLIP with a Cyrillic or Greek letter, or wholly styled.
            "ОpenCLIP",
            "OреnCLIP",
            "OpenCLIΡ",
            "Οpen",
            "\u{ff2f}pen",
            "𝐎𝐩𝐞𝐧𝐂𝐋𝐈𝐏",
            "ⓄpenCLIP",
            "ореn CLIP",
            "СОР CLIP",
            "東Ж",
        ] {
            assert_eq!(faults(name).len(), 1, "{name:?}: {:?}", faults(name));
        }
    }

    #[test]
    fn each_fault_is_one_finding() {
        for (from, to) in [
            ("Sharp", ""),
            ("Sharp", "a\\u001b[31m"),
            ("Sharp", "a\\u202eb"),
            ("Sharp", "e\\u0301"),
            ("Sharp", " a"),
            ("https://", "http://"),
            ("https://arxiv.org", "https://<b>"),
            ("contact = ", "contacts = \"\"\ncontact = "),
            ("contact = ", "language = \"Python\"\ncontact = "),
            ("contact = ", "language = 3\ncontact = "),
            ("\"Sharp\"", "1"),
            ("name = \"Sharp\"\n", ""),
            ("Sharp", &"x".repeat(NAME_CHARACTERS_MAX + 1)),
            ("\"Sharp\"", ""),
        ] {
            let text = GOOD.replace(from, to);
            let findings = parse(text.as_bytes()).unwrap_err();
            assert_eq!(findings.len(), 1, "{text}: {findings:?}");
        }
        assert_eq!(parse(b"\xff").unwrap_err().len(), 1);
        assert_eq!(parse(b"").unwrap_err().len(), KEYS.len());
        assert_eq!(parse(&[b'#'; SUBMISSION_BYTES_MAX + 1]).unwrap_err().len(), 1);
    }
}
