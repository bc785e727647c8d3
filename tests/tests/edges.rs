//! The map in ARCHITECTURE.md, held: who may name whom, and who may link libtorch.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::collections::{BTreeMap, BTreeSet};

use cargo_metadata::{DependencyKind, MetadataCommand, Package};

/// The workspaces, each with a lock file of its own.
const WORKSPACES: [&str; 2] = ["frozen", ""];

/// Who names whom, development dependencies left out. Anything that is not here is refused.
const EDGES: &[(&str, &[&str])] = &[
    ("manifest", &[]),
    ("records", &[]),
    ("numerics", &[]),
    ("evidence", &["numerics", "records"]),
    ("wire", &["records"]),
    ("stamp", &["manifest", "records"]),
    ("cell", &["wire"]),
    ("host", &["cell", "numerics", "records", "wire"]),
    ("data", &["numerics", "records"]),
    ("tasks", &["records"]),
    ("shim", &[]),
    ("contract", &["numerics", "shim", "wire"]),
    ("answer", &["contract", "numerics", "shim", "wire"]),
    ("worker", &["cell", "shim", "stamp", "wire"]),
    ("worker-python", &["cell", "numerics", "stamp", "wire"]),
    ("probe", &["stamp", "wire"]),
    ("clip", &["numerics", "records", "shim"]),
    ("trainer", &["clip", "data", "evidence", "host", "numerics", "records", "shim", "stamp", "wire"]),
    ("evaluator", &["clip", "data", "evidence", "records", "shim", "stamp", "tasks"]),
    ("openclip", &["contract"]),
    ("editable", &["contract"]),
    ("verifier", &["evidence", "numerics", "records"]),
    ("competition", &["records"]),
    (
        "maxclip",
        &[
            "cell",
            "competition",
            "data",
            "evidence",
            "manifest",
            "numerics",
            "records",
            "stamp",
            "tasks",
            "verifier",
            "wire",
        ],
    ),
    ("xtask", &["manifest", "numerics", "records"]),
    ("flows", &[]),
    ("attacker", &["answer", "contract", "wire"]),
    ("baseline", &["answer", "cell", "editable", "wire", "worker"]),
    ("conformance", &["cell", "numerics", "wire"]),
];

/// Who may link libtorch, directly or through others.
const WITH_LIBTORCH: &[&str] = &[
    "shim",
    "contract",
    "answer",
    "worker",
    "clip",
    "trainer",
    "evaluator",
    "openclip",
    "editable",
    "attacker",
    "baseline",
];

/// The members of a workspace.
fn members(workspace: &str) -> Vec<Package> {
    // Only what the manifests of the workspace say: nothing else has to be there, for whatever platform.
    MetadataCommand::new().current_dir(flows::root().join(workspace)).no_deps().exec().unwrap().packages
}

fn edges(development: bool) -> BTreeMap<String, BTreeSet<String>> {
    let kind = |kind: DependencyKind| development || kind != DependencyKind::Development;
    let package = |package: &Package| {
        let names = package.dependencies.iter().filter(|dependency| kind(dependency.kind));
        (package.name.to_string(), names.map(|dependency| dependency.name.clone()).collect())
    };
    WORKSPACES.iter().flat_map(|workspace| members(workspace)).map(|member| package(&member)).collect()
}

#[test]
fn crates_name_only_whom_the_map_allows() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        EDGES.iter().map(|(from, to)| (*from, to.iter().copied().collect())).collect();
    let found = edges(false);
    for (from, to) in &found {
        let allowed = allowed.get(from.as_str()).unwrap_or_else(|| panic!("`{from}` is not on the map"));
        let ours = to.iter().map(String::as_str).filter(|name| found.contains_key(*name));
        assert_eq!(ours.collect::<BTreeSet<_>>(), *allowed, "`{from}` names others than the map says");
    }
    assert_eq!(found.len(), EDGES.len(), "the map names crates that are gone");
}

#[test]
fn only_the_named_crates_link_libtorch() {
    let found = edges(false);
    let links = |name: &str| -> bool {
        let (mut open, mut seen) = (vec![name.to_owned()], BTreeSet::new());
        while let Some(name) = open.pop() {
            if name == "tch" || name == "torch-sys" {
                return true;
            }
            if seen.insert(name.clone()) {
                open.extend(found.get(&name).into_iter().flatten().cloned());
            }
        }
        false
    };
    for name in found.keys() {
        assert_eq!(links(name), WITH_LIBTORCH.contains(&name.as_str()), "{name}");
    }
}

#[test]
fn no_program_of_ours_names_a_submission() {
    for (from, to) in edges(true) {
        assert!(!to.contains("editable") || from == "baseline", "`{from}` names editable");
    }
}

/// A server that could call an algorithm could run one outside of its lock.
#[test]
fn the_server_cannot_reach_the_contract() {
    let found = edges(false);
    let (mut open, mut seen) = (vec!["worker".to_owned()], BTreeSet::new());
    while let Some(name) = open.pop() {
        if seen.insert(name.clone()) {
            open.extend(found.get(&name).into_iter().flatten().cloned());
        }
    }
    assert!(["contract", "answer", "editable"].iter().all(|name| !seen.contains(*name)), "{seen:?}");
}

/// What lies in the frozen folder is compiled from it alone: whatever moves outside moves nothing there. Tests too,
/// since they stand in its lock file.
#[test]
fn nothing_frozen_names_anything_outside() {
    let frozen = flows::root().join("frozen");
    for package in members("frozen").iter().filter(|package| package.manifest_path.starts_with(&frozen)) {
        for dependency in &package.dependencies {
            let inside = dependency.path.as_ref().is_none_or(|path| path.starts_with(&frozen));
            assert!(inside, "`{}` names `{}`", package.name, dependency.name);
        }
    }
}
