//! What the checkout holds itself to: a type's name means one thing, the glossary is in order, files stay short.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use flows::root;

/// Names that several public types have, and why that is no second meaning.
const SHARED: [(&str, &str); 2] = [
    ("Args", "a command's own options: never named outside it"),
    ("Config", "an entry's own configuration, in an algorithm and in the starter kit that is made of one"),
];
/// The most lines of a file, without its tests.
const LINES_MAX: usize = 500;

/// The checkout's Rust files by path, without what is only built for tests.
fn sources(folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
        let skipped = ["target", "runs", "libtorch", "tests", ".git"].iter().any(|part| name.ends_with(part));
        if kind.is_dir() && !skipped && !name.ends_with("examples") {
            sources(&path, found);
        } else if kind.is_file() && name.ends_with(".rs") && !name.ends_with("/tests.rs") {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap().to_owned();
            found.insert(name, code);
        }
    }
}

fn all() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    sources(&root(), &mut found);
    assert!(found.len() > 200, "{} files", found.len());
    found
}

/// The name of a type that a line defines for other crates or modules.
fn public_type(line: &str) -> Option<&str> {
    let line = line.trim_start().strip_prefix("pub ")?;
    let name = ["struct ", "enum ", "trait ", "type ", "union "].iter().find_map(|word| line.strip_prefix(word))?;
    name.split(|c: char| !c.is_alphanumeric() && c != '_').next()
}

#[test]
fn a_name_of_a_type_means_one_thing() {
    let mut defined: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let files = all();
    for (path, code) in &files {
        for name in code.lines().filter_map(public_type) {
            defined.entry(name).or_default().push(path);
        }
    }
    assert!(defined.len() > 300, "{} types", defined.len());
    assert!(SHARED.iter().all(|(shared, _)| defined[shared].len() > 1), "one type alone needs no excuse");
    defined.retain(|name, paths| paths.len() > 1 && !SHARED.iter().any(|(shared, _)| shared == name));
    assert!(defined.is_empty(), "one name, several types: {defined:#?}");
}

#[test]
fn a_file_is_read_in_one_sitting() {
    let mut files = all();
    files.retain(|_, code| code.lines().count() > LINES_MAX);
    assert!(files.is_empty(), "more than {LINES_MAX} lines without tests: {:?}", files.keys());
}

#[test]
fn the_glossary_is_sorted_and_says_a_word_once() {
    let text = fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let terms: Vec<_> = text
        .lines()
        .filter_map(|line| line.strip_prefix("**"))
        .map(|line| line.split("**").next().unwrap().to_lowercase())
        .collect();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).count();
    assert!(terms.len() > 40 && terms.len() == lines, "{} terms in {lines} lines", terms.len());
    let sorted: Vec<_> = terms.iter().cloned().collect::<BTreeSet<_>>().into_iter().collect();
    assert_eq!(terms, sorted);
}

#[test]
fn what_the_glossary_explains_is_said_somewhere() {
    let text = fs::read_to_string(root().join("docs/glossary.md")).unwrap();
    let pages = ["README.md", "SECURITY.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(str::to_owned);
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let docs = docs.filter(|path| path.extension().is_some_and(|end| end == "md") && !path.ends_with("glossary.md"));
    let mut said: String = docs.map(|path| fs::read_to_string(path).unwrap().to_lowercase()).collect();
    for page in pages {
        said.push_str(&fs::read_to_string(root().join(page)).unwrap().to_lowercase());
    }
    said.extend(all().into_values().map(|code| code.to_lowercase()));
    // A word of two is written with a line under it in code.
    let said = said.replace('_', " ");
    let terms = text.lines().filter_map(|line| line.strip_prefix("**")?.split("**").next()).map(str::to_lowercase);
    let unused: Vec<_> = terms.filter(|term| !said.contains(term)).collect();
    assert!(unused.is_empty(), "explained and said nowhere: {unused:?}");
}
