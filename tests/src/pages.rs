//! The commands of a page of documentation, as somebody gives them who follows it from top to bottom.
//!
//! A line of a `console` block that begins with `$ ` is a command, for a shell; the lines below it, up to the next, are
//! what it prints on both streams, in this order: each must be there, and `..` in one stands for anything. A command
//! without lines may print what it likes. It ends in 0, unless `$ echo $?` follows it with another number.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Ended, ended, programs, root};

/// A command of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// As a shell takes it.
    pub command: String,
    /// The exit code that the page says.
    pub code: i32,
    /// What it prints, as far as the page says.
    pub printed: Vec<String>,
}

/// A page of `docs/`.
#[derive(Debug)]
pub struct Page {
    name: String,
    text: String,
}

impl Page {
    /// Reads one.
    ///
    /// # Panics
    ///
    /// Where it is not there.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let path = root().join("docs").join(name);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { name: name.to_owned(), text }
    }

    /// The blocks of a language.
    pub fn blocks<'a>(&'a self, language: &'a str) -> impl Iterator<Item = &'a str> {
        let fences = self.text.split("\n```").skip(1).step_by(2);
        fences.filter_map(move |block| block.strip_prefix(language)?.strip_prefix('\n'))
    }

    /// Its commands, in order.
    #[must_use]
    pub fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for line in self.blocks("console").flat_map(str::lines) {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    steps.push(Step { command: command.to_owned(), code: 0, printed: Vec::new() });
                }
                (None, Some(step)) => step.printed.push(line.to_owned()),
                (None, None) => panic!("docs/{}: `{line}` is printed by nobody", self.name),
            }
        }
        let mut merged: Vec<Step> = Vec::new();
        for step in steps {
            match merged.last_mut() {
                Some(last) if step.command == "echo $?" => {
                    let code = step.printed.first().and_then(|code| code.parse().ok());
                    last.code =
                        code.unwrap_or_else(|| panic!("docs/{}: `{}` ends in no number", self.name, last.command));
                }
                _ => merged.push(step),
            }
        }
        merged
    }

    /// Gives every command in a folder.
    ///
    /// # Panics
    ///
    /// At the first that does not end and print as the page says, and where there is none.
    pub fn follow(&self, folder: &Path) {
        let steps = self.steps();
        assert!(!steps.is_empty(), "docs/{} has no commands", self.name);
        steps.iter().for_each(|step| self.take(step, folder));
    }

    /// Gives one command in a folder.
    ///
    /// # Panics
    ///
    /// Where it does not end and print as the page says.
    pub fn take(&self, step: &Step, folder: &Path) {
        let ended = shell(folder, &step.command);
        let all = format!("docs/{}: {}\n{}{}", self.name, step.command, ended.out, ended.err);
        assert_eq!(ended.code, Some(step.code), "{all}");
        let mut lines = ended.out.lines().chain(ended.err.lines());
        for wanted in &step.printed {
            assert!(lines.any(|line| says(line, wanted)), "`{wanted}` is not printed there by {all}");
        }
    }
}

/// Runs a command in a shell that finds `maxclip`, with an otherwise empty environment.
///
/// # Panics
///
/// Where there is no shell.
#[must_use]
pub fn shell(folder: &Path, command: &str) -> Ended {
    let path = format!("{}:/usr/bin:/bin", programs().display());
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().env("PATH", path).current_dir(folder).arg("-c").arg(command).stdin(Stdio::null());
    ended(shell.output().unwrap_or_else(|error| panic!("no shell: {error}")))
}

/// Whether a line is what a page says, in which `..` stands for anything and runs of spaces for one.
fn says(line: &str, wanted: &str) -> bool {
    let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (line, wanted) = (plain(line), plain(wanted));
    let parts: Vec<_> = wanted.split("..").collect();
    let [first, middle @ .., last] = parts.as_slice() else { return line == wanted };
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_have_codes_and_lines() {
        let text = "Words.\n\n```console\n$ one\nout  ..\n$ echo $?\n3\n$ two\n```\n\n```toml\na = 1\n```\n".to_owned();
        let page = Page { name: "page".to_owned(), text };
        let step = |command: &str, code, printed: &[&str]| Step {
            command: command.to_owned(),
            code,
            printed: printed.iter().map(|line| (*line).to_owned()).collect(),
        };
        assert_eq!(page.steps(), [step("one", 3, &["out  .."]), step("two", 0, &[])]);
        assert_eq!(page.blocks("toml").collect::<Vec<_>>(), ["a = 1"]);
    }

    #[test]
    fn two_dots_stand_for_anything() {
        assert!(says("500 samples   data:00ff", "500 samples data:.."));
        assert!(says("a b c", "a .. c") && says("same", "same") && says("x y", "..y"));
        assert!(
            !says("500 samples   data:00ff", "50 samples data:..") && !says("a b", "a .. c") && !says("same", "sam")
        );
    }
}
