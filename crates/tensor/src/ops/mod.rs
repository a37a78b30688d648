//! The ops: one file a family, where an op's value and its gradient stand side by side.

pub mod arrange;
mod attention;
pub mod batch_norm;
mod conv;
mod convolve;
pub mod cross_entropy;
pub mod custom;
pub mod diagonal;
mod einsum;
pub mod elementwise;
mod equation;
pub mod index;
pub mod join;
pub mod linalg;
pub mod matmul;
pub mod norm;
mod operators;
pub mod pool;
pub mod reduce;
pub mod scan;
pub mod softmax;
pub mod sort;
pub mod sum_of;
pub mod view;
pub mod window;

use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::Result;
use crate::float::Float;
use crate::kernel::chain::{Fill, Pointwise};
use crate::shape::Shape;
use crate::tape::{Adjoints, Grads, Recorded, Var};
use crate::tensor::Tensor;

/// A differentiable function of tensors.
///
/// The gradient is written once, over the vocabulary of [`Array`], and read twice: with tensors it computes, with
/// variables it records itself and can be differentiated again.
///
/// ```
/// use tensor::{Array, Grads, Op, Result, Tensor, Var};
///
/// /// The outer product of two vectors.
/// struct Outer;
///
/// impl Op<f64> for Outer {
///     const NAME: &'static str = "outer";
///     fn forward(&self, x: &[&Tensor<f64>]) -> Result<Tensor<f64>> {
///         Ok(x[0].unsqueeze(1).matmul(x[1].unsqueeze(0)))
///     }
///     fn vjp<A: Array<f64>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
///         [Some(g.mul(x[1]).sum_axis(1)), Some(g.mul(&x[0].unsqueeze(1)).sum_axis(0))].into_iter().collect()
///     }
/// }
///
/// let inputs = [Tensor::from([1.0, 2.0]), Tensor::from([3.0, 4.0, 5.0])];
/// tensor::gradcheck(|x| Var::apply(Outer, &[x[0], x[1]]), &inputs).unwrap();
/// ```
pub trait Op<T: Float>: 'static {
    /// The name in errors and listings.
    const NAME: &'static str;

    /// y = f(x).
    ///
    /// # Errors
    /// If the shapes do not fit.
    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>>;

    /// The gradient of Σ g·y towards each input; `None` where it is zero, or where `needs` says that it is not used.
    ///
    /// A gradient may have a shape that its input broadcasts to: whoever calls sums it to the input's own.
    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], y: &A, needs: &[bool]) -> Grads<A>;

    /// How many floating-point operations `forward` takes, for [`Tape::profile`](crate::Tape::profile). By default one for
    /// each element of the largest array involved.
    fn flops(&self, x: &[&Tensor<T>], y: &Tensor<T>) -> u64 {
        largest(x, y)
    }

    /// What the op was built with, for programs that read a tape with [`Tape::steps`](crate::Tape::steps) and write it down
    /// in another language. By default `None`: the op does not say, and its name alone is no description. An op that says is
    /// taken for the one that is known by its name, so one of your own needs a name of its own.
    fn attributes(&self) -> Option<Attributes> {
        None
    }

    /// How the op orders the axes of its input, if that is all it does.
    #[doc(hidden)]
    fn permutation(&self) -> Option<&[isize]> {
        None
    }

    /// Whether the examples of a batch, along the first axis, are not independent of each other.
    #[doc(hidden)]
    fn mixes_examples(&self) -> bool {
        false
    }

    /// The gradient of input `i` as a sum over rows, where it is one.
    #[doc(hidden)]
    fn sum_of_rows(&self, _g: &Tensor<T>, _x: &[&Tensor<T>], _i: usize) -> Option<SumOfRows<T>> {
        None
    }

    /// The elementwise rule that the op is, for the tape to evaluate together with its neighbours.
    #[doc(hidden)]
    fn pointwise(&self) -> Option<&dyn Pointwise<T>> {
        None
    }

    /// What the op makes of the sum of all elements of its input, if it needs no more of it, forward or backward, than
    /// that and the shape.
    #[doc(hidden)]
    fn of_sum(&self, _shape: &Shape) -> Option<OfSum> {
        None
    }

    /// Whether the op can take its gradient by parts, so that these need not go through memory.
    #[doc(hidden)]
    fn takes_parts(&self, _y: &Tensor<T>) -> bool {
        false
    }

    /// As [`backward`](Op::backward) with an incoming gradient that lies in `g` once every part of it has been passed
    /// to `fill`. Only an op that [`takes_parts`](Op::takes_parts) is asked.
    #[doc(hidden)]
    fn backward_by_parts(
        &self,
        _g: Tensor<T>,
        _fill: &Fill<'_, T>,
        _x: &[&Tensor<T>],
        _y: &Tensor<T>,
        _into: &mut Adjoints<'_, T>,
    ) {
        unreachable!("{} takes its gradient as a whole", Self::NAME)
    }

    /// The gradient, computed now. Only an op that can accumulate in place overrides it; it must then equal
    /// [`vjp`](Op::vjp).
    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        #[cfg(feature = "mutation")]
        if crate::mutation::aims_at(Self::NAME) {
            let grads = crate::mutation::eager(self, g, x, y, into.needs());
            return into.add_all(grads);
        }
        let grads = self.vjp(g, x, y, into.needs());
        assert_eq!(grads.len(), x.len(), "{}: `vjp` must give one gradient, or `None`, for each input", Self::NAME);
        into.add_all(grads);
    }
}

impl<T: Float, O: Op<T>> Recorded<T> for O {
    fn name(&self) -> &'static str {
        O::NAME
    }

    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        #[cfg(feature = "mutation")]
        return crate::mutation::running(O::NAME, || Op::backward(self, g, x, y, into));
        #[cfg(not(feature = "mutation"))]
        Op::backward(self, g, x, y, into);
    }

    fn vjp<'t>(&self, g: Var<'t, T>, x: &[&Var<'t, T>], y: &Var<'t, T>, needs: &[bool]) -> Grads<Var<'t, T>> {
        #[cfg(feature = "mutation")]
        if crate::mutation::aims_at(O::NAME) {
            return crate::mutation::recorded(self, g, x, y, needs);
        }
        Op::vjp(self, g, x, y, needs)
    }

    fn takes_parts(&self, y: &Tensor<T>) -> bool {
        Op::takes_parts(self, y)
    }

    fn backward_by_parts(
        &self,
        g: Tensor<T>,
        fill: &Fill<'_, T>,
        x: &[&Tensor<T>],
        y: &Tensor<T>,
        into: &mut Adjoints<'_, T>,
    ) {
        Op::backward_by_parts(self, g, fill, x, y, into);
    }

    fn attributes(&self) -> Option<Attributes> {
        Op::attributes(self)
    }

    fn permutation(&self) -> Option<&[isize]> {
        Op::permutation(self)
    }

    fn mixes_examples(&self) -> bool {
        Op::mixes_examples(self)
    }

    fn sum_of_rows(&self, g: &Tensor<T>, x: &[&Tensor<T>], i: usize) -> Option<SumOfRows<T>> {
        Op::sum_of_rows(self, g, x, i)
    }

    fn flops(&self, x: &[&Tensor<T>], y: &Tensor<T>) -> u64 {
        Op::flops(self, x, y)
    }

    fn pointwise(&self) -> Option<&dyn Pointwise<T>> {
        #[cfg(feature = "mutation")]
        if crate::mutation::aims_at(O::NAME) {
            return None;
        }
        Op::pointwise(self)
    }

    fn of_sum(&self, shape: &Shape) -> Option<OfSum> {
        Op::of_sum(self, shape)
    }

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Op::forward(self, x)
    }
}

/// A gradient Σ leftᵢ ⊗ rightᵢ over the rows of two matrices, or Σ leftᵢ over those of one.
#[doc(hidden)]
pub type SumOfRows<T> = (Tensor<T>, Option<Tensor<T>>);

/// A number that is worked out of a sum: its shape, and what the sum is multiplied with.
#[doc(hidden)]
pub struct OfSum {
    pub(crate) shape: Shape,
    pub(crate) factor: f64,
}

/// The methods of an op, on [`Tensor`], where they compute, and on [`Var`], where they record.
macro_rules! methods {
    ($($method:tt)*) => {
        impl<T: crate::float::Float> crate::tensor::Tensor<T> {
            $($method)*
        }
        impl<T: crate::float::Float> crate::tape::Var<'_, T> {
            $($method)*
        }
    };
}
use methods;

/// The elements of the largest array. Not inlined into every op.
#[inline(never)]
fn largest<T: Float>(x: &[&Tensor<T>], y: &Tensor<T>) -> u64 {
    x.iter().map(|x| x.numel()).max().unwrap_or(0).max(y.numel()) as u64
}

/// The gradients of an op with one input.
fn one<A>(grad: A) -> Grads<A> {
    Grads::from_buf_and_len([Some(grad), None, None], 1)
}
