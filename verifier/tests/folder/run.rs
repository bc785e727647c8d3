//! One training of an entry, with every file that it leaves behind.

use std::collections::BTreeMap;

use records::{
    Blake3, DataRoot, NumericsClass, RunDigest, SeedDigest, Sha256, canonical,
    v1::{
        checkpoint::{Manifest, TensorFile, TensorLeaf, leaf},
        evaluation::{self, BLOCKS, Real, Score, Stated, TaskResult},
        names::{CONTAINMENT, FINGERPRINTS, MANIFEST, MODEL, RESULTS, RUN, RunName, TRANSCRIPT, WEIGHTS},
        protocol::{Protocol, Task},
        run::{RUN_FORMAT, ResolvedRun},
        statement::Run,
        transcript::{self, Header, Line, TRANSCRIPT_FORMAT, row_digest},
    },
};
use safetensors::{Dtype, tensor::TensorView};
use serde_json::json;

use super::{Folder, Wish};

const TENSORS: [(&str, &[u64]); 4] =
    [("a.bias", &[6]), ("b.weight", &[9, 7]), ("c.weight", &[30, 40]), ("logit_scale", &[])];

/// What the ZIP's configuration comes to at a scale.
fn config(scale: &str) -> &'static str {
    if scale == "small" { "{\"lr\":0.2}" } else { "{\"lr\":0.1}" }
}

fn values(name: &str, count: u64, step: u64) -> Vec<f32> {
    (0..count).map(|i| (i as f32 + 1.0) * 0.37 - step as f32 * 0.01 + name.len() as f32).collect()
}

/// Trains: puts the files into the folder, and gives what a statement says of them.
pub fn run(folder: &mut Folder, wish: &Wish, name: RunName<'_>, hits: u64) -> Run {
    let (protocol, protocol_digest) = Protocol::parse(&wish.release.text).unwrap();
    let scale = protocol.scale(name.scale).unwrap();
    let count = scale.steps;
    let seed = wish.seeds.seed(&protocol_digest, name);
    let mut resolved = ResolvedRun {
        format: RUN_FORMAT.into(),
        protocol_digest,
        protocol: wish.release.text.clone(),
        model: wish.release.model.clone(),
        scale: name.scale.into(),
        repeat: name.repeat,
        data: scale.root,
        frozen: wish.release.frozen.digest(),
        tree: wish.tree().digest(),
        config: config(name.scale).into(),
        seed: Sha256(seed.0).bare(),
        class: NumericsClass([3; 32]),
    };
    (wish.forge)(&mut resolved);
    let digest = resolved.digest().unwrap();
    let mut put = |file: &str, bytes: Vec<u8>| folder.0.insert(format!("{name}/{file}"), bytes);
    put(RUN, canonical::to_file(&resolved).unwrap());
    put(MODEL, resolved.model.into_bytes());
    put(CONTAINMENT, canonical::to_file(&walls()).unwrap());
    let (lines, rows, chain) = steps(digest, wish, count);
    let root = transcript::root(&lines);
    put(TRANSCRIPT, lines);
    put(FINGERPRINTS, rows);
    let (model, manifest) = checkpoint(count, chain);
    for place in ["published".to_owned(), format!("checkpoints/{count}")] {
        put(&format!("{place}/{WEIGHTS}"), model.clone());
        put(&format!("{place}/{MANIFEST}"), canonical::to_file(&manifest).unwrap());
    }
    let (results, scores) = results(&protocol, hits, manifest.root);
    put(RESULTS, results);
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
    let file = TensorFile { name: WEIGHTS.into(), length: model.len() as u64, sha256: Sha256::of(&model), tensors };
    (model, Manifest::new(step, chain, vec![file]))
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
    let result = |Task { name: task, root }: &Task| {
        let stated = stated(hits, checkpoint, *root);
        let metrics = json!({"acc1": stated.value.value(), "main_metric": stated.value.value(), "acc5": null});
        TaskResult {
            key: task.clone(),
            dataset: task.to_uppercase(),
            metrics: metrics.as_object().unwrap().clone(),
            maxclip: stated,
        }
    };
    lines(protocol.evaluation.tasks.iter().map(result))
}

/// Results as they lie in a file, and what a statement says of them.
pub fn lines(results: impl IntoIterator<Item = TaskResult>) -> (Vec<u8>, Vec<Score>) {
    let (mut file, mut scores) = (Vec::new(), Vec::new());
    for result in results {
        let line = [serde_json::to_vec(&result).unwrap(), b"\n".to_vec()].concat();
        scores.push(Score::of(&result, Blake3::of(&line)));
        file.extend(line);
    }
    (file, scores)
}
