//! A reader that hashes what passes through it, and knows how long its file said it is.

use std::io::{self, Read};

use records::Sha256;
use sha2::Digest as _;

/// How much is read at once where nobody looks at it.
const PIECE_BYTES: usize = 256 << 10;

/// Bytes on their way to whoever looks at them, hashed as they pass.
pub struct Hashed<R> {
    inner: R,
    hasher: sha2::Sha256,
    size: u64,
    read: u64,
}

impl<R: Read> Hashed<R> {
    /// Passes on the bytes of a file that is said to have so many.
    pub fn new(inner: R, size: u64) -> Self {
        Self { inner, hasher: sha2::Sha256::new(), size, read: 0 }
    }

    /// Reads what nobody asked for, and gives the digest of all, with the reader.
    ///
    /// - Errors: kind `InvalidData` where the file has more or fewer bytes than it was said to have.
    pub fn finish(mut self) -> io::Result<(Sha256, R)> {
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            match self.read(&mut piece) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        // One byte more tells a file that grows while it is read from one that stays.
        let more = loop {
            match self.inner.read(&mut piece[..1]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other? > 0,
            }
        };
        if more || self.read != self.size {
            let why = format!("not the {} bytes that it said it has", self.size);
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok((Sha256(self.hasher.finalize().into()), self.inner))
    }
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let left = self.size - self.read;
        let room = usize::try_from(left).map_or(into.len(), |left| into.len().min(left));
        let count = self.inner.read(&mut into[..room])?;
        self.hasher.update(&into[..count]);
        self.read += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_of_every_byte_however_many_were_looked_at() {
        let bytes: Vec<u8> = (0..2 * PIECE_BYTES + 3).map(|at| (at % 251) as u8).collect();
        for looked in [0, 1, 1000, bytes.len()] {
            let mut hashed = Hashed::new(&bytes[..], bytes.len() as u64);
            let mut head = vec![0; looked];
            hashed.read_exact(&mut head).unwrap();
            assert_eq!(head, bytes[..looked]);
            assert_eq!(hashed.finish().unwrap().0, Sha256::of(&bytes));
        }
    }

    #[test]
    fn a_file_that_is_longer_or_shorter_than_it_said_is_refused() {
        assert!(Hashed::new(&b"123"[..], 3).finish().is_ok());
        for size in [2, 4] {
            let error = Hashed::new(&b"123"[..], size).finish().map(|(digest, _)| digest).unwrap_err();
            assert_eq!(error.to_string(), format!("not the {size} bytes that it said it has"));
        }
    }
}
