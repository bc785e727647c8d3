//! What a cell says about its answer: pages of memory with a kind, a number and a text.
//!
//! Form: `kind (u32) ‖ length of the text (u32) ‖ number (u64) ‖ text`, little-endian, zeroed before each
//! question. Untrusted: it is read when the cell is dead, and a claim in it can only be to the entry's own
//! disadvantage, but for [`SaidKind::Done`] and [`SaidKind::Declaration`], which are also judged by exit status, and
//! [`SaidKind::Lock`], which counts only beside the signal that a locked cell cannot raise.

/// Bytes of the whole memory.
pub const BYTES: usize = 64 * 1024;
/// Bytes of the longest text.
pub const TEXT_BYTES: usize = BYTES - HEADER;

const HEADER: usize = 16;

/// What is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaidKind {
    /// Nothing was said.
    Nothing = 0,
    /// The results are there; the number is the question's step. (How many were asked before is nothing that a cell knows.)
    Done = 1,
    /// As `Done`, and the text is a [`crate::Declaration`] as JSON.
    Declaration = 2,
    /// The configuration could not be read; the text says why.
    Config = 3,
    /// The algorithm returned an error: the text.
    Refused = 4,
    /// A tensor of another shape than asked for; the text says which.
    Shape = 5,
    /// The algorithm panicked; the text is its message.
    Panicked = 6,
    /// A system call beyond the allowed ones; the number is its own.
    Call = 7,
    /// A write to an input; the number is the byte in the inputs.
    WroteInput = 8,
    /// The clock was read.
    Clock = 9,
    /// The stack ran out.
    Stack = 10,
    /// Memory that is not there was touched; the number is its address.
    Fault = 11,
    /// The cell could not be locked, before any byte of an entry was looked at; the text says where and why.
    Lock = 12,
    /// The declaration does not fit into this memory; the number is its length.
    TooLong = 13,
    /// The entry does not load; the text is the loader's.
    Load = 14,
    /// A signal that the cell would have raised in itself (`abort`): the number.
    Raised = 15,
    /// It waits for a thread that cannot be: the number is the call's.
    Waits = 16,
}

impl SaidKind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Nothing,
        Self::Done,
        Self::Declaration,
        Self::Config,
        Self::Refused,
        Self::Shape,
        Self::Panicked,
        Self::Call,
        Self::WroteInput,
        Self::Clock,
        Self::Stack,
        Self::Fault,
        Self::Lock,
        Self::TooLong,
        Self::Load,
        Self::Raised,
        Self::Waits,
    ];
}

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said<'a> {
    /// What is said; an unknown kind is `Nothing`.
    pub kind: SaidKind,
    /// See [`SaidKind`].
    pub number: u64,
    /// See [`SaidKind`].
    pub text: &'a [u8],
}

/// Writes, cutting a text that is too long. Does nothing but copy: a signal handler may call it.
///
/// Panics where there are fewer than [`BYTES`] bytes.
pub fn write(bytes: &mut [u8], kind: SaidKind, number: u64, text: &[u8]) {
    let text = &text[..text.len().min(TEXT_BYTES)];
    bytes[4..8].copy_from_slice(&(text.len() as u32).to_le_bytes());
    bytes[8..HEADER].copy_from_slice(&number.to_le_bytes());
    bytes[HEADER..HEADER + text.len()].copy_from_slice(text);
    bytes[..4].copy_from_slice(&(kind as u32).to_le_bytes());
}

/// Reads; never fails, whatever stands there. The text ends where the memory does.
#[must_use]
pub fn read(bytes: &[u8]) -> Said<'_> {
    let word = |at: usize| bytes.get(at..at + 4).and_then(|b| b.try_into().ok()).map_or(0, u32::from_le_bytes);
    let kind = SaidKind::ALL.into_iter().find(|kind| *kind as u32 == word(0)).unwrap_or(SaidKind::Nothing);
    let number = u64::from(word(12)) << 32 | u64::from(word(8));
    let text = bytes.get(HEADER..).unwrap_or_default();
    Said { kind, number, text: &text[..text.len().min(word(4) as usize)] }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = vec![0; BYTES];
        for kind in SaidKind::ALL {
            write(&mut bytes, kind, 1 << 40, b"why");
            assert_eq!(read(&bytes), Said { kind, number: 1 << 40, text: b"why" });
        }
        write(&mut bytes, SaidKind::Refused, 0, &[b'x'; 2 * BYTES]);
        assert_eq!(read(&bytes).text.len(), TEXT_BYTES);
    }

    #[test]
    fn a_length_beyond_the_memory_is_cut() {
        let mut bytes = vec![0xff; 40];
        assert_eq!(read(&bytes).text.len(), 24);
        assert_eq!(read(&bytes).kind, SaidKind::Nothing);
        bytes.truncate(3);
        assert_eq!(read(&bytes).text, b"");
    }
}
