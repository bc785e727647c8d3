//! The index of a folder of shards: where each sample lies and what it must hash to.
//!
//! `index.bin`, little-endian: the magic; samples, shards and bytes of names (`u64` each); the Merkle root
//! (32 bytes); a shard each: name's place and length among the names, length of the tar (`u64` each); a
//! sample each, in uid order: [`Entry`]; the names; BLAKE3 of everything before (32 bytes).
//! Entries have one size and are read by position: a hundred million samples need no memory.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use records::{
    Blake3, DataRoot,
    file::{self, FileError, Links},
    merkle,
};

use crate::{
    DataError, Uid,
    sample::{content, leaf},
    shard::{Group, Shard},
};

/// The file's name within the folder of a data set.
pub const FILE: &str = "index.bin";

const MAGIC: [u8; 24] = *b"maxclip.data.index.v1\n\0\0";
const HEADER: u64 = 24 + 3 * 8 + 32;
const SHARD: u64 = 3 * 8;
const ENTRY: u64 = 88;

/// The kinds of member that are an image.
pub const IMAGE_KINDS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

/// Where a sample lies: 88 bytes, the fields in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The sample's uid.
    pub uid: Uid,
    /// What image and caption hash to: see [`content`].
    pub content: Blake3,
    /// Which shard, in the order of names (`u32`).
    pub shard: u32,
    /// Length of the sample's key (`u32`).
    pub key_length: u32,
    /// Where the key starts among the names.
    pub key_offset: u64,
    /// Where the image starts in the shard.
    pub image_offset: u64,
    /// Where the caption starts in the shard.
    pub caption_offset: u64,
    /// Length of the image (`u32`).
    pub image_length: u32,
    /// Length of the caption (`u32`).
    pub caption_length: u32,
}

/// An indexed shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShardEntry {
    /// Its file name.
    pub name: String,
    /// Its length in bytes.
    pub length: u64,
}

/// An open index whose own digest was checked.
#[derive(Debug)]
pub struct Index {
    file: File,
    path: PathBuf,
    len: u64,
    names: u64,
    shards: Vec<ShardEntry>,
    root: DataRoot,
}

/// Reads every shard of a folder, writes its index and gives the data set's identity.
pub fn build(dir: &Path) -> Result<DataRoot, DataError> {
    let paths = shard_paths(dir)?;
    if paths.is_empty() {
        return Err(DataError::NoShards { dir: dir.to_owned() });
    }
    let scanned: Vec<Scan> = paths.par_iter().map(|path| scan(path)).collect::<Result<_, _>>()?;
    let mut names = Vec::new();
    let mut shards = Vec::new();
    let mut entries = Vec::new();
    for (number, (path, scan)) in paths.iter().zip(scanned).enumerate() {
        let name = file_name(path);
        shards.push((names.len() as u64, name.len() as u64, scan.length));
        names.extend(name.bytes());
        for (key, mut entry) in scan.samples {
            entry.shard = number as u32;
            entry.key_offset = names.len() as u64;
            entry.key_length = key.len() as u32;
            names.extend(key.bytes());
            entries.push(entry);
        }
    }
    entries.sort_unstable_by_key(|entry| (entry.uid, entry.shard, entry.image_offset));
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].uid == pair[1].uid) {
        return Err(duplicate(&paths, &names, &pair[0], &pair[1]));
    }
    let leaves: Vec<_> = entries.iter().map(|entry| leaf(entry.uid, entry.content)).collect();
    let root = DataRoot(merkle::root(&leaves).0);
    write(&dir.join(FILE), &shards, &entries, &names, root)?;
    Ok(root)
}

/// The shards of a folder, sorted by name.
pub fn shard_paths(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut paths = Vec::new();
    for item in fs::read_dir(dir).map_err(FileError::at("read", dir))? {
        let path = item.map_err(FileError::at("read", dir))?.path();
        if path.extension().is_some_and(|extension| extension == "tar") && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

struct Scan {
    length: u64,
    samples: Vec<(String, Entry)>,
}

fn scan(path: &Path) -> Result<Scan, DataError> {
    let shard = Shard::open(path)?;
    let samples = shard.groups().map(|group| entry(&shard, group?)).collect::<Result<_, _>>()?;
    Ok(Scan { length: shard.length(), samples })
}

fn entry(shard: &Shard, group: Group) -> Result<(String, Entry), DataError> {
    let refuse = |why: String| DataError::BadSample { shard: shard.path().to_owned(), key: group.key.clone(), why };
    let mut images = group.members.iter().filter(|(kind, _)| IMAGE_KINDS.contains(&kind.as_str()));
    let (Some((_, image)), None) = (images.next(), images.next()) else {
        return Err(refuse("it needs exactly one image (jpg, jpeg, png or webp)".to_owned()));
    };
    let part = |kind| group.member(kind).ok_or_else(|| refuse(format!("it has no `.{kind}`")));
    let (caption, json) = (part("txt")?, part("json")?);
    let image_bytes = shard.read(image)?;
    let text = String::from_utf8(shard.read(caption)?).map_err(|error| refuse(format!("its caption: {error}")))?;
    let entry = Entry {
        uid: uid(&shard.read(json)?).map_err(refuse)?,
        content: content(&image_bytes, &text),
        shard: 0,
        key_length: 0,
        key_offset: 0,
        image_offset: image.offset,
        caption_offset: caption.offset,
        image_length: image.length as u32,
        caption_length: caption.length as u32,
    };
    Ok((group.key, entry))
}

fn uid(json: &[u8]) -> Result<Uid, String> {
    let value: BTreeMap<String, serde_json::Value> =
        serde_json::from_slice(json).map_err(|error| format!("its JSON: {error}"))?;
    let uid = value.get("uid").and_then(serde_json::Value::as_str);
    uid.ok_or("its JSON has no text `uid`")?.parse().map_err(|error| format!("its JSON: {error}"))
}

fn duplicate(paths: &[PathBuf], names: &[u8], first: &Entry, second: &Entry) -> DataError {
    let place = |entry: &Entry| {
        let key = &names[entry.key_offset as usize..][..entry.key_length as usize];
        format!("`{}` of shard `{}`", String::from_utf8_lossy(key), paths[entry.shard as usize].display())
    };
    DataError::DuplicateUid { uid: first.uid, first: place(first), second: place(second) }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn write(
    path: &Path,
    shards: &[(u64, u64, u64)],
    entries: &[Entry],
    names: &[u8],
    root: DataRoot,
) -> Result<(), FileError> {
    file::write_with(path, |file| {
        let mut out = Hashing { inner: io::BufWriter::new(file), hasher: blake3::Hasher::new() };
        out.write_all(&MAGIC)?;
        for number in [entries.len() as u64, shards.len() as u64, names.len() as u64] {
            out.write_all(&number.to_le_bytes())?;
        }
        out.write_all(&root.0)?;
        for (offset, length, bytes) in shards {
            for number in [offset, length, bytes] {
                out.write_all(&number.to_le_bytes())?;
            }
        }
        for entry in entries {
            out.write_all(&entry.to_bytes())?;
        }
        out.write_all(names)?;
        let digest = *out.hasher.finalize().as_bytes();
        out.inner.write_all(&digest)?;
        out.inner.flush()
    })
}

/// Hashes what it passes on.
struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
}

impl<W: io::Write> io::Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl Entry {
    fn to_bytes(self) -> [u8; ENTRY as usize] {
        let mut bytes = [0; ENTRY as usize];
        bytes[..16].copy_from_slice(&self.uid.0);
        bytes[16..48].copy_from_slice(&self.content.0);
        bytes[48..52].copy_from_slice(&self.shard.to_le_bytes());
        bytes[52..56].copy_from_slice(&self.key_length.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.key_offset.to_le_bytes());
        bytes[64..72].copy_from_slice(&self.image_offset.to_le_bytes());
        bytes[72..80].copy_from_slice(&self.caption_offset.to_le_bytes());
        bytes[80..84].copy_from_slice(&self.image_length.to_le_bytes());
        bytes[84..88].copy_from_slice(&self.caption_length.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; ENTRY as usize]) -> Self {
        Self {
            uid: Uid(array(bytes, 0)),
            content: Blake3(array(bytes, 16)),
            shard: u32::from_le_bytes(array(bytes, 48)),
            key_length: u32::from_le_bytes(array(bytes, 52)),
            key_offset: u64::from_le_bytes(array(bytes, 56)),
            image_offset: u64::from_le_bytes(array(bytes, 64)),
            caption_offset: u64::from_le_bytes(array(bytes, 72)),
            image_length: u32::from_le_bytes(array(bytes, 80)),
            caption_length: u32::from_le_bytes(array(bytes, 84)),
        }
    }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[at..at + N]);
    out
}

impl Index {
    /// Opens the index of a folder and checks its digest.
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
        if length < HEADER + 32 {
            return Err(bad("it is too short"));
        }
        let header: [u8; HEADER as usize] = read(&file, &path, 0)?;
        if header[..24] != MAGIC {
            return Err(bad("it is of another format or version"));
        }
        let [len, shards, names] = [24, 32, 40].map(|at| u64::from_le_bytes(array(&header, at)));
        let parts = [Some(HEADER), shards.checked_mul(SHARD), len.checked_mul(ENTRY), Some(names), Some(32)];
        let total = parts.into_iter().try_fold(0u64, |sum, part| sum.checked_add(part?));
        if total != Some(length) {
            return Err(bad("its length is not what its header says"));
        }
        check_digest(&file, length)
            .map_err(FileError::at("read", &path))?
            .then_some(())
            .ok_or_else(|| bad("its digest is wrong"))?;
        let mut index = Self {
            file,
            path,
            len,
            names: HEADER + shards * SHARD + len * ENTRY,
            shards: Vec::new(),
            root: DataRoot(array(&header, 48)),
        };
        for number in 0..shards {
            let record: [u8; SHARD as usize] = read(&index.file, &index.path, HEADER + number * SHARD)?;
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
    pub fn entry(&self, rank: u64) -> Result<Entry, DataError> {
        if rank >= self.len {
            return Err(DataError::Rank { rank, len: self.len });
        }
        let at = HEADER + self.shards.len() as u64 * SHARD + rank * ENTRY;
        Ok(Entry::from_bytes(&read(&self.file, &self.path, at)?))
    }

    /// The key of an entry within its shard.
    pub fn key(&self, entry: &Entry) -> Result<String, DataError> {
        Ok(self.name(entry.key_offset, u64::from(entry.key_length))?)
    }

    fn name(&self, offset: u64, length: u64) -> Result<String, FileError> {
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, self.names + offset).map_err(FileError::at("read", &self.path))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

fn read<const N: usize>(file: &File, path: &Path, at: u64) -> Result<[u8; N], FileError> {
    let mut bytes = [0; N];
    file.read_exact_at(&mut bytes, at).map_err(FileError::at("read", path))?;
    Ok(bytes)
}

fn check_digest(file: &File, length: u64) -> io::Result<bool> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file.take(length - 32))?;
    let mut digest = [0; 32];
    file.read_exact_at(&mut digest, length - 32)?;
    Ok(digest == *hasher.finalize().as_bytes())
}
