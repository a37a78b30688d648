//! A learning rate that falls when a metric stops improving.

/// A learning rate that is lowered when a metric has not improved for a while, as PyTorch's `ReduceLROnPlateau` does it.
/// Unlike a [`Schedule`](crate::Schedule) it has a state: it is told the metric, after each epoch as a rule.
///
/// ```
/// use optim::Plateau;
///
/// let mut plateau = Plateau::new(0.1).factor(0.5).patience(1);
/// assert_eq!([3.0, 2.0, 2.5, 2.1].map(|cost| plateau.observe(cost)), [0.1, 0.1, 0.1, 0.05]);
/// ```
///
/// It starts at a rate of its own; `Plateau::new(1.0)` is a factor for the rates of a schedule. It is a plain value:
/// [`state`](Plateau::state) is what it has seen, and [`resume`](Plateau::resume) takes it up again.
#[derive(Clone, Debug, PartialEq)]
pub struct Plateau {
    factor: f64,
    patience: u64,
    threshold: f64,
    absolute: bool,
    cooldown: u64,
    min_lr: f64,
    maximize: bool,
    state: PlateauState,
}

/// What a [`Plateau`] has seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PlateauState {
    /// The learning rate.
    pub lr: f64,
    /// The best metric, `None` before the first.
    pub best: Option<f64>,
    /// How many times in a row it was not better.
    pub bad: u64,
    /// How many more times that does not count.
    pub cooling: u64,
}

impl Plateau {
    /// A rate of `lr`, and a metric that is to become small.
    pub const fn new(lr: f64) -> Plateau {
        let state = PlateauState { lr, best: None, bad: 0, cooling: 0 };
        Plateau {
            factor: 0.1,
            patience: 10,
            threshold: 1e-4,
            absolute: false,
            cooldown: 0,
            min_lr: 0.0,
            maximize: false,
            state,
        }
    }

    /// What the rate is multiplied with; 0.1 by default.
    pub const fn factor(mut self, factor: f64) -> Plateau {
        self.factor = factor;
        self
    }

    /// How many times in a row the metric may be no better; 10 by default. The next time the rate falls.
    pub const fn patience(mut self, patience: u64) -> Plateau {
        self.patience = patience;
        self
    }

    /// By how much the metric must be better, as a part of the best so far; 1e-4 by default.
    pub const fn threshold(mut self, threshold: f64) -> Plateau {
        self.threshold = threshold;
        self
    }

    /// Whether the threshold is an amount, instead of a part of the best so far; not by default.
    pub const fn absolute(mut self, absolute: bool) -> Plateau {
        self.absolute = absolute;
        self
    }

    /// For how many times after a fall it does not count whether the metric is better; 0 by default.
    pub const fn cooldown(mut self, cooldown: u64) -> Plateau {
        self.cooldown = cooldown;
        self
    }

    /// The lowest rate; 0 by default.
    pub const fn min_lr(mut self, min_lr: f64) -> Plateau {
        self.min_lr = min_lr;
        self
    }

    /// Whether the metric is to become large, as an accuracy is; small by default.
    pub const fn maximize(mut self, maximize: bool) -> Plateau {
        self.maximize = maximize;
        self
    }

    /// The learning rate.
    pub const fn lr(&self) -> f64 {
        self.state.lr
    }

    /// What it has seen.
    pub const fn state(&self) -> PlateauState {
        self.state
    }

    /// Goes on from what it had seen.
    pub const fn resume(mut self, state: PlateauState) -> Plateau {
        self.state = state;
        self
    }

    /// Takes the metric in, and gives the learning rate from now on. NaN is never better.
    pub fn observe(&mut self, metric: f64) -> f64 {
        let better = self.is_better(metric);
        let state = &mut self.state;
        if better {
            state.best = Some(metric);
        }
        state.bad = if better { 0 } else { state.bad + 1 };
        if state.cooling > 0 {
            state.cooling -= 1;
            state.bad = 0;
        }
        if state.bad > self.patience {
            state.lr = (state.lr * self.factor).max(self.min_lr).min(state.lr);
            state.cooling = self.cooldown;
            state.bad = 0;
        }
        state.lr
    }

    fn is_better(&self, metric: f64) -> bool {
        let Some(best) = self.state.best else { return !metric.is_nan() };
        let margin = if self.absolute { self.threshold } else { best * self.threshold };
        if self.maximize { metric > best + margin } else { metric < best - margin }
    }
}
