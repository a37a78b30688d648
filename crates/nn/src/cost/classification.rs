//! Costs of classifiers.

use std::borrow::Cow;

use tensor::{Elementwise, Error, Float, Result, Scalar, Shape, Tensor, Var};

use super::{Reduction, elementwise};

/// What a classifier should have said.
#[derive(Clone, Debug)]
pub enum Targets<'a, T: Float> {
    /// The right class of each example.
    Labels(Cow<'a, Tensor<i64>>),
    /// A probability for each class of each example.
    Probabilities(Cow<'a, Tensor<T>>),
}

impl<'a, T: Float> From<&'a Tensor<i64>> for Targets<'a, T> {
    fn from(labels: &'a Tensor<i64>) -> Self {
        Targets::Labels(Cow::Borrowed(labels))
    }
}

impl<'a> From<&'a Tensor<f32>> for Targets<'a, f32> {
    fn from(probabilities: &'a Tensor<f32>) -> Self {
        Targets::Probabilities(Cow::Borrowed(probabilities))
    }
}

impl<'a> From<&'a Tensor<f64>> for Targets<'a, f64> {
    fn from(probabilities: &'a Tensor<f64>) -> Self {
        Targets::Probabilities(Cow::Borrowed(probabilities))
    }
}

/// −y·ln σ(z) − (1 − y)·ln(1 − σ(z)) = max(z, 0) − z·y + ln(1 + e^−|z|).
#[derive(Clone, Copy)]
struct BinaryCrossEntropy;

impl Elementwise<2> for BinaryCrossEntropy {
    const NAME: &'static str = "bce_with_logits";

    #[inline(always)]
    fn eval<A: Scalar>(self, [z, y]: [A; 2]) -> A {
        z.softplus() - z * y
    }

    #[inline(always)]
    fn partials<A: Scalar>(self, [z, y]: [A; 2], _: A) -> [A; 2] {
        [z.sigmoid() - y, -z]
    }
}

/// max(0, 1 − y·z).
#[derive(Clone, Copy)]
struct Hinge;

impl Elementwise<2> for Hinge {
    const NAME: &'static str = "hinge";

    #[inline(always)]
    fn eval<A: Scalar>(self, [z, y]: [A; 2]) -> A {
        let lacking = z.lit(1.0) - y * z;
        A::select(lacking.le(z.lit(0.0)), z.lit(0.0), lacking)
    }
}

/// q·(ln q − ln p) from ln p, and 0 where q is 0.
#[derive(Clone, Copy)]
struct Divergence;

impl Elementwise<2> for Divergence {
    const NAME: &'static str = "kl_div";

    #[inline(always)]
    fn eval<A: Scalar>(self, [log_p, q]: [A; 2]) -> A {
        A::select(q.eq(q.lit(0.0)), q.lit(0.0), q * (q.ln() - log_p))
    }
}

/// Binary cross-entropy of σ(z) and y, from the logits z: max(z, 0) − z·y + ln(1 + e^−|z|), which no logit overflows.
/// The gradient towards z is σ(z) − y. With [`Reduction::BatchMean`] it is the cost of Nielsen's `network2.py`.
///
/// # Errors
/// If the shapes differ, or a mean is asked of an empty batch.
pub fn bce_with_logits<'t, T: Float>(z: Var<'t, T>, y: Var<'t, T>, reduction: Reduction) -> Result<Var<'t, T>> {
    elementwise(BinaryCrossEntropy, z, y, reduction)
}

/// Softmax cross-entropy −Σ q·ln softmax(z) over the last axis of the logits z, `[.., classes]`. Targets are integer
/// labels of `[..]`, or probabilities of the logits' shape. With label smoothing s the target distribution q is mixed
/// with the uniform one: (1 − s)·q + s/classes. The gradient towards z is softmax(z) − q.
///
/// # Errors
/// If the shapes do not fit, a label is out of range (its row, value and the number of classes are named), the
/// smoothing is not in \[0, 1\], or a mean is asked of an empty batch.
pub fn cross_entropy<'t, 'a, T: Float>(
    logits: Var<'t, T>,
    targets: impl Into<Targets<'a, T>>,
    label_smoothing: f64,
    reduction: Reduction,
) -> Result<Var<'t, T>> {
    if !(0.0..=1.0).contains(&label_smoothing) {
        return Err(invalid(format!("label smoothing {label_smoothing}, expected 0 ≤ s ≤ 1")));
    }
    if logits.rank() == 0 {
        let expected = "logits of shape [.., classes]".into();
        return Err(Error::Shape { op: OP, expected, got: logits.shape() });
    }
    let cost = match targets.into() {
        Targets::Labels(labels) => logits.try_softmax_cross_entropy(&labels, label_smoothing)?,
        Targets::Probabilities(q) => of_probabilities(logits, q, label_smoothing)?,
    };
    reduction.apply(OP, cost)
}

const OP: &str = "cross_entropy";

fn invalid(message: String) -> Error {
    Error::invalid(OP, message)
}

fn of_probabilities<'t, T: Float>(logits: Var<'t, T>, q: Cow<'_, Tensor<T>>, smoothing: f64) -> Result<Var<'t, T>> {
    let shape = logits.shape();
    if *q.shape() != shape {
        let expected = format!("probabilities of the logits' shape {shape}");
        return Err(Error::Shape { op: OP, expected, got: q.shape().clone() });
    }
    let log_p = logits.try_log_softmax(-1)?;
    let cost = -(log_p * logits.tape().constant(q.into_owned())).sum(-1);
    if smoothing == 0.0 {
        return Ok(cost);
    }
    Ok(cost * T::from_f64(1.0 - smoothing) - log_p.mean(-1) * T::from_f64(smoothing))
}

/// The hinge cost max(0, 1 − y·z) of scores z and targets y, which are 1 or −1. The gradient towards z is −y where
/// y·z < 1, else 0.
///
/// # Errors
/// If the shapes differ, or a mean is asked of an empty batch.
pub fn hinge<'t, T: Float>(z: Var<'t, T>, y: Var<'t, T>, reduction: Reduction) -> Result<Var<'t, T>> {
    elementwise(Hinge, z, y, reduction)
}

/// The negative log-likelihood −ln p of the right classes, from log-probabilities over the last axis, `[.., classes]`,
/// and labels of `[..]`. The gradient is −1 at each label. Of a log-softmax it is [`cross_entropy`], which computes both
/// in one pass.
///
/// # Errors
/// If the shapes do not fit, a label is out of range, or a mean is asked of an empty batch.
pub fn nll<'t, T: Float>(log_p: Var<'t, T>, labels: &Tensor<i64>, reduction: Reduction) -> Result<Var<'t, T>> {
    let shape = log_p.shape();
    check_labels("nll", labels, "log-probabilities", &shape)?;
    let likelihood = log_p.try_gather(-1, &labels.unsqueeze(-1))?.try_squeeze(-1)?;
    reduction.apply("nll", -likelihood)
}

/// Checks that there is one label for each row of `what`, of this shape `[.., classes]`, and that each names a class.
pub(super) fn check_labels(op: &'static str, labels: &Tensor<i64>, what: &str, shape: &Shape) -> Result<()> {
    let Some((&classes, batch)) = shape.split_last() else {
        return Err(Error::Shape { op, expected: format!("{what} of shape [.., classes]"), got: shape.clone() });
    };
    if **labels.shape() != *batch {
        let expected = format!("labels of shape {batch:?} for {what} of shape {shape}");
        return Err(Error::Shape { op, expected, got: labels.shape().clone() });
    }
    let values = labels.to_vec();
    match values.iter().position(|label| !(0..classes as i64).contains(label)) {
        Some(row) => {
            let message = format!("label {} in row {row} is out of range for {classes} classes", values[row]);
            Err(Error::invalid(op, message))
        }
        None => Ok(()),
    }
}

/// The Kullback–Leibler divergence of p from q, q·(ln q − ln p) for each class, from the log-probabilities ln p and the
/// probabilities q. A class with q = 0 costs nothing and gives q no gradient. The gradients are −q towards ln p and
/// ln q − ln p + 1 towards q. [`Reduction::BatchMean`] is what the divergence of distributions is defined as; a plain
/// mean is over the classes too.
///
/// # Errors
/// If the shapes differ, or a mean is asked of an empty batch.
pub fn kl_div<'t, T: Float>(log_p: Var<'t, T>, q: Var<'t, T>, reduction: Reduction) -> Result<Var<'t, T>> {
    elementwise(Divergence, log_p, q, reduction)
}
