//! Shares: one machine of several does a scale of an entry, and one of them joins what all of them did.
//!
//! A share is what the statement of that scale alone would be, beside its evidence in the entry's folder: every stage
//! passed there, the golden before the trainings and after them. It is no verdict, and `sign` never reads it.
//!
//! What the statement says of a machine once must hold of all that are joined: the release, libtorch, rustc, the golden, the
//! participant's object and the walls. A machine's own are the shared object that is linked from that one (its bytes are
//! the C++ toolchain's, and no statement names it), the ZIP (the same tree may lie in two) and what `try` and builds left.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use anyhow::Result;
use records::{
    Finding, Sha256, Verdict, canonical,
    file::{self, FileError, read_bounded},
    v1::{
        identity::{HandedIn, IDENTITY_BYTES_MAX, Identity},
        names::{self, RunName},
        protocol::{Protocol, Scale},
        statement::{Certificate, Run, StatedOutcome, Statement},
    },
};
use verifier::{
    certificate::{self, Ground},
    envelope::CERTIFICATE_MAX,
    evidence::{Files, OpenedFile, ReadError},
};

use super::{Certification, Scaled, statement::Known};
use crate::{disk, folders::EntryFolder, frozen, plain::PlainFolder, problem::Problem};

/// The shares of a folder, by their scale.
pub type Shares = BTreeMap<String, Statement>;

/// The shares that stand in an entry's folder, of a protocol's scales.
pub fn standing(folder: &EntryFolder, protocol: &Protocol) -> Result<Shares> {
    let mut shares = Shares::new();
    for scale in &protocol.scales {
        let path = folder.share(&scale.name);
        let bytes = match read_bounded(&path, CERTIFICATE_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let share = canonical::from_file(&bytes).map_err(|error| damaged(&path, &error.to_string()))?;
        shares.insert(scale.name.clone(), of_scale(share, scale, &path)?);
    }
    Ok(shares)
}

/// A share, where it says that all trainings of this scale passed: nothing else lets a scale be left out here.
fn of_scale(share: Statement, scale: &Scale, path: &Path) -> Result<Statement, Problem> {
    let Certificate { outcome, runs, .. } = &share.predicate;
    let runs = runs.iter().map(Run::name);
    if *outcome == StatedOutcome::Pass
        && runs.eq((1..=scale.seeds).map(|repeat| RunName { scale: &scale.name, repeat }))
    {
        return Ok(share);
    }
    Err(damaged(path, &format!("it is no share of scale `{}`", scale.name)))
}

fn damaged(path: &Path, why: &str) -> Problem {
    Problem::usage(format!("{} is damaged: {why}", path.display())).hint(
        "copy the folder again from the machine that made it; where that is this one, remove the file and certify that \
         scale again",
    )
}

/// A folder of the same entry, copied from another machine.
pub struct Offer {
    folder: PathBuf,
    shares: Shares,
}

impl Offer {
    /// Looks whether a folder is this entry's, and which scales stand in it.
    pub fn open(folder: &Path, own: &EntryFolder, identity: &Identity, protocol: &Protocol) -> Result<Self> {
        let refuse = |why: String| Problem::usage(format!("{} cannot be joined: {why}", folder.display()));
        let path = folder.join(names::IDENTITY);
        let bytes = read_bounded(&path, IDENTITY_BYTES_MAX).map_err(|error| {
            refuse(error.to_string()).hint("name an entry's folder, as it lies below `entries/` of the other home")
        })?;
        if bytes != canonical::to_file(identity)? {
            let other = canonical::from_file(&bytes).map_or("what can be read", |other| difference(identity, &other));
            let why = format!("it is another entry's: {} does not say the same of {other}", path.display());
            return Err(refuse(why)
                .hint("all machines certify the same ZIP, protocol and round with one release")
                .into());
        }
        if fs::canonicalize(folder).ok() == fs::canonicalize(&own.0).ok() {
            return Err(refuse("it is the folder that is joined into".to_owned()).into());
        }
        let theirs = EntryFolder(folder.to_owned());
        if let Some(finished) = theirs.finished()? {
            let (why, hint) = match finished.statement.predicate.outcome {
                StatedOutcome::Fail => {
                    ("a FAIL is stated there", "a rule that one scale breaks is the entry's: sign that one")
                }
                StatedOutcome::Pass => ("it is certified whole", "sign that one: nothing is left to join"),
            };
            return Err(refuse(format!("{why}: {}", finished.path.display())).hint(hint).into());
        }
        let shares = standing(&theirs, protocol)?;
        if shares.is_empty() {
            let why = "no scale stands there: a certification of one has not come to its end";
            return Err(refuse(why.to_owned())
                .hint("let `maxclip certify ZIP --scale NAME` end there, then copy the folder again")
                .into());
        }
        Ok(Self { folder: folder.to_owned(), shares })
    }

    /// Whether a scale stands in it.
    pub fn holds(&self, scale: &str) -> bool {
        self.shares.contains_key(scale)
    }
}

/// What two identities that differ do not say alike.
fn difference(one: &Identity, two: &Identity) -> &'static str {
    match (&one.handed_in, &two.handed_in) {
        (HandedIn::Admitted { tree, .. }, HandedIn::Admitted { tree: other, .. }) if tree != other => "the tree",
        (HandedIn::Admitted { class, .. }, HandedIn::Admitted { class: other, .. }) if class != other => {
            "the numerics class"
        }
        (HandedIn::Admitted { .. }, HandedIn::Refused { .. }) => "what was handed in",
        _ if one.protocol != two.protocol => "the protocol",
        _ if one.round != two.round => "the round",
        _ if one.frozen != two.frozen => "the frozen tree",
        _ => "its form",
    }
}

/// A share with the folder that it lies in.
struct Offered<'a> {
    folder: &'a Path,
    scale: &'a str,
    share: &'a Statement,
}

/// Takes the runs of other machines into an entry's folder; gives every share that stands in it then.
///
/// All of them are judged before anything is written. What is begun here of a scale gives way to what is whole.
pub fn join(job: &Certification<'_>, known: &Known, scales: &[Scaled<'_>]) -> Result<Shares> {
    let mut shares = standing(&job.folder, &job.pinned.protocol)?;
    let own = job.folder.0.clone();
    for (scale, share) in &shares {
        agree(&Offered { folder: &own, scale, share }, known, scales, shares.values().next())?;
    }
    let mut taken: Vec<Offered<'_>> = Vec::new();
    for offer in &job.offers {
        for (scale, share) in &offer.shares {
            let offered = Offered { folder: &offer.folder, scale, share };
            let first = shares.values().next().or(taken.first().map(|taken| taken.share));
            agree(&offered, known, scales, first)?;
            let before = shares.get(scale).map(|share| (&*own, share));
            let before =
                before.or(taken.iter().find(|taken| taken.scale == scale).map(|taken| (taken.folder, taken.share)));
            match before {
                Some((_, share)) if share.predicate.runs == offered.share.predicate.runs => {}
                Some((folder, _)) => return Err(two_runs(&offered, folder).into()),
                None => {
                    judge(job, &offered, known)?;
                    taken.push(offered);
                }
            }
        }
    }
    copy(job, &taken)?;
    shares.extend(taken.iter().map(|offered| (offered.scale.to_owned(), offered.share.clone())));
    Ok(shares)
}

/// Holds what a share says of its machine to what is so here, and to the walls of another share.
fn agree(offered: &Offered<'_>, known: &Known, scales: &[Scaled<'_>], other: Option<&Statement>) -> Result<()> {
    let Certificate { against, submission, containment, .. } = &offered.share.predicate;
    let text = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
    let kit = "use one kit on all machines (`cargo xtask kit` of one commit), and certify that scale again";
    let built = known.built.as_ref();
    let pairs = [
        ("the release", frozen::judge().to_string(), against.release.to_string(), kit),
        (
            "libtorch",
            text(known.libtorch.map(|it| it.to_string())),
            text(against.libtorch.map(|it| it.to_string())),
            kit,
        ),
        ("rustc", text(built.map(|built| built.rustc.clone())), text(against.rustc.clone()), kit),
        (
            "the object of the entry",
            text(built.map(|built| built.object.to_string())),
            text(submission.object.map(|it| it.to_string())),
            kit,
        ),
        (
            "the golden",
            text(known.golden.as_ref().map(|golden| golden.transcript.to_string())),
            text(against.golden.map(|it| it.to_string())),
            "record one golden, and copy its folder below `golden/` of every home",
        ),
        (
            "the walls",
            other.map_or(containment, |other| &other.predicate.containment).join(" "),
            containment.join(" "),
            "one statement says one thing of them: use machines with one kernel, and certify that scale again",
        ),
    ];
    if let Some((what, here, there, hint)) = pairs.into_iter().find(|(_, here, there, _)| here != there) {
        let (folder, scale) = (offered.folder.display(), offered.scale);
        let why = format!("{folder}: scale `{scale}` cannot be joined: of {what} it says {there}, here it is {here}");
        return Err(Problem::inconclusive(why).hint(hint).into());
    }
    for run in &offered.share.predicate.runs {
        let resolved = scales.iter().find(|scale| scale.run.name() == run.name());
        if resolved.map(|scale| scale.run.digest()).transpose()? != Some(run.run) {
            let place = offered.folder.join(run.name().to_string()).join(names::RUN);
            let why = format!("{} is not the run that this entry has in this round", place.display());
            return Err(Problem::usage(why).hint("all machines certify the same ZIP, protocol and round").into());
        }
    }
    Ok(())
}

fn two_runs(offered: &Offered<'_>, other: &Path) -> Problem {
    let [one, two] = [other, offered.folder].map(|folder| folder.join(offered.scale).join("1"));
    Problem::inconclusive(format!(
        "two machines came to different runs of scale `{}`: {} and {}",
        offered.scale,
        other.display(),
        offered.folder.display()
    ))
    .hint(format!(
        "one of them computes wrongly; where they part: maxclip compare {} {}",
        one.display(),
        two.display()
    ))
}

/// Reads all that a share names, as `verify` does.
fn judge(job: &Certification<'_>, offered: &Offered<'_>, known: &Known) -> Result<()> {
    let release = frozen::release()?.with(job.pinned.clone());
    let goldens: Vec<_> = known.golden.iter().cloned().collect();
    let ground = Ground { release: &release, round: Some(job.round), announced: None, goldens: &goldens };
    let files = PlainFolder::of(&offered.folder.join(names::STATEMENT));
    let refuse = |why: String| {
        let why = format!("{} cannot be joined: {why}", offered.folder.display());
        Problem::usage(why).hint("copy the folder again from the machine that made it; nothing was taken over")
    };
    match certificate::judge_scale(offered.share, offered.scale, &files, &ground)? {
        Verdict::Pass(_) => Ok(()),
        Verdict::Inconclusive(reason) => Err(Problem::from(reason).into()),
        Verdict::Fail(findings) => Err(refuse(findings.first().map(told).unwrap_or_default()).into()),
    }
}

fn told(finding: &Finding) -> String {
    let Finding { rule, place, expected, found, .. } = finding;
    let differs = match (expected.is_empty(), found.is_empty()) {
        (false, false) => format!(": expected {expected}, found {found}"),
        (true, false) => format!(": found {found}"),
        _ => String::new(),
    };
    format!("{rule} at {place}{differs}")
}

/// Copies runs beside their places, each file held to its digest, and puts them there when all of them are whole.
fn copy(job: &Certification<'_>, taken: &[Offered<'_>]) -> Result<()> {
    let bytes = taken.iter().flat_map(files).filter_map(|subject| subject.annotations).map(|it| it.bytes).sum();
    disk::require(&job.folder.0, bytes, disk::free(&job.folder.0)?)?;
    let mut whole = Vec::new();
    for offered in taken {
        let target = job.folder.0.join(offered.scale);
        let part = file::folder_beside(&target)?;
        let from = PlainFolder::of(&offered.folder.join(names::STATEMENT));
        for subject in files(offered) {
            let below = subject.name.strip_prefix(offered.scale).unwrap_or_default().trim_start_matches('/');
            let path = part.path().join(below);
            let place = offered.folder.join(&subject.name);
            let changed = || Problem::usage(format!("{} changed while it was joined", place.display()));
            let unread = |error: ReadError| changed().hint(error);
            let OpenedFile { mut content, .. } = from.open(&subject.name).map_err(unread)?;
            file::write_with(&path, |file| io::copy(&mut content, file).map(drop))?;
            let copied = File::open(&path).and_then(Sha256::of_stream).map_err(FileError::at("read", &path))?;
            if copied.0.bare() != subject.digest.sha256 {
                return Err(changed().into());
            }
        }
        whole.push((part, target, offered));
    }
    for (part, target, offered) in whole {
        if target.exists() {
            fs::remove_dir_all(&target).map_err(FileError::at("remove", &target))?;
        }
        file::settle(part, &target)?;
        // Last: a kill before this leaves runs that are whole and are looked at again.
        file::write(&job.folder.share(offered.scale), &canonical::to_file(offered.share)?)?;
    }
    Ok(())
}

/// What a share names of its scale.
fn files<'a>(offered: &Offered<'a>) -> impl Iterator<Item = &'a records::v1::statement::Subject> {
    let inside = format!("{}/", offered.scale);
    offered.share.subject.iter().filter(move |subject| subject.name.starts_with(&inside))
}

/// Fails where a file of a scale that stood is no longer what it was: a statement over it would be another one.
pub fn require_unchanged(job: &Certification<'_>, shares: &Shares, statement: &Statement) -> Result<()> {
    for (scale, share) in shares {
        let offered = Offered { folder: &job.folder.0, scale, share };
        let changed = files(&offered).find(|subject| !statement.subject.contains(subject));
        if let Some(subject) = changed {
            let path = job.folder.0.join(&subject.name);
            let share = job.folder.share(scale);
            let why = format!("{} changed after scale `{scale}` stood", path.display());
            let hint = format!(
                "remove {} and {}, and certify or join that scale again",
                share.display(),
                job.folder.0.join(scale).display()
            );
            return Err(Problem::usage(why).hint(hint).into());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use records::{Blake3, DataRoot, RunDigest, SeedDigest};
    use verifier::release::PinnedProtocol;

    use super::*;
    use crate::{certify::statement, entry, protocols, round::Round};

    /// What a machine states of the trainings of a scale, as far as this file reads it.
    fn share(pinned: &PinnedProtocol, scale: &Scale) -> Statement {
        let judgement = entry::gate(b"no zip", None).unwrap();
        let mut share = statement::refused(&judgement, 6, pinned, &Round::practice());
        let run = |repeat| Run {
            scale: scale.name.clone(),
            repeat,
            seed: SeedDigest([1; 32]),
            run: RunDigest([1; 32]),
            data: DataRoot([1; 32]),
            steps: scale.steps,
            lines: scale.steps + 1,
            transcript: Blake3([1; 32]),
            chain: Blake3([1; 32]),
            checkpoint: Blake3([1; 32]),
            scores: Vec::new(),
            mean: "0".to_owned(),
        };
        share.predicate.outcome = StatedOutcome::Pass;
        share.predicate.runs = (1..=scale.seeds).map(run).collect();
        share
    }

    #[test]
    fn what_is_no_pass_of_all_trainings_of_its_scale_stands_for_none() {
        let pinned = protocols::carried("mini").unwrap();
        let [small, medium, ..] = &pinned.protocol.scales[..] else { panic!("mini has three scales") };
        let home = tempfile::tempdir().unwrap();
        let folder = EntryFolder(home.path().to_owned());
        let put = |share: &Statement| {
            file::write(&folder.share(&small.name), &canonical::to_file(share).unwrap()).unwrap();
            standing(&folder, &pinned.protocol)
        };
        let whole = share(&pinned, small);
        assert_eq!(put(&whole).unwrap(), Shares::from([(small.name.clone(), whole.clone())]));
        let mut failed = whole.clone();
        failed.predicate.outcome = StatedOutcome::Fail;
        let mut partial = whole;
        partial.predicate.runs.pop();
        for other in [share(&pinned, medium), failed, partial] {
            let refused = put(&other).unwrap_err().to_string();
            assert!(refused.contains("share-small.json is damaged: it is no share of scale `small`"), "{refused}");
        }
    }
}
