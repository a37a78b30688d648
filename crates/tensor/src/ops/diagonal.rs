//! Diagonals, and the triangles above and below them.

use super::{Op, methods, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Error, Result, unwrap};
use crate::float::{Element, Float};
use crate::kernel::copy;
use crate::layout::Layout;
use crate::scalar::rules::Select;
use crate::shape::Shape;
use crate::tape::Grads;
use crate::tensor::Tensor;

/// The elements whose positions on two axes are equal, along a new last axis.
pub(crate) struct Diagonal {
    pub(crate) axes: [usize; 2],
}

impl<T: Float> Op<T> for Diagonal {
    const NAME: &'static str = "diagonal";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok(x[0].with_layout(x[0].layout().diagonal(self.axes)))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axes", self.axes.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.embed_diagonal(&x[0].shape(), self.axes))
    }
}

/// An array as a diagonal of zeros: the adjoint of [`Diagonal`].
pub(crate) struct EmbedDiagonal {
    pub(crate) shape: Shape,
    pub(crate) axes: [usize; 2],
}

impl<T: Float> Op<T> for EmbedDiagonal {
    const NAME: &'static str = "embed_diagonal";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        let target = Layout::contiguous(self.shape.clone()).diagonal(self.axes);
        let x = x[0].try_broadcast_to(&target.shape)?.contiguous();
        let values = x.as_slice().expect("contiguous");
        Ok(Tensor::build(&self.shape, |out| {
            out.fill(T::ZERO);
            copy::scatter_to(values, out, target.offset, &target.shape, &target.strides);
        }))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("shape", (&self.shape).into()), ("axes", self.axes.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], _y: &A, _needs: &[bool]) -> Grads<A> {
        one(g.diagonal(self.axes))
    }
}

/// A matrix of `inside` up to the column that is the row plus `k`, and `outside` beyond.
pub(super) fn triangle<E: Element>([m, n]: [usize; 2], k: isize, inside: E, outside: E) -> Tensor<E> {
    Tensor::build([m, n], |out| copy::fill_triangle(out, n, k, inside, outside))
}

/// The elements of matrices up to the column that is the row plus `k` (or those beyond), and 0 elsewhere, by selection.
#[track_caller]
pub(super) fn kept<T: Float, A: Array<T>>(op: &'static str, x: &A, k: isize, below: bool) -> Result<A> {
    let shape = x.shape();
    let &[.., m, n] = &shape[..] else {
        return Err(Error::Shape { op, expected: "matrices".into(), got: shape });
    };
    let (inside, outside) = if below { (T::ONE, T::ZERO) } else { (T::ZERO, T::ONE) };
    let (mask, zero) = (x.constant(triangle([m, n], k, inside, outside)), x.constant(Tensor::from(T::ZERO)));
    Ok(A::rule(Select, [&mask, x, &zero]))
}

methods! {
    /// The elements whose positions on the axes `a` and `b` are equal. The two axes are dropped, and the diagonal becomes
    /// the last one, as long as the shorter of them. The gradient goes to these elements.
    ///
    /// # Panics
    /// If an axis is out of range, or both are the same.
    ///
    /// ```
    /// # use tensor::Tensor;
    /// let x = Tensor::from([[1.0f32, 2.0, 3.0], [4.0, 5.0, 6.0]]);
    /// assert_eq!(x.diagonal(0, 1), Tensor::from([1.0, 5.0]));
    /// ```
    #[track_caller]
    pub fn diagonal(&self, a: isize, b: isize) -> Self {
        unwrap(self.try_diagonal(a, b))
    }

    /// [`diagonal`](Self::diagonal), returning the error.
    #[track_caller]
    pub fn try_diagonal(&self, a: isize, b: isize) -> Result<Self> {
        let shape = Array::shape(self);
        let axes = [shape.axis("diagonal", a)?, shape.axis("diagonal", b)?];
        if axes[0] == axes[1] {
            return Err(Error::invalid("diagonal", format!("axis {b} of shape {shape} is named twice")));
        }
        Array::try_apply(Diagonal { axes }, &[self])
    }

    /// The lower triangle of the matrices of `[.., m, n]`: elements whose column is at most their row plus `k`, and 0
    /// elsewhere, whatever stood there. The gradient is g there and 0 elsewhere.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn tril(&self, k: isize) -> Self {
        unwrap(self.try_tril(k))
    }

    /// [`tril`](Self::tril), returning the error.
    #[track_caller]
    pub fn try_tril(&self, k: isize) -> Result<Self> {
        kept("tril", self, k, true)
    }

    /// The upper triangle of the matrices of `[.., m, n]`: elements whose column is at least their row plus `k`, and 0
    /// elsewhere, whatever stood there. The gradient is g there and 0 elsewhere.
    ///
    /// # Panics
    /// If there are fewer than two axes.
    #[track_caller]
    pub fn triu(&self, k: isize) -> Self {
        unwrap(self.try_triu(k))
    }

    /// [`triu`](Self::triu), returning the error.
    #[track_caller]
    pub fn try_triu(&self, k: isize) -> Result<Self> {
        kept("triu", self, k.saturating_sub(1), false)
    }
}
