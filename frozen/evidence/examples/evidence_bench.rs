//! What reading evidence costs: writes a run's files of a given size, or reads them as a verifier does and says how long
//! that took and how much memory it had. `cargo xtask bench verify` runs both, each in a process of its own.

use std::{
    collections::BTreeMap,
    error::Error,
    fs::{self, File},
    io::{BufWriter, Write as _},
    path::Path,
    time::Instant,
};

use evidence::{Hashed, RowState, Steps, checkpoint::read_file};
use records::{
    Blake3, RunDigest, Sha256, canonical,
    file::{Links, open_plain, read_named},
    v1::{
        checkpoint::{Leaf, TensorFile, TensorLeaf, WEIGHTS},
        transcript::{FINGERPRINTS, Header, Line, TRANSCRIPT, TRANSCRIPT_FORMAT, row_digest},
    },
};

const COLUMNS: u64 = 1_000;
const TENSORS: u64 = 16;
const LIST: &str = "file.json";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["write", folder, mib, steps] => write(Path::new(folder), mib.parse()?, steps.parse()?),
        ["read", folder] => read(Path::new(folder)),
        _ => Err("write FOLDER MIB STEPS, or read FOLDER".into()),
    }
}

fn write(folder: &Path, mib: u64, steps: u64) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(folder)?;
    write_model(folder, mib << 20)?;
    write_run(folder, steps)
}

fn write_model(folder: &Path, bytes: u64) -> Result<(), Box<dyn Error>> {
    let each = bytes / TENSORS / 4;
    let names: Vec<String> = (0..TENSORS).map(|at| format!("w{at:02}")).collect();
    let mut header = String::from("{");
    for (at, name) in (0..).zip(&names) {
        let (begin, end) = (at * each * 4, (at + 1) * each * 4);
        let comma = if at > 0 { "," } else { "" };
        header += &format!(r#"{comma}"{name}":{{"dtype":"F32","shape":[{each}],"data_offsets":[{begin},{end}]}}"#);
    }
    header.push('}');
    let path = folder.join(WEIGHTS);
    let mut out = BufWriter::new(File::create(&path)?);
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(header.as_bytes())?;
    let mut tensors = Vec::new();
    for name in names {
        let mut leaf = Leaf::new(&name, "F32", &[each], each * 4);
        for first in (0..each).step_by(4096) {
            let count = 4096.min(each - first);
            let piece: Vec<u8> = (first..first + count).flat_map(|at| (at as f32 * 1e-3).to_le_bytes()).collect();
            leaf.piece(&piece);
            out.write_all(&piece)?;
        }
        tensors.push(TensorLeaf { name, dtype: "F32".into(), shape: vec![each], leaf: leaf.finish()? });
    }
    out.into_inner()?.sync_all()?;
    let (sha256, length) = Sha256::of_stream(File::open(&path)?)?;
    let file = TensorFile { name: WEIGHTS.into(), length, sha256, tensors };
    Ok(fs::write(folder.join(LIST), canonical::to_file(&file)?)?)
}

fn write_run(folder: &Path, steps: u64) -> Result<(), Box<dyn Error>> {
    let columns = (0..COLUMNS).map(|column| format!("parameters/{column}")).collect();
    let header = Header { format: TRANSCRIPT_FORMAT.into(), run: RunDigest([1; 32]), columns };
    let mut lines = BufWriter::new(File::create(folder.join(TRANSCRIPT))?);
    let mut rows = BufWriter::new(File::create(folder.join(FINGERPRINTS))?);
    lines.write_all(&canonical::to_file(&header)?)?;
    let mut chain = header.chain()?;
    for step in 0..steps {
        let row: Vec<u64> = (0..COLUMNS).map(|column| step * COLUMNS + column).collect();
        let line = Line {
            step,
            epoch: 0,
            ids: Blake3::of(&step.to_le_bytes()),
            loss: 1.5.into(),
            diagnostics: BTreeMap::from([("tau".to_owned(), 0.07.into())]),
            fingerprints: row_digest(&row),
            chain,
        };
        let line = line.chained(chain)?;
        chain = line.chain;
        lines.write_all(&canonical::to_file(&line)?)?;
        rows.write_all(&row.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>())?;
    }
    lines.into_inner()?.sync_all()?;
    Ok(rows.into_inner()?.sync_all()?)
}

fn read(folder: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let file: TensorFile = canonical::from_file(&read_named(&folder.join(LIST), 1 << 20)?)?;
    let (model, mut bytes) = open_plain(&folder.join(WEIGHTS), Links::Refuse)?;
    if let Some(difference) = read_file(model, &file, |_, _| ())?.difference(&file) {
        return Err(difference.into());
    }
    let open = |name: &str| open_plain(&folder.join(name), Links::Refuse);
    let ((lines, lines_size), (rows, rows_size)) = (open(TRANSCRIPT)?, open(FINGERPRINTS)?);
    let (mut lines, mut rows) = (Hashed::new(lines, lines_size), Hashed::new(rows, rows_size));
    let mut steps = Steps::open(&mut lines, &mut rows)?;
    while let Some((line, state)) = steps.step()? {
        if state != RowState::Named {
            return Err(format!("row {}", line.step).into());
        }
    }
    lines.finish()?;
    rows.finish()?;
    bytes += lines_size + rows_size;
    let seconds = start.elapsed().as_secs_f64();
    let status = fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    println!("{bytes} {seconds:.3} {}", peak.trim().trim_end_matches(" kB"));
    Ok(())
}
