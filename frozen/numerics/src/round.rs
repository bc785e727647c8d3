//! A round's secret: what is published of it beforehand, and the seeds that it gives.
//!
//! Both are functions of one secret, in domains of their own: BLAKE3's derive-key mode with a context each. So
//! the commitment, which every certificate shows, says nothing about the key that seeds are made with.
//!
//! - commitment = BLAKE3 derive-key, context [`COMMITMENT`], of the secret's bytes;
//! - seed key = BLAKE3 derive-key, context [`SEED_KEY`], of the same bytes;
//! - seed = BLAKE3 keyed with the seed key over `competition`, `round`, `beacon`, `protocol`, `scale` and `repeat`, in
//!   this order, each as `name length (u64) ‖ name ‖ value length (u64) ‖ value`, lengths little-endian; `protocol` is
//!   the 32 bytes of its digest, `repeat` a u32 in little-endian order, the others are UTF-8.
//!
//! No part is an entry's: all entries of a round train on the same seeds, so that what differs between their scores is
//! less their luck, and an entry that is handed in again with a comment more keeps its seeds.

use crate::Seed;

/// The context of commitments.
pub const COMMITMENT: &str = "maxclip round v1: commitment";
/// The context of seed keys.
pub const SEED_KEY: &str = "maxclip round v1: seed key";

/// What a seed is for.
#[derive(Debug, Clone, Copy)]
pub struct SeedPurpose<'a> {
    /// The competition's name.
    pub competition: &'a str,
    /// The round's name.
    pub round: &'a str,
    /// The round's public value, as text.
    pub beacon: &'a str,
    /// The protocol's digest.
    pub protocol: &'a [u8; 32],
    /// The scale's name.
    pub scale: &'a str,
    /// Which of the scale's trainings, from 1.
    pub repeat: u32,
}

/// What an organizer publishes before a round.
#[must_use]
pub fn commitment(secret: &[u8]) -> [u8; 32] {
    blake3::derive_key(COMMITMENT, secret)
}

/// The seed of one training.
#[must_use]
pub fn seed(secret: &[u8], purpose: &SeedPurpose<'_>) -> Seed {
    keyed(&blake3::derive_key(SEED_KEY, secret), purpose)
}

fn keyed(key: &[u8; 32], purpose: &SeedPurpose<'_>) -> Seed {
    let SeedPurpose { competition, round, beacon, protocol, scale, repeat } = purpose;
    let repeat = repeat.to_le_bytes();
    let parts: [(&str, &[u8]); 6] = [
        ("competition", competition.as_bytes()),
        ("round", round.as_bytes()),
        ("beacon", beacon.as_bytes()),
        ("protocol", *protocol),
        ("scale", scale.as_bytes()),
        ("repeat", &repeat),
    ];
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
    const PURPOSE: SeedPurpose<'_> = SeedPurpose {
        competition: "lakes",
        round: "1",
        beacon: "2e1c5bb8f04a4ad39d2c70e9a4b4a1b0",
        protocol: &[2; 32],
        scale: "small",
        repeat: 1,
    };

    fn digits(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn commitment_and_seeds_are_those_of_another_implementation() {
        // Computed with BLAKE3's own Python binding from the formulas at the top.
        assert_eq!(digits(&commitment(SECRET)), "16b1eb768b633382e8ca6ea93b837e7155448d903ae4c233da8bd60c602fe10e");
        let seed = |purpose| digits(&seed(SECRET, &purpose).0);
        assert_eq!(seed(PURPOSE), "4bc113a0c9af70a2aa8e579134c46b793d1c54e0be199ea286acbd25b02392a4");
        let later = SeedPurpose { repeat: 258, ..PURPOSE };
        assert_eq!(seed(later), "e8792e79bab7e1c04e55c8ea0f641fbda816e18a728c75eac954692e6d9667e1");
    }

    #[test]
    fn the_commitment_is_no_key_of_a_seed() {
        let published = commitment(SECRET);
        assert_ne!(published, blake3::derive_key(SEED_KEY, SECRET));
        assert_ne!(keyed(&published, &PURPOSE), seed(SECRET, &PURPOSE));
    }

    #[test]
    fn every_part_moves_the_seed_and_none_runs_into_the_next() {
        let seed = |purpose: SeedPurpose<'_>| seed(SECRET, &purpose);
        let changed = [
            SeedPurpose { competition: "ponds", ..PURPOSE },
            SeedPurpose { round: "2", ..PURPOSE },
            SeedPurpose { beacon: "2e1c5bb8f04a4ad39d2c70e9a4b4a1b1", ..PURPOSE },
            SeedPurpose { protocol: &[3; 32], ..PURPOSE },
            SeedPurpose { scale: "large", ..PURPOSE },
            SeedPurpose { repeat: 2, ..PURPOSE },
            SeedPurpose { competition: "lakes1", round: "", ..PURPOSE },
            SeedPurpose { competition: PURPOSE.round, round: PURPOSE.competition, ..PURPOSE },
            SeedPurpose { beacon: PURPOSE.scale, scale: PURPOSE.beacon, ..PURPOSE },
        ];
        for purpose in changed {
            assert_ne!(seed(purpose), seed(PURPOSE), "{purpose:?}");
        }
    }
}
