//! Files to write whose names the caller gave.
//!
//! A file is written beside its name and then takes it, which also works on a name that stands for something else: as
//! root, `--out /dev/null` would leave a plain file where the machine had a device. So what a name stands for is asked
//! before anything is done, and only a plain file ever gives way.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::Result;
use records::file::{self, FileError};

use crate::problem::Problem;

/// Where a file will be written, asked before the work for it begins.
#[derive(Debug)]
pub struct Output(PathBuf);

impl Output {
    /// Asks what a name stands for: nothing yet, or a plain file. A link to one is followed; `example` is a file's name, to
    /// show where a folder was named.
    pub fn named(path: &Path, example: &str) -> Result<Self> {
        let kind = match fs::metadata(path) {
            Ok(metadata) => metadata.file_type(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self(path.to_owned())),
            Err(error) => return Err(FileError::at("write", path)(error).into()),
        };
        if kind.is_dir() {
            let problem = Problem::usage(format!("{} is a folder", path.display()));
            return Err(problem.hint(format!("name the file: {}", path.join(example).display())).into());
        }
        if !kind.is_file() {
            let problem = Problem::usage(format!("{} is not a plain file: it is left as it is", path.display()));
            return Err(problem.hint(format!("name a file, such as {example}")).into());
        }
        Ok(Self(path.canonicalize().map_err(FileError::at("write", path))?))
    }

    /// The file's path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes it whole, or leaves what was there.
    pub fn write(&self, bytes: &[u8]) -> Result<()> {
        Ok(file::write(&self.0, bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    use rustix::fs::{CWD, Mode, mkfifoat};

    use super::*;

    #[test]
    fn only_a_plain_file_gives_way() {
        let home = tempfile::tempdir().unwrap();
        let at = |name: &str| home.path().join(name);
        mkfifoat(CWD, at("fifo"), Mode::RUSR | Mode::WUSR).unwrap();
        symlink(at("fifo"), at("to-fifo")).unwrap();
        for name in ["fifo", "to-fifo"] {
            let refused = Output::named(&at(name), "a.html").unwrap_err();
            assert!(refused.to_string().contains("not a plain file"), "{refused}");
        }
        assert!(fs::metadata(at("fifo")).unwrap().file_type().is_fifo());
        let folder = Output::named(home.path(), "a.html").unwrap_err();
        assert!(crate::problem::hint(&folder).unwrap().ends_with("/a.html"));
    }

    #[test]
    fn a_link_to_a_plain_file_is_followed() {
        let home = tempfile::tempdir().unwrap();
        let (page, link) = (home.path().join("page"), home.path().join("link"));
        Output::named(&page, "a.html").unwrap().write(b"old").unwrap();
        symlink(&page, &link).unwrap();
        Output::named(&link, "a.html").unwrap().write(b"new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&page).unwrap(), b"new");
    }
}
