//! Costs of numbers that should have been others.

use tensor::{Elementwise, Error, Float, Result, Scalar, Var};

use super::{Reduction, elementwise};

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

/// |a − y|.
#[derive(Clone, Copy)]
struct AbsoluteError;

impl Elementwise<2> for AbsoluteError {
    const NAME: &'static str = "l1";

    #[inline(always)]
    fn eval<A: Scalar>(self, [a, y]: [A; 2]) -> A {
        (a - y).abs()
    }
}

/// Quadratic in errors up to the bound, with slopes up to `steepest`, and linear beyond.
#[inline(always)]
fn bounded<A: Scalar>(error: A, bound: f64, steepest: f64) -> A {
    let size = error.abs();
    let (near, far) =
        (size.lit(0.5 * steepest / bound) * size * size, size.lit(steepest) * (size - size.lit(0.5 * bound)));
    A::select(size.le(size.lit(bound)), near, far)
}

/// The slope of [`bounded`].
#[inline(always)]
fn bounded_slope<A: Scalar>(error: A, bound: f64, steepest: f64) -> A {
    let (low, high) = (error.lit(-bound), error.lit(bound));
    let slope = error.lit(steepest / bound) * error;
    A::select(error.lt(low), error.lit(-steepest), A::select(high.lt(error), error.lit(steepest), slope))
}

/// ½(a − y)² where |a − y| ≤ δ, else δ·(|a − y| − ½δ).
#[derive(Clone, Copy)]
struct Huber {
    delta: f64,
}

impl Elementwise<2> for Huber {
    const NAME: &'static str = "huber";

    #[inline(always)]
    fn eval<A: Scalar>(self, [a, y]: [A; 2]) -> A {
        bounded(a - y, self.delta, self.delta)
    }

    #[inline(always)]
    fn partials<A: Scalar>(self, [a, y]: [A; 2], _: A) -> [A; 2] {
        let slope = bounded_slope(a - y, self.delta, self.delta);
        [slope, -slope]
    }
}

/// ½(a − y)²/β where |a − y| ≤ β, else |a − y| − ½β.
#[derive(Clone, Copy)]
struct SmoothAbsoluteError {
    beta: f64,
}

impl Elementwise<2> for SmoothAbsoluteError {
    const NAME: &'static str = "smooth_l1";

    #[inline(always)]
    fn eval<A: Scalar>(self, [a, y]: [A; 2]) -> A {
        bounded(a - y, self.beta, 1.0)
    }

    #[inline(always)]
    fn partials<A: Scalar>(self, [a, y]: [A; 2], _: A) -> [A; 2] {
        let slope = bounded_slope(a - y, self.beta, 1.0);
        [slope, -slope]
    }
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

/// The absolute error |a − y|; the gradient towards a is the sign of a − y, 0 where they are equal.
///
/// # Errors
/// If the shapes differ, or a mean is asked of an empty batch.
pub fn l1<'t, T: Float>(a: Var<'t, T>, y: Var<'t, T>, reduction: Reduction) -> Result<Var<'t, T>> {
    elementwise(AbsoluteError, a, y, reduction)
}

/// Huber's cost: ½(a − y)² where |a − y| ≤ δ, else δ·(|a − y| − ½δ), which far-off targets pull no harder. The gradient
/// towards a is a − y, held between −δ and δ.
///
/// # Errors
/// If δ is not more than 0, the shapes differ, or a mean is asked of an empty batch.
pub fn huber<'t, T: Float>(a: Var<'t, T>, y: Var<'t, T>, delta: f64, reduction: Reduction) -> Result<Var<'t, T>> {
    if delta.is_nan() || delta <= 0.0 {
        return Err(Error::invalid("huber", format!("delta {delta}, expected δ > 0")));
    }
    elementwise(Huber { delta }, a, y, reduction)
}

/// The absolute error with its kink rounded off: ½(a − y)²/β where |a − y| ≤ β, else |a − y| − ½β, which is Huber's cost
/// with δ = β, divided by β. The gradient towards a is (a − y)/β, held between −1 and 1. With β = 0 it is [`l1`].
///
/// # Errors
/// If β is less than 0, the shapes differ, or a mean is asked of an empty batch.
pub fn smooth_l1<'t, T: Float>(a: Var<'t, T>, y: Var<'t, T>, beta: f64, reduction: Reduction) -> Result<Var<'t, T>> {
    if beta.is_nan() || beta < 0.0 {
        return Err(Error::invalid("smooth_l1", format!("beta {beta}, expected β ≥ 0")));
    }
    if beta == 0.0 {
        return elementwise(AbsoluteError, a, y, reduction);
    }
    elementwise(SmoothAbsoluteError { beta }, a, y, reduction)
}
