//! A certificate as a whole: who signed it, whether its parts agree, and whether the files beside it are
//! what it says.
//!
//! PASS and FAIL are judged alike: a failure that was signed verifies too. What verifies is that the
//! keys' owners said it of these bytes.

use records::{
    Finding, Reason, Rule, Sha256, Verdict,
    v1::{
        golden::Golden,
        names::is_name,
        round::Announcement,
        statement::{
            Annotations, Certificate, Run, STATEMENT_TYPE, Stage, StageValue, StatedOutcome, Statement, Subject,
            SubjectDigest, Submission,
        },
        track::Track,
    },
};

use crate::{
    conformity,
    envelope::{self, Signer},
    evidence::{self, Counts, Files, ReadError, part::Part},
    gate,
    keys::Trust,
    predicate,
    release::{PinnedProtocol, Release},
    round::Round,
    weighed::Weighed,
};

/// A certificate that holds, with all files that it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// What is certified.
    pub statement: Statement,
    /// Who signed; at least one is trusted.
    pub signers: Vec<Signer>,
    /// What was looked at.
    pub counts: Counts,
    /// Trainings whose seeds were made again; none where the round's secret is not known.
    pub seeds: Option<usize>,
}

/// Judges a certificate and every file that it names.
///
/// `Fail` names the place of each change; `Inconclusive` where no trusted key signed it, where it rests on another
/// frozen tree, or where another release stated it and judged differently.
/// Errors: a file that this machine could not read.
pub fn verify(
    certificate: &[u8],
    trust: &Trust,
    files: &dyn Files,
    part: &Part,
    ground: &Ground<'_>,
) -> Result<Verdict<Verified>, ReadError> {
    let opened = match envelope::open(certificate, trust) {
        Verdict::Pass(opened) => opened,
        Verdict::Fail(findings) => return Ok(Verdict::Fail(findings)),
        Verdict::Inconclusive(reason) => return Ok(Verdict::Inconclusive(reason)),
    };
    let known = known_round(&opened.statement);
    let ground = Ground { round: ground.round.or(known.as_ref()), ..*ground };
    let judged = examine(&opened.statement, files, part, &ground)?;
    let seeds = ground.round.map(|_| opened.statement.predicate.runs.len());
    Ok(judged.map(|counts| Verified { statement: opened.statement, signers: opened.signers, counts, seeds }))
}

/// Judges a statement, every file that it names, and the seeds where the round's secret is known: what `sign` asks
/// before it signs.
///
/// A statement of another release is for that one to sign: no file is looked at.
/// Errors: a file that this machine could not read.
pub fn judge(statement: &Statement, files: &dyn Files, ground: &Ground<'_>) -> Result<Verdict<Counts>, ReadError> {
    judge_own(statement, None, files, ground)
}

/// As [`judge`], of what one machine of several did: every file and stage as for the whole protocol, the trainings of
/// one scale.
///
/// Errors: a file that this machine could not read.
pub fn judge_scale(
    statement: &Statement,
    scale: &str,
    files: &dyn Files,
    ground: &Ground<'_>,
) -> Result<Verdict<Counts>, ReadError> {
    judge_own(statement, Some(scale), files, ground)
}

fn judge_own(
    statement: &Statement,
    scale: Option<&str>,
    files: &dyn Files,
    ground: &Ground<'_>,
) -> Result<Verdict<Counts>, ReadError> {
    let (against, release) = (&statement.predicate.against, ground.release);
    let pinned = match release.own(against).and_then(|()| release.protocol(against)) {
        Ok(pinned) => pinned,
        Err(reason) => return Ok(Verdict::Inconclusive(reason)),
    };
    let asked = scale.map(|scale| pinned.of_scale(scale));
    let words = check_words(statement, asked.as_ref().unwrap_or(pinned), ground);
    if !words.is_empty() {
        return Ok(words.verdict(Counts::default(), against, release));
    }
    match conformity::knows_golden(&statement.predicate, ground.goldens) {
        Ok(()) => look(statement, files, &Part::Whole, ground, pinned, words),
        Err(reason) => Ok(Verdict::Inconclusive(reason)),
    }
}

/// Holds a statement and its files to this release, whichever release of this frozen tree stated it.
fn examine(
    statement: &Statement,
    files: &dyn Files,
    part: &Part,
    ground: &Ground<'_>,
) -> Result<Verdict<Counts>, ReadError> {
    let (against, release) = (&statement.predicate.against, ground.release);
    let pinned = match release.protocol(against) {
        Ok(pinned) => pinned,
        Err(reason) => return Ok(Verdict::Inconclusive(reason)),
    };
    let words = check_words(statement, pinned, ground);
    // Another release may have stated what this one would not; a changed byte is found beside that, too.
    let own = against.release == release.digest;
    if !words.is_empty() && (own || !check_subjects(statement).is_empty()) {
        return Ok(words.verdict(Counts::default(), against, release));
    }
    look(statement, files, part, ground, pinned, words)
}

/// Judges the files of a statement, after its words.
fn look(
    statement: &Statement,
    files: &dyn Files,
    part: &Part,
    ground: &Ground<'_>,
    pinned: &PinnedProtocol,
    mut weighed: Weighed,
) -> Result<Verdict<Counts>, ReadError> {
    let Ground { release, goldens, .. } = *ground;
    let against = &statement.predicate.against;
    if evidence::nothing_there(statement, files)? {
        return Ok(match weighed.verdict((), against, release) {
            Verdict::Pass(()) => Verdict::Inconclusive(not_here(statement)),
            other => other.map(|()| Counts::default()),
        });
    }
    let mut looked = evidence::check(statement, files, part)?;
    weighed.by_rule(std::mem::take(&mut looked.findings));
    weighed.by_rule(conformity::check_evidence(&looked, release, pinned));
    if let Some(golden) = &looked.golden {
        weighed.by_rule(conformity::check_golden(golden, goldens));
    }
    if let Some(zip) = &looked.archive {
        let again = gate::judge(zip, release.frozen, Some(&pinned.protocol))
            .map_err(|error| ReadError::Failed(error.to_string()))?;
        weighed.by_rule(conformity::check_gate(&statement.predicate, &again));
        weighed.by_rule(conformity::check_configs(&looked.runs, &again, pinned, &release.names()));
    }
    Ok(weighed.verdict(looked.counts, against, release))
}

/// What a statement is held to: whoever judges brings all of it, and nothing of it comes from the statement.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    /// This release.
    pub release: &'a Release<'a>,
    /// The round, where it is known whole.
    pub round: Option<&'a Round>,
    /// What its organizer published before it.
    pub announced: Option<&'a Announcement>,
    /// Goldens that are known to be right.
    pub goldens: &'a [Golden],
}

fn not_here(statement: &Statement) -> Reason {
    Reason {
        why: format!(
            "the evidence is not here: none of the {} files that the certificate names lies beside it",
            statement.subject.len() - 1
        ),
        hint: "put the certificate into the entry's folder, or get that; `maxclip show` shows what is stated"
            .to_owned(),
    }
}

/// Whether a statement says what this release, its protocol and its round make it say; no file is looked at.
pub fn conform<'a>(statement: &Statement, ground: &Ground<'a>) -> Verdict<&'a PinnedProtocol> {
    let (against, release) = (&statement.predicate.against, ground.release);
    match release.protocol(against) {
        Ok(pinned) => check_words(statement, pinned, ground).verdict(pinned, against, release),
        Err(reason) => Verdict::Inconclusive(reason),
    }
}

/// What is wrong with a statement's words; what they say is compared where they agree with each other.
fn check_words(statement: &Statement, pinned: &PinnedProtocol, ground: &Ground<'_>) -> Weighed {
    let mut weighed = Weighed::default();
    weighed.by_rule(check(statement, pinned.protocol.track));
    if weighed.is_empty() {
        let predicate = &statement.predicate;
        let announced = ground.announced.map(|announced| conformity::check_announced(predicate, announced));
        let round = ground.round.map(|round| conformity::check_round(predicate, round));
        weighed.fixed(announced.into_iter().chain(round).flatten());
        weighed.by_rule(conformity::check(predicate, pinned));
    }
    weighed
}

/// The round of a statement, where its secret is everyone's: what commits to it, and what is called like it.
#[must_use]
pub fn known_round(statement: &Statement) -> Option<Round> {
    let practice = Round::practice();
    let (public, stated) = (practice.public(), &statement.predicate.round);
    let called = (&public.competition, &public.round) == (&stated.competition, &stated.round);
    (called || public.commitment == stated.commitment).then_some(practice)
}

/// The first subject: SHA-256 of the admitted tree's digest as text, or of the ZIP where none was admitted.
#[must_use]
pub fn submission_subject(submission: &Submission) -> Subject {
    let sha256 = match submission.tree {
        Some(tree) => Sha256::of(tree.to_string().as_bytes()),
        None => submission.archive,
    };
    Subject { name: "submission".to_owned(), digest: SubjectDigest { sha256: sha256.bare() }, annotations: None }
}

/// Whether the parts of a statement agree with each other; no file is looked at.
#[must_use]
pub fn check(statement: &Statement, track: Track) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut broken = |place: &str, found: String| findings.push(Finding::new(Rule::Inconsistent, place).found(found));
    if statement.kind != STATEMENT_TYPE || statement.predicate_type != predicate::kind::<Certificate>() {
        broken("predicateType", format!("{} {}", statement.kind, statement.predicate_type));
    }
    let predicate = &statement.predicate;
    findings.extend(check_subjects(statement));
    let mut broken = |place: &str, found: String| findings.push(Finding::new(Rule::Inconsistent, place).found(found));
    if let Some(found) = check_stages(track.stages(), predicate.outcome, &predicate.stages) {
        broken("stages", found);
    }
    let (against, submission) = (&predicate.against, &predicate.submission);
    let passed =
        |name: &str| predicate.stages.iter().any(|stage| stage.name == name && stage.value == StageValue::Pass);
    if [submission.object.is_some(), against.rustc.is_some()] != [passed("build"); 2] {
        broken("submission", "a worker and its compiler stand where stage `build` passed, and nowhere else".to_owned());
    }
    if [against.class.is_some(), against.golden.is_some(), against.libtorch.is_some()] != [passed("golden"); 3] {
        broken(
            "against",
            "a class, its golden and its libtorch stand where stage `golden` passed, and nowhere else".to_owned(),
        );
    }
    let runs: Vec<_> = predicate.runs.iter().map(Run::name).collect();
    if runs.iter().enumerate().any(|(index, run)| runs[..index].contains(run) || !is_name(run.scale)) {
        broken("runs", "a training that is named twice, or a scale that is not a name".to_owned());
    }
    if predicate.outcome == StatedOutcome::Pass {
        if predicate.submission.tree.is_none() {
            broken("submission", "a pass without its tree".to_owned());
        }
        if runs.is_empty() {
            broken("runs", "a pass without a run".to_owned());
        }
    }
    findings
}

/// Whether the subjects of a statement are its submission, and files below one folder with lengths: what may be opened,
/// and what may be removed.
#[must_use]
pub fn check_subjects(statement: &Statement) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut broken = |found: String| findings.push(Finding::new(Rule::Inconsistent, "subject").found(found));
    let predicate = &statement.predicate;
    if statement.subject.first() != Some(&submission_subject(&predicate.submission)) {
        broken("not the submission first, with its digest".to_owned());
    }
    for subject in statement.subject.iter().skip(1) {
        if !is_path(&subject.name) {
            broken(format!("`{}` is not a path below the folder", subject.name));
        } else if let Some(found) = check_size(subject) {
            broken(found);
        }
    }
    if !statement.subject.iter().skip(1).is_sorted_by(|a, b| a.name < b.name) {
        broken("files that are not sorted by path, or named twice".to_owned());
    }
    let archive = predicate.submission.archive.bare();
    if !statement.subject.iter().skip(1).any(|file| file.name == evidence::ARCHIVE && file.digest.sha256 == archive) {
        broken(format!("no `{}` of the digest of the archive", evidence::ARCHIVE));
    }
    findings
}

/// What is wrong with the length of a file: a file without one, or with a huge one, is never opened.
fn check_size(subject: &Subject) -> Option<String> {
    let limit = evidence::bytes_max(&subject.name);
    match subject.annotations {
        None => Some(format!("`{}` without its length", subject.name)),
        Some(Annotations { bytes }) if bytes > limit => {
            Some(format!("`{}` of {bytes} bytes, limit {limit} bytes", subject.name))
        }
        Some(_) => None,
    }
}

/// What is wrong with the stages of an outcome.
fn check_stages(all: &[&str], outcome: StatedOutcome, stages: &[Stage]) -> Option<String> {
    let names: Vec<_> = stages.iter().map(|stage| stage.name.as_str()).collect();
    if names.is_empty() || !all.starts_with(&names) {
        return Some(format!("{} are not the first of {}", names.join(" "), all.join(" ")));
    }
    let (last, before) = stages.split_last()?;
    if before.iter().any(|stage| stage.value != StageValue::Pass) {
        return Some("a stage that did not pass, and stages after it".to_owned());
    }
    match (outcome, &last.value) {
        (StatedOutcome::Pass, StageValue::Pass) if names.len() == all.len() => None,
        (StatedOutcome::Fail, StageValue::Fail(findings)) if !findings.is_empty() => None,
        _ => Some(format!("the outcome does not follow from the last stage, `{}`", last.name)),
    }
}

/// A relative path of plain names: no empty part, none that starts with a dot.
fn is_path(path: &str) -> bool {
    path.len() <= 512 && path.split('/').all(is_name)
}

#[cfg(test)]
pub(crate) mod tests {
    use records::{
        Commitment, FrozenDigest, ProtocolDigest, ReleaseDigest,
        v1::statement::{Against, EntryLabel, StatedRound},
    };

    use super::*;

    /// A certificate for a ZIP that is none.
    pub(crate) fn failed_at_intake() -> Statement {
        let submission = Submission { archive: Sha256::of(b"zip"), tree: None, object: None };
        let word = |text: &str| text.to_owned();
        predicate::state(
            vec![submission_subject(&submission), Subject::file(evidence::ARCHIVE.into(), submission.archive, 3)],
            Certificate {
                outcome: StatedOutcome::Fail,
                round: StatedRound {
                    competition: word("practice"),
                    round: word("0"),
                    commitment: Commitment([8; 32]),
                    beacon: word("none"),
                },
                entry: EntryLabel {
                    name: word("e"),
                    team: word("t"),
                    organization: word("o"),
                    writeup: word(""),
                    contact: word(""),
                },
                submission,
                against: Against {
                    protocol: word("mini"),
                    protocol_digest: ProtocolDigest([1; 32]),
                    frozen: FrozenDigest([2; 32]),
                    release: ReleaseDigest([3; 32]),
                    libtorch: None,
                    rustc: None,
                    class: None,
                    golden: None,
                },
                containment: vec![],
                stages: vec![Stage {
                    name: word("intake"),
                    value: StageValue::Fail(vec![Finding::new(Rule::Unreadable, "entry.zip")]),
                    note: word(""),
                }],
                runs: vec![],
            },
        )
    }

    /// Where a file stands among the subjects.
    fn at(subjects: &[Subject], name: &str) -> usize {
        1 + subjects[1..].partition_point(|subject| subject.name.as_str() < name)
    }

    fn places(change: impl Fn(&mut Statement)) -> Vec<String> {
        let mut statement = failed_at_intake();
        change(&mut statement);
        check(&statement, Track::Algorithm).into_iter().map(|finding| finding.place).collect()
    }

    #[test]
    fn a_failure_is_consistent_and_every_contradiction_is_named() {
        assert_eq!(places(|_| {}), Vec::<String>::new());
        assert_eq!(places(|s| s.predicate_type = "https://maxclip.dev/waiver/v1".into()), ["predicateType"]);
        assert_eq!(places(|s| s.predicate.outcome = StatedOutcome::Pass), ["stages", "submission", "runs"]);
        assert_eq!(places(|s| s.predicate.stages[0].value = StageValue::Pass), ["stages"]);
        assert_eq!(places(|s| s.predicate.stages[0].value = StageValue::Fail(vec![])), ["stages"]);
        assert_eq!(places(|s| s.predicate.stages[0].name = "diff".into()), ["stages"]);
        assert_eq!(places(|s| s.predicate.stages.clear()), ["stages"]);
        assert_eq!(places(|s| s.predicate.submission.archive = Sha256::of(b"other")), ["subject", "subject"]);
        assert_eq!(places(|s| s.subject.truncate(1)), ["subject"]);
    }

    #[test]
    fn subjects_are_paths_below_the_folder() {
        for name in ["../x", "/x", "a/../b", "a//b", ".hidden", "a/.", "a\\b", "a\u{202e}b", "", "a\0b"] {
            let subject = Subject::file(name.into(), Sha256::of(b""), 0);
            assert_eq!(places(|s| s.subject.insert(at(&s.subject, name), subject.clone())), ["subject"], "{name:?}");
        }
    }

    #[test]
    fn a_file_has_a_length_within_the_limit_of_its_kind() {
        let length = |name: &str, bytes: Option<u64>| {
            let annotations = bytes.map(|bytes| Annotations { bytes });
            let subject = Subject { annotations, ..Subject::file(name.into(), Sha256::of(b""), 0) };
            places(|s| s.subject.insert(at(&s.subject, name), subject.clone()))
        };
        for name in [
            "golden.json",
            "worker/submission.o",
            "small/containment.json",
            "small/run.json",
            "small/eval_results.jsonl",
            "small/published/model.safetensors",
            "notes",
        ] {
            let limit = evidence::bytes_max(name);
            assert_eq!(length(name, Some(limit)), Vec::<String>::new(), "{name}");
            assert_eq!(length(name, Some(limit + 1)), ["subject"], "{name}");
            assert_eq!(length(name, None), ["subject"], "{name}");
        }
    }
}
