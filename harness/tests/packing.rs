//! `maxclip data pack` and `data task` on folders of pictures, right ones and wrong ones.

#![expect(clippy::unwrap_used, reason = "a test whose scene cannot be set should stop there")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use data::{
    Dataset,
    shapes::{self, Spec},
};
use numerics::Seed;

/// A folder with pictures of figures in `pictures`, each with its caption, in folders by tens.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Self {
        let scene = Self(tempfile::tempdir().unwrap());
        let of = |name: &str, samples| (name.to_owned(), samples);
        let seed = Seed(*b"forty pictures of figures, drawn");
        let spec = Spec { seed, sets: vec![of("one", 40)], classification: of("c", 1), retrieval: of("r", 1) };
        shapes::generate(&scene.at("shapes"), &spec).unwrap();
        let set = Dataset::open(&scene.at("shapes/one")).unwrap();
        for rank in 0..40 {
            let sample = set.sample(rank).unwrap();
            scene.put(&format!("pictures/{}/{rank:02}.png", rank / 10), &sample.image);
            scene.put(&format!("pictures/{}/{rank:02}.txt", rank / 10), sample.caption.as_bytes());
        }
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    fn picture(&self, number: usize) -> Vec<u8> {
        fs::read(self.at(&format!("pictures/{}/{number:02}.png", number / 10))).unwrap()
    }

    /// A folder of two classes with two pictures each.
    fn classes(&self) {
        self.put("birds/classnames.txt", b"heron\n\ncrane bird\n");
        self.put("birds/zeroshot_classification_templates.txt", b"a photo of a {c}.\n");
        for (number, class) in ["heron", "heron", "crane bird", "crane bird"].into_iter().enumerate() {
            self.put(&format!("birds/{class}/{number}.png"), &self.picture(number));
        }
    }

    fn maxclip(&self, code: i32, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_maxclip"));
        let output = command.env_clear().current_dir(self.0.path()).args(arguments).output().unwrap();
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{said}");
        said
    }
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}

#[test]
fn a_folder_of_pictures_becomes_nested_sets_in_the_order_of_content() {
    let scene = Scene::new();
    scene.put("pictures/notes.md", b"not a picture");
    scene.put("pictures/.hidden.png", b"not looked at");
    let said = scene.maxclip(0, &["data", "pack", "pictures", "--out", "sets/all"]);
    assert!(said.contains("40 samples in 1 shard   sets/all") && said.contains("1 (pictures/notes.md)"), "{said}");
    scene.maxclip(0, &["data", "pack", "pictures", "--out", "sets/some", "--samples", "15"]);
    let root = |set: &str| scene.maxclip(0, &["data", "index", set]);
    assert!(root("sets/some").starts_with("15 samples   data:"));
    let all = root("sets/all");
    scene.maxclip(0, &["data", "nested", "sets/some", "sets/all"]);

    // The same pictures under other names and in other folders are the same set, to the byte.
    fs::create_dir(scene.at("moved")).unwrap();
    for number in 0..40 {
        let from = scene.at(&format!("pictures/{}/{number:02}", number / 10));
        let to = scene.at(&format!("moved/{:02}", 39 - number));
        fs::copy(from.with_extension("png"), to.with_extension("PNG")).unwrap();
        fs::copy(from.with_extension("txt"), to.with_extension("txt")).unwrap();
    }
    scene.maxclip(0, &["data", "pack", "moved", "--out", "sets/moved"]);
    assert_eq!(root("sets/moved"), all);
    let shard = |set: &str| fs::read(scene.at(set).join("00000000.tar")).unwrap();
    assert_eq!(shard("sets/moved"), shard("sets/all"));
    // Ranks follow the shard: samples are in it by uid.
    let set = Dataset::open(&scene.at("sets/all")).unwrap();
    let bytes = shard("sets/all");
    let text = String::from_utf8_lossy(&bytes);
    let places: Vec<_> = (0..40).map(|rank| text.find(&set.uid(rank).unwrap().to_string()).unwrap()).collect();
    assert!(places.is_sorted(), "{places:?}");
}

#[test]
fn all_that_is_wrong_with_a_folder_of_pictures_is_named_and_nothing_is_written() {
    let scene = Scene::new();
    scene.put("pictures/1/19.txt", b" \n");
    scene.put("pictures/2/29.png", b"GIF89a");
    scene.put("pictures/3/stray.txt", b"a caption of nothing");
    scene.put("pictures/3/38.txt", b"\xff\xfe");
    fs::remove_file(scene.at("pictures/0/00.txt")).unwrap();
    fs::copy(scene.at("pictures/0/01.png"), scene.at("pictures/0/again.png")).unwrap();
    fs::copy(scene.at("pictures/0/01.txt"), scene.at("pictures/0/again.txt")).unwrap();
    let said = scene.maxclip(2, &["data", "pack", "pictures", "--out", "sets/all"]);
    for wrong in [
        "6 things are wrong",
        "pictures/1/19.txt: the caption is blank",
        "pictures/2/29.png: not a JPEG, PNG or WebP file",
        "pictures/3/stray.txt: no picture (jpg, jpeg, png or webp) has this caption",
        "pictures/3/38.txt: it is not UTF-8",
        "pictures/0/00.png: it has no caption beside it, pictures/0/00.txt",
        "pictures/0/01.png and pictures/0/again.png are one picture with one caption: remove one of them",
    ] {
        assert!(said.contains(wrong), "{wrong}\n{said}");
    }
    assert!(is_empty(&scene.at("sets")), "something was written");
}

#[test]
fn what_was_packed_is_not_written_over_and_a_set_has_no_more_samples_than_its_folder() {
    let scene = Scene::new();
    let said = scene.maxclip(2, &["data", "pack", "pictures", "--out", "all", "--samples", "41"]);
    assert!(said.contains("pictures holds 40 pictures, fewer than 41"), "{said}");
    scene.maxclip(0, &["data", "pack", "pictures", "--out", "all", "--samples", "40"]);
    let said = scene.maxclip(2, &["data", "pack", "pictures", "--out", "all"]);
    assert!(said.contains("all is not empty"), "{said}");
    fs::create_dir(scene.at("nothing")).unwrap();
    let said = scene.maxclip(2, &["data", "pack", "nothing", "--out", "other"]);
    assert!(said.contains("nothing holds no picture"), "{said}");
    assert!(scene.maxclip(2, &["data", "pack", "nowhere", "--out", "other"]).contains("cannot read nowhere"));
}

#[test]
fn a_folder_becomes_a_task_whose_root_is_read_again_and_moves_with_its_labels() {
    let scene = Scene::new();
    scene.classes();
    let told = scene.maxclip(0, &["data", "task", "birds", "--out", "runs/data/birds"]);
    assert!(told.starts_with("4 samples of 2 classes   data:"), "{told}");
    assert_eq!(scene.maxclip(0, &["data", "verify", "runs/data/birds"]), told);
    assert_eq!(fs::read_to_string(scene.at("runs/data/birds/classnames.txt")).unwrap(), "heron\ncrane bird\n");
    scene.put("runs/data/birds/classnames.txt", b"crane bird\nheron\n");
    assert_ne!(scene.maxclip(0, &["data", "verify", "runs/data/birds"]), told);
    scene.put("runs/data/birds/classnames.txt", b"heron\n");
    assert!(
        scene.maxclip(2, &["data", "verify", "runs/data/birds"]).contains("sample `s0000000`: there is no class 1")
    );

    scene.put("scenes/a.png", &scene.picture(1));
    scene.put("scenes/a.txt", b"one\n\n  another \n");
    let told = scene.maxclip(0, &["data", "task", "scenes", "--out", "runs/data/scenes"]);
    assert!(told.starts_with("1 samples with 2 captions   data:"), "{told}");
    assert_eq!(fs::read_to_string(scene.at("runs/data/scenes/dataset_type.txt")).unwrap(), "retrieval\n");
}

#[test]
fn all_that_is_wrong_with_a_task_is_named_and_nothing_is_written() {
    let scene = Scene::new();
    scene.classes();
    scene.put("birds/classnames.txt", b"heron\ncrane bird\nheron\nstork\n");
    scene.put("birds/zeroshot_classification_templates.txt", b"a photo of a {}.\n");
    scene.put("birds/egret/7.png", &scene.picture(7));
    scene.put("birds/heron/again.png", &scene.picture(2));
    let said = scene.maxclip(2, &["data", "task", "birds", "--out", "tasks/birds"]);
    for wrong in [
        "5 things are wrong",
        "birds/classnames.txt: `heron` stands twice",
        "templates.txt: `a photo of a {}.` has no {c}, which stands for the class",
        "birds/egret/7.png: it is in no folder that birds/classnames.txt names",
        "birds/stork: no picture of this class of classnames.txt is there",
        "birds/crane bird/2.png and birds/heron/again.png are one picture: remove one of them",
    ] {
        assert!(said.contains(wrong), "{wrong}\n{said}");
    }
    assert!(is_empty(&scene.at("tasks")), "something was written");
    assert!(scene.maxclip(2, &["data", "task", "shapes", "--out", "tasks/none"]).contains("shapes holds no picture"));
}

#[test]
fn a_protocol_is_filled_with_what_lies_below_the_home_and_nothing_else_of_it_moves() {
    let scene = Scene::new();
    scene.classes();
    scene.maxclip(0, &["data", "task", "birds", "--out", "runs/data/birds"]);
    let text = "name = \"b\"  # kept\n\n[[evaluation.task]]\nname = \"birds\"\n\n[[scale]]\nname = \"small\"\ndata = \"all\"\n";
    scene.put("b.toml", text.as_bytes());
    let said = scene.maxclip(2, &["protocol", "fill", "b.toml"]);
    assert!(said.contains("runs/data/all"), "{said}");
    scene.maxclip(0, &["data", "pack", "pictures", "--out", "runs/data/all"]);
    let said = scene.maxclip(2, &["protocol", "fill", "b.toml"]);
    assert!(said.contains("`runs/data/all` has no index"), "{said}");
    let set = scene.maxclip(0, &["data", "index", "runs/data/all"]);
    let task = scene.maxclip(0, &["data", "verify", "runs/data/birds"]);
    scene.maxclip(0, &["protocol", "fill", "b.toml"]);
    let [set, task] = [&set, &task].map(|line| line.split_whitespace().last().unwrap());
    let task = format!("[[evaluation.task]]\nroot = \"{task}\"");
    let scale = format!("[[scale]]\nsamples = 40\nroot = \"{set}\"");
    let wanted = text.replace("[[evaluation.task]]", &task).replace("[[scale]]", &scale);
    assert_eq!(fs::read_to_string(scene.at("b.toml")).unwrap(), wanted);
    assert!(scene.maxclip(0, &["protocol", "fill", "b.toml"]).contains("b.toml says so already"));
    scene.put("b.toml", b"name = \"b\"\n");
    assert!(scene.maxclip(2, &["protocol", "fill", "b.toml"]).contains("b.toml: it has no [[scale]]"));
}
