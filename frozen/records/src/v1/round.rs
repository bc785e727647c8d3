//! A round in public: what its organizer states before anybody hands in, and what once nobody can any more.
//!
//! Before: the commitment to the secret. After: the secret. Between the two the beacon is drawn, a public random value
//! that nobody had when the commitment was published. Seeds follow from both, so neither the organizer nor a
//! participant could have chosen them; `numerics::round` has the formulas.

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
