//! A golden as a statement: what an organizer answers for when he says that machines of a class must repeat a run.
//!
//! Its files are few and small, and everything that is said of them is checked before it is signed and whenever it
//! is read: nobody repeats a run that is not the one that was recorded.

use records::{
    Blake3, Finding, Rule, Sha256, Verdict, canonical,
    file::read_opened,
    v1::{
        golden::{Golden, Recording},
        names::{FINGERPRINTS, TRANSCRIPT},
        statement::{Statement, Subject},
    },
};

use crate::{
    evidence::{
        Files, GOLDEN, ReadError,
        files::{OpenFile, SignedFile, failed},
    },
    predicate,
};

/// The files of a golden, sorted.
pub const FILES: [&str; 3] = [FINGERPRINTS, GOLDEN, TRANSCRIPT];

/// States a recording over its files.
#[must_use]
pub fn state(recording: Recording, contents: [&[u8]; 3]) -> Statement<Recording> {
    let subject = |(name, bytes): (&str, &[u8])| Subject::file(name.to_owned(), Sha256::of(bytes), bytes.len() as u64);
    predicate::state(FILES.into_iter().zip(contents).map(subject).collect(), recording)
}

/// Whether a recording is what its files say; gives the golden.
///
/// Errors: a file that this machine could not read.
pub fn judge(statement: &Statement<Recording>, files: &dyn Files) -> Result<Verdict<Golden>, ReadError> {
    let recording = &statement.predicate;
    let inconsistent = |place: &str| Finding::new(Rule::Inconsistent, place);
    if !statement.subject.iter().map(|subject| subject.name.as_str()).eq(FILES) {
        return Ok(Verdict::Fail(vec![inconsistent("subject").expected(FILES.join(", "))]));
    }
    let mut findings = Vec::new();
    if recording.reason.trim().is_empty() {
        findings.push(inconsistent("reason").expected("why it was recorded").found("nothing"));
    }
    for subject in &statement.subject {
        match read(subject, files)? {
            Ok(bytes) => findings.extend(check(&subject.name, &bytes, &recording.golden)),
            Err(finding) => findings.push(finding),
        }
    }
    Ok(Verdict::from_findings(recording.golden.clone(), findings))
}

fn read(subject: &Subject, files: &dyn Files) -> Result<Result<Vec<u8>, Finding>, ReadError> {
    let name = &subject.name;
    let OpenFile { content, signed } = match SignedFile::of(subject).open(name, files)? {
        Ok(open) => open,
        Err(finding) => return Ok(Err(finding)),
    };
    let bytes = read_opened(content, signed.bytes, signed.bytes).map_err(|error| failed(name, &error))?;
    let found = Sha256::of(&bytes).bare();
    let changed = || Finding::new(Rule::FileChanged, name).expected(&subject.digest.sha256).found(&found);
    Ok(if found == subject.digest.sha256 { Ok(bytes) } else { Err(changed()) })
}

fn check(name: &str, bytes: &[u8], golden: &Golden) -> Option<Finding> {
    let (said, found) = match name {
        GOLDEN => (canonical::to_file(golden).map(|file| Blake3::of(&file)).ok()?, Blake3::of(bytes)),
        TRANSCRIPT => (golden.transcript, Blake3::of(bytes)),
        _ => return None,
    };
    (said != found).then(|| Finding::new(Rule::Inconsistent, name).expected(said).found(found))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use records::{FrozenDigest, NumericsClass, ProtocolDigest, TreeDigest};

    use super::*;
    use crate::evidence::OpenedFile;

    struct Folder(BTreeMap<&'static str, Vec<u8>>);

    impl Files for Folder {
        fn open(&self, path: &str) -> Result<OpenedFile<'_>, ReadError> {
            let bytes = self.0.get(path).ok_or(ReadError::Missing)?;
            Ok(OpenedFile { size: bytes.len() as u64, content: Box::new(std::io::Cursor::new(&bytes[..])) })
        }
    }

    fn recorded() -> (Statement<Recording>, Folder) {
        let golden = Golden {
            protocol: "mini".into(),
            protocol_digest: ProtocolDigest([1; 32]),
            frozen: FrozenDigest([2; 32]),
            tree: TreeDigest([3; 32]),
            class: NumericsClass([4; 32]),
            steps: 12,
            transcript: Blake3::of(b"lines"),
        };
        let record = canonical::to_file(&golden).unwrap();
        let recording = Recording { golden, reason: "first of its class".into(), superseded: vec![] };
        let statement = state(recording, [b"rows", &record, b"lines"]);
        let files = [(FINGERPRINTS, b"rows".to_vec()), (GOLDEN, record), (TRANSCRIPT, b"lines".to_vec())];
        (statement, Folder(files.into()))
    }

    fn places(change: impl Fn(&mut Statement<Recording>, &mut Folder)) -> Vec<String> {
        let (mut statement, mut folder) = recorded();
        change(&mut statement, &mut folder);
        match judge(&statement, &folder).unwrap() {
            Verdict::Fail(findings) => findings.into_iter().map(|finding| finding.place).collect(),
            Verdict::Pass(golden) => vec![golden.protocol],
            Verdict::Inconclusive(reason) => panic!("{reason:?}"),
        }
    }

    #[test]
    fn what_is_said_of_a_recording_is_what_its_files_are() {
        assert_eq!(places(|_, _| ()), ["mini"]);
        for name in FILES {
            assert_eq!(places(|_, folder| drop(folder.0.remove(name))), [name]);
            assert_eq!(places(|_, folder| folder.0.get_mut(name).unwrap()[0] ^= 1), [name]);
            assert_eq!(places(|_, folder| folder.0.get_mut(name).unwrap().push(0)), [name]);
        }
        assert_eq!(
            places(|statement, _| statement.predicate.golden.transcript = Blake3([9; 32])),
            [GOLDEN, TRANSCRIPT]
        );
        assert_eq!(places(|statement, _| statement.predicate.golden.steps = 1), [GOLDEN]);
        assert_eq!(places(|statement, _| statement.predicate.reason = " ".into()), ["reason"]);
        assert_eq!(places(|statement, _| drop(statement.subject.pop())), ["subject"]);
        assert_eq!(places(|statement, _| statement.subject.swap(0, 1)), ["subject"]);
    }
}
