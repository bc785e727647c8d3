//! Captions as open_clip tokenises them: cleaned (see [`text`](crate::text)), byte-pair encoded.
//!
//! Source: open_clip's `SimpleTokenizer`, `bpe_simple_vocab_16e6`.

use crate::text::clean;

/// The token that opens a text.
pub const START: u32 = 49_406;
/// The token that closes a text; the text tower reads its features there.
pub const END: u32 = 49_407;
/// Tokens there are.
pub const VOCABULARY: u32 = 49_408;

/// A combining iota, whose other case is a letter.
const IOTA_BELOW: char = '\u{345}';

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
        // To the reference's `regex` this mark is neither letter nor anything else: a word ends, and it is dropped.
        self.encoder.encode(&clean(text).replace(IOTA_BELOW, " "), &mut tokens);
        tokens.truncate(context.saturating_sub(1));
        tokens.push(self.encoder.end_of_text());
        let mut ids: Vec<u32> = tokens.into_iter().map(|token| u32::from(token.to_u16())).collect();
        ids.resize(context, 0);
        ids
    }
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

    /// Tokens of open_clip 2.16.1.
    #[test]
    fn a_mark_that_is_a_letter_in_the_other_case_ends_a_word() {
        let tokenizer = Tokenizer::new();
        assert_eq!(tokenizer.encode("a\u{345}", 4), [START, 320, END, 0]);
        assert_eq!(tokenizer.encode("\u{345}", 3), [START, END, 0]);
        assert_eq!(tokenizer.encode("\u{301}", 4), [START, 136, 479, END]);
    }

    #[test]
    fn a_long_text_ends_with_the_end() {
        let tokens = Tokenizer::new().encode(&"cat ".repeat(100), 16);
        assert_eq!((tokens.len(), tokens[0], tokens[14], tokens[15]), (16, START, 2368, END));
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
