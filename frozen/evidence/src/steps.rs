//! A transcript and its fingerprints in one pass: a line names the digest of its row.
//!
//! Which column of a row was changed, BLAKE3 does not say; where a row is short enough, every single changed byte is
//! tried.

use std::io::{self, BufReader, Read, SeekFrom};

use records::{
    Blake3,
    v1::transcript::{Header, Line},
};

use crate::{Source, Transcript, TranscriptError, changed_byte};

/// What stands where a step's row belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowState {
    /// The row that the line names.
    Named,
    /// Another one.
    Changed,
    /// Less than a row.
    Missing,
}

/// Both files of a run on their way.
pub struct Steps<T, F> {
    transcript: Transcript<T>,
    rows: BufReader<F>,
    row: Vec<u8>,
}

impl<T: Read, F: Read> Steps<T, F> {
    /// Reads the header; the rows start at the first byte that `rows` gives.
    pub fn open(transcript: T, rows: F) -> Result<Self, TranscriptError> {
        let transcript = Transcript::open(transcript)?;
        let row = vec![0; row_bytes(transcript.header())];
        Ok(Self { transcript, rows: BufReader::new(rows), row })
    }

    /// The next step and whether its row is the one that its line names; `None` at the transcript's end.
    pub fn step(&mut self) -> Result<Option<(Line, RowState)>, TranscriptError> {
        let Some(line) = self.transcript.step()? else { return Ok(None) };
        let state = match self.rows.read_exact(&mut self.row) {
            Ok(()) if Blake3::of(&self.row) == line.fingerprints => RowState::Named,
            Ok(()) => RowState::Changed,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => RowState::Missing,
            Err(error) => return Err(error.into()),
        };
        Ok(Some((line, state)))
    }

    /// What was read so far of the transcript.
    #[must_use]
    pub fn transcript(&self) -> &Transcript<T> {
        &self.transcript
    }

    /// The row of the last step, as it stands in the file.
    #[must_use]
    pub fn row(&self) -> &[u8] {
        &self.row
    }

    /// The column of the last step's row that one changed byte explains.
    #[must_use]
    pub fn changed_column(&self, line: &Line) -> Option<&str> {
        let at = changed_byte(&self.row, |row| Blake3::of(row) == line.fingerprints)?;
        self.transcript.header().columns.get(at / 8).map(String::as_str)
    }
}

/// The length of a row.
#[must_use]
pub fn row_bytes(header: &Header) -> usize {
    header.columns.len().saturating_mul(8)
}

/// One row by its step, read alone; `None` where the file ends before it does.
///
/// Nothing says yet that it is the row of that step: its digest is in the step's line.
pub fn row_at(rows: &mut impl Source, columns: usize, step: u64) -> io::Result<Option<Vec<u64>>> {
    let width = (columns as u64).saturating_mul(8);
    let Some(start) = step.checked_mul(width) else { return Ok(None) };
    rows.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    rows.take(width).read_to_end(&mut bytes)?;
    let (words, _) = bytes.as_chunks::<8>();
    Ok((words.len() == columns).then(|| words.iter().map(|word| u64::from_le_bytes(*word)).collect()))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::transcript::tests::written;

    fn states(transcript: &[u8], rows: &[u8]) -> Vec<(RowState, Option<String>)> {
        let mut steps = Steps::open(transcript, rows).unwrap();
        let mut states = Vec::new();
        while let Some((line, state)) = steps.step().unwrap() {
            let column = (state == RowState::Changed).then(|| steps.changed_column(&line).map(str::to_owned));
            states.push((state, column.flatten()));
        }
        states
    }

    #[test]
    fn a_changed_fingerprint_is_found_at_its_step_and_column() {
        let (transcript, rows) = written(3, |_| 1.0, |step, column| (step + 7) * 0x1234_5678_9abc_def1 + column);
        let columns = ["embeddings/image", "gradients/a", "parameters/a"];
        assert!(states(&transcript, &rows).iter().all(|(state, _)| *state == RowState::Named));
        for at in 0..rows.len() {
            let mut changed = rows.clone();
            changed[at] = changed[at].wrapping_add(77);
            for (step, found) in states(&transcript, &changed).into_iter().enumerate() {
                let hit = (RowState::Changed, Some(columns[at % 24 / 8].to_owned()));
                assert_eq!(found, if step == at / 24 { hit } else { (RowState::Named, None) }, "byte {at}");
            }
        }
        let cut: Vec<_> = states(&transcript, &rows[..70]).into_iter().map(|(state, _)| state).collect();
        assert_eq!(cut, [RowState::Named, RowState::Named, RowState::Missing]);
    }

    #[test]
    fn a_row_is_read_alone() {
        let (_, rows) = written(3, |_| 1.0, |step, column| step * 10 + column);
        assert_eq!(row_at(&mut Cursor::new(&rows), 3, 2).unwrap(), Some(vec![20, 21, 22]));
        assert_eq!(row_at(&mut Cursor::new(&rows), 3, 3).unwrap(), None);
        assert_eq!(row_at(&mut Cursor::new(&rows[..71]), 3, 2).unwrap(), None);
        assert_eq!(row_at(&mut Cursor::new(&rows), 3, u64::MAX).unwrap(), None);
    }
}
