//! What a source may import: a few modules, and the files beside it.
//!
//! A worker has an entry's files in memory, as one package without folders: `loss.py` is `.loss`, or `loss`.

use std::collections::BTreeSet;

use records::{
    Finding, Rule,
    v1::language::{Language, PYTHON_MODULES},
};
use ruff_python_ast::{Alias, Identifier, StmtImport, StmtImportFrom};

use super::{Broken, paths, start};
use crate::{policy::text::Fault, tree::SOURCES};

/// The paths of all sources of an entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Files<'a>(pub &'a BTreeSet<&'a str>);

impl Files<'_> {
    fn hold(self, module: &str) -> bool {
        self.0.contains(format!("{SOURCES}{module}{}", Language::Python.ending()).as_str())
    }
}

/// What is wrong with where a source lies and what it is called: nothing could import it.
pub(super) fn misnamed(path: &str) -> Option<Finding> {
    let name = path.strip_prefix(SOURCES).and_then(|rest| rest.strip_suffix(Language::Python.ending()))?;
    let is_word =
        !name.starts_with(|c: char| c.is_ascii_digit()) && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    let found = match name {
        _ if name.contains('/') => "a folder",
        _ if !is_word || name.is_empty() => "a name that is none of Python's",
        _ if PYTHON_MODULES.contains(&name) => "the name of a module that there is",
        _ => return None,
    };
    let expected = "a file beside `lib.py`, called by a word of its own";
    Some(Finding::new(Rule::PythonImport, path).expected(expected).found(found))
}

/// `import a.b`.
pub(super) fn import(import: &StmtImport, files: Files<'_>) -> Vec<Broken> {
    import.names.iter().filter_map(|alias| module(alias.name.as_str(), start(alias), files)).collect()
}

/// `from a import b`, `from .a import b`.
pub(super) fn import_from(import: &StmtImportFrom, files: Files<'_>) -> Vec<Broken> {
    let name = import.module.as_ref().map(Identifier::as_str).unwrap_or_default();
    let at = import.module.as_ref().map_or_else(|| start(import), start);
    let whole = match (import.level, name) {
        (0, _) => module(name, at, files),
        (1, "") => None,
        (level, _) => own(level, name, at, files),
    };
    if let Some(broken) = whole {
        return vec![broken];
    }
    let is_own = import.level > 0 || files.hold(name);
    let module = if is_own { None } else { Some(name) };
    let one = |alias: &Alias| {
        let (part, at) = (alias.name.as_str(), start(alias));
        match module {
            // What comes in unnamed could be a part of torch, which no rule would meet again.
            _ if part == "*" => star(module, at),
            None if name.is_empty() => own(import.level, part, at, files),
            _ => paths::judge(module, &[(part, at)]),
        }
    };
    import.names.iter().filter_map(one).collect()
}

/// A module that is named without a dot.
fn module(path: &str, at: usize, files: Files<'_>) -> Option<Broken> {
    let mut parts = path.split('.');
    let first = parts.next().unwrap_or(path);
    if PYTHON_MODULES.contains(&first) {
        return paths::judge(Some(first), &parts.map(|part| (part, at)).collect::<Vec<_>>());
    }
    let expected = || format!("one of {}, or a file of the entry", PYTHON_MODULES.join(", "));
    (!files.hold(path)).then(|| broken(at, expected(), format!("`{path}`")))
}

/// A module that is named with dots.
fn own(level: u32, name: &str, at: usize, files: Files<'_>) -> Option<Broken> {
    let is_there = level == 1 && files.hold(name);
    let dots = ".".repeat((level as usize).min(8));
    (!is_there).then(|| broken(at, "a file of the entry, after one dot".to_owned(), format!("`{dots}{name}`")))
}

fn star(module: Option<&str>, at: usize) -> Option<Broken> {
    let hides = module.is_none_or(|module| module.split('.').next() == Some("torch"));
    hides.then(|| broken(at, "names, written out".to_owned(), "`*`".to_owned()))
}

fn broken(at: usize, expected: String, found: String) -> Broken {
    Broken::new(Rule::PythonImport, Fault::new(at, expected, found))
}
