//! The lock files of the two workspaces: what both use is one version, so that a frozen crate behaves in `maxclip` as
//! it does in the programs, and nothing is compiled twice.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{collections::BTreeMap, fs, process::Command};

use cargo_metadata::semver::Version;
use flows::root;

/// A package's name and the versions among which cargo chooses one for a whole lock file: `1`, `0.4`, `0.0.7`.
type Line = (String, [u64; 3]);

fn line(name: &str, version: &Version) -> Line {
    let compatible = match (version.major, version.minor) {
        (0, 0) => [0, 0, version.patch],
        (0, minor) => [0, minor, 0],
        (major, _) => [major, 0, 0],
    };
    (name.to_owned(), compatible)
}

/// Every package of a lock file with its exact version and the digest of its source.
fn locked(text: &str) -> BTreeMap<Line, (Version, Option<String>)> {
    let lock: toml::Table = text.parse().unwrap();
    let package = |package: &toml::Value| {
        let field = |name: &str| package.get(name).map(|value| value.as_str().unwrap().to_owned());
        let version: Version = field("version").unwrap().parse().unwrap();
        (line(&field("name").unwrap(), &version), (version, field("checksum")))
    };
    lock["package"].as_array().unwrap().iter().map(package).collect()
}

/// Where two lock files disagree, and how many packages both have.
fn differences(frozen: &str, other: &str) -> (Vec<String>, usize) {
    let (frozen, other) = (locked(frozen), locked(other));
    let both = || frozen.iter().filter_map(|(line, frozen)| Some((line, frozen, other.get(line)?)));
    let unlike = both().filter(|(_, frozen, other)| frozen != other);
    let said = unlike.map(|(line, frozen, other)| format!("{}: frozen {}, here {}", line.0, frozen.0, other.0));
    (said.collect(), both().count())
}

#[test]
fn both_lock_files_agree_on_what_both_use() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let (differences, both) = differences(&read("frozen/Cargo.lock"), &read("Cargo.lock"));
    assert!(differences.is_empty(), "hint: cargo update NAME --precise VERSION\n{}", differences.join("\n"));
    // `records` and all that it needs, at the least.
    assert!(both > 20, "{both} packages in common");
}

#[test]
fn another_version_or_source_is_a_difference_and_an_incompatible_one_is_not() {
    let package = |version: &str, checksum: &str| {
        format!("[[package]]\nname = \"a\"\nversion = \"{version}\"\nchecksum = \"{checksum}\"\n")
    };
    let differ = |one: (&str, &str), other: (&str, &str)| {
        differences(&package(one.0, one.1), &package(other.0, other.1)).0.len()
    };
    assert_eq!(differ(("1.2.3", "x"), ("1.2.3", "x")), 0);
    assert_eq!(differ(("1.2.3", "x"), ("1.2.4", "x")), 1);
    assert_eq!(differ(("1.2.3", "x"), ("1.2.3", "y")), 1);
    assert_eq!(differ(("0.4.1", "x"), ("0.4.2", "x")), 1);
    assert_eq!(differ(("0.4.1", "x"), ("0.5.0", "x")), 0);
    assert_eq!(differ(("1.2.3", "x"), ("2.0.0", "x")), 0);
}

/// Lock files that are not what the manifests ask for would be changed by the next build, and the frozen digest with
/// them.
#[test]
fn both_lock_files_are_complete() {
    for workspace in ["frozen", ""] {
        let mut cargo = Command::new("cargo");
        cargo.args(["metadata", "--locked", "--offline", "--format-version", "1"]);
        cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]).current_dir(root().join(workspace));
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{workspace}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
