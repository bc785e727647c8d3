//! What a fresh machine must have, looked at first and told in one list.

use anyhow::{Result, bail};

use crate::shell;

struct Need {
    what: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    install: &'static str,
}

const NEEDS: &[Need] = &[
    Need {
        what: "Rust 1.95 or later",
        program: "rustc",
        arguments: &["--version"],
        install: "install rustup, then `rustup toolchain install 1.95`",
    },
    Need {
        what: "a C++ compiler",
        program: "c++",
        arguments: &["--version"],
        install: "Debian, Ubuntu: apt-get install g++ make; Fedora: dnf install gcc-c++ make",
    },
    Need {
        what: "make",
        program: "make",
        arguments: &["--version"],
        install: "Debian, Ubuntu: apt-get install make; Fedora: dnf install make",
    },
    Need {
        what: "git",
        program: "git",
        arguments: &["--version"],
        install: "Debian, Ubuntu: apt-get install git; Fedora: dnf install git",
    },
    Need {
        what: "python3 with pip",
        program: "python3",
        arguments: &["-m", "pip", "--version"],
        install: "Debian, Ubuntu: apt-get install python3-pip; Fedora: dnf install python3-pip",
    },
];

/// Refuses a machine that lacks something, naming everything that it lacks.
pub fn prerequisites() -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!(
            "maxclip's programs run on Linux on x86-64 so far; `maxclip check` alone builds elsewhere: cargo build -p maxclip"
        );
    }
    let missing: Vec<_> = NEEDS.iter().filter(|need| !shell::answers(need.program, need.arguments)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<_> = missing
        .iter()
        .map(|need| {
            format!(
                "  missing  {} (`{} {}`)\n           {}",
                need.what,
                need.program,
                need.arguments.join(" "),
                need.install
            )
        })
        .collect();
    bail!("this machine lacks something that the set-up needs:\n{}", lines.join("\n"))
}
