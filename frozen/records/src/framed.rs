//! The one hasher of identities: typed fields with names and lengths, under a context that says what they identify.
//!
//! BLAKE3 in derive-key mode: the context is the mode's context string, and what is hashed is the fields in the
//! order in which they were given, each as
//!
//! ```text
//! kind (1 byte) ‖ name length (u64) ‖ name ‖ value length (u64) ‖ value          integers little-endian
//! ```
//!
//! | kind | value |
//! |---|---|
//! | 1 | bytes |
//! | 2 | text, UTF-8 |
//! | 3 | a `u64`, 8 bytes |
//! | 4 | a digest, 32 bytes |
//! | 5 | how many items of a list follow, a `u64`; each item is its own fields |
//!
//! So no two lists of fields give the same bytes, no field runs into the next, and an identity of one kind is never
//! one of another. A context is written `maxclip WHAT v1`; what is hashed under it never changes: other fields, or
//! another order, are another context.

use crate::Blake3;

/// An identity on its way: give its fields in order, then [`finish`](Self::finish).
#[derive(Debug, Clone)]
#[must_use]
pub struct Framed(blake3::Hasher);

/// A field whose value was longer or shorter than it was said to be.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("a field of {expected} bytes was given {found}")]
pub struct LengthError {
    /// The length that was hashed before the value.
    pub expected: u64,
    /// The length of the value.
    pub found: u64,
}

impl Framed {
    /// Starts an identity of the kind that a context names.
    pub fn new(context: &'static str) -> Self {
        Self(blake3::Hasher::new_derive_key(context))
    }

    /// Appends bytes.
    pub fn bytes(self, name: &str, value: &[u8]) -> Self {
        self.field(1, name, value)
    }

    /// Appends a text.
    pub fn text(self, name: &str, value: &str) -> Self {
        self.field(2, name, value.as_bytes())
    }

    /// Appends a number.
    pub fn u64(self, name: &str, value: u64) -> Self {
        self.field(3, name, &value.to_le_bytes())
    }

    /// Appends a digest of whatever kind.
    pub fn digest(self, name: &str, value: &[u8; 32]) -> Self {
        self.field(4, name, value)
    }

    /// Appends a list: its length, then the fields of each item.
    pub fn list<I: ExactSizeIterator>(self, name: &str, items: I, each: impl Fn(Self, I::Item) -> Self) -> Self {
        let framed = self.field(5, name, &(items.len() as u64).to_le_bytes());
        items.fold(framed, each)
    }

    /// Appends bytes that come piece by piece, as [`bytes`](Self::bytes) would whole.
    pub fn streamed(mut self, name: &str, length: u64) -> Streamed {
        self.head(1, name, length);
        Streamed { framed: self, expected: length, found: 0 }
    }

    /// The identity.
    #[must_use]
    pub fn finish(self) -> Blake3 {
        Blake3(*self.0.finalize().as_bytes())
    }

    fn field(mut self, kind: u8, name: &str, value: &[u8]) -> Self {
        self.head(kind, name, value.len() as u64);
        self.0.update(value);
        self
    }

    fn head(&mut self, kind: u8, name: &str, length: u64) {
        self.0.update(&[kind]).update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        self.0.update(&length.to_le_bytes());
    }
}

/// A field that is still open: its pieces follow each other.
#[derive(Debug, Clone)]
#[must_use]
pub struct Streamed {
    framed: Framed,
    expected: u64,
    found: u64,
}

impl Streamed {
    /// Appends the next piece.
    pub fn piece(&mut self, piece: &[u8]) {
        self.framed.0.update(piece);
        self.found += piece.len() as u64;
    }

    /// Ends the field.
    ///
    /// - Errors: the pieces are not as long together as was said at the start.
    pub fn close(self) -> Result<Framed, LengthError> {
        let Self { framed, expected, found } = self;
        if expected == found { Ok(framed) } else { Err(LengthError { expected, found }) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTEXT: &str = "maxclip example v1";

    fn example() -> Framed {
        Framed::new(CONTEXT).text("name", "α").u64("steps", 258).digest("tree", &[7; 32])
    }

    #[test]
    fn an_identity_is_that_of_another_implementation() {
        // Computed with BLAKE3's own Python binding from the layout at the top.
        assert_eq!(
            example().bytes("row", &[0, 1, 2]).finish().to_string(),
            "b3:c3e9aff11b23c95b8f5cbd881b6ed90ff5146f58467c17bfa10ca6e0ebdd695a"
        );
        let list = example().list("files", ["a", "bc"].iter(), |framed, path| framed.text("path", path));
        assert_eq!(list.finish().to_string(), "b3:ed5bf2522ae09acb5e9136e5e93d59d31d957d3e268426f2f97e16730b5f8ef8");
    }

    #[test]
    fn context_kind_name_value_order_and_number_each_move_it() {
        let others = [
            Framed::new("maxclip other v1").text("name", "α").u64("steps", 258).digest("tree", &[7; 32]),
            Framed::new(CONTEXT).bytes("name", "α".as_bytes()).u64("steps", 258).digest("tree", &[7; 32]),
            Framed::new(CONTEXT).text("nam", "eα").u64("steps", 258).digest("tree", &[7; 32]),
            Framed::new(CONTEXT).text("name", "β").u64("steps", 258).digest("tree", &[7; 32]),
            Framed::new(CONTEXT).u64("steps", 258).text("name", "α").digest("tree", &[7; 32]),
            Framed::new(CONTEXT).text("name", "α").u64("steps", 258),
            example().text("", ""),
            example().list("", [""; 0].iter(), |framed, text| framed.text("", text)),
        ];
        let digests: Vec<_> = others.into_iter().chain([example()]).map(Framed::finish).collect();
        for (at, digest) in digests.iter().enumerate() {
            assert!(!digests[..at].contains(digest), "{at}");
        }
    }

    #[test]
    fn pieces_give_the_identity_of_the_whole_and_only_at_the_length_that_was_said() {
        let streamed = |length: u64| {
            let mut field = example().streamed("row", length);
            field.piece(&[0, 1]);
            field.piece(&[2]);
            field.close().map(Framed::finish)
        };
        assert_eq!(streamed(3), Ok(example().bytes("row", &[0, 1, 2]).finish()));
        assert_eq!(streamed(2), Err(LengthError { expected: 2, found: 3 }));
        assert_eq!(streamed(4), Err(LengthError { expected: 4, found: 3 }));
    }
}
