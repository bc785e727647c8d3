//! From admitted files to a worker program, with rustc and not cargo.
//!
//! Two steps. The participant's crate is compiled alone, confined, without executing anything but the
//! compiler; rustc's own list of what it read must be the admitted files. Then we link it with the frozen
//! `main`. The recipe is fixed: the same tree gives the same object in any folder.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use anyhow::{Context as _, Result, bail};
use records::{Blake3, Exit, Finding, Rule, Sha256, Verdict, WorkerDigest, file};
use serde::{Deserialize, Serialize};

use crate::{commands::confined, kit::Kit};

/// Lints that a submission cannot switch off: each closes a way to reach outside, or to hide it.
const FORBIDDEN: &[&str] = &[
    "unsafe-code",
    "non-ascii-idents",
    "long-running-const-eval",
    "text-direction-codepoint-in-comment",
    "text-direction-codepoint-in-literal",
];

/// A worker program and what it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Built {
    /// Digest of the participant's object file.
    pub object: WorkerDigest,
    /// Digest of the linked program; a claim about this machine only.
    pub program: Sha256,
    /// rustc's release and commit.
    pub rustc: String,
    /// Digest of everything that went in: a build with the same one need not be done again.
    pub inputs: Blake3,
}

/// Where the linker is looked for.
const LINKER_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The program's name in its folder.
pub const PROGRAM: &str = "worker";

/// Builds `files` (`src/lib.rs` and its modules) into `out/worker`, or finds it there.
pub fn build(kit: &Kit, files: &BTreeMap<String, Vec<u8>>, out: &Path) -> Result<Verdict<Built>> {
    let out = &std::path::absolute(out).context("the current folder is gone")?;
    let inputs = inputs(kit, files)?;
    let record = out.join("build.json");
    if let Some(built) = still_holds(&record, &out.join(PROGRAM), inputs) {
        return Ok(Verdict::Pass(built));
    }
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("cannot remove {}", out.display()))?;
    }
    let sources = out.join("sources");
    for (name, bytes) in files {
        file::write(&sources.join(name), bytes)?;
    }
    let findings = compile(kit, &sources, files, out)?;
    if !findings.is_empty() {
        return Ok(Verdict::Fail(findings));
    }
    link(kit, out)?;
    let built = Built {
        object: WorkerDigest(Sha256::of(&file::read(&out.join("submission.o"))?).0),
        program: Sha256::of(&file::read(&out.join(PROGRAM))?),
        rustc: release(kit)?,
        inputs,
    };
    file::write(&record, &records::canonical::to_file(&built)?)?;
    Ok(Verdict::Pass(built))
}

fn inputs(kit: &Kit, files: &BTreeMap<String, Vec<u8>>) -> Result<Blake3> {
    let mut text = kit.identity()?;
    for (name, bytes) in files {
        text.push_str(&format!("\n{name} {}", Blake3::of(bytes)));
    }
    Ok(Blake3::of(text.as_bytes()))
}

fn still_holds(record: &Path, program: &Path, inputs: Blake3) -> Option<Built> {
    let built: Built = records::canonical::from_file(&file::read(record).ok()?).ok()?;
    let same = built.inputs == inputs && Sha256::of(&file::read(program).ok()?) == built.program;
    same.then_some(built)
}

fn compile(kit: &Kit, sources: &Path, files: &BTreeMap<String, Vec<u8>>, out: &Path) -> Result<Vec<Finding>> {
    let sysroot = kit.rustc.parent().and_then(Path::parent).context("rustc lies in no sysroot")?;
    let contract = kit.contract.parent().context("the contract lies in no folder")?;
    let read = [sysroot, contract, &kit.dependencies, sources, &kit.libraries];
    let mut rustc = confined::command(&read, &[out], &kit.rustc)?;
    rustc.current_dir(sources).env("TMPDIR", out).arg("src/lib.rs");
    rustc.args(["--crate-name", "submission", "--crate-type", "rlib", "--edition", "2024"]);
    rustc.args(["--emit", "obj,dep-info,link", "--error-format", "json", "-C", "metadata=maxclip"]);
    recipe(&mut rustc, kit, out);
    for lint in FORBIDDEN {
        rustc.arg("-F").arg(lint);
    }
    rustc.arg("--extern").arg(named("contract", &kit.contract)).arg("--extern").arg(named("serde", &kit.serde));
    let output = rustc.arg("--out-dir").arg(out).output().context("cannot start the compiler")?;
    if output.status.code() == Some(i32::from(Exit::Fault.code())) {
        // `confined` itself: rustc ends with 1 or 101, or by a signal.
        bail!("the compiler could not be confined: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    if !output.status.success() {
        return Ok(vec![refusal(&output)]);
    }
    foreign(&file::read(&out.join("submission.d"))?, out, files)
}

/// What both steps share, so that the object and the program are functions of their inputs.
fn recipe(rustc: &mut Command, kit: &Kit, out: &Path) {
    rustc.args(["-C", "opt-level=3", "-C", "codegen-units=1", "-C", "strip=symbols"]);
    for (from, to) in [(out, "/submission"), (&kit.checkout, "/maxclip")] {
        rustc.arg("--remap-path-prefix").arg(format!("{}={to}", from.display()));
    }
    rustc.arg("-L").arg(format!("dependency={}", kit.dependencies.display()));
}

fn link(kit: &Kit, out: &Path) -> Result<()> {
    let mut rustc = Command::new(&kit.rustc);
    // The caller's variables could choose another linker.
    rustc.env_clear().env("PATH", LINKER_PATH).arg(&kit.main).args([
        "--crate-name",
        "maxclip_worker",
        "--crate-type",
        "bin",
        "--edition",
        "2024",
    ]);
    recipe(&mut rustc, kit, out);
    rustc.arg("--extern").arg(named("worker", &kit.worker));
    rustc.arg("--extern").arg(named("submission", &out.join("libsubmission.rlib")));
    rustc.arg("-L").arg(format!("native={}", kit.libraries.display()));
    // No run path: the launcher names the libraries, so the program does not depend on where they lie.
    rustc.args(["-C", "link-arg=-Wl,--build-id=none", "-o"]).arg(out.join(PROGRAM));
    let output = rustc.output().context("cannot start the compiler")?;
    if !output.status.success() {
        bail!("linking the worker failed:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn named(name: &str, path: &Path) -> String {
    format!("{name}={}", path.display())
}

/// Why the compiler did not make a library.
fn refusal(output: &Output) -> Finding {
    let diagnostics: Vec<Diagnostic> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|diagnostic: &Diagnostic| diagnostic.level.starts_with("error"))
        .collect();
    let limit = output.status.signal().is_some() || diagnostics.is_empty();
    if limit {
        let how = output.status.signal().map_or("without a message".to_owned(), |signal| format!("by signal {signal}"));
        return Finding::new(Rule::BuildLimit, "src/lib.rs")
            .expected("at most 60 s of CPU time, 2 GiB of memory")
            .found(format!("the compiler ended {how}"))
            .attach(&output.stderr);
    }
    let place = diagnostics.iter().flat_map(|diagnostic| &diagnostic.spans).find(|span| span.is_primary);
    let place = place.map_or("src/lib.rs".to_owned(), |span| {
        format!("{}:{}:{}", span.file_name, span.line_start, span.column_start)
    });
    let text: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.rendered.as_str()).collect();
    Finding::new(Rule::DoesNotCompile, place)
        .found(format!("{} errors", text.len().max(2) - 1))
        .attach(text.join("\n").as_bytes())
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: String,
    spans: Vec<Span>,
}

#[derive(Deserialize)]
struct Span {
    file_name: String,
    line_start: usize,
    column_start: usize,
    is_primary: bool,
}

/// Compares what the compiler says it read with what was admitted.
fn foreign(dep_info: &[u8], out: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<Vec<Finding>> {
    let text = String::from_utf8_lossy(dep_info);
    let mut findings = Vec::new();
    for variable in text.lines().filter_map(|line| line.strip_prefix("# env-dep:")) {
        findings.push(Finding::new(Rule::ForeignInput, "environment").found(variable));
    }
    let target = format!("{}:", out.join("submission.o").display());
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&target))
        .context("the compiler's list has no line for the object")?;
    let read: BTreeSet<&str> = line.split_ascii_whitespace().collect();
    let admitted: BTreeSet<&str> = files.keys().map(String::as_str).collect();
    for name in read.difference(&admitted) {
        findings.push(Finding::new(Rule::ForeignInput, "src/lib.rs").expected("admitted files only").found(name));
    }
    for name in admitted.difference(&read) {
        findings.push(
            Finding::new(Rule::ForeignInput, *name).expected("a module of the library").found("no `mod` names it"),
        );
    }
    Ok(findings)
}

fn release(kit: &Kit) -> Result<String> {
    let output = Command::new(&kit.rustc).arg("-vV").output().context("cannot start the compiler")?;
    let text = String::from_utf8(output.stdout).context("rustc -vV is not UTF-8")?;
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("unknown").trim().to_owned();
    Ok(format!("{} {}", field("release:"), field("commit-hash:")))
}

/// The program of a build folder.
#[must_use]
pub fn program(out: &Path) -> PathBuf {
    out.join(PROGRAM)
}
