//! Files: read without trusting whoever put them there, and written so that a reader sees the old one or
//! the new one and never half of either.
//!
//! A name says nothing about what stands behind it: a FIFO blocks for ever, a device never ends, a sparse
//! file of a few bytes on disk is terabytes long, a link points anywhere. So every read here opens without
//! blocking, asks the *opened* file what it is and how long (a path could change in between), and takes no
//! more than that length, which has to be within the caller's limit before the first byte is read.

use std::{
    ffi::OsString,
    fs::{self, File, Permissions},
    io::{self, Read, Write as _},
    os::unix::fs::{FileTypeExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};
use tempfile::{Builder, TempDir};

use crate::Exit;

/// The longest file of our own that is read, in bytes: a checkpoint of a billion parameters with its state.
pub const OWN_BYTES_MAX: u64 = 16 << 30;

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

    /// A file that is not there, or that may not be read, was named by the caller; a failed write is not his fault.
    #[must_use]
    pub fn exit(&self) -> Exit {
        match self.source.kind() {
            io::ErrorKind::NotFound
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidData
                if self.action == "read" =>
            {
                Exit::Usage
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                Exit::Usage
            }
            _ => Exit::Fault,
        }
    }
}

/// Whether a link may stand where a file is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// The caller named the file himself: where his links lead is his affair.
    Follow,
    /// A stranger wrote the folder.
    Refuse,
}

/// How to open a name without blocking on it, and without a terminal becoming this process's own.
#[must_use]
pub fn flags(links: Links) -> OFlags {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    if links == Links::Refuse { flags | OFlags::NOFOLLOW } else { flags }
}

/// Opens a plain file, and says how long it is.
///
/// - Errors: kind `InvalidData` for a FIFO, a device, a socket, or a link where links are refused;
///   `IsADirectory` for a folder.
pub fn open_plain(path: &Path, links: Links) -> Result<(File, u64), FileError> {
    let open = || {
        let file = rustix::fs::open(path, flags(links), Mode::empty()).map_err(refusal)?;
        plain(File::from(file))
    };
    open().map_err(FileError::at("read", path))
}

/// An opened file with its length, where it is a plain one.
pub fn plain(file: File) -> io::Result<(File, u64)> {
    let metadata = file.metadata()?;
    let kind = metadata.file_type();
    if kind.is_file() {
        return Ok((file, metadata.len()));
    }
    let (name, error) = match kind {
        kind if kind.is_dir() => ("a folder", io::ErrorKind::IsADirectory),
        kind if kind.is_fifo() => ("a FIFO", io::ErrorKind::InvalidData),
        kind if kind.is_char_device() || kind.is_block_device() => ("a device", io::ErrorKind::InvalidData),
        _ => ("something else", io::ErrorKind::InvalidData),
    };
    Err(io::Error::new(error, format!("{name}, not a plain file")))
}

/// What the system answers where a name cannot be a plain file, in our words; everything else as it is.
#[must_use]
pub fn refusal(errno: Errno) -> io::Error {
    match errno {
        Errno::LOOP => io::Error::new(io::ErrorKind::InvalidData, "a link, not a plain file"),
        Errno::NXIO | Errno::NODEV => {
            io::Error::new(io::ErrorKind::InvalidData, "a socket or a device, not a plain file")
        }
        errno => errno.into(),
    }
}

/// Reads what [`open_plain`] opened, where its length is within a limit.
pub fn read_opened(file: impl Read, size: u64, limit: u64) -> io::Result<Vec<u8>> {
    let refuse = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    if size > limit {
        return Err(refuse(format!("{size} bytes, limit {limit} bytes")));
    }
    let mut bytes = Vec::new();
    let room = usize::try_from(size).map_err(|_| refuse(format!("{size} bytes, more than this machine addresses")))?;
    bytes.try_reserve_exact(room)?;
    // One byte more tells a file that grows while it is read from one that stays.
    file.take(size.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() == room { Ok(bytes) } else { Err(refuse(format!("not the {size} bytes that it said it has"))) }
}

/// Reads a file of our own: plain, and of at most [`OWN_BYTES_MAX`].
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    read_named(path, OWN_BYTES_MAX)
}

/// Reads a plain file of at most `limit` bytes that the caller named; a link is followed.
pub fn read_named(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_plain(path, limit, Links::Follow)
}

/// Reads a plain file of at most `limit` bytes in a folder that a stranger wrote; no link is followed.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, FileError> {
    read_plain(path, limit, Links::Refuse)
}

/// Reads a plain file of at most `limit` bytes.
pub fn read_plain(path: &Path, limit: u64, links: Links) -> Result<Vec<u8>, FileError> {
    let (file, size) = open_plain(path, links)?;
    read_opened(file, size, limit).map_err(FileError::at("read", path))
}

/// What the name of a file on its way to another name ends with.
const PART: &str = ".part";

/// Writes a file beside its name, syncs it and renames it into place.
///
/// On any failure the old file, if there was one, stays as it was and the part that was written is removed.
/// The part's name is random, so that two programs which write one file at the same time write two parts. What a
/// killed program leaves is told by its name, and [`sweep`] or [`sweep_of`] removes it.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), FileError> {
    write_with(path, |file| file.write_all(bytes))
}

/// As [`write()`], with a function that writes the content.
pub fn write_with(path: &Path, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    write_as(path, 0o666, fill)
}

/// As [`write()`], with rights of its own, which the file has at every moment: for a secret, in a folder of its owner's,
/// whose other half-written files stay.
pub fn replace(path: &Path, bytes: &[u8], mode: u32) -> Result<(), FileError> {
    sweep_of(path)?;
    write_as(path, mode, |file| file.write_all(bytes))
}

fn write_as(path: &Path, mode: u32, fill: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), FileError> {
    let folder = parent(path)?;
    let written = Builder::new()
        .prefix(&beside(path))
        .suffix(PART)
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .and_then(|mut part| {
            fill(part.as_file_mut())?;
            part.as_file().sync_all()?;
            Ok(part)
        });
    let part = written.map_err(FileError::at("write", path))?;
    // A part that does not get its name is removed with the error.
    part.persist(path).map_err(|refused| FileError::at("rename", path)(refused.error))?;
    Ok(())
}

/// Makes a folder beside a name, to be filled and then [`settle`]d; removed where it is dropped before that.
pub fn folder_beside(path: &Path) -> Result<TempDir, FileError> {
    let folder = parent(path)?;
    let mut part = Builder::new();
    let made = part.prefix(&beside(path)).suffix(PART).permissions(Permissions::from_mode(0o777)).tempdir_in(folder);
    made.map_err(FileError::at("create", path))
}

/// Gives a folder that was filled its name, where nothing stands yet.
pub fn settle(mut part: TempDir, path: &Path) -> Result<(), FileError> {
    File::open(part.path()).and_then(|folder| folder.sync_all()).map_err(FileError::at("write", path))?;
    fs::rename(part.path(), path).map_err(FileError::at("rename", path))?;
    part.disable_cleanup(true);
    let folder = parent(path)?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(FileError::at("sync", folder))
}

/// Removes what killed programs left half-written in a folder and below it: for whoever holds the folder's lock.
pub fn sweep(folder: &Path) -> Result<(), FileError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::at("read", folder)(error)),
    };
    for entry in entries {
        let entry = entry.map_err(FileError::at("read", folder))?;
        let path = entry.path();
        let folder = entry.file_type().map_err(FileError::at("read", &path))?.is_dir();
        let name = entry.file_name();
        let left = name.as_encoded_bytes().starts_with(b".") && name.as_encoded_bytes().ends_with(PART.as_bytes());
        match (left, folder) {
            (true, true) => fs::remove_dir_all(&path).map_err(FileError::at("remove", &path))?,
            (true, false) => fs::remove_file(&path).map_err(FileError::at("remove", &path))?,
            (false, true) => sweep(&path)?,
            (false, false) => {}
        }
    }
    Ok(())
}

/// Removes what killed programs left half-written of one file: for whoever holds a lock on it, in a folder where others
/// may be at work.
pub fn sweep_of(path: &Path) -> Result<(), FileError> {
    let (folder, prefix) = (parent(path)?, beside(path));
    for entry in fs::read_dir(folder).map_err(FileError::at("read", folder))? {
        let left = entry.map_err(FileError::at("read", folder))?;
        let name = left.file_name();
        let name = name.as_encoded_bytes();
        if name.starts_with(prefix.as_encoded_bytes()) && name.ends_with(PART.as_bytes()) {
            fs::remove_file(left.path()).map_err(FileError::at("remove", left.path()))?;
        }
    }
    Ok(())
}

/// The folder of a name, which is made where it is missing.
fn parent(path: &Path) -> Result<&Path, FileError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(FileError::at("create", folder))?;
    Ok(folder)
}

/// What the name of a part starts with: `.a.json.`.
fn beside(path: &Path) -> OsString {
    let mut prefix = OsString::from(".");
    prefix.push(path.file_name().unwrap_or_default());
    prefix.push(".");
    prefix
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

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
    fn a_name_that_is_taken_by_a_folder_leaves_no_part() {
        let home = tempfile::tempdir().unwrap();
        let taken = home.path().join("taken");
        fs::create_dir_all(taken.join("full")).unwrap();
        assert_eq!(write(&taken, b"new").unwrap_err().action, "rename");
        let part = folder_beside(&taken).unwrap();
        assert_eq!(settle(part, &taken).unwrap_err().action, "rename");
        let left: Vec<_> = fs::read_dir(home.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["taken"]);
    }

    #[test]
    fn a_folder_appears_whole_and_what_was_left_half_written_is_swept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("whole");
        let part = folder_beside(&path).unwrap();
        write(&part.path().join("a"), b"1").unwrap();
        assert!(!path.exists());
        settle(part, &path).unwrap();
        assert_eq!(read(&path.join("a")).unwrap(), b"1");
        // What a kill leaves: a part that nobody dropped, here and below.
        drop(folder_beside(&path).unwrap().keep());
        fs::write(path.join(".a.x7Qp2k.part"), b"half").unwrap();
        fs::write(path.join("a.part"), b"a name of one's own").unwrap();
        sweep(home.path()).unwrap();
        let names = |folder: &Path| {
            let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        assert_eq!(names(home.path()), ["whole"]);
        assert_eq!(names(&path), ["a", "a.part"]);
    }

    #[test]
    fn what_was_left_of_one_file_is_swept_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.json");
        let kept = ["a.json", ".a.json.x7Qp2k", ".b.json.x7Qp2k.part", "a.json.x7Qp2k.part"];
        for name in kept {
            fs::write(home.path().join(name), b"1").unwrap();
        }
        // A write that a kill interrupts: its part is made as `write_with` makes it, and nobody removes it.
        let mut left = PathBuf::new();
        let interrupted = write_with(&path, |_| {
            let names = fs::read_dir(home.path())?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
            left = names.into_iter().find(|name| !kept.iter().any(|kept| name.ends_with(kept))).unwrap_or_default();
            Err(io::ErrorKind::Interrupted.into())
        });
        assert!(interrupted.is_err() && !left.exists());
        fs::write(&left, b"half").unwrap();
        sweep_of(&path).unwrap();
        assert!(!left.exists() && kept.iter().all(|name| home.path().join(name).exists()));
    }

    #[test]
    fn a_secret_is_replaced_with_its_rights_and_nothing_is_left_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("round.toml");
        fs::write(&path, "old").unwrap();
        fs::write(home.path().join(".round.toml.x7Qp2k.part"), "half").unwrap();
        replace(&path, b"new", 0o600).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        assert_eq!((read(&path).unwrap(), mode), (b"new".to_vec(), 0o600));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn many_writers_of_one_name_leave_one_of_their_files() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a.json");
        std::thread::scope(|scope| {
            for writer in 0..4u8 {
                let path = &path;
                scope.spawn(move || (0..25).for_each(|_| write(path, &[writer; 5000]).unwrap()));
            }
        });
        let bytes = read(&path).unwrap();
        assert!(bytes.len() == 5000 && bytes.iter().all(|byte| *byte == bytes[0]));
        assert_eq!(fs::read_dir(home.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_bounded_read_refuses_links_and_long_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        write(&path, b"12345").unwrap();
        let [link, dangling] = ["link", "dangling"].map(|name| folder.path().join(name));
        symlink(&path, &link).unwrap();
        symlink("nowhere", &dangling).unwrap();
        assert!(read_bounded(&path, 5).is_ok());
        let error = read_bounded(&path, 4).unwrap_err().to_string();
        assert!(error.ends_with("5 bytes, limit 4 bytes"), "{error}");
        assert!(read_bounded(&link, 5).unwrap_err().to_string().ends_with("a link, not a plain file"));
        assert_eq!(read_named(&link, 5).unwrap(), b"12345");
        assert_eq!(read_named(&dangling, 5).unwrap_err().source.kind(), io::ErrorKind::NotFound);
        assert_eq!(read_bounded(&dangling, 5).unwrap_err().source.kind(), io::ErrorKind::InvalidData);
    }

    /// Without the open that does not block the first of these would hang, and the second fill the memory.
    #[test]
    fn what_is_no_plain_file_is_refused_at_once_and_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let [fifo, socket] = ["fifo", "socket"].map(|name| folder.path().join(name));
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, Mode::RUSR | Mode::WUSR).unwrap();
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let cases = [
            (fifo.as_path(), "a FIFO, not a plain file"),
            (Path::new("/dev/zero"), "a device, not a plain file"),
            (folder.path(), "a folder, not a plain file"),
            (&socket, "a socket or a device, not a plain file"),
        ];
        for (path, why) in cases {
            for links in [Links::Follow, Links::Refuse] {
                let error = read_plain(path, u64::MAX, links).unwrap_err().to_string();
                assert_eq!(error, format!("cannot read {}: {why}", path.display()));
            }
            assert!(read(path).is_err());
        }
    }

    #[test]
    fn a_sparse_file_is_refused_by_its_length_before_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        File::create(&path).unwrap().set_len(3 << 30).unwrap();
        let error = read_named(&path, 1 << 20).unwrap_err().to_string();
        assert!(error.ends_with("3221225472 bytes, limit 1048576 bytes"), "{error}");
    }

    #[test]
    fn a_file_that_grows_or_shrinks_while_it_is_read_is_refused() {
        assert_eq!(read_opened(&b"123"[..], 3, 3).unwrap(), b"123");
        for size in [2, 4] {
            let error = read_opened(&b"123"[..], size, 9).unwrap_err().to_string();
            assert_eq!(error, format!("not the {size} bytes that it said it has"));
        }
    }
}
