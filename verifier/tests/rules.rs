//! Every rule of the portable stages has the smallest ZIP that breaks it, and breaks nothing else.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod craft;

use std::collections::BTreeMap;

use craft::{Entry, archive, broken_rules, good, good_python, zip};
use records::{Rule, v1::language::Language};
use verifier::tree::{CONFIG, SUBMISSION};

fn with(path: &str, text: &str) -> Vec<u8> {
    let mut files = good();
    files.insert(path.to_owned(), text.as_bytes().to_vec());
    archive(&files).bytes()
}

fn python(text: &str) -> Vec<u8> {
    let mut files = good_python();
    files.insert(Language::Python.root().to_owned(), text.as_bytes().to_vec());
    archive(&files).bytes()
}

/// The smallest ZIP that breaks a rule; `None` for a rule of another stage.
fn smallest(rule: Rule) -> Option<Vec<u8>> {
    let one = |entry: Entry| zip(vec![entry]).bytes();
    Some(match rule {
        Rule::Unreadable => Vec::new(),
        Rule::NotOneArchive => [zip(vec![]).bytes(), vec![0]].concat(),
        Rule::HeadersDisagree => one(Entry { local_time: 0, ..Entry::stored("a", b"") }),
        Rule::EntryKind => one(Entry { attributes: 0o120_777 << 16, ..Entry::stored("a", b"") }),
        Rule::EntryName => one(Entry::stored("..", b"")),
        Rule::TooLarge => one(Entry::stored(&"a".repeat(201), b"")),
        Rule::FrozenFileChanged => with("frozen/a.rs", "fn thawed() {}\n"),
        Rule::LineEndings => with("frozen/a.rs", "fn frozen() {}\r\n"),
        Rule::UnknownFile => with("a", ""),
        Rule::MissingFile => {
            let files =
                good().into_iter().filter(|(path, _)| path != Language::Rust.root()).collect::<BTreeMap<_, _>>();
            archive(&files).bytes()
        }
        Rule::Submission => with(SUBMISSION, "name = \"a\"\nteam = \"b\"\norganization = \"\"\nwriteup = \"\"\n"),
        Rule::Config => with(CONFIG, "a"),
        Rule::SourceText => with(Language::Rust.root(), "\u{e9}"),
        Rule::ForbiddenWord => with(Language::Rust.root(), "unsafe"),
        Rule::OneLanguage => with("editable/src/a.py", ""),
        Rule::PythonSyntax => python("("),
        Rule::PythonImport => python("import os"),
        Rule::PythonDunder => python("a.__a__"),
        Rule::PythonBuiltin => python("eval"),
        Rule::PythonComputedName => python("getattr(a, b)"),
        Rule::PythonTorch => python("torch.hub"),
        _ => return None,
    })
}

#[test]
fn every_rule_of_the_portable_stages_has_an_example_that_breaks_it_alone() {
    for rule in Rule::ALL.iter().filter(|rule| ["intake", "diff", "policy"].contains(&rule.stage())) {
        let bytes = smallest(*rule).unwrap_or_else(|| panic!("`{rule}` has no example"));
        assert_eq!(broken_rules(&bytes), [*rule]);
    }
}

#[test]
fn the_good_archives_break_nothing() {
    for files in [good(), good_python()] {
        assert_eq!(broken_rules(&archive(&files).bytes()), []);
    }
}

/// The findings of a ZIP: rule, place and what was expected.
fn told(files: &BTreeMap<String, Vec<u8>>) -> Vec<(Rule, String, String)> {
    let (manifest, contents) = manifest::pack(&craft::frozen_files());
    let frozen = verifier::frozen::FrozenTree::new(&manifest, &contents).unwrap();
    let judgement = verifier::gate::judge(&archive(files).bytes(), &frozen, None).unwrap();
    judgement.findings().map(|found| (found.rule, found.place.clone(), found.expected.clone())).collect()
}

#[test]
fn an_entry_is_of_the_language_that_it_names() {
    let one = |files: &BTreeMap<String, Vec<u8>>| match told(files).as_slice() {
        [(Rule::OneLanguage, place, expected)] => (place.clone(), expected.clone()),
        other => panic!("{other:?}"),
    };
    let place = |path: &str, expected: &str| (path.to_owned(), expected.to_owned());
    // Both at once: whatever is not of the language that is named.
    let mut mixed = good_python();
    mixed.insert("editable/src/a.rs".to_owned(), vec![]);
    assert_eq!(one(&mixed), place("editable/src/a.rs", "`.py`, as submission.toml has it"));
    let mut mixed = good();
    mixed.insert(Language::Python.root().to_owned(), vec![]);
    assert_eq!(one(&mixed), place("editable/src/lib.py", "`.rs`, as submission.toml has it"));
    // None of the language that is named, or meant: then it is the word that is wrong.
    let mut unnamed = good_python();
    unnamed.insert(SUBMISSION.to_owned(), good()[SUBMISSION].clone());
    assert_eq!(one(&unnamed), place(SUBMISSION, "`language = \"python\"` for sources in Python"));
    let mut misnamed = good();
    misnamed.insert(SUBMISSION.to_owned(), good_python()[SUBMISSION].clone());
    assert_eq!(one(&misnamed), place(SUBMISSION, "`language = \"rust\"` for sources in Rust"));
}

#[test]
fn what_a_python_entry_must_and_may_hold_follows_the_track() {
    let rules = |edit: fn(&mut BTreeMap<String, Vec<u8>>)| {
        let mut files = good_python();
        edit(&mut files);
        told(&files).into_iter().map(|(rule, place, _)| (rule, place)).collect::<Vec<_>>()
    };
    let missing = |files: &mut BTreeMap<String, Vec<u8>>| {
        let root = files.remove(Language::Python.root()).unwrap();
        files.insert("editable/src/loss.py".to_owned(), root);
    };
    assert_eq!(rules(missing), [(Rule::MissingFile, "editable/src/lib.py".to_owned())]);
    for path in ["editable/Cargo.toml", "editable/pyproject.toml", "editable/setup.py", "editable/src/lib.pyc"] {
        let mut files = good_python();
        files.insert(path.to_owned(), vec![]);
        assert_eq!(told(&files), [(Rule::UnknownFile, path.to_owned(), String::new())]);
    }
}

#[test]
fn a_verdict_on_python_holds_nothing_of_the_parsers() {
    let (manifest, contents) = manifest::pack(&craft::frozen_files());
    let frozen = verifier::frozen::FrozenTree::new(&manifest, &contents).unwrap();
    let judgement = verifier::gate::judge(&python("def f(:\n"), &frozen, None).unwrap();
    let [finding] = judgement.findings().collect::<Vec<_>>()[..] else { panic!("{judgement:?}") };
    assert_eq!((finding.place.as_str(), finding.found.as_str()), ("editable/src/lib.py:1:7", "something else"));
    assert!(!finding.attachment.as_ref().unwrap().text.is_empty());
}

#[test]
fn findings_depend_on_the_bytes_alone() {
    let bytes = with("frozen/a.rs", "fn thawed() {}\n");
    let (manifest, contents) = manifest::pack(&craft::frozen_files());
    let frozen = verifier::frozen::FrozenTree::new(&manifest, &contents).unwrap();
    let judge = || records::canonical::to_file(&verifier::gate::judge(&bytes, &frozen, None).unwrap()).unwrap();
    assert_eq!(judge(), judge());
}
