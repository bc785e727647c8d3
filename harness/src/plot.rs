//! Curves as SVG: lines in colours of the page's style (`c0` to `c5`), two axes with round numbers at their ticks.

use std::fmt::Write as _;

/// Colours of a page; a further line is dashed.
pub const COLOURS: usize = 6;

const WIDTH: f64 = 400.0;
const HEIGHT: f64 = 220.0;
/// Around the lines: room for the numbers of both axes and what they count.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 40.0;

/// The number that its colour follows from, and its points.
pub type Series = (usize, Vec<(f64, f64)>);

/// The lines, with what the axes count; nothing where there is no point.
#[must_use]
pub fn svg(series: &[Series], across: &str) -> String {
    let all = || series.iter().flat_map(|(_, points)| points.iter().copied());
    let (low, high) = all().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, y)| (low.min(y), high.max(y)));
    if low > high {
        return String::new();
    }
    let y = Axis::of(low, high);
    let x = Axis::of(0.0, all().fold(1.0, |last: f64, (x, _)| last.max(x)));
    let across_at = |value: f64| LEFT + x.share(value) * (WIDTH - LEFT - RIGHT);
    let up_at = |value: f64| HEIGHT - BOTTOM - y.share(value) * (HEIGHT - TOP - BOTTOM);
    let mut out = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\">");
    for (value, text) in y.ticks() {
        let at = up_at(value);
        let end = WIDTH - RIGHT;
        line(&mut out, &format!("<path class=\"grid\" d=\"M{LEFT} {at:.1}H{end}\"/>"));
        line(&mut out, &format!("<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{text}</text>", LEFT - 6.0, at + 4.0));
    }
    let foot = HEIGHT - BOTTOM;
    for (value, text) in x.ticks() {
        let at = across_at(value);
        line(&mut out, &format!("<path class=\"grid\" d=\"M{at:.1} {foot}v5\"/>"));
        line(&mut out, &format!("<text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>", foot + 18.0));
    }
    let middle = (LEFT + WIDTH - RIGHT) / 2.0;
    line(&mut out, &format!("<text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{across}</text>", HEIGHT - 5.0));
    for (number, points) in series {
        let points: Vec<_> = points.iter().map(|(x, y)| format!("{:.1},{:.1}", across_at(*x), up_at(*y))).collect();
        line(&mut out, &format!("<polyline class=\"{}\" points=\"{}\"/>", class(*number), points.join(" ")));
    }
    out.push_str("</svg>");
    out
}

/// A line's style on the page.
#[must_use]
pub fn class(number: usize) -> String {
    let dashed = if number >= COLOURS { " dashed" } else { "" };
    format!("c{}{dashed}", number % COLOURS)
}

fn line(out: &mut String, element: &str) {
    // Writing into a text never fails.
    writeln!(out, "{element}").ok();
}

/// From one round number to another.
struct Axis {
    low: f64,
    step: f64,
    parts: usize,
    digits: usize,
}

impl Axis {
    /// At most five parts.
    fn of(low: f64, high: f64) -> Self {
        // What is flat lies in the middle of something.
        let around = if high - low > f64::EPSILON * high.abs() { 0.0 } else { high.abs().max(1e-6) * 0.05 };
        let (low, high) = (low - around, high + around);
        let mut unit = 1.0;
        let mut digits = 0;
        while unit > (high - low) / 5.0 && digits < 12 {
            (unit, digits) = (unit / 10.0, digits + 1);
        }
        while unit * 10.0 <= (high - low) / 5.0 {
            unit *= 10.0;
        }
        let parts = |step: f64| (high / step).ceil() - (low / step).floor();
        let step = [1.0, 2.0, 5.0, 10.0, 20.0].map(|times| times * unit).into_iter().find(|step| parts(*step) <= 5.0);
        let step = step.unwrap_or(50.0 * unit);
        Self { low: (low / step).floor() * step, step, parts: parts(step).max(1.0) as usize, digits }
    }

    fn share(&self, value: f64) -> f64 {
        (value - self.low) / (self.step * self.parts as f64)
    }

    fn ticks(&self) -> impl Iterator<Item = (f64, String)> {
        let (low, step, digits) = (self.low, self.step, self.digits);
        (0..=self.parts).map(move |at| low + at as f64 * step).map(move |value| (value, format!("{value:.digits$}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(low: f64, high: f64) -> Vec<String> {
        Axis::of(low, high).ticks().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_and_hold_all_between_them() {
        assert_eq!(ticks(0.0, 200.0), ["0", "50", "100", "150", "200"]);
        assert_eq!(ticks(2.31, 5.55), ["2.0", "3.0", "4.0", "5.0", "6.0"]);
        assert_eq!(ticks(0.0684, 0.0712), ["0.0680", "0.0690", "0.0700", "0.0710", "0.0720"]);
        assert_eq!(ticks(-1.0, 1.0), ["-1.0", "-0.5", "0.0", "0.5", "1.0"]);
        assert!(ticks(3.0, 3.0).len() >= 2 && ticks(0.0, 0.0).len() >= 2);
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(svg(&[(0, vec![])], "step"), "");
        assert!(svg(&[(7, vec![(0.0, 1.0), (1.0, 2.0)])], "step").contains("<polyline class=\"c1 dashed\""));
    }
}
