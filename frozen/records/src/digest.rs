//! Digests as types: which bytes were hashed is part of the name, and of the text form.

use std::{
    fmt,
    io::{self, Read},
    str::FromStr,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::Digest as _;

/// How much of a stream is held at once.
const PIECE_BYTES: usize = 256 << 10;

/// A text that is not the digest it was expected to be.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("`{found}` is not a digest of the form `{prefix}:` and 64 lower-case hexadecimal digits")]
pub struct DigestError {
    /// The expected prefix, without the colon.
    pub prefix: &'static str,
    /// What stood there, cut to 80 characters.
    pub found: String,
}

/// Defines a 32-byte identity whose text form is `prefix:` and 64 lower-case hexadecimal digits.
macro_rules! digest_id {
    ($(#[$doc:meta])* pub struct $name:ident = $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// What stands before the colon in the text form.
            pub const PREFIX: &'static str = $prefix;

            /// The first eight digits in two groups, for people: `tree:2f81 77b0`.
            #[must_use]
            pub fn short(&self) -> String {
                let digits = hex::encode(&self.0[..4]);
                format!("{}:{} {}", $prefix, &digits[..4], &digits[4..])
            }

            /// The 64 digits without the prefix, for names of folders.
            #[must_use]
            pub fn digits(&self) -> String {
                hex::encode(self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}:{}", $prefix, hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = DigestError;

            fn from_str(text: &str) -> Result<Self, DigestError> {
                let refuse = || DigestError { prefix: $prefix, found: text.chars().take(80).collect() };
                let digits = text.strip_prefix(concat!($prefix, ":")).ok_or_else(refuse)?;
                if digits.len() != 64 || digits.bytes().any(|b| b.is_ascii_uppercase()) {
                    return Err(refuse());
                }
                let mut bytes = [0; 32];
                hex::decode_to_slice(digits, &mut bytes).map_err(|_| refuse())?;
                Ok(Self(bytes))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(de::Error::custom)
            }
        }
    };
}

digest_id! {
    /// BLAKE3 of bytes whose meaning the place it stands in gives.
    pub struct Blake3 = "b3"
}

digest_id! {
    /// SHA-256 of bytes: where another format or tool asks for it.
    pub struct Sha256 = "sha256"
}

digest_id! {
    /// An admitted tree: [`crate::Framed`] in the context `maxclip submission tree v1`, a list `files` sorted by path
    /// bytes, text `path` and bytes `content` each.
    ///
    /// Leaves out execute bits, times and folders, which decide nothing that is built, and `submission.toml`,
    /// which is shown and never judged.
    pub struct TreeDigest = "submission"
}

digest_id! {
    /// SHA-256 of the frozen manifest: `sha256 hex  length  path \n` a file, sorted by path bytes.
    pub struct FrozenDigest = "frozen"
}

digest_id! {
    /// SHA-256 of the judge's manifest, in the form of the frozen one: what `maxclip` was compiled from besides the frozen
    /// tree, which holds intake, policy and the reading of evidence.
    pub struct ReleaseDigest = "release"
}

digest_id! {
    /// [`Framed`](crate::framed::Framed) `maxclip libtorch v1` over a list `files` of libtorch's shared libraries, sorted by name:
    /// `name`, `length`, and `content` (BLAKE3) of each.
    ///
    /// Leaves out headers and static libraries, which no program of ours reads at run time.
    pub struct LibtorchDigest = "libtorch"
}

digest_id! {
    /// SHA-256 of a protocol's TOML file, byte for byte.
    pub struct ProtocolDigest = "protocol"
}

digest_id! {
    /// Merkle root over (uid, content hash) of a data set's samples in uid order, or over the text and the samples of an
    /// evaluation task in the order of their keys, as `tasks::layout` states it; free of tar layout.
    pub struct DataRoot = "data"
}

digest_id! {
    /// BLAKE3 of the canonical `run.json`.
    pub struct RunDigest = "run"
}

digest_id! {
    /// SHA-256 of the object of the participant's crate, as rustc wrote it.
    pub struct WorkerDigest = "worker"
}

digest_id! {
    /// BLAKE3 of the answers to a battery of probe computations: equal where training gives equal bits.
    pub struct NumericsClass = "class"
}

digest_id! {
    /// What an evidence folder is for, hashed as [`crate::v1::identity::Identity`] states it; it names the folder.
    pub struct IdentityDigest = "identity"
}

digest_id! {
    /// What an organizer publishes of a round's secret: BLAKE3 in derive-key mode, as `numerics::round` states it.
    pub struct Commitment = "commitment"
}

digest_id! {
    /// BLAKE3 in derive-key mode, context [`SEED_DIGEST`], of a training's 32 seed bytes.
    ///
    /// All entries of a round train on the same seeds. A certificate that showed one would let whoever hands in later
    /// choose an entry that suits it; the digest says only, once the round's secret is known, which seed it was.
    pub struct SeedDigest = "seed"
}

/// The context of [`SeedDigest`].
pub const SEED_DIGEST: &str = "maxclip seed digest v1";

impl SeedDigest {
    /// Of a seed.
    #[must_use]
    pub fn of(seed: &[u8; 32]) -> Self {
        Self(blake3::derive_key(SEED_DIGEST, seed))
    }
}

impl Blake3 {
    /// Hashes bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(*blake3::hash(bytes).as_bytes())
    }

    /// Hashes everything that a reader gives, a piece at a time.
    pub fn of_stream(reader: impl Read) -> io::Result<Self> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(reader)?;
        Ok(Self(*hasher.finalize().as_bytes()))
    }
}

impl Sha256 {
    /// Hashes bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// Hashes everything that a reader gives, a piece at a time, and says how many bytes that were.
    pub fn of_stream(mut reader: impl Read) -> io::Result<(Self, u64)> {
        let (mut hasher, mut piece, mut total) = (sha2::Sha256::new(), vec![0; PIECE_BYTES], 0);
        loop {
            match reader.read(&mut piece) {
                Ok(0) => return Ok((Self(hasher.finalize().into()), total)),
                Ok(count) => {
                    hasher.update(&piece[..count]);
                    total += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The 64 digits alone, as `sha256sum` and in-toto write them.
    #[must_use]
    pub fn bare(&self) -> String {
        hex::encode(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_a_digest_round_trips() {
        let digest = Blake3::of(b"maxclip");
        assert_eq!(digest.to_string().parse::<Blake3>().unwrap(), digest);
    }

    #[test]
    fn a_seeds_digest_is_that_of_another_implementation() {
        // Computed with BLAKE3's own Python binding.
        let digits = "203f40043ab451d1a6cf9e9fc707ab0d2ced5d656161c5dc4f0fd585cedd914a";
        assert_eq!(SeedDigest::of(&[7; 32]).to_string(), format!("seed:{digits}"));
    }

    #[test]
    fn a_digest_of_another_kind_is_refused() {
        let text = Sha256::of(b"").to_string();
        assert!(text.parse::<Blake3>().is_err());
        assert!(text.to_uppercase().parse::<Sha256>().is_err());
        assert!(text[..70].parse::<Sha256>().is_err());
    }

    #[test]
    fn a_stream_has_the_digest_of_its_bytes_and_their_number() {
        for length in [0, 1, PIECE_BYTES - 1, PIECE_BYTES, 2 * PIECE_BYTES + 3] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            assert_eq!(Sha256::of_stream(&bytes[..]).unwrap(), (Sha256::of(&bytes), length as u64));
        }
    }

    #[test]
    fn the_empty_text_has_the_published_digests() {
        assert_eq!(Sha256::of(b"").bare(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(Blake3::of(b"").to_string(), "b3:af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
    }
}
