//! Costs of classifiers.

use tensor::{Elementwise, Error, Float, Result, Scalar, Shape, Tensor, Var};

use super::{Reduction, elementwise};

/// What a classifier should have said: the right class of each example, `&Tensor<i64>`, or a probability for each class,
/// `&Tensor<f32>` or `&Tensor<f64>` like the logits.
///
/// A trait and not an enumeration, so that a program compiles the kernels of those targets alone that it has.
pub trait Targets<T: Float> {
    /// The [softmax cross-entropy](cross_entropy) of each row of logits, which are no scalar, with label smoothing in
    /// \[0, 1\].
    ///
    /// # Errors
    /// If the shapes do not fit, or a label is out of range.
    fn costs<'t>(self, logits: Var<'t, T>, smoothing: f64) -> Result<Var<'t, T>>;
}

impl<T: Float> Targets<T> for &Tensor<i64> {
    fn costs<'t>(self, logits: Var<'t, T>, smoothing: f64) -> Result<Var<'t, T>> {
        logits.try_softmax_cross_entropy(self, smoothing)
    }
}

// Inline, or this crate would compile the kernels for everyone, though few programs ask for them.
impl Targets<f32> for &Tensor<f32> {
    #[inline]
    fn costs<'t>(self, logits: Var<'t, f32>, smoothing: f64) -> Result<Var<'t, f32>> {
        of_probabilities(logits, self, smoothing)
    }
}

impl Targets<f64> for &Tensor<f64> {
    #[inline]
    fn costs<'t>(self, logits: Var<'t, f64>, smoothing: f64) -> Result<Var<'t, f64>> {
        of_probabilities(logits, self, smoothing)
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
pub fn cross_entropy<'t, T: Float>(
    logits: Var<'t, T>,
    targets: impl Targets<T>,
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
    let cost = targets.costs(logits, label_smoothing)?;
    reduction.apply(OP, cost)
}

const OP: &str = "cross_entropy";

fn invalid(message: String) -> Error {
    Error::invalid(OP, message)
}

fn of_probabilities<'t, T: Float>(logits: Var<'t, T>, q: &Tensor<T>, smoothing: f64) -> Result<Var<'t, T>> {
    let shape = logits.shape();
    if *q.shape() != shape {
        let expected = format!("probabilities of the logits' shape {shape}");
        return Err(Error::Shape { op: OP, expected, got: q.shape().clone() });
    }
    let log_p = logits.try_log_softmax(-1)?;
    let cost = -(log_p * logits.tape().constant(q.clone())).sum(-1);
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
