//! Learning rates as functions of the step.

use std::f64::consts::PI;

/// A learning rate for each step, a plain value: the loop asks for it and tells the optimizer.
///
/// ```
/// use optim::{Schedule, Sgd};
///
/// let schedule = Schedule::linear(0.0, 0.1, 100).then(100, Schedule::cosine(0.1, 0.001, 900));
/// let mut sgd: Sgd = Sgd::new(0.1).momentum(0.9);
/// for step in 0..1000 {
///     sgd.set_lr(schedule.lr(step));
///     // …and a step
/// }
/// assert_eq!(schedule.lr(50), 0.05);
/// assert_eq!(schedule.lr(100), 0.1);
/// ```
///
/// A step may be an epoch as well. Steps count from 0. The shapes are those of PyTorch's schedulers in their closed
/// form, so nothing has to be kept to resume.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule(Kind);

#[derive(Clone, Debug, PartialEq)]
enum Kind {
    Constant(f64),
    Step { lr: f64, every: u64, gamma: f64 },
    MultiStep { lr: f64, milestones: Vec<u64>, gamma: f64 },
    Exponential { lr: f64, gamma: f64 },
    Cosine { lr: f64, min: f64, period: u64 },
    Linear { from: f64, to: f64, steps: u64 },
    Polynomial { lr: f64, steps: u64, power: f64 },
    OneCycle(OneCycle),
    Then(Box<[Schedule; 2]>, u64),
    Product(Box<[Schedule; 2]>),
}

impl Schedule {
    /// Always `lr`.
    pub const fn constant(lr: f64) -> Schedule {
        Schedule(Kind::Constant(lr))
    }

    /// lr·γ^⌊step/every⌋.
    ///
    /// # Panics
    /// If `every` is 0.
    #[track_caller]
    pub const fn step(lr: f64, every: u64, gamma: f64) -> Schedule {
        assert!(every > 0, "schedule: step: every 0 steps, expected at least 1");
        Schedule(Kind::Step { lr, every, gamma })
    }

    /// lr·γⁿ, where n is how many of the milestones have been reached.
    pub fn multi_step(lr: f64, milestones: impl Into<Vec<u64>>, gamma: f64) -> Schedule {
        Schedule(Kind::MultiStep { lr, milestones: milestones.into(), gamma })
    }

    /// lr·γ^step.
    pub const fn exponential(lr: f64, gamma: f64) -> Schedule {
        Schedule(Kind::Exponential { lr, gamma })
    }

    /// min + ½·(lr − min)·(1 + cos(π·step/period)) (Loshchilov and Hutter, 2017, without restarts). After `period`
    /// steps it is at the minimum, and goes on to rise, as PyTorch's does; [`then`](Schedule::then) ends it there.
    ///
    /// # Panics
    /// If `period` is 0.
    #[track_caller]
    pub const fn cosine(lr: f64, min: f64, period: u64) -> Schedule {
        assert!(period > 0, "schedule: cosine: a period of 0 steps, expected at least 1");
        Schedule(Kind::Cosine { lr, min, period })
    }

    /// In a straight line from `from` to `to` in so many steps, and `to` from then on: a warm-up where it rises.
    pub const fn linear(from: f64, to: f64, steps: u64) -> Schedule {
        Schedule(Kind::Linear { from, to, steps })
    }

    /// lr·(1 − step/steps)^power, and 0 from `steps` on.
    pub const fn polynomial(lr: f64, steps: u64, power: f64) -> Schedule {
        Schedule(Kind::Polynomial { lr, steps, power })
    }

    /// Up to `max` and down again in so many steps, with the proportions of [`OneCycle`].
    pub const fn one_cycle(max: f64, steps: u64) -> Schedule {
        Schedule(Kind::OneCycle(OneCycle::new(max, steps)))
    }

    /// This schedule for the first `steps` steps, and then another, which counts from 0 there.
    pub fn then(self, steps: u64, next: Schedule) -> Schedule {
        Schedule(Kind::Then(Box::new([self, next]), steps))
    }

    /// The product of two schedules, of which one is thought of as a factor.
    pub fn times(self, factor: Schedule) -> Schedule {
        Schedule(Kind::Product(Box::new([self, factor])))
    }

    /// This schedule times a number.
    pub fn scale(self, factor: f64) -> Schedule {
        self.times(Schedule::constant(factor))
    }

    /// The learning rate of a step, counted from 0.
    pub fn lr(&self, step: u64) -> f64 {
        let at = step as f64;
        match &self.0 {
            Kind::Constant(lr) => *lr,
            Kind::Step { lr, every, gamma } => lr * gamma.powf((step / every) as f64),
            Kind::MultiStep { lr, milestones, gamma } => {
                lr * gamma.powf(milestones.iter().filter(|&&milestone| milestone <= step).count() as f64)
            }
            Kind::Exponential { lr, gamma } => lr * gamma.powf(at),
            Kind::Cosine { lr, min, period } => {
                // Whole turns are taken off in integers, so that late steps lose no digits.
                let turn = (step % (2 * period)) as f64 / *period as f64;
                min + 0.5 * (lr - min) * (1.0 + (PI * turn).cos())
            }
            Kind::Linear { from, to, steps } => from + (to - from) * part(at, *steps as f64),
            Kind::Polynomial { lr, steps, power } => lr * (1.0 - part(at, *steps as f64)).powf(*power),
            Kind::OneCycle(cycle) => cycle.lr(at),
            Kind::Then(parts, steps) if step < *steps => parts[0].lr(step),
            Kind::Then(parts, steps) => parts[1].lr(step - steps),
            Kind::Product(factors) => factors[0].lr(step) * factors[1].lr(step),
        }
    }
}

/// How much of a way is behind, at most 1.
fn part(at: f64, way: f64) -> f64 {
    if at < way { at / way } else { 1.0 }
}

/// One cycle of rise and fall (Smith and Topin, 2018), as PyTorch has it: from max/`divisor` up to max in the first
/// part of the steps, and down to max/(`divisor`·`final_divisor`) in the rest, along half cosines or straight lines.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OneCycle {
    max: f64,
    steps: u64,
    rise: f64,
    divisor: f64,
    final_divisor: f64,
    straight: bool,
}

impl OneCycle {
    /// A cycle up to `max` and down again in so many steps, the last of which has the lowest rate.
    pub const fn new(max: f64, steps: u64) -> OneCycle {
        OneCycle { max, steps, rise: 0.3, divisor: 25.0, final_divisor: 1e4, straight: false }
    }

    /// The part of the steps in which the rate rises; 0.3 by default.
    pub const fn rise(mut self, rise: f64) -> OneCycle {
        self.rise = rise;
        self
    }

    /// How many times smaller than the maximum the first rate is; 25 by default.
    pub const fn divisor(mut self, divisor: f64) -> OneCycle {
        self.divisor = divisor;
        self
    }

    /// How many times smaller than the first rate the last one is; 10,000 by default.
    pub const fn final_divisor(mut self, divisor: f64) -> OneCycle {
        self.final_divisor = divisor;
        self
    }

    /// Whether along straight lines instead of half cosines; not by default.
    pub const fn straight(mut self, straight: bool) -> OneCycle {
        self.straight = straight;
        self
    }

    fn lr(&self, at: f64) -> f64 {
        let (top, end) = (self.rise * self.steps as f64 - 1.0, self.steps as f64 - 1.0);
        let first = self.max / self.divisor;
        match at <= top {
            true => self.between(first, self.max, part(at, top)),
            false => self.between(self.max, first / self.final_divisor, part(at - top, end - top)),
        }
    }

    fn between(&self, from: f64, to: f64, part: f64) -> f64 {
        match self.straight {
            true => from + (to - from) * part,
            false => to + 0.5 * (from - to) * (1.0 + (PI * part).cos()),
        }
    }
}

impl From<OneCycle> for Schedule {
    fn from(cycle: OneCycle) -> Schedule {
        Schedule(Kind::OneCycle(cycle))
    }
}
