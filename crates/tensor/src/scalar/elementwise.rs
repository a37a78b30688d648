//! Rules for single numbers: written once, read in every world.

use super::Scalar;
use super::dual::Dual;
use crate::attribute::Attributes;

/// A function of `N` numbers that is applied element by element, with NumPy's broadcasting.
///
/// Only [`eval`](Elementwise::eval) is needed; the derivative then comes from dual numbers, of every order. Its methods are
/// what loops over vectors are made of: `#[inline(always)]` sees to it that a long formula is not called for each element,
/// which would take some thirty times as long.
///
/// ```
/// use tensor::{Elementwise, Scalar, Tape, Tensor};
///
/// /// tanh(x·w + b)², in one pass over memory.
/// #[derive(Clone, Copy)]
/// struct Cell;
///
/// impl Elementwise<3> for Cell {
///     const NAME: &'static str = "cell";
///     #[inline(always)]
///     fn eval<A: Scalar>(self, [x, w, b]: [A; 3]) -> A {
///         let t = (x * w + b).tanh();
///         t * t
///     }
/// }
///
/// let tape = Tape::new();
/// let [x, w, b] = [[0.5f32, -1.0], [2.0, 2.0], [0.1, 0.1]].map(|v| tape.leaf(Tensor::from(v)));
/// let y = tensor::Var::map(Cell, [x, w, b]).sum(..);
/// assert_eq!(y.backward().wrt(w).shape(), &tensor::Shape::from([2]));
/// ```
pub trait Elementwise<const N: usize>: Copy + Send + Sync + 'static {
    /// The name in errors and listings.
    const NAME: &'static str;

    /// y = f(x).
    fn eval<A: Scalar>(self, x: [A; N]) -> A;

    /// What the rule was built with, as [`Op::attributes`](crate::Op::attributes): by default it does not say.
    fn attributes(self) -> Option<Attributes> {
        None
    }

    /// ∂y/∂xᵢ, in terms of the inputs and the output; by default from dual numbers.
    #[inline(always)]
    fn partials<A: Scalar>(self, x: [A; N], _y: A) -> [A; N] {
        Dual::partials(self, x)
    }

    /// g·∂y/∂xᵢ for an incoming gradient `g`; by default from the partials, and 0 where `g` is 0.
    ///
    /// A rule that picks one of its inputs overrides it to pass `g` on by selection, so that an infinite gradient
    /// is not multiplied with 0.
    #[inline(always)]
    fn vjp<A: Scalar>(self, g: A, x: [A; N], y: A) -> [A; N] {
        let mut grads = self.partials(x, y);
        for d in &mut grads {
            *d = g.chain(*d);
        }
        grads
    }
}
