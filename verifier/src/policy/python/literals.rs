//! What is written down instead of computed: within the budget of a literal, also as a list of numbers.

use ruff_python_ast::{Expr, UnaryOp};
use ruff_text_size::Ranged as _;

use super::start;
use crate::policy::{LITERAL_BYTES_MAX, text::Fault};

/// A literal past the budget: a number, a text, bytes, or a list, tuple, set or table of nothing else.
pub(super) fn judge(expr: &Expr) -> Option<Fault> {
    let bytes = expr.range().len().to_usize();
    if bytes <= LITERAL_BYTES_MAX || !is_literal(expr) {
        return None;
    }
    let expected = format!("literals, and lists of them, of at most {LITERAL_BYTES_MAX} bytes");
    Some(Fault::new(start(expr), expected, format!("{bytes} bytes")))
}

fn is_literal(expr: &Expr) -> bool {
    match expr {
        Expr::StringLiteral(_) | Expr::BytesLiteral(_) | Expr::FString(_) | Expr::TString(_) => true,
        Expr::NumberLiteral(_) | Expr::BooleanLiteral(_) | Expr::NoneLiteral(_) => true,
        Expr::UnaryOp(unary) => matches!(unary.op, UnaryOp::USub | UnaryOp::UAdd) && is_literal(&unary.operand),
        Expr::List(list) => list.elts.iter().all(is_literal),
        Expr::Tuple(tuple) => tuple.elts.iter().all(is_literal),
        Expr::Set(set) => set.elts.iter().all(is_literal),
        Expr::Dict(dict) => dict.items.iter().all(|item| item.key.iter().all(is_literal) && is_literal(&item.value)),
        _ => false,
    }
}
