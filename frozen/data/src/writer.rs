//! Writing shards: tars whose bytes are a function of their samples.
//!
//! Names are `00000000.tar` and so on; owner, mode and time are constants. A shard is closed when it is
//! full and appears whole or not at all.

use std::path::{Path, PathBuf};

use records::file::{self, FileError};
use tar::{Builder, Header};

use crate::{DataError, Uid};

/// When a shard is full.
#[derive(Debug, Clone, Copy)]
pub struct ShardLimits {
    /// Samples in a shard.
    pub samples: u32,
    /// Bytes after which no further sample is added.
    pub bytes: u64,
}

impl ShardLimits {
    /// 10,000 samples or 256 MiB, whichever comes first.
    pub const USUAL: Self = Self { samples: 10_000, bytes: 256 << 20 };
}

/// How the shards of a folder are named: training sets pad their numbers, evaluation tasks do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naming {
    /// `00000000.tar`.
    Padded,
    /// `0.tar`.
    Plain,
}

/// Writes samples into the shards of a folder.
pub struct ShardWriter {
    folder: PathBuf,
    naming: Naming,
    limits: ShardLimits,
    open: Builder<Vec<u8>>,
    samples: u32,
    shards: u32,
}

impl ShardWriter {
    /// Starts in a folder, at shard 0.
    #[must_use]
    pub fn new(folder: &Path, naming: Naming, limits: ShardLimits) -> Self {
        Self { folder: folder.to_owned(), naming, limits, open: Builder::new(Vec::new()), samples: 0, shards: 0 }
    }

    /// Adds a sample for training: image, caption and a JSON that holds the uid.
    pub fn pair(&mut self, key: &str, uid: Uid, kind: &str, image: &[u8], caption: &str) -> Result<(), DataError> {
        let json = format!("{{\"uid\":\"{uid}\"}}");
        self.sample(key, &[(kind, image), ("txt", caption.as_bytes()), ("json", json.as_bytes())])
    }

    /// Adds a sample of any members, by kind.
    pub fn sample(&mut self, key: &str, members: &[(&str, &[u8])]) -> Result<(), DataError> {
        if self.samples == self.limits.samples || self.open.get_ref().len() as u64 >= self.limits.bytes {
            self.close()?;
        }
        for (kind, bytes) in members {
            let mut header = Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            let name = format!("{key}.{kind}");
            let added = self.open.append_data(&mut header, &name, *bytes);
            added.map_err(FileError::at("add", self.folder.join(&name)))?;
        }
        self.samples += 1;
        Ok(())
    }

    /// Writes what is open and gives the number of shards.
    pub fn finish(mut self) -> Result<u32, DataError> {
        if self.samples > 0 {
            self.close()?;
        }
        Ok(self.shards)
    }

    fn close(&mut self) -> Result<(), DataError> {
        let path = self.folder.join(match self.naming {
            Naming::Padded => format!("{:08}.tar", self.shards),
            Naming::Plain => format!("{}.tar", self.shards),
        });
        let full = std::mem::replace(&mut self.open, Builder::new(Vec::new()));
        file::write(&path, &full.into_inner().map_err(FileError::at("write", &path))?)?;
        self.samples = 0;
        self.shards += 1;
        Ok(())
    }
}
