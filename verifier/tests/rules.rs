//! Every rule of the portable stages has the smallest ZIP that breaks it, and breaks nothing else.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod craft;

use std::collections::BTreeMap;

use craft::{Entry, archive, broken_rules, good, zip};
use records::Rule;
use verifier::tree::{CONFIG, ROOT, SUBMISSION};

fn with(path: &str, text: &str) -> Vec<u8> {
    let mut files = good();
    files.insert(path.to_owned(), text.as_bytes().to_vec());
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
            let files = good().into_iter().filter(|(path, _)| path != ROOT).collect::<BTreeMap<_, _>>();
            archive(&files).bytes()
        }
        Rule::Submission => with(SUBMISSION, "name = \"a\"\nteam = \"b\"\norganization = \"\"\nwriteup = \"\"\n"),
        Rule::Config => with(CONFIG, "a"),
        Rule::SourceText => with(ROOT, "\u{e9}"),
        Rule::ForbiddenWord => with(ROOT, "unsafe"),
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
fn the_good_archive_breaks_nothing() {
    assert_eq!(broken_rules(&archive(&good()).bytes()), []);
}

#[test]
fn findings_depend_on_the_bytes_alone() {
    let bytes = with("frozen/a.rs", "fn thawed() {}\n");
    let (manifest, contents) = manifest::pack(&craft::frozen_files());
    let frozen = verifier::frozen::FrozenTree::new(&manifest, &contents).unwrap();
    let judge = || records::canonical::to_file(&verifier::gate::judge(&bytes, &frozen, None).unwrap()).unwrap();
    assert_eq!(judge(), judge());
}
