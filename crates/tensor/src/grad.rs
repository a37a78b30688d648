//! Gradients that are recorded, and so can be differentiated again.

use crate::array::Array;
use crate::error::{Error, unwrap};
use crate::float::Float;
use crate::shape::Shape;
use crate::tape::{Tape, Var};
use crate::tensor::Tensor;
use crate::transform::{inner, joined, unit};

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

    /// J·u, the derivative of `y` along the direction `u`, which has a variable for each of `x`; of the shape of `y`,
    /// recorded.
    ///
    /// It is made of two passes backward: vᵀ·J is linear in v, and its gradient towards v, along u, is J·u. So whatever has
    /// a gradient has this too.
    ///
    /// # Panics
    /// If `u` is not of the shapes of `x`, one of `x` is a constant, or they are on another tape.
    #[track_caller]
    pub fn jvp<'t>(&'t self, y: Var<'t, T>, x: &[Var<'t, T>], u: &[Var<'t, T>]) -> Var<'t, T> {
        // The values of v do not matter, but a gradient of 0 would be passed on by selection.
        let v = self.leaf(Tensor::ones(y.shape()));
        let pulled = self.vjp(y, v, x);
        self.grad(inner("jvp", &pulled, u), &[v])[0]
    }

    /// The gradient of the number `y`, and the product H·v of its Hessian with a vector, which has a variable for each of
    /// `x`; both recorded.
    ///
    /// # Panics
    /// If `y` has more than one element, `v` is not of the shapes of `x`, or one of `x` is a constant.
    #[track_caller]
    pub fn hvp<'t>(&'t self, y: Var<'t, T>, x: &[Var<'t, T>], v: &[Var<'t, T>]) -> (Vec<Var<'t, T>>, Vec<Var<'t, T>>) {
        let slopes = self.grad(y, x);
        let products = self.grad(inner("hvp", &slopes, v), x);
        (slopes, products)
    }

    /// The Jacobian of `y` towards each of `x`, recorded: element `[i.., j..]` is ∂yᵢ/∂xⱼ, so its shape is that of `y`
    /// followed by that of x. It takes a pass for each element of `y`, or for each of `x` where these are fewer.
    ///
    /// # Panics
    /// If one of `x` is a constant, or they are on another tape.
    #[track_caller]
    pub fn jacobian<'t>(&'t self, y: Var<'t, T>, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        if y.numel() <= x.iter().map(Var::numel).sum() { self.jacobian_rows(y, x) } else { self.jacobian_columns(y, x) }
    }

    #[track_caller]
    fn jacobian_rows<'t>(&'t self, y: Var<'t, T>, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        let shape = y.shape();
        let row = |i| self.vjp(y, self.constant(unit(&shape, i)), x);
        let rows: Vec<_> = (0..shape.numel()).map(row).collect();
        let join = |k: usize| {
            let parts: Vec<_> = rows.iter().map(|row| row[k]).collect();
            self.stacked(&parts, 0, joined(&shape, &x[k].shape()))
        };
        (0..x.len()).map(join).collect()
    }

    #[track_caller]
    fn jacobian_columns<'t>(&'t self, y: Var<'t, T>, x: &[Var<'t, T>]) -> Vec<Var<'t, T>> {
        let v = self.leaf(Tensor::ones(y.shape()));
        let pulled = self.vjp(y, v, x);
        let column = |pulled: Var<'t, T>, j| {
            let along = (pulled * self.constant(unit(&pulled.shape(), j))).sum(..);
            self.grad(along, &[v])[0]
        };
        let join = |pulled: Var<'t, T>| {
            let parts: Vec<_> = (0..pulled.numel()).map(|j| column(pulled, j)).collect();
            self.stacked(&parts, -1, joined(&y.shape(), &pulled.shape()))
        };
        pulled.into_iter().map(join).collect()
    }

    /// Parts along a new axis, in a shape; zeros where there are none.
    #[track_caller]
    fn stacked<'t>(&'t self, parts: &[Var<'t, T>], axis: isize, shape: Shape) -> Var<'t, T> {
        if parts.is_empty() {
            return self.constant(Tensor::zeros(shape));
        }
        Var::stack(parts, axis).reshape(shape)
    }

    /// The Hessian of the number `y`, recorded: block `[a][b]` holds ∂²y/∂xₐ∂x_b, its shape that of xₐ followed by that of
    /// x_b.
    ///
    /// # Panics
    /// If `y` has more than one element, one of `x` is a constant, or they are on another tape.
    #[track_caller]
    pub fn hessian<'t>(&'t self, y: Var<'t, T>, x: &[Var<'t, T>]) -> Vec<Vec<Var<'t, T>>> {
        self.grad(y, x).into_iter().map(|slope| self.jacobian_rows(slope, x)).collect()
    }
}
