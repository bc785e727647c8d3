//! DataComp's 40 tasks as data, in the order in which it evaluates and averages them.

/// What a task's routine is; the key's prefix decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Routine {
    /// Zero-shot classification by templates.
    Classification,
    /// Image-text retrieval in both directions.
    Retrieval,
    /// Association of one cue with several candidate images.
    Winogavil,
    /// Classification with metrics over groups of metadata.
    Wilds,
    /// Top-5 accuracy of the worst income group.
    DollarStreet,
    /// Top-1 accuracy of the worst region.
    Geode,
    /// Four classifiers over faces; no main metric.
    Faces,
}

/// The published mean that a task belongs to beside the average.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TaskGroup {
    /// ImageNet 1k alone.
    ImageNet,
    /// Six shifted versions of ImageNet.
    Shifts,
    /// Thirteen tasks of the Visual Task Adaptation Benchmark.
    Vtab,
    /// Three retrieval tasks.
    Retrieval,
    /// Fifteen that count only in the average.
    Other,
    /// Two that count nowhere.
    Outside,
}

/// One of the 40.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed {
    /// The key in `eval_results.jsonl`.
    pub key: &'static str,
    /// The name for people.
    pub name: &'static str,
    /// Images.
    pub images: u32,
    /// Classes, where it has them.
    pub classes: Option<u32>,
    /// The metric that counts; none where DataComp has none.
    pub main_metric: Option<&'static str>,
    /// How it is evaluated.
    pub routine: Routine,
    /// Where it counts.
    pub group: TaskGroup,
}

impl Listed {
    /// The folder of its data below a data folder: `wds_vtab-caltech101_test`.
    #[must_use]
    pub fn folder(&self) -> String {
        records::v1::evaluation::folder(self.key)
    }

    /// Whether it counts in the average over 38.
    #[must_use]
    pub fn counts(&self) -> bool {
        self.group != TaskGroup::Outside
    }
}

/// The task whose data lie in a folder of this name.
#[must_use]
pub fn by_folder(folder: &str) -> Option<&'static Listed> {
    DATACOMP.iter().find(|task| task.folder() == folder)
}

/// The task of a key.
#[must_use]
pub fn by_key(key: &str) -> Option<&'static Listed> {
    DATACOMP.iter().find(|task| task.key == key)
}

const fn row(
    key: &'static str,
    name: &'static str,
    images: u32,
    classes: Option<u32>,
    main_metric: Option<&'static str>,
    routine: Routine,
    group: TaskGroup,
) -> Listed {
    Listed { key, name, images, classes, main_metric, routine, group }
}

/// The 40 tasks.
///
/// Source: DataComp's `tasklist.yml` at commit 4a8df19.
#[rustfmt::skip]
pub const DATACOMP: [Listed; 40] = [
    row("vtab/caltech101", "Caltech-101", 6_085, Some(102), Some("mean_per_class_recall"), Routine::Classification, TaskGroup::Vtab),
    row("cifar10", "CIFAR-10", 10_000, Some(10), Some("acc1"), Routine::Classification, TaskGroup::Other),
    row("vtab/cifar100", "CIFAR-100", 10_000, Some(100), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("vtab/clevr_count_all", "CLEVR Counts", 15_000, Some(8), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("vtab/clevr_closest_object_distance", "CLEVR Distance", 15_000, Some(6), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("country211", "Country211", 21_100, Some(211), Some("acc1"), Routine::Classification, TaskGroup::Other),
    row("vtab/dtd", "Describable Textures", 1_880, Some(47), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("vtab/eurosat", "EuroSAT", 5_400, Some(10), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("fgvc_aircraft", "FGVC Aircraft", 3_333, Some(100), Some("mean_per_class_recall"), Routine::Classification, TaskGroup::Other),
    row("food101", "Food-101", 25_250, Some(101), Some("acc1"), Routine::Classification, TaskGroup::Other),
    row("gtsrb", "GTSRB", 12_630, Some(43), Some("acc1"), Routine::Classification, TaskGroup::Other),
    row("imagenet1k", "ImageNet 1k", 50_000, Some(1000), Some("acc1"), Routine::Classification, TaskGroup::ImageNet),
    row("imagenet_sketch", "ImageNet Sketch", 50_889, Some(1000), Some("acc1"), Routine::Classification, TaskGroup::Shifts),
    row("imagenetv2", "ImageNet v2", 10_000, Some(1000), Some("acc1"), Routine::Classification, TaskGroup::Shifts),
    row("imagenet-a", "ImageNet-A", 7_500, Some(200), Some("acc1"), Routine::Classification, TaskGroup::Shifts),
    row("imagenet-o", "ImageNet-O", 2_000, Some(200), Some("acc1"), Routine::Classification, TaskGroup::Shifts),
    row("imagenet-r", "ImageNet-R", 30_000, Some(200), Some("acc1"), Routine::Classification, TaskGroup::Shifts),
    row("vtab/kitti_closest_vehicle_distance", "KITTI Vehicle Distance", 711, Some(4), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("mnist", "MNIST", 10_000, Some(10), Some("acc1"), Routine::Classification, TaskGroup::Other),
    row("objectnet", "ObjectNet", 18_574, Some(113), Some("acc1"), Routine::Classification, TaskGroup::Shifts),
    row("vtab/flowers", "Oxford Flowers-102", 6_149, Some(102), Some("mean_per_class_recall"), Routine::Classification, TaskGroup::Vtab),
    row("vtab/pets", "Oxford-IIIT Pet", 3_669, Some(37), Some("mean_per_class_recall"), Routine::Classification, TaskGroup::Vtab),
    row("voc2007", "Pascal VOC 2007", 14_976, Some(20), Some("acc1"), Routine::Classification, TaskGroup::Other),
    row("vtab/pcam", "PatchCamelyon", 32_768, Some(2), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("renderedsst2", "Rendered SST2", 1_821, Some(2), Some("acc1"), Routine::Classification, TaskGroup::Other),
    row("vtab/resisc45", "RESISC45", 6_300, Some(45), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("cars", "Stanford Cars", 8_041, Some(196), Some("acc1"), Routine::Classification, TaskGroup::Other),
    row("stl10", "STL-10", 8_000, Some(10), Some("acc1"), Routine::Classification, TaskGroup::Other),
    row("sun397", "SUN397", 108_754, Some(397), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("vtab/svhn", "SVHN", 26_032, Some(10), Some("acc1"), Routine::Classification, TaskGroup::Vtab),
    row("retrieval/flickr_1k_test_image_text_retrieval", "Flickr", 1_000, None, Some("mean_recall@1"), Routine::Retrieval, TaskGroup::Retrieval),
    row("retrieval/mscoco_2014_5k_test_image_text_retrieval", "MSCOCO", 5_000, None, Some("mean_recall@1"), Routine::Retrieval, TaskGroup::Retrieval),
    row("misc/winogavil", "WinoGAViL", 3_563, None, Some("jaccard_score_10-12"), Routine::Winogavil, TaskGroup::Retrieval),
    row("wilds/iwildcam", "iWildCam", 42_791, Some(182), Some("F1-macro_all"), Routine::Wilds, TaskGroup::Other),
    row("wilds/camelyon17", "Camelyon17", 85_054, Some(2), Some("acc1"), Routine::Wilds, TaskGroup::Other),
    row("wilds/fmow", "FMoW", 22_108, Some(62), Some("acc_worst_region"), Routine::Wilds, TaskGroup::Other),
    row("fairness/dollar_street", "Dollar Street", 3_503, Some(58), Some("acc_top5_wg"), Routine::DollarStreet, TaskGroup::Other),
    row("fairness/geode", "GeoDE", 12_488, Some(40), Some("acc_wg"), Routine::Geode, TaskGroup::Other),
    row("fairness/fairface", "FairFace", 10_954, None, None, Routine::Faces, TaskGroup::Outside),
    row("fairness/utkface", "UTKFace", 23_703, None, None, Routine::Faces, TaskGroup::Outside),
];

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    #[test]
    fn the_groups_have_their_published_sizes() {
        let mut sizes = BTreeMap::new();
        DATACOMP.iter().for_each(|task| *sizes.entry(task.group).or_insert(0) += 1);
        let expected = [
            (TaskGroup::ImageNet, 1),
            (TaskGroup::Shifts, 6),
            (TaskGroup::Vtab, 13),
            (TaskGroup::Retrieval, 3),
            (TaskGroup::Other, 15),
            (TaskGroup::Outside, 2),
        ];
        assert_eq!(sizes, BTreeMap::from(expected));
    }

    #[test]
    fn keys_names_and_folders_are_unique_and_the_images_add_up() {
        let fields: [fn(&Listed) -> String; 3] =
            [|task| task.key.to_owned(), |task| task.name.to_owned(), Listed::folder];
        for field in fields {
            assert_eq!(DATACOMP.iter().map(field).collect::<BTreeSet<_>>().len(), 40);
        }
        assert_eq!(DATACOMP.iter().map(|task| task.images).sum::<u32>(), 732_026);
        assert!(DATACOMP.iter().all(|task| task.counts() == task.main_metric.is_some()));
    }

    #[test]
    fn folders_follow_the_published_names() {
        assert_eq!(by_key("vtab/caltech101").unwrap().folder(), "wds_vtab-caltech101_test");
        assert_eq!(by_key("fairness/geode").unwrap().folder(), "wds_geode_test");
        assert_eq!(by_folder("wds_wilds-fmow_test").unwrap().key, "wilds/fmow");
        assert!(by_folder("shapes-classification").is_none());
    }
}
