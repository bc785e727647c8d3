//! `maxclip leaderboard`: a table and a static page from certificates.

use std::path::{Path, PathBuf};

use anyhow::Result;
use askama::Template;
use records::{
    Exit, Verdict,
    file::{self, FileError, Links},
    verdict::escape,
};
use serde_json::json;
use verifier::{
    certificate,
    envelope::{self, CERTIFICATE_MAX},
    keys::{PublicKey, Trust},
};

use super::verify;
use crate::{
    frozen,
    board::{self, Board, Certified, Row, decimal, tie_note},
    problem::Problem,
    resolve::Law,
    terminal::{Paint, Terminal},
};

/// Arguments of `maxclip leaderboard`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Certificates, entries' folders, or folders of those
    #[arg(required = true)]
    from: Vec<PathBuf>,
    /// A list of public keys that you trust, such as a `.pub` file; repeat it for more
    #[arg(long, required = true, value_name = "KEYS")]
    trust: Vec<PathBuf>,
    /// Leave out certificates of other protocols: a name, or the file of an organizer's own, by which they are judged
    #[arg(long, value_name = "NAME|FILE")]
    protocol: Option<String>,
    /// Write the page to this file too
    #[arg(long)]
    html: Option<PathBuf>,
    /// Print the board as JSON
    #[arg(long)]
    json: bool,
}

/// Makes a board; refuses to, where one certificate does not hold.
pub fn run(args: Args, terminal: &mut Terminal) -> Result<Exit> {
    let trust = verify::trust(&args.trust)?;
    let mut certified = Vec::new();
    for (path, links) in certificates(&args.from)? {
        match open(&path, links, &trust)? {
            Verdict::Pass(one) => certified.push(one),
            Verdict::Fail(findings) => {
                terminal.say(format_args!("{}: no board with a certificate that does not hold", path.display()));
                return verify::tell_findings(&findings, args.json, terminal);
            }
            Verdict::Inconclusive(reason) => {
                terminal.say(format_args!("{}: no board with a certificate of an unknown key", path.display()));
                return verify::tell_reason(&reason, args.json, terminal);
            }
        }
    }
    let mut own = Vec::new();
    if let Some(name) = &args.protocol {
        let law = Law::chosen(name)?;
        certified.retain(|one| one.statement.predicate.against.protocol_digest == law.digest);
        own.extend(name.ends_with(".toml").then(|| name.clone()));
    }
    let release = frozen::release_with(&own)?;
    for one in &certified {
        match certificate::conform(&one.statement, &release, certificate::known_round(&one.statement).as_ref()) {
            Verdict::Pass(_) => {}
            Verdict::Fail(findings) => {
                terminal.say(format_args!("{}: no board with a certificate that says too much or too little", one.path));
                return verify::tell_findings(&findings, args.json, terminal);
            }
            Verdict::Inconclusive(reason) => {
                terminal.say(format_args!("{}: no board with a certificate of another release", one.path));
                return verify::tell_reason(&reason, args.json, terminal);
            }
        }
    }
    let board = board::make(&certified).map_err(Problem::usage)?;
    if let Some(path) = &args.html {
        file::write(path, page(&board)?.as_bytes())?;
    }
    if args.json {
        tell_json(&board, terminal)?
    } else {
        tell(&board, terminal)
    }
    Ok(Exit::Pass)
}

/// Every certificate at or below what was named, without doubles, in the order of their paths; only one that
/// was itself named may be a link.
fn certificates(from: &[PathBuf]) -> Result<Vec<(PathBuf, Links)>> {
    let mut found = Vec::new();
    for path in from {
        if !path.is_dir() {
            found.push((path.clone(), Links::Follow));
            continue;
        }
        let own = path.join("certificate.json");
        if own.is_file() {
            found.push((own, Links::Refuse));
            continue;
        }
        let entries = std::fs::read_dir(path).map_err(FileError::at("read", path))?;
        for entry in entries {
            let inner = entry.map_err(FileError::at("read", path))?.path().join("certificate.json");
            found.extend(inner.is_file().then_some((inner, Links::Refuse)));
        }
    }
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    found.dedup_by(|(a, _), (b, _)| a == b);
    if found.is_empty() {
        return Err(Problem::usage("no certificate.json there")
            .hint("`maxclip sign` writes one into an entry's folder")
            .into());
    }
    Ok(found)
}

fn open(path: &Path, links: Links, trust: &Trust) -> Result<Verdict<Certified>> {
    let bytes = file::read_plain(path, CERTIFICATE_MAX, links)?;
    Ok(match envelope::open(&bytes, trust) {
        Verdict::Pass(opened) => {
            let path = path.display().to_string();
            let signed = |key: &&PublicKey| opened.signers.iter().any(|signer| signer.trusted && signer.id == key.id());
            let signers = trust.keys.iter().filter(signed).map(PublicKey::digest).collect();
            Verdict::Pass(Certified { path, statement: opened.statement, signers })
        }
        Verdict::Fail(findings) => Verdict::Fail(findings),
        Verdict::Inconclusive(reason) => Verdict::Inconclusive(reason),
    })
}

fn tell(board: &Board, terminal: &mut Terminal) {
    let title = terminal.paint(Paint::Strong, "leaderboard");
    terminal.line(format_args!("{title}   {}   {}", board.protocol, board.round));
    let scales: String = board.scales.iter().map(|scale| format!("{:>9}", column(scale, 8))).collect();
    terminal.line(format_args!("      {:<20} {:>12}{scales}   verified", "entry", "mean"));
    for row in &board.rows {
        let scales: String = row.scales.iter().map(|(_, mean, _)| format!("{:>9}", decimal(*mean))).collect();
        let mean = format!("{} ± {}", decimal(row.mean), decimal(row.error));
        let line = format!(
            "  {:>2}  {:<20} {mean:>12}{scales}   certified   {}",
            row.rank,
            column(&row.entry.name, 20),
            tie_note(row)
        );
        terminal.line(line.trim_end());
    }
    for failed in &board.failed {
        let what = format!("failed: {} ({})", failed.stage, failed.rules.join(", "));
        terminal.line(format_args!("   -  {:<20} {}", column(&failed.entry.name, 20), what));
    }
    terminal.line(format_args!("  a function of {} certificates, root {}", board.certificates, board.root));
}

/// Hostile text for a column: escaped, on one line, cut.
fn column(text: &str, width: usize) -> String {
    let text = escape(text);
    if text.chars().count() <= width { text } else { text.chars().take(width - 1).chain(['…']).collect() }
}

fn tell_json(board: &Board, terminal: &mut Terminal) -> Result<()> {
    let row = |row: &Row| {
        let scales: Vec<_> = row
            .scales
            .iter()
            .map(|(scale, mean, error)| json!({"scale": scale, "mean": format!("{mean:.6}"), "error": format!("{error:.6}")}))
            .collect();
        json!({
            "rank": row.rank, "entry": row.entry, "tree": row.tree, "scales": scales, "mean": format!("{:.6}", row.mean),
            "error": format!("{:.6}", row.error), "tie": row.tie.map(|(rank, p)| json!({"rank": rank, "p": format!("{p:.4}")})),
        })
    };
    let failed: Vec<_> = board
        .failed
        .iter()
        .map(|failed| json!({"entry": failed.entry, "tree": failed.tree, "stage": failed.stage, "rules": failed.rules}))
        .collect();
    terminal.json(&json!({
        "exit": Exit::Pass, "protocol": board.protocol, "round": board.round, "certificates": board.certificates,
        "root": board.root, "rows": board.rows.iter().map(row).collect::<Vec<_>>(), "failed": failed,
    }))
}

/// One table of the page: the entries by one score.
struct Table {
    id: String,
    title: String,
    rows: Vec<Cells>,
}

/// A row of the page, ready to be shown.
struct Cells {
    rank: usize,
    name: String,
    team: String,
    link: Option<String>,
    score: String,
    /// Where the whisker lies, in percent of the scale from 0 to 1.
    low: String,
    at: String,
    width: String,
    others: Vec<String>,
    tie: String,
    tree: String,
}

struct Fold {
    name: String,
    team: String,
    stage: String,
    rules: String,
    tree: String,
}

#[derive(Template)]
#[template(path = "board.html")]
struct Page {
    protocol: String,
    round: String,
    tables: Vec<Table>,
    scales: Vec<String>,
    failed: Vec<Fold>,
    certificates: usize,
    root: String,
}

/// The page: the same bytes for the same certificates.
fn page(board: &Board) -> Result<String> {
    let mut tables = vec![table(board, "mean", |row| (row.mean, row.error))];
    for (index, scale) in board.scales.iter().enumerate() {
        tables.push(table(board, scale, |row| (row.scales[index].1, row.scales[index].2)));
    }
    let fold = |failed: &board::Failed| Fold {
        name: escape(&failed.entry.name),
        team: escape(&failed.entry.team),
        stage: escape(&failed.stage),
        rules: failed.rules.join(", "),
        tree: failed.tree.clone(),
    };
    let page = Page {
        protocol: escape(&board.protocol),
        round: escape(&board.round),
        tables,
        scales: board.scales.iter().map(|scale| escape(scale)).collect(),
        failed: board.failed.iter().map(fold).collect(),
        certificates: board.certificates,
        root: board.root.to_string(),
    };
    Ok(page.render()?)
}

fn table(board: &Board, title: &str, score: impl Fn(&Row) -> (f64, f64)) -> Table {
    let rows = board::ranked(&board.rows, score);
    let percent = |value: f64| format!("{:.1}", 100.0 * value.clamp(0.0, 1.0));
    let cells = |row: &Row| {
        let (mean, error) = (row.mean, row.error);
        let writeup = escape(&row.entry.writeup);
        Cells {
            rank: row.rank,
            name: escape(&row.entry.name),
            team: escape(&row.entry.team),
            link: writeup.starts_with("https://").then_some(writeup),
            score: format!("{} ± {}", decimal(mean), decimal(error)),
            low: percent(mean - error),
            at: percent(mean),
            width: percent((mean + error).min(1.0) - (mean - error).max(0.0)),
            others: row.scales.iter().map(|(_, mean, _)| decimal(*mean)).collect(),
            tie: tie_note(row),
            tree: row.tree.clone(),
        }
    };
    let cells = rows.iter().map(cells).collect();
    Table { id: format!("by-{}", escape(title)), title: escape(title), rows: cells }
}

#[cfg(test)]
mod tests {
    use records::Blake3;

    use super::*;

    #[test]
    fn hostile_names_stay_text() {
        let hostile = "<script>alert(1)</script>\u{1b}[31m\u{202e}\"'&";
        let entry = records::v1::statement::Entry {
            name: hostile.into(),
            team: hostile.into(),
            organization: hostile.into(),
            writeup: "https://example.org/\"onmouseover=alert(1)".into(),
            contact: hostile.into(),
        };
        let mut script = entry.clone();
        script.writeup = "javascript:alert(1)".into();
        let row = |entry| Row {
            rank: 1,
            entry,
            tree: "submission:0000 0000".into(),
            scales: vec![("small".into(), 0.5, 0.01)],
            mean: 0.5,
            error: 0.01,
            tie: None,
        };
        let failed = board::Failed { entry: entry.clone(), tree: String::new(), stage: hostile.into(), rules: vec![] };
        let board = Board {
            protocol: hostile.into(),
            round: hostile.into(),
            scales: vec!["small".into()],
            rows: vec![row(entry), row(script)],
            failed: vec![failed],
            certificates: 1,
            root: Blake3([0; 32]),
        };
        let page = page(&board).unwrap();
        for bad in ["<script", "\u{1b}", "\u{202e}", "javascript:", "/\"on", "alert(1)</"] {
            assert!(!page.contains(bad), "{bad:?}");
        }
        assert!(page.contains("Content-Security-Policy"));
        assert!(!column(hostile, 20).contains('\u{1b}') && column("a\nb", 20) == "a\\nb");
    }
}
