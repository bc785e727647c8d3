//! The predicates that this release signs and opens: the one place that says which there are, in which version,
//! and which role a key needs to sign them.
//!
//! A new kind of statement is a schema in `records::v1` and a line of the table below. What is not in the table,
//! or is in it with a smaller version, was written by a newer release: [`crate::envelope`] says so and judges nothing.

use records::v1::{
    golden::Recording,
    round::{Announcement, Reveal},
    statement::{Certificate, PREDICATE_HOME, STATEMENT_TYPE, Statement, Subject},
};
use serde::{Serialize, de::DeserializeOwned};

use crate::keys::Role;

/// What a statement may claim.
pub trait Predicate: Serialize + DeserializeOwned {
    /// Its name in the type, and for people.
    const NAME: &'static str;
    /// The version that this release writes.
    const VERSION: u32;
    /// What a key must be for, to sign it.
    const ROLE: Role;
}

/// A predicate that this release knows, without its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownPredicate {
    /// [`Predicate::NAME`].
    pub name: &'static str,
    /// [`Predicate::VERSION`].
    pub version: u32,
}

/// Registers predicates: the schema, its name, its version, and the role of a key that may sign it.
macro_rules! predicates {
    ($($schema:ty = $name:literal, version $version:literal, signed by $role:ident;)+) => {
        $(impl Predicate for $schema {
            const NAME: &'static str = $name;
            const VERSION: u32 = $version;
            const ROLE: Role = Role::$role;
        })+

        /// Every predicate of this release.
        pub const KNOWN: &[KnownPredicate] = &[$(KnownPredicate { name: $name, version: $version }),+];
    };
}

predicates! {
    Certificate = "certificate", version 1, signed by Certify;
    Recording = "golden", version 1, signed by Golden;
    Announcement = "round", version 1, signed by Certify;
    Reveal = "reveal", version 1, signed by Certify;
}

/// The type of a predicate, as a statement writes it.
#[must_use]
pub fn kind<P: Predicate>() -> String {
    format!("{PREDICATE_HOME}{}/v{}", P::NAME, P::VERSION)
}

/// A statement that claims something about subjects.
#[must_use]
pub fn state<P: Predicate>(subject: Vec<Subject>, predicate: P) -> Statement<P> {
    Statement { kind: STATEMENT_TYPE.to_owned(), subject, predicate_type: kind::<P>(), predicate }
}

/// The name and the version of a type of ours.
///
/// `None` where it has another form: a version is a number without a sign or a leading zero.
#[must_use]
pub fn parse(kind: &str) -> Option<(&str, u32)> {
    let (name, version) = kind.strip_prefix(PREDICATE_HOME)?.split_once("/v")?;
    let number: u32 = version.parse().ok()?;
    (!name.is_empty() && number.to_string() == version).then_some((name, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_names_a_predicate_and_a_version_in_one_way() {
        assert_eq!(kind::<Certificate>(), "https://maxclip.dev/certificate/v1");
        assert_eq!(parse("https://maxclip.dev/certificate/v1"), Some(("certificate", 1)));
        assert_eq!(parse("https://maxclip.dev/waiver/v12"), Some(("waiver", 12)));
        for other in [
            "https://maxclip.dev/certificate/v01",
            "https://maxclip.dev/certificate/v+1",
            "https://maxclip.dev/certificate/v",
            "https://maxclip.dev/certificate",
            "https://maxclip.dev//v1",
            "https://maxclip.dev/certificate/v1/v1",
            "http://maxclip.dev/certificate/v1",
            "https://slsa.dev/provenance/v1",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn no_name_stands_twice() {
        for (index, known) in KNOWN.iter().enumerate() {
            assert!(!KNOWN[..index].iter().any(|other| other.name == known.name), "{}", known.name);
        }
    }
}
