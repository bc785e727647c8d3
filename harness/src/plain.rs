//! A run folder of a stranger, opened without trusting it: plain files below it and nothing else.
//!
//! Each part of a path is opened from the folder before it and no link is followed, so that neither a
//! link nor a change of the folder while it is read leads outside. Nothing blocks on a FIFO.

use std::{
    fs::File,
    io,
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use records::file::{Links, flags, plain, refusal};
use rustix::{
    fs::{Mode, OFlags, open, openat},
    io::Errno,
};
use verifier::evidence::{Files, OpenedFile, ReadError};

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

    /// A file below the folder with its length, opened part by part.
    fn plain(&self, path: &str) -> Result<(File, u64), ReadError> {
        let strict = flags(Links::Refuse);
        let mut parts: Vec<_> = path.split('/').collect();
        let name = parts.pop().unwrap_or_default();
        if name.is_empty() || path.split('/').any(|part| matches!(part, "" | "." | "..")) {
            return Err(ReadError::Refused("not a path below the folder".to_owned()));
        }
        let mut at: OwnedFd = open(&self.0, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()).map_err(refuse)?;
        for part in parts {
            at = openat(&at, part, OFlags::DIRECTORY | strict, Mode::empty()).map_err(refuse)?;
        }
        let file = openat(&at, name, strict, Mode::empty()).map_err(refuse)?;
        plain(File::from(file)).map_err(fault)
    }
}

impl Files for PlainFolder {
    fn open(&self, path: &str) -> Result<OpenedFile<'_>, ReadError> {
        let (file, size) = self.plain(path)?;
        Ok(OpenedFile { size, content: Box::new(file) })
    }
}

fn refuse(errno: Errno) -> ReadError {
    match errno {
        Errno::NOENT => ReadError::Missing,
        // Of a folder on the way: a link that is not followed is no folder.
        Errno::NOTDIR => ReadError::Refused("a link, or not a plain file".to_owned()),
        errno => fault(refusal(errno)),
    }
}

fn fault(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::InvalidData | io::ErrorKind::IsADirectory => ReadError::Refused(error.to_string()),
        _ => ReadError::Failed(format!("cannot open a file of the evidence: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, io::Read as _, os::unix::fs::symlink};

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
        let read = |path: &str| {
            let OpenedFile { size, mut content } = files.open(path)?;
            let mut bytes = Vec::new();
            content.read_to_end(&mut bytes).unwrap();
            Ok((size, bytes))
        };
        assert_eq!(read("small/a"), Ok((5, b"12345".to_vec())));
        assert_eq!(read("small/b"), Err(ReadError::Missing));
        for path in ["link", "linked/a", "fifo", "small", "../secret", "small/../../secret", "small//a", ""] {
            assert!(matches!(read(path), Err(ReadError::Refused(_))), "{path}: {:?}", read(path));
        }
    }
}
