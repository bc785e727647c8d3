//! A run folder of a stranger, opened without trusting it: plain files below it and nothing else.
//!
//! Each part of a path is opened from the folder before it and no link is followed, so that neither a
//! link nor a change of the folder while it is read leads outside. Nothing blocks on a FIFO.

use std::{
    fs::File,
    io::Read as _,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags, open, openat},
    io::Errno,
};
use verifier::evidence::{Files, ReadError};

/// The files below a folder.
#[derive(Debug)]
pub struct PlainFolder(PathBuf);

impl PlainFolder {
    /// The folder that a file lies in.
    #[must_use]
    pub fn of(file: &Path) -> Self {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        Self(folder.unwrap_or(Path::new(".")).to_owned())
    }

    fn open(&self, path: &str) -> Result<File, ReadError> {
        let folder = OFlags::DIRECTORY | OFlags::CLOEXEC;
        let strict = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let mut parts: Vec<_> = path.split('/').collect();
        let name = parts.pop().unwrap_or_default();
        if name.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(ReadError::Refused("not a path below the folder".to_owned()));
        }
        let mut at: OwnedFd = open(&self.0, folder, Mode::empty()).map_err(refuse)?;
        for part in parts {
            at = openat(&at, part, folder | strict, Mode::empty()).map_err(refuse)?;
        }
        Ok(File::from(openat(&at, name, OFlags::RDONLY | strict, Mode::empty()).map_err(refuse)?))
    }
}

impl Files for PlainFolder {
    fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, ReadError> {
        let file = self.open(path)?;
        let failed = |error: std::io::Error| ReadError::Failed(format!("cannot read {path}: {error}"));
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(ReadError::Refused("not a plain file".to_owned()));
        }
        let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(limit)).unwrap_or(0));
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(failed)?;
        if bytes.len() as u64 > limit {
            return Err(ReadError::Refused(format!("more than {limit} bytes")));
        }
        Ok(bytes)
    }
}

fn refuse(errno: Errno) -> ReadError {
    match errno {
        Errno::NOENT => ReadError::Missing,
        Errno::LOOP | Errno::NOTDIR | Errno::NXIO => ReadError::Refused("a link, or not a plain file".to_owned()),
        errno => ReadError::Failed(format!("cannot open a file of the evidence: {errno}")),
    }
}

/// Reads a file that the user named: plain, bounded.
pub fn read_named(path: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    Ok(records::file::read_bounded(path, limit)?)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn only_plain_files_below_the_folder_are_read() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("run");
        fs::create_dir_all(folder.join("small")).unwrap();
        fs::write(home.path().join("secret"), "s").unwrap();
        fs::write(folder.join("small/a"), "12345").unwrap();
        symlink(home.path().join("secret"), folder.join("link")).unwrap();
        symlink(folder.join("small"), folder.join("linked")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, folder.join("fifo"), Mode::RUSR).unwrap();
        let files = PlainFolder::of(&folder.join("certificate.json"));
        assert_eq!(files.read("small/a", 5).unwrap(), b"12345");
        assert_eq!(files.read("small/b", 5), Err(ReadError::Missing));
        for path in ["link", "linked/a", "fifo", "small", "../secret", "small/../../secret", "small//a", ""] {
            assert!(matches!(files.read(path, 5), Err(ReadError::Refused(_))), "{path}: {:?}", files.read(path, 5));
        }
        assert!(matches!(files.read("small/a", 4), Err(ReadError::Refused(_))));
    }
}
