//! `transcript.jsonl` and `fingerprints.bin` as they grow, and how far they can be trusted on a resume.
//!
//! A step is appended to both or to neither. Lines after a checkpoint may be lost with the machine: a resume
//! cuts both files back to the checkpoint and does the steps again, to the same bytes.

use std::{
    fs::{File, OpenOptions},
    io::{Seek as _, SeekFrom, Write as _},
    path::{Path, PathBuf},
};

use records::{
    Blake3, canonical,
    file::{self, FileError},
    v1::transcript::{Header, Line, row_digest},
};

use crate::halt::{Fault, Halt};

/// The part of a run's evidence that holds together from its start.
pub struct Trusted {
    /// The chain after 0, 1, 2 .. steps.
    pub chains: Vec<Blake3>,
    /// Bytes of the transcript after as many steps.
    lengths: Vec<u64>,
}

/// The two files, open for appending.
pub struct Log {
    transcript: Appended,
    fingerprints: Appended,
    /// The chain after the last step.
    pub chain: Blake3,
}

impl Trusted {
    /// Reads what an earlier start left; `None` where nothing was written yet.
    ///
    /// Steps count while each line is canonical, continues the chain and names its row.
    pub fn read(folder: &Path, header: &Header) -> Result<Option<Self>, Halt> {
        let path = folder.join(TRANSCRIPT);
        if !path.exists() {
            return Ok(None);
        }
        let bytes = file::read(&path)?;
        let rows =
            if folder.join(FINGERPRINTS).exists() { file::read(&folder.join(FINGERPRINTS))? } else { Vec::new() };
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let expected = canonical::to_file(header)?;
        match lines.next() {
            Some(line) if line == expected => {}
            // A header that was cut short holds no step.
            Some(line) if expected.starts_with(line) => return Ok(None),
            None => return Ok(None),
            Some(_) => {
                let why = "belongs to another run, or was changed\nhint: remove the folder's transcript, fingerprints and checkpoints to train from the start";
                return Err(Fault::Usage { path, why: why.to_owned() }.into());
            }
        }
        let mut trusted = Self { chains: vec![header.chain()?], lengths: vec![expected.len() as u64] };
        let mut rows = rows.chunks_exact(8 * header.columns.len().max(1));
        while let (Some(line), Some(row)) = (lines.next(), rows.next()) {
            if !trusted.follow(line, row) {
                break;
            }
        }
        Ok(Some(trusted))
    }

    fn follow(&mut self, bytes: &[u8], row: &[u8]) -> bool {
        let step = self.chains.len() - 1;
        let Ok(line) = canonical::from_file::<Line>(bytes) else { return false };
        let follows = line.follow(self.chains[step]).is_ok_and(|chain| chain == line.chain);
        if !follows || line.step != step as u64 || line.fingerprints != Blake3::of(row) {
            return false;
        }
        self.chains.push(line.chain);
        self.lengths.push(self.lengths[step] + bytes.len() as u64);
        true
    }

    /// The chain after so many steps, where the evidence goes that far.
    pub fn chain(&self, steps: u64) -> Option<Blake3> {
        self.chains.get(usize::try_from(steps).ok()?).copied()
    }
}

/// Name of the transcript in a run folder.
pub const TRANSCRIPT: &str = "transcript.jsonl";
/// Name of the fingerprints in a run folder.
pub const FINGERPRINTS: &str = "fingerprints.bin";

impl Log {
    /// Starts both files.
    pub fn create(folder: &Path, header: &Header) -> Result<Self, Halt> {
        file::write(&folder.join(FINGERPRINTS), &[])?;
        file::write(&folder.join(TRANSCRIPT), &canonical::to_file(header)?)?;
        Self::open(folder, header.chain()?, None)
    }

    /// Goes on after a checkpoint: what follows it in both files is cut off.
    pub fn resume(folder: &Path, header: &Header, trusted: &Trusted, steps: u64) -> Result<Self, Halt> {
        let at = usize::try_from(steps).unwrap_or(usize::MAX).min(trusted.chains.len() - 1);
        let row = 8 * header.columns.len() as u64;
        Self::open(folder, trusted.chains[at], Some((trusted.lengths[at], row * at as u64)))
    }

    fn open(folder: &Path, chain: Blake3, lengths: Option<(u64, u64)>) -> Result<Self, Halt> {
        Ok(Self {
            transcript: Appended::open(folder.join(TRANSCRIPT), lengths.map(|l| l.0))?,
            fingerprints: Appended::open(folder.join(FINGERPRINTS), lengths.map(|l| l.1))?,
            chain,
        })
    }

    /// Appends a step; its line gets digest and chain here.
    pub fn append(&mut self, mut line: Line, row: &[u64]) -> Result<Line, Halt> {
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
    use std::{collections::BTreeMap, fs};

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
        let trusted = Trusted::read(two.path(), &header()).unwrap().unwrap();
        assert_eq!(trusted.chains.len(), 5);
        let mut log = Log::resume(two.path(), &header(), &trusted, 2).unwrap();
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
        let steps = || Trusted::read(folder.path(), &header()).unwrap().map(|trusted| trusted.chains.len() - 1);
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
        assert!(matches!(Trusted::read(folder.path(), &other), Err(Halt::Fault(Fault::Usage { .. }))));
    }
}
