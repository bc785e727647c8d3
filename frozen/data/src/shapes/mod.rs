//! The `shapes` data: coloured figures on plain grounds, with captions, drawn from a seed.
//!
//! It stands in for photographs where a whole competition is to be played in minutes: three nested training
//! sets and two evaluation tasks, a few megabytes, written in a fraction of a second. All arithmetic is on
//! integers and PNGs are stored uncompressed, so the bytes are the same everywhere; a test pins the roots.

mod draw;
mod scene;

use std::path::Path;

use numerics::{Permutation, Seed, Stream};
use records::{
    DataRoot,
    file::{self, FileError},
};

use crate::{
    DataError, Uid, index,
    writer::{Naming, ShardLimits, ShardWriter},
};
use scene::{CLASSES, SCENES, Scene};

/// What is generated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Everything is drawn from it.
    pub seed: Seed,
    /// Training sets: folder name and samples. Each holds the samples of those with fewer.
    pub sets: Vec<(String, u64)>,
    /// Folder and images of the classification task.
    pub classification: (String, u64),
    /// Folder and images of the retrieval task: at most 192, all different.
    pub retrieval: (String, u64),
}

impl Spec {
    /// The data of protocol `mini`.
    #[must_use]
    pub fn mini() -> Self {
        let set = |name: &str, samples| (name.to_owned(), samples);
        Self {
            seed: Seed(*b"shapes: figures, drawn for mini."),
            sets: vec![set("shapes-small", 256), set("shapes-medium", 512), set("shapes-large", 1024)],
            classification: set("shapes-classification", 500),
            retrieval: set("shapes-retrieval", 100),
        }
    }
}

/// Samples of a shard: few, so that the smallest set has several.
const SHARD: ShardLimits = ShardLimits { samples: 100, ..ShardLimits::USUAL };

/// Writes training sets, indexed, and tasks into a home; gives the training sets' names and identities.
pub fn generate(home: &Path, spec: &Spec) -> Result<Vec<(String, DataRoot)>, DataError> {
    let mut roots = Vec::new();
    for (name, samples) in &spec.sets {
        roots.push((name.clone(), training(&home.join(name), *samples, &spec.seed)?));
    }
    classification(&home.join(&spec.classification.0), spec.classification.1, &spec.seed)?;
    retrieval(&home.join(&spec.retrieval.0), spec.retrieval.1, &spec.seed)?;
    Ok(roots)
}

fn training(dir: &Path, samples: u64, seed: &Seed) -> Result<DataRoot, DataError> {
    let mut writer = ShardWriter::new(dir, Naming::Padded, SHARD);
    for number in 0..samples {
        let mut stream = seed.stream("training", &[number]);
        let uid = Uid(((u128::from(stream.word()) << 64) | u128::from(stream.word())).to_be_bytes());
        let scene = Scene::of_class(number % CLASSES, &mut stream);
        let caption = scene.caption(&mut stream);
        writer.pair(&format!("{number:09}"), uid, "png", &picture(&scene, &mut stream, dir)?, &caption)?;
    }
    writer.finish()?;
    index::build(dir, &mut |_| ())
}

fn classification(dir: &Path, images: u64, seed: &Seed) -> Result<(), DataError> {
    let mut writer = ShardWriter::new(&dir.join("test"), Naming::Plain, ShardLimits::USUAL);
    for number in 0..images {
        let mut stream = seed.stream("classification", &[number]);
        let class = number % CLASSES;
        let scene = Scene::of_class(class, &mut stream);
        let image = picture(&scene, &mut stream, dir)?;
        writer.sample(&format!("s{number:07}"), &[("png", &image), ("cls", class.to_string().as_bytes())])?;
    }
    let names: Vec<String> = (0..CLASSES).map(scene::class_name).collect();
    finish_task(dir, writer)?;
    lines(&dir.join("classnames.txt"), &names)?;
    lines(&dir.join("zeroshot_classification_templates.txt"), &scene::TEMPLATES.map(str::to_owned))
}

fn retrieval(dir: &Path, images: u64, seed: &Seed) -> Result<(), DataError> {
    let mut writer = ShardWriter::new(&dir.join("test"), Naming::Plain, ShardLimits::USUAL);
    let scenes = Permutation::new(SCENES, seed, "retrieval.scenes", &[]);
    for number in 0..images.min(SCENES) {
        let mut stream = seed.stream("retrieval", &[number]);
        let scene = Scene::of_number(scenes.apply(number));
        let image = picture(&scene, &mut stream, dir)?;
        let captions = scene.full_captions().join("\n");
        writer.sample(&format!("s{number:07}"), &[("png", &image), ("txt", captions.as_bytes())])?;
    }
    finish_task(dir, writer)?;
    lines(&dir.join("dataset_type.txt"), &["retrieval".to_owned()])
}

fn finish_task(dir: &Path, writer: ShardWriter) -> Result<(), DataError> {
    let shards = writer.finish()?;
    lines(&dir.join("test/nshards.txt"), &[shards.to_string()])
}

fn lines(path: &Path, lines: &[String]) -> Result<(), DataError> {
    Ok(file::write(path, (lines.join("\n") + "\n").as_bytes())?)
}

fn picture(scene: &Scene, stream: &mut Stream, dir: &Path) -> Result<Vec<u8>, DataError> {
    let drawn = draw::png(scene, stream).map_err(std::io::Error::other);
    Ok(drawn.map_err(FileError::at("draw an image for", dir))?)
}
