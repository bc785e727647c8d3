//! Writing files so that a reader sees the old one or the new one and never half of either.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

/// An operation of the file system that failed, with the path it failed on.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried: `read`, `write`, `rename`.
    pub action: &'static str,
    /// The path it was tried on.
    pub path: PathBuf,
    /// What the system answered.
    pub source: io::Error,
}

impl FileError {
    /// Attaches an action and a path to an error of the system: `.map_err(FileError::at("read", path))`.
    pub fn at(action: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self { action, path, source }
    }
}

/// Reads a whole file.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    fs::read(path).map_err(FileError::at("read", path))
}

/// Reads a plain file of at most `limit` bytes, following no link.
///
/// For folders that strangers wrote: a FIFO would block for ever and a link could point anywhere.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    let metadata = fs::symlink_metadata(path).map_err(FileError::at("read", path))?;
    let refuse = |why: String| FileError::at("read", path)(io::Error::new(io::ErrorKind::InvalidData, why));
    if !metadata.is_file() {
        return Err(refuse("not a plain file".to_owned()));
    }
    if metadata.len() > limit {
        return Err(refuse(format!("{} bytes, limit {limit} bytes", metadata.len())));
    }
    read(path)
}

/// Writes a file beside its name, syncs it and renames it into place.
///
/// On any failure the old file, if there was one, stays as it was and the part that was written is removed.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write`], with a function that writes the content.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(FileError::at("create", folder))?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = path.with_file_name(name);
    let written = File::create(&part).and_then(|mut file| {
        fill(&mut file)?;
        file.sync_all()
    });
    if let Err(source) = written {
        // The first failure is the one to report; removing the part is a courtesy.
        fs::remove_file(&part).ok();
        return Err(FileError::at("write", path)(source));
    }
    fs::rename(&part, path).map_err(FileError::at("rename", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_part() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        write(&path, b"old").unwrap();
        let error = write_with(&path, |_| Err(io::Error::other("disk full"))).unwrap_err();
        assert!(error.to_string().contains("a.json"), "{error}");
        assert_eq!(read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_bounded_read_refuses_links_and_long_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"12345").unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(read_bounded(&path, 5).is_ok());
        assert!(read_bounded(&path, 4).is_err());
        assert!(read_bounded(&link, 5).is_err());
    }
}
