//! One task from its samples to its line of `eval_results.jsonl`.

use std::io::Write as _;

use data::pixels;
use records::{
    Blake3, DataRoot, Finding, Reason, Rule, Stop,
    v1::{evaluation::TaskResult, progress},
};
use tasks::{
    FETCH_AGAIN, FeatureError, Features, Inputs, LayoutError, Metrics, Target, TaskData, TaskKind, TaskSample,
    classification, retrieval,
};

use crate::encode::{Encoded, Encoder};

/// How far a task is, as JSON lines on stdout.
pub struct TaskProgress {
    task: String,
    done: u64,
    of: u64,
}

impl TaskProgress {
    /// Nothing done yet of so many images.
    pub fn new(task: &str, of: u64) -> Self {
        Self { task: task.to_owned(), done: 0, of }
    }

    fn add(&mut self, images: usize) {
        self.done += images as u64;
        let line = progress::ImagesDone { task: self.task.clone(), done: self.done, of: self.of };
        let Ok(line) = serde_json::to_string(&progress::ProgressLine::Task(line)) else { return };
        let mut stdout = std::io::stdout().lock();
        // A reader that has gone away must not stop an evaluation: the result is a file.
        writeln!(stdout, "{line}").and_then(|()| stdout.flush()).ok();
    }
}

/// Why a visit to a task's samples ended before the last: data that are damaged are the machine's to repair.
struct Unscored(Stop);

impl From<LayoutError> for Unscored {
    fn from(error: LayoutError) -> Self {
        Self(error.reason().into())
    }
}

/// Scores one task, whose data must be those of a root: a score on others is no score of that task.
pub fn score(
    task: &TaskData,
    root: DataRoot,
    encoder: &Encoder,
    checkpoint: Blake3,
    progress: TaskProgress,
) -> Result<TaskResult, Stop> {
    let mut rows = Rows::new(task, encoder, progress);
    let data = task.visit(|sample| rows.add(sample).map_err(Unscored)).map_err(|unscored| unscored.0)?;
    if data != root {
        let why = format!("task `{}` is {root}, its folder holds {data}", task.about.key);
        return Err(Reason { why, hint: FETCH_AGAIN.to_owned() }.into());
    }
    let metrics = rows.finish()?;
    Ok(metrics.result(&task.about, checkpoint, data)?)
}

/// What has been encoded of a task's samples, and what waits for a full batch.
struct Rows<'a> {
    task: &'a TaskData,
    encoder: &'a Encoder,
    progress: TaskProgress,
    pixels: Vec<u8>,
    waiting: usize,
    images: Features,
    samples: Vec<Seen>,
}

/// What is known of a sample besides its pixels.
struct Seen {
    key: String,
    image: Blake3,
    target: Target,
}

impl<'a> Rows<'a> {
    fn new(task: &'a TaskData, encoder: &'a Encoder, progress: TaskProgress) -> Self {
        let images = encoder.features();
        Self { task, encoder, progress, pixels: Vec::new(), waiting: 0, images, samples: Vec::new() }
    }

    fn add(&mut self, sample: TaskSample) -> Result<(), Stop> {
        let TaskSample { key, image: bytes, target } = sample;
        let image = pixels::decode(&bytes).map_err(|error| {
            let why = format!("task `{}`, sample `{key}`: {error}", self.task.about.key);
            Reason { why, hint: FETCH_AGAIN.to_owned() }
        })?;
        self.pixels.extend(pixels::resize_crop(&image, self.encoder.side() as u32));
        self.waiting += 1;
        self.samples.push(Seen { key, image: Blake3::of(&bytes), target });
        if self.waiting == self.encoder.batch() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Stop> {
        let encoded = self.encoder.images(&self.pixels, &mut self.images);
        named(self.task, "image", encoded)?;
        self.progress.add(self.waiting);
        self.pixels.clear();
        self.waiting = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Metrics, Stop> {
        if self.waiting > 0 {
            self.flush()?;
        }
        self.sort();
        match self.task.about.kind {
            TaskKind::Classification => self.classify(),
            TaskKind::Retrieval => self.retrieve(),
        }
    }

    /// Puts the samples into the order of their keys: which shard one lies in must not decide its block, nor
    /// which of two identical inputs is the first.
    fn sort(&mut self) {
        let mut order: Vec<_> = (0..self.samples.len()).collect();
        order.sort_by(|&a, &b| self.samples[a].key.cmp(&self.samples[b].key));
        self.images = self.images.reordered(&order);
        self.samples.sort_by(|a, b| a.key.cmp(&b.key));
    }

    fn classify(&self) -> Result<Metrics, Stop> {
        let prompts: Vec<_> = self.task.prompts().collect();
        let classifier = self.texts(&prompts)?.classifier(self.task.templates.len());
        let classifier = classifier.map_err(|source| refused(self.task, "text", source))?;
        let classes = Inputs::new(classifier, &self.task.classes)?;
        let label = |sample: &Seen| match sample.target {
            Target::Class(label) => Some(label),
            Target::Captions(_) => None,
        };
        let labels: Vec<_> = self.samples.iter().filter_map(label).collect();
        Ok(classification(&self.images, &labels, &classes)?)
    }

    fn retrieve(self) -> Result<Metrics, Stop> {
        let (mut captions, mut image_of_caption) = (Vec::new(), Vec::new());
        for (row, sample) in self.samples.iter().enumerate() {
            if let Target::Captions(own) = &sample.target {
                image_of_caption.extend(own.iter().map(|_| row));
                captions.extend_from_slice(own);
            }
        }
        let texts = Inputs::new(self.texts(&captions)?, &captions)?;
        let prints = self.samples.iter().map(|sample| sample.image);
        let images = Inputs::new(self.images, prints)?;
        Ok(retrieval(&images, &texts, &image_of_caption)?)
    }

    fn texts(&self, texts: &[String]) -> Result<Features, Stop> {
        let mut features = self.encoder.features();
        for batch in texts.chunks(self.encoder.batch()) {
            named(self.task, "text", self.encoder.texts(batch, &mut features))?;
        }
        Ok(features)
    }
}

fn named(task: &TaskData, tower: &'static str, encoded: Encoded) -> Result<(), Stop> {
    encoded?.map_err(|source| refused(task, tower, source))
}

/// Features that cannot be scored: that is the checkpoint's, not the machine's.
fn refused(task: &TaskData, tower: &'static str, source: FeatureError) -> Stop {
    let place = format!("task `{}`, {tower} features", task.about.key);
    Finding::new(Rule::NonFinite, place).found(source).into()
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use clip::NamedValues;
    use records::Exit;

    use super::*;
    use crate::checkpoint::{
        CheckpointWeights,
        tests::{config, write},
    };

    /// The tasks of protocol mini with fewer images, and no training data.
    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let mut spec = data::shapes::Spec::mini();
        spec.sets.clear();
        (spec.classification.1, spec.retrieval.1) = (40, 40);
        data::shapes::generate(home.path(), &spec).unwrap();
        home
    }

    fn run(home: &Path, name: &str, edit: impl Fn(&mut NamedValues)) -> Result<TaskResult, Stop> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), edit);
        let checkpoint = CheckpointWeights::read(folder.path())?;
        let task = TaskData::open(home, name).unwrap();
        let encoder = Encoder::new(&config(), checkpoint.values, 16)?;
        score(&task, task.root().unwrap(), &encoder, checkpoint.root, TaskProgress::new(name, 40))
    }

    #[test]
    fn random_weights_score_and_score_again_the_same() {
        let home = home();
        for name in ["shapes-classification", "shapes-retrieval"] {
            let first = run(home.path(), name, |_| ()).unwrap();
            assert_eq!(run(home.path(), name, |_| ()).unwrap(), first);
            assert_eq!((first.key.as_str(), first.metrics["main_metric"].is_number()), (name, true));
            assert_eq!(first.maxclip.data, TaskData::open(home.path(), name).unwrap().root().unwrap());
        }
    }

    #[test]
    fn a_model_that_says_the_same_of_every_image_scores_at_most_chance() {
        let home = home();
        let constant = |values: &mut NamedValues| {
            values.get_mut("visual.ln_post.weight").unwrap().data.fill(0.0);
            values.get_mut("visual.ln_post.bias").unwrap().data.fill(1.0);
        };
        let result = run(home.path(), "shapes-retrieval", constant).unwrap();
        assert_eq!(result.metrics["image_retrieval_recall@1"], 0.0);
    }

    #[test]
    fn other_data_are_scored_for_nobody() {
        let (home, folder) = (home(), tempfile::tempdir().unwrap());
        write(folder.path(), |_| ());
        let checkpoint = CheckpointWeights::read(folder.path()).unwrap();
        let root = TaskData::open(home.path(), "shapes-classification").unwrap().root().unwrap();
        let path = home.path().join("shapes-classification/classnames.txt");
        let names = fs::read_to_string(&path).unwrap();
        fs::write(&path, names.split_once('\n').map(|(first, rest)| format!("{rest}{first}\n")).unwrap()).unwrap();
        let task = TaskData::open(home.path(), "shapes-classification").unwrap();
        let encoder = Encoder::new(&config(), checkpoint.values, 16).unwrap();
        let progress = TaskProgress::new("shapes-classification", 40);
        let stop = score(&task, root, &encoder, checkpoint.root, progress).unwrap_err();
        let named = [root, task.root().unwrap()].map(|root| root.to_string());
        assert!(named.iter().all(|root| stop.to_string().contains(root)), "{stop}");
        assert_eq!(stop.exit(), Exit::Inconclusive);
    }

    #[test]
    fn features_that_are_not_finite_are_the_checkpoints_fault() {
        let home = home();
        let infinite = |values: &mut NamedValues| values.get_mut("visual.proj").unwrap().data[0] = f32::NAN;
        let stop = run(home.path(), "shapes-classification", infinite).unwrap_err();
        assert_eq!(stop.exit(), Exit::Fail);
        let Stop::Fail(findings) = stop else { panic!("a finding was expected") };
        let finding = &findings[0];
        assert_eq!((finding.rule, &*finding.place), (Rule::NonFinite, "task `shapes-classification`, image features"));
    }

    #[test]
    fn a_damaged_image_is_named_and_judges_nobody() {
        let home = home();
        let path = home.path().join("shapes-classification/test/0.tar");
        let mut bytes = fs::read(&path).unwrap();
        // Inside the first member's content: the header takes 512 bytes.
        bytes[512..600].fill(0);
        fs::write(&path, bytes).unwrap();
        let stop = run(home.path(), "shapes-classification", |_| ()).unwrap_err();
        assert!(stop.to_string().contains("sample `s"), "{stop}");
        assert_eq!(stop.exit(), Exit::Inconclusive);
    }
}
