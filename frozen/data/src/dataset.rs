//! A data set: an indexed folder of shards, read by rank.
//!
//! A sample's rank is its place among the uids, not its place in a tar. Each read checks the content hash,
//! so what a run saw is what its `run.json` names, or the run stops.

use std::{
    fs,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use records::{
    DataRoot,
    file::{Links, open_plain},
};

use crate::{
    DataError, Sample, Uid,
    index::{self, Index, IndexEntry},
    pixels,
    sample::content,
};

/// Ranks whose entries are held at once while all are read.
const WINDOW: u64 = 1 << 16;

/// Samples that are read between two times that somebody is told about it.
const BATCH: usize = 256;

/// An open data set.
#[derive(Debug)]
pub struct Dataset {
    dir: PathBuf,
    index: Index,
}

impl Dataset {
    /// Opens an indexed folder; refuses one whose shards are not those of the index, by name and length.
    pub fn open(dir: &Path) -> Result<Self, DataError> {
        let index = Index::open(dir)?;
        let stale = |why| DataError::StaleIndex { dir: dir.to_owned(), why };
        for shard in index.shards() {
            let found = fs::metadata(dir.join(&shard.name)).map(|metadata| metadata.len());
            match found {
                Ok(length) if length == shard.length => {}
                Ok(length) => {
                    return Err(stale(format!("`{}` has {length} bytes, {} were indexed", shard.name, shard.length)));
                }
                Err(error) => return Err(stale(format!("`{}`: {error}", shard.name))),
            }
        }
        let indexed = |path: &PathBuf| {
            let name = index::file_name(path);
            index.shards().binary_search_by(|shard| shard.name.cmp(&name)).is_ok()
        };
        if let Some(path) = index::shard_paths(dir)?.iter().find(|path| !indexed(path)) {
            return Err(stale(format!("`{}` was not indexed", path.display())));
        }
        Ok(Self { dir: dir.to_owned(), index })
    }

    /// The folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// How many samples it holds.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.index.len()
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Its identity: the Merkle root over (uid, content hash) in uid order.
    #[must_use]
    pub fn root(&self) -> DataRoot {
        self.index.root()
    }

    /// How many shards it has.
    #[must_use]
    pub fn shards(&self) -> usize {
        self.index.shards().len()
    }

    /// Reads and verifies the sample of a rank.
    ///
    /// Errors: [`DataError::Damaged`] and [`DataError::Missing`] name shard and key.
    pub fn sample(&self, rank: u64) -> Result<Sample, DataError> {
        self.read(self.index.entry(rank)?)
    }

    fn read(&self, entry: IndexEntry) -> Result<Sample, DataError> {
        let shard = self.shard(&entry);
        let missing = |source| match self.index.key(&entry) {
            Ok(key) => {
                DataError::Missing { shard: shard.clone(), key, uid: entry.uid, offset: entry.image_offset, source }
            }
            Err(error) => error,
        };
        let (image, caption) = read_parts(&shard, &entry).map_err(missing)?;
        match String::from_utf8(caption) {
            Ok(caption) if content(&image, &caption) == entry.content => Ok(Sample { uid: entry.uid, image, caption }),
            _ => Err(DataError::Damaged {
                key: self.index.key(&entry)?,
                shard,
                uid: entry.uid,
                offset: entry.image_offset,
            }),
        }
    }

    /// The uid of a rank.
    pub fn uid(&self, rank: u64) -> Result<Uid, DataError> {
        Ok(self.index.entry(rank)?.uid)
    }

    /// Reads every sample, holds it to the index and decodes its image.
    ///
    /// `watch` is told how many samples are done with. They are read in the order in which they lie in shards, a
    /// window of ranks at a time, on as many threads as there are; memory is that of the window's entries and of
    /// one sample a thread.
    ///
    /// Errors: everything that is wrong, in the order of uids.
    pub fn verify(&self, watch: &mut dyn FnMut(u64)) -> Result<(), DataError> {
        let mut errors = Vec::new();
        let mut done = 0;
        while done < self.len() {
            let ranks = done..self.len().min(done + WINDOW);
            let mut entries = ranks.map(|rank| self.index.entry(rank)).collect::<Result<Vec<_>, _>>()?;
            entries.sort_unstable_by_key(|entry| (entry.shard, entry.image_offset));
            let mut wrong = Vec::new();
            for some in entries.chunks(BATCH) {
                let failed =
                    some.par_iter().filter_map(|entry| self.check(*entry).err().map(|error| (entry.uid, error)));
                wrong.extend(failed.collect::<Vec<_>>());
                done += some.len() as u64;
                watch(done);
            }
            wrong.sort_by_key(|(uid, _)| *uid);
            errors.extend(wrong.into_iter().map(|(_, error)| error));
        }
        DataError::all(&self.dir, errors)
    }

    fn check(&self, entry: IndexEntry) -> Result<(), DataError> {
        let sample = self.read(entry)?;
        let key = || self.index.key(&entry);
        pixels::decode(&sample.image).map(drop).or_else(|error| {
            Err(DataError::BadSample { shard: self.shard(&entry), key: key()?, why: format!("its image: {error}") })
        })
    }

    fn shard(&self, entry: &IndexEntry) -> PathBuf {
        self.dir.join(&self.index.shards()[entry.shard as usize].name)
    }

    /// Checks that this data set lies within a larger one: each uid is there, with the same content.
    pub fn check_within(&self, large: &Self) -> Result<(), DataError> {
        let (mut missing, mut changed, mut first) = (0, 0, None);
        let mut at = 0;
        for rank in 0..self.len() {
            let own = self.index.entry(rank)?;
            let mut other = None;
            while at < large.len() {
                let candidate = large.index.entry(at)?;
                if candidate.uid > own.uid {
                    break;
                }
                at += 1;
                if candidate.uid == own.uid {
                    other = Some(candidate);
                    break;
                }
            }
            match other {
                Some(other) if other.content == own.content => continue,
                Some(_) => changed += 1,
                None => missing += 1,
            }
            first.get_or_insert(own.uid);
        }
        match first {
            None => Ok(()),
            Some(first) => {
                let (small, large) = (self.dir.clone(), large.dir.clone());
                Err(DataError::NotNested { small, large, missing, changed, first })
            }
        }
    }
}

fn read_parts(shard: &Path, entry: &IndexEntry) -> std::io::Result<(Vec<u8>, Vec<u8>)> {
    let (file, _) = open_plain(shard, Links::Follow).map_err(|error| error.source)?;
    let read = |offset, length: u32| {
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, offset).map(|()| bytes)
    };
    Ok((read(entry.image_offset, entry.image_length)?, read(entry.caption_offset, entry.caption_length)?))
}
