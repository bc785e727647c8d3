//! A small evidence folder that is consistent in every part, made without libtorch: what the tests damage.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod forge;
mod release;
mod run;

use std::{
    collections::BTreeMap,
    io::{Cursor, Write as _},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use records::{
    Blake3, Finding, LibtorchDigest, NumericsClass, Rule, Sha256, Verdict, WorkerDigest, canonical,
    v1::{
        language::Language,
        names::RunName,
        protocol::Protocol,
        run::ResolvedRun,
        statement::{
            Against, Certificate, EntryLabel, Envelope, PAYLOAD_TYPE, Run, Signature, Stage, StageValue, StatedOutcome,
            Statement, Subject, Submission,
        },
        track::Track,
    },
};
use verifier::{
    certificate::{Ground, Verified, judge, submission_subject, verify},
    envelope,
    evidence::{ARCHIVE, Counts, Files, GOLDEN, OBJECT, OpenedFile, ReadError, part::Part},
    gate,
    keys::{Role, SecretKey, Trust},
    predicate,
    round::Round,
    tree::{self, Tree},
};

pub use self::release::OwnRelease;
use self::run::{run, walls};

pub const STEPS: u64 = 4;
pub const TASKS: [&str; 2] = ["shapes-classification", "shapes-retrieval"];

/// Files by path, as the verifier reads them.
#[derive(Clone, Default)]
pub struct Folder(pub BTreeMap<String, Vec<u8>>);

impl Files for Folder {
    fn open(&self, path: &str) -> Result<OpenedFile<'_>, ReadError> {
        let bytes = self.0.get(path).ok_or(ReadError::Missing)?;
        Ok(OpenedFile { size: bytes.len() as u64, content: Box::new(Cursor::new(&bytes[..])) })
    }
}

/// The subjects of a folder's files.
pub fn files(folder: &Folder) -> Vec<Subject> {
    let subject =
        |(name, bytes): (&String, &Vec<u8>)| Subject::file(name.clone(), Sha256::of(bytes), bytes.len() as u64);
    folder.0.iter().map(subject).collect()
}

/// What a test wants to be different from one entry to the next.
#[derive(Clone)]
pub struct Wish {
    pub name: String,
    pub team: String,
    /// Hits of 500 by scale; both tasks have the same.
    pub hits: Vec<(&'static str, u64)>,
    pub release: OwnRelease,
    /// The round that is stated.
    pub round: Round,
    /// The round that the seeds are of.
    pub seeds: Round,
    /// What else a run is made to be, before anything follows from it.
    pub forge: fn(&mut ResolvedRun),
}

impl Wish {
    /// What is handed in: sources of its own, and two values of the configuration.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let about = format!(
            "name = {}\nteam = {}\norganization = \"Lake University\"\nwriteup = \"https://example.org/writeup\"\n\
             contact = \"team@example.org\"\n",
            text(&self.name),
            text(&self.team)
        );
        let source = format!("//! {}\npub fn answer() -> u32 {{\n    42\n}}\n", self.name.escape_unicode());
        [
            (Language::Rust.root(), source),
            (tree::CONFIG, "lr = 0.1\n[small]\nlr = 0.2\n".to_owned()),
            (tree::SUBMISSION, about),
        ]
        .map(|(path, text)| (path.to_owned(), text.into_bytes()))
        .into()
    }

    pub fn zip(&self) -> Vec<u8> {
        zip(&self.files())
    }

    fn tree(&self) -> Tree {
        Tree { files: self.files() }
    }

    pub fn new(name: &str, hits: &[(&'static str, u64)]) -> Self {
        let scales: Vec<_> = hits.iter().map(|(scale, _)| *scale).collect();
        Self {
            name: name.to_owned(),
            team: "Lakeside".to_owned(),
            hits: hits.to_vec(),
            release: OwnRelease::small(&scales),
            round: Round::practice(),
            seeds: Round::practice(),
            forge: |_| (),
        }
    }
}

/// A round that is not the practice round.
pub fn real_round(name: &str) -> Round {
    let [secret, beacon] = ["8f3b0c6d92e14a75b8c0d1f2e3a49576", "2e1c5bb8f04a4ad39d2c70e9a4b4a1b0"];
    let text = format!("competition = \"lakes\"\nround = \"{name}\"\nsecret = \"{secret}\"\nbeacon = \"{beacon}\"\n");
    Round::parse(&text).unwrap()
}

pub fn key(name: &str, seed: u8) -> SecretKey {
    SecretKey::new(name, Role::Certify, &[seed; 32]).unwrap()
}

pub fn trust(keys: &[&SecretKey]) -> Trust {
    Trust { keys: keys.iter().map(|key| key.public().clone()).collect() }
}

pub fn certificate(statement: &Statement, key: &SecretKey) -> Vec<u8> {
    canonical::to_file(&envelope::seal(statement, None, key).unwrap()).unwrap()
}

/// What `sign` is told of a statement, by whoever has this release and its golden.
pub fn judged(
    statement: &Statement,
    files: &dyn Files,
    release: &OwnRelease,
    round: Option<&Round>,
) -> Verdict<Counts> {
    let (release, goldens) = (release.release(), [release.golden()]);
    judge(statement, files, &Ground { release: &release, round, announced: None, goldens: &goldens }).unwrap()
}

/// What `verify` is told of a certificate.
pub fn verified(bytes: &[u8], trust: &Trust, files: &dyn Files, release: &OwnRelease) -> Verdict<Verified> {
    verified_part(bytes, trust, files, release, &Part::Kept)
}

/// What `verify --only` is told of a certificate.
pub fn verified_part(
    bytes: &[u8],
    trust: &Trust,
    files: &dyn Files,
    release: &OwnRelease,
    part: &Part,
) -> Verdict<Verified> {
    let (release, goldens) = (release.release(), [release.golden()]);
    verify(bytes, trust, files, part, &Ground { release: &release, round: None, announced: None, goldens: &goldens })
        .unwrap()
}

/// What another release may have stated, properly signed.
pub fn signed(payload: &serde_json::Value, key: &SecretKey) -> Vec<u8> {
    let payload = canonical::to_bytes(payload).unwrap();
    let sig = BASE64.encode(key.sign(&envelope::pre_authentication(PAYLOAD_TYPE, &payload)));
    let signatures = vec![Signature { keyid: key.public().id(), sig }];
    let envelope = Envelope { payload: BASE64.encode(&payload), payload_type: PAYLOAD_TYPE.to_owned(), signatures };
    canonical::to_file(&envelope).unwrap()
}

/// An entry that passed, with every file.
pub fn passed(wish: &Wish) -> (Statement, Folder) {
    let mut folder = Folder::default();
    let mut runs = Vec::new();
    for (scale, hits) in &wish.hits {
        for repeat in 1..=wish.release.protocol().scale(scale).unwrap().seeds {
            runs.push(run(&mut folder, wish, RunName { scale, repeat }, *hits));
        }
    }
    sources(&mut folder, wish);
    (statement(wish, StatedOutcome::Pass, stages(wish, Track::Algorithm.stages().len()), runs, &folder), folder)
}

/// The first stages: what the gate says, and that all else went as it should.
fn stages(wish: &Wish, count: usize) -> Vec<Stage> {
    let gate = gate::judge(&wish.zip(), wish.release.frozen, None).unwrap();
    let stage = |(index, name): (usize, &&str)| {
        let note = gate.stages.get(index).map_or("as it should", |stage| &stage.note);
        Stage { name: (*name).into(), value: StageValue::Pass, note: note.into() }
    };
    Track::Algorithm.stages()[..count].iter().enumerate().map(stage).collect()
}

/// A ZIP as `maxclip pack` writes it.
pub fn zip(files: &BTreeMap<String, Vec<u8>>) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .last_modified_time(zip::DateTime::default())
        .unix_permissions(0o644);
    for (path, bytes) in files {
        writer.start_file(path, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// An entry that failed in its trial.
pub fn failed(wish: &Wish) -> (Statement, Folder) {
    let mut stages = stages(wish, 6);
    let finding = Finding::new(Rule::Diverged, "small/1, step 3: parameters/b.weight")
        .expected("loss 5.5 (0x40b00000)")
        .found("loss 5.25 (0x40a80000)");
    stages[5].value = StageValue::Fail(vec![finding]);
    let mut folder = Folder::default();
    sources(&mut folder, wish);
    (statement(wish, StatedOutcome::Fail, stages, vec![], &folder), folder)
}

/// The ZIP, the worker's object and the golden's record.
fn sources(folder: &mut Folder, wish: &Wish) {
    folder.0.insert(GOLDEN.into(), canonical::to_file(&wish.release.golden()).unwrap());
    folder.0.insert(OBJECT.into(), b"object".to_vec());
    folder.0.insert(ARCHIVE.into(), wish.zip());
}

fn statement(wish: &Wish, outcome: StatedOutcome, stages: Vec<Stage>, runs: Vec<Run>, folder: &Folder) -> Statement {
    let submission = Submission {
        archive: Sha256::of(&wish.zip()),
        tree: Some(wish.tree().digest()),
        object: Some(WorkerDigest(Sha256::of(b"object").0)),
    };
    let mut subject = vec![submission_subject(&submission)];
    subject.extend(files(folder));
    let against = Against {
        protocol: "mini".into(),
        protocol_digest: Protocol::parse(&wish.release.text).unwrap().1,
        frozen: wish.release.frozen.digest(),
        release: wish.release.judge,
        libtorch: Some(LibtorchDigest([4; 32])),
        rustc: Some("1.95.0 (59807616e 2026-04-14)".into()),
        class: Some(NumericsClass([3; 32])),
        golden: Some(Blake3::of(b"golden")),
    };
    predicate::state(
        subject,
        Certificate {
            outcome,
            round: wish.round.public(),
            entry: EntryLabel {
                name: wish.name.clone(),
                team: wish.team.clone(),
                organization: "Lake University".into(),
                writeup: "https://example.org/writeup".into(),
                contact: "team@example.org".into(),
            },
            submission,
            against,
            containment: walls(),
            stages,
            runs,
        },
    )
}
