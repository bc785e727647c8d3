//! Makes the index of a folder.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use records::{
    DataRoot,
    file::{self, FileError},
    merkle,
};

use super::{
    FILE, IndexEntry, MAGIC, chunks, file_name,
    merge::{self, EntryList},
    read::seal,
    scan::{self, ShardRecord},
    shard_paths,
};
use crate::{DataError, sample::leaf};

/// Where records of shards lie until the index is written, within the folder of a data set.
const SCANS: &str = "index.scans";

/// How far the reading of shards has come, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// Done with.
    pub done: u64,
    /// Of all shards.
    pub total: u64,
}

/// Reads every shard of a folder, decodes every image, writes the index and gives the data set's identity.
///
/// The index is a function of the shards, and not of threads or of how often it took. Memory is that of the
/// records of the largest shard. A shard that was read to its end is not read again by the next call, if this
/// one does not end; `scan` says how.
///
/// Errors: everything that is wrong, in the order of shards and samples; then no index is written.
pub fn build(dir: &Path, watch: &mut dyn FnMut(Scanned)) -> Result<DataRoot, DataError> {
    let paths = shard_paths(dir)?;
    if paths.is_empty() {
        return Err(DataError::NoShards { dir: dir.to_owned() });
    }
    let scans = dir.join(SCANS);
    let _lock = lock(dir, &scans)?;
    let records = scan_all(dir, &paths, &scans, watch)?;
    let root = write(dir, &Plan::new(&paths, &records), &scans)?;
    fs::remove_dir_all(&scans).map_err(FileError::at("remove", &scans))?;
    Ok(root)
}

/// Takes the folder of records for this process, and removes what another one left half-written.
fn lock(dir: &Path, scans: &Path) -> Result<File, DataError> {
    fs::create_dir_all(scans).map_err(FileError::at("create", scans))?;
    let path = scans.join("lock");
    let lock = File::create(&path).map_err(FileError::at("create", &path))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(DataError::Busy { dir: dir.to_owned() }),
        // Some network file systems have no locks; there it is the user who runs it once.
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
        Err(TryLockError::Error(error)) => return Err(FileError::at("lock", &path)(error).into()),
    }
    file::sweep_of(&dir.join(FILE))?;
    file::sweep(scans)?;
    for item in fs::read_dir(scans).map_err(FileError::at("read", scans))? {
        let path = item.map_err(FileError::at("read", scans))?.path();
        if file_name(&path).ends_with(merge::JOINED) {
            fs::remove_file(&path).map_err(FileError::at("remove", &path))?;
        }
    }
    Ok(lock)
}

fn scan_all(
    dir: &Path,
    paths: &[PathBuf],
    scans: &Path,
    watch: &mut dyn FnMut(Scanned),
) -> Result<Vec<ShardRecord>, DataError> {
    let length =
        |path: &PathBuf| fs::metadata(path).map(|metadata| metadata.len()).map_err(FileError::at("read", path));
    let total = paths.iter().map(length).sum::<Result<u64, _>>()?;
    let (mut records, mut errors, mut done) = (Vec::new(), Vec::new(), 0);
    for path in paths {
        let mut on = |bytes: u64| {
            done += bytes;
            watch(Scanned { done, total });
        };
        match scan::record(path, &scans.join(format!("{}.scan", file_name(path))), &mut on) {
            Ok(record) => records.push(record),
            Err(more) => errors.extend(more),
        }
    }
    DataError::all(dir, errors)?;
    Ok(records)
}

/// What the index is made of: shards, their records, and where their names stand.
struct Plan<'a> {
    paths: &'a [PathBuf],
    records: &'a [ShardRecord],
    /// Where a shard's own name starts, and where its samples' keys do, which follow it.
    names: Vec<(u64, u64)>,
    /// Bytes of all names.
    length: u64,
}

impl<'a> Plan<'a> {
    fn new(paths: &'a [PathBuf], records: &'a [ShardRecord]) -> Self {
        let mut length = 0;
        let mut names = Vec::new();
        for (path, record) in paths.iter().zip(records) {
            let keys = length + file_name(path).len() as u64;
            names.push((length, keys));
            length = keys + record.keys;
        }
        Self { paths, records, names, length }
    }

    fn head(&self) -> Vec<u8> {
        let samples: u64 = self.records.iter().map(|record| record.samples).sum();
        let numbers = [samples, self.records.len() as u64, self.length];
        MAGIC.into_iter().chain(numbers.into_iter().flat_map(u64::to_le_bytes)).collect()
    }

    /// Writes entries, shards and names; gives the samples' identity and the entries whose uids are not theirs alone.
    fn body(&self, scans: &Path, body: &mut chunks::ChunkWriter) -> io::Result<(DataRoot, Vec<[IndexEntry; 2]>)> {
        let mut tree = merkle::Peaks::default();
        let (mut last, mut doubles) = (None::<IndexEntry>, Vec::new());
        let lists = self.records.iter().zip(&self.names).enumerate();
        let lists = lists.map(|(number, (record, (_, keys)))| EntryList::of_record(record, number as u32, *keys));
        let merged = merge::merge(lists, scans, &mut |entry| {
            doubles.extend(last.replace(entry).filter(|last| last.uid == entry.uid).map(|last| [last, entry]));
            tree.push(leaf(entry.uid, entry.content));
            body.write_all(&entry.to_bytes())
        });
        merged.map_err(io::Error::other)?;
        for ((path, record), (name, _)) in self.paths.iter().zip(self.records).zip(&self.names) {
            for number in [*name, file_name(path).len() as u64, record.length] {
                body.write_all(&number.to_le_bytes())?;
            }
        }
        for (path, record) in self.paths.iter().zip(self.records) {
            body.write_all(file_name(path).as_bytes())?;
            io::copy(&mut record.keys().map_err(io::Error::other)?, body)?;
        }
        Ok((DataRoot(tree.root().0), doubles))
    }

    /// The shard and key of each of two entries with one uid.
    fn doubled(&self, pair: &[IndexEntry; 2]) -> Result<DataError, FileError> {
        let place = |entry: &IndexEntry| -> Result<String, FileError> {
            let shard = entry.shard as usize;
            let path = self.paths[shard].display();
            let key = self.records[shard].key(entry.key_offset - self.names[shard].1, entry.key_length)?;
            Ok(format!("`{key}` of shard `{path}`"))
        };
        Ok(DataError::DuplicateUid { uid: pair[0].uid, first: place(&pair[0])?, second: place(&pair[1])? })
    }
}

fn write(dir: &Path, plan: &Plan, scans: &Path) -> Result<DataRoot, DataError> {
    let (mut root, mut doubles) = (DataRoot([0; 32]), Vec::new());
    let written = file::write_with(&dir.join(FILE), |file| {
        let head = plan.head();
        file.write_all(&head)?;
        let mut body = chunks::ChunkWriter::new(file);
        (root, doubles) = plan.body(scans, &mut body)?;
        let digests = body.finish()?;
        digests.iter().try_for_each(|digest| file.write_all(&digest.0))?;
        file.write_all(&root.0)?;
        file.write_all(&seal(&head, &digests, &root).0)?;
        if doubles.is_empty() { Ok(()) } else { Err(io::Error::other("a uid stands twice")) }
    });
    DataError::all(dir, doubles.iter().map(|pair| plan.doubled(pair)).collect::<Result<_, _>>()?)?;
    written?;
    Ok(root)
}
