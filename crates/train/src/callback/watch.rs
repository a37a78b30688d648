//! Looking at gradients and weights.

use report::Histogram;
use tensor::{Float, Path};

use super::{BoxError, Callback, Flow, StepEvent};

/// A parameter and its gradient at a step.
#[derive(Clone, Debug)]
pub struct Watched {
    /// The step, counted from 0.
    pub step: u64,
    /// The parameter's path.
    pub name: String,
    /// The norm of its gradient; `None` where the cost does not depend on it.
    pub norm: Option<f64>,
    /// How its elements lie.
    pub weights: Histogram,
    /// How those of its gradient lie.
    pub gradient: Option<Histogram>,
}

/// Gives away norms and histograms of all parameters and their gradients, every so many steps, as numbers to draw or
/// write.
///
/// ```
/// use train::Watch;
/// let mut norms = Vec::new();
/// Watch::every(100, |parameter| norms.push((parameter.step, parameter.name, parameter.norm)));
/// ```
pub struct Watch<F> {
    every: u64,
    bins: usize,
    sink: F,
}

impl<F: FnMut(Watched)> Watch<F> {
    /// Calls `sink` for each parameter before every so many steps, beginning with the first.
    ///
    /// # Panics
    /// If `steps` is 0.
    #[track_caller]
    pub fn every(steps: u64, sink: F) -> Watch<F> {
        assert!(steps > 0, "watch: every 0 steps, expected at least 1");
        Watch { every: steps, bins: 30, sink }
    }

    /// How many bins a histogram has, at least one; 30 by default.
    pub fn bins(self, bins: usize) -> Watch<F> {
        Watch { bins, ..self }
    }
}

impl<T: Float, F: FnMut(Watched)> Callback<T> for Watch<F> {
    fn name(&self) -> &'static str {
        "watch"
    }

    fn step(&mut self, event: &mut StepEvent<'_, T>) -> Result<Flow, BoxError> {
        if !event.run.step.is_multiple_of(self.every) {
            return Ok(Flow::Continue);
        }
        watched(event, self.bins).into_iter().for_each(&mut self.sink);
        Ok(Flow::Continue)
    }
}

/// All parameters and their gradients, as they are before a step.
pub(super) fn watched<T: Float>(event: &StepEvent<'_, T>, bins: usize) -> Vec<Watched> {
    let mut all = Vec::new();
    event.model.visit(Path::Root, &mut |path, param| {
        let name = if let Path::Root = path { param.name().to_string() } else { path.to_string() };
        let gradient = event.grads().get(param);
        let norm = gradient.map(|gradient| gradient.norm(..).item().to_f64());
        let weights = Histogram::of(param.value(), bins);
        let gradient = gradient.map(|gradient| Histogram::of(gradient, bins));
        all.push(Watched { step: event.run.step, name, norm, weights, gradient });
    });
    all
}
