//! A function and its gradient as two closures, and hooks on a gradient's way.

use std::array;

use super::{Op, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Result, unwrap};
use crate::float::Float;
use crate::tape::{Grads, Var};
use crate::tensor::Tensor;

/// A function of `N` tensors, and its gradient as a function of variables.
struct Custom<F, G, const N: usize> {
    forward: F,
    gradient: G,
}

impl<T: Float, F, G, const N: usize> Op<T> for Custom<F, G, N>
where
    F: Fn([&Tensor<T>; N]) -> Tensor<T> + 'static,
    G: for<'t> Fn(Var<'t, T>, [Var<'t, T>; N], Var<'t, T>) -> [Var<'t, T>; N] + 'static,
{
    const NAME: &'static str = "custom";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok((self.forward)(x.try_into().expect("as many inputs as were recorded")))
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], y: &A, _needs: &[bool]) -> Grads<A> {
        let mut inputs = x.to_vec();
        inputs.extend([&g, y]);
        A::with_vars(&inputs, &|v| {
            let x = array::from_fn(|i| v[i]);
            (self.gradient)(v[N], x, v[N + 1]).into_iter().map(Some).collect()
        })
    }
}

/// The identity, whose gradient passes through a function; as a value it is described by its name.
struct MapGradient<F>(F);

impl<T: Float, F> Op<T> for MapGradient<F>
where
    F: for<'t> Fn(Var<'t, T>) -> Var<'t, T> + 'static,
{
    const NAME: &'static str = "map_gradient";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok(x[0].clone())
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        A::with_vars(&[&g], &|v| one(self.0(v[0])))
    }

    fn flops(&self, _x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        0
    }
}

/// The identity, whose gradient is shown to a function; as a value it is described by its name.
struct InspectGradient<F>(F);

impl<T: Float, F: Fn(&Tensor<T>) + 'static> Op<T> for InspectGradient<F> {
    const NAME: &'static str = "inspect_gradient";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok(x[0].clone())
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        (self.0)(&g.value());
        one(g)
    }

    fn flops(&self, _x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        0
    }
}

/// The identity, whose gradient is multiplied with a number.
struct ScaleGradient {
    factor: f64,
}

impl<T: Float> Op<T> for ScaleGradient {
    const NAME: &'static str = "scale_gradient";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok(x[0].clone())
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("factor", self.factor.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.scale(self.factor))
    }

    fn flops(&self, _x: &[&Tensor<T>], _y: &Tensor<T>) -> u64 {
        0
    }
}

impl<'t, T: Float> Var<'t, T> {
    /// A function of your own, by two closures: `forward` computes y from the inputs' values, and `gradient` is given the
    /// incoming gradient g, the inputs and y, and returns the gradient for each input, of its shape or of one that it
    /// broadcasts to. As the gradient is written with variables, it can be differentiated again.
    ///
    /// A function that is used in more than one place is better made an [`Op`] or an
    /// [`Elementwise`](crate::Elementwise) rule.
    ///
    /// ```
    /// use tensor::{Tensor, Var, gradcheck};
    /// // A cube root, whose gradient is g/(3y²).
    /// fn cbrt(x: Var<'_, f64>) -> Var<'_, f64> {
    ///     Var::custom([x], |[x]| x.map_elements(f64::cbrt), |g, _, y| [g / (3.0 * y.square())])
    /// }
    /// gradcheck(|x| cbrt(x[0]), &[Tensor::from([1.0, -8.0, 0.5])]).unwrap();
    /// ```
    ///
    /// # Panics
    /// If `N` is 0, or the inputs are on different tapes.
    #[track_caller]
    pub fn custom<const N: usize>(
        x: [Var<'t, T>; N],
        forward: impl Fn([&Tensor<T>; N]) -> Tensor<T> + 'static,
        gradient: impl for<'v> Fn(Var<'v, T>, [Var<'v, T>; N], Var<'v, T>) -> [Var<'v, T>; N] + 'static,
    ) -> Var<'t, T> {
        unwrap(Array::try_apply(Custom { forward, gradient }, &x.each_ref()[..]))
    }

    /// The same value; the gradient g becomes `f(g)` on its way back. As `f` is written with variables, a recorded gradient
    /// can be differentiated again.
    ///
    /// ```
    /// use tensor::{Tape, Tensor};
    /// let tape = Tape::new();
    /// let x = tape.leaf(Tensor::from([3.0f32, -4.0]));
    /// let y = x.map_gradient(|g| g.clamp(-5.0, 5.0)).square().sum(..);
    /// assert_eq!(y.backward().wrt(x), &Tensor::from([5.0, -5.0]));
    /// ```
    #[track_caller]
    pub fn map_gradient(self, f: impl for<'v> Fn(Var<'v, T>) -> Var<'v, T> + 'static) -> Var<'t, T> {
        unwrap(Array::try_apply(MapGradient(f), &[&self]))
    }

    /// The same value; `look` is shown the whole gradient that comes back to it, in every backward pass that does.
    ///
    /// ```
    /// use std::cell::Cell;
    /// use std::rc::Rc;
    /// use tensor::{Tape, Tensor};
    /// let seen = Rc::new(Cell::new(0.0));
    /// let norm = seen.clone();
    /// let tape = Tape::new();
    /// let h = tape.leaf(Tensor::from([3.0f32, 4.0])).inspect_gradient(move |g| norm.set(g.norm(..).item()));
    /// (0.5 * h.square()).sum(..).backward();
    /// assert_eq!(seen.get(), 5.0);
    /// ```
    #[track_caller]
    pub fn inspect_gradient(self, look: impl Fn(&Tensor<T>) + 'static) -> Var<'t, T> {
        unwrap(Array::try_apply(InspectGradient(look), &[&self]))
    }

    /// The same value; the gradient is `factor`·g.
    #[track_caller]
    pub fn scale_gradient(self, factor: f64) -> Var<'t, T> {
        unwrap(Array::try_apply(ScaleGradient { factor }, &[&self]))
    }

    /// The same value; the gradient is −g, so that what lies before is trained against what lies after (Ganin and
    /// Lempitsky, 2015).
    #[track_caller]
    pub fn reverse_gradient(self) -> Var<'t, T> {
        self.scale_gradient(-1.0)
    }
}
