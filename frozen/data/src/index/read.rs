//! Reading an index.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use records::{
    Blake3, DataRoot, Framed,
    file::{self, FileError, Links},
};

use super::{
    ENTRY, FILE, HEAD, IndexEntry, MAGIC, SHARD, ShardEntry, TAIL, array,
    chunks::{self, ChunkError},
};
use crate::DataError;

/// An open index whose seal was checked.
#[derive(Debug)]
pub struct Index {
    dir: PathBuf,
    body: chunks::Reader,
    len: u64,
    names: u64,
    shards: Vec<ShardEntry>,
    root: DataRoot,
}

/// What an index is sealed with: see the module's documentation.
pub fn seal(head: &[u8], digests: &[Blake3], root: &DataRoot) -> Blake3 {
    let framed = Framed::new("maxclip data index v2").bytes("head", head);
    framed
        .list("chunks", digests.iter(), |framed, chunk| framed.digest("chunk", &chunk.0))
        .digest("root", &root.0)
        .finish()
}

impl Index {
    /// Opens the index of a folder.
    pub fn open(dir: &Path) -> Result<Self, DataError> {
        let path = dir.join(FILE);
        let bad = |why: &str| DataError::BadIndex { dir: dir.to_owned(), why: why.to_owned() };
        let (file, length) = match file::open_plain(&path, Links::Follow) {
            Ok(opened) => opened,
            Err(error) if error.source.kind() == io::ErrorKind::NotFound && dir.is_dir() => {
                return Err(DataError::NoIndex { dir: dir.to_owned() });
            }
            Err(error) => return Err(error.into()),
        };
        if length < HEAD + TAIL {
            return Err(bad("it is too short"));
        }
        let head = read(&file, 0, HEAD).map_err(FileError::at("read", &path))?;
        if head[..24] != MAGIC {
            return Err(bad("it is of another format or version"));
        }
        let [len, shards, names] = [24, 32, 40].map(|at| u64::from_le_bytes(array(&head, at)));
        let parts = [len.checked_mul(ENTRY), shards.checked_mul(SHARD), Some(names)];
        let body = parts.into_iter().try_fold(0u64, |sum, part| sum.checked_add(part?));
        let whole = |body: u64| body.checked_add(HEAD + TAIL)?.checked_add(chunks::count(body) * 32);
        let Some(body) = body.filter(|body| whole(*body) == Some(length)) else {
            return Err(bad("its length is not what its head says"));
        };
        let rest = read(&file, HEAD + body, length - HEAD - body).map_err(FileError::at("read", &path))?;
        let (digests, tail) = rest.split_at(rest.len() - TAIL as usize);
        let digests: Vec<_> = digests.chunks_exact(32).map(|digest| Blake3(array(digest, 0))).collect();
        let root = DataRoot(array(tail, 0));
        if tail[32..] != seal(&head, &digests, &root).0 {
            return Err(bad("its seal is wrong"));
        }
        let body = chunks::Reader::new(file, HEAD, body, digests);
        let mut index =
            Self { dir: dir.to_owned(), body, len, names: len * ENTRY + shards * SHARD, shards: Vec::new(), root };
        for number in 0..shards {
            let record = index.read(len * ENTRY + number * SHARD, SHARD)?;
            let [offset, name, length] = [0, 8, 16].map(|at| u64::from_le_bytes(array(&record, at)));
            index.shards.push(ShardEntry { name: index.name(offset, name)?, length });
        }
        Ok(index)
    }

    /// How many samples the index lists.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it lists none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The data set's identity.
    #[must_use]
    pub fn root(&self) -> DataRoot {
        self.root
    }

    /// The shards, sorted by name.
    #[must_use]
    pub fn shards(&self) -> &[ShardEntry] {
        &self.shards
    }

    /// The entry of a rank: its place in uid order.
    ///
    /// Errors: [`DataError::BadIndex`] where the chunk that holds it is damaged.
    pub fn entry(&self, rank: u64) -> Result<IndexEntry, DataError> {
        if rank >= self.len {
            return Err(DataError::Rank { rank, len: self.len });
        }
        let entry = IndexEntry::from_bytes(&array(&self.read(rank * ENTRY, ENTRY)?, 0));
        if entry.shard as usize >= self.shards.len() {
            return Err(self.bad(format!("the sample of rank {rank} lies in a shard that is not listed")));
        }
        Ok(entry)
    }

    /// The key of an entry within its shard.
    pub fn key(&self, entry: &IndexEntry) -> Result<String, DataError> {
        self.name(entry.key_offset, u64::from(entry.key_length))
    }

    fn name(&self, offset: u64, length: u64) -> Result<String, DataError> {
        let at = self.names.checked_add(offset).ok_or_else(|| self.bad("a name lies beyond its end".to_owned()))?;
        Ok(String::from_utf8_lossy(&self.read(at, length)?).into_owned())
    }

    fn read(&self, at: u64, length: u64) -> Result<Vec<u8>, DataError> {
        self.body.read(at, length).map_err(|error| match error {
            ChunkError::Io(source) => FileError::at("read", self.dir.join(FILE))(source).into(),
            ChunkError::Damaged(from, to) => {
                self.bad(format!("its bytes {from} to {to} are not those that were written"))
            }
            ChunkError::Beyond => self.bad("a name lies beyond its end".to_owned()),
        })
    }

    fn bad(&self, why: String) -> DataError {
        DataError::BadIndex { dir: self.dir.clone(), why }
    }
}

fn read(file: &File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length as usize];
    file.read_exact_at(&mut bytes, at).map(|()| bytes)
}
