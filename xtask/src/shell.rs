//! Starting programs without losing their exit status.

use std::{
    ffi::OsStr,
    fmt, fs, io,
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
};

use anyhow::{Context as _, Result};

/// A program that ended with something else than 0.
#[derive(Debug)]
pub struct CommandFailed {
    line: String,
    status: ExitStatus,
}

impl CommandFailed {
    /// The child's exit code; 1 where a signal ended it.
    pub fn code(&self) -> u8 {
        self.status.code().and_then(|code| u8::try_from(code).ok()).filter(|code| *code != 0).unwrap_or(1)
    }
}

impl fmt::Display for CommandFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ended with {}", self.line, self.status)
    }
}

impl std::error::Error for CommandFailed {}

/// The checkout around a folder.
///
/// Looked for at run time: a path that is compiled in would lead from a copied checkout back into its original.
pub fn checkout(folder: &Path) -> Result<PathBuf> {
    let holds = |folder: &&Path| WORKSPACES.iter().all(|workspace| folder.join(workspace).join("Cargo.lock").is_file());
    let found = folder.ancestors().find(holds).map(Path::to_owned);
    found.with_context(|| format!("{} lies in no checkout of maxclip: go into one", folder.display()))
}

/// The workspaces below a checkout, each with a lock file of its own.
pub const WORKSPACES: [&str; 2] = ["frozen", ""];

/// Cargo, as the one that started us, in a workspace's folder.
#[expect(clippy::disallowed_methods, reason = "the programs of a checkout are found through the environment")]
pub fn cargo(workspace: &Path) -> Command {
    let mut command = Command::new(std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()));
    command.current_dir(workspace);
    command
}

/// How a command reads on a terminal.
pub fn line(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// Runs a command with our terminal; an exit status other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let line = line(command);
    let status = command.status().with_context(|| format!("cannot start `{line}`"))?;
    ended(line, status)
}

/// Whether a command ended well; anything else than 0 is an error.
pub fn ended(line: String, status: ExitStatus) -> Result<()> {
    if status.success() { Ok(()) } else { Err(CommandFailed { line, status }.into()) }
}

/// Runs a command and gives what it wrote to stdout; its stderr is ours.
pub fn output(command: &mut Command) -> Result<String> {
    let line = line(command);
    let output = command.stderr(Stdio::inherit()).output().with_context(|| format!("cannot start `{line}`"))?;
    ended(line.clone(), output.status)?;
    String::from_utf8(output.stdout).with_context(|| format!("`{line}` wrote something that is not UTF-8"))
}

/// Whether a program starts and ends well; its output is dropped.
pub fn answers(program: &str, arguments: &[&str]) -> bool {
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Removes a folder with all that is in it, where it is there.
pub fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::env;

    use super::*;

    #[test]
    fn the_nearest_checkout_upward_is_the_one_that_is_worked_on() {
        let copy = env::temp_dir().join(format!("maxclip-checkout-{}", std::process::id()));
        fs::create_dir_all(copy.join("frozen/trainer")).unwrap();
        let neither = checkout(&copy);
        fs::write(copy.join("Cargo.lock"), "").unwrap();
        fs::write(copy.join("frozen/Cargo.lock"), "").unwrap();
        let found = [copy.clone(), copy.join("frozen"), copy.join("frozen/trainer")].map(|folder| checkout(&folder));
        fs::remove_dir_all(&copy).unwrap();
        assert!(neither.unwrap_err().to_string().contains("no checkout"));
        assert!(found.into_iter().all(|found| found.unwrap() == copy));
    }
}
