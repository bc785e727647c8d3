//! The compiler in its jail: a view with sysroot, contract, sources and linker and nothing else, no network, a deadline,
//! and a bounded pipe.
//!
//! Hostile source can make rustc work and talk without end, and read whatever it can read (`include_bytes!` in a text
//! that a macro reads, `.incbin` in assembly): what lies in the view is public by definition.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use cell::{
    profile::COMPILER,
    tool::{Stopped, Tool, ToolError, ToolOutput},
};
use records::{Finding, Reason, Rule, Verdict, file};
use serde::Deserialize;

use crate::kit::Kit;

/// Lints that a submission cannot switch off: each closes a way to reach outside, or to hide it.
const FORBIDDEN: &[&str] = &[
    "unsafe-code",
    "non-ascii-idents",
    "long-running-const-eval",
    "text-direction-codepoint-in-comment",
    "text-direction-codepoint-in-literal",
];

/// Where the linker's driver is looked for.
const LINKER_PATH: [&str; 3] = ["/usr/local/bin/cc", "/usr/bin/cc", "/bin/cc"];
/// The linker itself, in the sysroot.
const LLD: &str = "lib/rustlib/x86_64-unknown-linux-gnu/bin/rust-lld";
/// Where the driver finds it by the name that it looks for: rustc's own stand-in asks `/proc` where it lies.
const LINKER_FOLDER: &str = "linker";
/// The system's libraries, and what the driver runs.
const SYSTEM: [&str; 6] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/libexec/gcc", "/etc/ld.so.cache"];
/// Seconds by the clock for both steps.
const SECONDS: u64 = 60;
/// Bytes of messages.
const OUTPUT_MAX: usize = 1 << 20;
/// The file in the build's folder that holds what the compiler said.
const MESSAGES: &str = "messages.txt";
const LIMITS: &str = "30 s of CPU time, 60 s by the clock, 640 MiB of memory and 1 MiB of messages at most";

/// What is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CompileStep {
    /// The participant's crate.
    Library,
    /// The shared object around it.
    Object,
}

/// A compiler for one submission.
pub(super) struct Compiler<'a> {
    kit: &'a Kit,
    sources: &'a Path,
    out: &'a Path,
    sysroot: PathBuf,
    libraries: PathBuf,
    linker: PathBuf,
    staging: tempfile::TempDir,
    deadline: Instant,
}

impl<'a> Compiler<'a> {
    /// A compiler that reads `sources` and writes `out`.
    pub(super) fn new(kit: &'a Kit, sources: &'a Path, out: &'a Path) -> Result<Self> {
        let sysroot = kit.rustc.parent().and_then(Path::parent).context("rustc lies in no sysroot")?.to_owned();
        let linker = LINKER_PATH.iter().map(PathBuf::from).find(|path| path.is_file());
        let linker = linker.context("no C compiler to link with: none of /usr/local/bin/cc, /usr/bin/cc, /bin/cc")?;
        let folder = out.join(LINKER_FOLDER);
        std::fs::create_dir_all(&folder).map_err(file::FileError::at("create", &folder))?;
        let link = folder.join("ld.lld");
        std::os::unix::fs::symlink(sysroot.join(LLD), &link).map_err(file::FileError::at("create", &link))?;
        let staging = tempfile::tempdir().context("no temporary folder")?;
        let deadline = Instant::now() + Duration::from_secs(SECONDS);
        let libraries = sysroot.join("lib");
        Ok(Self { kit, sources, out, sysroot, libraries, linker, staging, deadline })
    }

    /// Runs a step, and looks at what it says that it read and wrote.
    pub(super) fn run(&self, step: CompileStep, files: &BTreeMap<String, Vec<u8>>) -> Result<Verdict<()>> {
        let told = match self.tool(step).run() {
            Ok(told) => told,
            Err(error @ ToolError::Unconfined(_)) => {
                let hint = "the compiler reads hostile text: allow user namespaces, or use a kernel with Landlock";
                return Ok(Verdict::Inconclusive(Reason { why: error.to_string(), hint: hint.to_owned() }));
            }
            Err(error) => return Err(error).context("the compiler could not be confined"),
        };
        if told.stopped == Some(Stopped::Time) && told.cpu_micros < SECONDS * 1_000_000 / 4 {
            let seconds = told.cpu_micros as f64 / 1e6;
            let why =
                format!("the compiler had {seconds:.1} s of CPU time in {SECONDS} s by the clock, and did not end");
            let hint = "try again on a machine with less load".to_owned();
            return Ok(Verdict::Inconclusive(Reason { why, hint }));
        }
        if told.status != 0 || told.stopped.is_some() {
            file::write(&self.out.join(MESSAGES), &whole(&told.output))?;
            return Ok(Verdict::Fail(vec![refusal(step, &told)]));
        }
        let mut findings = self.assembly(step)?;
        if step == CompileStep::Library {
            findings.extend(foreign(&file::read(&self.out.join("submission.d"))?, self.out, files)?);
        }
        Ok(Verdict::from_findings((), findings))
    }

    fn tool(&self, step: CompileStep) -> Tool<'_> {
        Tool {
            profile: &COMPILER,
            program: &self.kit.rustc,
            arguments: self.arguments(step).into_iter().map(String::into_bytes).collect(),
            // Without `/proc` the loader does not find what lies beside the compiler.
            environment: vec![("TMPDIR", self.out), ("LD_LIBRARY_PATH", &self.libraries)],
            folder: self.sources,
            readable: self.readable(),
            writable: vec![self.out.to_owned()],
            staging: self.staging.path(),
            deadline: self.deadline,
            output_max: OUTPUT_MAX,
        }
    }

    fn readable(&self) -> Vec<PathBuf> {
        let kit = self.kit;
        let ours = [&self.sysroot, &kit.dependencies, &kit.contract, &kit.serde, &kit.answer, &kit.main];
        let rest = [&kit.libraries, &self.linker];
        SYSTEM.iter().map(PathBuf::from).chain(ours.into_iter().chain(rest).cloned()).collect()
    }

    fn arguments(&self, step: CompileStep) -> Vec<String> {
        let kit = self.kit;
        let path = |path: &Path| path.display().to_string();
        let named = |name: &str, path: &Path| format!("{name}={}", path.display());
        let mut words: Vec<String> = vec![];
        let mut add = |list: &[&str]| words.extend(list.iter().map(|word| (*word).to_owned()));
        match step {
            CompileStep::Library => {
                add(&["src/lib.rs", "--crate-name", "submission", "--crate-type", "rlib", "-C", "metadata=maxclip"]);
                add(&["--emit", "obj,llvm-ir,dep-info,link"]);
                FORBIDDEN.iter().for_each(|lint| add(&["-F", lint]));
                add(&["--extern", &named("contract", &kit.contract), "--extern", &named("serde", &kit.serde)]);
            }
            CompileStep::Object => {
                add(&[&path(&kit.main), "--crate-name", "entry", "--crate-type", "cdylib", "--emit", "llvm-ir,link"]);
                add(&["--extern", &named("answer", &kit.answer)]);
                add(&["--extern", &named("submission", &self.out.join("libsubmission.rlib"))]);
                add(&["-L", &named("native", &kit.libraries), "-C", &named("linker", &self.linker)]);
                add(&["-C", "linker-features=-lld", "-C", "link-arg=-fuse-ld=lld"]);
                add(&["-C", &format!("link-arg=-B{}", self.out.join(LINKER_FOLDER).display())]);
                // A cell may not change the protection of memory, so nothing is made read-only after relocation; and no
                // file that the object names (`.deplibs`) is read by the linker.
                add(&["-C", "relro-level=off", "-C", "link-arg=-Wl,--no-dependent-libraries,--build-id=none"]);
            }
        }
        add(&["--edition", "2024", "--error-format", "json", "--sysroot", &path(&self.sysroot)]);
        // Bitcode would come with assembly of its own, to name its section.
        add(&["-C", "opt-level=3", "-C", "codegen-units=1", "-C", "strip=symbols", "-C", "embed-bitcode=no"]);
        for (from, to) in [(self.out, "/submission"), (&kit.checkout, "/maxclip")] {
            add(&["--remap-path-prefix", &format!("{}={to}", from.display())]);
        }
        add(&["-L", &named("dependency", &kit.dependencies), "--out-dir", &path(self.out)]);
        words
    }

    /// Assembly in what the compiler made of the submission: rustc writes a naked function, and nothing of safe Rust,
    /// as assembly of the module.
    fn assembly(&self, step: CompileStep) -> Result<Vec<Finding>> {
        /// The longest line that matters; the rest of a longer one is skipped.
        const LINE_MAX: u64 = 1 << 16;
        let path = self.out.join(if step == CompileStep::Library { "submission.ll" } else { "entry.ll" });
        let mut reader = BufReader::new(File::open(&path).map_err(file::FileError::at("read", &path))?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = reader.by_ref().take(LINE_MAX).read_until(b'\n', &mut line);
            if read.map_err(file::FileError::at("read", &path))? == 0 {
                break;
            }
            if line.starts_with(b"module asm") {
                let finding = Finding::new(Rule::Assembly, "src/lib.rs").found("assembly of the module");
                return Ok(vec![finding.attach(&line)]);
            }
        }
        std::fs::remove_file(&path).map_err(file::FileError::at("remove", &path))?;
        Ok(vec![])
    }
}

/// What the compiler says to a person, whole: its messages without their JSON, and what is no message as it is.
fn whole(output: &[u8]) -> Vec<u8> {
    let lines = output.split_inclusive(|byte| *byte == b'\n');
    let text = lines.map(|line| match serde_json::from_slice::<Diagnostic>(line) {
        Ok(diagnostic) => diagnostic.rendered,
        Err(_) => String::from_utf8_lossy(line).into_owned(),
    });
    // Read in a terminal, and by whoever did not write the source.
    text.collect::<String>()
        .lines()
        .flat_map(|line| format!("{}\n", records::verdict::escape(line)).into_bytes())
        .collect()
}

/// Why the compiler did not make what it was asked for.
fn refusal(step: CompileStep, told: &ToolOutput) -> Finding {
    let diagnostics: Vec<Diagnostic> = String::from_utf8_lossy(&told.output)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .filter(|diagnostic: &Diagnostic| diagnostic.level.starts_with("error"))
        .collect();
    let how = match told.stopped {
        Some(Stopped::Time) => Some("the compiler did not end in time".to_owned()),
        Some(Stopped::Output) => Some("the compiler wrote more messages than that".to_owned()),
        None if libc::WIFSIGNALED(told.status) => {
            Some(format!("the compiler ended by signal {}", libc::WTERMSIG(told.status)))
        }
        None if diagnostics.is_empty() => Some("the compiler ended without a message".to_owned()),
        None => None,
    };
    if let Some(how) = how {
        return Finding::new(Rule::BuildLimit, "src/lib.rs").expected(LIMITS).found(how).attach(&told.output);
    }
    let spans = || diagnostics.iter().flat_map(|diagnostic| &diagnostic.spans);
    // An error inside the standard library, made by an instance, is told where the participant asked for it.
    let own = spans().find(|span| span.is_primary && span.file_name.starts_with("src/"));
    let own = own.or_else(|| spans().find(|span| span.file_name.starts_with("src/")));
    let place = own.or_else(|| spans().find(|span| span.is_primary));
    let place = place.map_or("src/lib.rs".to_owned(), |span| {
        format!("{}:{}:{}", span.file_name, span.line_start, span.column_start)
    });
    let text: Vec<_> = diagnostics.iter().map(|diagnostic| diagnostic.rendered.as_str()).collect();
    let found = match step {
        // The last of them says that there were some.
        CompileStep::Library => match text.len().max(2) - 1 {
            1 => "1 error".to_owned(),
            errors => format!("{errors} errors"),
        },
        CompileStep::Object => "it does not become an object".to_owned(),
    };
    Finding::new(Rule::DoesNotCompile, place).found(found).attach(text.join("\n").as_bytes())
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

/// rustc's release and commit.
pub(super) fn release(kit: &Kit) -> Result<String> {
    let output = Command::new(&kit.rustc).arg("-vV").output().context("cannot start the compiler")?;
    let text = String::from_utf8(output.stdout).context("rustc -vV is not UTF-8")?;
    let field =
        |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("unknown").trim().to_owned();
    Ok(format!("{} {}", field("release:"), field("commit-hash:")))
}
