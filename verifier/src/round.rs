//! A round of a competition: where seeds come from.
//!
//! The organizer commits to a secret before a round and reveals it afterwards, so nobody can shop for a seed: neither a
//! participant, who does not know the secret, nor an organizer, who cannot change it. The formulas of the
//! commitment and of a seed are [`numerics::round`]'s. A secret that can be guessed gives every seed away, so a
//! real round's holds at least 128 bits and looks as if it had been drawn.

use std::fmt;

use numerics::{
    Seed,
    round::{self, Purpose},
};
use records::{Commitment, ProtocolDigest, TreeDigest, v1::statement};
use serde::Deserialize;

/// Hexadecimal digits that a real round's secret has at the least: 128 bits.
pub const SECRET_DIGITS_MIN: usize = 32;
/// Different digits among them at the least; 32 random digits have fewer once in ten million draws.
const SECRET_VARIETY_MIN: usize = 8;

/// A round's file, as an organizer keeps it.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Round {
    /// The competition's name.
    pub competition: String,
    /// The round's name.
    pub round: String,
    /// Known to the organizer alone until the round is over.
    secret: String,
    /// A public value that did not exist when the secret was committed to.
    pub beacon: String,
}

/// A file that is no real round's.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum RoundError {
    /// Not TOML, or other keys than the four.
    #[error("line {line}: {what}")]
    Toml {
        /// From 1.
        line: usize,
        /// The parser's words, without the line itself: it may hold the secret.
        what: String,
    },
    /// A key that says nothing.
    #[error("`{0}` is blank")]
    Blank(&'static str),
    /// The practice round's name.
    #[error("competition `maxclip`, round `practice` is the practice round, whose secret everybody knows")]
    Practice,
    /// A digit that is none.
    #[error("`secret` has a character that is no hexadecimal digit")]
    NotHexadecimal,
    /// Too few digits.
    #[error("`secret` has {0} hexadecimal digits, and {SECRET_DIGITS_MIN} (128 bits) are the least")]
    Short(usize),
    /// Enough digits that nobody drew.
    #[error("`secret` can be guessed: {0}")]
    Guessable(&'static str),
    /// A public value that could have been chosen beforehand.
    #[error("`beacon` is `{0}`, which anyone knew before the secret was committed to")]
    NoBeacon(String),
}

impl RoundError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Toml { .. } | Self::Blank(_) => {
                "a round's file has four texts: competition, round, secret, beacon; see docs/organizers.md"
            }
            Self::Practice => "leave --round away to practise; a real round has a name of its own",
            Self::NotHexadecimal | Self::Short(_) | Self::Guessable(_) => "draw one with: openssl rand -hex 32",
            Self::NoBeacon(_) => "write a public random value that is younger than the commitment",
        }
    }
}

impl Round {
    /// The round that everyone can practise under: its secret is public, so it proves nothing about seeds.
    #[must_use]
    pub fn practice() -> Self {
        let [competition, round, secret, beacon] = ["maxclip", "practice", "public", "none"].map(str::to_owned);
        Self { competition, round, secret, beacon }
    }

    /// Reads the file of a real round.
    pub fn parse(text: &str) -> Result<Self, RoundError> {
        let round: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            RoundError::Toml { line: before.matches('\n').count() + 1, what: error.message().to_owned() }
        })?;
        round.check()?;
        Ok(round)
    }

    fn check(&self) -> Result<(), RoundError> {
        for (key, value) in [("competition", &self.competition), ("round", &self.round), ("beacon", &self.beacon)] {
            if value.trim().is_empty() {
                return Err(RoundError::Blank(key));
            }
        }
        let practice = Self::practice();
        if (&self.competition, &self.round) == (&practice.competition, &practice.round) {
            return Err(RoundError::Practice);
        }
        if ["none", "public"].contains(&self.beacon.trim().to_lowercase().as_str()) {
            return Err(RoundError::NoBeacon(self.beacon.clone()));
        }
        check_secret(self.secret.as_bytes())
    }

    /// What a certificate says of it: the commitment, never the secret.
    #[must_use]
    pub fn public(&self) -> statement::Round {
        statement::Round {
            competition: self.competition.clone(),
            round: self.round.clone(),
            commitment: Commitment(round::commitment(self.secret.as_bytes())),
            beacon: self.beacon.clone(),
        }
    }

    /// The seed of one training.
    #[must_use]
    pub fn seed(&self, tree: &TreeDigest, protocol: &ProtocolDigest, scale: &str) -> Seed {
        let purpose = Purpose { beacon: &self.beacon, tree: &tree.0, protocol: &protocol.0, scale };
        round::seed(self.secret.as_bytes(), &purpose)
    }
}

/// The secret stays out of messages and panics.
impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Round").field("public", &self.public()).finish_non_exhaustive()
    }
}

fn check_secret(digits: &[u8]) -> Result<(), RoundError> {
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(RoundError::NotHexadecimal);
    }
    if digits.len() < SECRET_DIGITS_MIN {
        return Err(RoundError::Short(digits.len()));
    }
    let mut different = digits.to_ascii_lowercase();
    different.sort_unstable();
    different.dedup();
    if different.len() < SECRET_VARIETY_MIN {
        return Err(RoundError::Guessable("it is made of a few digits only"));
    }
    let repeats = |period: usize| digits[period..] == digits[..digits.len() - period];
    if (1..=digits.len() / 2).any(repeats) {
        return Err(RoundError::Guessable("it repeats itself"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use records::Sha256;

    use super::*;

    const SECRET: &str = "8f3b0c6d92e14a75b8c0d1f2e3a49576";
    const TREE: TreeDigest = TreeDigest([1; 32]);
    const PROTOCOL: ProtocolDigest = ProtocolDigest([2; 32]);

    fn text(secret: &str, beacon: &str) -> String {
        format!("competition = \"lakes\"\nround = \"1\"\nsecret = \"{secret}\"\nbeacon = \"{beacon}\"\n")
    }

    fn real() -> Round {
        Round::parse(&text(SECRET, "drand 4242")).unwrap()
    }

    fn hex(bytes: [u8; 32]) -> String {
        Sha256(bytes).bare()
    }

    #[test]
    fn commitments_and_seeds_are_known() {
        assert_eq!(
            hex(real().public().commitment.0),
            "16b1eb768b633382e8ca6ea93b837e7155448d903ae4c233da8bd60c602fe10e"
        );
        assert_eq!(
            hex(real().seed(&TREE, &PROTOCOL, "small").0),
            "aad2db586d646905c2a9c6c6366bebc2c517626a85575f08606144a9b5fe2538"
        );
        let practice = Round::practice();
        assert_eq!(
            hex(practice.public().commitment.0),
            "2f03bd5fcea15bc1281b5428fc87fba41c802720e5300ac85a9d03007537ab92"
        );
        assert_eq!(
            hex(practice.seed(&TREE, &PROTOCOL, "small").0),
            "954f3fbb98930884f776f2ba9f7d3751609645464a0e991eede61c90d938c327"
        );
    }

    #[test]
    fn what_a_certificate_shows_gives_no_seed_away() {
        let round = real();
        let public = round.public();
        let seed = round.seed(&TREE, &PROTOCOL, "small");
        // How seeds were made when the commitment was SHA-256 of the secret, and so was their key.
        let formerly = |key: [u8; 32]| {
            let parts = [public.beacon.clone(), TREE.to_string(), PROTOCOL.to_string(), "small".to_owned()];
            parts.iter().fold(Seed(key).child("maxclip seed", &[]), |seed, part| seed.child(part, &[]))
        };
        let known = Sha256::of(SECRET.as_bytes()).0;
        assert_ne!(public.commitment.0, known, "the former key is published");
        for key in [public.commitment.0, Sha256::of(&public.commitment.0).0, known] {
            assert_ne!(formerly(key), seed);
        }
        // Nor is the commitment the seed key in the present formula: as a secret of its own it gives others.
        let purpose = Purpose { beacon: &public.beacon, tree: &TREE.0, protocol: &PROTOCOL.0, scale: "small" };
        assert_ne!(round::seed(&public.commitment.0, &purpose), seed);
    }

    #[test]
    fn a_real_round_is_neither_guessable_nor_chosen_beforehand() {
        let refused = |secret: &str, beacon: &str| Round::parse(&text(secret, beacon)).unwrap_err();
        assert_eq!(refused("public", "b"), RoundError::NotHexadecimal);
        assert_eq!(refused("", "b"), RoundError::Short(0));
        assert_eq!(refused(&SECRET[..31], "b"), RoundError::Short(31));
        assert_eq!(refused(&"0".repeat(64), "b"), RoundError::Guessable("it is made of a few digits only"));
        assert_eq!(refused(&"0123456789abcdef".repeat(2), "b"), RoundError::Guessable("it repeats itself"));
        assert_eq!(refused(SECRET, " "), RoundError::Blank("beacon"));
        assert_eq!(refused(SECRET, "None"), RoundError::NoBeacon("None".into()));
        assert_eq!(refused(SECRET, "public"), RoundError::NoBeacon("public".into()));
        assert!(Round::parse(&text(&SECRET.to_uppercase(), "b")).is_ok());
        let practice = text(SECRET, "b").replace("lakes", "maxclip").replace("\"1\"", "\"practice\"");
        assert_eq!(Round::parse(&practice).unwrap_err(), RoundError::Practice);
        assert_eq!(
            Round::parse(&text(SECRET, "b").replace("lakes", "")).unwrap_err(),
            RoundError::Blank("competition")
        );
    }

    #[test]
    fn no_message_holds_the_secret() {
        let broken = Round::parse(&format!("{}\nother = 1\n", text(SECRET, "b"))).unwrap_err();
        assert!(matches!(&broken, RoundError::Toml { line: 6, .. }), "{broken:?}");
        let unquoted = text(SECRET, "b").replace(&format!("\"{SECRET}\""), SECRET);
        let unquoted = Round::parse(&unquoted).unwrap_err();
        for text in [broken.to_string(), unquoted.to_string(), format!("{:?}", real())] {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}
