//! Last words: what a worker writes to its standard output and error, kept within bounds.
//!
//! Hostile text of any length. The beginning and the end are kept, and addresses are taken out, which differ
//! from run to run; escaping happens where it becomes an attachment.

const HEAD_BYTES: usize = 1000;
const TAIL_BYTES: usize = 900;

/// The beginning and the end of what was written.
#[derive(Debug, Default)]
pub(crate) struct LastWords {
    head: Vec<u8>,
    tail: Vec<u8>,
    left_out: usize,
}

impl LastWords {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let (head, rest) = bytes.split_at(bytes.len().min(HEAD_BYTES - self.head.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(rest);
        let over = self.tail.len().saturating_sub(TAIL_BYTES);
        self.tail.drain(..over);
        self.left_out += over;
    }

    /// The text, with a mark where something was left out.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let gap = if self.left_out == 0 { String::new() } else { format!("\n.. {} bytes ..\n", self.left_out) };
        without_addresses(&[&self.head, gap.as_bytes(), &self.tail].concat())
    }

    pub(crate) fn contains(&self, text: &str) -> bool {
        self.bytes().windows(text.len()).any(|window| window == text.as_bytes())
    }
}

/// Replaces the digits of long hexadecimal numbers.
pub(crate) fn without_addresses(bytes: &[u8]) -> Vec<u8> {
    const SHORTEST: usize = 6;
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, behind)) = rest.split_first() {
        let digits =
            rest.strip_prefix(b"0x").map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_hexdigit()).count());
        if digits >= SHORTEST {
            out.extend_from_slice(b"0x..");
            rest = &rest[2 + digits..];
        } else {
            out.push(*first);
            rest = behind;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_kept() {
        let mut words = LastWords::default();
        (0..5000u32).for_each(|number| words.add(format!("{number}\n").as_bytes()));
        let text = String::from_utf8(words.bytes()).unwrap();
        assert!(text.starts_with("0\n1\n") && text.ends_with("4998\n4999\n") && text.len() < 2048);
        assert!(text.contains(" bytes ..\n"));
    }

    #[test]
    fn addresses_are_taken_out() {
        assert_eq!(without_addresses(b"at 0x7f00aa12cc: 0x1f, 0x"), b"at 0x..: 0x1f, 0x");
    }
}
