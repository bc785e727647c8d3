//! A sample, its uid and what its content hash covers.

use std::{fmt, str::FromStr};

use records::{Blake3, merkle};

/// 128 bits that name a sample in every data set that holds it; 32 hexadecimal digits in text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uid(pub [u8; 16]);

/// A text that is not 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a uid: 32 hexadecimal digits")]
pub struct UidError(String);

impl Uid {
    /// A uid for a sample that has none yet: the first half of its content hash.
    #[must_use]
    pub fn of(image: &[u8], caption: &str) -> Self {
        let mut uid = [0; 16];
        uid.copy_from_slice(&content(image, caption).0[..16]);
        Self(uid)
    }
}

impl fmt::Display for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Uid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Uid {
    type Err = UidError;

    fn from_str(text: &str) -> Result<Self, UidError> {
        let refuse = || UidError(text.chars().take(80).collect());
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(refuse());
        }
        u128::from_str_radix(text, 16).map(|value| Self(value.to_be_bytes())).map_err(|_| refuse())
    }
}

/// An image, still encoded, and its caption, both verified against the index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The sample's name in every data set.
    pub uid: Uid,
    /// A JPEG, PNG or WebP file, as it stands in the shard.
    pub image: Vec<u8>,
    /// The caption, as it stands in the shard.
    pub caption: String,
}

/// BLAKE3 of `image length (u64, little-endian) ‖ image ‖ caption length (u64) ‖ caption`.
///
/// Leaves out the sample's key, its place, its JSON and every other member: what training cannot see.
#[must_use]
pub fn content(image: &[u8], caption: &str) -> Blake3 {
    let mut hasher = blake3::Hasher::new();
    for part in [image, caption.as_bytes()] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    Blake3(*hasher.finalize().as_bytes())
}

/// The leaf of a data set's Merkle tree: of `uid (16 bytes) ‖ content hash (32 bytes)`.
#[must_use]
pub fn leaf(uid: Uid, content: Blake3) -> Blake3 {
    let mut bytes = [0; 48];
    bytes[..16].copy_from_slice(&uid.0);
    bytes[16..].copy_from_slice(&content.0);
    merkle::leaf(&bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_uid_has_32_digits_and_no_sign() {
        assert!("0123456789abcdef0123456789ABCDEF".parse::<Uid>().is_ok());
        for text in [
            "",
            "0123456789abcdef0123456789abcde",
            "+123456789abcdef0123456789abcdef",
            "g123456789abcdef0123456789abcdef",
        ] {
            assert!(text.parse::<Uid>().is_err(), "{text}");
        }
    }

    #[test]
    fn content_uid_and_leaf_are_those_of_another_implementation() {
        // Computed with BLAKE3's own Python binding from the layouts above.
        let (image, caption) = (b"\xff\xd8\xff", "a red circle");
        let content = content(image, caption);
        assert_eq!(content.to_string(), "b3:2f37aa9773cee06a088b929260798957a6928473e7b31fc5ce6d257d747b61ff");
        assert_eq!(Uid::of(image, caption).to_string(), "2f37aa9773cee06a088b929260798957");
        let uid = Uid(std::array::from_fn(|at| at as u8));
        assert_eq!(
            leaf(uid, content).to_string(),
            "b3:51c4172e480387f12d3f290da658aac6c9b07f8c417d81dac7a1098ad2ea2938"
        );
    }

    #[test]
    fn a_byte_cannot_move_between_image_and_caption() {
        assert_ne!(content(b"ab", "c"), content(b"a", "bc"));
    }

    proptest! {
        #[test]
        fn the_text_of_a_uid_round_trips(bytes: [u8; 16]) {
            prop_assert_eq!(Uid(bytes).to_string().parse::<Uid>().unwrap(), Uid(bytes));
        }
    }
}
