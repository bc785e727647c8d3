//! Merkle roots over BLAKE3, with domain bytes and the number of leaves.
//!
//! A leaf hashes `0x00 ‖ bytes`, a node `0x01 ‖ left ‖ right`; an odd one is carried up unchanged. The
//! root that is published hashes `0x02 ‖ number of leaves (u64, little-endian) ‖ top`, so that neither a
//! truncated list nor an inner node can pass for the whole.

use crate::Blake3;

/// The hash of one leaf.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Blake3 {
    hash(&[&[0], bytes])
}

/// The published root over leaves in their order.
#[must_use]
pub fn root(leaves: &[Blake3]) -> Blake3 {
    leaves.iter().copied().collect::<Peaks>().root()
}

/// A root on its way: leaves come one by one, and what is kept is one node for each bit of their number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peaks {
    count: u64,
    /// The tops of whole subtrees, the largest first: one for each bit that is set in `count`.
    tops: Vec<Blake3>,
}

impl Peaks {
    /// Appends a leaf.
    pub fn push(&mut self, leaf: Blake3) {
        let mut node = leaf;
        for _ in 0..self.count.trailing_ones() {
            let Some(left) = self.tops.pop() else { break };
            node = hash(&[&[1], &left.0, &node.0]);
        }
        self.tops.push(node);
        self.count += 1;
    }

    /// The published root over the leaves so far.
    #[must_use]
    pub fn root(&self) -> Blake3 {
        // The smaller subtrees join from the right: an odd node is carried up until it meets one.
        let top = self.tops.iter().rev().copied().reduce(|right, left| hash(&[&[1], &left.0, &right.0]));
        let top = top.as_ref().map_or(&[][..], |top| &top.0);
        hash(&[&[2], &self.count.to_le_bytes(), top])
    }
}

impl FromIterator<Blake3> for Peaks {
    fn from_iter<I: IntoIterator<Item = Blake3>>(leaves: I) -> Self {
        let mut peaks = Self::default();
        leaves.into_iter().for_each(|leaf| peaks.push(leaf));
        peaks
    }
}

fn hash(parts: &[&[u8]]) -> Blake3 {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(part);
    }
    Blake3(*hasher.finalize().as_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_node_cannot_pass_for_a_leaf_or_a_shorter_list() {
        let leaves: Vec<_> = (0u8..3).map(|i| leaf(&[i])).collect();
        let node = hash(&[&[1], &leaves[0].0, &leaves[1].0]);
        assert_ne!(root(&[node, leaves[2]]), root(&leaves));
        assert_ne!(root(&leaves[..2]), root(&leaves));
        assert_ne!(root(&[]), root(&leaves[..1]));
    }

    /// Level by level, as the text above says it.
    fn by_levels(leaves: &[Blake3]) -> Blake3 {
        let mut level = leaves.to_vec();
        while level.len() > 1 {
            let pairs = level.chunks(2);
            level = pairs
                .map(|pair| if let [left, right] = pair { hash(&[&[1], &left.0, &right.0]) } else { pair[0] })
                .collect();
        }
        hash(&[&[2], &(leaves.len() as u64).to_le_bytes(), level.first().map_or(&[][..], |top| &top.0)])
    }

    #[test]
    fn one_by_one_gives_the_root_of_levels() {
        let leaves: Vec<_> = (0u64..300).map(|number| leaf(&number.to_le_bytes())).collect();
        for count in 0..leaves.len() {
            assert_eq!(root(&leaves[..count]), by_levels(&leaves[..count]), "{count} leaves");
        }
    }

    #[test]
    fn roots_of_no_to_nine_leaves_are_those_of_another_implementation() {
        // Computed level by level with BLAKE3's own Python binding: leaf i is the byte i.
        let expected = [
            "c837765444815de6db1a10b88c56b546eb45d640b9323beb30f37038174a2c97",
            "43d5d81d25e8b97796538e36728914bfd40c06fc2b90d5e10f215863e823bd8a",
            "fe737db38b8528404343d9b8b06451dc5d261f2fc84edd478f35352030d0ce77",
            "a866328197c8ce7d90e7571544025f38459f6cef833263206da6b5ff9f6cc6c9",
            "2e0bd59eca7d373ac134acaa3d7287095f4ed856291a6ed53b1a51f82c8058c1",
            "16099bba7c8689eb046a85f96e13a0a94af10c5e1d2f7314d691f3e32cc0db4e",
            "2c2a3ee7baa2b2ae8e03f6e7d6e45223a070adb3b15f2f3dd9cbc4be2a592f46",
            "0d1a603ab4f0755b520d34b51b23944637c3ea8df5e03ad336431b081e69e24d",
            "3eddaee41f767d0ac962613959dcf9f050165eb928930f002ff220ce2c34c198",
            "5af5d344dd6874676a4e7fcf60e8137915bf92f6d3f9ce0a1ddb609f87ccf396",
        ];
        for (count, expected) in (0u8..).zip(expected) {
            let leaves: Vec<_> = (0..count).map(|i| leaf(&[i])).collect();
            assert_eq!(root(&leaves).to_string(), format!("b3:{expected}"), "{count}");
        }
        assert_eq!(leaf(b"maxclip").to_string(), "b3:2bf7ecd102e71bba91ea0578a0258ab081cd4fa0ebaa8af7c192a9e62ebdf458");
    }

    proptest! {
        #[test]
        fn any_changed_leaf_changes_the_root(mut items in proptest::collection::vec(any::<u64>(), 1..40), at: usize, flip in 0u32..64) {
            let digest = |items: &[u64]| root(&items.iter().map(|item| leaf(&item.to_le_bytes())).collect::<Vec<_>>());
            let before = digest(&items);
            let at = at % items.len();
            items[at] ^= 1 << flip;
            prop_assert_ne!(before, digest(&items));
        }
    }
}
