//! A small evidence folder that is consistent in every part, made without libtorch: what the tests damage.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::{
    collections::BTreeMap,
    io::{Cursor, Write as _},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use records::{
    Blake3, DataRoot, Finding, LibtorchDigest, NumericsClass, ReleaseDigest, Rule, RunDigest, SeedDigest, Sha256,
    TreeDigest, Verdict, WorkerDigest, canonical,
    v1::{
        checkpoint::{CHECKPOINT_FORMAT, Manifest, TensorFile, TensorLeaf, leaf},
        evaluation::{self, BLOCKS, Real, Score, Stated, TaskResult},
        golden::Golden,
        names::RunName,
        protocol::{Protocol, Task},
        run::{RUN_FORMAT, ResolvedRun},
        statement::{
            Against, Certificate, Entry, Envelope, Outcome, PAYLOAD_TYPE, Run, Signature, Stage, StageValue, Statement,
            Subject, Submission,
        },
        track::Track,
        transcript::{self, Header, Line, TRANSCRIPT_FORMAT, row_digest},
    },
};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::json;
use verifier::{
    certificate::{Ground, Verified, judge, submission_subject, verify},
    envelope,
    evidence::{ARCHIVE, CONTAINMENT, Counts, Files, GOLDEN, OBJECT, Opened, ReadError, part::Part},
    frozen::FrozenTree,
    gate,
    keys::{Role, SecretKey, Trust},
    predicate,
    release::Release,
    round::Round,
    tree::{self, Tree},
};

pub const STEPS: u64 = 4;
pub const TASKS: [&str; 2] = ["shapes-classification", "shapes-retrieval"];
const TENSORS: [(&str, &[u64]); 4] =
    [("a.bias", &[6]), ("b.weight", &[9, 7]), ("c.weight", &[30, 40]), ("logit_scale", &[])];

/// Files by path, as the verifier reads them.
#[derive(Clone, Default)]
pub struct Folder(pub BTreeMap<String, Vec<u8>>);

impl Files for Folder {
    fn open(&self, path: &str) -> Result<Opened<'_>, ReadError> {
        let bytes = self.0.get(path).ok_or(ReadError::Missing)?;
        Ok(Opened { size: bytes.len() as u64, content: Box::new(Cursor::new(&bytes[..])) })
    }
}

/// What a release judges by.
#[derive(Clone)]
pub struct Law {
    pub text: String,
    pub model: String,
    pub frozen: &'static FrozenTree<'static>,
    pub baseline: TreeDigest,
    pub judge: ReleaseDigest,
}

impl Law {
    /// A release of its own, with one protocol of a few steps and one training a scale.
    pub fn small(scales: &[&str]) -> Self {
        Self::repeated(scales, 1)
    }

    /// As [`Law::small`], with so many trainings a scale.
    pub fn repeated(scales: &[&str], seeds: u32) -> Self {
        let (text, model) = (small_protocol(scales, seeds), "{}\n".to_owned());
        let frozen = frozen_tree(&text, &model);
        Self { text, model, frozen, baseline: TreeDigest([9; 32]), judge: ReleaseDigest([7; 32]) }
    }

    pub fn release(&self) -> Release<'static> {
        Release::of(self.judge, self.frozen, self.baseline).unwrap()
    }

    /// The golden of this release.
    pub fn golden(&self) -> Golden {
        let (protocol, protocol_digest) = Protocol::parse(&self.text).unwrap();
        Golden {
            protocol: protocol.name,
            protocol_digest,
            frozen: self.frozen.digest(),
            tree: self.baseline,
            class: NumericsClass([3; 32]),
            steps: protocol.golden.steps,
            transcript: Blake3::of(b"golden"),
        }
    }

    fn protocol(&self) -> Protocol {
        Protocol::parse(&self.text).unwrap().0
    }
}

/// A frozen tree that lasts as long as the tests.
pub fn frozen_tree(text: &str, model: &str) -> &'static FrozenTree<'static> {
    let (manifest, contents) = manifest::pack(&frozen_files(text, model));
    let (manifest, contents) = (Box::leak(manifest.into_boxed_str()), Box::leak(contents.into_boxed_slice()));
    Box::leak(Box::new(FrozenTree::new(manifest, contents).unwrap()))
}

fn frozen_files(text: &str, model: &str) -> BTreeMap<String, Vec<u8>> {
    [("frozen/protocols/mini.toml", text), ("frozen/protocols/models/mini.json", model)]
        .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
        .into()
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
    pub law: Law,
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
        [(tree::ROOT, source), (tree::CONFIG, "lr = 0.1\n[small]\nlr = 0.2\n".to_owned()), (tree::SUBMISSION, about)]
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
            law: Law::small(&scales),
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
pub fn judged(statement: &Statement, files: &dyn Files, law: &Law, round: Option<&Round>) -> Verdict<Counts> {
    let (release, goldens) = (law.release(), [law.golden()]);
    judge(statement, files, &Part::Whole, &Ground { release: &release, round, goldens: &goldens }).unwrap()
}

/// What `verify` is told of a certificate.
pub fn verified(bytes: &[u8], trust: &Trust, files: &dyn Files, law: &Law) -> Verdict<Verified> {
    verified_part(bytes, trust, files, law, &Part::Kept)
}

/// What `verify --only` is told of a certificate.
pub fn verified_part(bytes: &[u8], trust: &Trust, files: &dyn Files, law: &Law, part: &Part) -> Verdict<Verified> {
    let (release, goldens) = (law.release(), [law.golden()]);
    verify(bytes, trust, files, part, &Ground { release: &release, round: None, goldens: &goldens }).unwrap()
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
        for repeat in 1..=wish.law.protocol().scale(scale).unwrap().seeds {
            runs.push(run(&mut folder, wish, RunName { scale, repeat }, *hits));
        }
    }
    sources(&mut folder, wish);
    (statement(wish, Outcome::Pass, stages(wish, Track::Algorithm.stages().len()), runs, &folder), folder)
}

/// The first stages: what the gate says, and that all else went as it should.
fn stages(wish: &Wish, count: usize) -> Vec<Stage> {
    let gate = gate::judge(&wish.zip(), wish.law.frozen, None).unwrap();
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
    (statement(wish, Outcome::Fail, stages, vec![], &folder), folder)
}

/// The ZIP, the worker's object and the golden's record.
fn sources(folder: &mut Folder, wish: &Wish) {
    folder.0.insert(GOLDEN.into(), canonical::to_file(&wish.law.golden()).unwrap());
    folder.0.insert(OBJECT.into(), b"object".to_vec());
    folder.0.insert(ARCHIVE.into(), wish.zip());
}
/// What the ZIP's configuration comes to at a scale.
fn config(scale: &str) -> &'static str {
    if scale == "small" { "{\"lr\":0.2}" } else { "{\"lr\":0.1}" }
}

fn small_protocol(scales: &[&str], seeds: u32) -> String {
    let scale = |name: &&str| {
        let root = DataRoot(Blake3::of(name.as_bytes()).0);
        format!(
            "[[scale]]\nname = \"{name}\"\ndata = \"shapes-{name}\"\nroot = \"{root}\"\nsamples = 16\nsteps = {STEPS}\n\
             seeds = {seeds}\nspread = 0.04\n"
        )
    };
    let task = |name: &str| format!("[[evaluation.task]]\nname = \"{name}\"\nroot = \"{}\"\n", DataRoot([5; 32]));
    let scales: String = scales.iter().map(scale).collect();
    format!(
        "name = \"mini\"\nabout = \"x\"\ntrack = \"algorithm\"\nmodel = \"mini\"\n[batch]\nglobal = 8\nmicro = 1\n[order]\nblock_samples = 1\n\
         [augmentation]\nscale = [0.9, 1.0]\nratio = [0.75, 1.25]\n[checkpoint]\nevery_steps = 4\n[golden]\nsteps = 2\n\
         [trial]\nsteps = 2\n[state]\ncolumn_values_max = 1\nglobal_values_max = 1\nlearnable_values_max = 1\nslots_max = 1\n\
         [worker]\ncpu_seconds = 1\nmemory_mib = 1\ncell_lanes_max = 1\n[evaluation]\nbatch = 4\n{}{scales}",
        TASKS.map(task).concat()
    )
}

fn values(name: &str, count: u64, step: u64) -> Vec<f32> {
    (0..count).map(|i| (i as f32 + 1.0) * 0.37 - step as f32 * 0.01 + name.len() as f32).collect()
}

fn run(folder: &mut Folder, wish: &Wish, name: RunName<'_>, hits: u64) -> Run {
    let (protocol, protocol_digest) = Protocol::parse(&wish.law.text).unwrap();
    let scale = protocol.scale(name.scale).unwrap();
    let count = scale.steps;
    let seed = wish.seeds.seed(&protocol_digest, name);
    let mut resolved = ResolvedRun {
        format: RUN_FORMAT.into(),
        protocol_digest,
        protocol: wish.law.text.clone(),
        model: wish.law.model.clone(),
        scale: name.scale.into(),
        repeat: name.repeat,
        data: scale.root,
        frozen: wish.law.frozen.digest(),
        tree: wish.tree().digest(),
        config: config(name.scale).into(),
        seed: Sha256(seed.0).bare(),
        class: NumericsClass([3; 32]),
    };
    (wish.forge)(&mut resolved);
    let digest = resolved.digest().unwrap();
    let mut put = |file: &str, bytes: Vec<u8>| folder.0.insert(format!("{name}/{file}"), bytes);
    put("run.json", canonical::to_file(&resolved).unwrap());
    put("model.json", resolved.model.into_bytes());
    put(CONTAINMENT, canonical::to_file(&walls()).unwrap());
    let (lines, rows, chain) = steps(digest, wish, count);
    let root = transcript::root(&lines);
    put("transcript.jsonl", lines);
    put("fingerprints.bin", rows);
    let (model, manifest) = checkpoint(count, chain);
    put("published/model.safetensors", model.clone());
    put("published/manifest.json", canonical::to_file(&manifest).unwrap());
    put(&format!("checkpoints/{count}/model.safetensors"), model);
    put(&format!("checkpoints/{count}/manifest.json"), canonical::to_file(&manifest).unwrap());
    let (results, scores) = results(&protocol, hits, manifest.root);
    put("eval_results.jsonl", results);
    Run {
        scale: name.scale.into(),
        repeat: name.repeat,
        seed: SeedDigest::of(&seed.0),
        run: digest,
        data: resolved.data,
        steps: count,
        lines: count + 1,
        transcript: root,
        chain,
        checkpoint: manifest.root,
        mean: evaluation::mean(&scores),
        scores,
    }
}

/// What stands around every worker.
pub fn walls() -> Vec<String> {
    ["seccomp:25", "no-new-privs", "rlimits", "descriptors", "tsc-off", "namespaces:user,pid,net", "landlock:7"]
        .map(str::to_owned)
        .to_vec()
}

fn steps(run: RunDigest, wish: &Wish, count: u64) -> (Vec<u8>, Vec<u8>, Blake3) {
    let mut columns = vec!["embeddings/image".to_owned(), "embeddings/text".to_owned()];
    for (name, _) in TENSORS {
        columns.push(if name == "logit_scale" {
            "learnables/log_scale".to_owned()
        } else {
            format!("parameters/{name}")
        });
    }
    let header = Header { format: TRANSCRIPT_FORMAT.into(), run, columns };
    let (mut lines, mut rows) = (canonical::to_file(&header).unwrap(), Vec::new());
    let mut chain = header.chain().unwrap();
    for step in 0..count {
        let mut row = vec![step.wrapping_mul(0x9e37_79b9_7f4a_7c15), 77];
        for (name, shape) in TENSORS {
            row.push(numerics::fingerprint(&values(name, shape.iter().product(), step + 1)));
        }
        let line = Line {
            step,
            epoch: step / 2,
            ids: Blake3::of(&step.to_le_bytes()),
            loss: (5.55 - step as f32 * 0.05 - wish.name.len() as f32 * 0.01).into(),
            diagnostics: BTreeMap::from([("tau".to_owned(), (0.07 - step as f32 * 0.0005).into())]),
            fingerprints: row_digest(&row),
            chain,
        };
        let line = line.chained(chain).unwrap();
        chain = line.chain;
        lines.extend(canonical::to_file(&line).unwrap());
        rows.extend(row.iter().flat_map(|word| word.to_le_bytes()));
    }
    (lines, rows, chain)
}

fn checkpoint(step: u64, chain: Blake3) -> (Vec<u8>, Manifest) {
    let bytes: BTreeMap<&str, Vec<u8>> = TENSORS
        .iter()
        .map(|(name, shape)| {
            (*name, values(name, shape.iter().product(), step).iter().flat_map(|value| value.to_le_bytes()).collect())
        })
        .collect();
    let views = TENSORS.iter().map(|(name, shape)| {
        let shape = shape.iter().map(|&length| length as usize).collect();
        (name.to_string(), TensorView::new(Dtype::F32, shape, &bytes[name]).unwrap())
    });
    let model = safetensors::serialize(views, None).unwrap();
    let tensors = TENSORS
        .iter()
        .map(|(name, shape)| TensorLeaf {
            name: name.to_string(),
            dtype: "F32".into(),
            shape: shape.to_vec(),
            leaf: leaf(name, "F32", shape, &bytes[name]),
        })
        .collect();
    let file = TensorFile {
        name: "model.safetensors".into(),
        length: model.len() as u64,
        sha256: Sha256::of(&model),
        tensors,
    };
    let mut manifest =
        Manifest { format: CHECKPOINT_FORMAT.into(), step, chain, files: vec![file], root: Blake3([0; 32]) };
    manifest.root = manifest.computed_root();
    (model, manifest)
}

/// So many hits of 500 images, the first ones.
fn stated(hits: u64, checkpoint: Blake3, data: DataRoot) -> Stated {
    let real = |value: f64| Real::new(value).unwrap();
    let share = hits as f64 / 500.0;
    let mut blocks = [0; BLOCKS];
    (0..hits as usize).for_each(|at| blocks[at % BLOCKS] += 1);
    Stated {
        value: real(share),
        variance: real(share * (1.0 - share) / 499.0),
        items: 500,
        blocks: blocks.map(|hits| real(f64::from(hits) / 500.0)),
        ties: 2,
        checkpoint,
        data,
    }
}

fn results(protocol: &Protocol, hits: u64, checkpoint: Blake3) -> (Vec<u8>, Vec<Score>) {
    let mut file = Vec::new();
    let mut scores = Vec::new();
    for Task { name: task, root } in &protocol.evaluation.tasks {
        let stated = stated(hits, checkpoint, *root);
        let metrics = json!({"acc1": stated.value.value(), "main_metric": stated.value.value(), "acc5": null});
        let result = TaskResult {
            key: task.clone(),
            dataset: task.to_uppercase(),
            metrics: metrics.as_object().unwrap().clone(),
            maxclip: stated,
        };
        let line = [serde_json::to_vec(&result).unwrap(), b"\n".to_vec()].concat();
        scores.push(Score::of(&result, Blake3::of(&line)));
        file.extend(line);
    }
    (file, scores)
}

fn statement(wish: &Wish, outcome: Outcome, stages: Vec<Stage>, runs: Vec<Run>, folder: &Folder) -> Statement {
    let submission = Submission {
        archive: Sha256::of(&wish.zip()),
        tree: Some(wish.tree().digest()),
        object: Some(WorkerDigest(Sha256::of(b"object").0)),
    };
    let mut subject = vec![submission_subject(&submission)];
    subject.extend(files(folder));
    let against = Against {
        protocol: "mini".into(),
        protocol_digest: Protocol::parse(&wish.law.text).unwrap().1,
        frozen: wish.law.frozen.digest(),
        release: wish.law.judge,
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
            entry: Entry {
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
