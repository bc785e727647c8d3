//! Joins sorted lists of entries on disk to one, in memory that does not depend on how long they are.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read, Write as _},
    path::Path,
};

use records::file::FileError;

use super::{ENTRY, IndexEntry, scan::ShardRecord};
use crate::Uid;

/// Bytes that are read of a list at once.
pub const BUFFER: usize = 32 << 10;

/// Lists that are joined at once: 8 MiB of buffers, and fewer files than any process may have open.
const LISTS: usize = 256;

/// What the name of a file of joined lists ends with.
pub const JOINED: &str = ".merge";

/// A sorted list of entries, from its next on.
pub struct EntryList {
    file: BufReader<File>,
    left: u64,
    /// The shard that its entries are of, and where its keys start among the names; none where they say so.
    place: Option<(u32, u64)>,
}

/// What entries are sorted by: uid, then shard and place, so that two of one uid have an order.
type Key = (Uid, u32, u64);

impl EntryList {
    /// The entries of a shard's record.
    pub fn of_record(record: &ShardRecord, shard: u32, names: u64) -> Result<Self, FileError> {
        Ok(Self { file: record.entries()?, left: record.samples, place: Some((shard, names)) })
    }

    fn next(&mut self) -> io::Result<Option<IndexEntry>> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let mut bytes = [0; ENTRY as usize];
        self.file.read_exact(&mut bytes)?;
        let mut entry = IndexEntry::from_bytes(&bytes);
        if let Some((shard, names)) = self.place {
            entry.shard = shard;
            entry.key_offset += names;
        }
        Ok(Some(entry))
    }
}

/// Gives the entries of lists in order. Where there are too many, they are joined in `folder` first.
pub fn merge(
    mut lists: impl Iterator<Item = Result<EntryList, FileError>>,
    folder: &Path,
    sink: &mut dyn FnMut(IndexEntry) -> io::Result<()>,
) -> Result<(), FileError> {
    // The lists of a level are those of the level before, joined by the hundred.
    let mut level = 0;
    let mut joined: Vec<_> = Vec::new();
    loop {
        let some: Vec<_> = lists.by_ref().take(LISTS).collect::<Result<_, _>>()?;
        if some.len() < LISTS && joined.is_empty() {
            return join(some, sink).map_err(FileError::at("merge the entries in", folder));
        }
        if some.is_empty() {
            break;
        }
        joined.push(write(some, &folder.join(format!("{level}-{}{JOINED}", joined.len())))?);
    }
    while joined.len() > LISTS {
        level += 1;
        let mut next = Vec::new();
        while !joined.is_empty() {
            let some = joined.drain(..LISTS.min(joined.len())).collect();
            next.push(write(some, &folder.join(format!("{level}-{}{JOINED}", next.len())))?);
        }
        joined = next;
    }
    join(joined, sink).map_err(FileError::at("merge the entries in", folder))
}

/// Joins lists into a file.
fn write(lists: Vec<EntryList>, path: &Path) -> Result<EntryList, FileError> {
    let left = lists.iter().map(|list| list.left).sum();
    let done = || {
        let mut out = BufWriter::new(File::create(path)?);
        join(lists, &mut |entry| out.write_all(&entry.to_bytes()))?;
        out.flush()?;
        File::open(path)
    };
    let file = done().map_err(FileError::at("write", path))?;
    Ok(EntryList { file: BufReader::with_capacity(BUFFER, file), left, place: None })
}

fn join(mut lists: Vec<EntryList>, sink: &mut dyn FnMut(IndexEntry) -> io::Result<()>) -> io::Result<()> {
    let key = |entry: &IndexEntry| -> Key { (entry.uid, entry.shard, entry.image_offset) };
    let mut heads = BinaryHeap::new();
    let mut entries = Vec::new();
    for (number, list) in lists.iter_mut().enumerate() {
        let first = list.next()?;
        heads.extend(first.as_ref().map(|entry| Reverse((key(entry), number))));
        entries.push(first);
    }
    while let Some(Reverse((_, number))) = heads.pop() {
        let next = lists[number].next()?;
        heads.extend(next.as_ref().map(|entry| Reverse((key(entry), number))));
        if let Some(entry) = std::mem::replace(&mut entries[number], next) {
            sink(entry)?;
        }
    }
    Ok(())
}
