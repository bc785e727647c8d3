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
    ("shapes-small", "data:6aad9c23a76e92cbcd00bb3a1ff4e9c3e61f95ca3503fec382b4d500d3a73e82"),
    ("shapes-medium", "data:41119437ea58921c11073a1a2ccaa40b6d2ce84f411d7a0e8334a051bb7b7b83"),
    ("shapes-large", "data:4d16aad84975376329b9c117f900a1adc2441f128b8f669c5283640770229990"),
];
const TASKS: [(&str, &str); 2] = [
    ("shapes-classification/test/0.tar", "b3:f42830ee322cade7fe9383e96ba8d622b8f0db4cb9d5c6e64fb834f9c97d7bb0"),
    ("shapes-retrieval/test/0.tar", "b3:d25268b440ea49732a611179c13ee1059aaefa84d5efefc5ba6e178b09a31cfb"),
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
