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
    round::{self, SeedPurpose},
};
use records::{
    Commitment, Finding, ProtocolDigest, Rule, Sha256,
    v1::{
        names::RunName,
        round::{Announcement, Days, Reveal},
        statement,
    },
};
use serde::{Deserialize, Serialize};

/// Hexadecimal digits that a real round's secret, and its beacon, have at the least: 128 bits.
const DIGITS_MIN: usize = 32;
/// Different digits among them at the least; 32 random digits have fewer once in ten million draws.
const VARIETY_MIN: usize = 8;

/// A round's file, as an organizer keeps it: the secret, and once it has been drawn, the beacon.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoundFile {
    /// The competition's name.
    pub competition: String,
    /// The round's name.
    pub round: String,
    /// Known to the organizer alone until the round is over.
    secret: String,
    /// Where and when the beacon will be drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beacon_source: Option<String>,
    /// Absent until it has been drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    beacon: Option<String>,
    /// When entries are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<Days>,
}

/// A round that entries can be certified under.
#[derive(Clone, PartialEq, Eq)]
pub struct Round {
    /// The competition's name.
    pub competition: String,
    /// The round's name.
    pub round: String,
    secret: String,
    /// A public value that did not exist when the secret was committed to.
    pub beacon: String,
}

/// A file that is no real round's.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum RoundError {
    /// Not TOML, or other keys than a round's.
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
    /// A round that is over before it begins.
    #[error("`days` end before they begin")]
    Days,
    /// The round cannot start yet.
    #[error("`beacon` is missing: it is drawn after the commitment to the secret was published")]
    NoBeacon,
    /// What chance said is not asked twice.
    #[error("`beacon` is there already, and a round has one")]
    Drawn,
    /// A beacon whose digits can be written in as many ways as it has letters, each with seeds of its own.
    #[error("`beacon` has a capital letter: its digits are written in one way, with small ones")]
    Capitals,
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
                "a round's file has texts: competition, round, secret, beacon_source and beacon, and in [days] opens and \
                 closes; see docs/organizers.md"
            }
            Self::Days => "both days are included: a round of one day opens and closes on it",
            Self::Practice => "leave --round away to practise; a real round has a name of its own",
            Self::NotHexadecimal("secret") | Self::Short("secret", _) | Self::Guessable("secret", _) => {
                "draw a round's secret with `maxclip round new`"
            }
            Self::NoBeacon => "publish what `maxclip round commit` writes; then `maxclip round beacon FILE VALUE`",
            Self::Capitals => {
                "every way to write it would give seeds of its own, and who knows the secret could choose among them"
            }
            Self::Drawn => "another beacon is another round: `maxclip round new`",
            Self::NotHexadecimal(_) | Self::Short(..) | Self::Guessable(..) | Self::OwnBeacon => {
                "write the digits of a public random value that is younger than the commitment, such as a round of drand"
            }
        }
    }
}

impl RoundFile {
    /// A round whose secret was just drawn.
    pub fn draw(
        competition: String,
        round: String,
        beacon_source: Option<String>,
        days: Option<Days>,
        secret: &[u8; 32],
    ) -> Result<Self, RoundError> {
        Self { competition, round, secret: Sha256(*secret).bare(), beacon_source, beacon: None, days }.checked()
    }

    /// Reads the file of a real round.
    pub fn parse(text: &str) -> Result<Self, RoundError> {
        let file: Self = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            RoundError::Toml { line: before.matches('\n').count() + 1, what: error.message().to_owned() }
        })?;
        file.checked()
    }

    /// The file's text: with the secret.
    pub fn text(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(self)
    }

    fn checked(self) -> Result<Self, RoundError> {
        for (key, value) in [("competition", &self.competition), ("round", &self.round)] {
            if value.trim().is_empty() {
                return Err(RoundError::Blank(key));
            }
        }
        let practice = Round::practice();
        if (&self.competition, &self.round) == (&practice.competition, &practice.round) {
            return Err(RoundError::Practice);
        }
        if self.days.is_some_and(|days| days.closes < days.opens) {
            return Err(RoundError::Days);
        }
        check_drawn("secret", &self.secret)?;
        if let Some(beacon) = &self.beacon {
            check_drawn("beacon", beacon)?;
            if beacon.bytes().any(|digit| digit.is_ascii_uppercase()) {
                return Err(RoundError::Capitals);
            }
            let own = [self.secret.clone(), Sha256(self.commitment().0).bare()];
            if own.iter().any(|own| own.eq_ignore_ascii_case(beacon)) {
                return Err(RoundError::OwnBeacon);
            }
        }
        Ok(self)
    }

    /// What binds to the secret.
    #[must_use]
    pub fn commitment(&self) -> Commitment {
        Commitment(round::commitment(self.secret.as_bytes()))
    }

    /// What is published before the round.
    #[must_use]
    pub fn announcement(&self, protocol: &str, protocol_digest: ProtocolDigest) -> Announcement {
        Announcement {
            competition: self.competition.clone(),
            round: self.round.clone(),
            commitment: self.commitment(),
            protocol: protocol.to_owned(),
            protocol_digest,
            beacon_source: self.beacon_source.clone(),
            days: self.days,
        }
    }

    /// The round with what chance said, in small letters.
    pub fn with_beacon(self, value: &str) -> Result<Self, RoundError> {
        match self.beacon {
            Some(_) => Err(RoundError::Drawn),
            None => Self { beacon: Some(value.to_ascii_lowercase()), ..self }.checked(),
        }
    }

    /// The round that can start.
    pub fn ready(self) -> Result<Round, RoundError> {
        let Self { competition, round, secret, beacon, .. } = self;
        Ok(Round { competition, round, secret, beacon: beacon.ok_or(RoundError::NoBeacon)? })
    }
}

impl Round {
    /// The round that everyone can practise under: its secret is public, so it proves nothing about seeds.
    #[must_use]
    pub fn practice() -> Self {
        let [competition, round, secret, beacon] = ["maxclip", "practice", "public", "none"].map(str::to_owned);
        Self { competition, round, secret, beacon }
    }

    /// Reads the file of a real round that can start.
    pub fn parse(text: &str) -> Result<Self, RoundError> {
        RoundFile::parse(text)?.ready()
    }

    /// The round that somebody reveals; a finding where its secret is not the one that was committed to, or could have
    /// been chosen.
    pub fn revealed(reveal: &Reveal, place: &str) -> Result<Self, Box<Finding>> {
        let Reveal { competition, round, commitment, secret, beacon } = reveal.clone();
        let file = RoundFile { competition, round, secret, beacon_source: None, beacon: Some(beacon), days: None };
        let finding = |key: &str| Finding::new(Rule::Inconsistent, format!("{place} {key}"));
        let found = file.commitment();
        if found != commitment {
            return Err(Box::new(finding("secret").expected(commitment).found(found)));
        }
        let ready = file.checked().and_then(RoundFile::ready);
        ready.map_err(|error| Box::new(finding("round").expected("a round that nobody could have chosen").found(error)))
    }

    /// What a certificate says of it: the commitment, never the secret.
    #[must_use]
    pub fn public(&self) -> statement::StatedRound {
        statement::StatedRound {
            competition: self.competition.clone(),
            round: self.round.clone(),
            commitment: Commitment(round::commitment(self.secret.as_bytes())),
            beacon: self.beacon.clone(),
        }
    }

    /// What is published when nobody can hand in any more.
    #[must_use]
    pub fn reveal(&self) -> Reveal {
        let statement::StatedRound { competition, round, commitment, beacon } = self.public();
        Reveal { competition, round, commitment, secret: self.secret.clone(), beacon }
    }

    /// The seed of one training: the same for every entry.
    #[must_use]
    pub fn seed(&self, protocol: &ProtocolDigest, run: RunName<'_>) -> Seed {
        let Self { competition, round, beacon, .. } = self;
        let RunName { scale, repeat } = run;
        let purpose = SeedPurpose { competition, round, beacon, protocol: &protocol.0, scale, repeat };
        round::seed(self.secret.as_bytes(), &purpose)
    }
}

/// The secret stays out of messages and panics.
impl fmt::Debug for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Round").field("public", &self.public()).finish_non_exhaustive()
    }
}

/// As [`Round`]'s.
impl fmt::Debug for RoundFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { competition, round, beacon_source, beacon, .. } = self;
        let mut shown = f.debug_struct("RoundFile");
        shown.field("competition", competition).field("round", round).field("commitment", &self.commitment());
        shown.field("beacon_source", beacon_source).field("beacon", beacon).finish_non_exhaustive()
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
                let purpose = SeedPurpose {
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
        assert_eq!(refused(SECRET, SECRET), RoundError::OwnBeacon);
        assert_eq!(refused(SECRET, &BEACON.to_uppercase()), RoundError::Capitals);
        assert_eq!(Round::parse(&text(&BEACON.to_uppercase(), BEACON)).unwrap_err(), RoundError::OwnBeacon);
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
    fn a_round_is_drawn_committed_to_started_and_revealed() {
        let source = || Some("drand 4242".to_owned());
        let days =
            |opens: &str, closes: &str| Some(Days { opens: opens.parse().unwrap(), closes: closes.parse().unwrap() });
        let days_1 = days("2026-12-01", "2026-12-31");
        let file = RoundFile::draw("lakes".into(), "1".into(), source(), days_1, &[0x5e; 32]);
        assert_eq!(file.unwrap_err(), RoundError::Guessable("secret", "it is made of a few digits only"));
        let secret: [u8; 32] = std::array::from_fn(|at| (at * 41 + 7) as u8);
        let over = RoundFile::draw("lakes".into(), "1".into(), source(), days("2026-12-02", "2026-12-01"), &secret);
        assert_eq!(over.unwrap_err(), RoundError::Days);
        let file = RoundFile::draw("lakes".into(), "1".into(), source(), days_1, &secret).unwrap();
        assert_eq!(RoundFile::parse(&file.text().unwrap()).unwrap(), file);
        assert_eq!(file.clone().ready().unwrap_err(), RoundError::NoBeacon);
        let announced = file.announcement("mini", PROTOCOL);
        assert_eq!((announced.beacon_source.as_deref(), announced.days), (Some("drand 4242"), days_1));
        assert_eq!(file.clone().with_beacon("none").unwrap_err(), RoundError::NotHexadecimal("beacon"));
        let file = file.with_beacon(&BEACON.to_uppercase()).unwrap();
        assert_eq!(file.clone().ready().unwrap().beacon, BEACON);
        assert_eq!(file.clone().with_beacon(BEACON).unwrap_err(), RoundError::Drawn);
        let round = Round::parse(&file.text().unwrap()).unwrap();
        assert_eq!(round.public().commitment, announced.commitment);
        let mut reveal = round.reveal();
        assert_eq!(Round::revealed(&reveal, "reveal.json").unwrap(), round);
        reveal.secret.replace_range(..1, if reveal.secret.starts_with('0') { "1" } else { "0" });
        assert_eq!(Round::revealed(&reveal, "reveal.json").unwrap_err().place, "reveal.json secret");
        let mut chosen = round.reveal();
        for beacon in ["none", &BEACON.to_uppercase()] {
            chosen.beacon = beacon.into();
            assert_eq!(Round::revealed(&chosen, "reveal.json").unwrap_err().place, "reveal.json round");
        }
    }

    #[test]
    fn no_message_holds_the_secret() {
        let broken = Round::parse(&format!("{}\nother = 1\n", text(SECRET, BEACON))).unwrap_err();
        assert!(matches!(&broken, RoundError::Toml { line: 6, .. }), "{broken:?}");
        let unquoted = text(SECRET, BEACON).replace(&format!("\"{SECRET}\""), SECRET);
        let unquoted = Round::parse(&unquoted).unwrap_err();
        for text in [
            broken.to_string(),
            unquoted.to_string(),
            format!("{:?}", real()),
            format!("{:?}", RoundFile::parse(&text(SECRET, BEACON))),
        ] {
            assert!(!text.contains(SECRET), "{text}");
        }
    }
}
