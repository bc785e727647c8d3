//! What a release of maxclip knows of its own: the frozen tree, the baseline and the protocols.
//!
//! The frozen tree binds: a statement of another one is for its own releases to judge. Releases of one frozen tree judge
//! each other's statements, each by its own rules, and [`Weighed`](crate::weighed::Weighed) says what a difference means.

use std::borrow::Cow;

use records::{
    ProtocolDigest, Reason, ReleaseDigest, TreeDigest,
    v1::{
        protocol::{Protocol, ProtocolError},
        statement::Against,
    },
    verdict::escape,
};

use crate::{config::TableNames, frozen::FrozenTree};

/// What to do with another release's statement.
pub(crate) const OTHER_HINT: &str =
    "judge it with the release that certified it: `maxclip doctor` says which one a program is";

/// A protocol with all that a run takes from it.
#[derive(Debug, Clone, PartialEq)]
pub struct PinnedProtocol {
    /// The SHA-256 of its text.
    pub digest: ProtocolDigest,
    /// Parsed.
    pub protocol: Protocol,
    /// Its file.
    pub text: String,
    /// The model's configuration file.
    pub model: String,
}

impl PinnedProtocol {
    /// A protocol that a frozen tree carries, by its text: the model lies in the same tree.
    pub fn carried(frozen: &FrozenTree<'_>, text: String) -> Result<Self, ProtocolError> {
        let (protocol, digest) = Protocol::parse(&text)?;
        let path = format!("frozen/protocols/models/{}.json", protocol.model);
        let model = frozen.get(&path).and_then(|file| std::str::from_utf8(file.bytes).ok());
        match model {
            Some(model) => Ok(Self { digest, model: model.to_owned(), protocol, text }),
            None => Err(ProtocolError::Inconsistent {
                name: protocol.name,
                why: format!("{path} is not in the frozen tree"),
            }),
        }
    }

    /// What it asks of one machine of several, each of which does one scale.
    #[must_use]
    pub fn of_scale(&self, scale: &str) -> Self {
        let mut pinned = self.clone();
        pinned.protocol.scales.retain(|other| other.name == scale);
        pinned
    }
}

/// One release.
#[derive(Debug, Clone, PartialEq)]
pub struct Release<'a> {
    /// What it was compiled from, besides the frozen tree.
    pub digest: ReleaseDigest,
    /// The frozen tree.
    pub frozen: &'a FrozenTree<'a>,
    /// The tree that goldens are recorded with.
    pub baseline: TreeDigest,
    protocols: Vec<PinnedProtocol>,
}

impl<'a> Release<'a> {
    /// The release that carries a frozen tree and a baseline.
    pub fn of(digest: ReleaseDigest, frozen: &'a FrozenTree<'a>, baseline: TreeDigest) -> Result<Self, ProtocolError> {
        let carried = |text: Cow<'_, str>| PinnedProtocol::carried(frozen, text.into_owned());
        let protocols = frozen.protocol_texts().map(carried).collect::<Result<_, _>>()?;
        Ok(Self { digest, frozen, baseline, protocols })
    }

    /// The names that tables of a configuration may have.
    #[must_use]
    pub fn names(&self) -> TableNames {
        TableNames::of(self.protocols.iter().map(|pinned| &pinned.protocol))
    }

    /// The same release with an organizer's own protocol, which is judged by like those that it carries.
    #[must_use]
    pub fn with(mut self, pinned: PinnedProtocol) -> Self {
        self.protocols.push(pinned);
        self
    }

    /// Whether a statement is this very release's own; whose it is, where not. Who signs answers for nothing else.
    pub fn own(&self, against: &Against) -> Result<(), Reason> {
        self.check_frozen(against)?;
        if against.release == self.digest {
            return Ok(());
        }
        Err(other(format!("{} judged it, this one is {}", against.release, self.digest)))
    }

    fn check_frozen(&self, against: &Against) -> Result<(), Reason> {
        let own = self.frozen.digest();
        if against.frozen == own {
            return Ok(());
        }
        Err(other(format!("it rests on {}, this one has {own}", against.frozen)))
    }

    /// The protocol that a statement of this frozen tree was judged by; why not, where another tree's judged it.
    pub fn protocol(&self, against: &Against) -> Result<&PinnedProtocol, Reason> {
        self.check_frozen(against)?;
        let known = self.protocols.iter().find(|pinned| pinned.digest == against.protocol_digest);
        known.ok_or_else(|| Reason {
            why: format!(
                "it rests on a protocol that this release does not carry: `{}`, {}",
                escape(&against.protocol),
                against.protocol_digest
            ),
            hint: "give the organizer's file, with its model beside it: --protocol FILE.toml".to_owned(),
        })
    }
}

fn other(what: String) -> Reason {
    Reason { why: format!("written by another release: {what}"), hint: OTHER_HINT.to_owned() }
}
