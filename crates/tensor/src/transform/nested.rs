//! Derivatives of closures on a tape. Everything is recorded, so that a derivative can stand inside of a function that is
//! differentiated itself, to any depth.
//!
//! The closure is given variables of its own for `x`: what it captures counts as constant, as in a partial derivative.
//!
//! ```
//! use tensor::{Tape, Tensor, transform::nested};
//! // d/dx [x · d/dy (x·y³)] = d/dx [x²·3y²] = 6x·y²
//! let tape = Tape::new();
//! let (x, y) = (tape.leaf(Tensor::from(2.0f64)), tape.leaf(Tensor::from(5.0)));
//! let outer = nested::grad(|x| x[0] * nested::grad(|y| x[0] * y[0].powi(3), &[y])[0], &[x]);
//! assert_eq!(outer[0].item(), 6.0 * 2.0 * 25.0);
//! ```

use crate::float::Float;
use crate::tape::Var;

/// Variables of the same values, through which gradients flow on, that stand for nothing else.
fn fresh<'t, T: Float>(x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
    let own = |x: &Var<'t, T>| if x.tracked() { x.reshape(x.shape()) } else { x.tape().leaf(x.value()) };
    x.iter().map(own).collect()
}

/// The gradient of the number f(x) towards each of `x`.
///
/// # Panics
/// If f(x) has more than one element, or the tape is one for inference.
#[track_caller]
pub fn grad<'t, T: Float>(f: impl FnOnce(&[Var<'t, T>]) -> Var<'t, T>, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
    value_and_grad(f, x).1
}

/// The number f(x), and its gradient towards each of `x`.
///
/// # Panics
/// As [`grad`].
#[track_caller]
pub fn value_and_grad<'t, T: Float>(
    f: impl FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
    x: &[Var<'t, T>],
) -> (Var<'t, T>, Vec<Var<'t, T>>) {
    let x = fresh(x);
    let y = f(&x);
    (y, y.tape().grad(y, &x))
}

/// f(x), and vᵀ·J towards each of `x`.
///
/// # Panics
/// If `v` has another shape than f(x).
#[track_caller]
pub fn vjp<'t, T: Float>(
    f: impl FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
    x: &[Var<'t, T>],
    v: Var<'t, T>,
) -> (Var<'t, T>, Vec<Var<'t, T>>) {
    let x = fresh(x);
    let y = f(&x);
    (y, y.tape().vjp(y, v, &x))
}

/// f(x), and J·u.
///
/// # Panics
/// If `u` is not of the shapes of `x`.
#[track_caller]
pub fn jvp<'t, T: Float>(
    f: impl FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
    x: &[Var<'t, T>],
    u: &[Var<'t, T>],
) -> (Var<'t, T>, Var<'t, T>) {
    let x = fresh(x);
    let y = f(&x);
    (y, y.tape().jvp(y, &x, u))
}

/// The Jacobian towards each of `x`, of the shape of f(x) followed by that of x.
#[track_caller]
pub fn jacobian<'t, T: Float>(f: impl FnOnce(&[Var<'t, T>]) -> Var<'t, T>, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
    let x = fresh(x);
    let y = f(&x);
    y.tape().jacobian(y, &x)
}

/// The Hessian of the number f(x), block `[a][b]` towards xₐ and x_b.
///
/// # Panics
/// If f(x) has more than one element.
#[track_caller]
pub fn hessian<'t, T: Float>(f: impl FnOnce(&[Var<'t, T>]) -> Var<'t, T>, x: &[Var<'t, T>]) -> Vec<Vec<Var<'t, T>>> {
    let x = fresh(x);
    let y = f(&x);
    y.tape().hessian(y, &x)
}

/// The gradient of the number f(x), and H·v.
///
/// # Panics
/// If f(x) has more than one element, or `v` is not of the shapes of `x`.
#[track_caller]
pub fn hvp<'t, T: Float>(
    f: impl FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
    x: &[Var<'t, T>],
    v: &[Var<'t, T>],
) -> (Vec<Var<'t, T>>, Vec<Var<'t, T>>) {
    let x = fresh(x);
    let y = f(&x);
    y.tape().hvp(y, &x, v)
}
