//! The board as a page to publish: one file without a script, and beside it the certificates that it links to.
//!
//! There is one table. A link to `#sort-N` makes style rules choose another order, and the ranks, differences and
//! whiskers that belong to it; all of them are written.

use std::path::Path;

use anyhow::Result;
use askama::Template;
use competition::board::{self, Board, Certified, EntryRow, Placement, Significance};
use records::{
    Sha256,
    file::{self, FileError},
    v1::names::CERTIFICATE,
};

use super::{CHECKED, Caption, notes, releases};
use crate::{
    cut::{LINE, WORD, cut},
    number::{decimal, ranks, signed},
    outputs::Output,
    problem::Problem,
    shell::quoted,
};

/// What the round's statement is called beside the page.
const COMMITMENT: &str = "commitment.json";
/// The most parts of an axis.
const PARTS: f64 = 4.0;

/// What entries can be sorted by.
struct View {
    title: String,
    /// Ticks: where they are, in percent, and what they say.
    ticks: Vec<(String, String)>,
    parts: usize,
}

/// An entry in a view.
struct Cell {
    rank: String,
    score: String,
    error: String,
    /// How it stands to the baseline.
    note: String,
    /// The whisker, in percent of the axis.
    low: String,
    at: String,
    high: String,
}

/// A row of the page, ready to be shown.
struct Cells {
    name: String,
    team: String,
    writeup: Option<String>,
    certificate: String,
    tree: String,
    /// Its place in each view's order.
    order: Vec<usize>,
    views: Vec<Cell>,
}

struct Fold {
    name: String,
    team: String,
    certificate: String,
    stage: String,
    rules: String,
}

#[derive(Template)]
#[template(path = "board.html")]
struct Page {
    protocol: String,
    about: String,
    /// The maker's, above the round.
    title: Option<String>,
    /// Of days, and of the beacon.
    announced: Option<[String; 2]>,
    /// The organizer's statement that says so.
    commitment: Option<String>,
    competition: String,
    round: String,
    views: Vec<View>,
    rows: Vec<Cells>,
    failed: Vec<Fold>,
    /// Of seeds, and of ranks.
    notes: [String; 2],
    releases: Option<String>,
    checked: &'static str,
    certificates: usize,
    root: String,
    folder: String,
    /// What writes the page again.
    command: String,
}

/// Writes the certificates, the round's statement and then the page.
pub fn write(out: &Output, board: &Board, caption: &Caption, certified: &[Certified]) -> Result<()> {
    let folder = folder(board);
    let beside = out.path().parent().unwrap_or(Path::new("")).join(&folder);
    let put = |from: &Path, digest: &Sha256, name: &str| -> Result<()> {
        let into = beside.join(digest.bare());
        std::fs::create_dir_all(&into).map_err(FileError::at("create", &into))?;
        Ok(file::write(&into.join(name), &bytes(from, digest)?)?)
    };
    certified.iter().try_for_each(|one| put(Path::new(&one.path), &one.file, CERTIFICATE))?;
    caption.committed.iter().try_for_each(|of| put(&of.path, &of.file, COMMITMENT))?;
    out.write(page(board, caption, &folder)?.as_bytes())
}

/// The file again, which must be what was judged.
fn bytes(path: &Path, digest: &Sha256) -> Result<Vec<u8>> {
    let bytes = file::read(path)?;
    if Sha256::of(&bytes) == *digest {
        Ok(bytes)
    } else {
        Err(Problem::usage(format!("{} was changed while the board was made", path.display())).into())
    }
}

/// Where a board's certificates lie: another board's are in another folder.
fn folder(board: &Board) -> String {
    format!("certificates/{}", board.root.digits())
}

/// The page: the same bytes for the same certificates.
fn page(board: &Board, caption: &Caption, folder: &str) -> Result<String> {
    let beside = |file: &Sha256, name: &str| format!("{folder}/{}/{name}", file.bare());
    let link = |file: &Sha256| beside(file, CERTIFICATE);
    let commitment = caption.committed.as_ref().map(|committed| beside(&committed.file, COMMITMENT));
    let keys = keys(board);
    let orders: Vec<_> = keys.iter().map(|key| places(&board::order(&board.rows, |row| key.score(row)))).collect();
    let axes: Vec<_> = keys.iter().map(|key| Axis::of(&board.rows, key)).collect();
    let row = |(at, row): (usize, &EntryRow)| Cells {
        name: cut(&row.entry.name, LINE),
        team: cut(&row.entry.team, LINE),
        writeup: writeup(&row.entry.writeup),
        certificate: link(&row.file),
        tree: row.tree.map_or_else(String::new, |tree| tree.short()),
        order: orders.iter().map(|order| order[at]).collect(),
        views: keys.iter().zip(&axes).map(|(key, axis)| cell(row, key, axis)).collect(),
    };
    let fold = |failed: &board::FailedEntry| Fold {
        name: cut(&failed.entry.name, LINE),
        team: cut(&failed.entry.team, LINE),
        certificate: link(&failed.file),
        stage: cut(&failed.stage, WORD),
        rules: failed.rules.join(", "),
    };
    let view = |(key, axis): (&Key, &Axis)| View { title: key.title(board), ticks: axis.ticks(), parts: axis.parts };
    let page = Page {
        protocol: cut(&board.protocol, LINE),
        about: cut(&board.about, 4 * LINE),
        title: caption.title.as_ref().map(|title| cut(title, 4 * LINE)),
        announced: caption.notes(),
        command: command(folder, caption.title.as_deref(), commitment.as_deref()),
        commitment,
        competition: cut(&board.competition, LINE),
        round: cut(&board.round, LINE),
        views: keys.iter().zip(&axes).map(view).collect(),
        rows: board.rows.iter().enumerate().map(row).collect(),
        failed: board.failed.iter().map(fold).collect(),
        notes: notes(board),
        releases: releases(board),
        checked: CHECKED,
        certificates: board.certificates,
        root: board.root.to_string(),
        folder: folder.to_owned(),
    };
    Ok(page.render()?)
}

/// What writes the page again, with words for what everybody has under a name of his own.
fn command(folder: &str, title: Option<&str>, commitment: Option<&str>) -> String {
    let option =
        |name: &str, value: Option<&str>| value.map_or_else(String::new, |value| format!(" {name} {}", quoted(value)));
    let more = [option("--title", title), option("--commitment", commitment)].concat();
    format!("maxclip leaderboard {folder} --trust KEYS{more} --html FILE")
}

/// A link that leads where it says: to the web, and out of no attribute.
fn writeup(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '`' | '\\');
    (text.starts_with("https://") && text.chars().all(plain)).then(|| text.to_owned())
}

/// What entries can be sorted by.
enum Key {
    /// A view of the board, by its place.
    View(usize),
    ImageNet,
}

impl Key {
    fn title(&self, board: &Board) -> String {
        match self {
            Self::View(0) => "mean".to_owned(),
            Self::View(at) => board.scales.get(at - 1).map_or_else(String::new, |scale| cut(&scale.name, WORD)),
            Self::ImageNet => "ImageNet".to_owned(),
        }
    }

    fn score(&self, row: &EntryRow) -> f64 {
        self.estimate(row).0
    }

    /// The score and its standard error.
    fn estimate(&self, row: &EntryRow) -> (f64, f64) {
        match self {
            Self::View(at) => {
                row.places.get(*at).map_or((0.0, 0.0), |place| (place.standing.score, place.standing.error))
            }
            Self::ImageNet => row.imagenet.map_or((0.0, 0.0), |scored| (scored.value, scored.error)),
        }
    }
}

/// The mean first, ImageNet beside it, then the scales.
fn keys(board: &Board) -> Vec<Key> {
    let imagenet = board.rows.iter().any(|row| row.imagenet.is_some()).then_some(Key::ImageNet);
    [Key::View(0)].into_iter().chain(imagenet).chain((1..=board.scales.len()).map(Key::View)).collect()
}

/// By row, its place in an order of rows.
fn places(order: &[usize]) -> Vec<usize> {
    let mut places = vec![0; order.len()];
    order.iter().enumerate().for_each(|(place, &row)| places[row] = place);
    places
}

fn cell(row: &EntryRow, key: &Key, axis: &Axis) -> Cell {
    let (score, error) = key.estimate(row);
    let place = if let Key::View(at) = key { row.places.get(*at) } else { None };
    let rank = place.map_or_else(|| "–".to_owned(), |place| ranks(place.standing.best, place.standing.worst));
    Cell {
        rank: rank.replace('-', "–"),
        score: decimal(score),
        error: decimal(error),
        note: place.map_or_else(String::new, |place| note(row, place)),
        low: axis.percent(score - error),
        at: axis.percent(score),
        high: axis.percent(score + error),
    }
}

fn note(row: &EntryRow, place: &Placement) -> String {
    match &place.on_baseline {
        None if row.baseline => "baseline".to_owned(),
        None => String::new(),
        Some((difference, call)) => {
            let sign = match call {
                Significance::Better => '▲',
                Significance::Worse => '▼',
                Significance::Noise => '≈',
            };
            format!("{sign} {}", signed(difference.value).replace('-', "−"))
        }
    }
}

/// A visible scale, from one round number to another.
struct Axis {
    low: f64,
    step: f64,
    parts: usize,
}

impl Axis {
    fn of(rows: &[EntryRow], key: &Key) -> Self {
        let ends = rows.iter().map(|row| key.estimate(row)).map(|(score, error)| (score - error, score + error));
        let (low, high) = ends.fold((1.0f64, 0.0f64), |(low, high), (a, b)| (low.min(a), high.max(b)));
        let (low, high) = if low < high { (low.max(0.0), high.min(1.0)) } else { (0.0, 1.0) };
        let steps = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.25];
        let parts = |step: f64| (high / step).ceil() - (low / step).floor();
        let step = steps.into_iter().find(|step| parts(*step) <= PARTS).unwrap_or(0.25);
        Self { low: (low / step).floor() * step, step, parts: parts(step).max(1.0) as usize }
    }

    fn percent(&self, value: f64) -> String {
        let share = (value - self.low) / (self.step * self.parts as f64);
        format!("{:.1}", 100.0 * share.clamp(0.0, 1.0))
    }

    fn ticks(&self) -> Vec<(String, String)> {
        let value = |at: usize| self.low + at as f64 * self.step;
        (0..=self.parts).map(|at| (self.percent(value(at)), decimal(value(at)))).collect()
    }
}

#[cfg(test)]
mod tests {
    use competition::{
        board::{BoardScale, ItemScore},
        compare::{Difference, Standing},
    };
    use std::collections::BTreeMap;

    use records::{
        Blake3, Commitment, ProtocolDigest, ReleaseDigest,
        v1::{round::Announcement, statement::EntryLabel},
    };

    use super::*;
    use crate::commands::leaderboard::caption::Committed;

    fn row(name: &str, score: f64, imagenet: f64, call: Option<Significance>) -> EntryRow {
        let text = || name.to_owned();
        let writeup = "https://example.org/\"onmouseover=alert(1)".to_owned();
        let entry = EntryLabel { name: text(), team: text(), organization: text(), writeup, contact: text() };
        let place = Placement {
            standing: Standing { score, error: 0.01, best: 1, worst: 2 },
            on_baseline: call.map(|call| (Difference { value: -0.1, error: 0.02, chance: 0.5 }, call)),
        };
        EntryRow {
            entry,
            tree: None,
            statement: Sha256([0; 32]),
            file: Sha256([7; 32]),
            baseline: call.is_none(),
            places: vec![place.clone(), place],
            imagenet: Some(ItemScore { value: imagenet, error: 0.02 }),
        }
    }

    fn board(rows: Vec<EntryRow>) -> Board {
        let hostile = rows[0].entry.name.clone();
        let failed = board::FailedEntry {
            entry: rows[0].entry.clone(),
            archive: Sha256([0; 32]),
            file: Sha256([9; 32]),
            stage: hostile.clone(),
            rules: vec!["policy-word".into()],
        };
        Board {
            competition: hostile.clone(),
            round: hostile.clone(),
            protocol: hostile.clone(),
            about: hostile.clone(),
            scales: vec![BoardScale { name: hostile, seeds: 1, spread: 0.04, spread_stands_in: true }],
            spread_stands_in: true,
            rows,
            failed: vec![failed],
            releases: BTreeMap::from([(ReleaseDigest([7; 32]), 3)]),
            certificates: 3,
            root: Blake3([0; 32]),
        }
    }

    /// What an organizer signed who means no good.
    fn hostile_caption(hostile: &str) -> Caption {
        let text = || hostile.to_owned();
        let announced = Announcement {
            competition: text(),
            round: text(),
            commitment: Commitment([1; 32]),
            protocol: text(),
            protocol_digest: ProtocolDigest([2; 32]),
            beacon_source: Some(text()),
            days: None,
        };
        let committed = Committed { announced, path: "round.json".into(), file: Sha256([6; 32]) };
        Caption { title: Some("<script>it's</script>".to_owned()), committed: Some(committed) }
    }

    #[test]
    fn hostile_names_stay_text() {
        let hostile = "<script>alert(1)</script>\u{1b}[31m\u{202e}\"'&";
        let caption = hostile_caption(hostile);
        let page = page(&board(vec![row(hostile, 0.5, 0.3, None)]), &caption, "certificates/x").unwrap();
        for bad in ["<script", "\u{1b}", "\u{202e}", "/\"on", "alert(1)</", "onmouseover"] {
            assert!(!page.contains(bad), "{bad:?}");
        }
        assert!(
            page.contains("Content-Security-Policy") && page.contains("one seed: the protocol&#39;s spread"),
            "{page}"
        );
        assert_eq!(writeup("https://example.org/a?b=c#d").as_deref(), Some("https://example.org/a?b=c#d"));
        for bad in ["javascript:alert(1)", "http://example.org", "https://a b", "https://\u{202e}", "https://a\"b"] {
            assert_eq!(writeup(bad), None, "{bad}");
        }
    }

    #[test]
    fn imagenet_stands_beside_the_mean_and_has_an_order_of_its_own() {
        let rows = vec![row("first", 0.5, 0.3, None), row("second", 0.4, 0.31, Some(Significance::Worse))];
        let page = page(&board(rows), &Caption::default(), "certificates/x").unwrap();
        // The mean, ImageNet, one scale: places 0 and 1 by the mean, turned round by ImageNet.
        let links: Vec<_> = page.matches("<a href=\"#sort-").collect();
        assert_eq!(links.len(), 3);
        assert!(page.contains("--o0: 0;--o1: 1;--o2: 0;") && page.contains("--o0: 1;--o1: 0;--o2: 1;"), "{page}");
        assert!(page.contains(".310 ±.020") && page.contains("▼ −.100") && page.contains("1–2"), "{page}");
    }

    #[test]
    fn an_axis_holds_every_whisker_between_round_numbers() {
        let axis = |scores: &[f64]| {
            let rows: Vec<_> = scores.iter().map(|score| row("a", *score, 0.0, None)).collect();
            Axis::of(&rows, &Key::View(0)).ticks().into_iter().map(|(_, text)| text).collect::<Vec<_>>()
        };
        assert_eq!(axis(&[0.411, 0.398]), [".380", ".400", ".420", ".440"]);
        assert_eq!(axis(&[0.0, 1.0]), [".000", ".250", ".500", ".750", "1.000"]);
    }
}
