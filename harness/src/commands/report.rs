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
use plotters::prelude::*;
use records::{
    Exit,
    file::{self, FileError, read_bounded},
    v1::{
        evaluation::TaskResult,
        transcript::{Header, Line},
    },
    verdict::escape,
};
use verifier::evidence::bytes_max;

use crate::{curve::Thinned, number::decimal, problem::Problem, terminal::Terminal, traces};

const COLOURS: [RGBColor; 6] = [
    RGBColor(37, 99, 235),
    RGBColor(217, 119, 6),
    RGBColor(5, 150, 105),
    RGBColor(190, 24, 93),
    RGBColor(124, 58, 237),
    RGBColor(75, 85, 99),
];

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
    let mut runs = Vec::new();
    for path in &args.runs {
        for folder in run_folders(path)? {
            runs.push(Told::read(&folder)?);
        }
    }
    let out = args.out.unwrap_or_else(|| args.runs[0].join("report.html"));
    file::write(&out, page(&runs)?.as_bytes())?;
    terminal.line(format_args!("report     {}   {} runs", out.display(), runs.len()));
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
    if path.join("transcript.jsonl").is_file() {
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
struct Told {
    name: String,
    header: Header,
    steps: Thinned,
    results: Vec<TaskResult>,
    last_prints: Vec<u64>,
}

impl Told {
    fn read(folder: &Path) -> Result<Self> {
        let mut steps = Thinned::default();
        let header = traces::each(folder, |line| steps.push(line))?.header().clone();
        let results = match read_bounded(&folder.join("eval_results.jsonl"), bytes_max("eval_results.jsonl")) {
            Ok(bytes) => results(&bytes).map_err(|error| Problem::usage(format!("{}: {error}", folder.display())))?,
            Err(error) if error.source.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        let last_prints = match steps.count.checked_sub(1) {
            Some(last) => traces::row(folder, header.columns.len(), last)?,
            None => Vec::new(),
        };
        Ok(Self { name: name(folder), header, steps, results, last_prints })
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
}

struct RunRow {
    colour: String,
    name: String,
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

/// A run's number, and its values by step.
type Series = (usize, Vec<(f64, f64)>);

#[derive(Template)]
#[template(path = "report.html")]
struct Page {
    curves: Vec<Curve>,
    tasks: Vec<String>,
    runs: Vec<RunRow>,
    prints: Vec<Prints>,
}

fn page(runs: &[Told]) -> Result<String> {
    let mut series: BTreeMap<String, Vec<Series>> = BTreeMap::new();
    for (index, told) in runs.iter().enumerate() {
        // A space sorts before every name: the loss comes first.
        series.entry(" loss".to_owned()).or_default().push((index, points(&told.steps, |line| line.loss.value())));
        for name in told.steps.kept.first().map(|line| line.diagnostics.keys()).into_iter().flatten() {
            let values = points(&told.steps, |line| line.diagnostics.get(name).and_then(|value| value.value()));
            series.entry(name.clone()).or_default().push((index, values));
        }
    }
    let curves = series
        .into_iter()
        .map(|(title, lines)| Ok(Curve { title: escape(title.trim()), svg: plot(&lines)? }))
        .collect::<Result<_>>()?;
    let mut tasks: Vec<_> = runs.iter().flat_map(|told| told.results.iter().map(|result| result.key.clone())).collect();
    tasks.sort();
    tasks.dedup();
    let rows = runs.iter().enumerate().map(|(index, told)| row(index, told, &tasks)).collect();
    let prints = runs.iter().map(prints).collect();
    Ok(Page { curves, tasks: tasks.iter().map(|task| escape(task)).collect(), runs: rows, prints }.render()?)
}

fn row(index: usize, told: &Told, tasks: &[String]) -> RunRow {
    let loss = |line: Option<&Line>| line.map_or_else(String::new, |line| escape(&line.loss.read));
    let score = |task: &String| {
        let result = told.results.iter().find(|result| result.key == *task)?;
        let stated = &result.maxclip;
        Some(format!("{} ±{}", decimal(stated.value.value()), decimal(stated.variance.value().sqrt())))
    };
    let RGBColor(r, g, b) = COLOURS[index % COLOURS.len()];
    RunRow {
        colour: format!("#{r:02x}{g:02x}{b:02x}"),
        name: told.name.clone(),
        steps: told.steps.count,
        first: loss(told.steps.kept.first()),
        last: loss(told.steps.last.as_ref()),
        chain: told.steps.last.as_ref().map_or_else(String::new, |line| line.chain.short()),
        scores: tasks.iter().map(|task| score(task).unwrap_or_else(|| "–".to_owned())).collect(),
    }
}

fn prints(told: &Told) -> Prints {
    let rows = told.header.columns.iter().zip(&told.last_prints).take(64);
    let rows = rows.map(|(column, print)| (escape(column), format!("{print:016x}"))).collect();
    Prints { name: told.name.clone(), rows }
}

/// Finite values by step.
fn points(steps: &Thinned, value: impl Fn(&Line) -> Option<f32>) -> Vec<(f64, f64)> {
    let all = steps.kept.iter().filter_map(|line| Some((line.step as f64, f64::from(value(line)?))));
    all.filter(|(_, value)| value.is_finite()).collect()
}

/// The curves of one quantity, without text: the page writes the labels.
fn plot(series: &[Series]) -> Result<String> {
    let all = || series.iter().flat_map(|(_, points)| points.iter().copied());
    let (low, high) = all().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, y)| (low.min(y), high.max(y)));
    let last = all().fold(1.0, |last: f64, (x, _)| last.max(x));
    if low > high {
        return Ok(String::new());
    }
    let margin = ((high - low) * 0.05).max(high.abs().max(1e-6) * 1e-3);
    let broken = |error: String| Problem::fault(format!("the plot failed: {error}"));
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (640, 220)).into_drawing_area();
        let mut chart = ChartBuilder::on(&area)
            .margin(4)
            .build_cartesian_2d(0.0..last, low - margin..high + margin)
            .map_err(|error| broken(error.to_string()))?;
        for (index, points) in series {
            let line = LineSeries::new(points.iter().copied(), COLOURS[index % COLOURS.len()].stroke_width(2));
            chart.draw_series(line).map_err(|error| broken(error.to_string()))?;
        }
        area.present().map_err(|error| broken(error.to_string()))?;
    }
    let range = format!("<p class=\"soft\">{high:.4} at the top, {low:.4} at the bottom, steps 0 to {last}</p>");
    // A size of its own would not shrink with the page.
    Ok(svg.replacen("width=\"640\" height=\"220\"", "", 1) + &range)
}

#[cfg(test)]
mod tests {
    use records::{Blake3, RunDigest};

    use super::*;

    fn told(losses: &[f32]) -> Told {
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
        Told { name: "a<script>".into(), header, steps, results: vec![], last_prints: vec![17] }
    }

    #[test]
    fn the_page_is_one_file_without_a_script() {
        let page = page(&[told(&[5.5, 4.0, f32::NAN, 3.0]), told(&[5.0, 4.5])]).unwrap();
        for bad in ["<script", "<b>tau", "<i>", "http://", "src="] {
            let plain = page.replace("http://www.w3.org/2000/svg", "");
            assert!(!plain.contains(bad), "{bad}");
        }
        assert_eq!(page.matches("<svg").count(), 2);
        assert!(page.matches("<polyline").count() >= 4 && page.contains("0000000000000011"));
    }

    #[test]
    fn an_empty_run_has_no_curve() {
        assert_eq!(plot(&[(0, vec![])]).unwrap(), "");
        assert!(page(&[told(&[])]).is_ok());
    }
}
