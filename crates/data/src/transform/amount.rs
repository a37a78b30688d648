//! A parameter that is fixed or drawn.

use std::ops::RangeInclusive;

use tensor::Rng;

use crate::random;

/// A number, or a range to draw one from, all of it equally likely: `15.0` or `-15.0..=15.0`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Amount {
    low: f32,
    high: f32,
}

impl Amount {
    /// The one number there is, or one drawn from the range.
    pub fn draw(self, rng: &mut Rng) -> f32 {
        match self.low == self.high {
            true => self.low,
            false => random::between(rng, self.low, self.high),
        }
    }

    /// Itself, where both ends are finite and in order, and not below `least`.
    #[track_caller]
    pub(super) fn checked(self, what: &str, least: f32) -> Amount {
        let Amount { low, high } = self;
        let sound = low.is_finite() && high.is_finite() && least <= low && low <= high;
        assert!(sound, "{what}: found {low}..={high}, expected finite numbers in order, none below {least}");
        self
    }
}

impl From<f32> for Amount {
    fn from(value: f32) -> Amount {
        Amount { low: value, high: value }
    }
}

impl From<RangeInclusive<f32>> for Amount {
    fn from(range: RangeInclusive<f32>) -> Amount {
        Amount { low: *range.start(), high: *range.end() }
    }
}

#[track_caller]
pub(super) fn check_probability(what: &str, p: f32) {
    assert!((0.0..=1.0).contains(&p), "{what}: found a probability of {p}, expected one from 0 to 1");
}
