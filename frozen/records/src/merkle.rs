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
    let count = leaves.len() as u64;
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => hash(&[&[1], &left.0, &right.0]),
                _ => pair[0],
            })
            .collect();
    }
    let top = level.first().map_or(&[][..], |top| &top.0);
    hash(&[&[2], &count.to_le_bytes(), top])
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
