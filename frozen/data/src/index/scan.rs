//! Reads a shard whole: every sample of it, its image decoded, into a record beside the index.
//!
//! A record is what makes an indexing that was killed go on where it stood. It names the shard by length and
//! digest, so a shard that changed since is read again. Of a shard with a single bad sample none is written.
//!
//! ```text
//! magic (24 bytes) ‖ length of the shard (u64) ‖ BLAKE3 of the shard (32 bytes) ‖ samples ‖ bytes of keys (u64 each)
//! a sample each, in uid order: Entry; its key's place is among the keys that follow
//! the keys ‖ BLAKE3 of everything before (32 bytes)
//! ```

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read, Seek as _, SeekFrom, Write},
    path::{Path, PathBuf},
};

use rayon::prelude::*;
use records::{
    Blake3,
    file::{self, FileError, Links},
};

use super::{ENTRY, IMAGE_KINDS, IndexEntry, array};
use crate::{
    DataError, Uid, pixels,
    sample::content,
    shard::{SampleMembers, Shard},
};

const MAGIC: [u8; 24] = *b"maxclip.data.scan.v1\n\0\0\0";
const HEAD: u64 = 24 + 8 + 32 + 2 * 8;

/// Samples that are read and decoded at once, on as many threads as there are.
const BATCH: usize = 256;

/// The record of a shard without a bad sample.
#[derive(Debug, Clone)]
pub struct ShardRecord {
    path: PathBuf,
    /// The shard's length in bytes.
    pub length: u64,
    /// How many samples it has.
    pub samples: u64,
    /// Bytes of their keys.
    pub keys: u64,
}

/// The record of a shard: the one that is there, where it is of these bytes, or a new one.
///
/// `watch` is told bytes of the shard as they are done with.
pub fn record(shard: &Path, path: &Path, watch: &mut dyn FnMut(u64)) -> Result<ShardRecord, Vec<DataError>> {
    let (digest, length) = digest(shard).map_err(|error| vec![error.into()])?;
    if let Some(record) = ShardRecord::open(path, length, digest) {
        watch(length);
        return Ok(record);
    }
    let opened = Shard::open(shard).map_err(|error| vec![error])?;
    let mut samples = samples(&opened, watch)?;
    samples.sort_unstable_by_key(|(_, entry)| (entry.uid, entry.image_offset));
    ShardRecord::write(path, length, digest, &samples).map_err(|error| vec![error.into()])
}

fn digest(path: &Path) -> Result<(Blake3, u64), FileError> {
    let (file, length) = file::open_plain(path, Links::Follow)?;
    Ok((Blake3::of_stream(file).map_err(FileError::at("read", path))?, length))
}

/// The samples of a shard in its order, or everything that is wrong with it.
fn samples(shard: &Shard, watch: &mut dyn FnMut(u64)) -> Result<Vec<(String, IndexEntry)>, Vec<DataError>> {
    let mut groups = shard.groups();
    let (mut samples, mut errors, mut told) = (Vec::new(), Vec::new(), 0);
    loop {
        let batch: Vec<_> = groups.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            watch(shard.length() - told);
            return if errors.is_empty() { Ok(samples) } else { Err(errors) };
        }
        let done: Vec<_> = batch.into_par_iter().map(|group| entry(shard, group?)).collect();
        for sample in done {
            match sample {
                Ok(sample) => samples.push(sample),
                Err(error) => errors.push(error),
            }
        }
        let reached = samples.last().map_or(0, |(_, entry): &(String, IndexEntry)| entry.image_offset);
        watch(reached.saturating_sub(told));
        told = told.max(reached);
    }
}

fn entry(shard: &Shard, group: SampleMembers) -> Result<(String, IndexEntry), DataError> {
    let refuse = |why: String| DataError::BadSample { shard: shard.path().to_owned(), key: group.key.clone(), why };
    let mut images = group.members.iter().filter(|(kind, _)| IMAGE_KINDS.contains(&kind.as_str()));
    let (Some((_, image)), None) = (images.next(), images.next()) else {
        return Err(refuse("it needs exactly one image (jpg, jpeg, png or webp)".to_owned()));
    };
    let part = |kind| group.member(kind).ok_or_else(|| refuse(format!("it has no `.{kind}`")));
    let (caption, json) = (part("txt")?, part("json")?);
    let image_bytes = shard.read(image)?;
    let text = String::from_utf8(shard.read(caption)?).map_err(|error| refuse(format!("its caption: {error}")))?;
    pixels::decode(&image_bytes).map_err(|error| refuse(format!("its image: {error}")))?;
    let entry = IndexEntry {
        uid: uid(&shard.read(json)?).map_err(refuse)?,
        content: content(&image_bytes, &text),
        shard: 0,
        key_length: group.key.len() as u32,
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

impl ShardRecord {
    /// Opens the record of a shard of a length and a digest; none where it is of another, or damaged.
    fn open(path: &Path, length: u64, digest: Blake3) -> Option<Self> {
        let (mut file, size) = file::open_plain(path, Links::Refuse).ok()?;
        let mut head = [0; HEAD as usize];
        file.read_exact(&mut head).ok()?;
        let of_this = head[..24] == MAGIC && head[24..32] == length.to_le_bytes() && head[32..64] == digest.0;
        let [samples, keys] = [64, 72].map(|at| u64::from_le_bytes(array(&head, at)));
        let whole = HEAD.checked_add(samples.checked_mul(ENTRY)?)?.checked_add(keys)?.checked_add(32)?;
        file.seek(SeekFrom::Start(0)).ok()?;
        let found = Blake3::of_stream((&file).take(size.checked_sub(32)?)).ok()?;
        let mut seal = [0; 32];
        file.read_exact(&mut seal).ok()?;
        let unharmed = whole == size && seal == found.0;
        (of_this && unharmed).then(|| Self { path: path.to_owned(), length, samples, keys })
    }

    fn write(path: &Path, length: u64, digest: Blake3, samples: &[(String, IndexEntry)]) -> Result<Self, FileError> {
        let keys: u64 = samples.iter().map(|(key, _)| key.len() as u64).sum();
        let count = samples.len() as u64;
        file::write_with(path, |file| {
            let mut out = Hashing { inner: io::BufWriter::new(file), hasher: blake3::Hasher::new() };
            out.write_all(&MAGIC)?;
            out.write_all(&length.to_le_bytes())?;
            out.write_all(&digest.0)?;
            out.write_all(&count.to_le_bytes())?;
            out.write_all(&keys.to_le_bytes())?;
            let mut key_offset = 0;
            for (key, entry) in samples {
                out.write_all(&IndexEntry { key_offset, ..*entry }.to_bytes())?;
                key_offset += key.len() as u64;
            }
            for (key, _) in samples {
                out.write_all(key.as_bytes())?;
            }
            let seal = *out.hasher.finalize().as_bytes();
            out.inner.write_all(&seal)?;
            out.inner.flush()
        })?;
        Ok(Self { path: path.to_owned(), length, samples: count, keys })
    }

    /// Its entries, from the first on.
    pub fn entries(&self) -> Result<BufReader<File>, FileError> {
        self.at(HEAD)
    }

    /// Its keys, one after the other.
    pub fn keys(&self) -> Result<io::Take<BufReader<File>>, FileError> {
        Ok(self.at(HEAD + self.samples * ENTRY)?.take(self.keys))
    }

    /// The key that stands at a place among its keys.
    pub fn key(&self, place: u64, length: u32) -> Result<String, FileError> {
        let mut key = vec![0; length as usize];
        let mut file = self.at(HEAD + self.samples * ENTRY + place)?;
        file.read_exact(&mut key).map_err(FileError::at("read", &self.path))?;
        Ok(String::from_utf8_lossy(&key).into_owned())
    }

    fn at(&self, place: u64) -> Result<BufReader<File>, FileError> {
        let (mut file, _) = file::open_plain(&self.path, Links::Refuse)?;
        file.seek(SeekFrom::Start(place)).map_err(FileError::at("read", &self.path))?;
        Ok(BufReader::with_capacity(super::merge::BUFFER, file))
    }
}

/// Hashes what it passes on.
struct Hashing<W> {
    inner: W,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
