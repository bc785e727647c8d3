//! Compiles the frozen tree, the starter kit and the goldens into `maxclip`: an installed binary has no checkout, and
//! the very people who pre-check a ZIP have nothing else.

use std::{env, fs, io, path::PathBuf};

use manifest::{CheckoutFiles, FROZEN};

/// What of `editable/` is the starter kit; the rest of it is frozen, or tests.
const KIT: [&str; 3] = ["editable/src", "editable/config.toml", "editable/submission.toml"];

/// What judges, besides the frozen tree: the release that a certificate names is the digest of their manifest. Tests
/// are no part of it.
const JUDGE: [&str; 8] = [
    "Cargo.lock",
    "Cargo.toml",
    "harness/Cargo.toml",
    "harness/build.rs",
    "harness/src",
    "harness/templates",
    "verifier/Cargo.toml",
    "verifier/src",
];

/// Recorded runs, each with its statement; the rest of the folder is for tests.
const GOLDEN: &str = "golden";
const VECTORS: &str = "golden/vectors/";

fn main() -> io::Result<()> {
    let checkout = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("..");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let write = |name: &str, files: &CheckoutFiles| -> io::Result<()> {
        let (manifest, contents) = manifest::pack(files);
        fs::write(out.join(format!("{name}.manifest")), manifest)?;
        fs::write(out.join(format!("{name}.bytes")), contents)
    };
    write("frozen", &manifest::frozen(&checkout)?)?;
    write("kit", &manifest::read(&checkout, &KIT)?)?;
    let mut goldens = manifest::read(&checkout, &[GOLDEN])?;
    goldens.retain(|path, _| !path.starts_with(VECTORS));
    write("golden", &goldens)?;
    fs::write(out.join("release.manifest"), manifest::pack(&manifest::read(&checkout, &JUDGE)?).0)?;
    for path in FROZEN.iter().chain(&KIT).chain(&JUDGE).chain([&GOLDEN]) {
        println!("cargo:rerun-if-changed=../{path}");
    }
    Ok(())
}
