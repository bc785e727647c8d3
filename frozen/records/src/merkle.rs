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
    let mut tree = Builder::default();
    leaves.iter().for_each(|leaf| tree.push(*leaf));
    tree.finish()
}

/// A root over leaves that come one by one; holds one node a level.
#[derive(Debug, Clone, Default)]
pub struct Builder {
    count: u64,
    /// The tops of whole trees, each of fewer leaves than the one before: a tree a bit of `count`.
    tops: Vec<Blake3>,
}

impl Builder {
    /// Appends a leaf.
    pub fn push(&mut self, leaf: Blake3) {
        let mut top = leaf;
        for _ in 0..self.count.trailing_ones() {
            if let Some(left) = self.tops.pop() {
                top = node(left, top);
            }
        }
        self.tops.push(top);
        self.count += 1;
    }

    /// The published root.
    #[must_use]
    pub fn finish(mut self) -> Blake3 {
        let mut top = self.tops.pop();
        while let (Some(right), Some(left)) = (top, self.tops.pop()) {
            top = Some(node(left, right));
        }
        hash(&[&[2], &self.count.to_le_bytes(), top.as_ref().map_or(&[][..], |top| &top.0)])
    }
}

fn node(left: Blake3, right: Blake3) -> Blake3 {
    hash(&[&[1], &left.0, &right.0])
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
            level = pairs.map(|pair| if let [left, right] = pair { node(*left, *right) } else { pair[0] }).collect();
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
