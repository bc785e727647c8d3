//! What sources and the two TOML files may hold.
//!
//! A courtesy with good messages. Rust is judged by the compiler's own tokens without a parser of the language: no
//! text can make it recurse, and a word is refused in a macro's arguments too. Python is judged by its tree
//! ([`python`]). The wall is the process boundary around the worker and what the compiler reports of its inputs, not
//! this.
//!
//! It errs on neither side on purpose: what an honest entry writes passes, and what is refused is refused under
//! every spelling that the compiler knows.

mod attributes;
mod listing;
mod macros;
mod paths;
mod python;
mod submission;
mod text;
mod tokens;
mod words;

use std::collections::BTreeSet;

use records::{
    Finding, Rule, Verdict,
    v1::{language::Language, statement::EntryLabel},
};

use crate::{
    config::{self, TableNames},
    tree::{self, Tree},
};
use text::Fault;
use tokens::{Kind, Token};

pub use listing::lines;
pub use python::LINKS_MAX;
pub use submission::{CONTACT_CHARACTERS_MAX, NAME_CHARACTERS_MAX, SUBMISSION_BYTES_MAX, WRITEUP_CHARACTERS_MAX};

/// Bytes of all sources.
pub const SOURCE_BYTES_MAX: usize = 64 << 10;
/// Brackets inside brackets.
pub const NESTING_MAX: usize = 64;
/// Operators without anything between them.
pub const OPERATORS_MAX: usize = 32;
/// Bytes of one literal.
pub const LITERAL_BYTES_MAX: usize = 16 << 10;
/// Findings of one source file: the rest is the same again.
const FINDINGS_MAX: usize = 20;

/// Applies every rule to an admitted tree; gives what `submission.toml` says.
#[must_use]
pub fn apply(tree: &Tree, names: &TableNames) -> Verdict<EntryLabel> {
    let mut findings = Vec::new();
    let mut language = tree.language();
    let entry = match tree.files.get(tree::SUBMISSION).map(|bytes| submission::parse(bytes)) {
        Some(Ok(submission)) => {
            language = submission.language;
            Some(submission.label)
        }
        Some(Err(faults)) => {
            findings.extend(faults);
            None
        }
        None => None,
    };
    findings.extend(one_language(tree, language));
    findings.extend(tree.files.get(tree::CONFIG).into_iter().flat_map(|bytes| config::check(bytes, names)));
    let bytes: usize = tree.sources().map(|(_, bytes)| bytes.len()).sum();
    if bytes > SOURCE_BYTES_MAX {
        findings.push(
            Finding::new(Rule::SourceText, tree::SOURCES)
                .expected(format_args!("at most {SOURCE_BYTES_MAX} bytes in all"))
                .found(format_args!("{bytes} bytes")),
        );
    } else {
        let files = tree.sources().map(|(path, _)| path).collect();
        findings.extend(tree.sources().flat_map(|(path, bytes)| source(path, bytes, &files)));
    }
    match entry {
        Some(entry) => Verdict::from_findings(entry, findings),
        None if findings.is_empty() => {
            Verdict::Fail(vec![Finding::new(Rule::MissingFile, tree::SUBMISSION).expected("a file").found("none")])
        }
        None => Verdict::Fail(findings),
    }
}

/// What a `submission.toml` says that holds to its rules, whatever the rest of a ZIP is.
#[must_use]
pub fn about(bytes: &[u8]) -> Option<EntryLabel> {
    submission::parse(bytes).ok().map(|submission| submission.label)
}

/// Sources that are not of an entry's language; where none is, the word that says so.
fn one_language(tree: &Tree, language: Language) -> Vec<Finding> {
    let others: Vec<_> = tree.sources().filter(|(path, _)| Language::of(path) != Some(language)).collect();
    if let [(path, _), ..] = others.as_slice()
        && others.len() == tree.sources().count()
        && let Some(other) = Language::of(path)
    {
        let finding = Finding::new(Rule::OneLanguage, tree::SUBMISSION);
        let expected = format!("`language = \"{}\"` for sources in {}", other.word(), other.name());
        return vec![finding.expected(expected).found(format_args!("{}", language.word()))];
    }
    let finding = |(path, _): (&str, &[u8])| {
        let found = Language::of(path).map_or("another one", Language::name);
        let expected = format!("`{}`, as submission.toml has it", language.ending());
        Finding::new(Rule::OneLanguage, path).expected(expected).found(format_args!("a source in {found}"))
    };
    others.into_iter().map(finding).collect()
}

/// Everything wrong with one source file; `files` are the paths of all of them.
fn source(path: &str, bytes: &[u8], files: &BTreeSet<&str>) -> Vec<Finding> {
    match Language::of(path) {
        Some(Language::Python) => python::source(path, bytes, files),
        _ => rust(path, bytes),
    }
}

/// Everything wrong with one source in Rust.
fn rust(path: &str, bytes: &[u8]) -> Vec<Finding> {
    let (text, fault) = text::read(bytes, text::first_line);
    let (rule, faults) = match fault.map_or_else(|| tokens::cut(&text), Err) {
        Err(fault) => (Rule::SourceText, vec![fault]),
        Ok(tokens) => match form(&tokens) {
            faults if faults.is_empty() => (Rule::ForbiddenWord, words::find(&tokens)),
            faults => (Rule::SourceText, faults),
        },
    };
    let finding = |fault: Fault| {
        let (line, column) = text::position(&text, fault.at);
        Finding::new(rule, format!("{path}:{line}:{column}")).expected(fault.expected).found(fault.found)
    };
    faults.into_iter().take(FINDINGS_MAX).map(finding).collect()
}

/// The first nesting, run of operators and literal past the limits.
fn form(tokens: &[Token<'_>]) -> Vec<Fault> {
    let (mut depth, mut run) = (0usize, 0usize);
    let (mut nested, mut chained, mut long) = (None, None, None);
    for token in tokens {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            Kind::Literal | Kind::Text { .. } if token.text.len() > LITERAL_BYTES_MAX => {
                let expected = format!("literals of at most {LITERAL_BYTES_MAX} bytes");
                long.get_or_insert(Fault::new(token.at, expected, format!("{} bytes", token.text.len())));
            }
            _ => {}
        }
        run = if token.kind == Kind::Mark { run + 1 } else { 0 };
        if depth > NESTING_MAX {
            let expected = format!("brackets at most {NESTING_MAX} deep");
            nested.get_or_insert(Fault::new(token.at, expected, "deeper ones"));
        }
        if run > OPERATORS_MAX {
            let expected = format!("at most {OPERATORS_MAX} operators in a row");
            chained.get_or_insert(Fault::new(token.at, expected, "more"));
        }
    }
    [nested, chained, long].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
