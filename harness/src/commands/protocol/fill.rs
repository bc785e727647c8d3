//! `maxclip protocol fill`: what the data are, written into a protocol whose author knows only what they are called.

use std::path::{Path, PathBuf};

use anyhow::Result;
use data::dataset::Dataset;
use records::{
    Exit,
    file::{self, FileError},
};

use super::lines;
use crate::{folders::Home, packing::task, problem::Problem, protocols::read_text, shell, terminal::Terminal};

/// Arguments of `maxclip protocol fill`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file, whose scales name their data and whose tasks have names
    file: PathBuf,
    /// Where data, goldens and entries lie
    #[arg(long, default_value = "runs")]
    home: PathBuf,
}

/// One value that a file is to have.
struct Value {
    key: String,
    text: String,
}

/// Fills.
pub fn run(args: &Args, terminal: &mut Terminal) -> Result<Exit> {
    let before = read_text(&args.file)?;
    let refuse = |why: String| Problem::usage(format!("{}: {why}", args.file.display()));
    let table: toml::Table = before.parse().map_err(|error: toml::de::Error| {
        refuse(error.message().to_owned())
            .hint(format!("all that is wrong, with lines: maxclip protocol check {}", shell::path(&args.file)))
    })?;
    let data = Home(args.home.clone()).data();
    let mut values = Vec::new();
    for (number, name) in named(&table, &["scale"], "data").map_err(refuse)?.iter().enumerate() {
        let set = Dataset::open(&data.join(name))?;
        terminal.line(format_args!("scale {number}    {name:<24} {} samples   {}", set.len(), set.root()));
        values.push(Value { key: format!("scale.{number}.root"), text: format!("\"{}\"", set.root()) });
        values.push(Value { key: format!("scale.{number}.samples"), text: set.len().to_string() });
    }
    for (number, name) in named(&table, &["evaluation", "task"], "name").map_err(refuse)?.iter().enumerate() {
        let summary = task::summary(&data.join(name))?;
        terminal.line(format_args!("task {number}     {name:<24} {summary}"));
        values.push(Value { key: format!("evaluation.task.{number}.root"), text: format!("\"{}\"", summary.root) });
    }
    let after = write(&before, values.iter().map(|value| (value.key.as_str(), value.text.as_str()))).map_err(refuse)?;
    if after == before {
        terminal.say(format_args!("{} says so already", args.file.display()));
    } else {
        put(&args.file, &after)?;
        terminal.say(format_args!("written into {}", args.file.display()));
    }
    Ok(Exit::Pass)
}

/// Writes values into a protocol's text, and reads it again: whatever form a file has, these values are all that it says
/// otherwise then.
pub fn write<'a>(text: &str, values: impl Iterator<Item = (&'a str, &'a str)>) -> Result<String, String> {
    let mut text = text.to_owned();
    let mut wanted: toml::Table = text.parse().map_err(|error: toml::de::Error| error.message().to_owned())?;
    for (key, value) in values {
        let (list, _) = key.rsplit_once('.').unwrap_or_default();
        let no_list = || format!("`{list}` is not written as a table of its own, with a header of two brackets");
        text = lines::set(&text, key, value).ok_or_else(no_list)?;
        let table: toml::Table = text.parse().map_err(|error| format!("{key} = {value} does not fit in: {error}"))?;
        if set(&mut wanted, key, value).is_none() || table != wanted {
            return Err(format!("{key} = {value} cannot be written into it: write it by hand"));
        }
    }
    Ok(text)
}

/// Sets a value in a table that is there, such as `scale.0.samples`.
fn set(table: &mut toml::Table, key: &str, value: &str) -> Option<()> {
    let (list, name) = key.rsplit_once('.')?;
    let mut parts = list.split('.');
    let first = table.get_mut(parts.next()?)?;
    let at = parts.try_fold(first, |at, part| match part.parse::<usize>() {
        Ok(number) => at.get_mut(number),
        Err(_) => at.get_mut(part),
    })?;
    let value = format!("it = {value}").parse::<toml::Table>().ok()?.remove("it")?;
    at.as_table_mut()?.insert(name.to_owned(), value);
    Some(())
}

/// Puts a protocol's text into its file; where that is a link, into what it leads to.
pub fn put(path: &Path, text: &str) -> Result<()> {
    let target = path.canonicalize().map_err(FileError::at("read", path))?;
    Ok(file::write(&target, text.as_bytes())?)
}

/// A text of every table of a list.
fn named(table: &toml::Table, list: &[&str], key: &str) -> Result<Vec<String>, String> {
    let path = list.join(".");
    let at = list.iter().try_fold(None, |at: Option<&toml::Value>, part| match at {
        None => table.get(*part).map(Some),
        Some(at) => at.get(*part).map(Some),
    });
    let tables = at.flatten().and_then(toml::Value::as_array).ok_or_else(|| format!("it has no [[{path}]]"))?;
    let text = |(number, table): (usize, &toml::Value)| {
        let text = table.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        text.ok_or_else(|| format!("{path}.{number} has no text `{key}`"))
    };
    tables.iter().enumerate().map(text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_and_read_again() {
        let text =
            "name = \"x\"\n[evaluation]\nbatch = 1\n[[evaluation.task]]\nname = \"t\"\n[[scale]]\ndata = \"d\"\n";
        let table = text.parse().unwrap();
        assert_eq!(named(&table, &["scale"], "data").unwrap(), ["d"]);
        assert_eq!(named(&table, &["evaluation", "task"], "name").unwrap(), ["t"]);
        assert!(named(&table, &["scale"], "name").unwrap_err().contains("scale.0 has no text `name`"));
        let values = [("evaluation.task.0.root", "\"r\""), ("scale.0.samples", "5")];
        let written = write(text, values.into_iter()).unwrap();
        let expected = "[[evaluation.task]]\nroot = \"r\"\nname = \"t\"\n[[scale]]\nsamples = 5\ndata = \"d\"\n";
        assert!(written.ends_with(expected), "{written}");
    }

    #[test]
    fn a_file_that_lists_in_one_line_is_left_as_it_is() {
        let text = "scale = [{ data = \"d\" }]\n";
        assert!(write(text, [("scale.0.samples", "5")].into_iter()).unwrap_err().contains("`scale.0`"));
        // A table that stands in a text is no table.
        let text = "about = '''\n[[scale]]\nsamples = 1\n'''\n[[scale]]\ndata = \"d\"\n";
        assert!(write(text, [("scale.0.samples", "5")].into_iter()).is_err());
        // Neither is it where the table already says what is to be written.
        let text = "[[scale]]\nabout = '''\n[[scale]]\nsamples = 1\n'''\n[[scale]]\nsamples = 5\n";
        assert!(write(text, [("scale.1.samples", "5")].into_iter()).unwrap_err().contains("by hand"));
    }

    #[test]
    fn a_link_stays_and_what_it_leads_to_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["own.toml", "link.toml"].map(|name| folder.path().join(name));
        std::fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink("own.toml", &link).unwrap();
        put(&link, "new").unwrap();
        assert!(link.is_symlink() && std::fs::read_to_string(&file).unwrap() == "new");
    }
}
