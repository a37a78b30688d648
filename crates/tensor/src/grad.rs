//! Gradients that are recorded, and so can be differentiated again.

use crate::array::Array;
use crate::error::{Error, unwrap};
use crate::float::Float;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;

impl<T: Float> Tape<T> {
    /// The gradient of the number `y` towards each of `x`, as variables on the tape; zeros where `y` does not depend
    /// on it. `x` may be leaves, parameters or results of ops.
    ///
    /// # Panics
    /// If `y` has more than one element, or one of `x` is a constant, which no gradient reaches, or they are on another
    /// tape.
    ///
    /// ```
    /// use tensor::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::from([1.0f64, 2.0]));
    /// let dx = tape.grad(x.powi(3).sum(..), &[x])[0];
    /// let ddx = tape.grad(dx.sum(..), &[x])[0];
    /// assert_eq!((dx.value(), ddx.value()), (Tensor::from([3.0, 12.0]), Tensor::from([6.0, 12.0])));
    /// ```
    #[track_caller]
    pub fn grad<'t>(&'t self, y: Var<'t, T>, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        y.expect_scalar("grad");
        self.vjp(y, self.constant(Tensor::ones(y.shape())), x)
    }

    /// The gradient of Σ seed·y towards each of `x`, recorded; `seed` has the shape of `y`.
    ///
    /// # Panics
    /// If `seed` has another shape, one of `x` is a constant, or they are on another tape.
    #[track_caller]
    pub fn vjp<'t>(&'t self, y: Var<'t, T>, seed: Var<'t, T>, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        if seed.shape() != y.shape() {
            let expected = format!("an incoming gradient of shape {}", y.shape());
            unwrap(Err(Error::Shape { op: "vjp", expected, got: seed.shape() }))
        }
        let foreign = |v: &Var<'t, T>| !std::ptr::eq(v.tape(), self);
        if foreign(&y) || foreign(&seed) || x.iter().any(foreign) {
            unwrap(Err(Error::invalid("grad", "variables are on another tape; expected all on this one")))
        }
        if let Some(at) = x.iter().position(|x| !x.tracked()) {
            let message = format!("variable {at} is a constant, which no gradient reaches; make it a `leaf`");
            unwrap(Err(Error::invalid("grad", message)))
        }
        let wanted = y.dependents(x);
        let mut grads: Vec<Option<Var<'t, T>>> = vec![None; wanted.len()];
        grads[y.id() as usize] = Some(seed);
        let mut found = vec![None; x.len()];
        for id in (0..wanted.len()).rev().filter(|&id| wanted[id]) {
            let Some(g) = grads[id].take() else { continue };
            for (found, _) in found.iter_mut().zip(x).filter(|(_, x)| x.id() as usize == id) {
                *found = Some(g);
            }
            for (input, grad) in y.at(id).recorded_vjp(g, &wanted).into_iter().flatten() {
                let grad = grad.sum_to(&Array::shape(&input));
                let sum = &mut grads[input.id() as usize];
                *sum = Some(sum.map_or(grad, |sum| Array::add(&sum, &grad)));
            }
        }
        let zeros = |x: &Var<'t, T>| self.constant(Tensor::zeros(x.shape()));
        found.iter().zip(x).map(|(grad, x)| grad.unwrap_or_else(|| zeros(x))).collect()
    }
}
