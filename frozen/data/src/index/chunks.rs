//! The body of an index, cut into chunks that are checked one by one.

use std::{
    fs::File,
    io::{self, Write},
    os::unix::fs::FileExt as _,
    sync::{Arc, Mutex},
};

use records::Blake3;

use super::ENTRY;

/// Bytes of a chunk: 744 entries.
pub const CHUNK: u64 = 744 * ENTRY;

/// How many chunks a body has.
pub fn count(body: u64) -> u64 {
    body.div_ceil(CHUNK)
}

/// Writes a body and remembers the digests of its chunks.
pub struct ChunkWriter<'a> {
    file: &'a mut File,
    chunk: Vec<u8>,
    digests: Vec<Blake3>,
}

impl<'a> ChunkWriter<'a> {
    /// Starts a body where a file stands.
    pub fn new(file: &'a mut File) -> Self {
        Self { file, chunk: Vec::with_capacity(CHUNK as usize), digests: Vec::new() }
    }

    /// Ends the body, and gives its chunks' digests.
    pub fn finish(mut self) -> io::Result<Vec<Blake3>> {
        self.close()?;
        Ok(self.digests)
    }

    fn close(&mut self) -> io::Result<()> {
        if !self.chunk.is_empty() {
            self.digests.push(Blake3::of(&self.chunk));
            self.file.write_all(&self.chunk)?;
            self.chunk.clear();
        }
        Ok(())
    }
}

impl Write for ChunkWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK as usize - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK as usize {
            self.close()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads a body by place.
#[derive(Debug)]
pub struct Reader {
    file: File,
    start: u64,
    length: u64,
    digests: Vec<Blake3>,
    /// The chunk that was checked last: what follows each other is mostly read one after the other.
    last: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
}

/// What reading a body can meet.
#[derive(Debug)]
pub enum ChunkError {
    /// The file system refused.
    Io(io::Error),
    /// Bytes from the first to before the second are not those that were written.
    Damaged(u64, u64),
    /// A place beyond the body was asked for: what points there is damaged.
    Beyond,
}

impl Reader {
    /// A body of a length that starts somewhere in a file, with its chunks' digests.
    pub fn new(file: File, start: u64, length: u64, digests: Vec<Blake3>) -> Self {
        Self { file, start, length, digests, last: Mutex::new(None) }
    }

    /// Reads bytes from a place on.
    pub fn read(&self, at: u64, length: u64) -> Result<Vec<u8>, ChunkError> {
        let end = at.checked_add(length).filter(|end| *end <= self.length).ok_or(ChunkError::Beyond)?;
        let mut out = Vec::with_capacity(length as usize);
        let mut at = at;
        while at < end {
            let chunk = self.chunk(at / CHUNK)?;
            let from = (at % CHUNK) as usize;
            let taken = (chunk.len() - from).min((end - at) as usize);
            out.extend_from_slice(&chunk[from..from + taken]);
            at += taken as u64;
        }
        Ok(out)
    }

    fn chunk(&self, number: u64) -> Result<Arc<Vec<u8>>, ChunkError> {
        if let Ok(last) = self.last.lock()
            && let Some((_, chunk)) = last.as_ref().filter(|(own, _)| *own == number)
        {
            return Ok(Arc::clone(chunk));
        }
        let from = number * CHUNK;
        let to = self.length.min(from + CHUNK);
        let mut bytes = vec![0; (to - from) as usize];
        self.file.read_exact_at(&mut bytes, self.start + from).map_err(ChunkError::Io)?;
        if self.digests.get(number as usize) != Some(&Blake3::of(&bytes)) {
            return Err(ChunkError::Damaged(self.start + from, self.start + to));
        }
        let chunk = Arc::new(bytes);
        if let Ok(mut last) = self.last.lock() {
            *last = Some((number, Arc::clone(&chunk)));
        }
        Ok(chunk)
    }
}
