//! What a folder's entries are judged by: a release of its own.

use std::collections::BTreeMap;

use records::{
    Blake3, DataRoot, NumericsClass, ReleaseDigest, TreeDigest,
    v1::{golden::Golden, protocol::Protocol},
};
use verifier::{frozen::FrozenTree, release::Release};

use super::{STEPS, TASKS};

/// What a release judges by.
#[derive(Clone)]
pub struct OwnRelease {
    pub text: String,
    pub model: String,
    pub frozen: &'static FrozenTree<'static>,
    pub baseline: TreeDigest,
    pub judge: ReleaseDigest,
}

impl OwnRelease {
    /// A release of its own, with one protocol of a few steps and one training a scale.
    pub fn small(scales: &[&str]) -> Self {
        Self::repeated(scales, 1)
    }

    /// As [`OwnRelease::small`], with so many trainings a scale.
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

    pub fn protocol(&self) -> Protocol {
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
