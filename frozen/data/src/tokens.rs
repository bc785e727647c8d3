//! Captions as open_clip tokenises them: cleaned, lower-cased, byte-pair encoded.
//!
//! The encoder is exact; the cleaning is a port of ftfy that differs from it on some hard texts (terminal
//! escapes and entities are treated here because of that), see SHORTCOMINGS.md.
//! Source: open_clip's `SimpleTokenizer`, `bpe_simple_vocab_16e6`.

use plsfix::TextFixerConfig;

/// The token that opens a text.
pub const START: u32 = 49_406;
/// The token that closes a text; the text tower reads its features there.
pub const END: u32 = 49_407;
/// Tokens there are.
pub const VOCABULARY: u32 = 49_408;

/// The tokenizer, with its vocabulary. Making one costs some 50 ms.
pub struct Tokenizer {
    encoder: instant_clip_tokenizer::Tokenizer,
}

impl Default for Tokenizer {
    fn default() -> Self {
        Self::new()
    }
}

impl Tokenizer {
    /// Reads the vocabulary, which is compiled in.
    #[must_use]
    pub fn new() -> Self {
        Self { encoder: instant_clip_tokenizer::Tokenizer::new() }
    }

    /// The tokens of a text: start, text, end, and zeros up to `context`.
    ///
    /// A text that is too long is cut so that the last token is the end. `context` is at least 2.
    #[must_use]
    pub fn encode(&self, text: &str, context: usize) -> Vec<u32> {
        let mut tokens = vec![self.encoder.start_of_text()];
        self.encoder.encode(&clean(text), &mut tokens);
        tokens.truncate(context.saturating_sub(1));
        tokens.push(self.encoder.end_of_text());
        let mut ids: Vec<u32> = tokens.into_iter().map(|token| u32::from(token.to_u16())).collect();
        ids.resize(context, 0);
        ids
    }
}

/// Bytes of a text that are looked at: far more than any context holds, and a bound on hostile captions.
const TEXT_BYTES_MAX: usize = 1 << 16;

/// open_clip's cleaning: ftfy, entities twice, white space to single spaces, lower case.
#[must_use]
pub fn clean(text: &str) -> String {
    let plain = without_escapes(&text[..text.floor_char_boundary(TEXT_BYTES_MAX)]);
    // ftfy leaves entities alone in what could be HTML; its port does not.
    let unescape_html = plain.contains('<').then_some(false);
    let fixed = plsfix::fix_text(&plain, Some(&TextFixerConfig { unescape_html, ..TextFixerConfig::default() }));
    let once = htmlize::unescape(fixed.as_str());
    let twice = htmlize::unescape(once.as_ref());
    let words: Vec<_> = twice.split(is_python_space).filter(|word| !word.is_empty()).collect();
    words.join(" ").to_lowercase()
}

/// Removes escape sequences of terminals, as ftfy does: escape, `[`, digits and semicolons, one letter.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("\u{1b}[") {
        let after = rest[at + 2..].trim_start_matches(|c: char| c.is_ascii_digit() || c == ';');
        let ended = after.starts_with(|c: char| c.is_ascii_alphabetic());
        out.push_str(if ended { &rest[..at] } else { &rest[..at + 2] });
        rest = if ended { &after[1..] } else { &rest[at + 2..] };
    }
    out.push_str(rest);
    out
}

/// What Python's `\s` and `str.strip` take for white space: Unicode's, and four separators.
fn is_python_space(c: char) -> bool {
    c.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&c)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn tokens_are_those_of_open_clip() {
        let tokenizer = Tokenizer::new();
        assert_eq!(tokenizer.encode("a photo of a cat", 10), [49406, 320, 1125, 539, 320, 2368, 49407, 0, 0, 0]);
        assert_eq!(tokenizer.encode("  A\tPHOTO of\n a CAT ", 10), tokenizer.encode("a photo of a cat", 10));
    }

    #[test]
    fn a_long_text_ends_with_the_end() {
        let tokens = Tokenizer::new().encode(&"cat ".repeat(100), 16);
        assert_eq!((tokens.len(), tokens[0], tokens[14], tokens[15]), (16, START, 2368, END));
    }

    #[test]
    fn cleaning_follows_open_clip() {
        for (text, clean_text) in [
            ("\u{1b}[1;31mRed\u{1b}[0m cat", "red cat"),
            ("\u{1b}[", "["),
            ("caf\u{c3}\u{a9}", "caf\u{e9}"),
            ("x &lt; y &amp;lt; z", "x < y < z"),
            ("\u{201c}quoted\u{201d}", "\"quoted\""),
            ("", ""),
        ] {
            assert_eq!(clean(text), clean_text, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_a_row(text in "\\PC{0,200}|.{0,80}", context in 2usize..80) {
            let tokens = TOKENIZER.with(|tokenizer| tokenizer.encode(&text, context));
            prop_assert_eq!(tokens.len(), context);
            let end = tokens.iter().position(|id| *id == END).unwrap();
            prop_assert!(tokens[end + 1..].iter().all(|id| *id == 0));
            prop_assert!(tokens.iter().all(|id| *id < VOCABULARY));
        }
    }

    thread_local! {
        static TOKENIZER: Tokenizer = Tokenizer::new();
    }
}
