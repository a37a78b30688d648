//! Softmax and log-softmax along an axis, in one pass over each row.

use super::{Op, methods, one};
use crate::array::Array;
use crate::attribute::Attributes;
use crate::error::{Result, unwrap};
use crate::float::Float;
use crate::kernel::chain::Fill;
use crate::kernel::rows;
use crate::tape::{Adjoints, Grads};
use crate::tensor::Tensor;

/// A kernel over the rows of contiguous data.
type RowKernel<T> = fn(x: &[T], out: &mut [T], n: usize);

/// A kernel over the rows of an incoming gradient, which it has filled and then replaces, and an output.
type RowVjp<T> = fn(g: &mut [T], fill: &Fill<'_, T>, y: &[T], n: usize);

/// Applies a kernel along `axis`, which is made the last one for it.
fn along<T: Float>(x: &Tensor<T>, axis: usize, kernel: RowKernel<T>) -> Tensor<T> {
    let last = x.transpose(axis as isize, -1).contiguous();
    let n = x.shape()[axis];
    let y = Tensor::build(last.shape(), |out| kernel(last.as_slice().expect("contiguous"), out, n));
    y.transpose(axis as isize, -1)
}

/// The gradient takes the place of the incoming one, unless that is shared.
fn along_vjp<T: Float>(g: Tensor<T>, fill: &Fill<'_, T>, y: &Tensor<T>, axis: usize, kernel: RowVjp<T>) -> Tensor<T> {
    let axis = axis as isize;
    let mut last = g.transpose(axis, -1);
    drop(g);
    let y = y.transpose(axis, -1).contiguous();
    kernel(last.as_mut_slice(), fill, y.as_slice().expect("contiguous"), y.shape()[y.rank() - 1]);
    last.transpose(axis, -1)
}

/// Whether the elements along an axis, and the rows that they are, lie one after the other.
fn is_row<T: Float>(y: &Tensor<T>, axis: usize) -> bool {
    axis + 1 == y.rank() && y.as_slice().is_some()
}

pub(super) struct Softmax {
    pub(super) axis: usize,
}

impl<T: Float> Op<T> for Softmax {
    const NAME: &'static str = "softmax";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok(along(x[0], self.axis, rows::softmax))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axis", self.axis.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], y: &A, _needs: &[bool]) -> Grads<A> {
        let dot = g.mul(y).sum_axis_keepdim(self.axis);
        one(y.mul(&g.sub(&dot)))
    }

    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        self.backward_by_parts(g, &|_, _| (), x, y, into);
    }

    fn takes_parts(&self, y: &Tensor<T>) -> bool {
        is_row(y, self.axis)
    }

    fn backward_by_parts(
        &self,
        g: Tensor<T>,
        fill: &Fill<'_, T>,
        _x: &[&Tensor<T>],
        y: &Tensor<T>,
        into: &mut Adjoints<'_, T>,
    ) {
        into.add(0, along_vjp(g, fill, y, self.axis, rows::softmax_vjp));
    }
}

struct LogSoftmax {
    axis: usize,
}

impl<T: Float> Op<T> for LogSoftmax {
    const NAME: &'static str = "log_softmax";

    fn forward(&self, x: &[&Tensor<T>]) -> Result<Tensor<T>> {
        Ok(along(x[0], self.axis, rows::log_softmax))
    }

    fn attributes(&self) -> Option<Attributes> {
        Some(vec![("axis", self.axis.into())])
    }

    fn vjp<A: Array<T>>(&self, g: A, _x: &[&A], y: &A, _needs: &[bool]) -> Grads<A> {
        let sum = g.sum_axis_keepdim(self.axis);
        one(g.sub(&y.exp().mul(&sum)))
    }

    fn backward(&self, g: Tensor<T>, x: &[&Tensor<T>], y: &Tensor<T>, into: &mut Adjoints<'_, T>) {
        self.backward_by_parts(g, &|_, _| (), x, y, into);
    }

    fn takes_parts(&self, y: &Tensor<T>) -> bool {
        is_row(y, self.axis)
    }

    fn backward_by_parts(
        &self,
        g: Tensor<T>,
        fill: &Fill<'_, T>,
        _x: &[&Tensor<T>],
        y: &Tensor<T>,
        into: &mut Adjoints<'_, T>,
    ) {
        into.add(0, along_vjp(g, fill, y, self.axis, rows::log_softmax_vjp));
    }
}

methods! {
    /// yᵢ = e^xᵢ / Σⱼ e^xⱼ along `axis`; the gradient is y·(g − Σ g·y).
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn softmax(&self, axis: isize) -> Self {
        unwrap(self.try_softmax(axis))
    }

    /// [`softmax`](Self::softmax), returning the error.
    #[track_caller]
    pub fn try_softmax(&self, axis: isize) -> Result<Self> {
        Array::try_apply(Softmax { axis: Array::shape(self).axis("softmax", axis)? }, &[self])
    }

    /// yᵢ = xᵢ − ln Σⱼ e^xⱼ along `axis`; the gradient is g − eʸ·Σ g.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn log_softmax(&self, axis: isize) -> Self {
        unwrap(self.try_log_softmax(axis))
    }

    /// [`log_softmax`](Self::log_softmax), returning the error.
    #[track_caller]
    pub fn try_log_softmax(&self, axis: isize) -> Result<Self> {
        Array::try_apply(LogSoftmax { axis: Array::shape(self).axis("log_softmax", axis)? }, &[self])
    }
}
