//! The stamp: the digest of the frozen tree inside everything that is built from it, and how it is read from there.
//!
//! A program, an object or a script of the frozen tree holds [`MARK`], a digest in its text form and a newline, one
//! after the other, once or more often with the same digest. That it can be read without starting anything is what
//! gives programs, shared objects that are only ever loaded in a cell, and scripts one manner of saying it; so does
//! `strings`. A crate that is to be stamped names this one, and that is all: the stamp is kept though nobody uses it.
//!
//! It tells a build from another build, for people who mix them up. Whoever can replace a program can write a stamp.

use records::FrozenDigest;

/// What stands before the digest. Not a text that anybody writes by chance, and not a C string.
pub const MARK: &str = "maxclip stamp\0";

const TEXT: &str = concat!("maxclip stamp\0", env!("MAXCLIP_FROZEN"), "\n");

/// What a program prints for `--version` besides its name.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " of ", env!("MAXCLIP_FROZEN"));

#[used]
static STAMP: [u8; TEXT.len()] = {
    let (mut stamp, mut at) = ([0; TEXT.len()], 0);
    while at < stamp.len() {
        stamp[at] = TEXT.as_bytes()[at];
        at += 1;
    }
    stamp
};

/// A file that does not say of which frozen tree it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StampError {
    /// Nothing of ours, or from before there were stamps.
    #[error("it says no frozen tree")]
    None,
    /// Parts of several trees in one file.
    #[error("it says several frozen trees: {0} and {1}")]
    Several(FrozenDigest, FrozenDigest),
}

/// The frozen tree that the running program was built from.
///
/// # Errors
///
/// Where somebody changed the program's bytes.
pub fn own() -> Result<FrozenDigest, StampError> {
    of(&STAMP)
}

/// The frozen tree that a file's bytes say they were built from.
pub fn of(bytes: &[u8]) -> Result<FrozenDigest, StampError> {
    let mut found = None;
    let mut rest = bytes;
    while let Some(at) = rest.windows(MARK.len()).position(|window| window == MARK.as_bytes()) {
        rest = &rest[at + MARK.len()..];
        // The mark alone stands in whatever looks for it.
        let Some(digest) = digest(rest) else { continue };
        match found {
            Some(other) if other != digest => return Err(StampError::Several(other, digest)),
            _ => found = Some(digest),
        }
    }
    found.ok_or(StampError::None)
}

/// The digest that a text begins with, where a newline ends it.
fn digest(text: &[u8]) -> Option<FrozenDigest> {
    let end = FrozenDigest::PREFIX.len() + 1 + 64;
    (text.get(end) == Some(&b'\n')).then(|| std::str::from_utf8(&text[..end]).ok()?.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(byte: u8) -> Vec<u8> {
        format!("{MARK}{}\n", FrozenDigest([byte; 32])).into_bytes()
    }

    #[test]
    fn this_program_says_its_own_tree() {
        let program = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(of(&program), own());
        assert_eq!(own().unwrap().to_string(), env!("MAXCLIP_FROZEN"));
    }

    #[test]
    fn a_stamp_is_found_wherever_it_stands_and_however_often() {
        let digest = FrozenDigest([7; 32]);
        for bytes in [stamp(7), [b"\x7fELF", &stamp(7)[..], b"more"].concat(), [stamp(7), stamp(7)].concat()] {
            assert_eq!(of(&bytes), Ok(digest));
        }
    }

    #[test]
    fn no_stamp_half_a_stamp_and_two_stamps_are_told_apart() {
        let whole = stamp(7);
        for bytes in [&b""[..], MARK.as_bytes(), &whole[..whole.len() - 1], b"frozen:00"] {
            assert_eq!(of(bytes), Err(StampError::None));
        }
        let two = [stamp(7), stamp(8)].concat();
        assert_eq!(of(&two), Err(StampError::Several(FrozenDigest([7; 32]), FrozenDigest([8; 32]))));
    }
}
