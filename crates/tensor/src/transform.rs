//! Derivatives of functions: closures over variables, evaluated at tensors.
//!
//! Each function here makes a tape of its own and returns plain tensors. To use a derivative inside of a function that is
//! itself differentiated, take it on the tape, by [`nested`] or by the methods of [`Tape`]: everything there is
//! recorded, so derivatives nest to any depth.
//!
//! ```
//! use tensor::{Tensor, transform};
//! // Rosenbrock's function at its minimum.
//! let at = [Tensor::from(1.0f64), Tensor::from(1.0)];
//! let hessian = transform::hessian(|v| (1.0 - v[0]).square() + 100.0 * (v[1] - v[0].square()).square(), &at);
//! assert_eq!([hessian[0][0].item(), hessian[0][1].item(), hessian[1][1].item()], [802.0, -400.0, 200.0]);
//! ```

pub mod nested;

use crate::error::{Error, unwrap};
use crate::float::Float;
use crate::shape::Shape;
use crate::tape::{Gradients, Tape, Var};
use crate::tensor::Tensor;

fn leaves<'t, T: Float>(tape: &'t Tape<T>, x: &[Tensor<T>]) -> Vec<Var<'t, T>> {
    x.iter().map(|x| tape.leaf(x.clone())).collect()
}

fn values<T: Float>(x: &[Var<'_, T>]) -> Vec<Tensor<T>> {
    x.iter().map(Var::value).collect()
}

fn of<T: Float>(gradients: &Gradients<T>, x: &[Var<'_, T>]) -> Vec<Tensor<T>> {
    x.iter().map(|&x| gradients.get(x).cloned().unwrap_or_else(|| Tensor::zeros(x.shape()))).collect()
}

/// The gradient of the number f(x) towards each of `x`; zeros where f does not depend on it.
///
/// # Panics
/// If f(x) has more than one element.
#[track_caller]
pub fn grad<T: Float>(f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>, x: &[Tensor<T>]) -> Vec<Tensor<T>> {
    value_and_grad(f, x).1
}

/// The number f(x), and its gradient towards each of `x`.
///
/// # Panics
/// If f(x) has more than one element.
#[track_caller]
pub fn value_and_grad<T: Float>(
    f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
    x: &[Tensor<T>],
) -> (T, Vec<Tensor<T>>) {
    let tape = Tape::new();
    let leaves = leaves(&tape, x);
    let y = f(&leaves);
    let gradients = y.backward_retain();
    (y.item(), of(&gradients, &leaves))
}

/// As [`value_and_grad`], of a function that returns something besides its number: predictions, say, or parts of a cost.
///
/// ```
/// use tensor::{Tensor, transform};
/// let x = Tensor::from([1.0f32, 2.0]);
/// let (cost, logits, grads) = transform::value_and_grad_with(
///     |v| {
///         let logits = 2.0 * v[0];
///         (logits.square().sum(..), logits.value())
///     },
///     &[x],
/// );
/// assert_eq!((cost, logits), (20.0, Tensor::from([2.0, 4.0])));
/// assert_eq!(grads[0], Tensor::from([8.0, 16.0]));
/// ```
///
/// # Panics
/// If the number has more than one element.
#[track_caller]
pub fn value_and_grad_with<T: Float, A>(
    f: impl for<'t> FnOnce(&[Var<'t, T>]) -> (Var<'t, T>, A),
    x: &[Tensor<T>],
) -> (T, A, Vec<Tensor<T>>) {
    let tape = Tape::new();
    let leaves = leaves(&tape, x);
    let (y, aux) = f(&leaves);
    let gradients = y.backward_retain();
    (y.item(), aux, of(&gradients, &leaves))
}

/// f(x), and the product vᵀ·J of a vector with f's Jacobian, towards each of `x`; `v` has the shape of f(x).
///
/// # Panics
/// If `v` has another shape.
#[track_caller]
pub fn vjp<T: Float>(
    f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
    x: &[Tensor<T>],
    v: &Tensor<T>,
) -> (Tensor<T>, Vec<Tensor<T>>) {
    let tape = Tape::new();
    let leaves = leaves(&tape, x);
    let y = f(&leaves);
    let gradients = y.vjp_retain(v.clone());
    (y.value(), of(&gradients, &leaves))
}

/// f(x), and the product J·u of f's Jacobian with a vector: the derivative of f along the direction `u`, which has a tensor
/// for each of `x`. See [`Tape::jvp`].
///
/// # Panics
/// If `u` is not of the shapes of `x`.
#[track_caller]
pub fn jvp<T: Float>(
    f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
    x: &[Tensor<T>],
    u: &[Tensor<T>],
) -> (Tensor<T>, Tensor<T>) {
    let tape = Tape::new();
    let leaves = leaves(&tape, x);
    let y = f(&leaves);
    let u: Vec<_> = u.iter().map(|u| tape.constant(u.clone())).collect();
    (y.value(), tape.jvp(y, &leaves, &u).value())
}

/// The Jacobian of f towards each of `x`: element `[i.., j..]` is ∂f(x)ᵢ/∂xⱼ, so its shape is that of f(x) followed by
/// that of x. It takes a backward pass for each element of f(x), or of `x` where these are fewer.
#[track_caller]
pub fn jacobian<T: Float>(f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>, x: &[Tensor<T>]) -> Vec<Tensor<T>> {
    let tape = Tape::new();
    let leaves = leaves(&tape, x);
    let y = f(&leaves);
    if y.numel() > x.iter().map(Tensor::numel).sum() {
        return values(&tape.jacobian(y, &leaves));
    }
    rows(y, &leaves)
}

/// The Jacobian, row by row, by eager passes.
fn rows<T: Float>(y: Var<'_, T>, x: &[Var<'_, T>]) -> Vec<Tensor<T>> {
    let shape = y.shape();
    let rows: Vec<_> = (0..shape.numel()).map(|i| of(&y.vjp_retain(unit(&shape, i)), x)).collect();
    let join = |k: usize| {
        let parts: Vec<_> = rows.iter().map(|row| &row[k]).collect();
        let wide = joined(&shape, &x[k].shape());
        if parts.is_empty() { Tensor::zeros(wide) } else { Tensor::stack(&parts, 0).reshape(wide) }
    };
    (0..x.len()).map(join).collect()
}

/// 1 at a position, counted row-major, and 0 elsewhere.
pub(crate) fn unit<T: Float>(shape: &Shape, position: usize) -> Tensor<T> {
    let mut unit = Tensor::zeros(shape);
    unit.as_mut_slice()[position] = T::ONE;
    unit
}

/// The axes of both shapes.
pub(crate) fn joined(a: &Shape, b: &Shape) -> Shape {
    Shape::from([&a[..], &b[..]].concat())
}

/// The Hessian of the number f(x): block `[a][b]` holds ∂²f/∂xₐ∂x_b, its shape that of xₐ followed by that of x_b.
///
/// # Panics
/// If f(x) has more than one element.
#[track_caller]
pub fn hessian<T: Float>(f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>, x: &[Tensor<T>]) -> Vec<Vec<Tensor<T>>> {
    let tape = Tape::new();
    let leaves = leaves(&tape, x);
    let slopes = tape.grad(f(&leaves), &leaves);
    slopes.into_iter().map(|slope| rows(slope, &leaves)).collect()
}

/// The gradient of the number f(x) and the product H·v of its Hessian with a vector, which has a tensor for each of
/// `x`. It costs two to three gradients, and the Hessian is never formed.
///
/// # Panics
/// If f(x) has more than one element, or `v` is not of the shapes of `x`.
#[track_caller]
pub fn hvp<T: Float>(
    f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
    x: &[Tensor<T>],
    v: &[Tensor<T>],
) -> (Vec<Tensor<T>>, Vec<Tensor<T>>) {
    let tape = Tape::new();
    let leaves = leaves(&tape, x);
    let slopes = tape.grad(f(&leaves), &leaves);
    let v: Vec<_> = v.iter().map(|v| tape.constant(v.clone())).collect();
    let along = inner("hvp", &slopes, &v);
    (values(&slopes), of(&along.backward_retain(), &leaves))
}

/// Σ ⟨aᵢ, bᵢ⟩, for a direction `b` that must have the shapes of `a`.
#[track_caller]
pub(crate) fn inner<'t, T: Float>(op: &'static str, a: &[Var<'t, T>], b: &[Var<'t, T>]) -> Var<'t, T> {
    if a.len() != b.len() || a.is_empty() {
        let message = format!("expected a direction for each of {} inputs, at least one, got {}", a.len(), b.len());
        unwrap(Err(Error::invalid(op, message)))
    }
    for (i, (a, b)) in a.iter().zip(b).enumerate().filter(|(_, (a, b))| a.shape() != b.shape()) {
        let expected = format!("a direction of shape {} for input {i}", a.shape());
        unwrap(Err(Error::Shape { op, expected, got: b.shape() }))
    }
    let products = a.iter().zip(b).map(|(a, b)| (*a * *b).sum(..));
    products.reduce(|a, b| a + b).expect("at least one input")
}
