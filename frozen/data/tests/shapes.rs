//! The generated data: the same bytes everywhere, nested, readable, and in the layout of the tasks.

use std::{collections::BTreeSet, fs};

use data::{
    Dataset, pixels,
    shapes::{Spec, generate},
    shard::Shard,
};
use records::Blake3;

/// What every machine must generate. A change here is a change of protocol `mini`.
const ROOTS: [(&str, &str); 3] = [
    ("shapes-small", "data:49395ec473644ee3ea973db631e96d32aca61cc5855a5b853a34aafc48a53f36"),
    ("shapes-medium", "data:13b6621e527d2f19b09412baca0e3ad58cad35486a5c103385a861451f981c80"),
    ("shapes-large", "data:00c5df87a3f6af919622a4d6820439389de3ee587403e55b2a633e415bbcfba8"),
];
const TASKS: [(&str, &str); 2] = [
    ("shapes-classification/test/0.tar", "b3:833c18fd307306392aeea1b6dee3a8a17db19ed6be9e2524d2018a2f6fce897e"),
    ("shapes-retrieval/test/0.tar", "b3:2194acc1f6d66d522bae9e2d52852c8d908c34c7496b49e933c8c3f5c1f1d6de"),
];

#[test]
fn the_home_of_mini_is_the_same_everywhere() {
    let home = tempfile::tempdir().unwrap();
    let roots = generate(home.path(), &Spec::mini()).unwrap();
    let found: Vec<_> = roots.iter().map(|(name, root)| (name.as_str(), root.to_string())).collect();
    assert_eq!(found, ROOTS.map(|(name, root)| (name, root.to_owned())));
    let task = |(path, _)| (path, Blake3::of(&fs::read(home.path().join(path)).unwrap()).to_string());
    assert_eq!(TASKS.map(task), TASKS.map(|(path, digest)| (path, digest.to_owned())));

    let sets: Vec<_> = ROOTS.iter().map(|(name, _)| Dataset::open(&home.path().join(name)).unwrap()).collect();
    assert_eq!(sets.iter().map(Dataset::len).collect::<Vec<_>>(), [256, 512, 1024]);
    sets.windows(2).for_each(|pair| pair[0].check_within(&pair[1]).unwrap());
    for rank in 0..sets[2].len() {
        let sample = sets[2].sample(rank).unwrap();
        let image = pixels::decode(&sample.image).unwrap();
        assert!((44..=56).contains(&image.width) && (44..=56).contains(&image.height), "{image:?}");
        let colours: BTreeSet<&[u8]> = image.pixels.chunks_exact(3).collect();
        assert_eq!(colours.len(), 2, "{}", sample.caption);
    }
}

#[test]
fn the_tasks_have_the_layout_that_datacomp_reads() {
    let home = tempfile::tempdir().unwrap();
    generate(home.path(), &Spec::mini()).unwrap();
    let text = |path: &str| fs::read_to_string(home.path().join(path)).unwrap();
    assert_eq!(text("shapes-classification/test/nshards.txt"), "1\n");
    assert_eq!(text("shapes-classification/classnames.txt").lines().count(), 32);
    assert!(
        text("shapes-classification/zeroshot_classification_templates.txt").lines().all(|line| line.contains("{c}"))
    );
    assert_eq!(text("shapes-retrieval/dataset_type.txt"), "retrieval\n");
    for (task, count, kind) in [("shapes-classification", 500, "cls"), ("shapes-retrieval", 100, "txt")] {
        let shard = Shard::open(&home.path().join(task).join("test/0.tar")).unwrap();
        let groups: Vec<_> = shard.groups().map(Result::unwrap).collect();
        assert_eq!(groups.len(), count);
        for (number, group) in groups.iter().enumerate() {
            assert_eq!(group.key, format!("s{number:07}"));
            let label = String::from_utf8(shard.read(group.member(kind).unwrap()).unwrap()).unwrap();
            match kind {
                "cls" => assert_eq!(label.parse::<usize>().unwrap(), number % 32),
                _ => assert_eq!(label.lines().count(), 3),
            }
        }
    }
}

#[test]
fn another_seed_gives_other_data() {
    let home = tempfile::tempdir().unwrap();
    let mut spec = Spec::mini();
    spec.sets.truncate(1);
    spec.seed.0[0] ^= 1;
    let roots = generate(home.path(), &spec).unwrap();
    assert_ne!(roots[0].1.to_string(), ROOTS[0].1);
}
