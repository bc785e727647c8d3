//! Whether a builtin's name is the source's own where it stands: `input` is what most call a loss's first argument.

use std::collections::BTreeSet;

use ruff_python_ast::{
    AnyParameterRef, ExceptHandler, Expr, ExprContext, Parameters, Pattern, Stmt,
    visitor::{Visitor, walk_except_handler, walk_expr, walk_pattern, walk_stmt},
};

use super::names::{BUILTINS, BY_NAME};

/// The names of a module, a class, a function or a lambda that hide builtins.
#[derive(Debug, Default)]
pub(super) struct Scope<'a> {
    names: BTreeSet<&'a str>,
    is_class: bool,
}

impl<'a> Scope<'a> {
    /// Of a module or of a function's body.
    pub(super) fn of(parameters: Option<&'a Parameters>, body: &'a [Stmt]) -> Self {
        let mut scope = Self::default();
        for parameter in parameters.into_iter().flat_map(Parameters::iter) {
            scope.add(name(parameter));
        }
        scope.visit_body(body);
        scope
    }

    /// Of a class, whose names its functions do not see.
    pub(super) fn class(body: &'a [Stmt]) -> Self {
        Self { is_class: true, ..Self::of(None, body) }
    }

    fn add(&mut self, name: &'a str) {
        if BY_NAME.contains(&name) || BUILTINS.iter().any(|group| group.words.contains(&name)) {
            self.names.insert(name);
        }
    }
}

fn name<'a>(parameter: AnyParameterRef<'a>) -> &'a str {
    parameter.as_parameter().name.as_str()
}

/// Whether a name that stands in the last of these scopes, each within the one before, is one of theirs.
pub(super) fn is_bound(scopes: &[Scope<'_>], name: &str) -> bool {
    let inner = scopes.len().saturating_sub(1);
    let sees = |(at, scope): (usize, &Scope<'_>)| scope.names.contains(name) && (at == inner || !scope.is_class);
    scopes.iter().enumerate().any(sees)
}

impl<'a> Visitor<'a> for Scope<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::FunctionDef(function) => self.add(function.name.as_str()),
            Stmt::ClassDef(class) => self.add(class.name.as_str()),
            Stmt::Import(import) => {
                for alias in &import.names {
                    self.add(alias.asname.as_ref().unwrap_or(&alias.name).as_str());
                }
            }
            Stmt::ImportFrom(import) => {
                for alias in &import.names {
                    self.add(alias.asname.as_ref().unwrap_or(&alias.name).as_str());
                }
            }
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        match expr {
            Expr::Name(name) if matches!(name.ctx, ExprContext::Store) => self.add(name.id.as_str()),
            Expr::Lambda(_) => {}
            _ => walk_expr(self, expr),
        }
    }

    fn visit_except_handler(&mut self, handler: &'a ExceptHandler) {
        let ExceptHandler::ExceptHandler(inner) = handler;
        if let Some(name) = &inner.name {
            self.add(name.as_str());
        }
        walk_except_handler(self, handler);
    }

    fn visit_pattern(&mut self, pattern: &'a Pattern) {
        let name = match pattern {
            Pattern::MatchAs(pattern) => pattern.name.as_ref(),
            Pattern::MatchStar(pattern) => pattern.name.as_ref(),
            Pattern::MatchMapping(pattern) => pattern.rest.as_ref(),
            _ => None,
        };
        if let Some(name) = name {
            self.add(name.as_str());
        }
        walk_pattern(self, pattern);
    }
}
