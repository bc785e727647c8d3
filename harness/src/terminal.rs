//! The terminal: stdout is data, stderr is talk.
//!
//! A reader that went away (`maxclip rules | head`) is not an error and does not change a verdict:
//! what would be written to it is dropped. Colour and progress appear on a terminal only; every
//! message reads without them. What comes from participants goes through [`records::verdict::escape`]
//! here, so that no command can forget it.

use std::{
    ffi::OsString,
    fmt,
    io::{self, IsTerminal as _, Write as _},
    sync::Mutex,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use records::{canonical, verdict::escape};
use serde::Serialize;

/// Nothing that ends sooner than this shows a bar.
const PATIENCE: Duration = Duration::from_millis(250);

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
}

impl Terminal {
    /// The process's own.
    pub fn real(colour: Colour) -> Self {
        let auto = colour == Colour::Auto;
        Self {
            colour_out: auto && io::stdout().is_terminal(),
            colour_talk: auto && io::stderr().is_terminal(),
            bars: io::stderr().is_terminal(),
        }
    }

    /// Writes a line of data to stdout.
    pub fn line(&mut self, text: impl fmt::Display) {
        let mut out = io::stdout().lock();
        // A reader that went away does not change a verdict.
        writeln!(out, "{}", printable(&text.to_string())).and_then(|()| out.flush()).ok();
    }

    /// Writes a value to stdout in canonical JSON, one line.
    pub fn json<T: Serialize>(&mut self, value: &T) -> anyhow::Result<()> {
        let bytes = canonical::to_file(value)?;
        let mut out = io::stdout().lock();
        // As in `line`.
        out.write_all(&bytes).and_then(|()| out.flush()).ok();
        Ok(())
    }

    /// Writes a line of talk to stderr.
    pub fn say(&mut self, text: impl fmt::Display) {
        writeln!(io::stderr().lock(), "{}", printable(&text.to_string())).ok();
    }

    /// Writes `error: ..` to stderr.
    pub fn error(&mut self, text: &str) {
        let label = paint(self.colour_talk, Paint::Bad, "error:");
        self.say(format_args!("{label} {text}"));
    }

    /// Writes `hint: ..` to stderr.
    pub fn hint(&mut self, text: &str) {
        let label = paint(self.colour_talk, Paint::Strong, "hint:");
        self.say(format_args!("{label} {text}"));
    }

    /// Paints a word for stdout, where stdout has colour.
    pub fn paint(&self, how: Paint, text: &str) -> String {
        paint(self.colour_out, how, text)
    }

    /// Whether stdout has colour: for renderers that paint by themselves.
    pub fn colour(&self) -> bool {
        self.colour_out
    }

    /// A bar on stderr that shows itself after 250 ms, and never without a terminal. `len` 0 is a spinner, which
    /// turns by itself.
    pub fn progress(&self, label: &str, len: u64) -> Progress {
        let bar = if len == 0 { ProgressBar::no_length() } else { ProgressBar::new(len) };
        bar.set_draw_target(ProgressDrawTarget::hidden());
        let template = if len == 0 {
            "    {prefix:<10} {spinner} {elapsed}"
        } else {
            "    {prefix:<10} {bar:24} {pos}/{len} {eta} left"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(escape(label));
        if len == 0 && self.bars {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(PATIENCE);
        }
        Progress { bar, bars: self.bars, started: Instant::now() }
    }
}

/// What takes a while, counted; erased when dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    bars: bool,
    started: Instant,
}

impl Progress {
    /// Goes on by `count`.
    pub fn add(&mut self, count: u64) {
        self.bar.inc(count);
        self.show();
    }

    fn show(&mut self) {
        if self.bars && self.bar.is_hidden() && self.started.elapsed() >= PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// One more, from any thread.
pub fn tick(bar: &Mutex<Progress>) {
    // A thread that panicked while it drew took the bar with it, and nothing else.
    if let Ok(mut bar) = bar.lock() {
        bar.add(1);
    }
}

fn paint(colour: bool, how: Paint, text: &str) -> String {
    let text = escape(text);
    if colour { format!("\u{1b}[{}m{text}\u{1b}[0m", how.code()) } else { text }
}

/// Escapes every control character but our own colour sequences (`ESC [ digits and ; m`).
fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\u{1b}') {
        out.push_str(&escape(&rest[..at]));
        let tail = &rest[at..];
        let inner = tail.strip_prefix("\u{1b}[").unwrap_or("");
        let digits = inner.bytes().take_while(|b| b.is_ascii_digit() || *b == b';').count();
        let end = if inner[digits..].starts_with('m') && !inner.is_empty() { digits + 3 } else { 1 };
        if end > 1 {
            out.push_str(&tail[..end])
        } else {
            out.push_str("\\u{1b}")
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
    fn only_our_own_colours_pass() {
        assert_eq!(printable("a\u{1b}[31mb\u{1b}[0m"), "a\u{1b}[31mb\u{1b}[0m");
        assert_eq!(printable("a\u{1b}[2Jb\u{1b}"), "a\\u{1b}[2Jb\\u{1b}");
        assert_eq!(printable("\u{1b}]0;title\u{7}"), "\\u{1b}]0;title\\u{7}");
        for c in (0u32..0x20).chain(0x7f..0xa0).filter_map(char::from_u32).filter(|c| !matches!(c, '\n' | '\t')) {
            assert!(!printable(&format!("a{c}b")).contains(c), "{c:?}");
        }
    }

    #[test]
    fn no_colour_where_it_is_not_wanted() {
        assert_eq!(Colour::from_environment(true, None), Colour::Never);
        assert_eq!(Colour::from_environment(false, Some("dumb".into())), Colour::Never);
        assert_eq!(Colour::from_environment(false, Some("xterm".into())), Colour::Auto);
        assert_eq!(paint(false, Paint::Bad, "FAIL"), "FAIL");
    }
}
