//! Attributes: an allow-list by full form, since each may change what the compiler makes of what follows.
//!
//! serde's derive macro reads some texts as code. Of those keys the useful ones are allowed, each with a
//! path or a type alone, and its words are judged as if they stood outside the quotes.

use std::fmt;

use super::{
    text::{self, Fault},
    tokens::{self, Kind, Token},
    words,
};

/// What may follow an attribute's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Nothing.
    Bare,
    /// `= ".."`.
    Text,
    /// `(..)` of these words and of numbers.
    Words(&'static [&'static str]),
    /// `(..)` of lints, and a reason.
    Lints,
    /// `(..)` of [`DERIVES`].
    Derives,
    /// `(..)` of serde's keys.
    Serde,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bare => Ok(()),
            Self::Text => f.write_str(" = \"..\""),
            Self::Words(words) => write!(f, "({})", words.join("|")),
            Self::Lints | Self::Derives | Self::Serde => f.write_str("(..)"),
        }
    }
}

/// An attribute that sources may carry.
pub(super) struct Attribute {
    /// Its name, as a path.
    pub name: &'static str,
    /// The forms that it may have.
    pub forms: &'static [Form],
    /// Whether it may stand inside what it is about: `#![..]`.
    pub is_inner: bool,
}

const fn outer(name: &'static str, forms: &'static [Form]) -> Attribute {
    Attribute { name, forms, is_inner: false }
}

const fn both(name: &'static str, forms: &'static [Form]) -> Attribute {
    Attribute { name, forms, is_inner: true }
}

/// Attributes that sources may carry.
pub(super) const ATTRIBUTES: &[Attribute] = &[
    both("allow", &[Form::Lints]),
    both("cfg", &[Form::Words(&["test", "not"])]),
    outer("cold", &[Form::Bare]),
    outer("default", &[Form::Bare]),
    both("deny", &[Form::Lints]),
    outer("derive", &[Form::Derives]),
    both("doc", &[Form::Text, Form::Words(&["hidden", "inline", "no_inline"])]),
    both("expect", &[Form::Lints]),
    both("forbid", &[Form::Lints]),
    outer("inline", &[Form::Bare, Form::Words(&["always", "never"])]),
    outer("must_use", &[Form::Bare, Form::Text]),
    outer("non_exhaustive", &[Form::Bare]),
    outer(
        "repr",
        &[Form::Words(&[
            "C",
            "transparent",
            "packed",
            "align",
            "u8",
            "u16",
            "u32",
            "u64",
            "usize",
            "i8",
            "i16",
            "i32",
            "i64",
            "isize",
        ])],
    ),
    outer("rustfmt::skip", &[Form::Bare]),
    outer("serde", &[Form::Serde]),
    outer("should_panic", &[Form::Bare]),
    outer("test", &[Form::Bare]),
    outer("track_caller", &[Form::Bare]),
    both("warn", &[Form::Lints]),
];

/// What `derive` may name; serde's with or without their crate.
pub(super) const DERIVES: &[&str] =
    &["Clone", "Copy", "Debug", "Default", "Deserialize", "Eq", "Hash", "Ord", "PartialEq", "PartialOrd", "Serialize"];

/// Keys of serde that stand alone.
pub(super) const SERDE_BARE: &[&str] = &[
    "default",
    "deny_unknown_fields",
    "flatten",
    "other",
    "skip",
    "skip_deserializing",
    "skip_serializing",
    "transparent",
    "untagged",
];

/// Keys of serde whose text is a name or a sentence.
pub(super) const SERDE_TEXT: &[&str] =
    &["alias", "content", "expecting", "rename", "rename_all", "rename_all_fields", "tag"];

/// Keys of serde whose text is code: a path or a type.
pub(super) const SERDE_CODE: &[&str] = &["default", "deserialize_with", "from", "try_from", "with"];

const LISTED: &str = "an allowed attribute: see `maxclip rules forbidden-word`";
const SERDE: &str = "an allowed key of serde: see `maxclip rules forbidden-word`";
const CODE: &str = "a path or a type: no escape, block, macro or attribute";

/// What is wrong with the attribute after `#`, and how many of the tokens are its own.
pub(super) fn judge(rest: &[Token<'_>]) -> (Vec<Fault>, usize) {
    let bang = usize::from(rest.first().is_some_and(|token| token.is_mark("!")));
    let Some(open) = rest.get(bang).filter(|token| token.is_mark("[")) else {
        let faults = rest.first().map(|token| refused(token, "an attribute in brackets, written out"));
        return (faults.into_iter().collect(), 0);
    };
    let inner = inside(&rest[bang + 1..]);
    let faults = match inner {
        [] => vec![refused(open, LISTED)],
        [first, ..] => attribute(first, inner, bang == 1),
    };
    (faults, bang + 1 + inner.len())
}

fn attribute(first: &Token<'_>, inner: &[Token<'_>], is_inner: bool) -> Vec<Fault> {
    let (name, arguments) =
        inner.split_at(inner.iter().take_while(|token| token.is_word() || token.is_mark(":")).count());
    let name = joined(name);
    let Some(known) = ATTRIBUTES.iter().find(|known| known.name == name && (known.is_inner || !is_inner)) else {
        return vec![Fault::new(first.at, LISTED, format!("`{}`", if name.is_empty() { first.text } else { &name }))];
    };
    match (known.forms, list(arguments)) {
        ([Form::Derives], Some(inner)) => parts(inner).into_iter().filter_map(underivable).collect(),
        ([Form::Serde], Some(inner)) => parts(inner).into_iter().flat_map(serde).collect(),
        _ if known.forms.iter().any(|form| has_form(*form, arguments)) => vec![],
        _ => {
            let forms: Vec<_> = known.forms.iter().map(|form| format!("`{name}{form}`")).collect();
            vec![Fault::new(first.at, forms.join(" or "), "another form")]
        }
    }
}

/// Whether the tokens after an attribute's name have a form; what [`Form::Derives`] and [`Form::Serde`] list is
/// judged one by one instead.
fn has_form(form: Form, tokens: &[Token<'_>]) -> bool {
    match form {
        Form::Bare => tokens.is_empty(),
        Form::Text => is_assigned(tokens),
        Form::Words(words) => {
            let is_listed = |token: &Token<'_>| match token.kind {
                Kind::Word => words.contains(&token.text),
                Kind::Literal => token.text.bytes().all(|b| b.is_ascii_digit()),
                _ => ["(", ")", ","].contains(&token.text),
            };
            list(tokens).is_some_and(|inner| !inner.is_empty() && inner.iter().all(is_listed))
        }
        Form::Lints => list(tokens).is_some_and(|inner| parts(inner).into_iter().all(is_lint)),
        Form::Derives | Form::Serde => false,
    }
}

/// A lint's path, or `reason = ".."`.
fn is_lint(part: &[Token<'_>]) -> bool {
    match part {
        [key, value @ ..] if key.text == "reason" && !value.is_empty() => is_assigned(value),
        _ => part.iter().all(|token| token.kind == Kind::Word || token.is_mark(":")),
    }
}

fn underivable(part: &[Token<'_>]) -> Option<Fault> {
    let path = joined(part);
    let name = path.strip_prefix("::").unwrap_or(&path);
    let is_serdes = |name: &str| name == "Serialize" || name == "Deserialize";
    let is_known = DERIVES.contains(&path.as_str()) || name.strip_prefix("serde::").is_some_and(is_serdes);
    let expected = || format!("one of {}", DERIVES.join(", "));
    if is_known { None } else { Some(Fault::new(part.first()?.at, expected(), format!("`{path}`"))) }
}

/// What is wrong with one key of serde and its value.
fn serde(part: &[Token<'_>]) -> Vec<Fault> {
    let [key, value @ ..] = part else { return vec![] };
    let is_known = match value {
        [] => SERDE_BARE.contains(&key.text),
        _ if is_assigned(value) && SERDE_CODE.contains(&key.text) => return code(&value[1]),
        _ if is_assigned(value) => SERDE_TEXT.contains(&key.text),
        _ => {
            let names = list(value).is_some_and(|inner| parts(inner).into_iter().all(is_side));
            names && key.text.starts_with("rename") && SERDE_TEXT.contains(&key.text)
        }
    };
    if is_known { vec![] } else { vec![refused(key, SERDE)] }
}

/// The name of one direction: `serialize = ".."`.
fn is_side(part: &[Token<'_>]) -> bool {
    matches!(part, [side, value @ ..] if ["serialize", "deserialize"].contains(&side.text) && is_assigned(value))
}

/// What is wrong with a text that the derive macro reads as a path or a type.
fn code(literal: &Token<'_>) -> Vec<Fault> {
    let Kind::Text { open, close } = literal.kind else { return vec![refused(literal, CODE)] };
    let inner = &literal.text[open..literal.text.len() - close];
    let start = literal.at + open;
    // An escape would spell what is judged otherwise than what is compiled.
    let escape = inner.find('\\').filter(|_| literal.text.starts_with('"'));
    if let Some(at) = escape {
        return vec![Fault::new(start + at, CODE, "`\\`")];
    }
    let mut tokens = match text::first_line(inner).map_or_else(|| tokens::cut(inner), Err) {
        Ok(tokens) => tokens,
        Err(fault) => return vec![Fault { at: start + fault.at, ..fault }],
    };
    tokens.iter_mut().for_each(|token| token.at += start);
    let is_plain = |token: &Token<'_>| match token.kind {
        Kind::Word | Kind::Name | Kind::Lifetime => true,
        Kind::Literal => token.text.starts_with(|c: char| c.is_ascii_digit()),
        _ => ":<>,&;()[]".contains(token.text),
    };
    match tokens.iter().find(|token| !is_plain(token)) {
        Some(odd) => vec![refused(odd, CODE)],
        None => words::find(&tokens),
    }
}

fn refused(token: &Token<'_>, expected: &'static str) -> Fault {
    Fault::new(token.at, expected, format!("`{}`", token.text))
}

/// The tokens up to the bracket that closes what was opened before them.
fn inside<'t, 'a>(tokens: &'t [Token<'a>]) -> &'t [Token<'a>] {
    let mut depth = 0usize;
    let end = tokens.iter().position(|token| match token.kind {
        Kind::Open => {
            depth += 1;
            false
        }
        Kind::Close if depth == 0 => true,
        Kind::Close => {
            depth -= 1;
            false
        }
        _ => false,
    });
    &tokens[..end.unwrap_or(tokens.len())]
}

/// The tokens between parentheses that hold everything.
fn list<'t, 'a>(tokens: &'t [Token<'a>]) -> Option<&'t [Token<'a>]> {
    let (open, rest) = tokens.split_first()?;
    let inner = inside(rest);
    let is_whole = open.is_mark("(") && inner.len() + 2 == tokens.len() && rest.last()?.is_mark(")");
    is_whole.then_some(inner)
}

/// What commas part, outside brackets; a last comma ends the list.
fn parts<'t, 'a>(tokens: &'t [Token<'a>]) -> Vec<&'t [Token<'a>]> {
    let mut depth = 0usize;
    let commas = move |token: &Token<'_>| {
        match token.kind {
            Kind::Open => depth += 1,
            Kind::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth == 0 && token.is_mark(",")
    };
    tokens.split(commas).filter(|part| !part.is_empty()).collect()
}

/// `= ".."`.
fn is_assigned(tokens: &[Token<'_>]) -> bool {
    matches!(tokens, [equals, text] if equals.is_mark("=") && text.is_text())
}

fn joined(tokens: &[Token<'_>]) -> String {
    tokens.iter().map(|token| token.text).collect()
}
