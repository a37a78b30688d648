//! What the evaluation of a batch gives.

use smallvec::SmallVec;
use tensor::{Float, Var};

/// The cost of a batch, how many examples that is the mean of, and what else is to be known of it.
///
/// ```
/// # use nn::Costs;
/// # use tensor::{Tape, Tensor};
/// # use train::Cost;
/// # let tape = Tape::<f32>::new();
/// # let (logits, labels) = (tape.leaf(Tensor::zeros([4, 3])), Tensor::from([0i64, 1, 2, 0]));
/// let right = train::correct(&logits.value(), &labels);
/// Cost::new(logits.cross_entropy(&labels), 4).with("accuracy", right as f64 / 4.0);
/// ```
pub struct Cost<'t, T: Float = f32> {
    pub(crate) var: Var<'t, T>,
    pub(crate) examples: usize,
    pub(crate) metrics: SmallVec<[(&'static str, f64); 4]>,
}

impl<'t, T: Float> Cost<'t, T> {
    /// The mean cost of so many examples. The means of an epoch weigh batches by it, and so do gradients that are
    /// accumulated.
    ///
    /// # Panics
    /// If there are none.
    #[track_caller]
    pub fn new(cost: Var<'t, T>, examples: usize) -> Cost<'t, T> {
        assert!(examples > 0, "cost: found a batch of 0 examples, expected at least 1");
        Cost { var: cost, examples, metrics: SmallVec::new() }
    }

    /// With a metric of the batch, whose mean over the epoch is kept.
    pub fn with(mut self, name: &'static str, value: f64) -> Cost<'t, T> {
        self.metrics.push((name, value));
        self
    }
}
