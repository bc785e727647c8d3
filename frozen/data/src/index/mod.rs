//! The index of a folder of shards: where each sample lies and what it must hash to.
//!
//! `index.bin`, integers little-endian:
//!
//! ```text
//! magic (24 bytes) ‖ samples ‖ shards ‖ bytes of names (u64 each)          the head
//! a sample each, in uid order: Entry (88 bytes)                            the body,
//! a shard each, in name order: place and length of its name among          in chunks
//!   the names, length of the tar (u64 each)                                of 65,472 bytes
//! the names
//! BLAKE3 of each chunk of the body (32 bytes each)
//! the data set's Merkle root (32 bytes)
//! the seal (32 bytes): over head, digests of the chunks and root
//! ```
//!
//! Opening reads what is not body and checks the seal; a chunk is checked when something in it is read. So opening
//! takes the time and the memory of the digests, a two-thousandth of the whole, and a damaged index says where.
//! An entry never lies in two chunks.
//!
//! The root is a function of the samples alone: neither of shards and their order nor of how this file is cut.
//! [`build()`] writes one: `scan` reads a shard, `merge` joins what came of all of them.

mod build;
mod chunks;
mod merge;
mod read;
mod scan;

use std::{
    fs,
    path::{Path, PathBuf},
};

use records::{Blake3, file::FileError};

pub use build::{Scanned, build};
pub use read::Index;

use crate::{DataError, Uid};

/// The file's name within the folder of a data set.
pub const FILE: &str = "index.bin";

/// The kinds of member that are an image.
pub const IMAGE_KINDS: [&str; 4] = ["jpg", "jpeg", "png", "webp"];

const MAGIC: [u8; 24] = *b"maxclip.data.index.v2\n\0\0";
const HEAD: u64 = 24 + 3 * 8;
const SHARD: u64 = 3 * 8;
const ENTRY: u64 = 88;
const TAIL: u64 = 2 * 32;

/// Where a sample lies: 88 bytes, the fields in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    /// The sample's uid.
    pub uid: Uid,
    /// What image and caption hash to: see [`content`](crate::sample::content).
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

impl IndexEntry {
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

/// The name that the index has for a shard.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
