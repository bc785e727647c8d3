//! A round of a competition: where seeds come from.
//!
//! The organizer commits to a secret before a round and reveals it afterwards, so nobody can shop for a seed: neither a
//! participant, who does not know the secret, nor an organizer, who cannot change it. The formulas of the
//! commitment and of a seed are [`numerics::round`]'s. A secret that can be guessed gives every seed away, so a
//! real round's holds at least 128 bits and looks as if it had been drawn. So does its beacon, a public random value that
//! did not exist when the secret was committed to: an organizer who knew it could draw secrets until one suits.

use std::fmt;

use numerics::{
    Seed,
    round::{self, Purpose},
};
use records::{
    Commitment, ProtocolDigest, Sha256,
    v1::{names::RunName, statement},
};
use serde::Deserialize;

/// Hexadecimal digits that a real round's secret, and its beacon, have at the least: 128 bits.
pub const DIGITS_MIN: usize = 32;
/// Different digits among them at the least; 32 random digits have fewer once in ten million draws.
const VARIETY_MIN: usize = 8;

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
    #[error("`{0}` has a character that is no hexadecimal digit")]
    NotHexadecimal(&'static str),
    /// Too few digits.
    #[error("`{0}` has {1} hexadecimal digits, and {DIGITS_MIN} (128 bits) are the least")]
    Short(&'static str, usize),
    /// Enough digits that nobody drew.
    #[error("`{0}` can be guessed: {1}")]
    Guessable(&'static str, &'static str),
    /// A beacon that the organizer had beforehand, and that gives the secret away.
    #[error("`beacon` is the secret or the commitment to it")]
    OwnBeacon,
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
            Self::NotHexadecimal("secret") | Self::Short("secret", _) | Self::Guessable("secret", _) => {
                "draw one with: openssl rand -hex 32"
            }
            Self::NotHexadecimal(_) | Self::Short(..) | Self::Guessable(..) | Self::OwnBeacon => {
                "write the digits of a public random value that is younger than the commitment, such as a round of drand"
            }
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
        for (key, value) in [("competition", &self.competition), ("round", &self.round)] {
            if value.trim().is_empty() {
                return Err(RoundError::Blank(key));
            }
        }
        let practice = Self::practice();
        if (&self.competition, &self.round) == (&practice.competition, &practice.round) {
            return Err(RoundError::Practice);
        }
        check_drawn("secret", &self.secret)?;
        check_drawn("beacon", &self.beacon)?;
        let own = [self.secret.clone(), Sha256(self.public().commitment.0).bare()];
        if own.iter().any(|own| own.eq_ignore_ascii_case(&self.beacon)) { Err(RoundError::OwnBeacon) } else { Ok(()) }
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

    /// The seed of one training: the same for every entry.
    #[must_use]
    pub fn seed(&self, protocol: &ProtocolDigest, run: RunName<'_>) -> Seed {
        let Self { competition, round, beacon, .. } = self;
        let RunName { scale, repeat } = run;
        let purpose = Purpose { competition, round, beacon, protocol: &protocol.0, scale, repeat };
        round::seed(self.secret.as_bytes(), &purpose)
    }
}

/// The secret stays out of messages and panics.
impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Round").field("public", &self.public()).finish_non_exhaustive()
    }
}

/// Whether a value looks as if it had been drawn: hexadecimal digits, enough and of all kinds.
fn check_drawn(key: &'static str, digits: &str) -> Result<(), RoundError> {
    let digits = digits.as_bytes();
    if !digits.iter().all(u8::is_ascii_hexdigit) {
        return Err(RoundError::NotHexadecimal(key));
    }
    if digits.len() < DIGITS_MIN {
        return Err(RoundError::Short(key, digits.len()));
    }
    let mut different = digits.to_ascii_lowercase();
    different.sort_unstable();
    different.dedup();
    if different.len() < VARIETY_MIN {
        return Err(RoundError::Guessable(key, "it is made of a few digits only"));
    }
    let repeats = |period: usize| digits[period..] == digits[..digits.len() - period];
    if (1..=digits.len() / 2).any(repeats) {
        return Err(RoundError::Guessable(key, "it repeats itself"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "8f3b0c6d92e14a75b8c0d1f2e3a49576";
    const BEACON: &str = "2e1c5bb8f04a4ad39d2c70e9a4b4a1b0";
    const PROTOCOL: ProtocolDigest = ProtocolDigest([2; 32]);
    const RUN: RunName<'_> = RunName { scale: "small", repeat: 1 };

    fn text(secret: &str, beacon: &str) -> String {
        format!("competition = \"lakes\"\nround = \"1\"\nsecret = \"{secret}\"\nbeacon = \"{beacon}\"\n")
    }

    fn real() -> Round {
        Round::parse(&text(SECRET, BEACON)).unwrap()
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
            hex(real().seed(&PROTOCOL, RUN).0),
            "4bc113a0c9af70a2aa8e579134c46b793d1c54e0be199ea286acbd25b02392a4"
        );
        let practice = Round::practice();
        assert_eq!(
            hex(practice.public().commitment.0),
            "2f03bd5fcea15bc1281b5428fc87fba41c802720e5300ac85a9d03007537ab92"
        );
        assert_eq!(
            hex(practice.seed(&PROTOCOL, RUN).0),
            "3656a3cd96c249600a19b364662b42ff8e97aaad200e020f4e848e9cfdaeb2ba"
        );
    }

    #[test]
    fn what_a_certificate_shows_gives_no_seed_away() {
        let round = real();
        let public = round.public();
        let seed = round.seed(&PROTOCOL, RUN);
        // A secret that is what is published, or a hash of it, gives others.
        for secret in [public.commitment.0, Sha256::of(&public.commitment.0).0, Sha256::of(SECRET.as_bytes()).0] {
            for secret in [secret.to_vec(), hex(secret).into_bytes()] {
                let purpose = Purpose {
                    competition: "lakes",
                    round: "1",
                    beacon: BEACON,
                    protocol: &PROTOCOL.0,
                    scale: RUN.scale,
                    repeat: RUN.repeat,
                };
                assert_ne!(round::seed(&secret, &purpose), seed);
            }
        }
    }

    #[test]
    fn a_real_round_is_neither_guessable_nor_chosen_beforehand() {
        let refused = |secret: &str, beacon: &str| Round::parse(&text(secret, beacon)).unwrap_err();
        for (key, refused) in [
            ("secret", &(|value: &str| refused(value, BEACON)) as &dyn Fn(&str) -> RoundError),
            ("beacon", &|value: &str| refused(SECRET, value)),
        ] {
            assert_eq!(refused("public"), RoundError::NotHexadecimal(key));
            assert_eq!(refused("none"), RoundError::NotHexadecimal(key));
            assert_eq!(refused("drand 4242"), RoundError::NotHexadecimal(key));
            assert_eq!(refused(""), RoundError::Short(key, 0));
            assert_eq!(refused(&SECRET[..31]), RoundError::Short(key, 31));
            assert_eq!(refused(&"0".repeat(64)), RoundError::Guessable(key, "it is made of a few digits only"));
            assert_eq!(refused(&"0123456789abcdef".repeat(2)), RoundError::Guessable(key, "it repeats itself"));
        }
        assert_eq!(refused(SECRET, &SECRET.to_uppercase()), RoundError::OwnBeacon);
        assert_eq!(refused(SECRET, &hex(real().public().commitment.0)), RoundError::OwnBeacon);
        assert!(Round::parse(&text(&SECRET.to_uppercase(), BEACON)).is_ok());
        let practice = text(SECRET, BEACON).replace("lakes", "maxclip").replace("\"1\"", "\"practice\"");
        assert_eq!(Round::parse(&practice).unwrap_err(), RoundError::Practice);
        assert_eq!(
            Round::parse(&text(SECRET, BEACON).replace("lakes", "")).unwrap_err(),
            RoundError::Blank("competition")
        );
    }

    #[test]
    fn no_message_holds_the_secret() {
        let broken = Round::parse(&format!("{}\nother = 1\n", text(SECRET, BEACON))).unwrap_err();
        assert!(matches!(&broken, RoundError::Toml { line: 6, .. }), "{broken:?}");
        let unquoted = text(SECRET, BEACON).replace(&format!("\"{SECRET}\""), SECRET);
        let unquoted = Round::parse(&unquoted).unwrap_err();
        for text in [broken.to_string(), unquoted.to_string(), format!("{:?}", real())] {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}
