//! A round's secret: what is published of it beforehand, and the seeds that it gives.
//!
//! Both are functions of one secret, in domains of their own: BLAKE3's derive-key mode with a context each. So
//! the commitment, which every certificate shows, says nothing about the key that seeds are made with.
//!
//! - commitment = BLAKE3 derive-key, context [`COMMITMENT`], of the secret's bytes;
//! - seed key = BLAKE3 derive-key, context [`SEED_KEY`], of the same bytes;
//! - seed = BLAKE3 keyed with the seed key over `beacon`, `tree`, `protocol` and `scale`, in this order, each as
//!   `name length (u64) ‖ name ‖ value length (u64) ‖ value`, lengths little-endian.

use crate::Seed;

/// The context of commitments.
pub const COMMITMENT: &str = "maxclip round v1: commitment";
/// The context of seed keys.
pub const SEED_KEY: &str = "maxclip round v1: seed key";

/// What a seed is for.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// The round's public value, as text.
    pub beacon: &'a str,
    /// The admitted tree's digest.
    pub tree: &'a [u8; 32],
    /// The protocol's digest.
    pub protocol: &'a [u8; 32],
    /// The scale's name.
    pub scale: &'a str,
}

/// What an organizer publishes before a round.
#[must_use]
pub fn commitment(secret: &[u8]) -> [u8; 32] {
    blake3::derive_key(COMMITMENT, secret)
}

/// The seed of one training.
#[must_use]
pub fn seed(secret: &[u8], purpose: &Purpose<'_>) -> Seed {
    keyed(&blake3::derive_key(SEED_KEY, secret), purpose)
}

fn keyed(key: &[u8; 32], purpose: &Purpose<'_>) -> Seed {
    let Purpose { beacon, tree, protocol, scale } = purpose;
    let parts: [(&str, &[u8]); 4] =
        [("beacon", beacon.as_bytes()), ("tree", *tree), ("protocol", *protocol), ("scale", scale.as_bytes())];
    let mut hasher = blake3::Hasher::new_keyed(key);
    for part in parts.iter().flat_map(|(name, value)| [name.as_bytes(), *value]) {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    Seed(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &[u8] = b"8f3b0c6d92e14a75b8c0d1f2e3a49576";
    const PURPOSE: Purpose<'_> = Purpose { beacon: "drand 4242", tree: &[1; 32], protocol: &[2; 32], scale: "small" };

    fn digits(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn commitment_and_seed_are_those_of_another_implementation() {
        // Computed with BLAKE3's own Python binding from the formulas at the top.
        assert_eq!(digits(&commitment(SECRET)), "16b1eb768b633382e8ca6ea93b837e7155448d903ae4c233da8bd60c602fe10e");
        assert_eq!(
            digits(&seed(SECRET, &PURPOSE).0),
            "aad2db586d646905c2a9c6c6366bebc2c517626a85575f08606144a9b5fe2538"
        );
    }

    #[test]
    fn the_commitment_is_no_key_of_a_seed() {
        let published = commitment(SECRET);
        assert_ne!(published, blake3::derive_key(SEED_KEY, SECRET));
        assert_ne!(keyed(&published, &PURPOSE), seed(SECRET, &PURPOSE));
    }

    #[test]
    fn every_part_moves_the_seed_and_none_runs_into_the_next() {
        let seed = |purpose: Purpose<'_>| seed(SECRET, &purpose);
        let changed = [
            Purpose { beacon: "drand 4243", ..PURPOSE },
            Purpose { tree: &[3; 32], ..PURPOSE },
            Purpose { protocol: &[3; 32], ..PURPOSE },
            Purpose { tree: PURPOSE.protocol, protocol: PURPOSE.tree, ..PURPOSE },
            Purpose { scale: "large", ..PURPOSE },
            Purpose { beacon: PURPOSE.scale, scale: PURPOSE.beacon, ..PURPOSE },
        ];
        for purpose in changed {
            assert_ne!(seed(purpose), seed(PURPOSE), "{purpose:?}");
        }
    }
}
