//! Every command that a source, a page or a hint tells somebody to give is one that there is, with its options.
//!
//! The changelog is left out: it tells of what was.

use std::{fs, path::Path};

use clap::{Command, CommandFactory as _};

use crate::Cli;

/// A mention and where it stands.
struct Mention {
    line: usize,
    /// Whether it is set as code: then it is a command, and no sentence that goes on after our name.
    code: bool,
    words: Vec<String>,
}

/// Texts of the checkout that people read: sources with their messages, pages, templates.
fn walk(folder: &Path, found: &mut Vec<(String, Mention)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, kind) = (entry.path(), entry.file_type().unwrap());
        let name = entry.file_name().into_string().unwrap();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if kind.is_dir() {
            if !name.starts_with('.') && !["target", "runs", "tests", "shared", "libtorch"].contains(&name.as_str()) {
                walk(&path, found);
            }
        } else if kind.is_file()
            && ["rs", "md", "html", "toml"].contains(&extension)
            && !["CHANGELOG.md", "mentioned.rs"].contains(&name.as_str())
        {
            let text = fs::read_to_string(&path).unwrap();
            let place = |line: usize| format!("{}:{line}", path.display());
            found.extend(mentions(&text, extension == "rs").into_iter().map(|mention| (place(mention.line), mention)));
        }
    }
}

/// The commands of a text: what follows `maxclip`, and spans of code that begin with a command of ours and have options.
fn mentions(text: &str, is_rust: bool) -> Vec<Mention> {
    let mut found = Vec::new();
    let joined = if is_rust { joined(text) } else { text.to_owned() };
    for (index, line) in joined.lines().enumerate() {
        let mut put = |code: bool, text: &str| {
            let words = text.split_whitespace().map(str::to_owned).collect();
            found.push(Mention { line: index + 1, code, words });
        };
        let spans = line.split('`').skip(1).step_by(2);
        spans.filter(|span| span.contains(" --") && !span.contains("maxclip ")).for_each(|span| put(false, span));
        for (at, word) in line.match_indices("maxclip ") {
            let (before, rest) = (&line[..at], &line[at + word.len()..]);
            let block = !is_rust && (before == "$ " || before.len() >= 4 && before.trim().is_empty());
            put(block || before.ends_with('`'), rest.split(['`', '<', ';', '(']).next().unwrap_or_default());
        }
    }
    found
}

/// A source with its texts on one line each; lines keep their numbers.
fn joined(text: &str) -> String {
    let (mut out, mut owed) = (String::new(), 0);
    for line in text.lines() {
        let line = if owed > 0 { line.trim_start() } else { line };
        let line = line.replace("\\\"", "'");
        if let Some(begun) = line.strip_suffix('\\') {
            out.push_str(begun);
            owed += 1;
        } else {
            out.push_str(&line);
            out.push_str(&"\n".repeat(owed + 1));
            owed = 0;
        }
    }
    out
}

/// A word without the marks around it.
fn plain(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_ascii_alphanumeric() && c != '-')
}

/// Whether a word can be a command's name: no placeholder, no option.
fn is_name(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase())
}

/// What is wrong with a command; nothing where it is prose and no command of ours.
fn fault(mention: &Mention, cli: &Command) -> Option<String> {
    let Mention { code, words, .. } = mention;
    // The contexts of hashes begin with our name, too: `maxclip submission tree v1`.
    if words.iter().any(|word| word.starts_with('v') && word[1..].starts_with(|c: char| c.is_ascii_digit())) {
        return None;
    }
    let mut words = words.iter().map(String::as_str).take_while(|word| *word != "|" && *word != "&&");
    let mut path = plain(words.next()?).to_owned();
    let Some(mut command) = cli.find_subcommand(&path) else {
        return (*code && is_name(&path)).then(|| format!("there is no command `{path}`"));
    };
    if command.has_subcommands() {
        // A group by itself, and several of its commands at once, are spoken of too.
        let names: Vec<_> = words.next().unwrap_or_default().split('|').map(plain).collect();
        for name in &names {
            match command.find_subcommand(name) {
                None if *code && is_name(name) => return Some(format!("`{path}` has no command `{name}`")),
                None => return None,
                Some(_) if names.len() > 1 => {}
                Some(inner) => {
                    command = inner;
                    path = format!("{path} {name}");
                    break;
                }
            }
        }
    }
    let option = |word: &str| {
        let name = word.trim_start_matches(['[', '(', '\'']).strip_prefix("--")?;
        Some(name.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect::<String>())
    };
    let known = |name: &str| command.get_arguments().any(|argument| argument.get_long() == Some(name));
    let other = words.filter_map(option).find(|name| !name.is_empty() && name != "help" && !known(name));
    other.map(|name| format!("`{path}` has no `--{name}`"))
}

#[test]
fn a_command_that_is_named_is_one_that_there_is() {
    let cli = Cli::command();
    let mut found = Vec::new();
    walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut found);
    let faults = found.iter().filter_map(|(place, mention)| Some(format!("{place}: {}", fault(mention, &cli)?)));
    let faults: Vec<_> = faults.collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let with_options =
        found.iter().filter(|(_, mention)| mention.words.iter().any(|word| word.starts_with("--"))).count();
    assert!(found.len() > 150 && with_options > 40, "{} mentions, {with_options} with options", found.len());
}

#[test]
fn a_command_or_an_option_that_there_is_not_is_found() {
    let cli = Cli::command();
    let of = |text: &str, is_rust: bool| {
        let found = mentions(text, is_rust);
        found.iter().filter_map(|mention| Some((mention.line, fault(mention, &cli)?))).collect::<Vec<_>>()
    };
    assert_eq!(of("`maxclip verify C --trust K --only run`, `sign --golden G`, `maxclip` and maxclip is", false), []);
    assert_eq!(of("maxclip round new|commit and `maxclip round`, maxclip key new --role golden", false), []);
    let one = |line: usize, fault: &str| vec![(line, fault.to_owned())];
    assert_eq!(of("a\nname it: `maxclip verify --rounds FILE`", false), one(2, "`verify` has no `--rounds`"));
    assert_eq!(of("as `maxclip reproduce` and maxclip reproduces", false), one(1, "there is no command `reproduce`"));
    assert_eq!(of("    maxclip round start FILE", false), one(1, "`round` has no command `start`"));
    assert_eq!(of("`round check --trust K --secret S`", false), one(1, "`round check` has no `--secret`"));
    assert_eq!(
        of("\n\"maxclip golden \\\n   record --why \\\"x\\\"\"", true),
        one(2, "`golden record` has no `--why`")
    );
}
