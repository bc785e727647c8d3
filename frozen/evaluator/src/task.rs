//! One task from its samples to its line of `eval_results.jsonl`.

use std::io::Write as _;

use data::pixels;
use records::{Blake3, DataRoot, v1::evaluation::TaskResult};
use tasks::{FeatureError, Features, Kind, Score, Target, Task, score};

use crate::{
    encode::{Encoded, Encoder},
    halt::{Fault, Halt},
};

/// How far a task is, as JSON lines on stdout.
pub struct Progress {
    task: String,
    done: u64,
    of: u64,
}

impl Progress {
    /// Nothing done yet of so many images.
    pub fn new(task: &str, of: u64) -> Self {
        Self { task: task.to_owned(), done: 0, of }
    }

    fn add(&mut self, images: usize) {
        self.done += images as u64;
        let line = serde_json::json!({ "task": self.task, "done": self.done, "of": self.of });
        let mut stdout = std::io::stdout().lock();
        // A reader that has gone away must not stop an evaluation: the result is a file.
        writeln!(stdout, "{line}").and_then(|()| stdout.flush()).ok();
    }
}

/// Scores one task, whose data must be those of a root: a score on others is no score of that task.
pub fn score(
    task: &Task,
    root: DataRoot,
    encoder: &Encoder,
    checkpoint: Blake3,
    progress: Progress,
) -> Result<TaskResult, Halt> {
    let mut rows = Rows::new(task, encoder, progress);
    let data = task.visit(|sample| rows.add(&sample.key, &sample.image, sample.target))?;
    if data != root {
        return Err(Halt::OtherData { task: task.about.key.clone(), expected: root, found: data });
    }
    let score = rows.finish()?;
    Ok(score.result(&task.about, checkpoint, data).map_err(Fault::Score)?)
}

/// What has been encoded of a task's samples, and what waits for a full batch.
struct Rows<'a> {
    task: &'a Task,
    encoder: &'a Encoder,
    progress: Progress,
    pixels: Vec<u8>,
    waiting: usize,
    images: Features,
    labels: Vec<u32>,
    captions: Vec<String>,
    image_of_caption: Vec<usize>,
}

impl<'a> Rows<'a> {
    fn new(task: &'a Task, encoder: &'a Encoder, progress: Progress) -> Self {
        Self {
            task,
            encoder,
            progress,
            pixels: Vec::new(),
            waiting: 0,
            images: encoder.features(),
            labels: Vec::new(),
            captions: Vec::new(),
            image_of_caption: Vec::new(),
        }
    }

    fn add(&mut self, key: &str, image: &[u8], target: Target) -> Result<(), Halt> {
        let image = pixels::decode(image).map_err(|error| Halt::Image {
            task: self.task.about.key.clone(),
            key: key.to_owned(),
            why: error.to_string(),
        })?;
        let row = self.images.len() + self.waiting;
        self.pixels.extend(pixels::resize_crop(&image, self.encoder.side() as u32));
        self.waiting += 1;
        match target {
            Target::Class(label) => self.labels.push(label),
            Target::Captions(captions) => {
                self.image_of_caption.extend(captions.iter().map(|_| row));
                self.captions.extend(captions);
            }
        }
        if self.waiting == self.encoder.batch() { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), Halt> {
        let encoded = self.encoder.images(&self.pixels, &mut self.images);
        named(self.task, "image", encoded)?;
        self.progress.add(self.waiting);
        self.pixels.clear();
        self.waiting = 0;
        Ok(())
    }

    fn finish(mut self) -> Result<Score, Halt> {
        if self.waiting > 0 {
            self.flush()?;
        }
        let score = match self.task.about.kind {
            Kind::Classification => {
                let prompts: Vec<_> = self.task.prompts().collect();
                let texts = self.texts(&prompts)?;
                let classifier = texts.classifier(self.task.templates.len());
                let classifier = classifier.map_err(|source| refused(self.task, "text", source))?;
                score::classification(&self.images, &self.labels, &classifier)
            }
            Kind::Retrieval => score::retrieval(&self.images, &self.texts(&self.captions)?, &self.image_of_caption),
        };
        Ok(score.map_err(Fault::Score)?)
    }

    fn texts(&self, texts: &[String]) -> Result<Features, Halt> {
        let mut features = self.encoder.features();
        for batch in texts.chunks(self.encoder.batch()) {
            named(self.task, "text", self.encoder.texts(batch, &mut features))?;
        }
        Ok(features)
    }
}

fn named(task: &Task, tower: &'static str, encoded: Encoded) -> Result<(), Halt> {
    encoded?.map_err(|source| refused(task, tower, source))
}

fn refused(task: &Task, tower: &'static str, source: FeatureError) -> Halt {
    Halt::Features { task: task.about.key.clone(), tower, source }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use clip::NamedValues;
    use records::{Rule, verdict::Ending};

    use super::*;
    use crate::checkpoint::{
        Checkpoint,
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

    fn run(home: &Path, name: &str, edit: impl Fn(&mut NamedValues)) -> Result<TaskResult, Halt> {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), edit);
        let checkpoint = Checkpoint::read(folder.path())?;
        let task = Task::open(home, name)?;
        let encoder = Encoder::new(&config(), checkpoint.values, 16)?;
        score(&task, task.root()?, &encoder, checkpoint.root, Progress::new(name, 40))
    }

    #[test]
    fn random_weights_score_and_score_again_the_same() {
        let home = home();
        for name in ["shapes-classification", "shapes-retrieval"] {
            let first = run(home.path(), name, |_| ()).unwrap();
            assert_eq!(run(home.path(), name, |_| ()).unwrap(), first);
            assert_eq!((first.key.as_str(), first.metrics["main_metric"].is_number()), (name, true));
            assert_eq!(first.maxclip.data, Task::open(home.path(), name).unwrap().root().unwrap());
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
        let checkpoint = Checkpoint::read(folder.path()).unwrap();
        let root = Task::open(home.path(), "shapes-classification").unwrap().root().unwrap();
        let path = home.path().join("shapes-classification/classnames.txt");
        let names = fs::read_to_string(&path).unwrap();
        fs::write(&path, names.split_once('\n').map(|(first, rest)| format!("{rest}{first}\n")).unwrap()).unwrap();
        let task = Task::open(home.path(), "shapes-classification").unwrap();
        let encoder = Encoder::new(&config(), checkpoint.values, 16).unwrap();
        let progress = Progress::new("shapes-classification", 40);
        let halt = score(&task, root, &encoder, checkpoint.root, progress).unwrap_err();
        assert!(matches!(&halt, Halt::OtherData { expected, found, .. } if *expected == root && found != expected));
        assert_eq!(halt.exit(), records::Exit::Inconclusive);
    }

    #[test]
    fn features_that_are_not_finite_are_the_checkpoints_fault() {
        let home = home();
        let infinite = |values: &mut NamedValues| values.get_mut("visual.proj").unwrap().data[0] = f32::NAN;
        let halt = run(home.path(), "shapes-classification", infinite).unwrap_err();
        assert!(matches!(halt, Halt::Features { tower: "image", .. }), "{halt}");
        assert_eq!(halt.exit(), records::Exit::Fail);
        let Some(Ending::Finding(finding)) = halt.ending() else { panic!("a finding was expected") };
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
        let halt = run(home.path(), "shapes-classification", |_| ()).unwrap_err();
        assert!(matches!(&halt, Halt::Image { key, .. } if key.starts_with('s')), "{halt}");
        assert_eq!(halt.exit(), records::Exit::Inconclusive);
    }
}
