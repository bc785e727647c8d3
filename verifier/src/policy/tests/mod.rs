mod honest;
mod soup;
mod tricks;

use std::collections::BTreeMap;

use super::{
    attributes::{ATTRIBUTES, DERIVES, SERDE_BARE, SERDE_CODE, SERDE_TEXT},
    paths::STANDARD_MODULES,
    words::{Position, WORDS},
    *,
};

fn findings(source_text: &str) -> Vec<Finding> {
    rust("editable/src/lib.rs", source_text.as_bytes())
}

fn rules(source_text: &str) -> Vec<Rule> {
    findings(source_text).into_iter().map(|finding| finding.rule).collect()
}

#[test]
fn a_forbidden_word_is_found_with_its_line_and_column() {
    let found = findings("fn a() {\n    unsafe { b() }\n}\n");
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].place.as_str(), found[0].found.as_str()), ("editable/src/lib.rs:2:5", "`unsafe`"));
}

#[test]
fn text_has_limits() {
    let text = |bytes: usize| format!("\"{}\"", "x".repeat(bytes - 2));
    assert_eq!(rules(&"(".repeat(NESTING_MAX)), []);
    assert_eq!(rules(&"(".repeat(NESTING_MAX + 1)), [Rule::SourceText]);
    assert_eq!(rules(&"!".repeat(OPERATORS_MAX)), []);
    assert_eq!(rules(&"!".repeat(OPERATORS_MAX + 1)), [Rule::SourceText]);
    assert_eq!(rules(&text(LITERAL_BYTES_MAX)), []);
    assert_eq!(rules(&text(LITERAL_BYTES_MAX + 1)), [Rule::SourceText]);
    assert_eq!(rules(&"(".repeat(SOURCE_BYTES_MAX)), [Rule::SourceText]);
}

#[test]
fn sources_are_short_together() {
    let half = vec![b' '; SOURCE_BYTES_MAX / 2 + 1];
    let files =
        BTreeMap::from([("editable/src/a.rs".to_owned(), half.clone()), ("editable/src/b.rs".to_owned(), half)]);
    let Verdict::Fail(findings) = apply(&Tree { files }, &TableNames::default()) else { panic!("passed") };
    assert_eq!(findings[0].rule, Rule::SourceText);
    assert_eq!(findings[0].place, "editable/src/");
}

#[test]
fn a_file_full_of_the_same_word_is_told_briefly() {
    assert_eq!(findings(&"unsafe ".repeat(1000)).len(), FINDINGS_MAX);
}

#[test]
fn bytes_beyond_utf_8_are_refused_where_they_stand() {
    let found = rust("editable/src/lib.rs", b"fn a() {}\n// \xff");
    assert_eq!((found[0].rule, found[0].place.as_str()), (Rule::SourceText, "editable/src/lib.rs:2:4"));
}

#[test]
fn lists_hold_nothing_twice() {
    let in_order = |list: &[&str]| list.is_sorted_by(|a, b| a < b);
    for list in [STANDARD_MODULES, DERIVES, SERDE_BARE, SERDE_TEXT, SERDE_CODE, macros::KNOWN] {
        assert!(in_order(list), "{list:?}");
    }
    assert!(in_order(&ATTRIBUTES.iter().map(|attribute| attribute.name).collect::<Vec<_>>()));
    let anywhere = WORDS.iter().filter(|group| group.place == Position::Anywhere).flat_map(|group| group.words);
    for word in anywhere {
        assert_eq!(rules(word), [Rule::ForbiddenWord], "{word}");
    }
}

#[test]
fn the_page_lists_what_is_true() {
    let page = include_str!("../../../../docs/rules.md");
    let mut lists = page.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap().lines());
    assert_eq!(lists.next().unwrap().collect::<Vec<_>>(), lines(Rule::ForbiddenWord));
    let of_python: Vec<_> = Rule::ALL.iter().filter(|rule| rule.id().starts_with("python-")).collect();
    let listed = of_python.iter().filter(|rule| !lines(***rule).is_empty());
    let expected: Vec<_> = listed.flat_map(|rule| [vec![format!("{rule}")], lines(**rule)].concat()).collect();
    assert_eq!(lists.next().unwrap().collect::<Vec<_>>(), expected);

    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.strip_suffix("` |")?.split_once("` | `"));
    let shown: Vec<_> = rows.map(|(rule, text)| (rule.parse::<Rule>().unwrap(), text)).collect();
    for (rule, text) in &shown {
        let path = "editable/src/lib.py";
        let found = python::source(path, text.as_bytes(), &BTreeSet::from([path]));
        assert_eq!(found.iter().map(|finding| finding.rule).collect::<Vec<_>>(), [*rule], "{text}");
    }
    assert!(of_python.iter().all(|rule| shown.iter().any(|(shown, _)| shown == *rule)), "{shown:?}");
}
