//! Looking at gradients and weights.

use tensor::{Float, Path, Tensor};

use super::{BoxError, Callback, Flow, StepEvent};

/// How the elements of a tensor lie: counts in bins of equal width.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    /// The smallest finite element, where the first bin begins; 0 without any.
    pub low: f64,
    /// The largest finite element, which the last bin includes; 0 without any.
    pub high: f64,
    /// How many elements each bin has.
    pub counts: Vec<u64>,
    /// How many are NaN or infinite.
    pub others: u64,
}

impl Histogram {
    /// The histogram of a tensor.
    ///
    /// ```
    /// use tensor::Tensor;
    /// use train::Histogram;
    /// let histogram = Histogram::of(&Tensor::from([0.0f32, 0.1, 1.0, f32::NAN]), 2);
    /// assert_eq!(histogram, Histogram { low: 0.0, high: 1.0, counts: vec![2, 1], others: 1 });
    /// ```
    ///
    /// # Panics
    /// If there are no bins.
    #[track_caller]
    pub fn of<T: Float>(tensor: &Tensor<T>, bins: usize) -> Histogram {
        assert!(bins > 0, "histogram: found 0 bins, expected at least 1");
        let elements: Vec<f64> = tensor.to_vec().into_iter().map(T::to_f64).collect();
        let finite = || elements.iter().copied().filter(|x| x.is_finite());
        let (low, high) = finite().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| (low.min(x), high.max(x)));
        let (low, high) = if low <= high { (low, high) } else { (0.0, 0.0) };
        let mut counts = vec![0; bins];
        for x in finite() {
            let part = if high > low { (x - low) / (high - low) } else { 0.0 };
            counts[((part * bins as f64) as usize).min(bins - 1)] += 1;
        }
        let others = elements.len() as u64 - counts.iter().sum::<u64>();
        Histogram { low, high, counts, others }
    }
}

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

    /// How many bins a histogram has; 30 by default.
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
        event.model.visit(Path::Root, &mut |path, param| {
            let name = if let Path::Root = path { param.name().to_string() } else { path.to_string() };
            let gradient = event.grads.get(param);
            let norm = gradient.map(|gradient| gradient.norm(..).item().to_f64());
            let weights = Histogram::of(param.value(), self.bins);
            let gradient = gradient.map(|gradient| Histogram::of(gradient, self.bins));
            (self.sink)(Watched { step: event.run.step, name, norm, weights, gradient });
        });
        Ok(Flow::Continue)
    }
}
