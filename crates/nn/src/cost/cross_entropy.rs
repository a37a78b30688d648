//! Softmax cross-entropy with everything that can be said about it.

use tensor::{Error, Float, Result, Tensor, Var};

use super::Reduction;
use super::classification::check_labels;

const OP: &str = "cross_entropy";

/// Softmax cross-entropy of integer labels with its options: a weight for each class, a label that does not count, label
/// smoothing, the axis of the classes and the reduction.
///
/// With w the weights of the classes, y the label and s the smoothing, an example costs
///
/// ```text
/// −(1 − s)·w_y·ln p_y − s/classes·Σ_c w_c·ln p_c        p = softmax(z)
/// ```
///
/// and [`Reduction::Mean`] is their sum over the sum of the w_y of all labels that count, as in PyTorch and in ONNX. A label
/// that does not count costs nothing, and gives its logits gradient 0 whatever they hold.
///
/// ```
/// use nn::cost::CrossEntropy;
/// use tensor::{Tape, Tensor};
///
/// let tape = Tape::new();
/// // Two images of three classes and two pixels, of which one is not labelled.
/// let logits = tape.leaf(Tensor::<f32>::zeros([2, 3, 2]));
/// let labels = Tensor::from([[0i64, 2], [-1, 1]]);
/// let cost = CrossEntropy::new().axis(1).weights([1.0, 2.0, 4.0]).ignore_index(-1);
/// let mean = cost.of(logits, &labels)?;
/// assert!((mean.item() - 3f32.ln()).abs() < 1e-6);
/// # Ok::<(), tensor::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct CrossEntropy<T: Float = f32> {
    weights: Option<Tensor<T>>,
    ignored: Option<i64>,
    smoothing: f64,
    axis: isize,
    reduction: Reduction,
}

impl<T: Float> Default for CrossEntropy<T> {
    fn default() -> Self {
        CrossEntropy { weights: None, ignored: None, smoothing: 0.0, axis: -1, reduction: Reduction::Mean }
    }
}

impl<T: Float> CrossEntropy<T> {
    /// The mean cost, with the classes along the last axis; all classes weigh 1 and all labels count.
    pub fn new() -> Self {
        CrossEntropy::default()
    }

    /// With a weight for each class, of shape `[classes]`.
    pub fn weights(self, weights: impl Into<Tensor<T>>) -> Self {
        CrossEntropy { weights: Some(weights.into()), ..self }
    }

    /// With a label, of a class or of none, that does not count.
    pub fn ignore_index(self, label: i64) -> Self {
        CrossEntropy { ignored: Some(label), ..self }
    }

    /// With the target distribution mixed with the uniform one: (1 − s)·q + s/classes.
    pub fn smoothing(self, smoothing: f64) -> Self {
        CrossEntropy { smoothing, ..self }
    }

    /// With the classes along this axis, counted from the end where it is negative: 1 for `[batch, classes, height, width]`.
    pub fn axis(self, axis: isize) -> Self {
        CrossEntropy { axis, ..self }
    }

    /// With this reduction.
    pub fn reduction(self, reduction: Reduction) -> Self {
        CrossEntropy { reduction, ..self }
    }

    /// The cost of these logits and labels, whose shape is that of the logits without the axis of the classes.
    ///
    /// # Errors
    /// If the shapes do not fit, a label that counts is out of range, the smoothing is not in \[0, 1\], or a mean is asked
    /// of no labels that count.
    #[track_caller]
    pub fn of<'t>(&self, logits: Var<'t, T>, labels: &Tensor<i64>) -> Result<Var<'t, T>> {
        let logits = self.classes_last(logits)?;
        let labels = self.targets(logits, labels)?;
        if self.smoothing > 0.0 && self.weights.is_some() {
            // Rows that do not count are cut off from the softmax, whose gradient would be NaN where they are.
            let logits = match &labels.counts {
                Some(counts) => logits.try_select(&counts.unsqueeze(-1), zero(logits))?,
                None => logits,
            };
            return self.of_rows(logits.try_log_softmax(-1)?, &labels);
        }
        let costs = logits.try_softmax_cross_entropy(&labels.classes, self.smoothing)?;
        self.reduce(self.weighted(costs, &labels)?, &labels)
    }

    /// The cost of these log-probabilities and labels: the negative log-likelihood.
    ///
    /// # Errors
    /// As [`of`](CrossEntropy::of).
    #[track_caller]
    pub fn of_log_probabilities<'t>(&self, log_p: Var<'t, T>, labels: &Tensor<i64>) -> Result<Var<'t, T>> {
        let log_p = self.classes_last(log_p)?;
        let labels = self.targets(log_p, labels)?;
        self.of_rows(log_p, &labels)
    }

    fn of_rows<'t>(&self, log_p: Var<'t, T>, labels: &Targets<T>) -> Result<Var<'t, T>> {
        let likelihood = log_p.try_gather(-1, &labels.classes.unsqueeze(-1))?.try_squeeze(-1)?;
        let mut costs = self.weighted(-likelihood, labels)?;
        if self.smoothing > 0.0 {
            let all = match &self.weights {
                Some(weights) => (log_p * log_p.tape().constant(weights.clone())).sum(-1),
                None => log_p.sum(-1),
            };
            let share = self.smoothing / log_p.shape()[log_p.rank() - 1] as f64;
            costs = costs * T::from_f64(1.0 - self.smoothing) - all * T::from_f64(share);
        }
        self.reduce(costs, labels)
    }

    fn classes_last<'t>(&self, x: Var<'t, T>) -> Result<Var<'t, T>> {
        let axis = x.shape().axis(OP, self.axis)?;
        let others = (0..x.rank()).filter(|&i| i != axis);
        let order: Vec<isize> = others.chain([axis]).map(|axis| axis as isize).collect();
        if axis + 1 == x.rank() { Ok(x) } else { x.try_permute(&order) }
    }

    /// The labels, once all that is asked of them and of the options is known to hold.
    fn targets(&self, rows: Var<'_, T>, labels: &Tensor<i64>) -> Result<Targets<T>> {
        let shape = rows.shape();
        let classes = shape[shape.rank() - 1];
        if !(0.0..=1.0).contains(&self.smoothing) {
            let message = format!("label smoothing {}, expected 0 ≤ s ≤ 1", self.smoothing);
            return Err(Error::invalid(OP, message));
        }
        if let Some(weights) = self.weights.as_ref().filter(|weights| *weights.shape() != [classes]) {
            let expected = format!("a weight for each of {classes} classes");
            return Err(Error::Shape { op: OP, expected, got: weights.shape().clone() });
        }
        let counts = self.ignored.map(|ignored| labels.map_elements(|label| label != ignored));
        // Any class will do for a label that does not count.
        let known = self.ignored.map(|ignored| labels.map_elements(|label| if label == ignored { 0 } else { label }));
        let known = known.as_ref().unwrap_or(labels);
        check_labels(OP, known, "logits", &shape)?;
        let weights = self.weights.as_ref().map(|weights| {
            let weights = weights.to_vec();
            known.map_elements(|class| weights[class as usize])
        });
        Ok(Targets { classes: known.clone(), counts, weights })
    }

    fn weighted<'t>(&self, costs: Var<'t, T>, labels: &Targets<T>) -> Result<Var<'t, T>> {
        match &labels.weights {
            Some(weights) => costs.try_mul(costs.tape().constant(weights.clone())),
            None => Ok(costs),
        }
    }

    fn reduce<'t>(&self, costs: Var<'t, T>, labels: &Targets<T>) -> Result<Var<'t, T>> {
        let costs = match &labels.counts {
            Some(counts) => costs.try_select(counts, zero(costs))?,
            None => costs,
        };
        if self.reduction != Reduction::Mean || (labels.counts.is_none() && labels.weights.is_none()) {
            return self.reduction.apply(OP, costs);
        }
        let weight = labels.total_weight();
        if weight == 0.0 {
            return Err(Error::invalid(OP, "a mean over no labels that count: their weights sum to 0"));
        }
        Ok(costs.sum(..) / T::from_f64(weight))
    }
}

fn zero<'t, T: Float>(like: Var<'t, T>) -> Var<'t, T> {
    like.tape().constant(Tensor::from(T::ZERO))
}

/// The class of each example, and whether and how much it counts.
struct Targets<T: Float> {
    classes: Tensor<i64>,
    counts: Option<Tensor<bool>>,
    weights: Option<Tensor<T>>,
}

impl<T: Float> Targets<T> {
    fn total_weight(&self) -> f64 {
        let counts = self.counts.as_ref().map(Tensor::to_vec);
        let weights = self.weights.as_ref().map(Tensor::to_vec);
        let counts = |i: usize| counts.as_ref().is_none_or(|counts| counts[i]);
        let weight = |i: usize| weights.as_ref().map_or(1.0, |weights| weights[i].to_f64());
        (0..self.classes.numel()).filter(|&i| counts(i)).map(weight).sum()
    }
}
