//! Room on disk: what lies there, what is free, and whether it is enough.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use anyhow::Result;
use records::file::FileError;

use crate::problem::Problem;

/// What an unprivileged process may still write to the file system of a path, or of its nearest parent that is there.
pub fn free(path: &Path) -> Result<u64, FileError> {
    let existing = path.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let stat = rustix::fs::statvfs(existing).map_err(|error| FileError::at("read", existing)(error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Fails where so many bytes are more than a file system has free; what is written below a path is what it is about.
pub fn require(path: &Path, needed: u64, free: u64) -> Result<(), Problem> {
    if needed <= free {
        return Ok(());
    }
    let (needed, free) = (shown(needed), shown(free));
    let what = format!("up to {needed} are written below {}, and its file system has {free} free", path.display());
    Err(Problem::inconclusive(what).hint(
        "name a folder on a larger one with --home, or make room: `maxclip prune ENTRY_FOLDER` removes checkpoints of what \
         is certified",
    ))
}

/// What lies in a folder, by name; nothing where the folder is not there.
pub fn below(folder: &Path) -> Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(FileError::at("read", folder)(error).into()),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()
        .map_err(FileError::at("read", folder))?;
    paths.sort();
    Ok(paths)
}

/// The bytes of every file below a path. What vanishes meanwhile has none.
pub fn size(path: &Path) -> Result<u64> {
    let Ok(metadata) = path.symlink_metadata() else { return Ok(0) };
    if !metadata.is_dir() {
        return Ok(metadata.len());
    }
    below(path)?.iter().try_fold(0, |sum, path| Ok(sum + size(path)?))
}

/// A size for people: `1.4 GiB`.
#[must_use]
pub fn shown(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut tenths = u128::from(bytes) * 10 / 1024;
    let mut unit = UNITS[0];
    for next in &UNITS[1..] {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    if bytes < 1024 { format!("{bytes} B") } else { format!("{}.{} {unit}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal() {
        for (bytes, text) in
            [(0, "0 B"), (1023, "1023 B"), (1024, "1.0 KiB"), (1_048_575, "1023.9 KiB"), (1_048_576, "1.0 MiB")]
        {
            assert_eq!(shown(bytes), text);
        }
        assert_eq!(shown(1536 << 30), "1.5 TiB");
    }

    #[test]
    fn what_is_free_is_enough_and_a_byte_less_is_not() {
        let path = Path::new("runs/entries/1");
        require(path, 1 << 30, 1 << 30).unwrap();
        let problem = require(path, 1 << 30, (1 << 30) - 1).unwrap_err();
        assert_eq!(problem.exit, records::Exit::Inconclusive);
        assert_eq!(
            problem.what,
            "up to 1.0 GiB are written below runs/entries/1, and its file system has 1023.9 MiB free"
        );
        let hint = problem.hint.unwrap();
        assert!(hint.contains("--home") && hint.contains("maxclip prune"), "{hint}");
    }

    #[test]
    fn a_path_that_is_not_there_lies_where_its_parent_does() {
        assert!(free(Path::new("/tmp/not/there/yet")).unwrap() > 0);
    }
}
