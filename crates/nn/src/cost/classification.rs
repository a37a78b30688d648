//! Costs of classifiers.

use std::borrow::Cow;

use tensor::{Elementwise, Error, Float, Result, Scalar, Tensor, Var};

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
