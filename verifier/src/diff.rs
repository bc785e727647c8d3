//! What a ZIP carries beside the editable files must be a copy of the frozen tree.
//!
//! Copies are compared byte for byte and then dropped: an entry with copies and one without are the same
//! submission. How a changed file differs is shown as a unified diff; it holds the participant's text, so
//! it is an attachment and never part of the verdict.

use std::collections::BTreeMap;

use records::{
    Finding, Rule, Sha256, Verdict,
    v1::{language::Language, track::Track},
};
use similar::TextDiff;

use crate::{
    frozen::{FrozenFile, FrozenTree},
    tree::{self, Tree},
};

/// Longer texts are not diffed: the digests say that they differ.
const DIFF_BYTES_MAX: usize = 256 << 10;
/// Texts of more lines are not diffed.
const DIFF_LINES_MAX: usize = 4000;
/// Diffs of one archive: the rest say only that they differ.
const DIFFS_MAX: usize = 8;
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Sorts the files of a ZIP into what its track opens and what is frozen, and refuses all else.
#[must_use]
pub fn compare(files: BTreeMap<String, Vec<u8>>, frozen: &FrozenTree<'_>, track: Track) -> Verdict<Tree> {
    let mut findings = Vec::new();
    let mut editable = BTreeMap::new();
    let mut diffs = 0;
    for (path, bytes) in files {
        if track.is_editable(&path) {
            editable.insert(path, bytes);
        } else if let Some(file) = frozen.get(&path) {
            if bytes != file.bytes {
                findings.push(changed(&path, &bytes, file, diffs < DIFFS_MAX));
                diffs += 1;
            }
        } else {
            findings.push(unknown(&path, frozen, track));
        }
    }
    let root = root(&editable);
    for path in root.into_iter().chain([tree::CONFIG, tree::SUBMISSION]) {
        if !editable.contains_key(path) {
            findings.push(Finding::new(Rule::MissingFile, path).expected("a file").found("none"));
        }
    }
    Verdict::from_findings(Tree { files: editable }, findings)
}

/// The file that a library would start from where none of any language is there: in the language of most sources.
///
/// Whether it is the one that `submission.toml` names is policy's to say.
fn root(editable: &BTreeMap<String, Vec<u8>>) -> Option<&'static str> {
    let sources = |language: &Language| {
        let of = |path: &&String| path.starts_with(tree::SOURCES) && Language::of(path) == Some(*language);
        editable.keys().filter(of).count()
    };
    // Of equally many the last counts, which is to be Rust.
    let likely = Language::ALL.into_iter().rev().max_by_key(sources).unwrap_or_default();
    let found = Language::ALL.iter().any(|language| editable.contains_key(language.root()));
    (!found).then(|| likely.root())
}

fn changed(path: &str, bytes: &[u8], file: FrozenFile<'_>, show: bool) -> Finding {
    if plain(bytes) == plain(file.bytes) {
        let found = match (bytes.starts_with(BYTE_ORDER_MARK), bytes.contains(&b'\r')) {
            (true, false) => "a byte order mark",
            (false, true) => "CR LF at the ends of lines",
            _ => "a byte order mark, or other ends of lines",
        };
        return Finding::new(Rule::LineEndings, path)
            .expected("LF at the ends of lines, no byte order mark")
            .found(found);
    }
    let finding = Finding::new(Rule::FrozenFileChanged, path)
        .expected(format_args!("{} bytes, {}", file.bytes.len(), file.digest))
        .found(format_args!("{} bytes, {}", bytes.len(), Sha256::of(bytes)));
    match show.then(|| unified(path, file.bytes, bytes)).flatten() {
        Some(diff) => finding.attach(diff.as_bytes()),
        None => finding,
    }
}

/// The text without a byte order mark and with LF for CR LF and CR.
fn plain(bytes: &[u8]) -> Vec<u8> {
    let bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => {}
            b'\r' => out.push(b'\n'),
            _ => out.push(byte),
        }
    }
    out
}

/// A unified diff with three lines of context, where both are text of a size that can be diffed at once.
fn unified(path: &str, expected: &[u8], found: &[u8]) -> Option<String> {
    let text = |bytes| {
        let text: &str = str::from_utf8(bytes).ok()?;
        (text.len() <= DIFF_BYTES_MAX && text.lines().count() <= DIFF_LINES_MAX).then_some(text)
    };
    let diff = TextDiff::from_lines(text(expected)?, text(found)?);
    let (before, after) = (format!("a/{path}"), format!("b/{path}"));
    Some(diff.unified_diff().context_radius(3).header(&before, &after).to_string())
}

fn unknown(path: &str, frozen: &FrozenTree<'_>, track: Track) -> Finding {
    let finding = Finding::new(Rule::UnknownFile, path);
    let below = format!("editable/{path}");
    let tail = path.split_once('/').map_or(path, |(_, tail)| tail);
    if track.is_editable(&below) {
        finding.expected(format_args!("`{below}`: pack the folder's parent, or use `maxclip pack`"))
    } else if track.is_editable(tail) || frozen.get(tail).is_some() {
        finding.expected(format_args!("`{tail}`, without a folder around it"))
    } else {
        finding
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINES: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\neight\n";

    fn judge(extra: &[(&str, &str)]) -> Verdict<Tree> {
        let frozen = BTreeMap::from([("frozen/a.rs".to_owned(), LINES.as_bytes().to_vec())]);
        let (manifest, contents) = manifest::pack(&frozen);
        let mut files: BTreeMap<String, Vec<u8>> =
            [Language::Rust.root(), tree::CONFIG, tree::SUBMISSION].map(|path| (path.to_owned(), Vec::new())).into();
        files.extend(extra.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())));
        compare(files, &FrozenTree::new(&manifest, &contents).unwrap(), Track::Algorithm)
    }

    fn only(verdict: Verdict<Tree>) -> Finding {
        let Verdict::Fail(mut findings) = verdict else { panic!("{verdict:?}") };
        assert_eq!(findings.len(), 1, "{findings:?}");
        findings.remove(0)
    }

    #[test]
    fn an_equal_copy_of_a_frozen_file_is_dropped() {
        let (plain, copy) = (judge(&[]), judge(&[("frozen/a.rs", LINES)]));
        assert!(matches!(plain, Verdict::Pass(_)));
        assert_eq!(plain, copy);
    }

    #[test]
    fn one_changed_byte_is_shown_as_a_unified_diff() {
        let finding = only(judge(&[("frozen/a.rs", &LINES.replace("six", "sax"))]));
        assert_eq!(finding.rule, Rule::FrozenFileChanged);
        let text = finding.attachment.unwrap().text;
        assert!(text.contains("-six\n+sax\n") && text.contains("--- a/frozen/a.rs\n+++ b/frozen/a.rs\n"), "{text}");
    }

    #[test]
    fn line_endings_and_a_byte_order_mark_are_a_finding_of_their_own() {
        for text in [LINES.replace('\n', "\r\n"), format!("\u{feff}{LINES}"), LINES.replace('\n', "\r")] {
            assert_eq!(only(judge(&[("frozen/a.rs", &text)])).rule, Rule::LineEndings, "{text:?}");
        }
        assert_eq!(only(judge(&[("frozen/a.rs", &LINES.replace('\n', " \r\n"))])).rule, Rule::FrozenFileChanged);
    }

    #[test]
    fn a_file_in_the_wrong_folder_is_told_the_right_one() {
        assert!(only(judge(&[("src/loss.rs", "")])).expected.starts_with("`editable/src/loss.rs`"));
        assert!(only(judge(&[("entry/editable/config.toml", "")])).expected.starts_with("`editable/config.toml`"));
        assert_eq!(only(judge(&[("editable/build.rs", "")])).rule, Rule::UnknownFile);
        assert_eq!(only(judge(&[("editable/pyproject.toml", "")])).rule, Rule::UnknownFile);
    }

    #[test]
    fn a_missing_root_is_that_of_the_sources() {
        let missing = |paths: &[&str]| {
            let (manifest, contents) = (String::new(), Vec::new());
            let files = paths.iter().chain(&[tree::CONFIG, tree::SUBMISSION]).map(|path| ((*path).to_owned(), vec![]));
            let frozen = FrozenTree::new(&manifest, &contents).unwrap();
            only(compare(files.collect(), &frozen, Track::Algorithm)).place
        };
        assert_eq!(missing(&[]), "editable/src/lib.rs");
        assert_eq!(missing(&["editable/src/a.py"]), "editable/src/lib.py");
        assert_eq!(missing(&["editable/src/a.py", "editable/src/a.rs"]), "editable/src/lib.rs");
    }

    #[test]
    fn all_missing_files_come_at_once() {
        let (manifest, contents) = (String::new(), Vec::new());
        let verdict = compare(BTreeMap::new(), &FrozenTree::new(&manifest, &contents).unwrap(), Track::Algorithm);
        let Verdict::Fail(findings) = verdict else { panic!("{verdict:?}") };
        assert_eq!(findings.iter().filter(|finding| finding.rule == Rule::MissingFile).count(), 3);
    }

    #[test]
    fn long_texts_and_bytes_that_are_no_text_are_not_diffed() {
        assert!(unified("a", b"\xff", b"a").is_none());
        assert!(unified("a", "x\n".repeat(DIFF_LINES_MAX + 1).as_bytes(), b"a").is_none());
    }
}
