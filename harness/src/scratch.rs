//! Folders for a while: below `scratch/` of the home, so that what is made there can be renamed into place.
//!
//! Each has a lock of its own in it, held for as long as it is used. A folder whose lock nobody holds was left by
//! a killed program: whoever makes the next one removes it. Making and removing happen under the home's lock,
//! so that nobody takes a folder for left whose maker has not locked it yet.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::Result;
use records::file::FileError;
use tempfile::TempDir;

use crate::{folders::Home, locks::Locked};

/// The lock in a folder.
const LOCK: &str = "lock";

/// A folder that is removed when it is dropped.
#[derive(Debug)]
pub struct Scratch {
    folder: TempDir,
    _lock: File,
}

impl Scratch {
    /// Makes one, and removes those that killed programs left.
    pub fn new(home: &Home) -> Result<Self> {
        let below = home.0.join("scratch");
        let _alone = home.lock(Locked::Home)?;
        fs::create_dir_all(&below).map_err(FileError::at("create", &below))?;
        sweep(&below)?;
        let folder = TempDir::new_in(&below).map_err(FileError::at("create", &below))?;
        let path = folder.path().join(LOCK);
        let lock = File::create(&path).map_err(FileError::at("write", &path))?;
        lock.lock().map_err(FileError::at("lock", &path))?;
        Ok(Self { folder, _lock: lock })
    }

    /// Where something may be put.
    #[must_use]
    pub fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join("work").join(name)
    }
}

fn sweep(below: &Path) -> Result<()> {
    for entry in fs::read_dir(below).map_err(FileError::at("read", below))? {
        let path = entry.map_err(FileError::at("read", below))?.path();
        let left = match File::open(path.join(LOCK)) {
            Ok(lock) => match lock.try_lock() {
                Ok(()) => true,
                Err(TryLockError::WouldBlock) => false,
                Err(TryLockError::Error(error)) => return Err(FileError::at("lock", path)(error).into()),
            },
            // Its maker was killed before it could lock it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return Err(FileError::at("read", path)(error).into()),
        };
        if left {
            match fs::remove_dir_all(&path) {
                // Its owner was just removing it.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                removed => removed.map_err(FileError::at("remove", &path))?,
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_is_swept_and_what_is_used_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home(folder.path().to_owned());
        let used = Scratch::new(&home).unwrap();
        fs::create_dir_all(used.at("golden")).unwrap();
        let below = folder.path().join("scratch");
        for left in ["locked", "unlocked"] {
            fs::create_dir_all(below.join(left).join("work")).unwrap();
        }
        fs::write(below.join("locked").join(LOCK), b"").unwrap();
        let second = Scratch::new(&home).unwrap();
        assert_eq!(fs::read_dir(&below).unwrap().count(), 2);
        assert!(used.at("golden").is_dir());
        drop((used, second));
        assert_eq!(fs::read_dir(&below).unwrap().count(), 0);
    }
}
