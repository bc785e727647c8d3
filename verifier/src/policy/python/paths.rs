//! Which names of a file stand for a module or for a part of one: `F` for `torch.nn.functional`.
//!
//! A name is what the file first says that it is, anywhere in it: by an import, or as another name of what is known.
//! What a function, a list or another file hands on is not followed.

use std::collections::BTreeMap;

use records::{Rule, v1::language::PYTHON_MODULES};
use ruff_python_ast::{
    Expr, Identifier, Stmt,
    visitor::{Visitor, walk_stmt},
};

use super::{Broken, names, start};
use crate::policy::text::Fault;

/// Parts of a path that a name is followed to.
const PARTS_MAX: usize = 8;

/// Dotted paths by name.
#[derive(Debug, Default)]
pub(super) struct Paths<'a>(BTreeMap<&'a str, String>);

/// A part of a path and the byte at which it stands.
pub(super) type Part<'a> = (&'a str, usize);

impl<'a> Paths<'a> {
    /// Of everything that a file says.
    pub(super) fn of(body: &'a [Stmt]) -> Self {
        let mut paths = Self::default();
        paths.visit_body(body);
        paths
    }

    /// What a name stands for. `torch` is that wherever it comes from.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).or((name == "torch").then_some("torch"))
    }

    fn add(&mut self, name: &'a str, path: String) {
        if path.split('.').count() <= PARTS_MAX {
            self.0.entry(name).or_insert(path);
        }
    }
}

impl<'a> Visitor<'a> for Paths<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => {
                for alias in &import.names {
                    let path = alias.name.as_str();
                    let first = path.split('.').next().unwrap_or(path);
                    match &alias.asname {
                        Some(name) => self.add(name.as_str(), path.to_owned()),
                        None => self.add(first, first.to_owned()),
                    }
                }
            }
            Stmt::ImportFrom(import) if import.level == 0 => {
                let module = import.module.as_ref().map(Identifier::as_str).unwrap_or_default();
                for alias in &import.names {
                    let name = alias.asname.as_ref().unwrap_or(&alias.name);
                    self.add(name.as_str(), format!("{module}.{}", alias.name.as_str()));
                }
            }
            Stmt::Assign(assign) => {
                let (root, parts) = chain(&assign.value);
                let path = root_name(root).and_then(|name| self.get(name)).map(str::to_owned);
                if let (Some(path), [Expr::Name(name)]) = (path, assign.targets.as_slice()) {
                    let path = parts.iter().take(PARTS_MAX).fold(path, |path, (part, _)| format!("{path}.{part}"));
                    self.add(name.id.as_str(), path);
                }
            }
            _ => walk_stmt(self, stmt),
        }
    }

    // No statement stands in an expression.
    fn visit_expr(&mut self, _: &'a Expr) {}
}

/// `a(b).c.d` as `a(b)` and `c`, `d`.
pub(super) fn chain(expr: &Expr) -> (&Expr, Vec<Part<'_>>) {
    let (mut root, mut parts) = (expr, Vec::new());
    while let Expr::Attribute(attribute) = root {
        parts.push((attribute.attr.as_str(), start(&attribute.attr)));
        root = &attribute.value;
    }
    parts.reverse();
    (root, parts)
}

/// The name that an expression is, if it is one.
pub(super) fn root_name(expr: &Expr) -> Option<&str> {
    if let Expr::Name(name) = expr { Some(name.id.as_str()) } else { None }
}

/// The first of `parts` that may not be reached from what `path` is: nothing, or a module or a part of one.
pub(super) fn judge(path: Option<&str>, parts: &[Part<'_>]) -> Option<Broken> {
    let mut before: Vec<&str> = path.map(|path| path.split('.').collect()).unwrap_or_default();
    for &(part, at) in parts {
        if let Some(broken) = dunder(part, at).or_else(|| attribute(part, at)).or_else(|| within(&before, part, at)) {
            return Some(broken);
        }
        if !before.is_empty() {
            before.push(part);
        }
    }
    None
}

/// A name with two underscores on both sides that is not one of an ordinary class.
pub(super) fn dunder(name: &str, at: usize) -> Option<Broken> {
    if !names::is_dunder(name) || names::DUNDERS.contains(&name) {
        return None;
    }
    let expected = match name {
        "__class__" => "`type(x)`",
        "__dict__" => "attributes by their names",
        _ => "a name of the list: see `maxclip rules python-dunder`",
    };
    Some(Broken::new(Rule::PythonDunder, Fault::new(at, expected, format!("`{name}`"))))
}

fn attribute(part: &str, at: usize) -> Option<Broken> {
    let instead = names::instead(names::ATTRIBUTES, part)?;
    Some(Broken::new(Rule::PythonTorch, Fault::new(at, instead, format!("`{part}`"))))
}

fn within(before: &[&str], part: &str, at: usize) -> Option<Broken> {
    let module = before.first().filter(|module| PYTHON_MODULES.contains(module))?;
    let found = || format!("`{}.{part}`", before.join("."));
    if *module == "torch"
        && before.len() == 1
        && let Some(instead) = names::instead(names::TORCH, part)
    {
        return Some(Broken::new(Rule::PythonTorch, Fault::new(at, instead, found())));
    }
    let behind = names::BEHIND.contains(&part);
    behind.then(|| Broken::new(Rule::PythonImport, Fault::new(at, "what the module itself offers", found())))
}
