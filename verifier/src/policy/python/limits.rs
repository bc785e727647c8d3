//! How deep a text may be, before anything is built of it.
//!
//! A tree is as deep as its brackets and blocks, and as the operators, dots, calls and words that each join one
//! expression to the next: `a.b.c`, `f()()`, `not not x`, `lambda: lambda: x`. Both are counted on tokens, without a
//! tree and without recursion. A comma ends an expression, so that a long list is no deep one.

use ruff_python_ast::token::TokenKind;
use ruff_python_parser::{Mode, lexer};

use crate::policy::{NESTING_MAX, text::Fault};

/// What joins expressions to one, together with the expressions that it stands in.
pub const LINKS_MAX: usize = 512;

/// Which limit a text is past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Past {
    Nesting,
    Links,
}

/// The first place past a limit.
pub(super) fn find(text: &str) -> Option<Fault> {
    let past = past(text)?;
    let (expected, found) = match past {
        Past::Nesting => (format!("brackets and blocks at most {NESTING_MAX} deep"), "deeper ones"),
        Past::Links => (format!("at most {LINKS_MAX} operators, dots, calls and words in an expression"), "more"),
    };
    Some(Fault::new(last(text, past), expected, found))
}

/// The last byte of the shortest beginning that is past the limit: the lexer says what a token is and not where.
fn last(text: &str, limit: Past) -> usize {
    let (mut within, mut beyond) = (0, text.len());
    while beyond - within > 1 {
        let middle = within.midpoint(beyond);
        let is_past = past(&text[..text.floor_char_boundary(middle)]) == Some(limit);
        (within, beyond) = if is_past { (within, middle) } else { (middle, beyond) };
    }
    beyond.saturating_sub(1)
}

/// What is open at one place between two brackets.
#[derive(Debug, Clone, Copy, Default)]
struct Open {
    /// Since the last comma.
    links: usize,
    /// Words that join across commas: `lambda a, b:`.
    firm: usize,
}

fn past(text: &str) -> Option<Past> {
    let mut lexer = lexer::lex(text, Mode::Module);
    let mut open = vec![Open::default()];
    let (mut blocks, mut links) = (0usize, 0usize);
    loop {
        let kind = lexer.next_token();
        match step(kind) {
            Step::End => return None,
            Step::Block => blocks += 1,
            Step::BlockEnd => blocks = blocks.saturating_sub(1),
            Step::Statement => {
                open.truncate(1);
                open.fill(Open::default());
                links = 0;
            }
            Step::Comma => {
                if let Some(here) = open.last_mut() {
                    links -= here.links;
                    here.links = 0;
                }
            }
            Step::Close => {
                if let Some(ended) = (open.len() > 1).then(|| open.pop()).flatten() {
                    links -= ended.links + ended.firm;
                }
            }
            Step::Nothing => {}
            joins => {
                let is_inner = open.len() > 1;
                if let Some(here) = open.last_mut() {
                    let firm = joins == Step::Lambda || (joins == Step::Word && !is_inner);
                    *(if firm { &mut here.firm } else { &mut here.links }) += 1;
                    links += 1;
                }
                if joins == Step::Open {
                    open.push(Open::default());
                }
            }
        }
        if open.len() - 1 + blocks > NESTING_MAX {
            return Some(Past::Nesting);
        }
        if links > LINKS_MAX {
            return Some(Past::Links);
        }
    }
}

/// What a token does to the depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Nothing,
    Open,
    Close,
    Comma,
    Statement,
    Block,
    BlockEnd,
    Lambda,
    /// A word that opens a statement, or joins expressions within brackets.
    Word,
    /// Everything else that joins.
    Link,
    End,
}

fn step(kind: TokenKind) -> Step {
    use TokenKind as K;
    match kind {
        K::EndOfFile => Step::End,
        K::Indent => Step::Block,
        K::Dedent => Step::BlockEnd,
        K::Newline | K::Semi => Step::Statement,
        K::Comma => Step::Comma,
        K::Lpar | K::Lsqb | K::Lbrace | K::FStringStart | K::TStringStart => Step::Open,
        K::Rpar | K::Rsqb | K::Rbrace | K::FStringEnd | K::TStringEnd => Step::Close,
        K::Lambda => Step::Lambda,
        K::Name | K::Int | K::Float | K::Complex | K::String | K::FStringMiddle | K::TStringMiddle => Step::Nothing,
        K::Comment | K::NonLogicalNewline | K::Colon | K::Equal | K::None | K::True | K::False => Step::Nothing,
        kind if kind.is_keyword() => Step::Word,
        _ => Step::Link,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Option<(usize, String)> {
        find(text).map(|fault| (fault.at, fault.expected.into_owned()))
    }

    #[test]
    fn both_sides_of_each_limit() {
        let brackets = |depth: usize| format!("{}{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(find(&brackets(NESTING_MAX)), None);
        assert_eq!(place(&brackets(NESTING_MAX + 1)).unwrap().0, NESTING_MAX);
        let blocks = |depth: usize| {
            let mut text: String = (0..depth).map(|at| format!("{}if a:\n", " ".repeat(at))).collect();
            text.push_str(&format!("{}b\n", " ".repeat(depth)));
            text
        };
        assert_eq!(find(&blocks(NESTING_MAX)), None);
        assert!(place(&blocks(NESTING_MAX + 1)).unwrap().1.contains("blocks"));
        // A statement's own word is none of its expression's.
        for (unit, end) in
            [("-", "a"), ("not ", "a"), ("a.", "a"), ("a+", "a"), ("lambda a, b: ", "a"), ("await ", "a")]
        {
            assert_eq!(find(&format!("{}{end}\n", unit.repeat(LINKS_MAX))), None, "{unit}");
            let at = place(&format!("{}{end}\n", unit.repeat(LINKS_MAX + 1))).unwrap().0;
            let last = LINKS_MAX * unit.len() + unit.find(['-', 'n', '.', '+', 'l', 'w']).unwrap();
            assert!((last..last + unit.len()).contains(&at), "{unit}: {at}, {last}");
        }
    }

    #[test]
    fn what_is_long_is_not_deep() {
        for text in [
            "a = [".to_owned() + &"-1.5, ".repeat(5000) + "]\n",
            "f(x)(y).g -= -1; ".repeat(2000) + "\n",
            "a = {".to_owned() + &"'b': x.y.z + 1 if a else lambda c: c, ".repeat(200) + "}\n",
            "a = x.y[0] + (1, 2)\n".repeat(1000),
            "# (((((\n'''((((('''\n".repeat(100),
        ] {
            assert_eq!(find(&text), None, "{}", &text[..40]);
        }
    }

    #[test]
    fn depth_adds_up_through_brackets() {
        let inner = "a+".repeat(LINKS_MAX / 8);
        let text = format!("{}a{}\n", format!("{inner}(").repeat(8), ")".repeat(8));
        assert!(place(&text).unwrap().1.contains("operators"));
        assert!(place(&"f\"{".repeat(NESTING_MAX)).is_some());
    }
}
