//! The terminal: stdout is data, stderr is talk.
//!
//! A reader that went away (`maxclip rules | head`) is not an error and does not change a verdict:
//! what would be written to it is dropped. A file that stdout cannot be written into is an error in the end
//! ([`Terminal::cut_off`]): half a verdict on a full disk must not look like a whole one. Colour and bars appear on a terminal only; every
//! message reads without them. Everything that is printed goes through [`records::verdict::escape`] here,
//! line by line, so that no command can forget it: a name with a newline cannot forge a line, and one with
//! an escape sequence cannot paint. Our own colours travel beside the text and not in it ([`Painted`]).

use std::{
    cell::Cell,
    ffi::OsString,
    fmt::{self, Write as _},
    io::{self, IsTerminal as _, Write as _},
};

use records::{
    canonical,
    verdict::{escape, moves},
};
use serde::Serialize;

use crate::{problem::Problem, progress::LiveProgress};

/// Whether colour is welcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// On a terminal.
    Auto,
    /// Nowhere.
    Never,
}

impl Colour {
    /// What the user's environment asks for.
    pub fn from_environment(no_color: bool, term: Option<OsString>) -> Self {
        if no_color || term.is_some_and(|term| term == "dumb") { Self::Never } else { Self::Auto }
    }
}

/// How a word is painted where there is colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// Green.
    Good,
    /// Bold red.
    Bad,
    /// Yellow.
    Doubt,
    /// Bold.
    Strong,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Doubt => "33",
            Self::Strong => "1",
        }
    }
}

/// Where a command writes.
#[derive(Debug)]
pub struct Terminal {
    colour_out: bool,
    colour_talk: bool,
    bars: bool,
    /// Why something of stdout is missing.
    lost: Option<io::Error>,
}

impl Terminal {
    /// The process's own.
    pub fn real(colour: Colour) -> Self {
        let auto = colour == Colour::Auto;
        Self {
            colour_out: auto && io::stdout().is_terminal(),
            colour_talk: auto && io::stderr().is_terminal(),
            bars: io::stderr().is_terminal(),
            lost: None,
        }
    }

    /// Writes one line of data to stdout; a newline in it is escaped.
    pub fn line(&mut self, text: impl fmt::Display) {
        self.put(&one_line(text));
    }

    /// Writes what a renderer of ours made, line by line. It paints by itself, so that colours in its text pass:
    /// what it was given must have been escaped before.
    pub fn rendered(&mut self, text: &str) {
        text.lines().for_each(|line| self.put(&colours_only(line)));
    }

    /// Writes a value to stdout as JSON on one line: canonical, but that what would move a terminal is escaped.
    pub fn json<T: Serialize>(&mut self, value: &T) -> anyhow::Result<()> {
        self.put(&ascii_escapes(&String::from_utf8(canonical::to_bytes(value)?)?));
        Ok(())
    }

    /// Writes one line of talk to stderr; a newline in it is escaped.
    pub fn say(&mut self, text: impl fmt::Display) {
        talk(text);
    }

    /// Writes `error: ..` to stderr; further lines of the text are set off, so that none can pass for ours.
    pub fn error(&mut self, text: &str) {
        let label = Painted { how: Paint::Bad, text: "error:".to_owned(), colour: self.colour_talk };
        let mut lines = text.lines();
        self.say(format_args!("{label} {}", lines.next().unwrap_or_default()));
        lines.for_each(|line| self.say(format_args!("  | {line}")));
    }

    /// Writes `hint: ..` to stderr.
    pub fn hint(&mut self, text: &str) {
        let label = Painted { how: Paint::Strong, text: "hint:".to_owned(), colour: self.colour_talk };
        self.say(format_args!("{label} {text}"));
    }

    /// What went wrong where stdout is not whole, once the command has ended.
    pub fn cut_off(&mut self) -> Option<Problem> {
        let why = self.lost.take()?;
        let problem = Problem::fault(format!("cannot write to stdout: {why}"));
        Some(problem.hint("what was printed is not whole; files that the command was to write are written"))
    }

    /// Writes a line to stdout, where nothing before it was lost.
    fn put(&mut self, line: &str) {
        if self.lost.is_some() {
            return;
        }
        let mut out = io::stdout().lock();
        // A reader that went away does not change a verdict.
        self.lost = match writeln!(out, "{line}").and_then(|()| out.flush()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Some(error),
            _ => None,
        };
    }

    /// Paints a word for a line of stdout, where stdout has colour.
    pub fn paint(&self, how: Paint, text: &str) -> Painted {
        Painted { how, text: text.to_owned(), colour: self.colour_out }
    }

    /// Whether stdout has colour: for renderers that paint by themselves.
    pub fn colour(&self) -> bool {
        self.colour_out
    }

    /// What takes a while, counted on stderr: see [`LiveProgress`]. `len` 0 is what has no known length.
    pub fn progress(&self, label: &str, len: u64) -> LiveProgress {
        LiveProgress::new(label, len, self.bars)
    }
}

/// A word with its colour.
///
/// Only written straight into a line it is painted: in a `String` its colour would be text like any other, and
/// [`Terminal::line`] escapes it.
#[derive(Debug, Clone)]
pub struct Painted {
    how: Paint,
    text: String,
    colour: bool,
}

impl fmt::Display for Painted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.colour {
            ours(|| write!(f, "\u{1b}[{}m", self.how.code()))?;
        }
        f.write_str(&self.text)?;
        if self.colour { ours(|| f.write_str("\u{1b}[0m")) } else { Ok(()) }
    }
}

thread_local! {
    /// Whether what is written right now is a colour of ours: `fmt` has no channel for it beside the text.
    static OURS: Cell<bool> = const { Cell::new(false) };
}

fn ours(write: impl FnOnce() -> fmt::Result) -> fmt::Result {
    OURS.set(true);
    let written = write();
    OURS.set(false);
    written
}

/// Takes text piece by piece, and escapes every piece but [`ours`].
#[derive(Default)]
struct Escaper(String);

impl fmt::Write for Escaper {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        if OURS.get() {
            self.0.push_str(piece)
        } else {
            self.0.push_str(&escape(piece))
        }
        Ok(())
    }
}

fn one_line(text: impl fmt::Display) -> String {
    let mut escaper = Escaper::default();
    // An escaper never fails; a `Display` that does has said what it could.
    write!(escaper, "{text}").ok();
    escaper.0
}

/// Writes one line of talk to stderr, where no [`Terminal`] is at hand.
pub fn talk(text: impl fmt::Display) {
    writeln!(io::stderr().lock(), "{}", one_line(text)).ok();
}

/// JSON whose strings hold nothing that moves a terminal; the same value.
fn ascii_escapes(json: &str) -> String {
    json.chars().fold(String::with_capacity(json.len()), |mut out, c| {
        if moves(c) {
            out.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
        out
    })
}

/// Escapes every control character but colour sequences (`ESC [ digits and ; m`).
fn colours_only(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&escape(&rest[..at]));
        let tail = &rest[at..];
        let inner = tail.strip_prefix("\u{1b}[").unwrap_or("");
        let digits = inner.bytes().take_while(|b| b.is_ascii_digit() || *b == b';').count();
        let end = if inner[digits..].starts_with('m') && !inner.is_empty() { digits + 3 } else { 1 };
        if end > 1 {
            out.push_str(&tail[..end]);
        } else {
            out.push_str("\\u{1b}");
        }
        rest = &tail[end..];
    }
    out.push_str(&escape(rest));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_colours_paint_a_line() {
        let hostile = "a\u{1b}[31mb\nPASS\u{9b}31m";
        let word = |colour| Painted { how: Paint::Good, text: hostile.to_owned(), colour };
        let escaped = "a\\u{1b}[31mb\\nPASS\\u{9b}31m";
        assert_eq!(
            one_line(format_args!("{} {hostile}", word(true))),
            format!("\u{1b}[32m{escaped}\u{1b}[0m {escaped}")
        );
        assert_eq!(one_line(format_args!("{} {hostile}", word(false))), format!("{escaped} {escaped}"));
        // Through a `String` the colour is text of unknown origin.
        assert_eq!(one_line(word(true).to_string()), format!("\\u{{1b}}[32m{escaped}\\u{{1b}}[0m"));
    }

    #[test]
    fn what_a_renderer_painted_keeps_its_colours_and_nothing_else() {
        assert_eq!(colours_only("a\u{1b}[31mb\u{1b}[0m"), "a\u{1b}[31mb\u{1b}[0m");
        assert_eq!(colours_only("a\u{1b}[2Jb\u{1b}"), "a\\u{1b}[2Jb\\u{1b}");
        assert_eq!(colours_only("\u{1b}]0;title\u{7}"), "\\u{1b}]0;title\\u{7}");
    }

    #[test]
    fn json_keeps_its_value_and_moves_nothing() {
        let text: String = (0..=0x10_ffff).filter_map(char::from_u32).filter(|&c| moves(c)).collect();
        let json = ascii_escapes(&serde_json::to_string(&text).unwrap());
        assert!(!json.chars().any(moves));
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
    }

    #[test]
    fn no_colour_where_it_is_not_wanted() {
        assert_eq!(Colour::from_environment(true, None), Colour::Never);
        assert_eq!(Colour::from_environment(false, Some("dumb".into())), Colour::Never);
        assert_eq!(Colour::from_environment(false, Some("xterm".into())), Colour::Auto);
    }
}
