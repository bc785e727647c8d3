//! `maxclip report`: one page with the curves and tables of runs, to look at beside each other.
//!
//! Reads what a run leaves behind and judges nothing: `maxclip verify` does.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use anyhow::Result;
use askama::Template;
use records::{
    Exit, ProtocolDigest, canonical,
    file::{FileError, read_bounded},
    v1::{
        evaluation::TaskResult,
        names,
        protocol::Protocol,
        run::ResolvedRun,
        transcript::{Header, Line},
    },
    verdict::escape,
};
use verifier::evidence::bytes_max;

use crate::{
    curve::Thinned,
    cut::{LINE, WORD, cut},
    folders::EntryFolder,
    number::decimal,
    outputs::Output,
    plot::{self, Series},
    problem::Problem,
    terminal::Terminal,
    traces,
};

/// Arguments of `maxclip report`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Run folders, or folders with runs in them: an entry's, or a scale's of it
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    /// Where the page goes [default: report.html in the first folder]
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Writes the page.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let named = args.out.unwrap_or_else(|| args.runs[0].join("report.html"));
    let out = Output::named(&named, "report.html")?;
    let (mut runs, mut entries) = (Vec::new(), Entries::default());
    for path in &args.runs {
        for folder in run_folders(path)? {
            runs.push(RunReport::read(&folder, &mut entries)?);
        }
    }
    // Scales in the protocol's order, an entry's runs together, as far as the runs say what they are.
    runs.sort_by(|a, b| (&a.of, a.scale, a.repeat).cmp(&(&b.of, b.scale, b.repeat)));
    out.write(page(&runs)?.as_bytes())?;
    let plural = if runs.len() == 1 { "" } else { "s" };
    terminal.line(format_args!("report     {}   {} run{plural}", named.display(), runs.len()));
    Ok(Exit::Pass)
}

/// A folder with a transcript, or those at most two folders below it that have one: `<scale>/<repeat>`.
fn run_folders(path: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    walk(path, 2, &mut found)?;
    if found.is_empty() {
        return Err(Problem::usage(format!("no transcript.jsonl in {} or in folders of it", path.display())).into());
    }
    Ok(found)
}

fn walk(path: &Path, depth: u32, found: &mut Vec<PathBuf>) -> Result<()> {
    if path.join(names::TRANSCRIPT).is_file() {
        found.push(path.to_owned());
    } else if depth > 0 {
        let entries = std::fs::read_dir(path).map_err(FileError::at("read", path))?;
        let inside = entries.map(|entry| Ok(entry?.path())).collect::<io::Result<BTreeSet<_>>>();
        for inner in inside.map_err(FileError::at("read", path))?.iter().filter(|inner| inner.is_dir()) {
            walk(inner, depth - 1, found)?;
        }
    }
    Ok(())
}

/// One run.
struct RunReport {
    /// What the entry is called, or its folder.
    of: String,
    /// The place of its scale in the protocol.
    scale: usize,
    /// The scale's name.
    scale_name: String,
    repeat: u32,
    /// What its losses and diagnostics can be laid over: the same protocol.
    protocol: Option<ProtocolDigest>,
    header: Header,
    steps: Thinned,
    results: Vec<TaskResult>,
    last_prints: Vec<u64>,
}

impl RunReport {
    fn read(folder: &Path, entries: &mut Entries) -> Result<Self> {
        let mut steps = Thinned::default();
        let header = traces::each(folder, |line| steps.push(line))?.header().clone();
        let results = match read_bounded(&folder.join(names::RESULTS), bytes_max(names::RESULTS)) {
            Ok(bytes) => results(&bytes).map_err(|error| Problem::usage(format!("{}: {error}", folder.display())))?,
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let last_prints = match steps.count.checked_sub(1) {
            Some(last) => traces::row(folder, header.columns.len(), last)?,
            None => Vec::new(),
        };
        let run = run_of(folder)?;
        let protocol = run.as_ref().and_then(|run| Protocol::parse(&run.protocol).ok());
        let place = |run: &ResolvedRun| {
            protocol.as_ref().and_then(|(known, _)| known.scales.iter().position(|scale| scale.name == run.scale))
        };
        Ok(Self {
            of: entries.name(folder),
            scale: run.as_ref().and_then(place).unwrap_or(0),
            scale_name: run.as_ref().map_or_else(String::new, |run| cut(&run.scale, WORD)),
            repeat: run.as_ref().map_or(1, |run| run.repeat),
            protocol: protocol.map(|(_, digest)| digest),
            header,
            steps,
            results,
            last_prints,
        })
    }

    fn name(&self) -> String {
        format!("{} {}/{}", self.of, self.scale_name, self.repeat)
    }
}

/// What the run is of, where the folder says so.
fn run_of(folder: &Path) -> Result<Option<ResolvedRun>> {
    match read_bounded(&folder.join(names::RUN), bytes_max(names::RUN)) {
        Ok(bytes) => Ok(canonical::from_file(&bytes).ok()),
        Err(error) if error.source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What entries say that they are called, by their folders: an entry is asked once, however many runs it has.
#[derive(Default)]
struct Entries(BTreeMap<PathBuf, Option<String>>);

impl Entries {
    /// The name of a run's entry, where a statement lies in its folder; else the folder's.
    fn name(&mut self, run: &Path) -> String {
        let entry = run.parent().and_then(Path::parent).map(Path::to_owned).unwrap_or_default();
        let stated = self.0.entry(entry).or_insert_with_key(|entry| {
            let finished = EntryFolder(entry.clone()).finished().ok().flatten()?;
            Some(cut(&finished.statement.predicate.entry.name, LINE))
        });
        stated.clone().unwrap_or_else(|| cut(&name(run), LINE))
    }
}

/// What a run is called on the page: its folder and the two around it.
fn name(folder: &Path) -> String {
    let parts: Vec<_> =
        folder.components().rev().take(3).map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
    escape(&parts.into_iter().rev().collect::<Vec<_>>().join("/"))
}

fn results(bytes: &[u8]) -> serde_json::Result<Vec<TaskResult>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(serde_json::from_slice).collect()
}

struct Curve {
    title: String,
    svg: String,
    /// Lines by the class of their colour.
    legend: Vec<(String, String)>,
}

struct RunRow {
    colour: String,
    of: String,
    scale: String,
    repeat: u32,
    steps: u64,
    first: String,
    last: String,
    chain: String,
    scores: Vec<String>,
}

struct Prints {
    name: String,
    rows: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    curves: Vec<Curve>,
    tasks: Vec<String>,
    runs: Vec<RunRow>,
    prints: Vec<Prints>,
}

fn page(runs: &[RunReport]) -> Result<String> {
    let panels = panels(runs);
    let curves = panels.iter().flat_map(|panel| curves(runs, panel)).collect();
    let mut tasks: Vec<_> = runs.iter().flat_map(|run| run.results.iter().map(|result| result.key.clone())).collect();
    let mut seen = BTreeSet::new();
    tasks.retain(|task| seen.insert(task.clone()));
    let line = |index: usize| panels.iter().find_map(|panel| panel.iter().position(|of| *of == index)).unwrap_or(0);
    let rows = runs.iter().enumerate().map(|(index, run)| row(line(index), run, &tasks)).collect();
    let prints = runs.iter().map(prints).collect();
    Ok(Page { curves, tasks: tasks.iter().map(|task| escape(task)).collect(), runs: rows, prints }.render()?)
}

/// Runs whose curves mean the same: of one entry, one protocol and one scale. A loss is whatever its entry says.
fn panels(runs: &[RunReport]) -> Vec<Vec<usize>> {
    let mut panels: Vec<Vec<usize>> = Vec::new();
    for (index, run) in runs.iter().enumerate() {
        let of = |run: &RunReport| (run.of.clone(), run.protocol, run.scale_name.clone());
        match panels.iter_mut().find(|panel| of(&runs[panel[0]]) == of(run)) {
            Some(panel) => panel.push(index),
            None => panels.push(vec![index]),
        }
    }
    panels
}

/// The loss of some runs, and each of their diagnostics.
fn curves(runs: &[RunReport], panel: &[usize]) -> Vec<Curve> {
    let mut series: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    for (line, run) in panel.iter().map(|&index| &runs[index]).enumerate() {
        // A space sorts before every name: the loss comes first.
        series.entry(" loss".to_owned()).or_default().push((line, points(&run.steps, |line| line.loss.value())));
        for name in run.steps.kept.first().map(|line| line.diagnostics.keys()).into_iter().flatten() {
            let values = points(&run.steps, |line| line.diagnostics.get(name).and_then(|value| value.value()));
            series.entry(name.clone()).or_default().push((line, values));
        }
    }
    let first = &runs[panel[0]];
    let legend: Vec<_> = panel
        .iter()
        .enumerate()
        .map(|(line, &index)| (plot::class(line), format!("seed {}", runs[index].repeat)))
        .collect();
    let unit = |title: &str| if title == "loss" { " (in the entry's own unit)" } else { "" };
    let curve = |(title, lines): (String, Vec<Series>)| {
        let title = cut(title.trim(), LINE);
        let title = format!("{} {}: {title}{}", first.of, first.scale_name, unit(&title));
        Curve { title, svg: plot::svg(&lines, "step"), legend: legend.clone() }
    };
    series.into_iter().map(curve).collect()
}

fn row(line: usize, run: &RunReport, tasks: &[String]) -> RunRow {
    let loss = |line: Option<&Line>| line.map_or_else(String::new, |line| escape(&line.loss.read));
    let score = |task: &String| {
        let result = run.results.iter().find(|result| result.key == *task)?;
        let stated = &result.maxclip;
        Some(format!("{} ±{}", decimal(stated.value.value()), decimal(stated.variance.value().sqrt())))
    };
    RunRow {
        colour: plot::class(line),
        of: run.of.clone(),
        scale: run.scale_name.clone(),
        repeat: run.repeat,
        steps: run.steps.count,
        first: loss(run.steps.kept.first()),
        last: loss(run.steps.last.as_ref()),
        chain: run.steps.last.as_ref().map_or_else(String::new, |line| line.chain.short()),
        scores: tasks.iter().map(|task| score(task).unwrap_or_else(|| "–".to_owned())).collect(),
    }
}

fn prints(run: &RunReport) -> Prints {
    let rows = run.header.columns.iter().zip(&run.last_prints).take(64);
    let rows = rows.map(|(column, print)| (escape(column), format!("{print:016x}"))).collect();
    Prints { name: run.name(), rows }
}

/// Finite values by step.
fn points(steps: &Thinned, value: impl Fn(&Line) -> Option<f32>) -> Vec<(f64, f64)> {
    let all = steps.kept.iter().filter_map(|line| Some((line.step as f64, f64::from(value(line)?))));
    all.filter(|(_, value)| value.is_finite()).collect()
}

#[cfg(test)]
mod tests {
    use records::{Blake3, RunDigest};

    use super::*;

    fn report(losses: &[f32]) -> RunReport {
        let line = |(step, loss): (usize, &f32)| Line {
            step: step as u64,
            epoch: 0,
            ids: Blake3([0; 32]),
            loss: (*loss).into(),
            diagnostics: BTreeMap::from([("<b>tau</b>".to_owned(), 0.07f32.into())]),
            fingerprints: Blake3([0; 32]),
            chain: Blake3([0; 32]),
        };
        let header = Header { format: String::new(), run: RunDigest([0; 32]), columns: vec!["parameters/<i>".into()] };
        let mut steps = Thinned::default();
        losses.iter().enumerate().map(line).for_each(|line| steps.push(line));
        RunReport {
            of: "a<script>".into(),
            scale: 0,
            scale_name: "small".into(),
            repeat: 1,
            protocol: None,
            header,
            steps,
            results: vec![],
            last_prints: vec![17],
        }
    }

    #[test]
    fn the_page_is_one_file_without_a_script() {
        let page = page(&[report(&[5.5, 4.0, f32::NAN, 3.0]), report(&[5.0, 4.5])]).unwrap();
        for bad in ["<script", "<b>tau", "<i>", "http://", "src="] {
            let plain = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!plain.contains(bad), "{bad}");
        }
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(page.matches("<polyline").count() >= 4 && page.contains("0000000000000011"));
    }

    #[test]
    fn an_entry_is_asked_once_what_it_is_called() {
        let mut entries = Entries(BTreeMap::from([("home/entry".into(), Some("Asked before".to_owned()))]));
        assert_eq!(entries.name(Path::new("home/entry/small/1")), "Asked before");
        assert_eq!(entries.name(Path::new("home/entry/large/2")), "Asked before");
        assert_eq!(entries.name(Path::new("nowhere/small/1")), "nowhere/small/1");
        assert_eq!(entries.0.len(), 2);
    }

    #[test]
    fn an_empty_run_has_no_curve() {
        assert!(page(&[report(&[])]).is_ok());
    }
}
