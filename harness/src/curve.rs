//! Loss curves of run folders, and their form of one line: `5.55 ▇▆▅▄▃▂▁ 2.31`.

use std::path::Path;

use anyhow::Result;
use records::v1::transcript::Line;

use crate::traces;

const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const WIDTH: usize = 12;

/// The losses of a run folder.
pub fn losses(folder: &Path) -> Result<Vec<f32>> {
    let mut losses = Vec::new();
    traces::each(folder, |line| losses.extend(line.loss.value()))?;
    Ok(losses)
}

/// Steps of a run of whatever length, thinned to what shows: the first, the last, and some between at one distance.
#[derive(Debug, Default)]
pub struct Thinned {
    /// How many steps were given.
    pub count: u64,
    /// The last of them.
    pub last: Option<Line>,
    /// From the first on.
    pub kept: Vec<Line>,
    /// The distance between those that are kept, as a power of two.
    doublings: u32,
}

impl Thinned {
    /// More points of a curve do not show.
    const POINTS: usize = 400;

    /// Takes the next step.
    pub fn push(&mut self, line: Line) {
        if self.count.is_multiple_of(1 << self.doublings) {
            if self.kept.len() == Self::POINTS {
                // Every other one goes; this step stays where the distance leads to it.
                let mut at = 0;
                self.kept.retain(|_| (at % 2 == 0, at += 1).0);
                self.doublings += 1;
            }
            if self.count.is_multiple_of(1 << self.doublings) {
                self.kept.push(line.clone());
            }
        }
        self.count += 1;
        self.last = Some(line);
    }
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
    fn a_run_of_any_length_is_thinned_to_steps_at_one_distance() {
        let zero = records::Blake3([0; 32]);
        let line = |step| Line {
            step,
            epoch: 0,
            ids: zero,
            loss: 1.0.into(),
            diagnostics: std::collections::BTreeMap::new(),
            fingerprints: zero,
            chain: zero,
        };
        for (count, distance) in [(0, 1), (1, 1), (400, 1), (401, 2), (800, 2), (801, 4), (10_000, 32)] {
            let mut thinned = Thinned::default();
            (0..count).for_each(|step| thinned.push(line(step)));
            let steps: Vec<_> = thinned.kept.iter().map(|line| line.step).collect();
            assert_eq!(steps, (0..count).step_by(distance).collect::<Vec<_>>(), "{count}");
            assert!(steps.len() <= Thinned::POINTS && thinned.count == count);
            assert_eq!(thinned.last.map(|line| line.step), count.checked_sub(1));
        }
    }

    #[test]
    fn a_flat_or_empty_curve_is_drawn_too() {
        assert_eq!(bars(&[1.0, 1.0]), "▁▁");
        assert_eq!(line(&[]), "no steps");
    }
}
