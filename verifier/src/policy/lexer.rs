//! Rust's tokens over ASCII text: iterative, without a table of the language.
//!
//! Exact where it matters: what is comment, text and name. Numbers and operators are cut roughly.
//! Source: the Rust reference, chapters "Tokens" and "Comments".

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or keyword; `r#` is not part of its text.
    Word,
    /// `'a`.
    Lifetime,
    /// A text, character or number.
    Literal,
    /// `(`, `[`, `{`.
    Open,
    /// `)`, `]`, `}`.
    Close,
    /// One character of an operator.
    Mark,
}

/// A token and where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: Kind,
    pub at: usize,
    pub text: &'a str,
}

/// Text that does not end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fault {
    pub at: usize,
    pub what: &'static str,
}

/// Cuts ASCII text into tokens; white space and comments are left out.
pub(super) fn tokens(bytes: &[u8]) -> Result<Vec<Token<'_>>, Fault> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &bytes[at..];
        if rest[0].is_ascii_whitespace() {
            at += 1;
        } else if rest.starts_with(b"//") {
            at += rest.iter().position(|&b| b == b'\n').unwrap_or(rest.len());
        } else if rest.starts_with(b"/*") {
            at += block_comment(rest).ok_or(Fault { at, what: "a comment that does not end" })?;
        } else {
            let (kind, skip, length) = token(rest).ok_or(Fault { at, what: "a text that does not end" })?;
            // ASCII was checked before: every cut is at a character.
            let text = str::from_utf8(&bytes[at + skip..at + length]).unwrap_or_default();
            tokens.push(Token { kind, at, text });
            at += length;
        }
    }
    Ok(tokens)
}

/// Bytes of a block comment, which may hold others.
fn block_comment(rest: &[u8]) -> Option<usize> {
    let (mut depth, mut at) = (0usize, 0);
    while at + 1 < rest.len() {
        match &rest[at..at + 2] {
            b"/*" => (depth, at) = (depth + 1, at + 2),
            b"*/" => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// Kind, bytes that its text leaves out in front, and whole length.
fn token(rest: &[u8]) -> Option<(Kind, usize, usize)> {
    let first = rest[0];
    if let Some((prefix, raw)) = text_prefix(rest) {
        let text = &rest[prefix..];
        return Some((Kind::Literal, 0, prefix + if raw { raw_text(text)? } else { escaped(text, text[0])? }));
    }
    Some(match first {
        b'r' if rest.starts_with(b"r#") && rest.get(2).is_some_and(|&b| starts_word(b)) => {
            (Kind::Word, 2, 2 + word(&rest[2..]))
        }
        _ if starts_word(first) => (Kind::Word, 0, word(rest)),
        b'0'..=b'9' => (Kind::Literal, 0, number(rest)),
        b'\'' => quote(rest)?,
        b'(' | b'[' | b'{' => (Kind::Open, 0, 1),
        b')' | b']' | b'}' => (Kind::Close, 0, 1),
        _ => (Kind::Mark, 0, 1),
    })
}

/// Bytes before the first quote or `#` of a text, and whether it is raw; `None` where no text starts.
fn text_prefix(rest: &[u8]) -> Option<(usize, bool)> {
    let letters = rest.iter().take_while(|b| b"bcr".contains(b)).count();
    let tail = &rest[letters..];
    match &rest[..letters] {
        b"" | b"b" | b"c" if tail.starts_with(b"\"") => Some((letters, false)),
        b"b" if tail.starts_with(b"'") => Some((letters, false)),
        b"r" | b"br" | b"cr" => {
            let hashes = tail.iter().take_while(|&&b| b == b'#').count();
            (tail.get(hashes) == Some(&b'"')).then_some((letters, true))
        }
        _ => None,
    }
}

/// Bytes of a raw text from its first `#` or `"`: it ends at a quote with as many `#`, whatever stands before.
fn raw_text(rest: &[u8]) -> Option<usize> {
    let hashes = rest.iter().take_while(|&&b| b == b'#').count();
    let mut close = vec![b'"'];
    close.resize(hashes + 1, b'#');
    let body = rest.get(hashes + 1..)?;
    let end = body.windows(close.len()).position(|window| window == close)?;
    Some(hashes + 1 + end + close.len())
}

/// Bytes of a text in quotes, in which `\\` takes the next byte with it.
fn escaped(rest: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return Some(at + 1),
            _ => at += 1,
        }
    }
    None
}

/// A character or a lifetime.
fn quote(rest: &[u8]) -> Option<(Kind, usize, usize)> {
    let is_lifetime = rest.get(1).is_some_and(|&b| starts_word(b)) && rest.get(2) != Some(&b'\'');
    if is_lifetime {
        return Some((Kind::Lifetime, 1, 1 + word(&rest[1..])));
    }
    Some((Kind::Literal, 0, escaped(rest, b'\'')?))
}

/// Digits with their point, exponent and suffix; `0..n` and `1.max(2)` end before the dot.
fn number(rest: &[u8]) -> usize {
    let digits = word(rest);
    let point = rest.get(digits) == Some(&b'.') && rest.get(digits + 1).is_some_and(u8::is_ascii_digit);
    let mut end = if point { digits + 1 + word(&rest[digits + 1..]) } else { digits };
    let signed = end > 0 && matches!(rest[end - 1], b'e' | b'E') && matches!(rest.get(end), Some(b'+' | b'-'));
    let hexadecimal = rest.starts_with(b"0x");
    if signed && !hexadecimal && rest.get(end + 1).is_some_and(u8::is_ascii_digit) {
        end += 1 + word(&rest[end + 1..]);
    }
    end
}

fn starts_word(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

fn word(rest: &[u8]) -> usize {
    rest.iter().take_while(|b| b.is_ascii_alphanumeric() || **b == b'_').count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(source: &str) -> Vec<&str> {
        tokens(source.as_bytes()).unwrap().into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_texts_hide_words_and_nothing_else_does() {
        assert_eq!(texts("a // unsafe\nb /* unsafe /* x */ unsafe */ c"), ["a", "b", "c"]);
        assert_eq!(texts(r####"a "unsafe \" x" r"\" b r#"unsafe " x"# c br##"x"# "## d"####).len(), 8);
        assert_eq!(texts(r#"'"' unsafe '\'' b'\'' x"#), [r#"'"'"#, "unsafe", r"'\''", r"b'\''", "x"]);
        assert_eq!(texts("&'a unsafe"), ["&", "a", "unsafe"]);
        assert_eq!(texts("r#unsafe"), ["unsafe"]);
        assert_eq!(texts("'a' 'static"), ["'a'", "static"]);
    }

    #[test]
    fn numbers_end_where_rust_ends_them() {
        assert_eq!(texts("0..n"), ["0", ".", ".", "n"]);
        assert_eq!(texts("1e-5f32-x"), ["1e-5f32", "-", "x"]);
        assert_eq!(texts("1.5e+3.max(2)"), ["1.5e+3", ".", "max", "(", "2", ")"]);
        assert_eq!(texts("0xe+unsafe"), ["0xe", "+", "unsafe"]);
    }

    #[test]
    fn what_does_not_end_is_named_by_its_start() {
        assert_eq!(tokens(b"a /* x").unwrap_err().at, 2);
        assert_eq!(tokens(b"a \"x").unwrap_err().at, 2);
        assert_eq!(tokens(b"r#\"x\"").unwrap_err().at, 0);
    }

    proptest! {
        #[test]
        fn no_text_panics(source in "[ -~\\n]{0,200}") {
            tokens(source.as_bytes()).ok();
        }

        #[test]
        fn a_word_after_whole_tokens_is_seen(parts in proptest::collection::vec(
            prop_oneof![Just("\"a\\\"b\""), Just("r#\"x\"#"), Just("'a'"), Just("'x"), Just("1.5"), Just("/* y */"), Just("b'\\''"), Just("+")], 0..12,
        )) {
            let source = format!("{} unsafe", parts.join(" "));
            prop_assert_eq!(texts(&source).pop(), Some("unsafe"));
        }
    }
}
