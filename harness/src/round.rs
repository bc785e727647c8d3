//! A round of a competition: where seeds come from.
//!
//! The seed is keyed with SHA-256(secret) and derived, one part after the other, from the beacon, the admitted
//! tree, the protocol and the scale. The organizer commits to the secret before a round and reveals it afterwards, so
//! nobody can shop for a seed: neither a participant, who does not know the secret, nor an organizer, who
//! cannot change it.

use std::path::Path;

use anyhow::{Context as _, Result};
use numerics::Seed;
use records::{ProtocolDigest, Sha256, TreeDigest, file, statement};
use serde::Deserialize;

use crate::problem::Problem;

/// The longest round's file, in bytes.
const ROUND_MAX: u64 = 64 << 10;

/// A round's file, as an organizer keeps it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// The competition's name.
    pub competition: String,
    /// The round's name.
    pub round: String,
    /// Known to the organizer alone until the round is over.
    pub secret: String,
    /// A public value that did not exist when the secret was committed to.
    pub beacon: String,
}

impl Round {
    /// The round that everyone can practise under: its secret is public, so it proves nothing about seeds.
    #[must_use]
    pub fn practice() -> Self {
        let [competition, round, secret, beacon] = ["maxclip", "practice", "public", "none"].map(str::to_owned);
        Self { competition, round, secret, beacon }
    }

    /// Reads a round's file, or gives the practice round.
    pub fn load(path: Option<&Path>) -> Result<Self> {
        let Some(path) = path else { return Ok(Self::practice()) };
        let is_not = |what: &str| Problem::usage(format!("{} is not {what}", path.display()));
        let text = String::from_utf8(file::read_named(path, ROUND_MAX)?).map_err(|_| is_not("UTF-8"))?;
        toml::from_str(&text).with_context(|| is_not("a round"))
    }

    /// What a certificate says of it: the commitment, never the secret.
    #[must_use]
    pub fn public(&self) -> statement::Round {
        statement::Round {
            competition: self.competition.clone(),
            round: self.round.clone(),
            commitment: Sha256::of(self.secret.as_bytes()),
            beacon: self.beacon.clone(),
        }
    }

    /// The seed of one training.
    #[must_use]
    pub fn seed(&self, tree: &TreeDigest, protocol: &ProtocolDigest, scale: &str) -> Seed {
        let key = Seed(Sha256::of(self.secret.as_bytes()).0);
        [self.beacon.as_str(), &tree.to_string(), &protocol.to_string(), scale]
            .iter()
            .fold(key.child("maxclip seed", &[]), |seed, part| seed.child(part, &[]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_moves_the_seed() {
        let seed = |round: &Round, tree, scale| round.seed(&TreeDigest([tree; 32]), &ProtocolDigest([1; 32]), scale);
        let practice = Round::practice();
        let other = Round { secret: "hidden".into(), ..Round::practice() };
        assert_eq!(seed(&practice, 1, "small"), seed(&Round::practice(), 1, "small"));
        assert_ne!(seed(&practice, 1, "small"), seed(&practice, 2, "small"));
        assert_ne!(seed(&practice, 1, "small"), seed(&practice, 1, "large"));
        assert_ne!(seed(&practice, 1, "small"), seed(&other, 1, "small"));
    }
}
