//! What rules about names allow and refuse, for people: `maxclip rules` and docs/rules.md print these lines.

use records::Rule;

use super::{
    attributes::{ATTRIBUTES, DERIVES, SERDE_BARE, SERDE_CODE, SERDE_TEXT},
    paths::{STANDARD_ITEMS, STANDARD_MODULES},
    python,
    words::{PARTS, WORDS},
};

/// Everything that a rule refuses and allows by name, a line each; nothing of a rule that has no such list.
#[must_use]
pub fn lines(rule: Rule) -> Vec<String> {
    if rule == Rule::ForbiddenWord { words() } else { python::lines(rule) }
}

fn words() -> Vec<String> {
    let mut lines = Vec::new();
    for group in WORDS {
        lines.push(format!("refused {}: {}", group.place, group.words.join(" ")));
        lines.push(format!("  instead: {}", group.instead));
    }
    for (part, instead) in PARTS {
        lines.push(format!("refused as a part of any word: {part}"));
        lines.push(format!("  instead: {instead}"));
    }
    let items =
        STANDARD_ITEMS.iter().flat_map(|(module, items)| items.iter().map(move |item| format!("{module}::{item}")));
    let modules = STANDARD_MODULES.iter().map(|module| (*module).to_owned());
    let standard: Vec<_> = modules.chain(items).collect();
    lines.extend([
        format!("allowed of `std`: {}", standard.join(" ")),
        format!("allowed attributes, also as `#![..]`: {}", attributes(true)),
        format!("allowed attributes: {}", attributes(false)),
        format!("allowed in `derive`: {}", DERIVES.join(" ")),
        format!("allowed keys of serde: {}", SERDE_BARE.join(" ")),
        format!("allowed keys of serde with a text: {}", SERDE_TEXT.join(" ")),
        format!("allowed keys of serde with a path or a type, judged like code: {}", SERDE_CODE.join(" ")),
    ]);
    lines
}

/// The attributes of one sort, each in every form that it may have.
fn attributes(is_inner: bool) -> String {
    let sort = ATTRIBUTES.iter().filter(|attribute| attribute.is_inner == is_inner);
    let forms = sort.flat_map(|attribute| attribute.forms.iter().map(|form| format!("{}{form}", attribute.name)));
    forms.collect::<Vec<_>>().join(", ")
}
