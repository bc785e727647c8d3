//! What the certificate says of the ZIP, the worker, its walls and the golden, against the files that say so.

use records::{
    Finding, Rule, WorkerDigest, canonical,
    v1::{golden::Golden, statement::Statement},
};

use super::{ARCHIVE, Examination, GOLDEN, OBJECT, ReadError, compare, unreadable};

impl Examination<'_> {
    /// The ZIP: kept for the gate, which judges it again.
    pub(super) fn check_archive(&mut self) -> Result<(), ReadError> {
        let Some(file) = self.take(ARCHIVE)? else { return Ok(()) };
        self.note(ARCHIVE, &file, Vec::new());
        self.archive = file.intact.then_some(file.bytes);
        Ok(())
    }

    /// The golden that the machine repeated, where the certificate says that it did.
    pub(super) fn check_golden(&mut self, statement: &Statement) -> Result<(), ReadError> {
        let against = &statement.predicate.against;
        let (Some(transcript), Some(class)) = (against.golden, against.class) else { return Ok(()) };
        let Some(file) = self.take(GOLDEN)? else { return Ok(()) };
        let golden: Golden = match canonical::from_file(&file.bytes) {
            Ok(golden) => golden,
            Err(error) => {
                self.note(GOLDEN, &file, vec![unreadable(Rule::FileChanged, GOLDEN, &error)]);
                return Ok(());
            }
        };
        let mut findings = Vec::new();
        let pairs = [
            ("transcript", transcript.to_string(), golden.transcript.to_string()),
            ("class", class.to_string(), golden.class.to_string()),
            ("protocol_digest", against.protocol_digest.to_string(), golden.protocol_digest.to_string()),
            ("frozen", against.frozen.to_string(), golden.frozen.to_string()),
        ];
        // Of a changed file it is only known that it was changed.
        for (key, said, found) in pairs.iter().filter(|_| file.intact) {
            compare(&mut findings, Rule::Inconsistent, format!("{GOLDEN} {key}"), said, found);
        }
        self.note(GOLDEN, &file, findings);
        self.golden = file.intact.then_some(golden);
        Ok(())
    }

    /// The object of the participant's crate, where the certificate says that it was built.
    pub(super) fn check_object(&mut self, statement: &Statement) -> Result<(), ReadError> {
        let Some(object) = statement.predicate.submission.object else { return Ok(()) };
        let Some(file) = self.hash(OBJECT)? else { return Ok(()) };
        let mut findings = Vec::new();
        if file.intact {
            let found = WorkerDigest(file.digest.0);
            compare(&mut findings, Rule::Inconsistent, OBJECT.to_owned(), &object, &found);
        }
        self.note(OBJECT, &file, findings);
        Ok(())
    }

    /// What stood around the workers of a run.
    pub(super) fn check_containment(&mut self, name: &str, said: &[String]) -> Result<(), ReadError> {
        let Some(file) = self.take(name)? else { return Ok(()) };
        let findings = match canonical::from_file::<Vec<String>>(&file.bytes) {
            Ok(found) if !file.intact || found == said => Vec::new(),
            Ok(found) => {
                let finding = Finding::new(Rule::Inconsistent, name);
                vec![finding.expected(said.join(", ")).found(found.join(", "))]
            }
            Err(error) => vec![unreadable(Rule::FileChanged, name, &error)],
        };
        self.note(name, &file, findings);
        Ok(())
    }
}
