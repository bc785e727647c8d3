//! Which emoji there are, what they are called, and where each vendor draws them.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// One emoji without skin tones.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emoji {
    /// Unicode's name in lower case; unique in a catalogue.
    pub name: String,
    /// Its code points, lower-case hexadecimal, joined by dashes.
    pub code: String,
    /// Column and row of its cell in a vendor's sheet.
    pub cell: (u32, u32),
}

/// Reads `emoji.json` of the emoji-datasource packages.
///
/// Leaves out the five skin tones, which are no pictures of their own, what one of the training vendors
/// does not draw, and the second of two emoji with one name: a name is a class.
pub fn read(json: &[u8]) -> Result<Vec<Emoji>> {
    let rows: Vec<Value> = serde_json::from_slice(json).context("emoji.json is not a list")?;
    let mut names = BTreeSet::new();
    let mut emoji = Vec::new();
    for row in &rows {
        let drawn = ["has_img_google", "has_img_twitter"].iter().all(|vendor| row[*vendor] == true);
        let one = parse(row).with_context(|| format!("a row of emoji.json is not an emoji: {row:.200}"))?;
        if row["category"] != "Component" && drawn && names.insert(one.name.clone()) {
            emoji.push(one);
        }
    }
    if emoji.is_empty() {
        bail!("emoji.json names no emoji");
    }
    Ok(emoji)
}

fn parse(row: &Value) -> Option<Emoji> {
    let text = |key: &str| row[key].as_str();
    let cell = |key: &str| row[key].as_u64().and_then(|at| u32::try_from(at).ok());
    Some(Emoji {
        name: text("name")?.to_lowercase(),
        code: text("unified")?.to_lowercase(),
        cell: (cell("sheet_x")?, cell("sheet_y")?),
    })
}

/// The unseen vendor's file for each emoji: by position in the catalogue, the name without its ending.
///
/// A file belongs to an emoji where the code points agree; U+FE0F, which asks for a coloured picture, is
/// left out of some names and counts only where nothing else tells two files apart.
pub fn unseen<'a>(emoji: &[Emoji], files: impl IntoIterator<Item = &'a str>) -> BTreeMap<usize, String> {
    let files: BTreeSet<&str> = files.into_iter().collect();
    let mut plain = BTreeMap::<String, Vec<&str>>::new();
    for file in &files {
        plain.entry(without_presentation(file)).or_default().push(file);
    }
    let find = |code: &str| match plain.get(&without_presentation(code)).map(Vec::as_slice) {
        _ if files.contains(code) => Some(code.to_owned()),
        Some([one]) => Some((*one).to_owned()),
        _ => None,
    };
    emoji.iter().enumerate().filter_map(|(at, emoji)| Some((at, find(&emoji.code)?))).collect()
}

fn without_presentation(code: &str) -> String {
    code.split('-').filter(|point| *point != "fe0f").collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(name: &str, code: &str) -> Value {
        json!({
            "name": name, "unified": code, "category": "People & Body",
            "sheet_x": 12, "sheet_y": 49, "has_img_google": true, "has_img_twitter": true,
        })
    }

    fn catalogue(rows: &[Value]) -> Vec<Emoji> {
        read(&serde_json::to_vec(rows).unwrap()).unwrap()
    }

    #[test]
    fn a_row_becomes_an_emoji() {
        let emoji = catalogue(&[row("WAVING HAND SIGN", "1F44B")]);
        let expected = Emoji { name: "waving hand sign".to_owned(), code: "1f44b".to_owned(), cell: (12, 49) };
        assert_eq!(emoji, [expected]);
    }

    #[test]
    fn tones_undrawn_ones_and_second_names_are_left_out() {
        let mut tone = row("TONE", "1F3FB");
        tone["category"] = json!("Component");
        let mut undrawn = row("UNDRAWN", "1F9FF");
        undrawn["has_img_twitter"] = json!(false);
        let rows = [tone, row("Man", "1F468"), undrawn, row("MAN", "1F468-1F3FB")];
        assert_eq!(catalogue(&rows).iter().map(|emoji| emoji.code.as_str()).collect::<Vec<_>>(), ["1f468"]);
    }

    #[test]
    fn what_is_no_catalogue_is_refused() {
        assert!(read(b"{}").is_err());
        assert!(read(b"[]").is_err());
        let mut broken = row("A", "1F468");
        broken["sheet_x"] = json!(-1);
        assert!(read(&serde_json::to_vec(&[broken]).unwrap()).is_err());
    }

    #[test]
    fn names_match_files_with_and_without_the_presentation_mark() {
        let codes = ["0023-FE0F-20E3", "1F44B", "26A7-FE0F", "1F441-FE0F-200D-1F5E8", "1F5E8"];
        let emoji = catalogue(&codes.map(|code| row(code, code)));
        let files = ["0023-20e3", "1f44b", "26a7", "26a7-fe0f", "1f441-200d-1f5e8", "1f441-fe0f-200d-1f5e8-fe0f"];
        let found = unseen(&emoji, files);
        let expected = [(0, "0023-20e3"), (1, "1f44b"), (2, "26a7-fe0f")];
        // The fourth has two candidates and neither is its own; the fifth has none.
        assert_eq!(found, expected.map(|(at, file)| (at, file.to_owned())).into_iter().collect());
    }
}
