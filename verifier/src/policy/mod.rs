//! What sources and the two TOML files may hold.
//!
//! A courtesy with good messages, applied to tokens without a parser of the language: no text can make
//! it recurse, and a word is refused wherever it stands, in a macro's arguments too. The wall is the
//! process boundary around the worker and what the compiler reports of its inputs, not this.

mod lexer;
mod submission;
mod words;

use records::{Finding, Rule, Verdict, statement::Entry};

use crate::{
    config::{self, Names},
    tree::{self, Tree},
};

pub use submission::{CONTACT_CHARACTERS_MAX, NAME_CHARACTERS_MAX, SUBMISSION_BYTES_MAX, WRITEUP_CHARACTERS_MAX};
pub use words::{ATTRIBUTES, STANDARD_MODULES, WORDS};

/// Bytes of all sources.
pub const SOURCE_BYTES_MAX: usize = 64 << 10;
/// Brackets inside brackets.
pub const NESTING_MAX: usize = 64;
/// Operators without anything between them.
pub const OPERATORS_MAX: usize = 32;
/// Bytes of one literal.
pub const LITERAL_BYTES_MAX: usize = 4 << 10;
/// Findings of one source file: the rest is the same again.
const FINDINGS_MAX: usize = 20;

/// Applies every rule to an admitted tree; gives what `submission.toml` says.
#[must_use]
pub fn apply(tree: &Tree, names: &Names) -> Verdict<Entry> {
    let mut findings = Vec::new();
    let entry = match tree.files.get(tree::SUBMISSION).map(|bytes| submission::parse(bytes)) {
        Some(Ok(entry)) => Some(entry),
        Some(Err(faults)) => {
            findings.extend(faults);
            None
        }
        None => None,
    };
    findings.extend(tree.files.get(tree::CONFIG).into_iter().flat_map(|bytes| config::check(bytes, names)));
    let bytes: usize = tree.sources().map(|(_, bytes)| bytes.len()).sum();
    if bytes > SOURCE_BYTES_MAX {
        findings.push(
            Finding::new(Rule::SourceText, tree::SOURCES)
                .expected(format_args!("at most {SOURCE_BYTES_MAX} bytes in all"))
                .found(format_args!("{bytes} bytes")),
        );
    } else {
        findings.extend(tree.sources().flat_map(|(path, bytes)| source(path, bytes)));
    }
    match entry {
        Some(entry) => Verdict::from_findings(entry, findings),
        None if findings.is_empty() => {
            Verdict::Fail(vec![Finding::new(Rule::MissingFile, tree::SUBMISSION).expected("a file").found("none")])
        }
        None => Verdict::Fail(findings),
    }
}

/// Everything wrong with one source file.
fn source(path: &str, bytes: &[u8]) -> Vec<Finding> {
    let place = |at: usize| {
        let (line, column) = position(bytes, at);
        format!("{path}:{line}:{column}")
    };
    if let Some(at) = bytes.iter().position(|&b| !(b.is_ascii_graphic() || b" \n\t\r".contains(&b))) {
        let found = format!("the byte {:#04x}", bytes[at]);
        return vec![Finding::new(Rule::SourceText, place(at)).expected("printable ASCII").found(found)];
    }
    let tokens = match lexer::tokens(bytes) {
        Ok(tokens) => tokens,
        Err(fault) => {
            let finding = Finding::new(Rule::SourceText, place(fault.at));
            return vec![finding.expected("a token that ends").found(fault.what)];
        }
    };
    let mut findings: Vec<_> = form(&tokens)
        .map(|(at, expected, found)| Finding::new(Rule::SourceText, place(at)).expected(expected).found(found))
        .collect();
    findings.extend(words::find(&tokens).into_iter().take(FINDINGS_MAX).map(|word| {
        let finding = Finding::new(Rule::ForbiddenWord, place(word.at)).found(format_args!("`{}`", word.text));
        finding.expected(word.instead)
    }));
    findings
}

/// The line and column of a byte, both from 1.
fn position(bytes: &[u8], at: usize) -> (usize, usize) {
    let before = &bytes[..at];
    let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
    let column = at - before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1) + 1;
    (line, column)
}

/// The first nesting, run of operators and literal past the limits.
fn form(tokens: &[lexer::Token<'_>]) -> impl Iterator<Item = (usize, String, String)> {
    let (mut depth, mut run) = (0usize, 0usize);
    let (mut nested, mut chained, mut long) = (None, None, None);
    for token in tokens {
        match token.kind {
            lexer::Kind::Open => depth += 1,
            lexer::Kind::Close => depth = depth.saturating_sub(1),
            lexer::Kind::Literal if token.text.len() > LITERAL_BYTES_MAX => {
                long.get_or_insert((
                    token.at,
                    format!("literals of at most {LITERAL_BYTES_MAX} bytes"),
                    format!("{} bytes", token.text.len()),
                ));
            }
            _ => {}
        }
        run = if token.kind == lexer::Kind::Mark { run + 1 } else { 0 };
        if depth > NESTING_MAX {
            nested.get_or_insert((token.at, format!("brackets at most {NESTING_MAX} deep"), "deeper ones".to_owned()));
        }
        if run > OPERATORS_MAX {
            chained.get_or_insert((token.at, format!("at most {OPERATORS_MAX} operators in a row"), "more".to_owned()));
        }
    }
    [nested, chained, long].into_iter().flatten()
}

#[cfg(test)]
mod tests;
