//! Costs, each with an explicit reduction.
//!
//! The methods of [`Costs`] take the reduction that a cost is usually written with; the functions take any.

use std::borrow::Cow;

use tensor::{Elementwise, Error, Float, Result, Scalar, Tensor, Var};

/// How the costs of single elements or examples become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduction {
    /// They do not.
    None,
    /// Their sum.
    Sum,
    /// Their mean.
    Mean,
    /// The sum over each example, averaged over the batch (the first axis).
    BatchMean,
}

impl Reduction {
    fn apply<'t, T: Float>(self, op: &'static str, cost: Var<'t, T>) -> Result<Var<'t, T>> {
        let shape = cost.shape();
        if shape.contains(&0) && self != Reduction::None && self != Reduction::Sum {
            return Err(Error::invalid(op, format!("the batch is empty: the costs have shape {shape}")));
        }
        Ok(match self {
            Reduction::None => cost,
            Reduction::Sum => cost.sum(..),
            Reduction::Mean => cost.mean(..),
            Reduction::BatchMean => cost.sum(..) / T::from_f64(shape.first().map_or(1, |&n| n) as f64),
        })
    }
}

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

/// ½(a − y)².
#[derive(Clone, Copy)]
struct HalfSquare;

impl Elementwise<2> for HalfSquare {
    const NAME: &'static str = "quadratic";

    #[inline(always)]
    fn eval<A: Scalar>(self, [a, y]: [A; 2]) -> A {
        let error = a - y;
        a.lit(0.5) * error * error
    }

    #[inline(always)]
    fn partials<A: Scalar>(self, [a, y]: [A; 2], _: A) -> [A; 2] {
        [a - y, y - a]
    }
}

/// (a − y)².
#[derive(Clone, Copy)]
struct SquaredError;

impl Elementwise<2> for SquaredError {
    const NAME: &'static str = "mse";

    #[inline(always)]
    fn eval<A: Scalar>(self, [a, y]: [A; 2]) -> A {
        let error = a - y;
        error * error
    }

    #[inline(always)]
    fn partials<A: Scalar>(self, [a, y]: [A; 2], _: A) -> [A; 2] {
        let slope = a.lit(2.0) * (a - y);
        [slope, -slope]
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

fn elementwise<'t, T: Float, R: Elementwise<2>>(
    rule: R,
    output: Var<'t, T>,
    target: Var<'t, T>,
    reduction: Reduction,
) -> Result<Var<'t, T>> {
    let (got, expected) = (target.shape(), output.shape());
    if got != expected {
        let expected = format!("a target of the output's shape {expected}");
        return Err(Error::Shape { op: R::NAME, expected, got });
    }
    reduction.apply(R::NAME, Var::map(rule, [output, target]))
}

/// Nielsen's quadratic cost, ½(a − y)² for each output; with [`Reduction::BatchMean`] it is his C = 1/(2n) Σ‖a − y‖².
/// The gradient towards a is a − y.
///
/// # Errors
/// If the shapes differ, or a mean is asked of an empty batch.
pub fn quadratic<'t, T: Float>(a: Var<'t, T>, y: Var<'t, T>, reduction: Reduction) -> Result<Var<'t, T>> {
    elementwise(HalfSquare, a, y, reduction)
}

/// The squared error (a − y)²; the gradient towards a is 2(a − y).
///
/// # Errors
/// If the shapes differ, or a mean is asked of an empty batch.
pub fn mse<'t, T: Float>(a: Var<'t, T>, y: Var<'t, T>, reduction: Reduction) -> Result<Var<'t, T>> {
    elementwise(SquaredError, a, y, reduction)
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

/// The costs as methods of a variable, reduced as they are usually written.
pub trait Costs<'t, T: Float> {
    /// Nielsen's quadratic cost 1/(2n) Σ‖a − y‖²: summed over the outputs, averaged over the batch.
    ///
    /// # Panics
    /// If the shapes differ or the batch is empty.
    #[track_caller]
    fn quadratic_cost(self, y: impl Into<Tensor<T>>) -> Var<'t, T>;

    /// The mean squared error, over all elements.
    ///
    /// # Panics
    /// If the shapes differ or there are no elements.
    #[track_caller]
    fn mse(self, y: impl Into<Tensor<T>>) -> Var<'t, T>;

    /// Softmax cross-entropy of these logits and the targets, averaged over the batch.
    ///
    /// # Panics
    /// If the shapes do not fit, a label is out of range or the batch is empty.
    #[track_caller]
    fn cross_entropy<'a>(self, targets: impl Into<Targets<'a, T>>) -> Var<'t, T>;

    /// Binary cross-entropy of these logits and the targets: summed over the outputs, averaged over the batch.
    ///
    /// # Panics
    /// If the shapes differ or the batch is empty.
    #[track_caller]
    fn bce_with_logits(self, y: impl Into<Tensor<T>>) -> Var<'t, T>;
}

impl<'t, T: Float> Costs<'t, T> for Var<'t, T> {
    fn quadratic_cost(self, y: impl Into<Tensor<T>>) -> Var<'t, T> {
        expect(quadratic(self, self.tape().constant(y), Reduction::BatchMean))
    }

    fn mse(self, y: impl Into<Tensor<T>>) -> Var<'t, T> {
        expect(mse(self, self.tape().constant(y), Reduction::Mean))
    }

    fn cross_entropy<'a>(self, targets: impl Into<Targets<'a, T>>) -> Var<'t, T> {
        expect(cross_entropy(self, targets, 0.0, Reduction::Mean))
    }

    fn bce_with_logits(self, y: impl Into<Tensor<T>>) -> Var<'t, T> {
        expect(bce_with_logits(self, self.tape().constant(y), Reduction::BatchMean))
    }
}

#[track_caller]
fn expect<V>(result: Result<V>) -> V {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}
