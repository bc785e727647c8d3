//! What a Python source may hold.
//!
//! As for Rust, a courtesy with good messages: the wall is the process that a question is answered in. A tree is built
//! by a parser that other programs use for Python ([`ruff_python_parser`]), after [`limits`] has bounded how deep it
//! can become; names are followed as far as a file says what they are, and no further. Whether Python takes a source
//! that this parser takes is for Python to say.
//!
//! What the parser says is its own, and another version of it says something else: it is attached to a finding and
//! never part of one.

mod imports;
mod limits;
mod literals;
mod names;
mod paths;
mod scope;
#[cfg(test)]
mod tests;
mod walk;

use std::{
    collections::BTreeSet,
    panic::{self, AssertUnwindSafe},
};

use records::{Finding, Rule};
use ruff_python_ast::{
    ModModule,
    token::{Token, TokenKind},
};
use ruff_python_parser::{Mode, ParseOptions, Parsed, parse_unchecked};
use ruff_text_size::Ranged;

use super::{
    FINDINGS_MAX,
    text::{self, Fault},
};

pub use limits::LINKS_MAX;
pub(super) use names::lines;

/// Stack for a parser and a tree, so that neither depends on what its caller has left: [`limits`] lets a tree become a
/// few hundred levels deep, and what cannot be parsed is at most as deep as the source is long.
const STACK_BYTES: usize = 16 << 20;

/// A rule that is broken at a byte of a text, and what the parser said of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Broken {
    rule: Rule,
    fault: Fault,
    said: Option<String>,
}

impl Broken {
    fn new(rule: Rule, fault: Fault) -> Self {
        Self { rule, fault, said: None }
    }
}

/// Everything wrong with one source file; `files` are the paths of all sources of the entry.
pub(super) fn source(path: &str, bytes: &[u8], files: &BTreeSet<&str>) -> Vec<Finding> {
    let (text, fault) = text::read(bytes, encoding);
    let broken = match fault.or_else(|| limits::find(&text)) {
        Some(fault) => vec![Broken::new(Rule::SourceText, fault)],
        None => stacker::grow(STACK_BYTES, || judge(&text, files)),
    };
    let finding = |broken: Broken| {
        let (line, column) = text::position(&text, broken.fault.at);
        let place = format!("{path}:{line}:{column}");
        let finding = Finding::new(broken.rule, place).expected(broken.fault.expected).found(broken.fault.found);
        match broken.said {
            Some(said) => finding.attach(said.as_bytes()),
            None => finding,
        }
    };
    imports::misnamed(path).into_iter().chain(broken.into_iter().take(FINDINGS_MAX).map(finding)).collect()
}

/// What is wrong with a text whose form is within the limits, in order.
fn judge(text: &str, files: &BTreeSet<&str>) -> Vec<Broken> {
    let parse = || parse_unchecked(text, ParseOptions::from(Mode::Module)).try_into_module();
    // A parser that fails by a panic is one more that cannot read the file.
    let Ok(Some(parsed)) = panic::catch_unwind(AssertUnwindSafe(parse)) else {
        return vec![Broken::new(Rule::PythonSyntax, Fault::new(0, GRAMMAR, "a text that the parser gives up on"))];
    };
    if let Some(odd) = parsed.tokens().iter().find_map(|token| foreign(token, text)) {
        return vec![Broken::new(Rule::SourceText, odd)];
    }
    if let Some(broken) = syntax(&parsed) {
        return vec![broken];
    }
    let mut broken = walk::find(parsed.syntax(), files);
    broken.sort_by_key(|broken| broken.fault.at);
    broken
}

const GRAMMAR: &str = "Python";

/// The first place that is no Python; what follows from it is not worth telling.
fn syntax(parsed: &Parsed<ModModule>) -> Option<Broken> {
    let error = parsed.errors().iter().min_by_key(|error| error.location.start())?;
    let fault = Fault::new(error.location.start().to_usize(), GRAMMAR, "something else");
    Some(Broken { rule: Rule::PythonSyntax, fault, said: Some(error.error.to_string()) })
}

/// A character beyond ASCII that stands outside comments and texts: Python reads some of those as ASCII letters.
fn foreign(token: &Token, text: &str) -> Option<Fault> {
    use TokenKind as K;
    let spoken = matches!(token.kind(), K::Comment | K::String | K::FStringStart | K::FStringMiddle | K::FStringEnd);
    let here = text.get(token.start().to_usize()..token.end().to_usize()).unwrap_or_default();
    // Of what is no token, one character: the rest may be a text that does not end.
    let is_cut = token.kind() == K::Unknown && here.chars().count() > 1;
    if spoken || is_cut || matches!(token.kind(), K::TStringStart | K::TStringMiddle | K::TStringEnd) {
        return None;
    }
    let (at, odd) = here.char_indices().find(|(_, c)| !c.is_ascii())?;
    let found = format!("U+{:04X}", u32::from(odd));
    Some(Fault::new(token.start().to_usize() + at, "ASCII outside comments and texts", found))
}

/// A comment in the first two lines that makes Python read the bytes otherwise.
///
/// Source: PEP 263, whose pattern is a `coding`, then `:` or `=`, then spaces or tabs, then the name.
fn encoding(text: &str) -> Option<Fault> {
    let mut start = 0;
    for line in text.split_inclusive('\n').take(2) {
        let code = line.trim_start_matches([' ', '\t']);
        let named = code.starts_with('#').then(|| named_encoding(line)).flatten();
        if let Some((at, name)) = named.filter(|(_, name)| !["utf-8", "utf8"].contains(&name.as_str())) {
            return Some(Fault::new(start + at, "UTF-8, as everywhere", format!("`{name}`")));
        }
        // Only a comment or an empty line lets the next one count.
        if !code.starts_with(['#', '\n']) {
            return None;
        }
        start += line.len();
    }
    None
}

/// Where a comment names an encoding, and which in small letters.
fn named_encoding(comment: &str) -> Option<(usize, String)> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    comment.match_indices("coding").find_map(|(at, word)| {
        let rest = comment[at + word.len()..].strip_prefix([':', '='])?.trim_start_matches([' ', '\t']);
        let name = &rest[..rest.find(|c| !is_name(c)).unwrap_or(rest.len())];
        let at = comment.len() - rest.len();
        (!name.is_empty()).then(|| (at, name.to_ascii_lowercase().replace('_', "-")))
    })
}

/// The byte at which a node starts.
fn start(node: &impl Ranged) -> usize {
    node.start().to_usize()
}
