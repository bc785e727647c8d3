//! Loss curves of run folders, and their form of one line: `5.55 ▇▆▅▄▃▂▁ 2.31`.

use std::path::Path;

use anyhow::{Context as _, Result};
use records::{canonical, file, v1::transcript::Line};

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const WIDTH: usize = 12;

/// The steps of a run folder's transcript.
pub fn steps(folder: &Path) -> Result<Vec<Line>> {
    let path = folder.join("transcript.jsonl");
    let bytes = file::read(&path)?;
    let lines = bytes.split_inclusive(|byte| *byte == b'\n').skip(1);
    lines.map(|line| canonical::from_file(line).with_context(|| format!("{} is damaged", path.display()))).collect()
}

/// The losses of a run folder.
pub fn losses(folder: &Path) -> Result<Vec<f32>> {
    Ok(steps(folder)?.iter().filter_map(|line| line.loss.value()).collect())
}

/// First value, a curve of means, last value.
#[must_use]
pub fn line(values: &[f32]) -> String {
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return "no steps".to_owned() };
    format!("{first:.3} {} {last:.3}", bars(values))
}

/// A curve of at most twelve bars, each the mean of its part.
#[must_use]
pub fn bars(values: &[f32]) -> String {
    let size = values.len().div_ceil(WIDTH).max(1);
    let means: Vec<f32> = values.chunks(size).map(|part| part.iter().sum::<f32>() / part.len() as f32).collect();
    let low = means.iter().copied().fold(f32::INFINITY, f32::min);
    let high = means.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let span = (high - low).max(f32::MIN_POSITIVE);
    means.iter().map(|mean| BARS[(((mean - low) / span * 7.0).round() as usize).min(7)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_falling_curve_falls() {
        let values: Vec<f32> = (0..96).map(|i| 5.0 - i as f32 / 32.0).collect();
        let curve: Vec<char> = bars(&values).chars().collect();
        assert_eq!(curve.len(), 12);
        assert!(curve.windows(2).all(|pair| pair[0] >= pair[1]), "{curve:?}");
        assert_eq!((curve[0], curve[11]), ('█', '▁'));
    }

    #[test]
    fn a_flat_or_empty_curve_is_drawn_too() {
        assert_eq!(bars(&[1.0, 1.0]), "▁▁");
        assert_eq!(line(&[]), "no steps");
    }
}
