//! `maxclip doctor`: what this machine can do, and what it lacks for what.

use std::path::{Path, PathBuf};

use anyhow::Result;
use records::Exit;
use serde::Serialize;

use crate::{
    disk, frozen,
    kit::Kit,
    launch,
    terminal::{Paint, Terminal},
};

/// Arguments of `maxclip doctor`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the built programs are [default: beside this program]
    #[arg(long)]
    kit: Option<PathBuf>,
    /// The folder whose disk is looked at
    #[arg(long, default_value = ".")]
    home: PathBuf,
    /// Print canonical JSON
    #[arg(long)]
    json: bool,
}

/// One thing that was looked at.
#[derive(Debug, Serialize)]
struct Line {
    what: &'static str,
    found: String,
    /// Needed to judge: where it is not good, this machine is for `maxclip check` only.
    needed: bool,
    good: bool,
}

/// Looks, and ends with 3 where something that judging needs is not here.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let kit = Kit::find(args.kit.as_deref());
    let (landlock, namespaces) = (landlock(), namespaces());
    let compiler = compiler(landlock.good || namespaces.good);
    let machine = [release(), kernel(), seccomp(), landlock, namespaces, compiler, gpu(), disk(&args.home)];
    let lines: Vec<_> = machine.into_iter().chain([programs(&kit), libtorch(&kit), class(&kit)]).collect();
    let able = lines.iter().all(|line| line.good || !line.needed);
    if args.json {
        terminal.json(&lines)?;
    } else {
        for line in &lines {
            let (paint, word) = match (line.good, line.needed) {
                (true, _) => (Paint::Good, "good"),
                (false, true) => (Paint::Bad, "lack"),
                (false, false) => (Paint::Doubt, "none"),
            };
            let word = terminal.paint(paint, word);
            terminal.line(format_args!("  {word}  {:<11} {}", line.what, line.found));
        }
        let sum = if able { "this machine can certify" } else { "this machine can check ZIPs, and not certify" };
        terminal.line(sum);
    }
    Ok(if able { Exit::Pass } else { Exit::Inconclusive })
}

/// What this program is: certificates name it.
fn release() -> Line {
    Line { what: "release", found: frozen::judge().to_string(), needed: true, good: true }
}

fn kernel() -> Line {
    let name = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let found = format!("{} {} {}", text(name.sysname()), text(name.release()), text(name.machine()));
    let good = name.sysname().to_bytes() == b"Linux" && name.machine().to_bytes() == b"x86_64";
    Line { what: "kernel", found, needed: true, good }
}

fn seccomp() -> Line {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let good = status.lines().any(|line| line.starts_with("Seccomp:"));
    let found = if good { "filters (the wall around a worker)" } else { "no seccomp: a worker cannot be contained" };
    Line { what: "seccomp", found: found.to_owned(), needed: true, good }
}

fn landlock() -> Line {
    let version = cell::fork::landlock_version();
    let found =
        if version == 0 { "not in this kernel; used where it is".to_owned() } else { format!("version {version}") };
    Line { what: "Landlock", found, needed: false, good: version > 0 }
}

/// The compiler reads hostile text: without one of both nothing is built.
fn compiler(good: bool) -> Line {
    let found = if good { "can be confined" } else { "cannot be confined: neither Landlock nor user namespaces" };
    Line { what: "compiler", found: found.to_owned(), needed: true, good }
}

fn namespaces() -> Line {
    let most: u64 = std::fs::read_to_string("/proc/sys/user/max_user_namespaces")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(0);
    Line { what: "namespaces", found: format!("at most {most} user namespaces"), needed: false, good: most > 0 }
}

fn gpu() -> Line {
    let good = Path::new("/dev/nvidiactl").exists();
    let found = if good { "an NVIDIA driver (not used yet: training runs on the CPU)" } else { "none" };
    Line { what: "GPU", found: found.to_owned(), needed: false, good }
}

fn disk(home: &Path) -> Line {
    match disk::free(home) {
        // What the demo leaves behind, twice.
        Ok(free) => {
            Line { what: "disk", found: format!("{} free", disk::shown(free)), needed: true, good: free > 4 << 30 }
        }
        Err(error) => Line { what: "disk", found: format!("cannot look: {error}"), needed: true, good: false },
    }
}

fn programs(kit: &Result<Kit, records::Reason>) -> Line {
    match kit {
        Ok(_) => Line { what: "programs", found: frozen::digest().to_string(), needed: true, good: true },
        Err(reason) => {
            Line { what: "programs", found: format!("{}; {}", reason.why, reason.hint), needed: true, good: false }
        }
    }
}

fn libtorch(kit: &Result<Kit, records::Reason>) -> Line {
    let found = kit.as_ref().map(|kit| kit.libraries.display().to_string());
    let good = found.is_ok();
    let found = found.unwrap_or_else(|_| "not looked for without the programs".to_owned());
    Line { what: "libtorch", found, needed: true, good }
}

fn class(kit: &Result<Kit, records::Reason>) -> Line {
    let measured = kit.as_ref().map_err(|_| "not measured without the programs".to_owned());
    let measured = measured.and_then(|kit| launch::class(kit).map_err(|error| format!("{error:#}")));
    match measured {
        Ok(class) => Line { what: "numerics", found: class.short(), needed: true, good: true },
        Err(why) => Line { what: "numerics", found: why, needed: true, good: false },
    }
}
