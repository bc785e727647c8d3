//! The half of an answer that is written in Python knows the same numbers as this crate.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::BTreeMap;

use wire::{exit, message::QuestionKind, words};

const ANSWER: &str = include_str!("../../contract-python/contract/answer.py");
const MAIN: &str = include_str!("../../contract-python/main.py");

/// The members of one of its enumerations: `NAME = NUMBER`, in the words of this crate.
fn members(class: &str) -> BTreeMap<String, u32> {
    let body = ANSWER.split(&format!("class {class}(IntEnum):")).nth(1).unwrap().split("\nclass ").next().unwrap();
    let member = |line: &str| {
        let (name, number) = line.strip_prefix("    ")?.split_once(" = ")?;
        let name = name.split('_').map(|word| [&word[..1], &word[1..].to_lowercase()].concat()).collect();
        Some((name, number.parse().ok()?))
    };
    body.lines().filter_map(member).collect()
}

#[test]
fn questions_and_words_have_the_same_numbers() {
    let questions = members("QuestionKind");
    let asked = QuestionKind::ALL.into_iter().filter(|kind| !format!("{kind:?}").starts_with("Probe"));
    assert_eq!(questions, asked.map(|kind| (format!("{kind:?}"), kind as u32)).collect());
    let said = members("SaidKind");
    let known: BTreeMap<_, _> =
        words::SaidKind::ALL.into_iter().map(|kind| (format!("{kind:?}"), kind as u32)).collect();
    assert!(said.len() > 5 && said.iter().all(|(name, number)| known.get(name) == Some(number)), "{said:?}");
}

#[test]
fn exit_codes_and_sizes_are_the_same() {
    let codes = [exit::ANSWERED, exit::SAID, exit::PANICKED].map(|code| code.to_string()).join(", ");
    assert!(ANSWER.contains(&format!("\nANSWERED, SAID, PANICKED = {codes}\n")));
    assert!(MAIN.contains(&format!("\nFAULT = {}\n", exit::FAULT)));
    assert!(ANSWER.contains("\nTEXT_BYTES = 64 * 1024 - 16\n") && words::TEXT_BYTES == 64 * 1024 - 16);
    assert!(ANSWER.contains(&format!("\n_PAGE = {}\n", wire::layout::arena_bytes(&[]))));
}
