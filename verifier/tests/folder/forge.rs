//! What a forger changes, with everything that can be made to agree with it.

use records::{
    canonical,
    v1::{
        evaluation::{self, TaskResult},
        golden::Golden,
        names::{CONTAINMENT, RESULTS},
        statement::Statement,
    },
};
use verifier::{certificate::submission_subject, evidence::GOLDEN};

use super::{Folder, files, run::lines};

/// Names every file again with its digest, as if it had been there from the start.
pub fn renew(statement: &mut Statement, folder: &Folder) {
    statement.subject = vec![submission_subject(&statement.predicate.submission)];
    statement.subject.extend(files(folder));
}

/// Changes a training's results in the file and in the statement alike.
pub fn results(statement: &mut Statement, folder: &mut Folder, at: usize, change: impl Fn(&mut Vec<TaskResult>)) {
    let run = &mut statement.predicate.runs[at];
    let file = folder.0.get_mut(&format!("{}/{RESULTS}", run.name())).unwrap();
    let parse = |line: &[u8]| serde_json::from_slice(line).unwrap();
    let mut results: Vec<TaskResult> = file.split_inclusive(|byte| *byte == b'\n').map(parse).collect();
    change(&mut results);
    (*file, run.scores) = lines(results);
    run.mean = evaluation::mean(&run.scores);
}

/// Changes the golden's record.
pub fn golden(folder: &mut Folder, change: impl Fn(&mut Golden)) {
    let mut golden: Golden = canonical::from_file(&folder.0[GOLDEN]).unwrap();
    change(&mut golden);
    folder.0.insert(GOLDEN.to_owned(), canonical::to_file(&golden).unwrap());
}

/// States walls, and lets every training say the same.
pub fn walls(statement: &mut Statement, folder: &mut Folder, walls: &[&str]) {
    statement.predicate.containment = walls.iter().map(|wall| (*wall).to_owned()).collect();
    let bytes = canonical::to_file(&statement.predicate.containment).unwrap();
    for run in &statement.predicate.runs {
        folder.0.insert(format!("{}/{CONTAINMENT}", run.name()), bytes.clone());
    }
}
