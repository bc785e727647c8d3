//! `transcript.jsonl` and `fingerprints.bin` as they grow, and how far they can be trusted on a resume.
//!
//! A step is appended to both or to neither. Lines after a checkpoint may be lost with the machine: a resume
//! cuts both files back to the checkpoint and does the steps again, to the same bytes.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{self, Read, Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use evidence::{RowState, Steps, TranscriptError, steps::row_bytes};
use records::{
    Blake3, Problem, Stop, canonical,
    file::{self, FileError, Links},
    v1::transcript::{FINGERPRINTS, Header, Line, TRANSCRIPT, row_digest},
};

/// The part of a run's evidence that holds together from its start.
pub struct Trusted {
    /// How many steps it has.
    pub steps: u64,
    /// Where it stood after each number of steps that was asked for, as far as it goes.
    at: BTreeMap<u64, ResumePoint>,
}

/// A place in both files from which a run can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResumePoint {
    /// Steps before it.
    pub steps: u64,
    /// The chain after them.
    pub chain: Blake3,
    /// Bytes of the transcript up to it.
    bytes: u64,
}

/// The two files, open for appending.
pub struct Log {
    transcript: Appended,
    fingerprints: Appended,
    /// The chain after the last step.
    pub chain: Blake3,
}

impl Trusted {
    /// Reads what an earlier start left and notes the places after so many steps; `None` where nothing was written yet.
    ///
    /// Steps count while each line is canonical, continues the chain and names its row.
    pub fn read(folder: &Path, header: &Header, wanted: &[u64]) -> Result<Option<Self>, Stop> {
        let path = folder.join(TRANSCRIPT);
        let Some(mut transcript) = open(&path)? else { return Ok(None) };
        if !starts_with(&mut transcript, &canonical::to_file(header)?, &path)? {
            return Ok(None);
        }
        let rows: Box<dyn Read> = match open(&folder.join(FINGERPRINTS))? {
            Some(rows) => Box::new(rows),
            None => Box::new(io::empty()),
        };
        let mut steps = Steps::open(transcript, rows).map_err(|error| broken(&path, error))?;
        let mut trusted = Self { steps: 0, at: BTreeMap::new() };
        loop {
            let transcript = steps.transcript();
            if wanted.contains(&trusted.steps) {
                let place = ResumePoint { steps: trusted.steps, chain: transcript.chain(), bytes: transcript.bytes() };
                trusted.at.insert(place.steps, place);
            }
            match steps.step() {
                Ok(Some((_, RowState::Named))) => trusted.steps += 1,
                Err(error @ TranscriptError::Read(_)) => return Err(broken(&path, error)),
                // The end, or the first thing that does not hold.
                Ok(_) | Err(_) => return Ok(Some(trusted)),
            }
        }
    }

    /// The place after so many steps, where it was asked for and the evidence goes that far.
    pub fn place(&self, steps: u64) -> Option<ResumePoint> {
        self.at.get(&steps).copied()
    }
}

/// A file that an earlier start may have left.
fn open(path: &Path) -> Result<Option<File>, FileError> {
    match file::open_plain(path, Links::Follow) {
        Ok((file, _)) => Ok(Some(file)),
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether a transcript starts with this header, and is back at its start; not where the header was cut short: such a
/// file holds no step.
///
/// - Errors: it starts with something else.
fn starts_with(transcript: &mut File, header: &[u8], path: &Path) -> Result<bool, Stop> {
    let mut found = Vec::new();
    let read = transcript.take(header.len() as u64).read_to_end(&mut found);
    read.and_then(|_| transcript.rewind()).map_err(FileError::at("read", path))?;
    if found == header {
        return Ok(true);
    }
    if header.starts_with(&found) {
        return Ok(false);
    }
    let hint = "remove the folder's transcript, fingerprints and checkpoints to train from the start";
    let what = format!("{}: belongs to another run, or was changed", path.display());
    Err(Problem::usage(what).hint(hint).into())
}

fn broken(path: &Path, error: TranscriptError) -> Stop {
    match error {
        TranscriptError::Read(error) => FileError::at("read", path)(error).into(),
        error => Problem::usage(format!("{}: {error}", path.display())).into(),
    }
}

impl Log {
    /// Starts both files.
    pub fn create(folder: &Path, header: &Header) -> Result<Self, Stop> {
        file::write(&folder.join(FINGERPRINTS), &[])?;
        file::write(&folder.join(TRANSCRIPT), &canonical::to_file(header)?)?;
        Self::open(folder, header.chain()?, None)
    }

    /// Goes on after a checkpoint: what follows it in both files is cut off.
    pub fn resume(folder: &Path, header: &Header, place: ResumePoint) -> Result<Self, Stop> {
        let rows = (row_bytes(header) as u64).saturating_mul(place.steps);
        Self::open(folder, place.chain, Some((place.bytes, rows)))
    }

    fn open(folder: &Path, chain: Blake3, lengths: Option<(u64, u64)>) -> Result<Self, Stop> {
        Ok(Self {
            transcript: Appended::open(folder.join(TRANSCRIPT), lengths.map(|l| l.0))?,
            fingerprints: Appended::open(folder.join(FINGERPRINTS), lengths.map(|l| l.1))?,
            chain,
        })
    }

    /// Appends a step; its line gets digest and chain here.
    pub fn append(&mut self, mut line: Line, row: &[u64]) -> Result<Line, Stop> {
        line.fingerprints = row_digest(row);
        let line = line.chained(self.chain)?;
        let bytes: Vec<u8> = row.iter().flat_map(|word| word.to_le_bytes()).collect();
        let rows_before = self.fingerprints.length;
        self.fingerprints.append(&bytes)?;
        if let Err(error) = self.transcript.append(&canonical::to_file(&line)?) {
            self.fingerprints.cut(rows_before);
            return Err(error.into());
        }
        self.chain = line.chain;
        Ok(line)
    }

    /// Waits until both files are on disk.
    pub fn sync(&self) -> Result<(), FileError> {
        self.transcript.sync()?;
        self.fingerprints.sync()
    }
}

/// A file that grows by whole records.
struct Appended {
    path: PathBuf,
    file: File,
    length: u64,
}

impl Appended {
    fn open(path: PathBuf, length: Option<u64>) -> Result<Self, FileError> {
        let open = || {
            let mut file = OpenOptions::new().write(true).open(&path)?;
            if let Some(length) = length {
                file.set_len(length)?;
            }
            let length = file.seek(SeekFrom::End(0))?;
            Ok((file, length))
        };
        let (file, length) = open().map_err(FileError::at("open", &path))?;
        Ok(Self { path, file, length })
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        if let Err(error) = self.file.write_all(bytes) {
            self.cut(self.length);
            return Err(FileError::at("write", &self.path)(error));
        }
        self.length += bytes.len() as u64;
        Ok(())
    }

    /// Takes back what was written past a length; a courtesy, as every reader stops at a broken record.
    fn cut(&mut self, length: u64) {
        self.file.set_len(length).and_then(|()| self.file.seek(SeekFrom::End(0))).ok();
        self.length = length;
    }

    fn sync(&self) -> Result<(), FileError> {
        self.file.sync_data().map_err(FileError::at("sync", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use records::{RunDigest, v1::transcript::TRANSCRIPT_FORMAT};

    use super::*;

    fn header() -> Header {
        Header { format: TRANSCRIPT_FORMAT.into(), run: RunDigest([1; 32]), columns: vec!["a".into(), "b".into()] }
    }

    fn line(step: u64) -> Line {
        let zero = Blake3([0; 32]);
        Line {
            step,
            epoch: 0,
            ids: zero,
            loss: 0.5.into(),
            diagnostics: BTreeMap::new(),
            fingerprints: zero,
            chain: zero,
        }
    }

    fn written(folder: &Path, steps: u64) -> Log {
        let mut log = Log::create(folder, &header()).unwrap();
        for step in 0..steps {
            log.append(line(step), &[step, 7]).unwrap();
        }
        log
    }

    #[test]
    fn a_resume_continues_to_the_same_bytes() {
        let [one, two] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        written(one.path(), 5);
        written(two.path(), 4);
        let trusted = Trusted::read(two.path(), &header(), &[0, 2, 5]).unwrap().unwrap();
        assert_eq!(trusted.steps, 4);
        assert_eq!((trusted.place(1), trusted.place(5)), (None, None), "not asked for, and past the end");
        let mut log = Log::resume(two.path(), &header(), trusted.place(2).unwrap()).unwrap();
        (2..5).for_each(|step| drop(log.append(line(step), &[step, 7]).unwrap()));
        for name in [TRANSCRIPT, FINGERPRINTS] {
            assert_eq!(fs::read(one.path().join(name)).unwrap(), fs::read(two.path().join(name)).unwrap(), "{name}");
        }
    }

    #[test]
    fn trust_ends_where_a_byte_differs_or_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), 4);
        let [transcript, rows] = [TRANSCRIPT, FINGERPRINTS].map(|name| fs::read(folder.path().join(name)).unwrap());
        let steps = || Trusted::read(folder.path(), &header(), &[]).unwrap().map(|trusted| trusted.steps);
        fs::write(folder.path().join(TRANSCRIPT), &transcript[..transcript.len() - 3]).unwrap();
        assert_eq!(steps(), Some(3));
        fs::write(folder.path().join(TRANSCRIPT), &transcript).unwrap();
        let mut changed = rows.clone();
        changed[2 * 16 + 5] ^= 1;
        fs::write(folder.path().join(FINGERPRINTS), &changed).unwrap();
        assert_eq!(steps(), Some(2));
        fs::remove_file(folder.path().join(FINGERPRINTS)).unwrap();
        assert_eq!(steps(), Some(0));
        fs::write(folder.path().join(TRANSCRIPT), &transcript[..10]).unwrap();
        assert_eq!(steps(), None);
    }

    #[test]
    fn another_runs_transcript_is_not_continued() {
        let folder = tempfile::tempdir().unwrap();
        written(folder.path(), 1);
        let other = Header { run: RunDigest([2; 32]), ..header() };
        let Err(Stop::Fault(fault)) = Trusted::read(folder.path(), &other, &[]) else { panic!("a fault was expected") };
        assert!(fault.exit == records::Exit::Usage && fault.hint.is_some_and(|hint| hint.contains("from the start")));
    }
}
