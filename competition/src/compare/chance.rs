//! Estimated variances with their degrees of freedom, and the probability of a deviation.

use statrs::distribution::{ContinuousCDF as _, StudentsT};

/// Beyond these, Student's t is the normal distribution to more digits than are shown.
const DEGREES_MAX: f64 = 1e6;

/// An estimated variance: a sum of mean squares, each with degrees of freedom of its own.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Estimate {
    /// The variance.
    pub variance: f64,
    /// The sum of each mean square's square over its degrees of freedom.
    doubt: f64,
}

impl Estimate {
    /// A variance that is taken as known.
    pub fn known(variance: f64) -> Self {
        Self { variance, doubt: 0.0 }
    }

    /// A mean square.
    pub fn of(variance: f64, degrees: f64) -> Self {
        Self { variance, doubt: variance * variance / degrees }
    }

    /// Of a sum of independent parts.
    pub fn sum(parts: impl IntoIterator<Item = Self>) -> Self {
        let plus = |a: Self, b: Self| Self { variance: a.variance + b.variance, doubt: a.doubt + b.doubt };
        parts.into_iter().fold(Self::default(), plus)
    }

    /// Of what is multiplied by the square root of `factor`.
    pub fn times(self, factor: f64) -> Self {
        Self { variance: self.variance * factor, doubt: self.doubt * factor * factor }
    }

    /// With this many times the degrees of freedom.
    pub fn with_degrees(self, factor: f64) -> Self {
        Self { variance: self.variance, doubt: self.doubt / factor }
    }

    /// Less a part of it that was estimated too, and never below zero: what is taken off adds to the doubt.
    pub fn less(self, other: Self) -> Self {
        Self { variance: (self.variance - other.variance).max(0.0), doubt: self.doubt + other.doubt }
    }

    /// This one, or more where something else says more, with the same degrees of freedom.
    pub fn at_least(self, variance: f64) -> Self {
        if variance > self.variance { Self::of(variance, self.degrees()) } else { self }
    }

    /// Satterthwaite's degrees of freedom.
    pub fn degrees(self) -> f64 {
        let degrees = if self.doubt > 0.0 { self.variance * self.variance / self.doubt } else { DEGREES_MAX };
        degrees.clamp(1.0, DEGREES_MAX)
    }

    /// The probability of a deviation from zero of at least this size, on either side: Student's t.
    pub fn chance(self, deviation: f64) -> f64 {
        if deviation == 0.0 {
            return 1.0;
        }
        if self.variance <= 0.0 {
            return 0.0;
        }
        let t = deviation.abs() / self.variance.sqrt();
        StudentsT::new(0.0, 1.0, self.degrees()).map_or(1.0, |student| (2.0 * student.cdf(-t)).min(1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn near(found: f64, expected: f64) {
        assert!((found / expected - 1.0).abs() < 1e-9, "{found:e} is not {expected:e}");
    }

    /// Two-sided tails of Student's t, computed with 50 digits from the regularized incomplete beta function.
    #[test]
    fn chances_are_students() {
        for (t, degrees, expected) in KNOWN {
            near(Estimate::of(0.25, degrees).chance(-t / 2.0), expected);
        }
        assert_eq!(Estimate::of(0.25, 3.0).chance(0.0), 1.0);
        assert_eq!(Estimate::known(0.0).chance(1e-9), 0.0);
    }

    const KNOWN: [(f64, f64, f64); 9] = [
        (1.0, 1.0, 0.5),
        (12.706204736432095, 1.0, 0.0499999999989913),
        (4.3, 2.0, 0.0500571541170916),
        (3.5, 6.0, 0.0128263383328053),
        (2.0422724563012373, 30.0, 0.0500000000000001),
        (2.5, 7.25, 0.0398655207589146),
        (6.5, 31.5, 2.76846176314716e-7),
        (9.0, 3.0, 0.00289581216186415),
        (1.96, 1000000.0, 0.0499960675852698),
    ];

    #[test]
    fn degrees_are_satterthwaites() {
        // (4 + 1)^2 / (16 / 3 + 1 / 30)
        let both = Estimate::sum([Estimate::of(4.0, 3.0), Estimate::of(1.0, 30.0)]);
        near(both.degrees(), 25.0 / (16.0 / 3.0 + 1.0 / 30.0));
        near(both.times(9.0).degrees(), both.degrees());
        near(both.at_least(9.0).degrees(), both.degrees());
        assert_eq!((both.at_least(9.0).variance, both.at_least(4.0)), (9.0, both));
        // 4 - 1 of 3 and 30 degrees: 3^2 / (16 / 3 + 1 / 30)
        near(Estimate::of(4.0, 3.0).less(Estimate::of(1.0, 30.0)).degrees(), 9.0 / (16.0 / 3.0 + 1.0 / 30.0));
        assert_eq!(Estimate::of(1.0, 3.0).less(Estimate::of(4.0, 3.0)).variance, 0.0);
        // What is known adds no doubt, and gives the rest of it less weight.
        near(Estimate::sum([Estimate::of(1.0, 5.0), Estimate::known(1.0)]).degrees(), 20.0);
        near(Estimate::known(1.0).degrees(), DEGREES_MAX);
    }
}
