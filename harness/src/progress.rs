//! What takes a while, counted: a bar on a terminal, and a line every ten seconds where there is none.
//!
//! A line in a log has to say everything by itself: which trainings run, how far each is, how fast, and how much is
//! left. Nothing is shown of what ends sooner than a quarter of a second, and no line of what ends within ten.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use records::{v1::progress::ProgressLine as Line, verdict::escape};

use crate::terminal;

/// Nothing that ends sooner than this shows a bar.
const PATIENCE: Duration = Duration::from_millis(250);
/// Between two lines.
const PERIOD: Duration = Duration::from_secs(10);

/// What takes a while; erased when dropped.
#[derive(Debug)]
pub struct LiveProgress {
    shared: Arc<Shared>,
    bar: ProgressBar,
    bars: bool,
    started: Instant,
    talker: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    counts: Mutex<Counts>,
    ended: Condvar,
}

/// What a line is made of.
#[derive(Debug, Default)]
struct Counts {
    label: String,
    /// All that there is to do; 0 where nobody knows.
    len: u64,
    /// What was done here, as opposed to found done.
    done: u64,
    /// How far each run is: so many, of so many.
    runs: BTreeMap<String, (u64, u64)>,
    ended: bool,
}

impl LiveProgress {
    /// Starts; `len` 0 is a spinner, which turns by itself. `bars` says whether there is a terminal to draw on.
    #[must_use]
    pub fn new(label: &str, len: u64, bars: bool) -> Self {
        let bar = bar(label, len);
        if len == 0 && bars {
            bar.set_draw_target(ProgressDrawTarget::stderr());
            bar.enable_steady_tick(PATIENCE);
        }
        let counts = Counts { label: label.to_owned(), len, ..Counts::default() };
        let shared = Arc::new(Shared { counts: Mutex::new(counts), ended: Condvar::new() });
        let started = Instant::now();
        let talker = (!bars).then(|| {
            let shared = Arc::clone(&shared);
            // Without a thread to be had there are no lines, and the work goes on.
            thread::Builder::new().name("progress".to_owned()).spawn(move || shared.talk(started)).ok()
        });
        Self { shared, bar, bars, started, talker: talker.flatten() }
    }

    /// Goes on by `count`.
    pub fn add(&self, count: u64) {
        self.shared.counts().done += count;
        self.show(count);
    }

    /// Goes to a place, wherever it went on from.
    pub fn reach(&self, place: u64) {
        let mut counts = self.shared.counts();
        let (label, len) = (counts.label.clone(), counts.len);
        let before = counts.runs.insert(label, (place, len));
        counts.done += before.map_or(1, |(before, _)| place.saturating_sub(before));
        drop(counts);
        self.bar.set_position(place);
        self.show(0);
    }

    /// A run has done `done` of `of`.
    fn at(&self, run: &str, done: u64, of: u64) {
        let mut counts = self.shared.counts();
        counts.done += 1;
        counts.runs.insert(run.to_owned(), (done, of));
        drop(counts);
        self.show(1);
    }

    /// A program says how far a run is.
    pub fn follow(&self, run: &str, progress: &Line) {
        match progress {
            Line::Step(step) => self.at(run, step.step + 1, step.steps),
            Line::Task(task) => self.at(&format!("{run} {}", task.task), task.done, task.of),
        }
    }

    fn show(&self, count: u64) {
        self.bar.inc(count);
        if self.bars && self.bar.is_hidden() && self.started.elapsed() >= PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }
}

impl Drop for LiveProgress {
    fn drop(&mut self) {
        self.shared.counts().ended = true;
        self.shared.ended.notify_all();
        if let Some(talker) = self.talker.take() {
            // A talker that panicked has said what it could.
            talker.join().ok();
        }
        self.bar.finish_and_clear();
    }
}

fn bar(label: &str, len: u64) -> ProgressBar {
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
    bar
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn talk(&self, started: Instant) {
        let mut counts = self.counts();
        while !counts.ended {
            let waited = self.ended.wait_timeout(counts, PERIOD).unwrap_or_else(PoisonError::into_inner);
            counts = waited.0;
            if !counts.ended && waited.1.timed_out() {
                terminal::talk(counts.line(started.elapsed()));
            }
        }
    }
}

impl Counts {
    /// One line: label, how far each unfinished run is, the rate, and what is left at that rate.
    fn line(&self, elapsed: Duration) -> String {
        let mut line = format!("{:<12}", self.label);
        let runs: Vec<_> = self.runs.iter().filter(|(_, (done, of))| done < of).collect();
        match &runs[..] {
            [] if self.len == 0 => {}
            [] => write!(line, " {} of {}", self.done, self.len).unwrap_or_default(),
            runs => {
                let words: Vec<_> = runs.iter().map(|(run, (done, of))| format!("{run} {done} of {of}")).collect();
                write!(line, " {}", words.join(", ")).unwrap_or_default();
            }
        }
        let seconds = elapsed.as_secs_f64();
        let rate = self.done as f64 / seconds.max(f64::MIN_POSITIVE);
        if self.len == 0 || self.done == 0 {
            write!(line, "   for {}", span(seconds)).unwrap_or_default();
        } else {
            let left = self.left() as f64 / rate;
            write!(line, "   {rate:.1} a second, {} left", span(left)).unwrap_or_default();
        }
        line
    }

    /// What is left: what a resumed run had done before counts as done.
    fn left(&self) -> u64 {
        let known: u64 = self.runs.values().map(|(done, _)| done).sum();
        self.len.saturating_sub(known.max(self.done))
    }
}

/// A time for people: `3 min 20 s`.
fn span(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let runs = [("large/1", (10, 400)), ("small/1", (200, 200)), ("small/2", (50, 200))];
        let runs = runs.map(|(run, at)| (run.to_owned(), at)).into();
        let counts = Counts { label: "train".to_owned(), len: 800, done: 120, runs, ended: false };
        // 260 of 800 stand; 120 of them were done here, in 60 s.
        assert_eq!(
            counts.line(Duration::from_secs(60)),
            "train        large/1 10 of 400, small/2 50 of 200   2.0 a second, 4 min 30 s left"
        );
    }

    #[test]
    fn what_has_no_length_or_has_not_begun_says_for_how_long() {
        let mut counts = Counts { label: "build".to_owned(), ..Counts::default() };
        assert_eq!(counts.line(Duration::from_secs(3700)), "build          for 1 h 1 min");
        counts.len = 8;
        assert_eq!(counts.line(Duration::from_secs(10)), "build        0 of 8   for 10 s");
        counts.done = 2;
        assert_eq!(counts.line(Duration::from_secs(10)), "build        2 of 8   0.2 a second, 30 s left");
    }
}
