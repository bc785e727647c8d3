//! Everything in a tree that a rule about Python refuses.

use std::collections::BTreeSet;

use records::Rule;
use ruff_python_ast::{
    Expr, ExprCall, ExprContext, ExprName, ModModule, Stmt, StmtClassDef, StmtFunctionDef,
    visitor::{Visitor, walk_expr, walk_stmt},
};

use super::{
    Broken,
    imports::{self, Files},
    literals, names,
    paths::{self, Paths},
    scope::{self, Scope},
    start,
};
use crate::policy::text::Fault;

/// Everything that is refused in a module, in no order.
pub(super) fn find(module: &ModModule, files: &BTreeSet<&str>) -> Vec<Broken> {
    let mut walk = Walk {
        files: Files(files),
        paths: Paths::of(&module.body),
        scopes: vec![Scope::of(None, &module.body)],
        broken: Vec::new(),
    };
    walk.visit_body(&module.body);
    walk.broken
}

struct Walk<'a> {
    files: Files<'a>,
    paths: Paths<'a>,
    /// Each within the one before.
    scopes: Vec<Scope<'a>>,
    broken: Vec<Broken>,
}

impl<'a> Visitor<'a> for Walk<'a> {
    fn visit_stmt(&mut self, stmt: &'a Stmt) {
        match stmt {
            Stmt::Import(import) => self.broken.extend(imports::import(import, self.files)),
            Stmt::ImportFrom(import) => self.broken.extend(imports::import_from(import, self.files)),
            Stmt::FunctionDef(function) => self.function(function),
            Stmt::ClassDef(class) => self.class(class),
            _ => walk_stmt(self, stmt),
        }
    }

    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Some(fault) = literals::judge(expr) {
            self.broken.push(Broken::new(Rule::SourceText, fault));
            return;
        }
        match expr {
            Expr::Attribute(_) => self.attribute(expr),
            Expr::Name(name) => self.name(name),
            Expr::Call(call) if self.takes_a_name(call) => self.by_name(call),
            Expr::Lambda(lambda) => {
                if let Some(parameters) = &lambda.parameters {
                    self.visit_parameters(parameters);
                }
                self.within(Scope::of(lambda.parameters.as_deref(), &[]), |walk| walk.visit_expr(&lambda.body));
            }
            _ => walk_expr(self, expr),
        }
    }
}

impl<'a> Walk<'a> {
    fn within(&mut self, scope: Scope<'a>, walk: impl FnOnce(&mut Self)) {
        self.scopes.push(scope);
        walk(self);
        self.scopes.pop();
    }

    /// What stands before a function's body is read outside of it.
    fn function(&mut self, function: &'a StmtFunctionDef) {
        self.broken.extend(paths::dunder(function.name.as_str(), start(&function.name)));
        for decorator in &function.decorator_list {
            self.visit_decorator(decorator);
        }
        if let Some(types) = &function.type_params {
            self.visit_type_params(types);
        }
        self.visit_parameters(&function.parameters);
        if let Some(returns) = &function.returns {
            self.visit_annotation(returns);
        }
        let scope = Scope::of(Some(&function.parameters), &function.body);
        self.within(scope, |walk| walk.visit_body(&function.body));
    }

    fn class(&mut self, class: &'a StmtClassDef) {
        for decorator in &class.decorator_list {
            self.visit_decorator(decorator);
        }
        if let Some(types) = &class.type_params {
            self.visit_type_params(types);
        }
        if let Some(arguments) = &class.arguments {
            self.visit_arguments(arguments);
        }
        self.within(Scope::class(&class.body), |walk| walk.visit_body(&class.body));
    }

    /// A whole `a.b.c` at once.
    fn attribute(&mut self, expr: &'a Expr) {
        let (root, parts) = paths::chain(expr);
        let path = paths::root_name(root).and_then(|name| self.paths.get(name));
        self.broken.extend(paths::judge(path, &parts));
        self.visit_expr(root);
    }

    fn name(&mut self, name: &ExprName) {
        let word = name.id.as_str();
        let at = start(name);
        if !matches!(name.ctx, ExprContext::Load) {
            return;
        }
        if scope::is_bound(&self.scopes, word) {
            return;
        }
        if let Some(instead) = names::instead(names::BUILTINS, word) {
            self.broken.push(Broken::new(Rule::PythonBuiltin, Fault::new(at, instead, format!("`{word}`"))));
        } else if names::BY_NAME.contains(&word) {
            self.computed(at, format!("`{word}` handed on"));
        } else {
            self.broken.extend(paths::dunder(word, at));
        }
    }

    fn takes_a_name(&self, call: &ExprCall) -> bool {
        let name = paths::root_name(&call.func);
        name.is_some_and(|name| names::BY_NAME.contains(&name) && !scope::is_bound(&self.scopes, name))
    }

    /// `getattr(x, "name")` is `x.name`, and judged like it.
    fn by_name(&mut self, call: &'a ExprCall) {
        match &*call.arguments.args {
            [of, Expr::StringLiteral(name), ..] if !of.is_starred_expr() => {
                let (root, mut parts) = paths::chain(of);
                let name = (name.value.to_str(), start(name));
                let path = paths::root_name(root).and_then(|root| self.paths.get(root));
                parts.push(name);
                // What is wrong before the last part is said when the argument is walked.
                let before = paths::judge(path, &parts[..parts.len() - 1]);
                self.broken.extend(paths::judge(path, &parts).filter(|_| before.is_none()));
            }
            _ => {
                let start = start(&*call.func);
                let word = paths::root_name(&call.func).unwrap_or_default();
                self.computed(start, format!("`{word}` of a computed one"));
            }
        }
        self.visit_arguments(&call.arguments);
    }

    fn computed(&mut self, at: usize, found: String) {
        self.broken.push(Broken::new(Rule::PythonComputedName, Fault::new(at, "a name that is written out", found)));
    }
}
