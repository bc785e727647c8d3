//! Every way that anybody thought of to say something else than what happened, properly signed: a table with a name
//! each, walked for `sign` and for `verify`.
//!
//! A forgery changes an honest statement, its files, or how they came about; what a forger can make agree with that
//! is made to agree. Both refuse each, at the place where it was forged. Each is tried once more under another release's
//! name, which buys a forger no pass: what a release derives is inconclusive then, what is a fact is refused as before.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod folder;

use folder::{
    Folder, Wish, certificate,
    forge::{golden, renew, results, walls},
    judged, key, passed, real_round, trust, verified,
};
use records::{
    Blake3, DataRoot, Finding, LibtorchDigest, NumericsClass, ProtocolDigest, ReleaseDigest, Rule, Sha256, TreeDigest,
    Verdict, WorkerDigest,
    v1::{
        evaluation::{self, Real},
        statement::{Run, StageValue, StatedOutcome, Statement, Subject},
    },
};
use verifier::{
    certificate::Verified,
    evidence::{ARCHIVE, GOLDEN, OBJECT},
};

/// What is forged.
enum Forgery {
    /// The statement and its files; what is there is named again, with its digest.
    Said(fn(&mut Statement, &mut Folder)),
    /// The statement alone, its subjects among the rest.
    Raw(fn(&mut Statement)),
    /// How it all came about: consistent in every part.
    Done(fn(&mut Wish)),
}

use Forgery::{Done, Raw, Said};

fn wish() -> Wish {
    Wish::new("sharp-clip", &[("small", 180), ("medium", 200), ("large", 220)])
}

/// As far above a score as the next item, in the first block.
fn raised(value: &mut Real, block: &mut Real) {
    let more = |real: &Real| Real::new(real.value() + 1.0 / 500.0).unwrap();
    (*value, *block) = (more(value), more(block));
}

/// Leaves out a training and its files.
fn strip(statement: &mut Statement, folder: &mut Folder, at: usize) {
    let run = statement.predicate.runs.remove(at);
    let inside = format!("{}/", run.name());
    folder.0.retain(|name, _| !name.starts_with(&inside));
}

fn at(statement: &mut Statement, name: &str) -> usize {
    statement.subject.iter().position(|subject| subject.name == name).unwrap()
}

/// A name, what is forged, and where that is refused (or why, where another release has to judge).
#[rustfmt::skip]
const FORGERIES: &[(&str, Forgery, &str)] = &[
    ("scale stripped, the first", Said(|s, f| strip(s, f, 0)), "runs"),
    ("scale stripped, the last", Said(|s, f| strip(s, f, 2)), "runs"),
    ("scale doubled", Said(|s, _| s.predicate.runs.push(s.predicate.runs[0].clone())), "runs"),
    ("scales swapped", Said(|s, _| s.predicate.runs.swap(0, 2)), "runs"),
    ("scale renamed", Said(|s, _| s.predicate.runs[0].scale = "tiny".into()), "runs"),
    ("scale in place of another", Said(|s, _| s.predicate.runs[1].scale = "small".into()), "runs"),
    ("repeat renumbered", Said(|s, _| s.predicate.runs[0].repeat = 2), "runs"),
    ("repeat added", Said(|s, _| { let run = Run { repeat: 2, ..s.predicate.runs[2].clone() }; s.predicate.runs.push(run); }), "runs"),
    ("seed of another round in the statement", Said(|s, _| s.predicate.runs[0].seed.0[0] ^= 1), "small/1 seed"),
    ("evidence of one scale for two", Said(|s, f| {
        let small: Vec<_> = f.0.iter().filter_map(|(name, bytes)| Some((name.strip_prefix("small/1/")?.to_owned(), bytes.clone()))).collect();
        f.0.extend(small.into_iter().map(|(name, bytes)| (format!("large/1/{name}"), bytes)));
        let Run { scale, seed, data, .. } = s.predicate.runs[2].clone();
        s.predicate.runs[2] = Run { scale, seed, data, ..s.predicate.runs[0].clone() };
    }), "large/1/run.json scale"),
    ("steps left out", Said(|s, _| s.predicate.runs[0].steps = 3), "small/1 steps"),
    ("lines left out", Said(|s, _| s.predicate.runs[0].lines = 4), "small/1 lines"),
    ("task stripped", Said(|s, f| results(s, f, 1, |results| results.truncate(1))), "medium/1 scores"),
    ("all tasks stripped", Said(|s, f| results(s, f, 1, Vec::clear)), "medium/1 scores"),
    ("task doubled", Said(|s, f| results(s, f, 1, |results| results.push(results[0].clone()))), "medium/1 scores"),
    ("task renamed", Said(|s, f| results(s, f, 2, |results| results[0].key = "imagenet1k".into())), "large/1 scores"),
    ("tasks swapped", Said(|s, f| results(s, f, 2, |results| results.swap(0, 1))), "large/1 scores"),
    ("task in place of another", Said(|s, f| results(s, f, 0, |results| results[1] = results[0].clone())), "small/1 scores"),
    ("score raised in the statement", Said(|s, _| {
        let run = &mut s.predicate.runs[0];
        let score = &mut run.scores[0];
        raised(&mut score.value, &mut score.blocks[0]);
        run.mean = evaluation::mean(&run.scores);
    }), "small/1/eval_results.jsonl:1 shapes-classification value"),
    ("score raised past one", Said(|s, f| results(s, f, 0, |results| results[0].maxclip.value = Real::new(1.002).unwrap())), "small/1 scores shapes-classification"),
    ("score raised past its blocks", Said(|s, f| results(s, f, 0, |results| results[0].maxclip.value = Real::new(0.9).unwrap())), "small/1 scores shapes-classification"),
    ("score raised beside its metrics", Said(|s, f| results(s, f, 0, |results| {
        let stated = &mut results[0].maxclip;
        raised(&mut stated.value, &mut stated.blocks[0]);
    })), "small/1/eval_results.jsonl:1 shapes-classification metrics.main_metric"),
    ("standard error left out", Said(|s, _| s.predicate.runs[0].scores[0].variance = Real::ZERO), "small/1/eval_results.jsonl:1 shapes-classification variance"),
    ("score of no item", Said(|s, f| results(s, f, 0, |results| results[0].maxclip.items = 0)), "small/1 scores shapes-classification"),
    ("items added", Said(|s, _| s.predicate.runs[0].scores[0].items = 50_000), "small/1/eval_results.jsonl:1 shapes-classification items"),
    ("ties left out", Said(|s, _| s.predicate.runs[0].scores[0].ties = 0), "small/1/eval_results.jsonl:1 shapes-classification ties"),
    ("blocks swapped", Said(|s, _| s.predicate.runs[0].scores[0].blocks.swap(0, 15)), "small/1/eval_results.jsonl:1 shapes-classification blocks[0]"),
    ("score of another checkpoint", Said(|s, f| results(s, f, 0, |results| results[0].maxclip.checkpoint.0[0] ^= 1)), "small/1/eval_results.jsonl:1 shapes-classification checkpoint"),
    ("line of results", Said(|s, _| s.predicate.runs[0].scores[0].line.0[0] ^= 1), "small/1/eval_results.jsonl:1 shapes-classification"),
    ("mean raised", Said(|s, _| s.predicate.runs[0].mean = "0.900000".into()), "small/1 mean"),
    ("golden renamed", Said(|s, _| s.predicate.against.golden = Some(Blake3([1; 32]))), "golden.json transcript"),
    ("golden of another run", Said(|s, f| {
        s.predicate.against.golden = Some(Blake3([1; 32]));
        golden(f, |golden| golden.transcript = Blake3([1; 32]));
    }), "golden.json transcript"),
    ("golden of another class", Said(|_, f| golden(f, |golden| golden.class = NumericsClass([1; 32]))), "golden.json class"),
    ("golden of another protocol", Said(|_, f| golden(f, |golden| golden.protocol_digest.0[0] ^= 1)), "golden.json protocol_digest"),
    ("golden of another frozen tree", Said(|_, f| golden(f, |golden| golden.frozen.0[0] ^= 1)), "golden.json frozen"),
    ("golden of another baseline", Said(|_, f| golden(f, |golden| golden.tree.0[0] ^= 1)), "golden.json tree"),
    ("golden of fewer steps", Said(|_, f| golden(f, |golden| golden.steps = 1)), "golden.json steps"),
    ("golden stripped", Said(|_, f| drop(f.0.remove(GOLDEN))), "golden.json"),
    ("golden and class unsaid", Said(|s, f| {
        (s.predicate.against.golden, s.predicate.against.class) = (None, None);
        f.0.remove(GOLDEN);
    }), "against"),
    ("class unsaid", Said(|s, _| s.predicate.against.class = None), "against"),
    ("libtorch unsaid", Said(|s, _| s.predicate.against.libtorch = None::<LibtorchDigest>), "against"),
    ("compiler unsaid", Said(|s, _| s.predicate.against.rustc = None), "submission"),
    ("round's competition renamed", Said(|s, _| s.predicate.round.competition = "lakes".into()), "round.competition"),
    ("round renamed", Said(|s, _| s.predicate.round.round = "2".into()), "round.round"),
    ("round of another secret", Said(|s, _| s.predicate.round.commitment.0[0] ^= 1), "round.commitment"),
    ("round of another beacon", Said(|s, _| s.predicate.round.beacon = "drand 4242".into()), "round.beacon"),
    ("seeds of another round", Done(|wish| wish.seeds = real_round("1")), "small/1 seed"),
    ("another seed than the one stated", Done(|wish| wish.forge = |run| run.seed = "07".repeat(32)), "small/1/run.json seed"),
    ("another model", Done(|wish| wish.release.model = "{\"layers\": 1}\n".into()), "small/1/run.json model"),
    ("another configuration", Done(|wish| wish.forge = |run| run.config = "{\"lr\":0.3}".into()), "small/1/run.json config"),
    ("one scale's configuration for all", Done(|wish| wish.forge = |run| run.config = "{\"lr\":0.1}".into()), "small/1/run.json config"),
    ("another tree trained", Done(|wish| wish.forge = |run| run.tree = TreeDigest([1; 32])), "small/1/run.json tree"),
    ("another class trained", Done(|wish| wish.forge = |run| run.class = NumericsClass([1; 32])), "small/1/run.json class"),
    ("data renamed", Said(|s, _| s.predicate.runs[0].data = DataRoot([1; 32])), "small/1 data"),
    ("other data trained on", Done(|wish| wish.forge = |run| run.data = DataRoot([1; 32])), "small/1 data"),
    ("task of other data", Said(|s, f| results(s, f, 0, |results| results[1].maxclip.data = DataRoot([1; 32]))), "small/1/eval_results.jsonl:2 shapes-retrieval data"),
    ("object renamed", Said(|s, _| s.predicate.submission.object = Some(WorkerDigest([1; 32]))), OBJECT),
    ("object unsaid", Said(|s, _| s.predicate.submission.object = None), "submission"),
    ("object in place of another", Said(|_, f| drop(f.0.insert(OBJECT.into(), b"other".to_vec()))), OBJECT),
    ("object stripped", Said(|_, f| drop(f.0.remove(OBJECT))), OBJECT),
    ("stage stripped, the last", Said(|s, _| drop(s.predicate.stages.pop())), "stages"),
    ("stage stripped, the first", Said(|s, _| drop(s.predicate.stages.remove(0))), "stages"),
    ("stage doubled", Said(|s, _| s.predicate.stages.insert(5, s.predicate.stages[5].clone())), "stages"),
    ("stages swapped", Said(|s, _| s.predicate.stages.swap(4, 5)), "stages"),
    ("stage renamed", Said(|s, _| s.predicate.stages[5].name = "audit".into()), "stages"),
    ("stage added", Said(|s, _| s.predicate.stages.push(s.predicate.stages[8].clone())), "stages"),
    ("stage that failed, and a pass", Said(|s, _| s.predicate.stages[5].value = StageValue::Fail(vec![])), "stages"),
    ("stage's note", Said(|s, _| s.predicate.stages[1].note = "0 of 0 frozen files differ".into()), "submission.zip stage diff"),
    ("a pass called a failure", Said(|s, _| s.predicate.outcome = StatedOutcome::Fail), "stages"),
    ("walls unsaid", Said(|s, f| walls(s, f, &[])), "containment"),
    ("wall stripped", Said(|s, f| walls(s, f, &["no-new-privs", "tsc-off"])), "containment"),
    ("wall renamed", Said(|s, f| walls(s, f, &["seccomp-off:25", "no-new-privs"])), "containment"),
    ("wall inside another's word", Said(|s, f| walls(s, f, &["none:seccomp:no-new-privs"])), "containment"),
    ("wall added", Said(|s, _| s.predicate.containment.push("landlock:9".into())), "small/1/containment.json"),
    ("walls of one scale stripped", Said(|_, f| drop(f.0.remove("medium/1/containment.json"))), "medium/1/containment.json"),
    ("archive renamed", Said(|s, _| s.predicate.submission.archive = Sha256([1; 32])), "subject"),
    ("archive stripped", Said(|_, f| drop(f.0.remove(ARCHIVE))), "subject"),
    ("archive of another entry", Said(|s, f| {
        let other = Wish::new("blunt-clip", &[("small", 1)]).zip();
        s.predicate.submission.archive = Sha256::of(&other);
        f.0.insert(ARCHIVE.into(), other);
    }), "submission.zip tree"),
    ("archive that nobody admits", Said(|s, f| {
        s.predicate.submission.archive = Sha256::of(b"PK");
        f.0.insert(ARCHIVE.into(), b"PK".to_vec());
    }), "submission.zip stage intake"),
    ("tree renamed", Said(|s, _| s.predicate.submission.tree = Some(TreeDigest([1; 32]))), "submission.zip tree"),
    ("tree unsaid", Said(|s, _| s.predicate.submission.tree = None), "submission"),
    ("entry's name", Said(|s, _| s.predicate.entry.name = "blunt-clip".into()), "submission.zip name"),
    ("entry's team", Said(|s, _| s.predicate.entry.team = "Others".into()), "submission.zip team"),
    ("entry's organization", Said(|s, _| s.predicate.entry.organization = "Elsewhere".into()), "submission.zip organization"),
    ("entry's writeup", Said(|s, _| s.predicate.entry.writeup = "https://example.org/other".into()), "submission.zip writeup"),
    ("entry's contact", Said(|s, _| s.predicate.entry.contact = "others@example.org".into()), "submission.zip contact"),
    ("transcript's root", Said(|s, _| s.predicate.runs[0].transcript.0[0] ^= 1), "small/1/transcript.jsonl"),
    ("transcript's last link", Said(|s, _| s.predicate.runs[0].chain.0[0] ^= 1), "small/1/transcript.jsonl:5"),
    ("transcript stripped", Said(|_, f| drop(f.0.remove("small/1/transcript.jsonl"))), "small/1/transcript.jsonl"),
    ("run's digest", Said(|s, _| s.predicate.runs[0].run.0[0] ^= 1), "small/1/run.json"),
    ("checkpoint's root", Said(|s, _| s.predicate.runs[0].checkpoint.0[0] ^= 1), "small/1/published/manifest.json root"),
    ("checkpoint stripped", Said(|_, f| f.0.retain(|name, _| !name.starts_with("small/1/published/"))), "small/1/published"),
    ("subject without the submission", Raw(|s| drop(s.subject.remove(0))), "subject"),
    ("subject of another submission", Raw(|s| s.subject[0].digest.sha256 = Sha256([1; 32]).bare()), "subject"),
    ("subject stripped", Raw(|s| { let at = at(s, "small/1/fingerprints.bin"); s.subject.remove(at); }), "small/1/fingerprints.bin"),
    ("subject doubled", Raw(|s| { let at = at(s, "golden.json"); s.subject.insert(at, s.subject[at].clone()); }), "subject"),
    ("subjects swapped", Raw(|s| s.subject.swap(1, 2)), "subject"),
    ("subject outside of the folder", Raw(|s| s.subject.insert(1, Subject::file("../x".into(), Sha256([1; 32]), 1))), "subject"),
    ("subject that is not there", Raw(|s| s.subject.push(Subject::file("zebra".into(), Sha256([1; 32]), 1))), "zebra"),
    ("subject without a length", Raw(|s| s.subject[1].annotations = None), "subject"),
    ("subject of another length", Raw(|s| { let at = at(s, OBJECT); s.subject[at].annotations.as_mut().unwrap().bytes += 1; }), OBJECT),
    ("subject of another digest", Raw(|s| { let at = at(s, OBJECT); s.subject[at].digest.sha256 = Sha256([1; 32]).bare(); }), OBJECT),
    ("another kind of statement", Raw(|s| s.predicate_type = "https://maxclip.dev/golden/v1".into()), "predicateType"),
    ("protocol renamed", Said(|s, _| s.predicate.against.protocol = "maxi".into()), "against.protocol"),
    ("another protocol", Said(|s, _| s.predicate.against.protocol_digest = ProtocolDigest([1; 32])), "it rests on a protocol that this release does not carry"),
    ("another frozen tree", Said(|s, _| s.predicate.against.frozen.0[0] ^= 1), "it rests on frozen:"),
];

/// What was forged, with everything that a forger can make agree with it.
fn forged(forgery: &Forgery) -> (Statement, Folder) {
    let mut wish = wish();
    if let Done(change) = forgery {
        change(&mut wish);
    }
    let (mut statement, mut folder) = passed(&wish);
    match forgery {
        Done(_) => {}
        Raw(change) => change(&mut statement),
        Said(change) => {
            change(&mut statement, &mut folder);
            renew(&mut statement, &folder);
        }
    }
    (statement, folder)
}

/// What is wrong with how a forgery was refused.
fn fault<T>(verdict: Verdict<T>, name: &str, by: &str, place: &str) -> Option<String> {
    let said: Vec<_> = match verdict {
        Verdict::Fail(findings) => findings.into_iter().map(|finding| finding.place).collect(),
        Verdict::Inconclusive(reason) => vec![reason.why],
        Verdict::Pass(_) => return Some(format!("{name}: {by} lets it pass")),
    };
    let found = said.iter().any(|said| said == place || (place.contains(' ') && said.contains(place)));
    // `verify` reads what kind of statement it is before anything else.
    let found = found || by == "verify" && name == "another kind of statement";
    (!found).then(|| format!("{name}: {by} says {said:?}, not {place}"))
}

#[test]
fn every_forgery_is_refused_by_sign_and_by_verify_at_its_place() {
    let (release, demo) = (wish().release, key("demo", 1));
    let mut faults = Vec::new();
    for (name, forgery, place) in FORGERIES {
        let (statement, folder) = forged(forgery);
        faults.extend(fault(judged(&statement, &folder, &release, Some(&wish().round)), name, "sign", place));
        let signed = certificate(&statement, &demo);
        faults.extend(fault(verified(&signed, &trust(&[&demo]), &folder, &release), name, "verify", place));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// What `verify` said of a forgery as this release's own, where no other release could say otherwise: bytes, the
/// round and its seeds.
fn is_fact(findings: &[Finding]) -> bool {
    let seed = |place: &str| place.ends_with(" seed") && !place.contains(".json");
    findings.iter().any(|finding| {
        finding.rule != Rule::Inconsistent || finding.place.starts_with("round.") || seed(&finding.place)
    })
}

/// What is wrong with how `verify` took a forgery under another release's name.
fn renamed_fault(own: Verdict<Verified>, renamed: Verdict<Verified>, name: &str, place: &str) -> Option<String> {
    match (own, renamed) {
        (Verdict::Fail(own), Verdict::Fail(renamed)) if is_fact(&own) || is_fact(&renamed) => None,
        (Verdict::Fail(own), Verdict::Inconclusive(reason)) if !is_fact(&own) => {
            // The first place is said; which of several that is, does not matter.
            let named = own.iter().any(|finding| reason.why.contains(&finding.place));
            let said = reason.why.starts_with("stated by another release, which judged differently: ") && named;
            (!said).then(|| format!("{name}: verify says {reason:?}, not {place}"))
        }
        (Verdict::Inconclusive(own), Verdict::Inconclusive(renamed)) if own == renamed => None,
        (own, renamed) => Some(format!("{name}: verify says {own:?} and under another name {renamed:?}")),
    }
}

#[test]
fn another_releases_name_buys_no_forgery_a_pass() {
    let (release, demo) = (wish().release, key("demo", 1));
    let verify = |statement: &Statement, folder: &Folder| {
        verified(&certificate(statement, &demo), &trust(&[&demo]), folder, &release)
    };
    let (mut faults, mut derived) = (Vec::new(), 0);
    for (name, forgery, place) in FORGERIES {
        let (mut statement, folder) = forged(forgery);
        let own = verify(&statement, &folder);
        statement.predicate.against.release = ReleaseDigest([1; 32]);
        let signing = judged(&statement, &folder, &release, Some(&wish().round));
        let why = if *name == "another frozen tree" { place } else { "judged it, this one is release:" };
        faults.extend(fault(signing, name, "sign", why));
        let renamed = verify(&statement, &folder);
        derived += usize::from(matches!(renamed, Verdict::Inconclusive(_)));
        faults.extend(renamed_fault(own, renamed, name, place));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let facts = FORGERIES.len() - derived;
    assert!(derived > 60 && facts > 15, "{derived} are derived, {facts} are facts");
}

#[test]
fn an_honest_statement_of_another_release_is_judged_by_this_one_and_signed_by_that_one() {
    let (release, demo) = (wish().release, key("demo", 1));
    let (mut statement, mut folder) = passed(&wish());
    statement.predicate.against.release = ReleaseDigest([1; 32]);
    let Verdict::Inconclusive(reason) = judged(&statement, &folder, &release, Some(&wish().round)) else {
        panic!("signed")
    };
    assert!(reason.why.contains("judged it, this one is release:"), "{reason:?}");
    let signed = certificate(&statement, &demo);
    let Verdict::Pass(verified_now) = verified(&signed, &trust(&[&demo]), &folder, &release) else { panic!("refused") };
    assert_eq!(verified_now.statement, statement);
    // A changed byte and a bad signature are what they always are.
    folder.0.get_mut("small/1/transcript.jsonl").unwrap()[900] ^= 1;
    let Verdict::Fail(findings) = verified(&signed, &trust(&[&demo]), &folder, &release) else { panic!("not found") };
    assert_eq!(findings[0].rule, Rule::TranscriptChanged);
    let mut changed = signed.clone();
    changed[40] ^= 1;
    assert!(matches!(verified(&changed, &trust(&[&demo]), &folder, &release), Verdict::Fail(_)));
    // Beside what the other release judged differently, a changed byte is found all the same.
    statement.predicate.runs[0].mean = "0.900000".into();
    let signed = certificate(&statement, &demo);
    let Verdict::Fail(findings) = verified(&signed, &trust(&[&demo]), &folder, &release) else { panic!("not found") };
    assert!(findings.iter().all(|finding| finding.rule == Rule::TranscriptChanged), "{findings:#?}");
}

#[test]
fn the_table_is_long_and_names_each_forgery_once() {
    let mut names: Vec<_> = FORGERIES.iter().map(|(name, ..)| name).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), FORGERIES.len());
    assert!(names.len() >= 90, "{} forgeries", names.len());
}
