//! The gradient check: a function's gradients against numerical differentiation, and against the laws that every
//! gradient obeys.

// Everything here is `#[inline]` so that a program that checks nothing does not compile it.

use rand_distr::StandardNormal;

use crate::tape::{Gradients, Tape, Var};
use crate::tensor::{Rng, Tensor, rng};

/// A function of variables to be checked.
type Function<'f> = &'f dyn for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>;

/// Checks the gradients of `f` at `inputs`, of first and second order, with the default settings of [`Gradcheck`].
///
/// # Errors
/// Names the first check that fails, with the input, the position and both values.
///
/// ```
/// use tensor::{Tensor, gradcheck, rng};
/// let x = Tensor::randn([3, 4], &mut rng(0, 0));
/// let w = Tensor::randn([4, 2], &mut rng(1, 0));
/// gradcheck(|v| v[0].matmul(v[1]).tanh(), &[x, w]).unwrap();
/// ```
#[inline]
pub fn gradcheck(
    f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
    inputs: &[Tensor<f64>],
) -> Result<Report, GradcheckError> {
    Gradcheck::default().check(f, inputs)
}

/// A gradient check and its settings.
///
/// At each order it compares the gradient of Σ v·f(x), for a random v, with five-point differences: along every
/// coordinate of a small input, along random directions of a large one. It also checks what needs no differences: a
/// zero incoming gradient gives zero, twice gives the same bits, the gradient is linear in the incoming one, the eager
/// gradient equals the recorded one, and the jvp is adjoint to the vjp, ⟨v, J·u⟩ = ⟨Jᵀ·v, u⟩. The second order is the
/// same check of the recorded gradient.
#[derive(Clone, Debug)]
pub struct Gradcheck {
    /// 1, or 2 to check the gradient's gradient too.
    pub order: usize,
    /// The step of the differences.
    pub step: f64,
    /// The largest difference allowed, relative to the larger of 1 and the values compared.
    pub tolerance: f64,
    /// Inputs of more elements are checked along this many random directions instead.
    pub coordinates: usize,
    /// The seed of v and of the directions.
    pub seed: u64,
}

impl Default for Gradcheck {
    #[inline]
    fn default() -> Gradcheck {
        Gradcheck { order: 2, step: 1e-3, tolerance: 1e-7, coordinates: 64, seed: 0 }
    }
}

/// What a check that passed has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Report {
    /// The largest relative difference between a gradient and its numerical value.
    pub max_error: f64,
    /// How many numerical derivatives were compared.
    pub compared: usize,
}

/// The law that a gradient breaks.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum GradcheckError {
    /// The gradient is not what numerical differentiation gives.
    #[error(
        "order {order}: input {input}, {place}: the gradient is {gradient}, numerical differentiation gives {numeric}"
    )]
    Numeric {
        /// 1 or 2.
        order: usize,
        /// The input's position.
        input: usize,
        /// The coordinate or direction.
        place: String,
        /// The gradient's value.
        gradient: f64,
        /// The numerical value.
        numeric: f64,
    },
    /// The function or a gradient is infinite or NaN.
    #[error("order {order}: {what} is not finite")]
    NotFinite {
        /// 1 or 2.
        order: usize,
        /// What is not finite.
        what: String,
    },
    /// Two readings of the gradient differ, or a law is broken.
    #[error("order {order}: {law}: {left} differs from {right} for input {input}")]
    Law {
        /// 1 or 2.
        order: usize,
        /// The law.
        law: &'static str,
        /// The input's position.
        input: usize,
        /// One side.
        left: f64,
        /// The other side.
        right: f64,
    },
}

/// Rounding allowed where two ways of computing the same must agree.
const ROUNDING: f64 = 1e-12;

impl Gradcheck {
    /// First order only, for functions with kinks or without a second derivative.
    #[inline]
    pub fn first_order() -> Gradcheck {
        Gradcheck { order: 1, ..Gradcheck::default() }
    }

    /// Checks `f` at `inputs`.
    ///
    /// # Errors
    /// Names the first check that fails.
    #[inline]
    pub fn check(
        &self,
        f: impl for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>,
        inputs: &[Tensor<f64>],
    ) -> Result<Report, GradcheckError> {
        let mut report = Report::default();
        let f: Function<'_> = &f;
        let mut rng = rng(self.seed, 0);
        let seed = draw(&evaluate(f, inputs), &mut rng);
        self.check_order(1, f, inputs, &seed, &mut rng, &mut report)?;
        if self.order >= 2 {
            let u: Vec<_> = inputs.iter().map(|x| draw(x, &mut rng)).collect();
            let g: Function<'_> = &fix(|x| slope(f, x, &seed, &u));
            self.check_order(2, g, inputs, &Tensor::from(1.0), &mut rng, &mut report)?;
        }
        Ok(report)
    }

    #[inline]
    fn check_order(
        &self,
        order: usize,
        f: Function<'_>,
        inputs: &[Tensor<f64>],
        seed: &Tensor<f64>,
        rng: &mut Rng,
        report: &mut Report,
    ) -> Result<(), GradcheckError> {
        let grads = gradient(f, inputs, seed);
        finite(order, "the function", &evaluate(f, inputs))?;
        for (i, grad) in grads.iter().enumerate() {
            finite(order, &format!("the gradient of input {i}"), grad)?;
        }
        laws(order, f, inputs, seed, &grads, rng)?;
        for (input, grad) in grads.iter().enumerate() {
            self.compare(order, f, inputs, seed, (input, grad), rng, report)?;
        }
        Ok(())
    }

    /// Compares one input's gradient with differences, coordinate by coordinate or along random directions.
    #[inline]
    #[allow(clippy::too_many_arguments)]
    fn compare(
        &self,
        order: usize,
        f: Function<'_>,
        inputs: &[Tensor<f64>],
        seed: &Tensor<f64>,
        (input, grad): (usize, &Tensor<f64>),
        rng: &mut Rng,
        report: &mut Report,
    ) -> Result<(), GradcheckError> {
        let n = grad.numel();
        for k in 0..n.min(self.coordinates) {
            let (direction, place) = if n <= self.coordinates {
                let mut one = Tensor::zeros(grad.shape());
                one.as_mut_slice()[k] = 1.0;
                (one, format!("element {k}"))
            } else {
                (draw(grad, rng), format!("random direction {k}"))
            };
            let numeric = self.difference(f, inputs, input, &direction, seed);
            let gradient = dot(grad, &direction);
            let error = (gradient - numeric).abs() / gradient.abs().max(numeric.abs()).max(1.0);
            report.max_error = report.max_error.max(error);
            report.compared += 1;
            if error.is_nan() || error > self.tolerance {
                return Err(GradcheckError::Numeric { order, input, place, gradient, numeric });
            }
        }
        Ok(())
    }

    /// d/dt Σ seed·f(x + t·direction) at t = 0, by the five-point stencil, whose error falls with step⁴.
    #[inline]
    fn difference(
        &self,
        f: Function<'_>,
        inputs: &[Tensor<f64>],
        input: usize,
        direction: &Tensor<f64>,
        seed: &Tensor<f64>,
    ) -> f64 {
        let at = |t: f64| {
            let mut moved = inputs.to_vec();
            moved[input] = &inputs[input] + direction * (t * self.step);
            dot(&evaluate(f, &moved), seed)
        };
        (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * self.step)
    }
}

/// Gives a closure the type of a function over any tape.
#[inline]
fn fix<F: for<'t> Fn(&[Var<'t, f64>]) -> Var<'t, f64>>(f: F) -> F {
    f
}

#[inline]
fn draw(shape_of: &Tensor<f64>, rng: &mut Rng) -> Tensor<f64> {
    Tensor::random(shape_of.shape(), StandardNormal, rng)
}

#[inline]
fn dot(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    a.to_vec().iter().zip(b.to_vec()).map(|(a, b)| a * b).sum()
}

#[inline]
fn evaluate(f: Function<'_>, inputs: &[Tensor<f64>]) -> Tensor<f64> {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    f(&x).value()
}

/// The eager gradient of Σ seed·f for each input, zeros where f does not depend on it.
#[inline]
fn gradient(f: Function<'_>, inputs: &[Tensor<f64>], seed: &Tensor<f64>) -> Vec<Tensor<f64>> {
    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let grads = f(&x).vjp_retain(seed.clone());
    x.iter().map(|&x| of(&grads, x)).collect()
}

#[inline]
fn of(grads: &Gradients<f64>, x: Var<'_, f64>) -> Tensor<f64> {
    grads.get(x).cloned().unwrap_or_else(|| Tensor::zeros(x.shape()))
}

/// Σᵢ ⟨uᵢ, ∂(Σ seed·f)/∂xᵢ⟩, recorded.
#[inline]
fn slope<'t>(f: Function<'_>, x: &[Var<'t, f64>], seed: &Tensor<f64>, u: &[Tensor<f64>]) -> Var<'t, f64> {
    let tape = x[0].tape();
    let grads = tape.vjp(f(x), tape.constant(seed.clone()), x);
    let products = grads.iter().zip(u).map(|(&g, u)| (g * tape.constant(u.clone())).sum(..));
    products.reduce(|a, b| a + b).expect("at least one input")
}

/// What needs no differences.
#[inline]
fn laws(
    order: usize,
    f: Function<'_>,
    inputs: &[Tensor<f64>],
    seed: &Tensor<f64>,
    grads: &[Tensor<f64>],
    rng: &mut Rng,
) -> Result<(), GradcheckError> {
    let zero = gradient(f, inputs, &Tensor::zeros(seed.shape()));
    let zeros: Vec<_> = grads.iter().map(|g| Tensor::zeros(g.shape())).collect();
    same(order, "a zero incoming gradient gives zero", &zero, &zeros, 0.0)?;
    same(order, "twice gives the same bits", &gradient(f, inputs, seed), grads, 0.0)?;

    let other = draw(seed, rng);
    let sum = gradient(f, inputs, &(seed * 2.0 + &other));
    let parts = gradient(f, inputs, &other);
    let parts: Vec<_> = grads.iter().zip(&parts).map(|(a, b)| a * 2.0 + b).collect();
    same(order, "linear in the incoming gradient", &sum, &parts, ROUNDING)?;

    let tape = Tape::new();
    let x: Vec<_> = inputs.iter().map(|x| tape.leaf(x.clone())).collect();
    let y = f(&x);
    let v = tape.leaf(seed.clone());
    let recorded = tape.vjp(y, v, &x);
    let values: Vec<_> = recorded.iter().map(Var::value).collect();
    same(order, "eager equals recorded", grads, &values, ROUNDING)?;

    let u: Vec<_> = inputs.iter().map(|x| draw(x, rng)).collect();
    let left: f64 = grads.iter().zip(&u).map(|(g, u)| dot(g, u)).sum();
    let along = recorded.iter().zip(&u).map(|(&g, u)| (g * tape.constant(u.clone())).sum(..));
    let along = along.reduce(|a, b| a + b).expect("at least one input");
    let jvp = tape.grad(along, &[v])[0].value();
    adjoint(order, left, dot(&jvp, seed), grads, &u)
}

/// ⟨Jᵀ·v, u⟩ = ⟨v, J·u⟩, relative to the size of the terms that are summed.
#[inline]
fn adjoint(
    order: usize,
    left: f64,
    right: f64,
    grads: &[Tensor<f64>],
    u: &[Tensor<f64>],
) -> Result<(), GradcheckError> {
    let size: f64 = grads.iter().zip(u).map(|(g, u)| dot(&g.abs(), &u.abs())).sum();
    if (left - right).abs() <= ROUNDING * size.max(1.0) {
        return Ok(());
    }
    Err(GradcheckError::Law { order, law: "jvp is adjoint to vjp", input: 0, left, right })
}

#[inline]
fn finite(order: usize, what: &str, x: &Tensor<f64>) -> Result<(), GradcheckError> {
    match x.to_vec().iter().all(|x| x.is_finite()) {
        true => Ok(()),
        false => Err(GradcheckError::NotFinite { order, what: what.into() }),
    }
}

/// Compares two lists of gradients element by element, relative to the largest element of each.
#[inline]
fn same(
    order: usize,
    law: &'static str,
    left: &[Tensor<f64>],
    right: &[Tensor<f64>],
    tolerance: f64,
) -> Result<(), GradcheckError> {
    for (input, (left, right)) in left.iter().zip(right).enumerate() {
        let size = right.to_vec().iter().fold(1.0f64, |size, x| size.max(x.abs()));
        for (left, right) in left.to_vec().into_iter().zip(right.to_vec()) {
            let error = (left - right).abs();
            if error.is_nan() || error > tolerance * size {
                return Err(GradcheckError::Law { order, law, input, left, right });
            }
        }
    }
    Ok(())
}
