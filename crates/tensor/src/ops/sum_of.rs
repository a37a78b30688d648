//! The sum of an elementwise rule's results, which is what most costs are.

use super::Op;
use super::elementwise::{Map, evaluated, gradients, slices, written};
use crate::array::Array;
use crate::error::{Result, unwrap};
use crate::float::Float;
use crate::kernel::chain::Pointwise;
use crate::kernel::{map, reduce};
use crate::scalar::Elementwise;
use crate::tape::{Grads, Var, is_large};
use crate::tensor::Tensor;

/// factor·Σ rule(x). The results of the rule are not kept.
struct SumOf<R, const N: usize> {
    rule: R,
    factor: f64,
}

impl<T: Float, R: Elementwise<N>, const N: usize> Op<T> for SumOf<R, N> {
    const NAME: &'static str = R::NAME;

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let x: [&Tensor<T>; N] = x.try_into().expect("as many inputs as the rule has");
        let sum = sum(&evaluated(&Map(self.rule), R::NAME, x)?);
        Ok(Tensor::from(sum * T::from_f64(self.factor)))
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, needs: &[bool]) -> Grads<A> {
        let x: [&A; N] = x.try_into().expect("as many inputs as the rule has");
        A::rule_sum_vjp(self.rule, &g.scale(self.factor), x, needs)
    }
}

fn sum<T: Float>(x: &Tensor<T>) -> T {
    reduce::all(reduce::Sum, x.as_slice().expect("a new array is contiguous"))
}

/// g·∂rule/∂xᵢ, for a number g, of each input that needs it. Compiled for a number of inputs, not for a rule.
pub(crate) fn sum_gradients<T: Float, const N: usize>(
    rule: &dyn Pointwise<T>,
    name: &'static str,
    g: &Tensor<T>,
    x: [&Tensor<T>; N],
    needs: &[bool],
) -> Grads<Tensor<T>> {
    let (Some(number), Some(slices)) = (g.number(), slices(x)) else {
        let y = unwrap(evaluated(rule, name, x));
        return gradients(rule, &g.broadcast_to(y.shape()), x, &y, needs);
    };
    written(x[0], needs, |out| map::sum_vjp(rule, number, slices, out))
}

impl<'t, T: Float> Var<'t, T> {
    /// factor·Σ rule(x), a scalar, with broadcasting; the gradients are g·factor·∂rule/∂xᵢ.
    ///
    /// ```
    /// use tensor::{Elementwise, Scalar, Tensor, Var, gradcheck};
    ///
    /// /// ½(a − y)².
    /// #[derive(Clone, Copy)]
    /// struct HalfSquare;
    ///
    /// impl Elementwise<2> for HalfSquare {
    ///     const NAME: &'static str = "half_square";
    ///     fn eval<A: Scalar>(self, [a, y]: [A; 2]) -> A {
    ///         a.lit(0.5) * (a - y) * (a - y)
    ///     }
    ///     fn partials<A: Scalar>(self, [a, y]: [A; 2], _: A) -> [A; 2] {
    ///         [a - y, y - a]
    ///     }
    /// }
    ///
    /// let inputs = [Tensor::from([1.0, -2.0]), Tensor::from([0.5, 1.0])];
    /// gradcheck(|x| Var::sum_of(HalfSquare, [x[0], x[1]], 0.5), &inputs).unwrap();
    /// ```
    ///
    /// # Panics
    /// If the shapes do not broadcast.
    #[track_caller]
    pub fn sum_of<R: Elementwise<N>, const N: usize>(rule: R, x: [Var<'t, T>; N], factor: f64) -> Var<'t, T> {
        // An array that does not fit into the caches is never written: its op is deferred, and so is its sum.
        if x.iter().any(|x| is_large(x.numel())) {
            let sum = Var::map(rule, x).sum(..);
            return if factor == 1.0 { sum } else { sum.scale(factor) };
        }
        unwrap(Array::try_apply(SumOf { rule, factor }, &x.each_ref()))
    }
}
