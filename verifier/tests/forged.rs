//! A statement that agrees with its own files and still says too little, too much or something else: what an
//! organizer's machine could write, properly signed. Each is refused at the place that was forged.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod folder;

use folder::{
    Folder, OwnRelease, Wish, certificate, failed,
    forge::{golden, renew, results, walls},
    judged, key, passed, real_round, trust, verified,
};
use records::{
    Blake3, Finding, NumericsClass, ProtocolDigest, Rule, Sha256, Verdict, WorkerDigest,
    v1::{
        evaluation::{Real, Stated},
        statement::{Run, StatedOutcome, Statement},
    },
};
use verifier::{
    certificate::{Ground, Verified, conform, known_round},
    evidence::{ARCHIVE, GOLDEN, OBJECT},
    round::Round,
};

fn wish() -> Wish {
    Wish::new("sharp-clip", &[("small", 180), ("medium", 200), ("large", 220)])
}

fn verdict(statement: &Statement, folder: &Folder, wish: &Wish) -> Verdict<Verified> {
    let demo = key("demo", 1);
    verified(&certificate(statement, &demo), &trust(&[&demo]), folder, &wish.release)
}

/// What a forged certificate is refused for; signing it must be refused for the same.
fn refused(wish: &Wish, forge: impl Fn(&mut Statement, &mut Folder)) -> Vec<Finding> {
    let (mut statement, mut folder) = passed(wish);
    forge(&mut statement, &mut folder);
    renew(&mut statement, &folder);
    let Verdict::Fail(findings) = verdict(&statement, &folder, wish) else { panic!("verified") };
    let signing = judged(&statement, &folder, &wish.release, Some(&wish.round));
    assert_eq!(signing, Verdict::Fail(findings.clone()), "what verifies and what is signed differ");
    findings
}

fn assert_places(findings: &[Finding], places: &[&str]) {
    assert_eq!(findings.iter().map(|finding| finding.place.as_str()).collect::<Vec<_>>(), places, "{findings:#?}");
    assert!(findings.iter().all(|finding| finding.rule == Rule::Inconsistent), "{findings:#?}");
}

#[test]
fn the_honest_statement_passes_in_the_practice_round_and_in_a_real_one() {
    let (statement, folder) = passed(&wish());
    assert!(matches!(verdict(&statement, &folder, &wish()), Verdict::Pass(_)));
    let round = real_round("1");
    let wish = Wish { round: round.clone(), seeds: round.clone(), ..wish() };
    let (statement, folder) = passed(&wish);
    assert!(matches!(verdict(&statement, &folder, &wish), Verdict::Pass(_)));
    assert!(matches!(judged(&statement, &folder, &wish.release, Some(&round)), Verdict::Pass(_)));
}

#[test]
fn scales_are_the_protocols_in_its_order() {
    let stripped = refused(&wish(), |statement, folder| {
        statement.predicate.runs.truncate(1);
        folder.0.retain(|name, _| !name.starts_with("medium/") && !name.starts_with("large/"));
    });
    assert_places(&stripped, &["runs"]);
    assert_eq!((stripped[0].expected.as_str(), stripped[0].found.as_str()), ("small/1, medium/1, large/1", "small/1"));
    assert_places(&refused(&wish(), |statement, _| statement.predicate.runs.swap(0, 2)), &["runs"]);
}

/// Two scales of two trainings each.
fn repeated() -> Wish {
    let hits = [("small", 180), ("large", 220)];
    Wish { release: OwnRelease::repeated(&["small", "large"], 2), ..Wish::new("sharp-clip", &hits) }
}

#[test]
fn every_seed_is_trained_once_and_in_order() {
    let (statement, folder) = passed(&repeated());
    let names: Vec<_> = statement.predicate.runs.iter().map(|run| run.name().to_string()).collect();
    assert_eq!(names, ["small/1", "small/2", "large/1", "large/2"]);
    assert!(matches!(verdict(&statement, &folder, &repeated()), Verdict::Pass(_)));
    let runs = |change: fn(&mut Vec<Run>)| {
        refused(&repeated(), |statement, folder| {
            let runs = &mut statement.predicate.runs;
            change(runs);
            let prefixes: Vec<_> = runs.iter().map(|run| format!("{}/", run.name())).collect();
            folder.0.retain(|name, _| {
                [ARCHIVE, GOLDEN, OBJECT].contains(&name.as_str())
                    || prefixes.iter().any(|prefix| name.starts_with(prefix))
            });
        })
    };
    // The better of two seeds alone, the trainings of one scale for another's, one of them twice.
    assert_places(&runs(|runs| drop(runs.remove(1))), &["runs"]);
    assert_places(&runs(|runs| runs.swap(0, 1)), &["runs"]);
    assert_places(&runs(|runs| runs.swap(1, 2)), &["runs"]);
    assert_places(&runs(|runs| runs[1] = runs[0].clone()), &["runs"]);
    let third = runs(|runs| runs.push(Run { repeat: 3, ..runs[3].clone() }));
    assert_places(&third, &["large/3 seed", "runs"]);
    assert!(third[1].found.ends_with("large/2, large/3"), "{third:?}");
    // One seed under two numbers.
    let same = refused(&repeated(), |statement, _| statement.predicate.runs[1].seed = statement.predicate.runs[0].seed);
    assert_places(&same, &["small/2 seed"]);
}

#[test]
fn data_are_those_that_the_protocol_names() {
    let other = refused(&wish(), |statement, _| statement.predicate.runs[1].data.0[0] ^= 1);
    assert_places(&other, &["medium/1 data"]);
    let rotated = refused(&wish(), |statement, folder| {
        results(statement, folder, 2, |results| results[0].maxclip.data.0[0] ^= 1);
    });
    assert_places(&rotated, &["large/1/eval_results.jsonl:1 shapes-classification data"]);
}

#[test]
fn tasks_are_the_protocols_once_each() {
    let doubled = refused(&wish(), |statement, folder| {
        results(statement, folder, 1, |results| results.push(results[0].clone()));
    });
    assert_places(&doubled, &["medium/1 scores"]);
    let left_out = refused(&wish(), |statement, folder| results(statement, folder, 1, |results| results.truncate(1)));
    assert_places(&left_out, &["medium/1 scores"]);
    let renamed = refused(&wish(), |statement, folder| {
        results(statement, folder, 2, |results| results[0].key = "imagenet1k".into());
    });
    assert_places(&renamed, &["large/1 scores"]);
    assert_eq!(renamed[0].expected, "shapes-classification, shapes-retrieval");
    assert_eq!(renamed[0].found, "imagenet1k, shapes-retrieval");
}

#[test]
fn scores_are_possible_and_those_that_datacomps_tools_read() {
    type Change = fn(&mut Stated);
    let changes: [(Change, &str); 3] = [
        (|stated| stated.variance = Real::new(-0.001).unwrap(), "a variance of at least 0"),
        (|stated| stated.items = 0, "at least one item"),
        (|stated| stated.blocks[5] = Real::new(0.9).unwrap(), "blocks that add up to the value"),
    ];
    for (change, expected) in changes {
        let findings = refused(&wish(), |statement, folder| {
            results(statement, folder, 1, |results| change(&mut results[0].maxclip));
        });
        assert_places(&findings, &["medium/1 scores shapes-classification"]);
        assert_eq!(findings[0].expected, expected);
    }
    let decimal = refused(&wish(), |statement, folder| {
        results(statement, folder, 1, |results| {
            let near = results[0].maxclip.value.value() + 1e-15;
            results[0].metrics.insert("main_metric".to_owned(), near.into());
        });
    });
    assert_places(&decimal, &["medium/1/eval_results.jsonl:1 shapes-classification metrics.main_metric"]);
}

#[test]
fn the_golden_is_the_recorded_one_of_this_release() {
    let other = refused(&wish(), |statement, _| statement.predicate.against.golden = Some(Blake3([1; 32])));
    assert_places(&other, &["golden.json transcript"]);
    let class = refused(&wish(), |_, folder| golden(folder, |golden| golden.class = NumericsClass([1; 32])));
    assert_places(&class, &["golden.json class"]);
    let elsewhere = refused(&wish(), |_, folder| {
        golden(folder, |golden| {
            golden.protocol_digest.0[0] ^= 1;
            golden.frozen.0[0] ^= 1;
        });
    });
    assert_places(&elsewhere, &["golden.json protocol_digest", "golden.json frozen"]);
    let another = refused(&wish(), |_, folder| {
        golden(folder, |golden| {
            golden.steps = 1;
            golden.tree.0[0] ^= 1;
        });
    });
    assert_places(&another, &["golden.json steps", "golden.json tree"]);
    let none = refused(&wish(), |_, folder| drop(folder.0.remove(GOLDEN)));
    assert_places(&none, &["golden.json"]);
}

#[test]
fn the_worker_is_the_object_that_was_built() {
    let other = refused(&wish(), |statement, _| statement.predicate.submission.object = Some(WorkerDigest([1; 32])));
    assert_places(&other, &[OBJECT]);
    assert_eq!(other[0].found, WorkerDigest(Sha256::of(b"object").0).to_string());
    let none = refused(&wish(), |statement, _| statement.predicate.submission.object = None);
    assert_places(&none, &["submission"]);
}

#[test]
fn walls_stood_and_are_those_of_every_scale() {
    assert_places(&refused(&wish(), |statement, folder| walls(statement, folder, &[])), &["containment"]);
    let parts: [&[&str]; 4] = [
        &["seccomp:25", "landlock:7"],
        &["no-new-privs", "tsc-off"],
        &["seccomp-off:25", "no-new-privs"],
        &["none:seccomp:no-new-privs", "no-new-privs"],
    ];
    for part in parts {
        let findings = refused(&wish(), |statement, folder| walls(statement, folder, part));
        assert_places(&findings, &["containment"]);
    }
    let more = refused(&wish(), |statement, _| statement.predicate.containment.push("namespaces:mount".into()));
    assert_places(&more, &["small/1/containment.json", "medium/1/containment.json", "large/1/containment.json"]);
    let none = refused(&wish(), |_, folder| drop(folder.0.remove("medium/1/containment.json")));
    assert_places(&none, &["medium/1/containment.json"]);
}

#[test]
fn seeds_are_the_rounds() {
    let other = Wish { seeds: real_round("1"), ..wish() };
    let places = ["small/1 seed", "medium/1 seed", "large/1 seed"];
    assert_places(&refused(&other, |_, _| ()), &places);
    // In a real round only its organizer can tell, until the secret is revealed.
    let round = real_round("2");
    let other = Wish { round: round.clone(), seeds: Round::practice(), ..wish() };
    let (statement, folder) = passed(&other);
    assert!(matches!(verdict(&statement, &folder, &other), Verdict::Pass(_)));
    let Verdict::Fail(findings) = judged(&statement, &folder, &other.release, Some(&round)) else { panic!("signed") };
    assert_places(&findings, &places);
}

#[test]
fn the_round_is_the_one_that_is_signed_for() {
    let (statement, folder) = passed(&wish());
    let Verdict::Fail(findings) = judged(&statement, &folder, &wish().release, Some(&real_round("1"))) else {
        panic!("signed")
    };
    assert_places(&findings, &["round.competition", "round.round", "round.commitment", "round.beacon"]);
    let beacon = refused(&wish(), |statement, _| statement.predicate.round.beacon = "drand 4242".into());
    assert_places(&beacon, &["round.beacon"]);
}

#[test]
fn the_model_is_the_protocols() {
    let mut other = wish();
    other.release.model = "{\"layers\": 1}\n".to_owned();
    let (statement, folder) = passed(&other);
    let Verdict::Fail(findings) = judged(&statement, &folder, &wish().release, Some(&other.round)) else {
        panic!("signed")
    };
    assert_places(&findings, &["small/1/run.json model", "medium/1/run.json model", "large/1/run.json model"]);
}

#[test]
fn another_release_is_never_a_forger() {
    type Change = fn(&mut Statement);
    let changes: [(Change, &str); 2] = [
        (|statement| statement.predicate.against.frozen.0[0] ^= 1, "it rests on frozen:"),
        (
            |statement| statement.predicate.against.protocol_digest = ProtocolDigest([1; 32]),
            "it rests on a protocol that this release does not carry: `mini`",
        ),
    ];
    for (change, why) in changes {
        let (mut statement, folder) = passed(&wish());
        change(&mut statement);
        // Whatever else that release may ask for.
        statement.predicate.stages.truncate(3);
        let Verdict::Inconclusive(reason) = verdict(&statement, &folder, &wish()) else { panic!("judged") };
        assert!(reason.why.contains(why), "{reason:?}");
    }
}

#[test]
fn a_failure_says_what_its_stages_left_behind() {
    let places = |forge: fn(&mut Statement)| {
        let (mut statement, folder) = failed(&wish());
        forge(&mut statement);
        renew(&mut statement, &folder);
        let (release, round) = (wish().release.release(), known_round(&statement));
        let ground = Ground { release: &release, round: round.as_ref(), announced: None, goldens: &[] };
        match conform(&statement, &ground) {
            Verdict::Fail(findings) => findings.into_iter().map(|finding| finding.place).collect(),
            other => vec![format!("{other:?}")],
        }
    };
    assert_eq!(places(|statement| statement.predicate.submission.object = None), ["submission"]);
    assert_eq!(places(|statement| statement.predicate.against.golden = None), ["against"]);
    assert_eq!(places(|statement| statement.predicate.outcome = StatedOutcome::Pass)[0], "stages");
    assert_eq!(places(|statement| statement.predicate.runs.push(passed(&wish()).0.predicate.runs[0].clone())).len(), 1);
}
