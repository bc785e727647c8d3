//! What can be wrong with data on disk. Each text names the place; [`DataError::hint`] says how to repair it.

use std::{
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use records::{Reason, file::FileError};

use crate::Uid;

/// Data that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file system refused.
    #[error(transparent)]
    File(#[from] FileError),
    /// A folder without an index.
    #[error("`{}` has no index", dir.display())]
    NoIndex {
        /// The folder of the data set.
        dir: PathBuf,
    },
    /// A folder without a single `*.tar`.
    #[error("`{}` holds no shard (`*.tar`)", dir.display())]
    NoShards {
        /// The folder of the data set.
        dir: PathBuf,
    },
    /// An index that is damaged, or of another version.
    #[error("the index of `{}` cannot be used: {why}", dir.display())]
    BadIndex {
        /// The folder of the data set.
        dir: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Shards that are no longer those that were indexed.
    #[error("the index of `{}` does not describe its shards: {why}", dir.display())]
    StaleIndex {
        /// The folder of the data set.
        dir: PathBuf,
        /// Which shard, and what differs.
        why: String,
    },
    /// A tar that ends too early.
    #[error("shard `{}` is truncated at byte {offset}: {why}", shard.display())]
    Truncated {
        /// The shard's path.
        shard: PathBuf,
        /// Where the bytes that are missing should start, or the member that they belong to.
        offset: u64,
        /// What was expected there.
        why: String,
    },
    /// A tar that breaks its own format.
    #[error("shard `{}` is not a readable tar at byte {offset}: {why}", shard.display())]
    Tar {
        /// The shard's path.
        shard: PathBuf,
        /// Where the block starts.
        offset: u64,
        /// What is wrong there.
        why: String,
    },
    /// A sample that lacks something or holds what cannot be read.
    #[error("sample `{key}` of shard `{}`: {why}", shard.display())]
    BadSample {
        /// The shard's path.
        shard: PathBuf,
        /// The sample's key within it.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// Two samples with one uid.
    #[error("uid {uid} stands twice: {first} and {second}")]
    DuplicateUid {
        /// The uid.
        uid: Uid,
        /// Shard and key of one.
        first: String,
        /// Shard and key of the other.
        second: String,
    },
    /// A sample whose bytes are not those that were indexed.
    #[error(
        "sample `{key}` of shard `{}` (uid {uid}) is damaged: its content at byte {offset} does not have the indexed hash",
        shard.display()
    )]
    Damaged {
        /// The shard's path.
        shard: PathBuf,
        /// The sample's key within it.
        key: String,
        /// Its uid.
        uid: Uid,
        /// Where its image starts.
        offset: u64,
    },
    /// A sample whose shard is gone or too short.
    #[error("sample `{key}` of shard `{}` (uid {uid}) cannot be read at byte {offset}: {source}", shard.display())]
    Missing {
        /// The shard's path.
        shard: PathBuf,
        /// The sample's key within it.
        key: String,
        /// Its uid.
        uid: Uid,
        /// Where its image starts.
        offset: u64,
        /// What the system answered.
        source: io::Error,
    },
    /// A folder that another process indexes right now.
    #[error("`{}` is being indexed by another process", dir.display())]
    Busy {
        /// The folder of the data set.
        dir: PathBuf,
    },
    /// Several things at once, in the order of shards and samples.
    #[error("`{}`: {} things are wrong\n{}", dir.display(), errors.len(), lines(errors))]
    Many {
        /// The folder of the data set.
        dir: PathBuf,
        /// Each of them.
        errors: Vec<DataError>,
    },
    /// A rank past the end.
    #[error("there is no sample {rank}: the data set holds {len}")]
    Rank {
        /// The rank asked for.
        rank: u64,
        /// How many samples there are.
        len: u64,
    },
    /// A data set that should lie within another and does not.
    #[error(
        "`{}` is not a subset of `{}`: {missing} samples are missing there and {changed} have another content, the first is uid {first}",
        small.display(), large.display()
    )]
    NotNested {
        /// The folder that should lie within.
        small: PathBuf,
        /// The folder that should hold it.
        large: PathBuf,
        /// Samples of `small` whose uid `large` lacks.
        missing: u64,
        /// Samples of `small` that `large` holds with another content.
        changed: u64,
        /// The first of them in uid order.
        first: Uid,
    },
}

impl DataError {
    /// What to do about it, where that is known. Of several things each repair is said once.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let again = "fetch the shard again";
        Some(match self {
            Self::NoIndex { dir } => format!("`maxclip data index {}` writes it", dir.display()),
            Self::NoShards { .. } => "put the data set's shards into this folder".to_owned(),
            Self::BadIndex { dir, .. } => format!("`maxclip data index {}` writes it again", dir.display()),
            Self::StaleIndex { dir, .. } => {
                format!("{again}, or `maxclip data index {}` if the change is meant", dir.display())
            }
            Self::Truncated { .. } | Self::Tar { .. } | Self::Missing { .. } => again.to_owned(),
            Self::BadSample { .. } => "repair or remove the sample and write the shard again".to_owned(),
            Self::DuplicateUid { .. } => "a data set holds each uid once; remove one of the two".to_owned(),
            Self::Damaged { .. } => format!("{again}, or `maxclip data index` if the change is meant"),
            Self::Busy { .. } => "wait for it to end, then give the same command".to_owned(),
            Self::NotNested { .. } => "the scales of a protocol are nested: check which folder holds which".to_owned(),
            Self::Many { errors, .. } => {
                let hints: BTreeSet<_> = errors.iter().filter_map(Self::hint).collect();
                return (!hints.is_empty()).then(|| hints.into_iter().collect::<Vec<_>>().join("; "));
            }
            Self::File(_) | Self::Rank { .. } => return None,
        })
    }

    /// Data that are missing or damaged: nothing can be judged here until they are repaired.
    #[must_use]
    pub fn reason(&self) -> Reason {
        let hint = self.hint().unwrap_or_else(|| "fetch the data set again".to_owned());
        Reason { why: self.to_string(), hint }
    }

    /// Nothing where nothing is wrong, one error as it is, several as [`Many`](Self::Many).
    pub fn all(dir: &Path, mut errors: Vec<Self>) -> Result<(), Self> {
        match (errors.pop(), errors.is_empty()) {
            (None, _) => Ok(()),
            (Some(only), true) => Err(only),
            (Some(last), false) => {
                errors.push(last);
                Err(Self::Many { dir: dir.to_owned(), errors })
            }
        }
    }
}

/// Each error on a line of its own.
fn lines(errors: &[DataError]) -> String {
    errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
