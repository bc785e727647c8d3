//! A round in public: what its organizer states before anybody hands in, and what once nobody can any more.
//!
//! Before: the commitment to the secret. After: the secret. Between the two the beacon is drawn, a public random value
//! that nobody had when the commitment was published. Seeds follow from both, so neither the organizer nor a
//! participant could have chosen them; `numerics::round` has the formulas.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    Commitment, ProtocolDigest, Sha256,
    v1::statement::{Subject, SubjectDigest},
};

/// Predicate `round`: binds an organizer to a secret, and says what entries will be judged by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcement {
    /// The competition's name.
    pub competition: String,
    /// The round's name.
    pub round: String,
    /// What binds to the secret.
    pub commitment: Commitment,
    /// The protocol's name.
    pub protocol: String,
    /// Its identity.
    pub protocol_digest: ProtocolDigest,
    /// Where and when the beacon will be drawn, in the organizer's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beacon_source: Option<String>,
    /// When entries are taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<Days>,
}

/// The days of a round, both included, as the calendar has them at UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Days {
    /// The first one.
    pub opens: Date,
    /// The last one.
    pub closes: Date,
}

/// A day of the Gregorian calendar, written `YYYY-MM-DD` and in no other way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

/// A text that is no day.
#[derive(Debug, Clone, Copy, thiserror::Error, PartialEq, Eq)]
#[error("a day of the calendar is expected, written YYYY-MM-DD")]
pub struct DateError;

impl FromStr for Date {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, DateError> {
        let number = |from: usize, to: usize| {
            let digits = text.get(from..to).filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()));
            digits.and_then(|digits| digits.parse::<u16>().ok()).ok_or(DateError)
        };
        let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 => 28 + u16::from(leap),
            1..=12 => 31,
            _ => 0,
        };
        let date = Self { year, month: month as u8, day: day as u8 };
        if (1..=days).contains(&day) && date.to_string() == text { Ok(date) } else { Err(DateError) }
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for Date {
    type Error = DateError;

    fn try_from(text: String) -> Result<Self, DateError> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.to_string()
    }
}

/// Predicate `reveal`: with it everyone can make the seeds of the round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reveal {
    /// The competition's name.
    pub competition: String,
    /// The round's name.
    pub round: String,
    /// What was published before the round.
    pub commitment: Commitment,
    /// The secret, as text.
    pub secret: String,
    /// The beacon, as text.
    pub beacon: String,
}

/// What announcement and reveal are about: SHA-256 of the commitment as text.
#[must_use]
pub fn subject(commitment: &Commitment) -> Subject {
    let sha256 = Sha256::of(commitment.to_string().as_bytes()).bare();
    Subject { name: "round".to_owned(), digest: SubjectDigest { sha256 }, annotations: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_of_the_calendar_and_is_written_in_one_way() {
        for text in ["2026-12-01", "2026-01-31", "2024-02-29", "2000-02-29", "0001-01-01"] {
            assert_eq!(text.parse::<Date>().unwrap().to_string(), text);
        }
        for text in [
            "2026-02-29",
            "1900-02-29",
            "2026-04-31",
            "2026-13-01",
            "2026-00-01",
            "2026-01-00",
            "2026-1-1",
            "26-01-01",
            "2026/01/01",
            "2026-01-01 ",
            "2026-01-01T00:00:00Z",
            "+026-01-01",
            "",
            "2026-01-0\u{661}",
        ] {
            assert_eq!(text.parse::<Date>(), Err(DateError), "{text}");
        }
        let [early, late] = ["2026-09-30", "2026-10-01"].map(|text| text.parse::<Date>().unwrap());
        assert!(early < late);
        assert!(serde_json::from_str::<Date>("\"2026-02-30\"").is_err());
        assert_eq!(serde_json::to_string(&early).unwrap(), "\"2026-09-30\"");
    }
}
