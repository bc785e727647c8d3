//! `identity.json`: what an evidence folder is for. It is the first file of a folder, and is compared before any
//! other is written.
//!
//! The folder's name is a digest of it, [`Framed`] with the context [`CONTEXT`] over these fields, in this order:
//! `admitted` or `refused` (a digest: the tree, or the ZIP), `class` (a digest, of an admitted tree only), `protocol` (a
//! digest), `competition`, `round` (texts), `commitment` (a digest), `beacon` (a text) and `frozen` (a digest). The
//! name alone proves nothing, since anybody can name a folder: the file does, whole.
//!
//! Who handed it in is no part of it: the same tree gives the same evidence, whatever it is called.

use serde::{Deserialize, Serialize};

use crate::{
    FrozenDigest, IdentityDigest, NumericsClass, ProtocolDigest, Sha256, TreeDigest, framed::Framed,
    v1::statement::StatedRound,
};

/// The form of this file.
pub const IDENTITY_FORMAT: &str = "maxclip.identity.v1";
/// What the digest is of.
pub const CONTEXT: &str = "maxclip evidence folder v1";
/// The longest such file that is read, in bytes.
pub const IDENTITY_BYTES_MAX: u64 = 64 << 10;

/// What an evidence folder is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// [`IDENTITY_FORMAT`].
    pub format: String,
    /// What was handed in.
    pub handed_in: HandedIn,
    /// The protocol that it is judged under.
    pub protocol: ProtocolDigest,
    /// The round that it is judged in.
    pub round: StatedRound,
    /// What it is judged against.
    pub frozen: FrozenDigest,
}

/// What was handed in, as the gate left it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum HandedIn {
    /// A tree that the gate admitted, to be trained.
    Admitted {
        /// The tree.
        tree: TreeDigest,
        /// Where its bits can be had.
        class: NumericsClass,
    },
    /// A ZIP that the gate refused: it may hold no tree at all.
    Refused {
        /// The ZIP.
        archive: Sha256,
    },
}

impl Identity {
    /// The identity of a folder.
    #[must_use]
    pub fn new(handed_in: HandedIn, protocol: ProtocolDigest, round: StatedRound, frozen: FrozenDigest) -> Self {
        Self { format: IDENTITY_FORMAT.to_owned(), handed_in, protocol, round, frozen }
    }

    /// The digest that names the folder.
    #[must_use]
    pub fn digest(&self) -> IdentityDigest {
        let Self { format: _, handed_in, protocol, round, frozen } = self;
        let framed = Framed::new(CONTEXT);
        let framed = match handed_in {
            HandedIn::Admitted { tree, class } => framed.digest("admitted", &tree.0).digest("class", &class.0),
            HandedIn::Refused { archive } => framed.digest("refused", &archive.0),
        };
        let framed = framed.digest("protocol", &protocol.0).text("competition", &round.competition);
        let framed = framed.text("round", &round.round).digest("commitment", &round.commitment.0);
        IdentityDigest(framed.text("beacon", &round.beacon).digest("frozen", &frozen.0).finish().0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Commitment, canonical};

    fn round() -> StatedRound {
        let [competition, round, beacon] = ["lakes", "1", "drand 4242"].map(str::to_owned);
        StatedRound { competition, round, commitment: Commitment([4; 32]), beacon }
    }

    fn admitted() -> Identity {
        let handed_in = HandedIn::Admitted { tree: TreeDigest([1; 32]), class: NumericsClass([2; 32]) };
        Identity::new(handed_in, ProtocolDigest([3; 32]), round(), FrozenDigest([5; 32]))
    }

    #[test]
    fn the_digests_are_those_of_another_implementation() {
        // Computed with BLAKE3's own Python binding from the words at the top.
        assert_eq!(admitted().digest().digits(), "eea240e364228a2d80b11eb4dd11424b4ded33eaaf501a35eae842f40ffefff1");
        let handed_in = HandedIn::Refused { archive: Sha256([1; 32]) };
        assert_eq!(
            Identity { handed_in, ..admitted() }.digest().digits(),
            "8a00518010f82362a66c9500252450b7ceb9cf74d894672ff691486fca8b380c"
        );
    }

    #[test]
    fn every_value_decides() {
        let changed: [fn(&mut Identity); 8] = [
            |it| it.handed_in = HandedIn::Admitted { tree: TreeDigest([9; 32]), class: NumericsClass([2; 32]) },
            |it| it.handed_in = HandedIn::Admitted { tree: TreeDigest([1; 32]), class: NumericsClass([9; 32]) },
            |it| it.protocol.0[31] = 9,
            |it| it.round.competition.push(' '),
            |it| it.round.round = "2".to_owned(),
            |it| it.round.commitment.0[0] = 9,
            |it| it.round.beacon.clear(),
            |it| it.frozen.0[0] = 9,
        ];
        for change in changed {
            let mut other = admitted();
            change(&mut other);
            assert_ne!(other.digest(), admitted().digest(), "{other:?}");
        }
    }

    #[test]
    fn the_file_reads_back_and_has_one_form() {
        let bytes = canonical::to_file(&admitted()).unwrap();
        assert_eq!(canonical::from_file::<Identity>(&bytes).unwrap(), admitted());
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with(r#"{"format":"maxclip.identity.v1","frozen":"frozen:0505"#), "{text}");
    }
}
