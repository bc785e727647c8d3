//! `submission.toml`: what people call the entry. Shown, never judged, and hostile wherever it is shown.

use records::{Finding, Rule, statement::Entry};

use crate::tree;

/// Bytes of the file.
pub const SUBMISSION_BYTES_MAX: usize = 4 << 10;
/// Characters of a name, a team or an organization.
pub const NAME_CHARACTERS_MAX: usize = 64;
/// Characters of a contact.
pub const CONTACT_CHARACTERS_MAX: usize = 128;
/// Characters of the link to a writeup.
pub const WRITEUP_CHARACTERS_MAX: usize = 200;

/// The keys, their limits, and whether they may be empty.
const KEYS: [(&str, usize, bool); 5] = [
    ("name", NAME_CHARACTERS_MAX, false),
    ("team", NAME_CHARACTERS_MAX, false),
    ("organization", NAME_CHARACTERS_MAX, true),
    ("writeup", WRITEUP_CHARACTERS_MAX, true),
    ("contact", CONTACT_CHARACTERS_MAX, true),
];

/// Reads the file, or says everything wrong with it.
pub(super) fn parse(bytes: &[u8]) -> Result<Entry, Vec<Finding>> {
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
    let known = |key: &str| KEYS.iter().any(|(name, ..)| *name == key);
    let mut findings: Vec<_> = table
        .keys()
        .filter(|key| !known(key))
        .map(|key| fault("keys name, team, organization, writeup and contact", format!("`{}`", cut(key))))
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
    if !findings.is_empty() {
        return Err(findings);
    }
    let [name, team, organization, writeup, contact] = values;
    Ok(Entry { name, team, organization, writeup, contact })
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
    let is_link = text.strip_prefix("https://").is_some_and(|rest| {
        rest.starts_with(|c: char| c.is_ascii_alphanumeric())
            && rest.bytes().all(|b| b.is_ascii_graphic() && !b"\"'<>\\`{}|^".contains(&b))
    });
    if key == "writeup" && !is_link {
        return Some(fault("`writeup` as a link that starts with https://, or empty", cut(text)));
    }
    None
}

/// Neither control, nor a mark that reorders, joins, hides or combines, nor of private use.
fn is_printable(c: char) -> bool {
    let hidden = matches!(c,
        '\u{ad}' | '\u{300}'..='\u{36f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200f}'
        | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{20d0}'..='\u{20ff}' | '\u{3164}' | '\u{e000}'..='\u{f8ff}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{feff}' | '\u{fff0}'..='\u{fffd}' | '\u{e0000}'..);
    !(c.is_control() || hidden || (c.is_whitespace() && c != ' '))
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
        let entry = parse(GOOD.as_bytes()).unwrap();
        assert_eq!((entry.name.as_str(), entry.team.as_str()), ("Sharp", "Café 7"));
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
