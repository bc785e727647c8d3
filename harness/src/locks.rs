//! Locks: what two programs must not do to one folder at the same time, one after the other.
//!
//! A lock is a file below `locks/` of the home, held by an open descriptor: whoever is killed lets go of it. The file
//! stays, since removing it would let two hold two files of one name; what stands in it is for people, and says who
//! holds it. Locks are taken in one order (entry, golden, build, home), so that nobody waits for somebody who waits
//! for him.

use std::{
    fmt,
    fs::{File, OpenOptions, TryLockError},
    io::{Read as _, Seek as _, Write as _},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use records::{Blake3, IdentityDigest, file::FileError};

use crate::{folders::Home, signals, terminal};

/// How often a lock that somebody else has is asked for again.
const MOMENT: Duration = Duration::from_millis(50);
/// Who waits for longer says so.
const PATIENCE: Duration = Duration::from_secs(1);
/// More of a lock's file than this is not about its holder.
const HOLDER_MAX: u64 = 64;

/// What is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locked<'a> {
    /// An entry's folder, while it is certified.
    Entry(IdentityDigest),
    /// A recorded run, by its folder's name, while it is recorded or repeated.
    Golden(&'a str),
    /// A build that several runs share, by what went into it.
    Build(Blake3),
    /// A run that several others are compared with, by its folder's name.
    Run(&'a str),
    /// What all share, for a moment: data that are generated, folders that are made and swept.
    Home,
}

impl Locked<'_> {
    /// The name of its file.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Entry(identity) => format!("entry-{}", identity.digits()),
            Self::Golden(name) => format!("golden-{name}"),
            Self::Build(inputs) => format!("build-{}", inputs.digits()),
            Self::Run(name) => format!("run-{name}"),
            Self::Home => "home".to_owned(),
        }
    }
}

impl fmt::Display for Locked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entry(_) => f.write_str("the entry, which it certifies"),
            Self::Golden(name) => write!(f, "the golden {name}"),
            Self::Build(_) => f.write_str("a build that is shared"),
            Self::Run(name) => write!(f, "the run {name}"),
            Self::Home => f.write_str("the home"),
        }
    }
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// Who else may hold a lock at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Others {
    Nobody,
    Readers,
}

impl Home {
    /// Holds a lock alone, after whoever has it now.
    pub fn lock(&self, what: Locked<'_>) -> Result<Lock> {
        self.hold(what, Others::Nobody)
    }

    /// Holds a lock beside others who only read.
    pub fn share(&self, what: Locked<'_>) -> Result<Lock> {
        self.hold(what, Others::Readers)
    }

    /// Whether a living process holds a lock, and its id where it says one.
    pub fn holder(&self, name: &str) -> Result<Option<String>> {
        let path = self.locks().join(name);
        let Ok(mut file) = File::open(&path) else { return Ok(None) };
        match file.try_lock() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Ok(Some(said(&mut file))),
            Err(TryLockError::Error(error)) => Err(FileError::at("lock", path)(error).into()),
        }
    }

    /// The folder of locks.
    #[must_use]
    pub fn locks(&self) -> PathBuf {
        self.0.join("locks")
    }

    fn hold(&self, what: Locked<'_>, others: Others) -> Result<Lock> {
        let folder = self.locks();
        std::fs::create_dir_all(&folder).map_err(FileError::at("create", &folder))?;
        let path = folder.join(what.name());
        let open = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path);
        let mut file = open.map_err(FileError::at("write", &path))?;
        let (asked, mut told) = (Instant::now(), false);
        loop {
            let taken = match others {
                Others::Nobody => file.try_lock(),
                Others::Readers => file.try_lock_shared(),
            };
            match taken {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(FileError::at("lock", &path)(error).into()),
            }
            if !told && asked.elapsed() >= PATIENCE {
                if let Some(holder) = other(&said(&mut file)) {
                    terminal::talk(format_args!("waiting for process {holder}: it has {what}"));
                }
                told = true;
            }
            signals::check()?;
            thread::sleep(MOMENT);
        }
        if others == Others::Nobody {
            sign(&mut file).with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(Lock { _file: file })
    }
}

/// Writes who holds it.
fn sign(file: &mut File) -> std::io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "{}", std::process::id())
}

/// A holder to tell of; another thread of this process is none.
fn other(holder: &str) -> Option<&str> {
    (holder != std::process::id().to_string()).then_some(holder)
}

/// Who says that he holds it.
fn said(file: &mut File) -> String {
    let mut text = String::new();
    // What cannot be read says nothing, and is waited for all the same.
    file.rewind().and_then(|()| file.take(HOLDER_MAX).read_to_string(&mut text)).ok();
    text.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        process::{Command, Stdio},
        sync::Mutex,
    };

    use super::*;

    fn home() -> (tempfile::TempDir, Home) {
        let folder = tempfile::tempdir().unwrap();
        let home = Home(folder.path().to_owned());
        (folder, home)
    }

    #[test]
    fn who_comes_second_waits_and_then_goes_on() {
        let (_folder, home) = home();
        let log = Mutex::new(Vec::new());
        let held = home.lock(Locked::Home).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _held = home.lock(Locked::Home).unwrap();
                log.lock().unwrap().push("second");
            });
            thread::sleep(4 * MOMENT);
            log.lock().unwrap().push("first");
            drop(held);
        });
        assert_eq!(*log.lock().unwrap(), ["first", "second"]);
        assert_eq!(home.holder("home").unwrap(), None);
    }

    #[test]
    fn nobody_waits_for_himself() {
        assert_eq!(other(&std::process::id().to_string()), None);
        assert_eq!(other("1"), Some("1"));
    }

    #[test]
    fn readers_share_a_lock_and_a_writer_does_not() {
        let (_folder, home) = home();
        let golden = Locked::Golden("mini");
        let one = home.share(golden).unwrap();
        let two = home.share(golden).unwrap();
        let file = File::open(home.locks().join(golden.name())).unwrap();
        assert!(matches!(file.try_lock(), Err(TryLockError::WouldBlock)));
        drop((one, two));
        file.try_lock().unwrap();
    }

    /// A descriptor that a child inherits would hold the lock for as long as the child lives.
    #[test]
    fn a_child_does_not_hold_the_lock_of_its_parent() {
        let (_folder, home) = home();
        let held = home.lock(Locked::Home).unwrap();
        assert_eq!(home.holder("home").unwrap(), Some(std::process::id().to_string()));
        let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        // The kernel closes what a program does not inherit shortly after it wakes who started it: one answer is proof.
        child.stdin.as_mut().unwrap().write_all(b"x").unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        drop(held);
        let again = home.holder("home").unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(again, None);
    }

    #[test]
    fn what_is_locked_is_told_apart_by_whole_digests() {
        let mut digest = [7; 32];
        let one = Locked::Entry(IdentityDigest(digest)).name();
        digest[31] = 8;
        assert_ne!(Locked::Entry(IdentityDigest(digest)).name(), one);
    }
}
