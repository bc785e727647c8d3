//! Whatever a text looks like, its tokens are those of the compiler's lexer.

use proptest::prelude::*;
use ra_ap_rustc_lexer::{FrontmatterAllowed, TokenKind, strip_shebang, tokenize};

use super::{super::tokens::cut, *};

/// Pieces that open, close, escape, hide or join.
const PIECES: &str = r###"" ' \ # ## r b c br cr r# 'r# /* */ // /// /** //! unsafe std :: 'a 'a' 0x 1e 1. .. --- #! [ ] ( ) { }
    $ ! r#"x"# "a\"b" b'\'' /*y*/ τ _ - k# serde = , macro_rules use"###;

fn soup() -> impl Strategy<Value = String> {
    let pieces = PIECES.split_whitespace().chain(["\n", "\r\n", " ", "\u{feff}"]).collect::<Vec<_>>();
    let piece = prop_oneof![prop::sample::select(pieces).prop_map(str::to_owned), "[ -~\\n\u{3c4}]{0,4}"];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

/// What the compiler's lexer cuts from a text as the compiler hands it over, but for space and comments.
fn compilers(text: &str) -> Vec<(usize, &str)> {
    let mut at = strip_shebang(text).unwrap_or(0);
    let tokens = tokenize(&text[at..], FrontmatterAllowed::Yes).map(|token| (token.kind, token.len as usize));
    let mut found = Vec::new();
    for (kind, length) in tokens.collect::<Vec<_>>() {
        let is_between = matches!(
            kind,
            TokenKind::Whitespace
                | TokenKind::LineComment { doc_style: None }
                | TokenKind::BlockComment { doc_style: None, .. }
        );
        if !is_between {
            found.push((at, &text[at..at + length]));
        }
        at += length;
    }
    found
}

/// A name without `r#`; texts that start so stay whole.
fn bare(text: &str) -> &str {
    text.strip_prefix("r#").filter(|rest| !rest.starts_with(['"', '#'])).unwrap_or(text)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn tokens_are_the_compilers(source in soup()) {
        let (text, fault) = text::read(source.as_bytes(), text::first_line);
        if let (None, Ok(tokens)) = (fault, cut(&text)) {
            let ours: Vec<_> = tokens.iter().map(|token| (token.at, token.text.to_owned())).collect();
            // Of a raw name we keep the name.
            let theirs: Vec<_> = compilers(&text).into_iter().map(|(at, text)| (at, bare(text).to_owned())).collect();
            prop_assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn no_text_panics(source in soup()) {
        findings(&source);
    }

    #[test]
    fn no_text_hides_a_word(source in soup()) {
        let (text, _) = text::read(source.as_bytes(), text::first_line);
        let speaks = compilers(&text).iter().any(|(_, word)| ["unsafe", "r#unsafe"].contains(word));
        prop_assert!(!speaks || !findings(&source).is_empty(), "{source:?}");
    }

    #[test]
    fn what_follows_whole_tokens_is_seen(parts in prop::collection::vec(
        prop::sample::select(vec!["\"a\\\"b\"", "r#\"x\"#", "'a'", "'x", "1.5", "/* y */", "b'\\''", "+", "c\"\"", "r#a", "// z\n"]), 0..12,
    )) {
        let source = format!("{} unsafe", parts.join(" "));
        prop_assert_eq!(rules(&source), [Rule::ForbiddenWord]);
    }
}
