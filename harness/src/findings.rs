//! Findings for people: where there is a source, with the line and a mark under the word.

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use records::{Finding, Rule, verdict::escape};
use verifier::tree::Tree;

use crate::terminal::{Paint, Terminal};

/// More than these are counted, not shown.
const SHOWN_MAX: usize = 30;

/// How many findings there are, for people: `1 finding`.
#[must_use]
pub fn count(findings: usize) -> String {
    format!("{findings} finding{}", if findings == 1 { "" } else { "s" })
}

/// Prints findings, and once for each broken rule how to repair it.
pub fn print(findings: &[&Finding], tree: Option<&Tree>, terminal: &mut Terminal) {
    for finding in findings.iter().take(SHOWN_MAX) {
        match tree.and_then(|tree| snippet(finding, tree, terminal.colour())) {
            Some(text) => terminal.rendered(&text),
            None => plain(finding, terminal),
        }
        terminal.line("");
    }
    if findings.len() > SHOWN_MAX {
        terminal.line(format_args!("and {} more: --json lists all", findings.len() - SHOWN_MAX));
        terminal.line("");
    }
    let mut rules: Vec<Rule> = findings.iter().map(|finding| finding.rule).collect();
    rules.sort();
    rules.dedup();
    for rule in rules {
        terminal.line(format_args!("hint: {}: {}", rule.id(), rule.repair()));
    }
}

fn plain(finding: &Finding, terminal: &mut Terminal) {
    let rule = terminal.paint(Paint::Bad, finding.rule.id());
    terminal.line(format_args!("{rule}  {}", finding.place));
    for (label, text) in [("expected", &finding.expected), ("found", &finding.found)] {
        if !text.is_empty() {
            terminal.line(format_args!("  {label:<8}  {text}"));
        }
    }
    for line in finding.attachment.iter().flat_map(|attachment| attachment.text.lines()) {
        terminal.line(format_args!("  | {line}"));
    }
}

/// The line that a finding is about, as rustc would show it; `None` where it has none or is not ASCII.
fn snippet(finding: &Finding, tree: &Tree, colour: bool) -> Option<String> {
    let mut parts = finding.place.rsplitn(3, ':');
    let (column, line, path) =
        (parts.next()?.parse::<usize>().ok()?, parts.next()?.parse::<usize>().ok()?, parts.next()?);
    let source = tree.files.get(path).and_then(|bytes| str::from_utf8(bytes).ok())?;
    let start_of_line = line.checked_sub(1).and_then(|above| {
        source.split_inclusive('\n').take(above).map(str::len).reduce(|a, b| a + b).or((above == 0).then_some(0))
    })?;
    let text = source[start_of_line..].lines().next()?;
    let (expected, found) = (escape(&finding.expected), escape(&finding.found));
    // Columns are bytes only in ASCII, and nothing in it can move the terminal's cursor.
    if !text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') {
        return None;
    }
    let start = column.checked_sub(1).filter(|at| *at <= text.len())?;
    let word = text[start..].bytes().take_while(|b| b.is_ascii_alphanumeric() || *b == b'_').count().max(1);
    let span = start..(start + word).min(text.len()).max(start);
    let snippet = Snippet::source(text)
        .line_start(line)
        .path(path)
        .annotation(AnnotationKind::Primary.span(span).label(format!("found {found}")));
    let title = Level::ERROR.primary_title(finding.rule.text()).id(finding.rule.id());
    let mut group = title.element(snippet);
    if !expected.is_empty() {
        group = group.element(Level::NOTE.message(format!("expected {expected}")));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    Some(renderer.render(&[group]))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn shown(place: &str) -> Option<String> {
        let source = b"fn a() {\n    unsafe { b() }\n}\n// \xc3\xa9\n".to_vec();
        let tree = Tree { files: BTreeMap::from([("editable/src/lib.rs".to_owned(), source)]) };
        let finding = Finding::new(Rule::ForbiddenWord, place).expected("safe Rust").found("`unsafe`");
        snippet(&finding, &tree, false)
    }

    #[test]
    fn a_word_is_marked_in_its_line() {
        let text = shown("editable/src/lib.rs:2:5").unwrap();
        assert!(text.contains("2 |     unsafe { b() }\n") && text.contains("^^^^^^ found `unsafe`"), "{text}");
    }

    #[test]
    fn places_without_an_ascii_line_have_no_snippet() {
        for place in [
            "editable/src/lib.rs:4:1",
            "editable/src/lib.rs:9:1",
            "editable/src/lib.rs:2:99",
            "editable/src/a.rs:1:1",
            "a",
            "a:0:0",
        ] {
            assert_eq!(shown(place), None, "{place}");
        }
        assert_eq!(shown("editable/src/lib.rs:0:1"), None);
    }
}
