//! A training set: every picture with the caption beside it, named by its content, in the order of those names.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use anyhow::Result;
use data::{
    Uid,
    writer::{Naming, ShardLimits, ShardWriter},
};
use rayon::prelude::*;

use super::{
    all_right, begin,
    pictures::{FoundPictures, PictureFile, stray},
    settle,
};
use crate::problem::Problem;

/// Pictures that are read at once, on as many threads as there are.
const BATCH: usize = 256;

/// What was packed.
#[derive(Debug)]
pub struct Packed {
    /// Samples.
    pub samples: u64,
    /// Shards.
    pub shards: u32,
    /// Files that are neither picture nor caption.
    pub left_out: Vec<PathBuf>,
}

/// Packs a folder, or the first `samples` of it.
///
/// A sample's uid is the first half of its content hash ([`Uid::of`]), so that one picture with one caption has one
/// uid in whatever folder, and the first samples of a folder are a subset of more of them that nobody chose.
///
/// Memory is that of paths and of one sample a thread; a picture is read twice. `watch` is told how many pictures are
/// read.
pub fn pack(folder: &Path, out: &Path, samples: Option<u64>, watch: &mut dyn FnMut(u64)) -> Result<Packed> {
    let part = begin(out)?;
    let files = FoundPictures::of(folder)?;
    if files.pictures.is_empty() {
        let problem = Problem::usage(format!("{} holds no picture (jpg, jpeg, png or webp)", folder.display()));
        return Err(problem.hint("name a folder of pictures, each with its caption beside it: a.jpg and a.txt").into());
    }
    let mut named = name(folder, &files, watch)?;
    let whole = named.len() as u64;
    if let Some(samples) = samples.filter(|samples| *samples > whole) {
        let problem = Problem::usage(format!("{} holds {whole} pictures, fewer than {samples}", folder.display()));
        return Err(problem.hint("a set of fewer samples: --samples N").into());
    }
    named.truncate(samples.unwrap_or(whole) as usize);
    let mut writer = ShardWriter::new(part.path(), Naming::Padded, ShardLimits::USUAL);
    for (number, (uid, picture)) in named.iter().enumerate() {
        let (image, caption) = read(picture).map_err(Problem::usage)?;
        if Uid::of(&image, &caption) != *uid {
            return Err(Problem::usage(format!("{} changed while it was packed", picture.path.display())).into());
        }
        writer.pair(&format!("{number:09}"), *uid, &picture.kind, &image, &caption)?;
    }
    let shards = writer.finish()?;
    settle(part, out)?;
    Ok(Packed { samples: named.len() as u64, shards, left_out: files.others })
}

/// Every picture with its uid, in the order of uids.
fn name<'a>(
    folder: &Path,
    files: &'a FoundPictures,
    watch: &mut dyn FnMut(u64),
) -> Result<Vec<(Uid, &'a PictureFile)>> {
    let (mut named, mut wrong, mut done) = (BTreeMap::<Uid, &PictureFile>::new(), stray(files), 0);
    for some in files.pictures.chunks(BATCH) {
        let read: Vec<_> = some.par_iter().map(|picture| (picture, read(picture))).collect();
        for (picture, read) in read {
            let uid = match read {
                Ok((image, caption)) => Uid::of(&image, &caption),
                Err(why) => {
                    wrong.push(why);
                    continue;
                }
            };
            if let Some(other) = named.insert(uid, picture) {
                let (one, other) = (other.path.display(), picture.path.display());
                wrong.push(format!("{one} and {other} are one picture with one caption: remove one of them"));
            }
        }
        done += some.len() as u64;
        watch(done);
    }
    all_right(folder, &wrong)?;
    Ok(named.into_iter().collect())
}

fn read(picture: &PictureFile) -> Result<(Vec<u8>, String), String> {
    Ok((picture.read()?, picture.caption()?))
}
