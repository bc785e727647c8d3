//! A training: its configuration, its transcript, its checkpoints and its scores, against what the certificate says.

use std::collections::BTreeSet;

use ::evidence::Hashed;
use records::{
    Blake3, Finding, ProtocolDigest, Rule, RunDigest, Sha256, canonical,
    v1::{
        names::{FINGERPRINTS, MANIFEST, MODEL, PUBLISHED, RESULTS, RUN, RunName, TRANSCRIPT},
        run::ResolvedRun,
        statement::{Run, Statement},
    },
};

use super::{
    CONTAINMENT, Examination, ReadError, compare,
    files::{OpenFile, failed},
    scores,
    transcript::{Paths, Walked, walk},
    unreadable,
};

impl Examination<'_> {
    pub(super) fn check_run(&mut self, statement: &Statement, run: &Run) -> Result<(), ReadError> {
        let path = |name: &str| format!("{}/{name}", run.name());
        if let Some(file) = self.take(&path(RUN))? {
            let (read, findings) = check_resolved(&file.bytes, statement, run, &path(RUN));
            self.note(&path(RUN), &file, findings);
            if let Some(resolved) = &read {
                self.check_model(&path(MODEL), resolved)?;
            }
            self.runs.extend(read.filter(|_| file.intact));
        }
        self.check_containment(&path(CONTAINMENT), &statement.predicate.containment)?;
        let folders: Vec<String> = self.checkpoint_folders(run.name());
        let published = path(PUBLISHED);
        if !folders.contains(&published) {
            self.findings.push(Finding::new(Rule::Inconsistent, &published).expected("a checkpoint").found("none"));
        }
        let wanted = folders.iter().filter_map(|folder| steps_of(folder, &published, run)).collect();
        let walked = self.check_transcript(run, &wanted)?;
        for folder in folders {
            let steps = steps_of(&folder, &published, run);
            self.check_checkpoint(run, &folder, (folder == published, steps), walked.as_ref())?;
        }
        let name = path(RESULTS);
        if let Some(file) = self.take(&name)? {
            let (scored, findings) = scores::check(&file.bytes, run, &name);
            self.scored.extend(scored);
            self.note(&name, &file, findings);
        }
        Ok(())
    }

    /// The model's configuration beside the run, where the certificate names one.
    fn check_model(&mut self, name: &str, resolved: &ResolvedRun) -> Result<(), ReadError> {
        if !self.left.contains_key(name) {
            return Ok(());
        }
        let Some(file) = self.take(name)? else { return Ok(()) };
        let differs = file.intact && file.bytes != resolved.model.as_bytes();
        let finding =
            differs.then(|| Finding::new(Rule::Inconsistent, name).expected("the model of run.json").found("another"));
        self.note(name, &file, finding.into_iter().collect());
        Ok(())
    }

    /// Walks the transcript and its fingerprints once, keeping what stood after the wanted numbers of steps.
    fn check_transcript(&mut self, run: &Run, wanted: &BTreeSet<u64>) -> Result<Option<Walked>, ReadError> {
        let path = |name: &str| format!("{}/{name}", run.name());
        let (lines, rows) = (path(TRANSCRIPT), path(FINGERPRINTS));
        let (transcript, fingerprints) = match (self.open(&lines)?, self.open(&rows)?) {
            (Some(transcript), Some(fingerprints)) => (transcript, fingerprints),
            (transcript, fingerprints) => {
                // Nothing can be said of either but whether it is the file that was signed.
                self.check_alone(&lines, transcript)?;
                self.check_alone(&rows, fingerprints)?;
                return Ok(None);
            }
        };
        let paths = Paths { transcript: &lines, fingerprints: &rows };
        let mut of_lines = Hashed::new(transcript.content, transcript.signed.bytes);
        let mut of_rows = Hashed::new(fingerprints.content, fingerprints.signed.bytes);
        let walk = walk(&mut of_lines, &mut of_rows, fingerprints.signed.bytes, paths, wanted)
            .map_err(|error| failed(&lines, &error))?;
        let (Some((lines_digest, _)), Some((rows_digest, _))) =
            (self.readable(&lines, of_lines.finish())?, self.readable(&rows, of_rows.finish())?)
        else {
            return Ok(None);
        };
        let transcript = transcript.signed.hashed(lines_digest, Vec::new());
        let fingerprints = fingerprints.signed.hashed(rows_digest, Vec::new());
        let mut found = walk.lines;
        if let Some(walked) = &walk.run {
            self.counts.steps += walked.steps;
            found.extend(check_ends(walked, run, &lines));
        }
        if (walk.run.is_none() || !walk.rows.is_empty()) && transcript.intact && fingerprints.intact {
            found.push(
                Finding::new(Rule::Inconsistent, &lines).found("a transcript that was signed although it is broken"),
            );
        }
        self.note(&lines, &transcript, found);
        self.note(&rows, &fingerprints, walk.rows);
        Ok(walk.run)
    }

    /// Holds one of the two to its digest, where the other one is not looked at.
    fn check_alone(&mut self, name: &str, file: Option<OpenFile<'_>>) -> Result<(), ReadError> {
        let Some(file) = file else { return Ok(()) };
        if let Some(file) = self.finish(name, file)? {
            self.note(name, &file, Vec::new());
        }
        Ok(())
    }

    fn checkpoint_folders(&self, run: RunName<'_>) -> Vec<String> {
        let of_run = format!("{run}/");
        let manifests = self.left.keys().filter(|name| name.starts_with(&of_run));
        manifests.filter_map(|name| name.strip_suffix(MANIFEST)?.strip_suffix('/')).map(str::to_owned).collect()
    }
}

/// How many steps a checkpoint's folder says that it stands after.
fn steps_of(folder: &str, published: &str, run: &Run) -> Option<u64> {
    if folder == published { Some(run.steps) } else { folder.rsplit('/').next()?.parse().ok() }
}

/// `run.json` against what the certificate says the run was.
fn check_resolved(bytes: &[u8], statement: &Statement, run: &Run, name: &str) -> (Option<ResolvedRun>, Vec<Finding>) {
    let resolved: ResolvedRun = match canonical::from_file(bytes) {
        Ok(resolved) => resolved,
        Err(error) => return (None, vec![unreadable(Rule::FileChanged, name, &error)]),
    };
    let mut findings = Vec::new();
    let against = &statement.predicate.against;
    let found = RunDigest(Blake3::of(bytes).0);
    compare(&mut findings, Rule::FileChanged, name.to_owned(), &run.run, &found);
    if !findings.is_empty() {
        return (Some(resolved), findings);
    }
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let class = text(against.class.map(|class| class.to_string()));
    let tree = text(statement.predicate.submission.tree.map(|tree| tree.to_string()));
    let hashed = ProtocolDigest(Sha256::of(resolved.protocol.as_bytes()).0);
    let pairs = [
        ("protocol_digest", against.protocol_digest.to_string(), resolved.protocol_digest.to_string()),
        ("protocol", against.protocol_digest.to_string(), hashed.to_string()),
        ("frozen", against.frozen.to_string(), resolved.frozen.to_string()),
        ("tree", tree, resolved.tree.to_string()),
        ("class", class, resolved.class.to_string()),
        ("data", run.data.to_string(), resolved.data.to_string()),
        ("scale", run.scale.clone(), resolved.scale.clone()),
        ("repeat", run.repeat.to_string(), resolved.repeat.to_string()),
        ("seed", run.seed.to_string(), text(resolved.seed_digest().ok().map(|seed| seed.to_string()))),
    ];
    for (key, said, found) in pairs {
        compare(&mut findings, Rule::Inconsistent, format!("{name} {key}"), &said, &found);
    }
    (Some(resolved), findings)
}

/// The transcript's ends against what the certificate says of them.
fn check_ends(walked: &Walked, run: &Run, name: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    compare(&mut findings, Rule::TranscriptChanged, format!("{name}:1"), &run.run, &walked.header.run);
    let lines = walked.steps + 1;
    if lines != run.lines || walked.steps != run.steps {
        findings.push(
            Finding::new(Rule::TranscriptChanged, format!("{name}:{}", lines.min(run.lines) + 1))
                .expected(format!("{} lines for {} steps", run.lines, run.steps))
                .found(format!("{lines} lines")),
        );
    }
    if !findings.is_empty() {
        return findings;
    }
    compare(&mut findings, Rule::TranscriptChanged, format!("{name}:{lines}"), &run.chain, &walked.chain);
    compare(&mut findings, Rule::TranscriptChanged, name.to_owned(), &run.transcript, &walked.root);
    findings
}
