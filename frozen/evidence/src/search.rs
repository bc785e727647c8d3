//! Which single byte was changed, where trying all of them is cheap enough.

/// How many bytes may be hashed to find one changed byte: about half a second.
const SEARCH_BYTES: u64 = 1 << 30;

/// The position whose change to some other byte makes `holds` true; nothing where there is none, or where looking for
/// it would take too long.
#[must_use]
pub fn changed_byte(bytes: &[u8], holds: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let length = bytes.len() as u64;
    if length.saturating_mul(length).saturating_mul(255) > SEARCH_BYTES {
        return None;
    }
    let mut tried = bytes.to_vec();
    for at in 0..bytes.len() {
        for value in (0..=255u8).filter(|value| *value != bytes[at]) {
            tried[at] = value;
            if holds(&tried) {
                return Some(at);
            }
        }
        tried[at] = bytes[at];
    }
    None
}
