//! Schedules of learning rates and of other numbers: plain functions of a step or an epoch.

use core::f64::consts::PI;

/// Linear warm-up, then half a cosine.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WarmupCosine {
    /// The value at the end of the warm-up.
    pub peak: f64,
    /// The value that the cosine goes to.
    pub floor: f64,
    /// Steps of warm-up; 0 is none.
    pub warmup_steps: u64,
    /// Steps of the whole run.
    pub steps: u64,
}

impl WarmupCosine {
    /// The value at a step, counted from 0.
    ///
    /// ```text
    /// step <  warmup:  peak * (step + 1) / warmup
    /// step >= warmup:  cosine from peak to floor at (step - warmup) of (steps - warmup)
    /// ```
    ///
    /// - Source: the schedule of open_clip's training, with a floor.
    #[must_use]
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup_steps {
            return self.peak * (step + 1) as f64 / self.warmup_steps as f64;
        }
        cosine(step - self.warmup_steps, self.steps.saturating_sub(self.warmup_steps), self.peak, self.floor)
    }
}

/// Half a cosine: `from` at position 0, `to` at position `length` and beyond.
#[must_use]
pub fn cosine(position: u64, length: u64, from: f64, to: f64) -> f64 {
    if position >= length {
        return to;
    }
    // Weights rather than a difference: exactly `from` at the start.
    let weight = 0.5 * (1.0 + libm::cos(PI * (position as f64 / length as f64)));
    weight * from + (1.0 - weight) * to
}

/// A straight line: `from` at position 0, `to` at position `length` and beyond.
#[must_use]
pub fn linear(position: u64, length: u64, from: f64, to: f64) -> f64 {
    if position >= length {
        return to;
    }
    from + (to - from) * (position as f64 / length as f64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_values() {
        let schedule = WarmupCosine { peak: 1.0, floor: 0.1, warmup_steps: 4, steps: 12 };
        let values: Vec<f64> = (0..13).map(|step| schedule.at(step)).collect();
        assert_eq!(values[..5], [0.25, 0.5, 0.75, 1.0, 1.0]);
        assert!((values[8] - 0.55).abs() < 1e-15, "{}", values[8]);
        assert_eq!(values[12], 0.1);
        assert_eq!(linear(3, 4, 0.0, 8.0), 6.0);
        assert_eq!((cosine(0, 0, 1.0, 2.0), linear(5, 4, 1.0, 2.0)), (2.0, 2.0));
    }

    proptest! {
        #[test]
        fn it_rises_to_the_peak_and_falls_to_the_floor(
            peak in 1e-6f64..10.0, share in 0.0f64..1.0, warmup in 0u64..500, rest in 1u64..500,
        ) {
            let schedule = WarmupCosine { peak, floor: peak * share, warmup_steps: warmup, steps: warmup + rest };
            for step in 1..warmup + rest {
                let (before, now) = (schedule.at(step - 1), schedule.at(step));
                let rounding = 1e-15 * peak;
                if step < warmup { prop_assert!(now > before) }
                if step > warmup { prop_assert!(now <= before + rounding) }
                prop_assert!(now > 0.0 && now <= peak + rounding);
                prop_assert!(step < warmup || now >= schedule.floor - rounding);
            }
            prop_assert_eq!(schedule.at(warmup), peak);
            prop_assert_eq!(schedule.at(warmup + rest), schedule.floor);
        }

        #[test]
        fn a_cosine_is_the_formula(position in 0u64..1000, length in 1u64..1000, from in -2.0f64..2.0, to in -2.0f64..2.0) {
            let share = position.min(length) as f64 / length as f64;
            let plain = to + (from - to) * (1.0 + libm::cos(share * PI)) / 2.0;
            prop_assert!((cosine(position, length, from, to) - plain).abs() < 1e-14);
        }
    }
}
