//! Where macros take tokens apart, so that words which are harmless alone could meet there.
//!
//! `env` is an ordinary name, and so is `load`; `$name!(..)` and `Tensor::$name(..)` are not what they are
//! about. Inside a macro's definition and in what is handed to one that the source defines, such words are
//! refused. An attribute handed to a macro could come out as another one, so none stands in a call.

use super::tokens::{Kind, Token};

/// The macros of the language and of the contract, which do nothing with their arguments but what they say.
pub(super) const KNOWN: &[&str] = &[
    "assert",
    "assert_eq",
    "assert_ne",
    "bail",
    "cfg",
    "column",
    "compile_error",
    "concat",
    "dbg",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "ensure",
    "eprint",
    "eprintln",
    "file",
    "format",
    "format_args",
    "line",
    "matches",
    "module_path",
    "panic",
    "print",
    "println",
    "stringify",
    "todo",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
];

/// Words that stand before `!(` without naming a macro: `if !(a)`.
const KEYWORDS: &[&str] = &[
    "as", "await", "break", "const", "continue", "else", "if", "in", "let", "match", "move", "mut", "ref", "return",
    "static", "where", "while",
];

/// What the brackets around a token belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Scope {
    /// A macro is called with it.
    pub in_call: bool,
    /// A macro is defined by it, or one that is not [`KNOWN`] is called with it.
    pub is_loose: bool,
}

/// The scope of each token; a bracket belongs to what is around it.
pub(super) fn scopes(tokens: &[Token<'_>]) -> Vec<Scope> {
    let mut around = vec![Scope::default()];
    let mut scopes = Vec::with_capacity(tokens.len());
    for (index, token) in tokens.iter().enumerate() {
        if token.kind == Kind::Close && around.len() > 1 {
            around.pop();
        }
        let scope = around.last().copied().unwrap_or_default();
        scopes.push(scope);
        if token.kind == Kind::Open {
            around.push(inside(scope, &tokens[..index]));
        }
    }
    scopes
}

/// The scope inside a bracket, by what stands before it.
fn inside(scope: Scope, before: &[Token<'_>]) -> Scope {
    let mut last = before.iter().rev().filter(|token| token.kind != Kind::Doc);
    let [first, second, third] = [last.next(), last.next(), last.next()];
    let is_mark = |token: Option<&Token<'_>>, mark| token.is_some_and(|token| token.is_mark(mark));
    let names_macro =
        |token: &Token<'_>| token.is_word() && !(token.kind == Kind::Word && KEYWORDS.contains(&token.text));
    match second.filter(|name| is_mark(first, "!") && names_macro(name)) {
        Some(name) => {
            let is_known = KNOWN.contains(&name.text) && !is_mark(third, "$");
            Scope { in_call: true, is_loose: scope.is_loose || !is_known }
        }
        None if is_mark(second, "!") && third.is_some_and(|token| token.text == "macro_rules") => {
            Scope { is_loose: true, ..scope }
        }
        None => scope,
    }
}
