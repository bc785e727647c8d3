//! Roots of paths: the standard library by an allow-list, and no root under another name.

use super::{
    macros,
    text::Fault,
    tokens::{Kind, Token},
    words::Here,
};

/// Modules of the standard library that sources may name.
pub(super) const STANDARD_MODULES: &[&str] = &[
    "any",
    "array",
    "ascii",
    "borrow",
    "boxed",
    "cell",
    "char",
    "clone",
    "cmp",
    "collections",
    "convert",
    "default",
    "error",
    "f32",
    "f64",
    "fmt",
    "hash",
    "i128",
    "i16",
    "i32",
    "i64",
    "i8",
    "isize",
    "iter",
    "marker",
    "mem",
    "num",
    "ops",
    "option",
    "prelude",
    "primitive",
    "rc",
    "result",
    "slice",
    "str",
    "string",
    "u128",
    "u16",
    "u32",
    "u64",
    "u8",
    "usize",
    "vec",
];

/// What may be named of modules that hold other things too.
pub(super) const STANDARD_ITEMS: &[(&str, &[&str])] = &[("sync", &["Arc", "Weak"]), ("time", &["Duration"])];

const MODULE: &str = "an allowed module of `std`, by its name: see `maxclip rules forbidden-word`";
const ROOT: &str = "a path that starts with it, like `std::fmt` or `serde::Deserialize`";

/// The first part of a path that is not allowed, where a word is the root of one.
///
/// A local named `std` is fine, and so is the operator `.std(..)`; the crate under another name is not.
pub(super) fn judge(here: Here<'_, '_>) -> Option<Fault> {
    let is_standard = matches!(here.token.text, "std" | "core" | "alloc");
    if !is_standard && here.token.text != "serde" {
        return None;
    }
    if !here.is_root() {
        let is_elsewhere = here.is_member() || !(here.in_use || here.scope.is_loose);
        return if is_elsewhere { None } else { here.refuse(ROOT) };
    }
    let branches = branches(&here.rest[2..]);
    let odd = if is_standard {
        branches.into_iter().find_map(|branch| unlisted(branch, &here.token))
    } else {
        branches.into_iter().find_map(|branch| branch.first().filter(|token| token.is_keyword("self")).copied())
    }?;
    Some(Fault::new(odd.at, if is_standard { MODULE } else { ROOT }, format!("`{}`", odd.text)))
}

/// The part of a path below `root` that is not allowed.
fn unlisted<'a>(path: &[Token<'a>], root: &Token<'a>) -> Option<Token<'a>> {
    let Some((module, rest)) = path.split_first() else { return Some(*root) };
    let is_macro = macros::KNOWN.contains(&module.text) && rest.first().is_some_and(|token| token.is_mark("!"));
    if module.is_word() && (STANDARD_MODULES.contains(&module.text) || is_macro) {
        return None;
    }
    let items = STANDARD_ITEMS.iter().find(|(name, _)| module.is_word() && *name == module.text);
    let (Some((_, items)), [one, two, leaves @ ..]) = (items, rest) else { return Some(*module) };
    if !(one.is_mark(":") && two.is_mark(":")) {
        return Some(*module);
    }
    branches(leaves).into_iter().find_map(|leaf| match leaf.first() {
        Some(item) if item.is_word() && items.contains(&item.text) => None,
        Some(item) => Some(*item),
        None => Some(*module),
    })
}

/// What may follow `::`: one path, or each of `{a, b::{c, d}, e}`.
fn branches<'t, 'a>(rest: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    if !rest.first().is_some_and(|token| token.is_mark("{")) {
        return vec![rest];
    }
    let (mut depth, mut starts, mut found) = (0usize, true, Vec::new());
    for (index, token) in rest.iter().enumerate().skip(1) {
        match token.kind {
            // The group's own bracket ends it.
            Kind::Close if depth == 0 => break,
            _ if depth == 0 && starts => found.push(&rest[index..]),
            _ => {}
        }
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth -= 1,
            _ => {}
        }
        starts = depth == 0 && token.is_mark(",");
    }
    found
}
