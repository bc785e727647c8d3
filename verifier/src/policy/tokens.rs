//! Tokens, cut by the compiler's own lexer: nothing here knows where a comment or a text ends.
//!
//! What that lexer only marks as odd, and what the compiler would still have to judge, is refused: a token
//! that does not end, a prefix that is reserved, a text with a suffix, front matter, a letter beyond ASCII
//! outside comments and texts.

use ra_ap_rustc_lexer::{FrontmatterAllowed, LiteralKind, TokenKind, tokenize};

use super::text::Fault;

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword.
    Word,
    /// A name that `r#` keeps from being a keyword; `r#` is not part of its text.
    Name,
    /// `'a`.
    Lifetime,
    /// A text that an attribute takes: `".."` or `r".."`, with the bytes before and after what it holds.
    Text { open: usize, close: usize },
    /// A number, a character, or a text of bytes or for C.
    Literal,
    /// `(`, `[`, `{`.
    Open,
    /// `)`, `]`, `}`.
    Close,
    /// One character of an operator.
    Mark,
    /// A comment that is an attribute to the compiler.
    Doc,
}

/// A token and where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub at: usize,
    pub text: &'a str,
}

impl Token<'_> {
    /// Whether it is this keyword, and not a name spelled alike.
    pub(super) fn is_keyword(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }

    /// Whether it is this operator's character or bracket.
    pub(super) fn is_mark(&self, mark: &str) -> bool {
        matches!(self.kind, Kind::Mark | Kind::Open | Kind::Close) && self.text == mark
    }

    pub(super) fn is_word(&self) -> bool {
        matches!(self.kind, Kind::Word | Kind::Name)
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text { .. })
    }
}

/// Cuts a text into tokens; white space and comments that are no attributes are left out.
pub(super) fn cut(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let (mut tokens, mut at) = (Vec::new(), 0);
    // Front matter is allowed so that it is seen as such; it is refused then.
    for token in tokenize(text, FrontmatterAllowed::Yes) {
        let here = &text[at..at + token.len as usize];
        let kind = kind(token.kind, here).map_err(|(expected, found)| Fault::new(at, expected, found))?;
        if let Some(kind) = kind {
            let text = if kind == Kind::Name { here.trim_start_matches("r#") } else { here };
            tokens.push(Token { kind, at, text });
        }
        at += here.len();
    }
    Ok(tokens)
}

type Odd = (&'static str, String);

/// `None` for what stands between tokens.
fn kind(kind: TokenKind, text: &str) -> Result<Option<Kind>, Odd> {
    use TokenKind as T;
    let foreign = text.chars().find(|c| !c.is_ascii());
    Ok(match kind {
        T::LineComment { doc_style } => doc_style.map(|_| Kind::Doc),
        T::BlockComment { doc_style, terminated } => {
            ends(terminated, "a comment that does not end")?;
            doc_style.map(|_| Kind::Doc)
        }
        T::Literal { kind, suffix_start } => Some(literal(kind, text, suffix_start as usize)?),
        T::Frontmatter { .. } => return Err(("no front matter", "`---`".to_owned())),
        T::UnknownPrefix | T::UnknownPrefixLifetime | T::GuardedStrPrefix => {
            return Err(("no reserved prefix: space between a name or `#` and what follows", format!("`{text}`")));
        }
        _ if let Some(odd) = foreign => {
            return Err(("ASCII outside comments and texts", format!("U+{:04X}", u32::from(odd))));
        }
        T::Unknown | T::InvalidIdent | T::Lifetime { starts_with_number: true } | T::Eof => {
            return Err(("a token of Rust", format!("`{}`", text.escape_debug())));
        }
        T::Whitespace => None,
        T::Ident => Some(Kind::Word),
        T::RawIdent => Some(Kind::Name),
        T::Lifetime { .. } | T::RawLifetime => Some(Kind::Lifetime),
        T::OpenParen | T::OpenBrace | T::OpenBracket => Some(Kind::Open),
        T::CloseParen | T::CloseBrace | T::CloseBracket => Some(Kind::Close),
        _ => Some(Kind::Mark),
    })
}

fn literal(kind: LiteralKind, text: &str, suffix_start: usize) -> Result<Kind, Odd> {
    use LiteralKind as L;
    const UNENDING: &str = "a text that does not end";
    let suffix = text.get(suffix_start..).unwrap_or_default();
    let is_number = matches!(kind, L::Int { .. } | L::Float { .. });
    let is_type = is_number && NUMBERS.contains(&suffix);
    if !(suffix.is_empty() || is_type) {
        return Err((
            "a literal without a suffix, or a number with that of its type",
            format!("`{}`", suffix.escape_debug()),
        ));
    }
    Ok(match kind {
        L::Int { .. } | L::Float { .. } => Kind::Literal,
        L::Char { terminated } | L::Byte { terminated } | L::ByteStr { terminated } | L::CStr { terminated } => {
            ends(terminated, UNENDING)?;
            Kind::Literal
        }
        L::Str { terminated } => {
            ends(terminated, UNENDING)?;
            Kind::Text { open: 1, close: 1 }
        }
        L::RawByteStr { n_hashes } | L::RawCStr { n_hashes } => {
            ends(n_hashes.is_some(), UNENDING)?;
            Kind::Literal
        }
        L::RawStr { n_hashes } => {
            let hashes = usize::from(n_hashes.ok_or(("a token that ends", UNENDING.to_owned()))?);
            Kind::Text { open: hashes + 2, close: hashes + 1 }
        }
    })
}

const NUMBERS: &[&str] =
    &["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "f32", "f64"];

fn ends(terminated: bool, found: &str) -> Result<(), Odd> {
    if terminated { Ok(()) } else { Err(("a token that ends", found.to_owned())) }
}
