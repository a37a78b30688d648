//! Costs of numbers that should have been others.

use tensor::{Elementwise, Float, Result, Scalar, Var};

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
